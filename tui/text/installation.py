"""Gather facts about this installation for ``labeltui info`` and the console's page: versions, paths, settings.

Reads files, so the console calls it in a thread.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from core.engine import Engine, sqlite_version
from core.settings import Settings
from tui.actions.action import Action
from tui.actions.active import ACTIONS
from tui.terminal.preferences import Preferences
from tui.terminal.terminal import Terminal

PACKAGES = ("textual", "rich", "groq", "guardrails-ai", "sqlite-utils", "platformdirs")
EXTRAS = (("pyarrow", "parquet"), ("textual-serve", "serve"), ("keyring", "keyring"))
"""Packages that are installed with an extra, with its name."""


@dataclass(frozen=True, slots=True)
class Section:
    """Hold a heading with names and values. Values may hold names from outside and are not inert."""

    title: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Console:
    """Hold the settings of a console; ``size`` in cells. ``ascii_because`` is "" where every glyph is drawn."""

    theme: str
    ascii_because: str
    actions: Sequence[Action]
    troubles: tuple[str, ...]
    size: tuple[int, int]
    read_only: bool


def gather(
    settings: Settings, preferences: Preferences, terminal: Terminal, console: Console, now: float
) -> tuple[Section, ...]:
    """Return all facts by section. Raises what reading the list of runs raises."""
    return (
        Section("Versions", _versions()),
        Section("Paths", _paths(settings)),
        Section("Active settings", _active_settings(settings, preferences, console)),
        Section("Terminal", _abilities(terminal, console)),
        Section("Runs", _runs(settings, now)),
        Section("Actions, as [keys] names them", tuple((action.id, action.key) for action in console.actions)),
    )


def _runs(settings: Settings, now: float) -> tuple[tuple[str, str], ...]:
    paths = [(run.name, Path(run.path)) for run in Engine(settings).runs(now)]
    found = tuple((name, f"{path}, log {path.with_suffix('.log')}") for name, path in paths)
    return found or (("none", "labeltui new SOURCE creates one"),)


def _versions() -> tuple[tuple[str, str], ...]:
    extras = [(name, _version(name) or f"not installed: pip install 'labeltui[{extra}]'") for name, extra in EXTRAS]
    return (
        ("labeltui", version("labeltui")),
        ("Python", f"{platform.python_version()} on {platform.platform()}"),
        *((name, _version(name) or "not installed") for name in PACKAGES),
        ("SQLite", sqlite_version()),
        *extras,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _paths(settings: Settings) -> tuple[tuple[str, str], ...]:
    def there(path: Path) -> str:
        return str(path) if path.exists() else f"{path} (does not exist yet)"

    return (
        ("home", str(settings.home or "the platform's folders (LABELTUI_HOME sets one for all)")),
        ("runs", there(settings.runs_dir)),
        ("demo", there(settings.demo_dir)),
        ("keys", there(settings.keys_path)),
        ("quotas", there(settings.quota_path)),
        ("console", there(settings.config_path)),
        ("prices", f"{settings.prices_path} (optional; the built-in table otherwise)"),
    )


def _active_settings(settings: Settings, preferences: Preferences, console: Console) -> tuple[tuple[str, str], ...]:
    default = {action.id: action.keys for action in ACTIONS}
    changed = [f"{action.id} {action.key}" for action in console.actions if action.keys != default[action.id]]
    return (
        ("server", settings.base_url or "Groq's (GROQ_BASE_URL or --base-url names another)"),
        ("theme", console.theme + ("" if preferences.theme else " (the default)")),
        ("ascii", f"yes: {console.ascii_because}" if console.ascii_because else "no"),
        ("keys", ", ".join(changed) or "the defaults"),
        ("read-only", "yes" if console.read_only else "no"),
        *(("ignored", trouble) for trouble in console.troubles),
    )


def _abilities(terminal: Terminal, console: Console) -> tuple[tuple[str, str], ...]:
    width, height = console.size
    colors = "none: NO_COLOR is set" if terminal.no_color else terminal.colors
    within = f" in {terminal.multiplexer}" if terminal.multiplexer else ""
    return (
        ("name", (terminal.name or "TERM is not set") + within),
        ("size", f"{width} columns, {height} rows"),
        ("colors", colors),
        ("encoding", terminal.encoding),
        ("copying", terminal.clipboard),
    )
