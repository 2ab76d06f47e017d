"""The list of runs and what a person does to it: copies, the archive, deletion; each whole, or not at all."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import RunBusyError, RunNotFoundError, UsageError
from core.llm.task import builtin_task
from core.model import RunState, RunSummary
from core.runs import archive
from core.runs import archive as removal
from core.runs import copy as copies
from core.runs import find as runs
from core.runs.find import RunOptions
from core.runs.listing import RunList, summarize
from core.settings import Settings
from core.storage.file.control import post
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.check import check_run
from core.storage.writing.store import Answer, Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import labeled
from tui.cli import main

ROWS = 'id,message\n7,"Subject: lunch\n\nNoon?"\n8,"Subject: gas\n\nNominate."\n9,"Subject: lunch\n\nNoon?"\n'


@pytest.fixture
def mail(settings: Settings, tmp_path: Path) -> Path:
    """A run of three emails in its usual place, whose source is gone."""
    source = tmp_path / "mail.csv"
    source.write_text(ROWS, "utf-8")
    options = RunOptions(name="mail", base_url="http://localhost:1/v1")
    path = runs.create_run(settings, source, builtin_task(), options, now=NOW).path
    source.unlink()
    return path


def _answered(store: Store) -> Answer:
    answer = labeled(1)
    return replace(answer, attempt=replace(answer.attempt, task_version=store.task_version))


def label_one(path: Path) -> None:
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.commit([_answered(store)], now=NOW)


def names(settings: Settings) -> list[str]:
    return [summary.name for summary in RunList(settings).read(NOW) if not summary.archived]


# -- copies --


def test_a_copy_has_the_emails_in_the_same_order_and_no_label(mail: Path, settings: Settings) -> None:
    """It is made from the run file alone, with the same task, server and order."""
    label_one(mail)
    heard: list[int] = []
    made = copies.copy_emails(mail, "again", task=None, model=None, now=NOW, progress=heard.append)
    assert (made.taken, made.distinct, heard) == (3, 2, [3])
    with RunReader(mail) as one, RunReader(made.path) as other:
        before, after = one.snapshot(NOW), other.snapshot(NOW)
        assert (after.labeled, after.pending, after.state) == (0, 3, RunState.NEW)
        assert after.run.task == before.run.task
        assert after.run.base_url == before.run.base_url
        assert [row.source_id for row in other.emails()] == [row.source_id for row in one.emails()]
        assert other.record(1).raw == one.record(1).raw
        assert other.record(1).text == one.record(1).text
    assert check_run(made.path).sound


def test_a_copy_may_ask_another_model(mail: Path) -> None:
    """The task then has a version of its own."""
    path = copies.copy_emails(mail, "other", task=None, model="llama-3.1-8b-instant", now=NOW).path
    with RunReader(path) as reader:
        task = reader.task()
    assert task.model.model == "llama-3.1-8b-instant"
    assert task.version != builtin_task().version


def test_a_copy_takes_no_name_that_is_there(mail: Path) -> None:
    """Nothing is overwritten, and an unfit name is refused with the reason."""
    with pytest.raises(UsageError, match="There is a run mail already"):
        copies.copy_emails(mail, "mail", task=None, model=None, now=NOW)
    with pytest.raises(UsageError, match="cannot be a run's name"):
        copies.copy_emails(mail, "../x", task=None, model=None, now=NOW)


def test_a_copy_that_breaks_off_leaves_nothing(mail: Path) -> None:
    """No half run is ever in the list."""

    def break_off(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copies.copy_emails(mail, "half", task=None, model=None, now=NOW, progress=break_off)
    assert [path.name for path in mail.parent.iterdir() if "half" in path.name] == []


# -- the archive --


def test_an_archived_run_is_out_of_the_list_and_comes_back_whole(mail: Path, settings: Settings) -> None:
    """Its companions go with it, also under the eyes of a reader, and nothing is left behind."""
    label_one(mail)
    post(mail, "pause", now=NOW, by="ada")
    mail.with_name("mail.log").write_text("began", "utf-8")
    with RunReader(mail) as watching:
        watching.snapshot(NOW)
        away = archive.archive(mail)
        assert names(settings) == []
        assert [(s.name, s.archived) for s in RunList(settings).read(NOW)] == [("mail", True)]
        with pytest.raises(RunNotFoundError, match="moved away"):
            watching.snapshot(NOW)
    assert sorted(path.name for path in mail.parent.iterdir()) == ["archive"]
    assert away.with_name("mail.log").read_text("utf-8") == "began"
    with pytest.raises(RunNotFoundError, match="archive mail --back"):
        runs.find_run(settings, "mail")
    back = archive.bring_back(away)
    assert back == mail
    assert names(settings) == ["mail"]
    assert [path.name for path in away.parent.iterdir()] == []
    assert check_run(back).sound


def test_labels_that_are_only_in_the_log_go_along(mail: Path) -> None:
    """A run whose last worker was killed has labels in SQLite's log alone: they are folded in before it moves."""
    context = multiprocessing.get_context("spawn")
    killed = context.Process(target=_label_and_die, args=(mail,))
    killed.start()
    killed.join(20)
    assert mail.with_name("mail.db-wal").stat().st_size > 0
    with RunReader(archive.archive(mail)) as reader:
        assert reader.snapshot(NOW).labeled == 2


def _label_and_die(path: Path) -> None:

    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.commit([_answered(store)], now=NOW)
        os._exit(9)


def test_a_run_at_work_stays_where_it_is(mail: Path, settings: Settings) -> None:
    """Whoever holds the lock keeps the run: neither the archive nor deletion takes it away."""
    with RunLock(mail):
        with pytest.raises(RunBusyError):
            archive.archive(mail)
        with pytest.raises(RunBusyError):
            removal.delete(mail, "mail")
    assert names(settings) == ["mail"]


def test_the_archive_holds_one_run_of_a_name(mail: Path, settings: Settings) -> None:
    """A second one of that name is refused both ways, and stays."""
    away = archive.archive(mail)
    copies.copy_emails(away, "mail", task=None, model=None, now=NOW)
    for move, path in ((archive.archive, mail), (archive.bring_back, away)):
        with pytest.raises(UsageError, match="nothing was moved"):
            move(path)
    assert mail.is_file()
    assert away.is_file()


def test_a_file_that_is_no_run_can_be_archived(settings: Settings) -> None:
    """What cannot be read can still be put out of sight."""
    settings.runs_dir.mkdir(parents=True)
    path = settings.runs_dir / "broken.db"
    path.write_bytes(b"no run")
    assert "is not a run file" in summarize(path, NOW).error
    assert archive.archive(path).read_bytes() == b"no run"


# -- deletion --


def test_deletion_requires_the_name_and_takes_all_that_belongs(mail: Path, settings: Settings) -> None:
    """Run file, log, commands, lock and older copies go; other runs, also of like names, stay."""
    post(mail, "pause", now=NOW, by="ada")
    for name in ("mail.log", "mail.log.1", "mail.search.db", "mail.before-format-2.db", "mail.copied.txt"):
        mail.with_name(name).write_text("x", "utf-8")
    copies.copy_emails(mail, "mail.log", task=None, model=None, now=NOW)
    copies.copy_emails(mail, "mail2", task=None, model=None, now=NOW)
    with pytest.raises(UsageError, match="Nothing was deleted"):
        removal.delete(mail, "mai")
    assert {"mail.db", "mail.control.db", "mail.log.1"} <= set(removal.what_goes(mail).names)
    removal.delete(mail, "mail")
    left = {path.name for path in mail.parent.iterdir()}
    assert left == {"mail.log.db", "mail2.db"} | {name for name in left if name.endswith((".lock", "-wal", "-shm"))}
    assert "mail.lock" not in left


def test_a_new_run_of_a_deleted_name_is_its_own(mail: Path, settings: Settings, tmp_path: Path) -> None:
    """Nothing of the old one shows through."""
    label_one(mail)
    removal.delete(mail, "mail")
    source = tmp_path / "new.csv"
    source.write_text(ROWS, "utf-8")
    path = runs.create_run(settings, source, builtin_task(), RunOptions(name="mail"), now=NOW).path
    with RunReader(path) as reader:
        assert reader.snapshot(NOW).labeled == 0
    assert check_run(path).sound


def test_deleting_a_run_of_another_ending_leaves_this_one_alone(mail: Path) -> None:
    """Files that belong to ``mail.sqlite`` are distinguished from those of ``mail.db``."""
    other = mail.with_name("mail.sqlite")
    other.write_bytes(mail.read_bytes())
    post(other, "pause", now=NOW, by="ada")
    post(mail, "pause", now=NOW, by="ada")
    assert "mail.control.db" not in removal.what_goes(other).names
    removal.delete(other, "mail")
    assert mail.is_file()
    assert mail.with_name("mail.control.db").is_file()
    assert not any("sqlite" in path.name for path in mail.parent.iterdir())


def test_deleting_a_link_leaves_the_run(mail: Path) -> None:
    """Archiving one is refused: its file lies elsewhere."""
    link = mail.with_name("link.db")
    link.symlink_to(mail.name)
    with pytest.raises(UsageError, match="is a link to"):
        archive.archive(link)
    removal.delete(link, "link")
    assert not link.is_symlink()
    assert mail.is_file()


# -- the commands --


def test_the_commands_say_what_they_did(mail: Path, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """copy, archive, archive --back and delete, in the words of a person."""
    assert main(["copy", "mail", "second", "--model", "m"]) == 0
    assert "3 texts of mail, 2 distinct" in capsys.readouterr().out
    assert main(["archive", "second"]) == 0
    assert main(["archive", "second", "--back"]) == 0
    assert sorted(names(settings)) == ["mail", "second"]
    assert main(["archive", "second"]) == 0
    capsys.readouterr()
    assert main(["delete", "second"]) == 1
    said = capsys.readouterr()
    assert "second.db" in said.out
    assert "delete second --yes second" in said.err
    assert main(["delete", "second", "--yes", "first"]) == 1
    assert main(["delete", "second", "--yes", "second"]) == 0
    assert runs.archived_files(settings) == []


@pytest.mark.parametrize("command", [["copy", "mail", "x"], ["archive", "mail"], ["delete", "mail", "--yes", "mail"]])
def test_read_only_refuses_them(command: list[str], mail: Path, settings: Settings) -> None:
    """With --read-only nothing is copied, moved or deleted."""
    assert main(["--read-only", *command]) == 1
    assert names(settings) == ["mail"]


# -- the list --


def test_a_run_that_stands_still_is_read_once(mail: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading again costs a look at the file's marks; a run that changed is read anew."""
    read: list[str] = []

    def counted(path: Path, now: float) -> RunSummary:
        read.append(path.stem)
        return summarize(path, now)

    monkeypatch.setattr("core.runs.listing.summarize", counted)
    listed = RunList(settings)
    copies.copy_emails(mail, "second", task=None, model=None, now=NOW)
    listed.read(NOW)
    listed.read(NOW + 2)
    assert sorted(read) == ["mail", "second"]
    label_one(mail)
    assert next(run for run in listed.read(NOW + 4) if run.name == "mail").settled == 2
    assert sorted(read) == ["mail", "mail", "second"]


@pytest.mark.parametrize("state", list(RunState))
def test_a_run_at_work_is_read_each_time(
    state: RunState, mail: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That its worker was killed shows in no file; a run without a worker is read once."""
    read: list[float] = []
    at_work = state in (RunState.RUNNING, RunState.WAITING, RunState.PAUSED, RunState.STALE)
    summary = replace(summarize(mail, NOW), state=state)

    def counted(path: Path, now: float) -> RunSummary:
        del path
        read.append(now - NOW)
        return summary

    monkeypatch.setattr("core.runs.listing.summarize", counted)
    listed = RunList(settings)
    for later_s in (0.0, 2.0, 4.0):
        listed.read(NOW + later_s)
    assert read == ([0.0, 2.0, 4.0] if at_work else [0.0])


def test_a_summary_agrees_with_the_snapshot(make_run: MakeRun, opened: Callable[[Path], Store]) -> None:
    """State, counts and what a worker's death makes of them are the same in the list and on the monitor."""
    path = make_run(["a", "b", "c"])
    store = opened(path)
    store.commit([labeled(1)], now=NOW)
    for later_s in (1.0, 60.0):
        with RunReader(path) as reader:
            snapshot = reader.snapshot(NOW + later_s)
        summary = summarize(path, NOW + later_s)
        assert (summary.state, summary.reason) == (snapshot.state, snapshot.reason)
        assert (summary.total, summary.settled, summary.failed) == (3, 1, 0)
    assert summarize(path, NOW + 1).rate_per_min == 1.0
    assert summarize(path, NOW + 60).rate_per_min is None


def test_a_run_whose_file_stands_still_is_opened_once(
    mail: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first reading of the list opens every file, each later one none of them."""
    content = mail.read_bytes()
    for number in range(100):
        mail.with_name(f"run-{number}.db").write_bytes(content)
    listed = RunList(settings)
    assert len(listed.read(NOW)) == 101

    def opened(path: Path, now: float) -> RunSummary:
        raise AssertionError(f"{path} was opened again")

    monkeypatch.setattr("core.runs.listing.summarize", opened)
    assert len(listed.read(NOW + 2)) == 101


def test_a_damaged_run_says_what_to_do(mail: Path) -> None:
    """A file that SQLite cannot read is a line with a sentence, not an end of the list."""
    with closing(sqlite3.connect(mail)) as db:
        db.execute("DROP TABLE total")
        db.commit()
    assert "labeltui check mail" in summarize(mail, NOW).error
