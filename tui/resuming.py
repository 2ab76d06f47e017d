"""A driver that comes back whole from every stop, also from one that nobody told it of before.

ctrl+z, and SIGTSTP from elsewhere, are prepared for: the terminal is given back first. SIGSTOP cannot be prepared for,
and the shell then has put the terminal into modes of its own. Going on without having left would read every key twice,
and keep the modes of the picture as those to put back in the end.
"""

from __future__ import annotations

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

LOOKS_S = (0.3, 1.5)
"""Seconds after coming back at which the size is looked at again: on a busy machine its first word can get lost."""


class ResumingDriver(LinuxDriver):
    """Leaves the terminal before it takes it anew, where the stop came without that."""

    def _sigcont_application(self, *_: object) -> None:
        if self._auto_restart and not self._must_signal_resume and self._key_thread is not None:
            self.suspend_application_mode()
        super()._sigcont_application()
        for later_s in LOOKS_S:
            self._loop.call_soon_threadsafe(self._loop.call_later, later_s, self._look_at_size)

    def _look_at_size(self) -> None:
        """Let the picture take the terminal's size where it has another."""
        size = Size(*self._get_terminal_size())
        if self._key_thread is not None and self._app.screen.size != size:
            told = events.Resize(size, size)
            self._app.post_message(told)
            self._app.screen.post_message(told)
