"""Command lines, one after the other in one process: ``python -m tests.programs.pty.commands FILE.json``, which lists them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tui.cli import main


def run_all(listed: list[list[str]]) -> None:
    """Run each; a line between them says how it ended."""
    for number, arguments in enumerate(listed):
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        sys.stderr.flush()
        print(f"== {number} {code}", flush=True)


if __name__ == "__main__":
    run_all(json.loads(Path(sys.argv[1]).read_text("utf-8")))
