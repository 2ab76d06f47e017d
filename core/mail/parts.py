"""Extract the readable body of a message that is more than plain text: encoded, HTML, or in several parts.

The standard library takes the parts apart. It is shown a bounded beginning of the message, and none at all of one that
is nested deeper than any mail program nests: such a body is sent as it stands. HTML is rendered by inscriptis, which
drops scripts, styles and hidden elements.
"""

from __future__ import annotations

import base64
import binascii
import functools
import html
import quopri
import re
import time
from collections.abc import Callable, Iterator
from email import message_from_string
from email.message import Message
from typing import Any, TypeAlias

from core.mail import headers as header_block
from core.mail.charsets import holds, named, repaired

PARSE_LIMIT_CHARS = 256_000
BOUNDARY_LIMIT = 20
FORWARD_LIMIT = 100
PART_LIMIT = 200
PARAMETER_LIMIT_CHARS = 2_000
"""Characters of a header that are searched for parameters: the standard library takes the square of their number."""

HTML_LIMIT_CHARS = 128_000
"""Characters of a piece of HTML that are rendered."""

BUDGET_S = 0.5
"""Processor seconds after which no further part of a message is read: with the last piece that is under a second."""

UNREAD = "[further parts were not read: the message takes too long]"

# The parser compares every line with every open boundary, and calls itself for every level.
_BOUNDARY = re.compile(r"boundary[ \t]*=", re.IGNORECASE)
_FORWARD = re.compile(r"message/", re.IGNORECASE)
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_Part: TypeAlias = "Message[str, str]"

_FORWARDED = ("From", "To", "Subject", "Date")
_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)
_OPENING_CHARS = 20_000
_TAG = re.compile(r"</?[a-zA-Z!?][^<>]*>")
_HIDING = re.compile(
    r"hidden|display\s*:\s*none|mso-hide|font-size\s*:\s*0|opacity\s*:\s*0|max-height\s*:\s*0", re.IGNORECASE
)
_HIDDEN_STYLE = re.compile(
    r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|mso-hide\s*:\s*all"
    r"|(?:font-size|opacity|max-height)\s*:\s*0(?:\.0+)?(?:px|pt|em|%)?\s*(?:!important\s*)?(?:;|$))",
    re.IGNORECASE,
)
"""A style by which mail hides an element: preview texts, and words for filters and models."""
_BLANK_LINES = re.compile(r"\n{3,}")


class _BoundedMessage(Message):
    """Hold a part whose headers are seen up to a bound, by the parser too."""

    def get(self, name: str, failobj: Any = None) -> Any:
        """Return the header's beginning."""
        value = super().get(name, failobj)
        return value[:PARAMETER_LIMIT_CHARS] if isinstance(value, str) else value


class _Budget:
    """Hold what is left for one message: parts to read, and time on an injected clock; and what is noted of it."""

    def __init__(self, clock: Callable[[], float], notes: set[str], read_as: str = "") -> None:
        self.notes = notes
        self.read_as = read_as
        self._clock = clock
        self._until_at = clock() + BUDGET_S
        self._parts = PART_LIMIT
        self.over_time = False

    def take(self) -> bool:
        """Take one part; returns whether it may be read."""
        self._parts -= 1
        self.over_time = self.over_time or self._clock() > self._until_at
        return self._parts >= 0 and not self.over_time


def readable_body(
    body: str,
    headers: header_block.Headers,
    *,
    clock: Callable[[], float] = time.thread_time,
    notes: set[str] | None = None,
    read_as: str = "",
) -> tuple[str, bool]:
    """Return the text that a reader would see of ``body``, with attachments named, and whether it was parsed whole.

    ``body`` is what follows the ``headers``, at most ``PARSE_LIMIT_CHARS`` of it. What cannot be parsed stays as it is.
    ``notes`` gets *charset* where a part was in another charset than it names, and *hidden* where HTML hid words;
    ``read_as`` is the codec that the message's bytes were decoded with.
    """
    plain = body.replace("\r\n", "\n")
    source = _head(headers) + "\n" + plain
    if len(_BOUNDARY.findall(source)) > BOUNDARY_LIMIT or len(_FORWARD.findall(source)) > FORWARD_LIMIT:
        return plain, False
    budget = _Budget(clock, set() if notes is None else notes, read_as)
    try:
        message = message_from_string(source, _class=_BoundedMessage)
        sections = [section for section in _sections(message, budget) if section]
    except Exception:  # noqa: BLE001 - a parser's fault on foreign text must not lose the email
        return plain, False
    if budget.over_time:
        sections.append(UNREAD)
    if not sections:
        return message.preamble or "", True
    text = "\n".join(section.removesuffix("\n") for section in sections) if len(sections) > 1 else sections[0]
    return text, not budget.over_time


def is_page(text: str, start: int) -> bool:
    """Return whether the text from ``start`` on opens as an HTML page does, after any white space."""
    return _PAGE.match(text, start, start + _OPENING_CHARS) is not None


def text_of_html(markup: str, notes: set[str] | None = None) -> str:
    """Return the text that a reader of the page would see: one line a block, without scripts, styles, hidden elements.

    Markup that the renderer gives up on (nested deeper than a browser follows, comments that never close) is stripped
    of its tags instead, so that no words are lost.
    """
    sound = markup[:HTML_LIMIT_CHARS].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    try:
        rendered, hid = _renderer()(sound)
        if hid and notes is not None:
            notes.add("hidden")
    except Exception:  # noqa: BLE001 - whatever a renderer says of broken markup, its words stay
        rendered = ""
    lines = "\n".join(line.rstrip() for line in rendered.split("\n"))
    lines = _BLANK_LINES.sub("\n\n", lines).strip()
    return lines or _stripped(sound)


@functools.cache
def _renderer() -> Callable[[str], tuple[str, bool]]:
    # lxml takes a tenth of a second to load, and most mail is plain text.
    from inscriptis import Inscriptis  # noqa: PLC0415
    from inscriptis.css_profiles import CSS_PROFILES  # noqa: PLC0415
    from inscriptis.html_properties import Display  # noqa: PLC0415
    from inscriptis.model.config import ParserConfig  # noqa: PLC0415
    from inscriptis.model.html_element import HtmlElement  # noqa: PLC0415
    from inscriptis.model.tag import CustomHtmlTagHandlerMapping  # noqa: PLC0415
    from lxml.html import document_fromstring  # noqa: PLC0415

    def between_cells(state: Any, _attributes: Any) -> None:
        state.tags[-1].write(" ")

    # Cells are set apart by a space and rows by a line: padding every cell to its column's width takes memory in the
    # product of both, and mail uses tables for layout.
    starts = {"table": None, "tr": None, "td": between_cells, "th": between_cells}
    css = dict(CSS_PROFILES["strict"])
    css.update(
        {tag: HtmlElement(display=Display.block) for tag in ("table", "tr", "section", "form", "hr", "dt", "dd")}
    )
    css.update({tag: HtmlElement(display=Display.none) for tag in ("noscript", "template")})
    css.update({tag: HtmlElement(display=Display.block, padding_inline=2) for tag in ("ul", "ol")})
    settings = ParserConfig(
        css=css,
        display_images=True,
        custom_html_tag_handler_mapping=CustomHtmlTagHandlerMapping(starts, {"table": None, "td": None, "th": None}),
    )

    def rendered(markup: str) -> tuple[str, bool]:
        tree = document_fromstring(markup.strip())
        hid = _HIDING.search(markup) is not None and _drop_hidden(tree)
        return str(Inscriptis(tree, settings).get_text()), hid

    return rendered


def _drop_hidden(tree: Any) -> bool:
    """Take out the elements that a reader does not see; returns whether any held words."""
    hidden = [
        each
        for each in tree.iter()
        if isinstance(each.tag, str)
        and (each.get("hidden") is not None or _HIDDEN_STYLE.search(each.get("style") or ""))
        and each.getparent() is not None
    ]
    held = any(each.text_content().strip() for each in hidden)
    for each in hidden:
        each.drop_tree()
    return held


def _stripped(markup: str) -> str:
    """Return the words of markup without its tags; a number that no character has stays as it is."""
    words = _TAG.sub(" ", markup)
    try:
        words = html.unescape(words)
    except ValueError:  # more digits than Python turns into a number
        return " ".join(words.split())
    return " ".join(words.split())


def _head(headers: header_block.Headers) -> str:
    """Return the headers that say how the body is made, and no other: the parser need not see a list of recipients."""
    named = ("content-type", "content-transfer-encoding", "content-disposition")
    return "".join(f"{name}: {values[0][:PARAMETER_LIMIT_CHARS]}\n" for name in named if (values := headers.get(name)))


def _sections(part: _Part, budget: _Budget) -> Iterator[str]:
    """Yield the readable sections of a part in order, as far as the message's budget goes."""
    if not budget.take():
        return
    kind = part.get_content_type()
    payload = part.get_payload()
    children = [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else None
    if kind == "message/rfc822" and children is not None:
        for inner in children:
            yield _forwarded_head(inner)
            yield from _sections(inner, budget)
    elif children is not None:
        yield from _of_several(kind, children, budget)
    elif part.get_content_disposition() == "attachment" or not kind.startswith(("text/", "multipart/", "message/")):
        yield _attachment(part, kind)
    elif kind == "text/html":
        yield text_of_html(_content(part, budget), budget.notes)
    else:
        yield _content(part, budget)


def _of_several(kind: str, children: list[_Part], budget: _Budget) -> Iterator[str]:
    """Yield the sections of a multipart: of alternatives the plainest that says anything, of others all in order."""
    if kind != "multipart/alternative":
        for child in children:
            yield from _sections(child, budget)
        return
    for child in sorted(children, key=_plainness):
        sections = [section for section in _sections(child, budget) if section.strip()]
        if sections:
            yield from sections
            return


def _plainness(part: _Part) -> int:
    order = ("text/plain", "multipart/", "text/html", "text/")
    kind = part.get_content_type()
    return next((place for place, start in enumerate(order) if kind.startswith(start)), len(order))


def _forwarded_head(inner: _Part) -> str:
    lines = []
    for name in _FORWARDED:
        values = [str(value) for value in inner.get_all(name, [])[:1]]
        if values and (value := header_block.recipients({name.lower(): values}, name.lower())):
            lines.append(f"{name}: {value}\n")
    return "".join(lines) + "\n" if lines else ""


def _attachment(part: _Part, kind: str) -> str:
    name = " ".join((part.get_filename() or "without a name").split())
    return f"[attachment: {name[:200]}, {kind[:100]}]"


def _content(part: _Part, budget: _Budget) -> str:
    payload, notes = part.get_payload(), budget.notes
    if not isinstance(payload, str):
        return ""
    encoding = str(part.get("content-transfer-encoding", "")).partition(";")[0].strip().lower()
    charset = part.get_content_charset()
    if encoding == "quoted-printable":
        data = quopri.decodestring(payload.encode("utf-8", "surrogatepass"))
        # Characters beyond ASCII beside the encoding came as UTF-8, whatever the part says.
        return _told(data, charset if payload.isascii() else "utf-8", notes)
    if encoding == "base64":
        return _from_base64(payload, charset, notes)
    if encoding in ("x-uuencode", "uuencode", "uue", "x-uue"):
        unpacked = part.get_payload(decode=True)
        return _told(unpacked, charset, notes) if isinstance(unpacked, bytes) else payload
    if not holds(payload, charset, budget.read_as):  # its bytes were decoded with the message's
        notes.add("charset")
    return payload


def _told(data: bytes, charset: str | None, notes: set[str]) -> str:
    """Return the text of a part, with LF line ends; a charset that does not fit is noted."""
    text, as_named = repaired(data, charset)
    if not as_named:
        notes.add("charset")
    return text.replace("\r\n", "\n")


def _from_base64(payload: str, charset: str | None, notes: set[str]) -> str:
    signs = _NOT_BASE64.sub(b"", payload.encode("ascii", "ignore"))
    signs = signs[: len(signs) - 1] if len(signs) % 4 == 1 else signs
    try:
        data = base64.b64decode(signs + b"=" * (-len(signs) % 4))
    except binascii.Error:
        return payload
    known = named(charset)
    text, as_named = repaired(data, known or "utf-8")
    for trim in range(1, 4 if _takes_several_bytes(known or "utf-8") else 1):
        if as_named:
            break
        # The beginning of a long part may end within a character.
        shorter, as_named = repaired(data[: len(data) - trim], known or "utf-8")
        text = shorter if as_named else text
    if not as_named and known:
        notes.add("charset")
    return text.replace("\r\n", "\n")


def _takes_several_bytes(charset: str) -> bool:
    """Return whether a character of a charset may take several bytes, so that a text that is cut may end within one."""
    try:
        return len("中".encode(charset)) > 1
    except (LookupError, ValueError):
        return False
