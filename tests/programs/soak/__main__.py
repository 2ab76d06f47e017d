"""Does anything grow? Memory, open files, threads, tasks and the WAL of a run that goes on and on.

    python -m tests.soak                  # 18 hours in virtual time, in some minutes
    python -m tests.soak --minutes 30     # real processes at full speed: worker, console, simulator

Prints each figure with the rule that it is held against. Exit code 0 means flat, 1 that something was not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.programs.soak.flat import HEAD

say = partial(print, flush=True)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="real time at full speed, instead of virtual time")
    parser.add_argument(
        "--emails", type=int, help="of the real run (default: more than any worker labels in that time)"
    )
    parser.add_argument("--hours", type=float, default=18.0, help="virtual hours (default 18)")
    parser.add_argument("--keep", type=Path, metavar="FILE.csv", help="write every sample there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as scratch:
        if given.minutes:
            from tests.programs.soak.real import RULES, soak

            samples, wrong = soak(given.minutes, Path(scratch) / "home", emails=given.emails, say=say)
            rules = RULES
        else:
            from tests.programs.soak.virtual import RULES, soak

            samples, wrong = soak(given.hours, Path(scratch), say=say)
            rules = RULES
    if given.keep:
        samples.write(given.keep)
    findings = samples.findings(rules)
    say(HEAD)
    for finding in findings:
        say(finding.line())
    for sentence in wrong:
        say(f"BROKEN: {sentence}")
    flat = not wrong and not any(finding.broken for finding in findings)
    say("flat" if flat else "not flat")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
