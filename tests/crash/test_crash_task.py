"""Kill while a version of the task is activated, and while emails are requeued for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.commands.catalog import ActivateTask
from core.llm.task import builtin_task, load_task, task_to_toml, versioned
from core.runs import send as commands
from core.runs.find import RunOptions, create_run
from core.settings import load_settings
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.check import check_run
from core.storage.writing.store import Store
from tests.programs.crash.harness import Zygote
from tests.programs.crash.points import STATEMENT
from tests.storage.test_store import kept_totals, labeled, recount

KILLED = -9
EMAILS = 700


def labeled_run(home: Path, name: str) -> Path:
    settings = load_settings({"LABELTUI_HOME": str(home)})
    path = create_run(settings, home / "emails.csv", builtin_task(), RunOptions(name=name, seed=1), now=1.0).path
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=1.0, pid=1, host="h")
        version = store.task_version
        answers = [labeled(n) for n in range(1, 301)]
        store.commit([replace(each, attempt=replace(each.attempt, task_version=version)) for each in answers], now=1.0)
    return path


def facts(path: Path) -> tuple[str, int, int, float]:
    """Return the active version, pending emails, versions, and the mean length of what is sent."""
    assert check_run(path).findings == ()
    assert kept_totals(path) == recount(path)
    with RunReader(path) as reader:
        return reader.task().version, reader.count("pending"), len(reader.versions()), reader.pending_texts()[1]


def test_a_kill_while_a_version_comes_in_force_leaves_the_old_or_the_new(zygote: Zygote, home: Path) -> None:
    """At each statement and at random moments: texts, hashes, totals and version belong together, and again works."""
    path = labeled_run(home, "versions")
    task = versioned(replace(builtin_task(), truncate_at=200))
    (home / "task.toml").write_text(task_to_toml(task))
    assert load_task(home / "task.toml") == task
    before, pristine = facts(path), path.read_bytes()
    moments = [(STATEMENT, nth, 60.0) for nth in range(1, 40, 2)] + [("anywhere", 1, n / 100) for n in range(2, 40, 4)]
    after, killed, survived = None, 0, 0
    for point, nth, after_s in moments:
        for left in path.parent.glob("versions.db-*"):
            left.unlink()
        path.write_bytes(pristine)
        code = zygote.run("task", path, point=point, nth=nth, after_s=after_s, task=str(home / "task.toml"))
        assert code in (KILLED, 0)
        killed += code == KILLED
        if facts(path) == before:
            assert code == KILLED
            commands.send(path, ActivateTask(task))
        else:
            survived += 1
        after = after or facts(path)
        assert facts(path) == after
    assert after is not None
    assert (after[0], after[2]) == (task.version, 2)
    assert after[3] < before[3]
    assert killed > 12
    assert survived > 0


def test_a_kill_while_emails_go_back_in_line_moves_all_or_none(zygote: Zygote, home: Path) -> None:
    """Whichever statement it died at."""
    path = labeled_run(home, "again")
    commands.send(path, ActivateTask(versioned(replace(builtin_task(), rubric="Say 1."))))
    before, pristine = facts(path), path.read_bytes()
    seen, killed = set(), 0
    code, nth = KILLED, -2
    while code == KILLED and nth < 200:
        nth += 3
        for left in path.parent.glob("again.db-*"):
            left.unlink()
        path.write_bytes(pristine)
        code = zygote.run("task", path, point=STATEMENT, nth=nth, again=True)
        assert code in (KILLED, 0)
        killed += code == KILLED
        seen.add(facts(path)[1])
    assert seen == {before[1], EMAILS}
    assert killed > 5
