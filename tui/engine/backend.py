"""Everything the console asks of the engine, as one protocol, and its real form, which only delegates.

Heavy rooms are imported when they are first needed, so that the first paint waits for none of them. Screens are tested
with another implementation that lives in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.model import (
    EmailRecord,
    EmailRow,
    KeyStatus,
    RunSummary,
    Snapshot,
    TaskVersion,
    UndoEntry,
    WindowStatus,
)
from core.settings import Settings, operator
from tui.engine.key_engine import CommandResult, KeyBackend, KeyEngine
from tui.engine.making_engine import MakingBackend, MakingEngine
from tui.engine.tasking import EngineDesk, TaskDesk

if TYPE_CHECKING:
    from core.quota.keys.store import KeyStore
    from core.runs.delete import Going
    from core.runs.listing import RunList
    from core.storage.reading.filters import Filter
    from core.storage.reading.ordering import Order
    from core.storage.reading.search import Found


class RunView(Protocol):
    """A run file, read-only. Belongs to the thread that opened it."""

    def snapshot(self, now: float) -> Snapshot: ...
    def emails(self, *, state: str | None, offset: int, limit: int) -> list[EmailRow]: ...
    def rows(self, ids: Sequence[int]) -> list[EmailRow]: ...
    def count(self, state: str | None = None) -> int: ...
    def failures(self) -> list[tuple[str, int]]: ...
    def record(self, email_id: int) -> EmailRecord: ...
    def last_undo_entry(self, author: str) -> UndoEntry | None: ...
    def outcomes_of_key(self, alias: str) -> dict[str, int]: ...
    def versions(self, *, counted: bool = True) -> tuple[TaskVersion, ...]: ...
    def older_labels(self) -> dict[str, int]: ...
    def close(self) -> None: ...


class SearchView(Protocol):
    """Looks for emails in a run file, a stretch at a time. Belongs to the thread that opened it."""

    def begin(self, wanted: Filter, order: Order) -> None: ...
    def step(self) -> Found: ...
    def build(self) -> float: ...
    def close(self) -> None: ...


class KeyView(Protocol):
    """The operator's keys and quotas, to look at. Belongs to the thread that opened it."""

    def statuses(self, model: str, now: float) -> tuple[KeyStatus, ...]: ...
    def windows(self, model: str, now: float) -> tuple[WindowStatus, ...]: ...
    def close(self) -> None: ...


class Backend(KeyBackend, MakingBackend, Protocol):
    """The engine as the console sees it. Every method may raise LabeltuiError with a sentence to show.

    Where keys are meant, ``run`` is the run that is open or None: the demo has keys of its own.
    """

    settings: Settings
    tasks: TaskDesk

    def runs(self, now: float) -> Sequence[RunSummary]: ...
    def view(self, path: Path) -> RunView: ...
    def search(self, path: Path, stale: Callable[[], bool]) -> SearchView: ...
    def keys(self, run: Path | None) -> KeyView: ...
    def archive(self, path: Path, *, back: bool) -> Path: ...
    def what_goes(self, path: Path) -> Going: ...
    def delete_run(self, path: Path, typed: str) -> None: ...
    def try_first(self, path: Path, emails: int) -> CommandResult: ...
    def start(self, path: Path) -> CommandResult: ...
    def pause(self, path: Path) -> CommandResult: ...
    def resume(self, path: Path) -> CommandResult: ...
    def stop(self, path: Path) -> CommandResult: ...
    def kill(self, path: Path) -> CommandResult: ...
    def retry(self, path: Path, email_id: int | None) -> CommandResult: ...
    def retry_these(self, path: Path, email_ids: Sequence[int]) -> CommandResult: ...
    def skip(self, path: Path, email_ids: Sequence[int], *, back: bool) -> CommandResult: ...
    def label(self, path: Path, email_ids: Sequence[int], value: str, note: str) -> CommandResult: ...
    def note(self, path: Path, email_ids: Sequence[int], text: str) -> CommandResult: ...
    def undo(self, path: Path) -> CommandResult: ...
    def operator(self) -> str: ...
    def save(self, path: Path, email_ids: Sequence[int] | None, target: Path) -> int: ...


class Engine(KeyEngine, MakingEngine):
    """The real one."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._runs: RunList | None = None
        self.tasks: TaskDesk = EngineDesk(settings)

    def runs(self, now: float) -> Sequence[RunSummary]:
        if self._runs is None:
            from core.runs.listing import RunList  # noqa: PLC0415

            self._runs = RunList(self.settings)
        return self._runs.read(now)

    def archive(self, path: Path, *, back: bool) -> Path:
        from core.runs import archive  # noqa: PLC0415

        return archive.bring_back(path) if back else archive.archive(path)

    def what_goes(self, path: Path) -> Going:
        from core.runs import delete as removal  # noqa: PLC0415

        return removal.what_goes(path)

    def delete_run(self, path: Path, typed: str) -> None:
        from core.runs import delete as removal  # noqa: PLC0415

        removal.delete(path, typed)

    def try_first(self, path: Path, emails: int) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.start(path, self._settings(path), only=emails)

    def view(self, path: Path) -> RunView:
        from core.storage.reading.reader import RunReader  # noqa: PLC0415

        return RunReader(path)

    def search(self, path: Path, stale: Callable[[], bool]) -> SearchView:
        from core.storage.reading.search import Search  # noqa: PLC0415

        return Search(path, stale)

    def keys(self, run: Path | None) -> KeyView:
        if run is None:
            return _LiveKeys(self._book(None), elsewhere=True)
        return _LiveKeys(self._book(run, self._asked(run)[1]))

    def start(self, path: Path) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.start(path, self._settings(path))

    def pause(self, path: Path) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.pause(path)

    def resume(self, path: Path) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.resume(path, self._settings(path))

    def stop(self, path: Path) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.stop(path)

    def kill(self, path: Path) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.kill(path)

    def retry(self, path: Path, email_id: int | None) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.retry(path, email_id)

    def retry_these(self, path: Path, email_ids: Sequence[int]) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.retry(path, email_ids=email_ids)

    def skip(self, path: Path, email_ids: Sequence[int], *, back: bool) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.skip(path, email_ids, back=back)

    def label(self, path: Path, email_ids: Sequence[int], value: str, note: str) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.label(path, email_ids, value, note=note)

    def note(self, path: Path, email_ids: Sequence[int], text: str) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.note(path, email_ids, text)

    def undo(self, path: Path) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.undo(path)

    def operator(self) -> str:
        return operator()

    def save(self, path: Path, email_ids: Sequence[int] | None, target: Path) -> int:
        from core.runs.save import save_emails  # noqa: PLC0415

        return save_emails(path, email_ids, target)


class _LiveKeys:
    """A key book that notices when keys are added or taken away elsewhere.

    With ``elsewhere`` keys tell which servers beside the usual one refuse them.
    """

    def __init__(self, book: KeyStore, *, elsewhere: bool = False) -> None:
        self._book = book
        self._elsewhere = elsewhere

    def statuses(self, model: str, now: float) -> tuple[KeyStatus, ...]:
        if self._book.changed():
            self._book.reload()
        return self._book.statuses(model, now, elsewhere=self._elsewhere)

    def windows(self, model: str, now: float) -> tuple[WindowStatus, ...]:
        return self._book.windows(model, now)

    def close(self) -> None:
        self._book.close()
