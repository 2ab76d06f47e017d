"""Open screens and change how the console looks: nothing here asks anything of a worker."""

from __future__ import annotations

from core.model import EmailRow
from tui.actions.keymap import keyed
from tui.live.console_app import ConsoleApp
from tui.screens.base_screen import BaseScreen, front_screen
from tui.terminal.theme import PREFIX, following
from tui.widgets.panes.pane import Pane


class Views:
    """Do actions that open a screen or change the view. Screens are imported when they are needed."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app

    def _go_to(self, kind: type[BaseScreen]) -> None:
        """Go back to that screen where it is open already, else open a new one on top."""
        app = self._app
        for place, screen in enumerate(app.screen_stack):
            if isinstance(screen, kind):
                for _ in range(len(app.screen_stack) - 1 - place):
                    app.pop_screen()
                return
        app.push_screen(kind())

    def do_emails(self) -> None:
        from tui.screens.emails.list import EmailsScreen  # noqa: PLC0415

        self._go_to(EmailsScreen)

    def do_keys(self) -> None:
        from tui.screens.keys.list import KeysScreen  # noqa: PLC0415

        self._go_to(KeysScreen)

    def do_batches(self) -> None:
        """Open the lanes and batches of the run."""
        from tui.screens.batches import BatchesScreen  # noqa: PLC0415

        self._go_to(BatchesScreen)

    def do_review(self) -> None:
        """Open the review of the operator."""
        from tui.screens.quality.review import ReviewScreen  # noqa: PLC0415

        self._go_to(ReviewScreen)

    def show_review(self, annotator: str, size: int) -> None:
        """Open the review of somebody, with batches of that size."""
        from tui.screens.quality.review import ReviewScreen  # noqa: PLC0415

        self._app.push_screen(ReviewScreen(annotator, size))

    def do_quality(self) -> None:
        """Open the figures, or go back to them."""
        from tui.screens.quality.quality import QualityScreen  # noqa: PLC0415

        self._go_to(QualityScreen)

    def do_task(self) -> None:
        from tui.screens.task.task import TaskScreen  # noqa: PLC0415

        self._go_to(TaskScreen)

    def do_messages(self) -> None:
        """Show the messages about the email under the cursor, here or on a screen behind."""
        from tui.screens.task.messages import MessagesScreen  # noqa: PLC0415

        front = front_screen(self._app.screen_stack)
        behind = (screen.selected() for screen in reversed(self._app.screen_stack) if isinstance(screen, BaseScreen))
        row = next((each for each in behind if isinstance(each, EmailRow)), None)
        draft = front.context().draft if front is not None else None
        self._app.push_screen(MessagesScreen(row, draft.task if draft is not None else None))

    def do_help(self) -> None:
        """Show the help for the pane and the screen in sight; on the help itself, go back."""
        from tui.screens.pages import HelpScreen  # noqa: PLC0415

        front = front_screen(self._app.screen_stack)
        if front is None or isinstance(front, HelpScreen):
            self._app.do_back()
        else:
            pane = front.focused.NAME if isinstance(front.focused, Pane) else ""
            self._app.push_screen(HelpScreen(front.context(), pane))

    def do_guide(self) -> None:
        """Open the guide at the page about the screen in sight, or about the one that the help explains."""
        from tui.screens.guide import GuideScreen, topic_of  # noqa: PLC0415
        from tui.screens.pages import HelpScreen  # noqa: PLC0415

        front = front_screen(self._app.screen_stack)
        if isinstance(front, GuideScreen):
            self._app.do_back()
        elif front is not None:
            scope = front.asked_from if isinstance(front, HelpScreen) else front.SCOPE
            self._app.push_screen(GuideScreen(topic_of(scope)))

    def do_info(self) -> None:
        """Show the page of versions, paths and settings; on the page itself, go back."""
        from tui.screens.pages import InfoScreen  # noqa: PLC0415

        if isinstance(front_screen(self._app.screen_stack), InfoScreen):
            self._app.do_back()
        else:
            self._go_to(InfoScreen)

    def do_theme(self) -> None:
        """Switch to the next theme."""
        self._wear(following(self._app.theme))

    def do_themes(self) -> None:
        """Open a window of all themes."""
        from tui.screens.themes import ChooseTheme  # noqa: PLC0415

        self._app.push_screen(ChooseTheme(), self._wear)

    def _wear(self, name: str | None) -> None:
        if name is None:
            return
        self._app.theme = name
        self._app.say(f"The theme is {name.removeprefix(PREFIX)}.")
        self._app.remember("theme", name)

    def do_tour(self) -> None:
        """Show the tour again."""
        self.show_tour(asked_for=True)

    def show_tour(self, *, asked_for: bool = False) -> None:
        """Show three small windows; keys pressed for the console reach the console."""
        from tui.screens.tour import Tour  # noqa: PLC0415

        def ended(key: str | None) -> None:
            if key is not None:
                self._app.call_later(self._app.simulate_key, key)

        self._app.push_screen(Tour(self._app.clock, asked_for=asked_for), ended)

    def do_hold(self) -> None:
        """Let the picture stand still, or move on. The state line moves in any case."""
        self._app.held = not self._app.held
        if self._app.held:
            self._app.say(keyed("The view is held; the work goes on. {hold} lets it move, {pause} pauses the work."))
        self._app.hand_down()
