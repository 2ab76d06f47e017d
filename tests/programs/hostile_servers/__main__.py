"""Let a worker label on each hostile server, then on a sound one, and look at what is left.

    python -m tests.programs.hostile_servers [--only WORDS]

Every mode of :mod:`tests.programs.hostile_servers.modes` answers all calls of a worker for some seconds. Then the worker is
told to stop, the quota database is deleted (what a server told may bench a key for a day), and the same address answers
soundly. Nothing may be lost: each email is labeled in the end. The worker may not leave a traceback, may not need more than
200 MB beside what it needs on a sound server, must stop when asked, and the key may lie in no file but that of the keys.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.programs.hostile_servers.modes import MODES, Server, serving
from tests.programs.walk.invariants import Seen, check, secrets_in
from tests.programs.walk.processes import ROOT, CopiedHome, Processes, prepared
from tests.programs.walk.world import TASK

KEY = "gsk_of_a_hostile_program_0123456789"
EMAILS = 6
ASKS_S = 4.0
"""How long a mode answers before the worker is told to stop."""
STOPS_WITHIN_S = 15.0
ENDS_WITHIN_S = 60.0
MOST_MORE_BYTES = 200_000_000
CODES = (0, 1, 3, 5, 6, None)


class Hostility(CopiedHome):
    """A home with one run that is copied for each mode, and two servers in a thread."""

    server: Server

    def prepare(self) -> None:
        """Start the servers and the process that others are forked from, and make the run."""
        loop = asyncio.new_event_loop()
        ready, over = threading.Event(), asyncio.Event()

        async def serve() -> None:
            async with serving() as self.server:
                ready.set()
                await over.wait()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
        thread.start()
        ready.wait()
        self._stack.callback(thread.join, 10)
        self._stack.callback(loop.call_soon_threadsafe, over.set)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("GROQ", "LABELTUI"))}
        environment |= {
            "LABELTUI_HOME": str(self.home),
            "GROQ_BASE_URL": self.server.address,
            "GROQ_API_KEY": KEY,
            "PYTHONPATH": str(ROOT),
        }
        self._processes = self._stack.enter_context(Processes(environment, self.folder / "out.txt", self.folder))
        rows = "".join(f'mail-{number},"Please send contract {number}."\n' for number in range(1, EMAILS + 1))
        (self.folder / "mails.csv").write_text("id,text\n" + rows, "utf-8")
        (self.folder / "task.toml").write_text(TASK.format(words="Else 0.") + "[model]\ntimeout_s = 1.5\n", "utf-8")
        code = self._end(("new", "mails.csv", "--name", "r", "--task", "task.toml"))
        if code != 0:
            raise RuntimeError(f"no run: {self.said()}")
        self.keep()
        self.usual_bytes = 0
        self.renew()
        self.usual_bytes = self._label(None)[1]

    def _end(self, line: tuple[str, ...]) -> int | None:
        number = self._processes.begin(line)
        code = self._processes.wait(number, ENDS_WITHIN_S)
        if code is None:
            self._processes.kill(number)
        return code

    def _label(self, mode: str | None) -> tuple[int | None, int]:
        """Let a worker label; return its exit code (None where it did not stop when asked) and its most memory."""
        self.server.mode = mode
        number = self._processes.begin(("work", "r"))
        pid, most = self._processes.pid(number), 0
        until = time.monotonic() + (ASKS_S if mode else ENDS_WITHIN_S)
        while time.monotonic() < until and self._processes.wait(number, 0.1) is None:
            most = max(most, _memory(pid))
        if self._processes.wait(number, 0) is None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        code = self._processes.wait(number, STOPS_WITHIN_S)
        if code is None:
            self._processes.kill(number)
            return -1, most
        return code, most

    def play(self, mode: str) -> tuple[list[str], int, int]:
        """Play a mode to a worker; return what is broken, or nothing, the calls made, and bytes beside a sound server."""
        self.renew()
        self.server.asked = 0
        self.server.strayed.clear()
        code, most = self._label(mode)
        asked = self.server.asked
        broken = [] if code in CODES else [f"the worker ended with {code}"]
        if most > self.usual_bytes + MOST_MORE_BYTES:
            broken.append(f"{(most - self.usual_bytes) / 1e6:.0f} MB more than on a sound server")
        broken += self._left()
        if not asked:
            broken.append("no call was made")
        (self.home / "quota.db").unlink(missing_ok=True)
        for line in (("retry", "r", "--failed"), ("resume", "r", "--no-wait")):
            self._end(line)
        code, _ = self._label(None)
        seen = Seen()
        broken += check(self.home / "runs" / "r.db", seen)
        labeled = len({row[0] for row in seen.labels.values()})
        if labeled != EMAILS:
            broken.append(f"afterwards {labeled} of {EMAILS} emails are labeled; work ended with {code}")
        return [*broken, *self._left()], asked, most - self.usual_bytes

    def _left(self) -> Iterator[str]:
        texts = [self.said()] + [path.read_text("utf-8", "replace") for path in self.home.rglob("*.log")]
        for text in texts:
            _, traced, rest = text.partition("Traceback (most recent call last)")
            if traced:
                yield f"a traceback, ending in {rest.strip().splitlines()[-1][:200]}"
            if "\x1b" in text or "\x9b" in text:
                yield "an escape sequence"
            if KEY in text:
                yield "the key was printed or logged"
        yield from secrets_in(self.home, (KEY,))
        if self.server.strayed:
            yield f"another server was asked: {self.server.strayed[0][:60]!r}"


def _memory(pid: int) -> int:
    """Return the most memory that a process has had, in bytes; 0 where it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def main() -> int:
    """Play each mode; print a row for each, and what broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORDS", help="modes whose name holds this")
    given = parser.parse_args()
    found = 0
    modes = [mode for mode in MODES if given.only in mode]
    with prepared(Hostility) as hostility:
        for mode in modes:
            broken, asked, more = hostility.play(mode)
            found += bool(broken)
            print(
                f"{mode:<40}{asked:>6} calls  {more / 1e6:>+6.0f} MB  {'; '.join(broken) or 'nothing broke'}",
                flush=True,
            )
    print(f"{len(modes)} modes: {found} broke something")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
