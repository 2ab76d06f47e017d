"""The guide's walkthrough, word by word: from an empty home and a CSV of reviews to a trained classifier."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.simulator.child import SimulatorChild, start_child
from tui import guide
from tui.cli import main

VERDICTS = {"1": "negative", "2": "negative", "3": "neutral", "4": "positive", "5": "positive"}


@pytest.fixture
def simulator(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatorChild]:
    """The files of the page in an empty folder, and a server that knows the reviews' verdicts by their stars."""
    for name, text in re.findall(
        r"<!-- file: (\S+) -->\n\n```\w+\n(.*?)^```", guide.page("walkthrough"), re.MULTILINE | re.DOTALL
    ):
        (tmp_path / name).write_text(text, "utf-8")
    with (tmp_path / "reviews.csv").open() as source, (tmp_path / "replay.csv").open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(("text", "label"))
        writer.writerows((row["review"], VERDICTS[row["stars"]]) for row in csv.DictReader(source))
    monkeypatch.chdir(tmp_path)
    replay = ("--labels", "positive,neutral,negative", "--replay", str(tmp_path / "replay.csv"))
    with start_child(["--latency", "0", "--keys", "1", *replay]) as child:
        monkeypatch.setenv("GROQ_BASE_URL", child.base_url)
        (tmp_path / "key.txt").write_text(child.keys[0] + "\n")
        yield child


def test_ten_commands_lead_from_reviews_to_a_classifier(
    simulator: SimulatorChild, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command of the page succeeds, all reviews are labeled, and the program at its end trains on them."""
    commands = re.findall(r"^```sh\n(.*?)\n```", guide.page("walkthrough"), re.MULTILINE | re.DOTALL)
    assert len(commands) == 12
    *ours, last = (shlex.split(command) for command in commands[:10])
    for command in ours:
        assert main(command[1:]) == 0, (command, capsys.readouterr())
    assert "30 of them with a label" in capsys.readouterr().out
    with (tmp_path / "labeled.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(row["label"] == VERDICTS[row["stars"]] for row in rows)
    assert {row["split"] for row in rows} == {"train", "test"}
    trained = 0
    if importlib.util.find_spec("sklearn"):
        said = run_in_shell(shlex.join(last))
        assert re.fullmatch(r"trained on \d+ reviews;\n\d of \d others .*\n(positive|neutral|negative)\n", said)
        trained += 1
    if importlib.util.find_spec("spacy"):
        export, train = commands[10:]
        assert main(shlex.split(export)[1:]) == 0
        run_in_shell(train)
        spacy = importlib.import_module("spacy")
        found = spacy.load(tmp_path / "model" / "model-best")("The lid broke, I am disappointed.").cats
        assert set(found) == {"positive", "neutral", "negative"}
        trained += 1
    if not trained:
        pytest.skip("neither scikit-learn nor spaCy is installed: all but the last command were run")


def run_in_shell(command: str) -> str:
    """Run a command of the page as it stands there, ``python`` being this one; returns what it printed."""
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'python() {{ "{sys.executable}" "$@"; }}\n{command}'],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return ran.stdout
