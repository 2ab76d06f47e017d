"""``--dry-run``: what a command would change is told, and nothing is changed."""

from __future__ import annotations

import argparse
import contextlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.storage.file.lock import RunLock
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.programs.guide import leaves
from tests.storage.test_store import failed, labeled
from tui.cli import main
from tui.grammar import DRY_RUNS, parser

DRAFT = """
name = "mail"
rubric = "Work is 1."
[[labels]]
value = "1"
name = "work"
[[labels]]
value = "0"
name = "personal"
"""
RUN = [
    (["add", "{run}", "later.csv"], "2 texts would be added"),
    (["retry", "{run}"], "1 failed text requeued"),
    (["rejudge", "{run}"], "no answer of 1 failed text is a label"),
    (["label", "{run}", "mail-1", "0"], "mail-1"),
    (["note", "{run}", "mail-1", "look"], "note by"),
    (["skip", "{run}", "mail-3"], "1 text skipped"),
    (["undo", "{run}"], "nothing was changed"),
    (["gold", "{run}", "gold.csv"], "gold"),
    (["review", "{run}", "--annotator", "ada", "--import", "batch.csv"], "1 text reviewed"),
    (["quality", "{run}", "--goal", "2"], "sample"),
    (["task", "show", "{run}", "--set", "draft.toml"], "version"),
    (["task", "show", "{run}", "--ask-again"], "older version"),
    (["export", "{run}", "out.csv", "--where", "state:failed"], "1 row"),
    (["copy", "{run}", "again"], "again: 3 texts of small, 3 distinct, none labeled"),
    (["archive", "{run}"], "small would be archived"),
    (["budget", "{run}", "--tokens", "5000"], "may spend: 5,000 tokens"),
    (["lane", "{run}", "batch", "--size", "50"], "50 questions a batch"),
    (["check", "{run}", "--repair"], "sound"),
    (["delete", "{run}"], "small.db"),
    (["keys", "add", "main", "--file", "key.txt"], "would be added"),
    (["keys", "remove", "spare"], "would be removed"),
    (["keys", "disable", "spare"], "spare is disabled"),
    (["keys", "enable", "spare"], "spare is enabled"),
    (["keys", "pin", "spare"], "spare is used first"),
    (["keys", "unpin"], "No key is pinned"),
    (["keys", "group", "spare", "acme"], "spare is shown under acme"),
    (["keys", "limits", "acme", "--rpm", "30"], "acme, openai/gpt-oss-20b: RPM 30"),
    (["keys", "limits", "acme", "--plan", "own"], "no limits, for every model"),
    (["keys", "unbench", "acme"], "acme"),
]
READING = frozenset({
    "plan", "status", "watch", "skipped", "task check", "compare", "keys list", "keys history", "keys test", "notify",
    "completions", "skill", "guide", "info",
})  # fmt: skip
"""Commands that change nothing."""
WORKING = frozenset({"demo", "open", "work", "start", "pause", "resume", "swap", "stop", "simulate", "serve"})
"""Commands that start a worker, a console or a server, or tell a worker what to do: another word takes them back."""
WRITING = frozenset({"backup", "report"})
"""Commands that only write a file that is not there yet."""


@pytest.fixture
def run(make_run: MakeRun, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of three texts, one labeled and one failed, a key, and the files that commands name."""
    path = make_run(["a picnic", "the budget", "the budget again"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([labeled(1), failed(2)], now=NOW)
    (tmp_path / "later.csv").write_text("id,text\nmail-1,a picnic\nn1,new\nn2,newer\n")
    (tmp_path / "gold.csv").write_text("id,label\nmail-1,1\n")
    (tmp_path / "batch.csv").write_text("id,subject,text,label,note\nmail-1,s,a picnic,1,\n")
    (tmp_path / "draft.toml").write_text(DRAFT)
    (tmp_path / "key.txt").write_text("gsk_" + "a" * 40)
    (tmp_path / "spare.txt").write_text("gsk_" + "b" * 40)
    monkeypatch.chdir(tmp_path)
    assert main(["keys", "add", "spare", "--file", "spare.txt"]) == 0
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below, but for the quota database, which reading touches, and what SQLite keeps beside a file."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {
        str(file): file.read_bytes()
        for file in files
        if not file.name.startswith("quota.db") and file.suffix not in (".db-wal", ".db-shm", ".lock")
    }


def stated(home: Path) -> list[str]:
    """What the quota database holds of keys, limits and waits."""
    with contextlib.closing(sqlite3.connect(home / "quota.db")) as db:
        return list(db.iterdump())


def test_a_dry_run_tells_what_would_change_and_changes_nothing(
    run: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of every command that takes it, as a person and as a program reads it; also read-only."""
    main(["keys", "group", "spare", "acme"])
    main(["keys", "list"])
    before, quotas = contents(tmp_path), stated(home)
    capsys.readouterr()
    for words, told in RUN:
        command = [word.replace("{run}", str(run)) for word in words]
        assert main(["--read-only", *command, "--dry-run", "--json"]) == 0, (words, capsys.readouterr())
        answer = json.loads(capsys.readouterr().out)
        assert answer["dry_run"] is True
        assert told in "\n".join(answer["lines"]), (words, answer)
        assert contents(tmp_path) == before, words
        assert stated(home) == quotas, words


@pytest.mark.parametrize("words", [words for words, _ in RUN if words[0] in ("copy", "archive", "budget", "lane")])
def test_a_dry_run_says_what_the_command_says_and_then_does(
    run: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same summary, but for what to do next; then it happens."""
    command, told = [word.replace("{run}", str(run)) for word in words], []
    capsys.readouterr()
    for more in (["--dry-run"], []):
        assert main([*command, *more]) == 0
        told.append(capsys.readouterr().out)
    summary = told[0].splitlines()[0].removeprefix("dry run: ").replace("would be archived", "is archived").rstrip(".")
    assert summary in told[1]
    assert "Nothing was changed" in told[0]
    assert "Nothing was changed" not in told[1]


def test_a_dry_run_of_archiving_refuses_what_archiving_refuses(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that a worker has, that is archived already, or whose name is taken there; and it takes no lock."""
    with RunLock(run):
        assert main(["archive", str(run), "--dry-run"]) == 4
    assert main(["archive", str(run)]) == 0
    capsys.readouterr()
    archived = run.parent / "archive" / run.name
    for words in (["archive", str(archived)], ["archive", str(run)], ["archive", str(archived), "--back"]):
        said = []
        for more in (["--dry-run"], []):
            code = main([*words, *more])
            said.append((code, capsys.readouterr().err))
        assert said[0] == said[1] or said[0][0] == said[1][0] == 0, words
    assert run.exists()


def test_a_dry_run_of_a_repair_counts_what_is_wrong(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And leaves it."""
    with contextlib.closing(sqlite3.connect(run)) as db, db:
        db.execute("UPDATE total SET value = value + 1 WHERE name = 'state:labeled'")
    assert main(["check", str(run), "--repair", "--dry-run"]) == 1
    assert "1 number would be put right" in capsys.readouterr().out
    assert main(["check", str(run), "--repair"]) == 0


@pytest.mark.parametrize(
    ("target", "more", "told"),
    [
        ("{run}", ["--layout", "csv"], "is the run itself"),
        ("folder", ["--layout", "huggingface"], "is there already"),
        ("folder", ["--layout", "csv"], "is there already"),
        ("folder.csv", [], "is a folder"),
        ("other.sqlite", [], "is a database that labeltui did not export"),
        ("-", ["--layout", "argilla"], "cannot go to standard output"),
    ],
    ids=["the run", "layout folder", "folder of splits", "folder", "database", "stream"],
)
def test_a_dry_run_of_an_export_refuses_what_the_export_refuses(
    run: Path, capsys: pytest.CaptureFixture[str], target: str, more: list[str], told: str
) -> None:
    """The run itself, what is there already, and a folder to standard output: with the same sentence, nothing written."""
    for folder in ("folder", "folder.csv"):
        Path(folder).mkdir()
    Path("folder", "file").touch()
    with contextlib.closing(sqlite3.connect("other.sqlite")) as db:
        db.execute("CREATE TABLE dear(x)")
    before, said = run.read_bytes(), []
    for end in ([], ["--dry-run"]):
        assert main(["export", str(run), target.replace("{run}", str(run)), *more, *end]) == 1
        said.append(capsys.readouterr().err)
    assert said[0] == said[1]
    assert told in " ".join(said[0].split())
    assert run.read_bytes() == before


def test_every_dry_run_is_tried_here() -> None:
    """And no other command has the option, but those that have more to say of it."""

    def name_of(words: Sequence[str]) -> str:
        return " ".join(words[:2] if words[0] in ("keys", "task") else words[:1])

    commands: list[tuple[str, argparse.ArgumentParser]] = [
        (" ".join(words.split()[1:]), command) for words, command, _ in leaves(parser())
    ]
    with_it = {name for name, command in commands if "--dry-run" in command._option_string_actions}
    assert with_it == {*DRY_RUNS, "new", "task init"}
    assert {name for name, _ in commands} == with_it | READING | WORKING | WRITING, "say which kind a new command is"
    assert {name_of(words) for words, _ in RUN} == set(DRY_RUNS)


def test_a_dry_run_of_what_only_makes_a_file_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written and nothing is asked meanwhile."""
    for words in (["task", "show", str(run), "--write", "t.toml"], ["review", str(run), "--export", "b.csv"]):
        assert main([*words, "--dry-run"]) == 1
        assert "--dry-run goes with" in capsys.readouterr().err
    assert not Path("t.toml").exists()
    assert not Path("b.csv").exists()
