"""What can be done to the key under the cursor, on the list of keys and on the record of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.model import KeyStatus
from core.text import one_line
from tui.screens.base_screen import BaseScreen
from tui.screens.keys.windows import Regroup
from tui.screens.modals import Confirm
from tui.text.numbers import countdown

if TYPE_CHECKING:
    from core.engine import Trial


def _named(key: KeyStatus) -> str:
    return one_line(key.alias, limit=40)


class KeyEditing(BaseScreen):
    """A screen on which a key can be selected. Facts change in ``quota.db``; the next picture shows them."""

    def selected_key(self) -> KeyStatus | None:
        """The key that is meant, as the newest picture shows it."""
        selected = self.selected()
        return selected if isinstance(selected, KeyStatus) else None

    def do_toggle(self) -> None:
        """Take the key out of use, or back into it."""
        key = self.selected_key()
        if key is None:
            return
        enable = key.state.out
        engine = self.console_app.engine
        self.console_app.job(
            lambda: engine.set_enabled(self.console_app.run_path, key.alias, enabled=enable),
            f"{_named(key)} is {'in' if enable else 'out of'} use.",
        )

    def do_pin(self) -> None:
        """Ask with this key first, or with none."""
        key = self.selected_key()
        if key is None:
            return
        engine, run = self.console_app.engine, self.console_app.run_path
        self.console_app.job(
            lambda: engine.pin_key(run, None if key.pinned else key.alias),
            "No key is asked first."
            if key.pinned
            else f"{_named(key)} is asked first; the others take what it cannot.",
        )

    def do_try_key(self) -> None:
        """Ask one tiny question with it."""
        key = self.selected_key()
        if key is None:
            return
        app = self.console_app
        engine, run = app.engine, app.run_path

        def told(trial: Trial) -> None:
            app.say(f"{_named(key)}: {trial.sentence}", severity="information" if trial.works else "error")
            app.poller.hurry()

        app.say(f"Asking one tiny question with {_named(key)} …")
        app.jobs.send(lambda: engine.try_key(run, key.alias), told)

    def do_regroup(self) -> None:
        """Say which organization it belongs to."""
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
        """Let its organization ask again at once, after asking."""
        key = self.selected_key()
        if key is None:
            return
        app = self.console_app
        engine, run = app.engine, app.run_path
        organization = one_line(key.organization, limit=40)

        def done(cleared: tuple[str, ...]) -> None:
            what = f"cleared {'; '.join(cleared)}" if cleared else "nothing was left to clear"
            app.say(f"{organization} may ask again: {what}.")
            app.poller.hurry()

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                app.jobs.send(lambda: engine.clear_bench(run, key.organization), done)

        waits = f"{countdown(key.cooldown_s)} more" + (f" for {one_line(key.limit, limit=12)}" if key.limit else "")
        question = (
            f"Let {organization} ask again at once? It waits {waits}. Its bench goes, and what is short of a call is"
            " taken for full, for every key of it. If the limit still holds, the next call is refused."
        )
        app.push_screen(Confirm(question, "Clear it", "Let it wait"), answered)

    def do_remove(self) -> None:
        """Forget the key, after asking."""
        key = self.selected_key()
        if key is None:
            return
        engine = self.console_app.engine

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                self.console_app.job(
                    lambda: engine.remove_key(self.console_app.run_path, key.alias), f"{_named(key)} is forgotten."
                )

        question = (
            f"Forget the key {_named(key)} (…{one_line(key.last4, limit=4)})? Its secret cannot be brought back from"
            " here."
        )
        self.app.push_screen(Confirm(question, "Forget it", "Keep it"), answered)
