"""Walk at random through commands, workers, faults and files, and look after every step whether anything broke.

    python -m tests.programs.walk --minutes 5 --seed 1
    python -m tests.programs.walk --steps 200 --seed 1 --minimize

A step is a command (or two at once), a console that is opened, typed into or killed, a signal to a worker, a disk that
fills or frees, a file that is lost, a time. The
simulator answers with faults. After every step each run file is read by SQL of our own: totals equal rows, no email with two
model labels of one version, the cursor right, label and call rows only appended, no secret in any file, no traceback in any
output. At the end all is mended, each run is worked to its end and checked. Exit code 1 says that something broke; the
printed steps repeat the walk, as far as processes beside each other can be repeated.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.programs.walk.processes import ENVIRONMENT, Zygote
from tests.programs.walk.steps import Step, drawn
from tests.programs.walk.world import USUAL, Broken, World


def walk(
    steps: list[Step], folder: Path, *, until: float | None = None, zygote: Zygote | None = None
) -> tuple[Counter[str], Broken | None]:
    """Walk the steps in a world of its own; return what was done, by kind, and what broke first."""
    done: Counter[str] = Counter()
    server = next((step.argument for step in steps if step.kind == "server"), USUAL)
    with World(folder, zygote, server) as world:
        for number, step in enumerate(steps, 1):
            if until is not None and time.monotonic() > until:
                break
            world.take(step)
            done[step.kind] += 1
            broken = world.broken()
            if broken:
                return done, Broken(number, broken)
        return done, Broken(len(steps), sentence) if (sentence := world.finish()) else None


def minimized(steps: list[Step], kind: str, scratch: Path, *, tries: int = 2, within_s: float = 600) -> list[Step]:
    """Return fewer steps that still break the same thing: ever smaller pieces are left out (Zeller's ddmin).

    Processes race, so leaving out a piece counts as harmless only if it broke in one of ``tries`` walks.
    """
    deadline = time.monotonic() + within_s
    pieces = 2
    while len(steps) > 1 and time.monotonic() < deadline:
        size = max(1, len(steps) // pieces)
        for start in range(0, len(steps), size):
            fewer = steps[:start] + steps[start + size :]
            if any(_breaks(fewer, kind, scratch) for _ in range(tries)):
                steps, pieces = fewer, max(2, pieces - 1)
                break
        else:
            if size == 1:
                break
            pieces = min(len(steps), pieces * 2)
    return steps


def _breaks(steps: list[Step], kind: str, scratch: Path) -> bool:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        _, broken = walk(steps, Path(folder))
    return broken is not None and broken.kind == kind


def main() -> int:
    """Walk for so long or so many steps from each seed; print a table of what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="walk until then, a seed after the other")
    parser.add_argument("--steps", type=int, default=200, help="steps from each seed (default 200)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="so many seeds, where no time is given")
    parser.add_argument("--first", action="store_true", help="end with the first seed that breaks something")
    parser.add_argument("--minimize", action="store_true", help="look for fewer steps that break the same")
    parser.add_argument("--without", nargs="*", default=(), metavar="KIND", help="kinds of steps to leave out")
    given = parser.parse_args()
    until = time.monotonic() + given.minutes * 60 if given.minutes else None
    all_done: Counter[str] = Counter()
    found: list[tuple[int, Broken]] = []
    seed = given.seed
    with tempfile.TemporaryDirectory(prefix="walk-") as scratch, Zygote(ENVIRONMENT) as zygote:
        while time.monotonic() < until if until else seed < given.seed + given.seeds:
            steps = drawn(seed, given.steps, without=given.without)
            began_at = time.monotonic()
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                done, broken = walk(steps, Path(folder), until=until, zygote=zygote)
            all_done += done
            took_s = time.monotonic() - began_at
            print(f"seed {seed}: {sum(done.values())} steps in {took_s:.0f} s, {broken or 'nothing broke'}", flush=True)
            if broken:
                found.append((seed, broken))
                shown = steps[: broken.step]
                if given.minimize:
                    shown = minimized(shown, broken.kind, Path(scratch))
                for step in shown[-12:] if not given.minimize else shown:
                    print(f"    {step}")
            seed += 1
            if broken and given.first:
                break
    print(f"\n{'step':<28}{'times':>8}")
    for kind, count in sorted(all_done.items()):
        print(f"{kind:<28}{count:>8}")
    print(f"{sum(all_done.values()):,} steps from {seed - given.seed} seeds: {len(found)} broke")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
