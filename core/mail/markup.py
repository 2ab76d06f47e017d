"""HTML mail as readable text, in one pass whose time grows with the size and with nothing else.

The standard library's HTML parser takes time in the square of the size for some broken markup (thousands of comments
that never close), and mail is written by strangers. This reads just enough: tags, comments, character references.
"""

from __future__ import annotations

import html
import re

_TAG_NAME = re.compile(r"/?[a-zA-Z][a-zA-Z0-9:-]{0,40}")
_ALT = re.compile(r"""\balt\s{0,9}=\s{0,9}(?:"([^"]{1,300})"|'([^']{1,300})')""", re.IGNORECASE)
_WHITE = re.compile(r"[ \t\r\n\f\v\u00a0]+")
_SPACES = re.compile(r" {2,}")
_SILENT = frozenset({"script", "style", "head", "title", "template", "noscript"})
_NEW_LINE = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "dd", "div", "dl", "dt", "fieldset", "footer"),
        *("form", "header", "hr", "html", "li", "main", "nav", "ol", "option", "pre", "section", "table", "tr", "ul"),
    )
)
_NEW_PARAGRAPH = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p"})
_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)
_OPENING_CHARS = 20_000


class _Reader:
    """Walks over one document and gathers its text. A line break comes from the layout, and waits for a next word."""

    def __init__(self, markup: str) -> None:
        self.markup = markup
        self._out: list[str] = []
        self._breaks = 0
        self._bullet = False
        self._missing: set[str] = set()

    def read(self) -> str:
        position = 0
        while position < len(self.markup):
            angle = self.markup.find("<", position)
            if angle < 0:
                self._words(self.markup[position:])
                break
            self._words(self.markup[position:angle])
            position = self._element(angle)
        return _SPACES.sub(" ", "".join(self._out)).replace(" \n", "\n").replace("\n ", "\n").strip()

    def _words(self, text: str) -> None:
        words = _WHITE.sub(" ", html.unescape(text))
        if words.strip():
            self._out.append("\n" * self._breaks + ("- " if self._bullet else "") + words)
            self._breaks, self._bullet = 0, False
        elif words and not self._breaks:
            self._out.append(" ")

    def _break(self, at_least: int) -> None:
        self._breaks = max(self._breaks, at_least)

    def _element(self, angle: int) -> int:
        """Handle what begins with the ``<`` at ``angle``; return where to go on."""
        if self.markup.startswith("<!--", angle):
            return self._beyond("-->", angle + 4, angle)
        if self.markup.startswith(("<!", "<?"), angle):
            return self._beyond(">", angle + 2, angle)
        name = _TAG_NAME.match(self.markup, angle + 1)
        if name is None:
            self._words("&lt;")
            return angle + 1
        after = self._beyond(">", name.end(), angle)
        if after > angle + 1:
            return self._tag(name[0].lower(), name.end(), after)
        return after

    def _beyond(self, end: str, search_from: int, angle: int) -> int:
        """Where ``end`` is over; where it never comes, the ``<`` was only a sign: step over it and remember."""
        found = -1 if end in self._missing else self.markup.find(end, search_from)
        if found >= 0:
            return found + len(end)
        self._missing.add(end)
        self._words("&lt;")
        return angle + 1

    def _tag(self, name: str, name_end: int, after: int) -> int:
        if name in _SILENT:
            return self._silence(name, after)
        bare = name.removeprefix("/")
        if bare in _NEW_PARAGRAPH:
            self._break(2)
        elif bare == "br":
            self._breaks = min(self._breaks + 1, 2)
        elif bare in _NEW_LINE:
            self._break(1)
            self._bullet = name == "li" or (self._bullet and bare != "li")
        elif name in ("td", "th"):
            self._words(" ")
        elif name == "img" and (alt := _ALT.search(self.markup, name_end, min(after, name_end + 2_000))):
            self._words(f"[{alt[1] or alt[2]}]")
        return after

    def _silence(self, name: str, after: int) -> int:
        """Skip to the end tag of an element that shows nothing; one that never ends hides nothing."""
        closing = f"</{name}"
        if closing in self._missing:
            return after
        match = re.compile(closing, re.IGNORECASE).search(self.markup, after)
        if match is None:
            self._missing.add(closing)
            return after
        end = self.markup.find(">", match.end())
        return len(self.markup) if end < 0 else end + 1


def text_of_html(markup: str) -> str:
    """The text that a reader of the page would see: one line a block, lists with dashes, no scripts, styles or tags."""
    return _Reader(markup).read()


def is_page(text: str, start: int) -> bool:
    """Whether the text from ``start`` on opens as an HTML page does, after any white space."""
    return _PAGE.match(text, start, start + _OPENING_CHARS) is not None
