# ruff: noqa: INP001 - a script, not a package
"""Take the pictures of every screen: the real console, over the demo's real worker and simulator.

Run it from the project's root: ``python screenshots/make.py``, or with the names of some pictures to take these alone.
It takes some three minutes and leaves nothing else behind. Seeds fix the emails, their order and the answers; times
and rates are those of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "screenshots")]

import catalog  # noqa: E402
import stage  # noqa: E402
import walks  # noqa: E402
from camera import Camera  # noqa: E402


def main() -> None:
    """Take the pictures that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="only these pictures; all where none is named")
    parser.add_argument("--into", type=Path, default=Path(__file__).resolve().parent)
    asked = parser.parse_args()
    camera = Camera(asked.into, asked.names)
    with stage.world(walks.EMAILS) as world:
        asyncio.run(walks.before_anything(stage.HOME / "fresh", camera))
        asyncio.run(walks.states(world, camera))
        asyncio.run(walks.among_runs(world, camera))
        asyncio.run(walks.at_work(world, camera))
        asyncio.run(walks.again(world, camera))
    catalog.write_page(asked.into)
    print(f"{len(camera.taken)} screens, {camera.bytes:,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
