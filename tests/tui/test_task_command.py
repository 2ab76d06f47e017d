"""``labeltui task``: what is active, a new version, asking again, the messages; and what is refused."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.llm.task import builtin_task, load_task, task_to_toml, versioned
from core.model import LabelMeaning
from core.runs import find as runs
from core.runs.find import RunOptions
from core.settings import Settings
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.store import Store
from tests.storage.test_store import labeled
from tui.cli import main


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> Path:
    """A run of three emails, the first of which the built-in task labeled 1."""
    source = tmp_path / "mail.csv"
    source.write_text("id,message\n" + "".join(f'm{n},"Subject: s{n}\n\nbody {n}"\n' for n in range(3)))
    options = RunOptions(name="mail", order="source")
    path = runs.create_run(settings, source, builtin_task(), options, now=time.time()).path
    with RunLock(path) as lock, Store.open(path, lock) as store:
        answer = labeled(1)
        store.commit([replace(answer, attempt=replace(answer.attempt, task_version=store.task_version))], now=1.0)
    return path


def written(folder: Path, **change: object) -> Path:
    task = versioned(replace(builtin_task(), **change))  # type: ignore[arg-type]
    path = folder / "task.toml"
    path.write_text(task_to_toml(task))
    return path


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["task", "mail", "--json", *arguments]) == 0
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def test_a_task_file_begins_as_a_template_and_is_checked(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``init`` writes it once, with another noun and labels where asked; ``check`` says what it asks or what is wrong."""
    path = tmp_path / "mine.toml"
    own = ("--item", "story", "--label", "good = Good: well told", "--label", "bad")
    assert main(["task", "init", str(path), "--template", "sentiment", *own, "--dry-run"]) == 0
    assert not path.exists()
    assert main(["task", "init", str(path), "--template", "sentiment", *own]) == 0
    assert load_task(path).labels == (LabelMeaning("good", "Good", "well told"), LabelMeaning("bad", "bad"))
    assert main(["task", "init", str(path)]) == 1
    assert "exists" in capsys.readouterr().err
    assert main(["task", "check", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["task"]["item"] == "story"
    assert main(["task", str(path)]) == 0
    assert "beside the story" in capsys.readouterr().out
    path.write_text('rubric = "r"\nlabels = 3\n')
    assert main(["task", "check", str(path)]) == 1
    assert f"{path}, line 2: labels must be a list of tables" in capsys.readouterr().err


def test_what_is_in_force_is_shown_for_people_and_programs(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Settings, labels, the rubric, and each version with what it labeled."""
    assert main(["task", "mail"]) == 0
    out = capsys.readouterr().out
    for telling in ("openai/gpt-oss-20b", "from, to, subject, date, body", "personal", "1 label (work 100 %)"):
        assert telling in out
    told = shown(capsys)
    assert told["version"] == builtin_task().version
    versions = told["versions"]
    assert isinstance(versions, list)
    assert (versions[0]["labels"], versions[0]["in_force"]) == ({"1": 1}, True)


def test_a_new_version_takes_effect_and_what_it_did_not_label_can_be_asked_again(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two separate steps: the first touches no label, the second requeues emails."""
    file = written(tmp_path, rubric="Say 1.")
    assert main(["task", "mail", "--set", str(file)]) == 0
    assert "2 pending will be labeled with it; labels given before stay" in capsys.readouterr().out
    assert shown(capsys)["older_labels"] == {"1": 1}
    assert main(["task", "mail", "--ask-again", "0"]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert main(["task", "mail", "--ask-again"]) == 0
    assert "1 text requeued" in capsys.readouterr().out
    with RunReader(run) as reader:
        assert reader.count("pending") == 3
        assert [label.value for label in reader.record(1).labels] == ["1"]
    assert main(["check", "mail"]) == 0


def test_what_is_written_can_be_edited_and_set(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It reads back equal; a file that is there is not overwritten; setting it unchanged is refused."""
    target = tmp_path / "out.toml"
    assert main(["task", "mail", "--write", str(target)]) == 0
    assert load_task(target) == builtin_task()
    assert main(["task", "mail", "--write", str(target)]) == 1
    assert "nothing is overwritten" in capsys.readouterr().err
    assert main(["task", "mail", "--set", str(target)]) == 1
    assert "the active task of mail already" in capsys.readouterr().err


def test_the_exact_messages_of_an_email(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the model would see, system message first; an id that is not there is said."""
    told = shown(capsys, "--messages", "m1")
    messages = told["messages"]
    assert isinstance(messages, list)
    assert [each["role"] for each in messages] == ["system", "user"]
    assert messages[1]["content"] == "<email>\nSubject: s1\n\nbody 1\n</email>"
    assert main(["task", "mail", "--messages", "m1"]) == 0
    assert "body 1" in capsys.readouterr().out
    assert main(["task", "mail", "--messages", "gone"]) == 2


def test_an_invalid_file_changes_nothing_and_says_where(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence names the file and the key."""
    broken = tmp_path / "broken.toml"
    for text, why in (("rubric = ", "not valid TOML"), ('rubric = "x"\nlabels = []', "0 entries")):
        broken.write_text(text)
        assert main(["task", "mail", "--set", str(broken)]) == 1
        assert why in capsys.readouterr().err
    assert main(["task", "mail", "--set", str(tmp_path / "none.toml")]) == 1
    assert "no such task file" in capsys.readouterr().err


def test_foreign_text_of_a_task_is_inert(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rubric with terminal commands in it shows them as glyphs."""
    labels = (LabelMeaning("1", "wo\x1b[31mrk", "\x9b2J"), LabelMeaning("0", "personal"))
    assert main(["task", "mail", "--set", str(written(tmp_path, rubric="a\x1b]0;x\x07b", labels=labels))]) == 0
    assert main(["task", "mail"]) == 0
    out = capsys.readouterr().out
    assert not set("\x1b\x07\x9b") & set(out)
    assert "a␛]0;x␇b" in out
