"""Notify the person at the console by bell and desktop, when the view state shows an occasion.

In a browser the tab is marked instead.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from core.engine import NotifySetup, Occasion, noticed
from core.errors import LabeltuiError
from core.model import Snapshot
from tui.live.console_app import ConsoleApp
from tui.terminal.desktop import sequence


class Notifying:
    """Compare each snapshot with the one before. ``quiet`` is the operator's choice, kept for the next start."""

    def __init__(self, app: ConsoleApp, *, quiet: bool, environment: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._environment = os.environ if environment is None else environment
        self._before: Snapshot | None = None
        self.quiet = quiet
        self.trouble = ""
        self._setup = NotifySetup()
        try:
            self._setup = app.engine.notify_setup()
        except LabeltuiError as error:
            self.trouble = str(error)

    def see(self, snapshot: Snapshot | None) -> None:
        """Take the next snapshot of the run that is open."""
        before, self._before = self._before, snapshot
        if snapshot is None or (before is not None and before.run.path != snapshot.run.path):
            return
        occasion = noticed(before, snapshot)
        if occasion is not None:
            self.tell(occasion)

    def tell(self, occasion: Occasion) -> None:
        """Show a toast; ring the bell and notify the desktop unless ``quiet``."""
        self._app.say(f"{occasion.title}: {occasion.text}", severity="warning")
        if self.quiet:
            return
        if self._app.page.there:
            self._app.page.notify(occasion.title)
            return
        if self._setup.bell:
            self._app.bell()
        told = sequence(self._environment, self._setup.desktop, occasion.title, occasion.text)
        if told:
            self._app.to_terminal(told)
