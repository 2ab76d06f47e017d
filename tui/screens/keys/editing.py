"""Act on the key under the cursor, from the list of keys and from the record of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.model import KeyStatus
from core.text import one_line
from tui.screens.base_screen import BaseScreen
from tui.screens.keys.windows import Regroup
from tui.screens.modals import Confirm
from tui.text.numbers import countdown

if TYPE_CHECKING:
    from core.engine import KeyCheck


def _named(key: KeyStatus) -> str:
    return one_line(key.alias, limit=40)


class KeyEditing(BaseScreen):
    """Do the actions on a selected key. They change ``quota.db``; the next reading shows the result."""

    def selected_key(self) -> KeyStatus | None:
        """Return the selected key by the newest reading."""
        selected = self.selected()
        return selected if isinstance(selected, KeyStatus) else None

    def do_toggle(self) -> None:
        """Disable the key, or enable it."""
        key = self.selected_key()
        if key is None:
            return
        enable = key.state.out
        engine = self.console_app.engine
        self.console_app.job(
            lambda: engine.set_enabled(self.console_app.run_path, key.alias, enabled=enable),
            f"{_named(key)} is {'enabled' if enable else 'disabled'}.",
        )

    def do_pin(self) -> None:
        """Pin the key, so that it is used first, or unpin it."""
        key = self.selected_key()
        if key is None:
            return
        engine, run = self.console_app.engine, self.console_app.run_path
        self.console_app.job(
            lambda: engine.pin_key(run, None if key.pinned else key.alias),
            "No key is pinned." if key.pinned else f"{_named(key)} is used first; the others take the rest.",
        )

    def do_try_key(self) -> None:
        """Check the key with one short question."""
        key = self.selected_key()
        if key is None:
            return
        app = self.console_app
        engine, run = app.engine, app.run_path

        def told(trial: KeyCheck) -> None:
            app.say(f"{_named(key)}: {trial.sentence}", severity="information" if trial.works else "error")
            app.poller.hurry()

        app.say(f"Checking {_named(key)} with one short question …")
        app.jobs.send(lambda: engine.try_key(run, key.alias), told)

    def do_regroup(self) -> None:
        """Set the organization of the key."""
        key = self.selected_key()
        if key is None:
            return
        app = self.console_app
        engine, run = app.engine, app.run_path
        known = sorted({each.organization for each in app.view_state.keys if each.organization_known})

        def answered(name: str | None) -> None:
            if name is not None:
                app.job(
                    lambda: engine.regroup_key(run, key.alias, name),
                    f"{_named(key)} is shown under {one_line(name, limit=40)}.",
                )

        app.push_screen(Regroup(key.alias, key.organization, known), answered)

    def do_clear_bench(self) -> None:
        """Clear the wait of its organization, after a confirmation."""
        key = self.selected_key()
        if key is None:
            return
        app = self.console_app
        engine, run = app.engine, app.run_path
        organization = one_line(key.organization, limit=40)

        def done(cleared: tuple[str, ...]) -> None:
            what = f"cleared {'; '.join(cleared)}" if cleared else "nothing was left to clear"
            app.say(f"{organization} may be used again: {what}.")
            app.poller.hurry()

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                app.jobs.send(lambda: engine.clear_bench(run, key.organization), done)

        waits = f"{countdown(key.cooldown_s)} more" + (f" for {one_line(key.limit, limit=12)}" if key.limit else "")
        question = (
            f"Use {organization} again at once? It waits {waits}. Its wait is cleared, and limits too low for a call"
            " are taken as full, for all of its keys. If the limit still applies, the next call is refused."
        )
        app.push_screen(Confirm(question, "Clear it", "Cancel"), answered)

    def do_remove(self) -> None:
        """Remove the key, after a confirmation."""
        key = self.selected_key()
        if key is None:
            return
        engine = self.console_app.engine

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                self.console_app.job(
                    lambda: engine.remove_key(self.console_app.run_path, key.alias), f"{_named(key)} is removed."
                )

        question = f"Remove the key {_named(key)} (…{one_line(key.last4, limit=4)})? Its secret cannot be restored."
        self.app.push_screen(Confirm(question, "Remove it", "Cancel"), answered)
