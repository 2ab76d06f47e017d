"""What the console asks of the engine about making runs, as a protocol, and its real form, which only delegates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.settings import Settings
from tui.engine import making, task_choices
from tui.engine.making import CopyRequest, NewRunRequest
from tui.engine.task_choices import TaskChoice

if TYPE_CHECKING:
    from core.sources.preview import Counted, Folder, Looked


class MakingBackend(Protocol):
    """Every method may raise LabeltuiError with a sentence to show. ``progress`` hears how many emails were taken."""

    def look_into(self, folder: Path) -> Folder: ...
    def look_at(self, source: str, text_column: str, id_column: str) -> Looked: ...
    def count(self, source: str, text_column: str, id_column: str, wanted: Callable[[], bool]) -> Counted: ...
    def task_choices(self, source: str) -> tuple[TaskChoice, ...]: ...
    def task_file(self, path: str) -> TaskChoice: ...
    def name_for(self, source: str) -> str: ...
    def name_trouble(self, name: str) -> str: ...
    def forecast(self, command: NewRunRequest) -> tuple[str, ...]: ...
    def make(self, command: NewRunRequest, progress: Callable[[int], None]) -> Path: ...
    def make_demo(self) -> Path: ...
    def check_copy(self, command: CopyRequest) -> None: ...
    def copy_run(self, command: CopyRequest, progress: Callable[[int], None]) -> Path: ...


class MakingEngine:
    """The real one."""

    settings: Settings

    def look_into(self, folder: Path) -> Folder:
        from core.sources.preview import look_into  # noqa: PLC0415 - brings the parsers, like those below

        return look_into(folder)

    def look_at(self, source: str, text_column: str, id_column: str) -> Looked:
        from core.sources.preview import look_at  # noqa: PLC0415

        return look_at(Path(source).expanduser(), text_column or None, id_column or None)

    def count(self, source: str, text_column: str, id_column: str, wanted: Callable[[], bool]) -> Counted:
        from core.sources.preview import count  # noqa: PLC0415

        return count(Path(source).expanduser(), text_column or None, id_column or None, wanted=wanted)

    def task_choices(self, source: str) -> tuple[TaskChoice, ...]:
        return task_choices.task_choices(self.settings, source)

    def task_file(self, path: str) -> TaskChoice:
        return task_choices.task_file(Path(path))

    def name_for(self, source: str) -> str:
        return making.name_for(self.settings, source)

    def name_trouble(self, name: str) -> str:
        return making.name_trouble(self.settings, name)

    def forecast(self, command: NewRunRequest) -> tuple[str, ...]:
        return making.forecast(self.settings, command)

    def make(self, command: NewRunRequest, progress: Callable[[int], None]) -> Path:
        return making.make(self.settings, command, progress)

    def make_demo(self) -> Path:
        return making.make_demo(self.settings)

    def check_copy(self, command: CopyRequest) -> None:
        making.check_copy(command)

    def copy_run(self, command: CopyRequest, progress: Callable[[int], None]) -> Path:
        return making.copy_run(command, progress)
