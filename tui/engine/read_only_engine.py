"""The engine of a read-only console: it reads like the real one, and refuses to change anything, whoever asks."""

# ruff: noqa: ARG002 - the arguments are those of what is refused

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from core.settings import Settings
from tui.actions.read_only import refuse
from tui.engine.backend import Engine
from tui.engine.making import CopyRequest, NewRunRequest
from tui.engine.tasking import LookingDesk


class ReadOnlyEngine(Engine):
    """Every method that would change something raises UsageError; the console's own dimming is only politeness."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.tasks = LookingDesk(settings)

    def make(self, command: NewRunRequest, progress: Callable[[int], None]) -> Path:
        refuse()

    def make_demo(self) -> Path:
        refuse()

    def copy_run(self, command: CopyRequest, progress: Callable[[int], None]) -> Path:
        refuse()

    def archive(self, path: Path, *, back: bool) -> Path:
        refuse()

    def delete_run(self, path: Path, typed: str) -> None:
        refuse()

    def try_first(self, path: Path, emails: int) -> NoReturn:
        refuse()

    def start(self, path: Path) -> NoReturn:
        refuse()

    def pause(self, path: Path) -> NoReturn:
        refuse()

    def resume(self, path: Path) -> NoReturn:
        refuse()

    def stop(self, path: Path) -> NoReturn:
        refuse()

    def kill(self, path: Path) -> NoReturn:
        refuse()

    def retry(self, path: Path, email_id: int | None) -> NoReturn:
        refuse()

    def retry_these(self, path: Path, email_ids: Sequence[int]) -> NoReturn:
        refuse()

    def skip(self, path: Path, email_ids: Sequence[int], *, back: bool) -> NoReturn:
        refuse()

    def label(self, path: Path, email_ids: Sequence[int], value: str, note: str) -> NoReturn:
        refuse()

    def note(self, path: Path, email_ids: Sequence[int], text: str) -> NoReturn:
        refuse()

    def undo(self, path: Path) -> NoReturn:
        refuse()

    def set_enabled(self, run: Path | None, alias: str, *, enabled: bool) -> None:
        refuse()

    def add_key(self, run: Path | None, secret: str, alias: str | None, organization: str | None) -> str:
        refuse()

    def remove_key(self, run: Path | None, alias: str) -> None:
        refuse()

    def pin_key(self, run: Path | None, alias: str | None) -> None:
        refuse()

    def regroup_key(self, run: Path | None, alias: str, organization: str) -> None:
        refuse()

    def clear_bench(self, run: Path | None, organization: str) -> tuple[str, ...]:
        refuse()

    def try_secret(self, run: Path | None, secret: str, base_url: str = "") -> NoReturn:
        refuse()

    def try_key(self, run: Path | None, alias: str) -> NoReturn:
        refuse()

    def swap(self, path: Path) -> NoReturn:
        refuse()
