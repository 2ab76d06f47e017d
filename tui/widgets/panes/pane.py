"""Format one reactive as lines in a bordered, numbered widget that redraws only lines that changed."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.style import Style
from textual.widget import Widget

from tui.text.parts import line


def _parsed(style: Style | str) -> Style:
    return Style.parse(style) if isinstance(style, str) else style


def drawn(content: Content, width: int, style: Style) -> Strip:
    """Return one line as a strip of exactly ``width`` cells on top of ``style``.

    Skips Textual's wrapping and link search, which a single line does not need: half the cost of a refresh.
    """
    fitted = content.truncate(width, ellipsis=True, pad=True)
    parts = fitted.render(style, end="", parse_style=_parsed)
    return Strip([Segment(text, part.rich_style) for text, part in parts], width)


class LinesWidget(Widget):
    """Draw :meth:`lines` one by one, and redraw only those that changed: little traffic over ssh."""

    auto_links = False  # there are none, and searching them is a tenth of drawing

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lines: list[Content] = []

    def lines(self, width: int, height: int) -> list[Content]:
        """Return what to show in that many cells and rows; more than ``height`` lines are cut off."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Compute the lines again and repaint those that differ."""
        width, height = self.size
        if not width or not height:
            return
        before, self._lines = self._lines, self.lines(width, height)[:height]
        blank = Content.empty()
        for row in range(max(len(before), len(self._lines))):
            old = before[row] if row < len(before) else blank
            new = self._lines[row] if row < len(self._lines) else blank
            if not new.is_same(old):
                self.refresh(Region(0, row, width, 1))

    def on_resize(self) -> None:
        self.redraw()
        self.refresh()  # it may have been drawn in its new size already, with the lines of the old one

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, self.visual_style.rich_style)
        return drawn(self._lines[y], width, self.visual_style)


class Pane(LinesWidget, can_focus=True):
    """Show a numbered pane. Subclasses format their facts; equal facts cost nothing."""

    NAME: ClassVar[str]
    NUMBER: ClassVar[int]
    ALLOW_MAXIMIZE = True
    ALLOW_SELECT = False

    facts: reactive[Any] = reactive(None, repaint=False)

    def __init__(self) -> None:
        super().__init__(classes=f"pane-{self.NUMBER}")
        self._title: Content | None = None
        self._space = " "
        self._retitle()

    def framed(self, whole: bool) -> None:  # noqa: FBT001  (a frame, or a rule on top)
        """Put spaces around the title where the border itself has none."""
        self._space = "" if whole else " "
        self._retitle()

    def heading(self) -> str:
        """Return what the border shows beside the name: counts, scope, units. Must be inert."""
        return ""

    def body(self, width: int, height: int) -> list[Content]:
        """Return the lines where there are facts."""
        raise NotImplementedError

    def rows_wanted(self) -> int | None:
        """Return the rows that the facts need, for panes whose height is automatic."""
        return None

    def lines(self, width: int, height: int) -> list[Content]:
        if self.facts is None:
            return [line(("reading …", "$quiet"))]
        return self.body(width, height)

    def watch_facts(self) -> None:
        if not self.is_mounted:
            return
        self._retitle()
        wanted = self.rows_wanted()
        if wanted is not None and wanted != self.size.height and self.styles.height is not None:
            self.refresh(layout=self.styles.height.is_auto)
        self.redraw()

    def _retitle(self) -> None:
        heading = self.heading() if self.facts is not None else ""
        scope = f" · {heading}" if heading else ""
        name = ((f"{self.NUMBER} ", "$quiet"), (self.NAME, "bold"), (scope, "$quiet"))
        title = line(self._space, *name, self._space)
        if self._title is None or not title.is_same(self._title):
            self._title = title
            self.border_title = title

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's
        return self.rows_wanted() or 2
