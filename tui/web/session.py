"""Run one console process for one tab: start it, pass input, read its output until it ends, end it with its tab.

Packets are those of Textual's web driver: a letter, four bytes of length, and that many bytes. ``D`` is terminal
output, ``M`` is JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.text import inert

BEGINS = b"__GANGLION__\n"
"""The first line of Textual's web driver."""
END_TIMEOUT_S = 5.0
"""Seconds a console may take to end before it is terminated, then killed."""
LONGEST_TROUBLE = 2_000
"""Characters of a console's stderr that are shown when it ended by an error."""
LARGEST_PACKET = 1 << 26
_ROOT = str(Path(__file__).resolve().parents[2])
_OF_TERMINALS = (
    *("TMUX", "STY", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "COLORTERM", "NO_COLOR", "VTE_VERSION", "LC_TERMINAL"),
    *("KITTY_WINDOW_ID", "WEZTERM_PANE", "GHOSTTY_RESOURCES_DIR"),
)


@dataclass(frozen=True, slots=True)
class Size:
    """Hold the size of a terminal in cells."""

    width: int
    height: int

    @classmethod
    def of(cls, width: object, height: object) -> Size:
        """Return the size that a browser sent, clamped; 80 by 24 where it is unusable."""
        try:
            wide, high = int(str(width)), int(str(height))
        except ValueError:
            return cls(80, 24)
        return cls(min(max(wide, 1), 1_000), min(max(high, 1), 500))


@dataclass(frozen=True, slots=True)
class Ended:
    """Hold how a console ended: ``code`` is its exit code, ``trouble`` its stderr, inert."""

    code: int
    trouble: str


class Session:
    """Run one console: ``draw`` gets terminal output, ``tell`` the messages to the page.

    ``folders`` hold files for download; they are deleted with the session, also after a crash of the console.
    """

    def __init__(
        self,
        words: Sequence[str],
        draw: Callable[[bytes], Awaitable[None]],
        tell: Callable[[dict[str, object]], Awaitable[None]],
    ) -> None:
        self._words = words
        self._draw = draw
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self.folders: set[Path] = set()

    async def begin(self, size: Size) -> None:
        """Start the process. Raises OSError."""
        self._process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(os.environ, size),
            start_new_session=True,  # ctrl+c in the server's terminal is the server's, which lets its consoles leave
        )

    async def run(self) -> Ended:
        """Forward what the console sends until it ends, and return how it ended."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        complaints = asyncio.create_task(_tail(process.stderr))
        try:
            with contextlib.suppress(asyncio.IncompleteReadError):
                await self._read(process.stdout)
            code = await process.wait()
            trouble = (await complaints).strip().removeprefix("labeltui: ")
            return Ended(code, inert(trouble, limit=LONGEST_TROUBLE))
        finally:
            complaints.cancel()

    async def _read(self, said: asyncio.StreamReader) -> None:
        while await said.readuntil(b"\n") != BEGINS:
            pass
        while True:
            kind = await said.readexactly(1)
            length = int.from_bytes(await said.readexactly(4), "big")
            if length > LARGEST_PACKET:
                raise asyncio.IncompleteReadError(b"", length)
            packet = await said.readexactly(length)
            if kind == b"D":
                await self._draw(packet)
            elif kind == b"M":
                told = json.loads(packet)
                if told.pop("type", "") == "page":
                    await self._tell(told)

    async def type(self, text: str) -> None:
        """Send what was typed, clicked or pasted."""
        await self._send(b"D", text.encode("utf-8", "replace"))

    async def resize(self, size: Size) -> None:
        """Send a new size of the terminal."""
        await self._meta(type="resize", width=size.width, height=size.height)

    async def focus(self, *, there: bool) -> None:
        """Send whether the page has the focus."""
        await self._meta(type="focus" if there else "blur")

    async def end(self) -> None:
        """End the console, by force if it does not exit. Workers are not affected."""
        process = self._process
        if process is not None and process.returncode is None:
            await self._meta(type="quit")
            assert process.stdin is not None
            process.stdin.close()
            for insist in (process.terminate, process.kill):
                try:
                    await asyncio.wait_for(process.wait(), END_TIMEOUT_S)
                    break
                except TimeoutError:
                    with contextlib.suppress(ProcessLookupError):
                        insist()
            await process.wait()
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)

    async def _meta(self, **said: object) -> None:
        await self._send(b"M", json.dumps(said).encode())

    async def _send(self, kind: bytes, packet: bytes) -> None:
        assert self._process is not None
        stdin = self._process.stdin
        assert stdin is not None
        # It may have just ended, which its output shows; or hang, which must not block the rest.
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            stdin.write(kind + len(packet).to_bytes(4, "big") + packet)
            await asyncio.wait_for(stdin.drain(), END_TIMEOUT_S)


def environment(inherited: Mapping[str, str], size: Size) -> dict[str, str]:
    """Return the environment of a console for a browser, without variables of the server's own terminal."""
    return {name: value for name, value in inherited.items() if name not in _OF_TERMINALS} | {
        "TEXTUAL_DRIVER": "tui.web.driver:BrowserDriver",
        "TEXTUAL_COLOR_SYSTEM": "truecolor",
        "TERM": "xterm-256color",
        "COLUMNS": str(size.width),
        "ROWS": str(size.height),
        "PYTHONPATH": os.pathsep.join(filter(None, (_ROOT, inherited.get("PYTHONPATH", "")))),
    }


def words_for(run: Path | None, *, writable: bool) -> list[str]:
    """Return the command line of one console."""
    words = [sys.executable, "-P", "-m", "tui"]
    if run is not None:
        words += ["open", str(run)]
    return words if writable else [*words, "--read-only"]


async def _tail(stream: asyncio.StreamReader) -> str:
    """Return the end of a stream, bounded, so that endless output fills no memory."""
    kept = b""
    while chunk := await stream.read(4_096):
        kept = (kept + chunk)[-4 * LONGEST_TROUBLE :]
    return kept.decode("utf-8", "replace")
