"""Kill workers a thousand times, at random and at chosen moments, and look after each whether anything was lost.

    python -m tests.crash --kills 1000 --seed 1

Exit code 0 means that every promise held. Victims are forks of one process that has imported the validation already
(see ``tests/programs/crash/zygote.py``); ``tests/programs/kills.py`` kills workers that were started as the console starts them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.programs.crash.harness import Rounds, scratch


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--emails", type=int, default=250, help="emails of each run")
    given = parser.parse_args()
    with scratch() as folder:
        report = Rounds(Path(folder) / "home", given.seed, given.emails).play(given.kills)
    print("\n".join(report.lines()))
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
