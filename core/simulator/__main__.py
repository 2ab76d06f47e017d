"""Run `python -m core.simulator`: a simulator as a process of its own, as `core.simulator.child` starts it."""

from __future__ import annotations

import argparse
import sys

from core.simulator.config import SimulatorError
from core.simulator.options import add_arguments, run


def main(arguments: list[str] | None = None) -> int:
    """Serve with these arguments (default: the process's own); return the exit code, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="simulate", description="A Groq stand-in on this machine only.")
    add_arguments(parser)
    try:
        return run(parser.parse_args(arguments))
    except SimulatorError as error:
        sys.stderr.write(f"simulate: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
