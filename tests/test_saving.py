"""What is saved of a run, what belongs to it, and how it is found, in its folder."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.errors import ExportError, RunFileError, RunNotFoundError, UsageError
from core.llm.task import builtin_task
from core.mail import message
from core.model import SourceEmail
from core.runs import archive, find, listing
from core.runs import build as building
from core.runs.build import Built, Plan, build
from core.runs.save import ExportOptions, dry_run, export_run, exported, save_emails
from core.settings import Settings, load_settings
from core.storage.reading.reader import RunReader
from core.storage.writing.intake import NewRun
from tests.conftest import NOW, MakeRun


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Those of an empty home."""
    return load_settings({"LABELTUI_HOME": str(tmp_path / "home")})


def test_chosen_texts_are_saved_whole(make_run: MakeRun, tmp_path: Path) -> None:
    """A line each; half of a surrogate pair is written as a question mark; what is there is kept."""
    path = make_run(["Subject: one\n\nä", "Subject: two\n\nb", "Subject: three\n\nc"])
    target = tmp_path / "some.jsonl"
    assert save_emails(path, [1, 3], target) == 2
    lines = target.read_text("utf-8").split("\n")
    assert lines.pop() == ""
    found = [json.loads(line) for line in lines]
    assert [each["text"] for each in found] == ["Subject: one\n\nä", "Subject: three\n\nc"]
    assert "ä" in lines[0]
    assert [(each["from"], each["date"], each["attempts"], each["labels"], each["notes"]) for each in found] == [
        ("a@example.org", "", [], [], [])
    ] * 2
    with pytest.raises(ExportError, match=r"some\.jsonl is there already\. Choose another name; nothing was written\."):
        save_emails(path, [1], target)
    assert save_emails(path, None, tmp_path / "all.jsonl") == 3
    assert save_emails(path, [2], tmp_path / "one.csv") == 1
    assert len((tmp_path / "one.csv").read_text("utf-8").splitlines()) > 1
    with pytest.raises(ExportError):
        save_emails(path, [2], tmp_path / "one.unheard")


def test_an_export_is_refused_before_anything_is_read(make_run: MakeRun, tmp_path: Path) -> None:
    """Onto the run itself, into no known form, of what nobody gave."""
    path = make_run(["a", "b"])
    for tried in (export_run, dry_run):
        with pytest.raises(ExportError, match=r"is the run itself\. Choose another name; nothing was written\.$"):
            tried(path, path, ExportOptions(layout="csv"))
        with pytest.raises(ExportError):
            tried(path, tmp_path / "a.unheard", ExportOptions())
        with pytest.raises(UsageError, match=r"^--only is one of .*, not 'machine'\.$"):
            tried(path, tmp_path / "a.csv", ExportOptions(only="machine"))
    assert not (tmp_path / "a.csv").exists()


def test_an_export_tells_what_it_would_write_and_writes_it(make_run: MakeRun, tmp_path: Path) -> None:
    """Of several parts one after another; without texts where they are not wanted."""
    paths = [make_run(["a", "b", "c"], name="x-1"), make_run(["d"], name="x-2")]
    rows, names = dry_run(paths, tmp_path / "a.csv", ExportOptions())
    assert rows == 4
    assert "text" in names
    assert "text" not in dry_run(paths[0], tmp_path / "a.csv", ExportOptions(text=False))[1]
    told: list[tuple[int, int]] = []
    assert export_run(paths, tmp_path / "a.csv", progress=lambda *of: told.append(of)) == 4
    assert told[-1] == (4, 0)
    assert [each["text"] for each in exported(paths[0])] == ["a", "b", "c"]
    assert list(next(exported(paths[0]))) == list(dry_run(paths[0], tmp_path / "b.csv", ExportOptions())[1])


@pytest.mark.parametrize(
    ("run", "own", "others"),
    [
        (
            "mail.db",
            (
                "mail.db", "mail.db-wal", "mail.db-shm", "mail.db-journal", "mail.lock", "mail.log", "mail.log.1", "mail.log.12",
                "mail.copied.txt", "mail.task-draft.toml", "mail.control.db", "mail.search.db", "mail.search.db-wal",
                "mail.before-format-3.db", "mail.before-format-12.4.db", "mail.control.db-journal",
            ),
            (
                "mail-2.db", "mail.db.bak", "mail.x.lock", "mailxlock", "amail.lock", "mail.log.", "mail.log.a", "mail.lock2",
                "mail.db~lock", "mail.before-format-.db", "mail.before-format-3.4.5.db", "mail.other.db", "mail",
            ),
        ),
        ("mail.sqlite", ("mail.sqlite", "mail.sqlite-wal", "mail.sqlite~lock", "mail.sqlite~control.db"), ("mail.lock", "mail.control.db", "mail.sqlite.lock")),
        ("a+b.db", ("a+b.db", "a+b.lock"), ("aab.lock", "aab.db")),
    ],
)  # fmt: skip
def test_files_that_belong_to_a_run_are_told_by_their_names(
    run: str, own: tuple[str, ...], others: tuple[str, ...], tmp_path: Path
) -> None:
    """And nobody else's; folders are none."""
    for name in (*own, *others):
        (tmp_path / name).write_text("x")
    (tmp_path / f"{run}-wal").unlink(missing_ok=True)
    (tmp_path / f"{run}-wal").mkdir()
    assert [path.name for path in archive.belongings(tmp_path / run)] == sorted({*own} - {f"{run}-wal"})


def test_runs_are_found_by_name_path_or_near_names(home: Settings, make_run: MakeRun, tmp_path: Path) -> None:
    """An archived one of that name is mentioned; what is none is not listed."""
    with pytest.raises(RunNotFoundError, match=r"There are no runs yet: `labeltui new FILE` makes one\.$"):
        find.find_run(home, "mail")
    home.runs_dir.mkdir(parents=True)
    for name in ("mail.db", ".hidden.db", "mail.control.db", "mail.search.db", "mail~before-format-2.db", "note.txt"):
        (home.runs_dir / name).write_text("")
    assert [path.name for path in find.run_files(home)] == ["mail.db"]
    assert find.find_run(home, "mail") == home.runs_dir / "mail.db"
    with pytest.raises(RunNotFoundError, match=r"There is no run 'mial' in .*\. Did you mean mail\?$"):
        find.find_run(home, "mial")
    with pytest.raises(RunNotFoundError, match=r" Runs here: mail\.$"):
        find.find_run(home, "zzzz")
    for number in range(8):
        (home.runs_dir / f"r{number}.db").write_text("")
    with pytest.raises(RunNotFoundError, match=r" Runs here: mail, r0, r1, r2, r3, r4, r5, r6, …\.$"):
        find.find_run(home, "zzzz")
    (home.runs_dir / "r7.db").unlink()
    with pytest.raises(RunNotFoundError, match=r" Runs here: mail, r0, r1, r2, r3, r4, r5, r6\.$"):
        find.find_run(home, "zzzz")
    for place in (home.runs_dir / "archive", home.demo_dir / "runs" / "archive"):
        place.mkdir(parents=True)
    (home.runs_dir / "archive" / "old.db").write_text("")
    (home.demo_dir / "runs" / "archive" / "demo.db").write_text("")
    assert [path.name for path in find.archived_files(home)] == ["old.db", "demo.db"]
    assert all(map(find.is_archived, find.archived_files(home)))
    assert not find.is_archived(home.runs_dir / "mail.db")
    for name in ("old", "demo"):
        with pytest.raises(RunNotFoundError, match=rf" One of that name is archived: `labeltui archive {name} --back`"):
            find.find_run(home, name)
    (home.runs_dir / "gone.db").symlink_to(tmp_path / "nothing")
    with pytest.raises(RunFileError, match=r"gone\.db is a link that leads nowhere\."):
        find.find_run(home, "gone")
    (tmp_path / "other.db").write_text("")
    assert find.find_run(home, str(tmp_path / "other.db")) == (tmp_path / "other.db").resolve()
    with pytest.raises(RunNotFoundError):
        find.find_run(home, str(tmp_path / "none.db"))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("mail.csv", "mail"), ("mail.csv.gz", "mail"), ("a.tar.xz", "a"), ("a.JSONL.zst", "a"), ("a.b.csv", "a.b"),
        ("--ä b!.csv", "b"), ("ä.csv", "run"), ("x" * 70 + ".csv", "x" * 64), ("a  b.mbox", "a-b"),
    ],
)  # fmt: skip
def test_a_run_is_named_after_its_source(source: str, name: str) -> None:
    """By what remains without suffixes and signs that no name has."""
    assert find.name_from_source(Path(source)) == name
    assert find.run_name(Path(source), None) == name
    assert find.run_name(Path(source), "own") == "own"


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("a", True), ("A.b_c-1", True), ("x" * 64, True), ("x" * 65, False), ("", False), ("-a", False), ("a b", False),
        ("a.db", False), ("a.control", False), ("a~search", False), ("a.before-format-3", False), ("a/b", False),
        ("control", True), ("a.before-format-3.1", False), ("a.before-format-x", True),
    ],
)  # fmt: skip
def test_a_name_is_fit_for_a_file(name: str, *, fit: bool) -> None:
    """And is none of those that lie beside a run."""
    if fit:
        assert find.check_name(name) == name
    else:
        with pytest.raises(UsageError, match="cannot be a run's name: use letters, digits, dot, dash and underscore"):
            find.check_name(name)


def test_runs_are_listed_by_their_last_change(home: Settings, tmp_path: Path) -> None:
    """Archived ones last; a file that is none says so; those that are gone are forgotten."""
    (home.runs_dir / "archive").mkdir(parents=True)
    for at, name in enumerate(("a.db", "b.db", "archive/c.db", "archive/d.db", "e.db"), 1):
        (home.runs_dir / name).write_bytes(b"no database, and long enough to be looked at" * 100)
        os.utime(home.runs_dir / name, (at * 1_000, at * 1_000))
    runs = listing.RunList(home)
    found = runs.read(NOW)
    assert [(run.name, run.archived, run.changed_at) for run in found] == [
        ("e", False, 5_000.0), ("b", False, 2_000.0), ("a", False, 1_000.0), ("d", True, 4_000.0), ("c", True, 3_000.0),
    ]  # fmt: skip
    assert all(run.error and run.size_bytes == 4_400 for run in found)
    (home.runs_dir / "e.db").unlink()
    assert len(runs.read(NOW)) == len(runs._known) == 4
    kept = runs.read(NOW)
    assert all(one is other for one, other in zip(kept, runs.read(NOW), strict=True))
    (home.runs_dir / "a.db-wal").write_bytes(b"x")
    changed = {run.name: run for run in runs.read(NOW)}
    assert changed["a"].size_bytes == 4_401
    assert changed["b"] is kept[0]


def test_texts_that_no_parser_understood_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the run's first words."""
    whole = message._parsed

    def parsed(raw: str, *of: Any) -> Any:
        if "broken" in raw:
            raise ValueError
        return whole(raw, *of)

    monkeypatch.setattr(message, "_parsed", parsed)
    path = tmp_path / "mail.db"
    plan = Plan(path, NewRun("mail", "a.csv", "digest", NOW, order="source", seed=3, dedupe=True), lambda *_: None)
    texts = [SourceEmail(f"m{n}", text, f"row {n}") for n, text in enumerate(("fine", "broken 1", "broken 2"))]
    assert build([plan], builtin_task(), iter(texts)) == [Built(3, 3, 2)]
    with RunReader(path) as reader:
        assert reader.count() == 3


def test_a_source_is_known_by_what_it_holds(tmp_path: Path) -> None:
    """A file by its bytes, a folder by the names, sizes and times of its files; links do not count."""
    path = tmp_path / "a.csv"
    data = b"x" * (1 << 20) + b"y"
    path.write_bytes(data)
    assert find.digest_of(path) == hashlib.sha256(data).hexdigest()
    assert find.digest_of(path, path) == hashlib.sha256(data * 2).hexdigest()
    assert find.digest_of() == hashlib.sha256().hexdigest()
    folder = tmp_path / "mail"
    (folder / "in").mkdir(parents=True)
    for name, at in (("in/b", 2), ("a", 1)):
        (folder / name).write_bytes(b"x" * at)
        os.utime(folder / name, ns=(at * 10**9, at * 10**9))
    (folder / "link").symlink_to(path)
    told = "a\0001\0001000000000\nin/b\0002\0002000000000\n"
    assert find.digest_of(folder) == hashlib.sha256(told.encode()).hexdigest()
    with pytest.raises(RunFileError, match=r"gone cannot be read \(No such file or directory\)\.$"):
        find.digest_of(tmp_path / "gone")


def test_what_a_killed_import_left_goes_after_a_day(tmp_path: Path) -> None:
    """All of it or nothing: what one of its files says of its age counts for the others."""
    day = building._ABANDONED_S
    for name, age in (
        (".old.import.part", day + 1), (".old.import.part-wal", day + 2), (".new.import.part", day + 9),
        (".new.import.part-wal", day - 1), (".exact.1234.part", day), ("mail.db", day * 9), (".mail.db", day * 9),
    ):  # fmt: skip
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (NOW - age, NOW - age))
    building._sweep(tmp_path, NOW)
    assert {path.name for path in tmp_path.iterdir()} == {
        ".new.import.part", ".new.import.part-wal", ".exact.1234.part", "mail.db", ".mail.db",
    }  # fmt: skip
