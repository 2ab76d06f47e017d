"""Handing the terminal to the operator's own editor for a while."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from tui.actions.keymap import keyed


def edited_outside(app: App[Any], path: Path) -> str:
    """Let the editor have the file until it ends; returns what went wrong in a sentence, or nothing."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        words = [*shlex.split(command), str(path)]
        with app.suspend():
            done = subprocess.run(words, check=False)  # noqa: S603 - the operator's own editor
    except SuspendNotSupported:
        return keyed("This terminal cannot be handed to an editor. {edit} edits here.")
    except (OSError, ValueError) as error:
        return f"{command} cannot be started: {error}. Set $EDITOR to another. The draft is as it was."
    if done.returncode:
        return f"{command} ended with code {done.returncode}. The draft is as it left it."
    return ""
