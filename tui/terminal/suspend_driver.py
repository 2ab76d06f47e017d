"""A driver that comes back whole from every stop, also from one that nobody told it of before.

ctrl+z, and SIGTSTP from elsewhere, are prepared for: the terminal is given back first. SIGSTOP cannot be prepared for,
and the shell then has put the terminal into modes of its own. Going on without having left would read every key twice,
and keep the modes of the picture as those to put back in the end.
"""

from __future__ import annotations

from textual.drivers.linux_driver import LinuxDriver

from tui.terminal.size import size_of


class ResumingDriver(LinuxDriver):
    """Leaves the terminal before it takes it anew, where the stop came without that; has the size that it has then."""

    def _sigcont_application(self, *_: object) -> None:
        if self._auto_restart and not self._must_signal_resume and self._key_thread is not None:
            self.suspend_application_mode()
        super()._sigcont_application()

    def _get_terminal_size(self) -> tuple[int, int]:
        return size_of(self.fileno)
