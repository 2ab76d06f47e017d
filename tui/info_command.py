"""``labeltui info``: versions, every path, settings in force."""

from __future__ import annotations

import argparse
import platform
import time
from importlib.metadata import version
from pathlib import Path

from core import exits
from core.listing import list_runs
from core.settings import load_settings
from tui.printing import say


def info(_: argparse.Namespace) -> int:
    """``labeltui info``."""
    import sqlite3  # noqa: PLC0415 - only its version is wanted

    settings = load_settings()
    say(f"labeltui {version('labeltui')}, Python {platform.python_version()} on {platform.platform()}")
    packages = ("textual", "groq", "guardrails-ai", "sqlite-utils", "platformdirs")
    say("  " + ", ".join(f"{name} {version(name)}" for name in packages) + f", SQLite {sqlite3.sqlite_version}")
    for name, value in (
        ("home", settings.home or "the platform's folders (LABELTUI_HOME puts all under one)"),
        ("runs", settings.runs_dir),
        ("demo", settings.demo_dir),
        ("keys", settings.keys_path),
        ("quotas", settings.quota_path),
        ("console", settings.config_path),
        ("prices", f"{settings.prices_path} (yours, if you make it; the built-in table otherwise)"),
        ("server", settings.base_url or "Groq's (GROQ_BASE_URL or --base-url names another)"),
    ):
        say(f"  {name:<8} {value}")
    from tui.actions import ACTIONS  # noqa: PLC0415

    say(f"  actions  {', '.join(action.id for action in ACTIONS)}")
    for run in list_runs(settings, time.time()):
        say(f"  run      {run.name}: {run.path}, log {Path(run.path).with_suffix('.log')}")
    return exits.DONE
