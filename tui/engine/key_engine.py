"""What the console asks of the engine about keys, as a protocol, and its real form, which only delegates."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.model import KeyHistory, ModelSettings
from core.settings import Settings
from tui.terminal.preferences import read_preferences

if TYPE_CHECKING:
    from core.llm.key_check import Trial
    from core.quota.keys.store import KeyStore


class CommandResult(Protocol):
    """What became of a command at once: ``id`` finds it in later snapshots, ``sentence`` is fit to be shown."""

    @property
    def id(self) -> str | None: ...
    @property
    def sentence(self) -> str: ...
    @property
    def at_once(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class KeyPast:
    """A key's history, the day by its count (UTC), and today's spending in US dollars, where prices are known."""

    history: KeyHistory
    today: str
    dollars: float


class KeyBackend(Protocol):
    """Every method may raise LabeltuiError with a sentence to show.

    ``run`` is the run that is open or None: the demo has keys of its own. What changes a key takes force in every
    worker of the machine within a second.
    """

    def set_enabled(self, run: Path | None, alias: str, *, enabled: bool) -> None: ...
    def add_key(self, run: Path | None, secret: str, alias: str | None, organization: str | None) -> str: ...
    def remove_key(self, run: Path | None, alias: str) -> None: ...
    def pin_key(self, run: Path | None, alias: str | None) -> None: ...
    def regroup_key(self, run: Path | None, alias: str, organization: str) -> None: ...
    def clear_bench(self, run: Path | None, organization: str) -> tuple[str, ...]: ...
    def try_secret(self, run: Path | None, secret: str, base_url: str = "") -> Trial: ...
    def try_key(self, run: Path | None, alias: str) -> Trial: ...
    def key_past(self, run: Path | None, alias: str) -> KeyPast: ...
    def swap(self, path: Path) -> CommandResult: ...


class KeyEngine:
    """The real one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def _settings(self, run: Path | None) -> Settings:
        return self.settings.for_run(run) if run is not None else self.settings

    def _book(self, run: Path | None, base_url: str | None = None) -> KeyStore:
        """``base_url`` matters where limits, benches or refused keys are looked at: they are of one server."""
        from core.quota.keys.store import KeyStore  # noqa: PLC0415

        return KeyStore.from_settings(self._settings(run), base_url)

    def set_enabled(self, run: Path | None, alias: str, *, enabled: bool) -> None:
        with self._book(run) as book:
            book.set_enabled(alias, enabled=enabled)

    def add_key(self, run: Path | None, secret: str, alias: str | None, organization: str | None) -> str:
        settings = self._settings(run)
        keyring = settings.use_environment_keys and read_preferences(settings.config_path).keyring  # not the demo's
        with self._book(run) as book:
            return book.add(secret, alias=alias, organization=organization, keyring=keyring)

    def remove_key(self, run: Path | None, alias: str) -> None:
        with self._book(run) as book:
            book.remove(alias)

    def pin_key(self, run: Path | None, alias: str | None) -> None:
        with self._book(run) as book:
            book.pin(alias)

    def regroup_key(self, run: Path | None, alias: str, organization: str) -> None:
        with self._book(run) as book:
            book.set_organization(alias, organization)

    def clear_bench(self, run: Path | None, organization: str) -> tuple[str, ...]:
        model, base_url = self._asked(run)
        with self._book(run, base_url) as book:
            return book.clear_bench(organization, model)

    def try_secret(self, run: Path | None, secret: str, base_url: str = "") -> Trial:
        from core.llm.key_check import tried  # noqa: PLC0415

        model, usual = self._asked(run)
        return tried(secret, model, base_url or usual)

    def try_key(self, run: Path | None, alias: str) -> Trial:
        with self._book(run) as book:
            secret = book.secret(alias)
        return self.try_secret(run, secret.value)

    def key_past(self, run: Path | None, alias: str) -> KeyPast:
        from core.quota.db.history import day_of  # noqa: PLC0415
        from core.quota.forecast.plans import price_of  # noqa: PLC0415

        with self._book(run) as book:
            history = book.history(alias)
        today, dollars = day_of(time.time()), 0.0
        for spent in history.spent:
            price = price_of(spent.model, self.settings.prices_path) if spent.day == today else None
            if price is not None:
                dollars += price.of(spent.prompt_tokens, 0, spent.completion_tokens)
        return KeyPast(history, today, dollars)

    def swap(self, path: Path) -> CommandResult:
        from core.commands import send as commands  # noqa: PLC0415

        return commands.swap(path, self._settings(path))

    def _asked(self, run: Path | None) -> tuple[str, str | None]:
        """The model that is asked, and where: the run's, or what settings and defaults say."""
        settings = self._settings(run)
        if run is None:
            return ModelSettings().model, settings.base_url
        from core.storage.reading.reader import RunReader  # noqa: PLC0415

        with RunReader(run) as reader:
            return reader.task().model.model, reader.base_url() or settings.base_url
