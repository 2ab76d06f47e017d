"""The first tenth of a second of a command: an interrupt in it ends the process quietly."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

_INTERRUPTED = """
import os, runpy, signal, sys

class Interrupts:
    \"\"\"Presses ctrl+c when a module is about to be imported.\"\"\"

    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.SIG_IGN if sys.argv[2] == "ignored" else signal.default_int_handler)
sys.meta_path.insert(0, Interrupts())
module, sys.argv[1:] = sys.argv[1], ["info"]
runpy.run_module("tui", run_name="__main__")
"""


def interrupted(module: str, sigint: str = "heard") -> subprocess.CompletedProcess[str]:
    """``labeltui info``, interrupted when it is about to import ``module``."""
    return subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, module, sigint],
        capture_output=True, text=True, check=False, timeout=60, env=dict(os.environ),
    )  # fmt: skip


@pytest.mark.parametrize("module", ["tui.cli", "core.errors", "core.model.emails", "argparse", "tui.commands.info"])
def test_an_interrupt_at_the_start_ends_quietly(home: Path, module: str) -> None:
    """130 and not a word, whatever is being imported at that moment."""
    ended = interrupted(module)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_an_interrupt_that_the_shell_has_ignored_stays_ignored(home: Path) -> None:
    """A command in the background of a script is not ended by a ctrl+c that is meant for another."""
    ended = interrupted("core.errors", "ignored")
    assert ended.returncode == 0, ended.stderr
    assert "keys" in ended.stdout


def test_the_command_begins_there() -> None:
    """The console script is what ``python -m labeltui`` and ``python -m tui`` are."""
    with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
        assert tomllib.load(file)["project"]["scripts"] == {"labeltui": "labeltui:main"}
