"""Make the view of a message that is kept and sent: header lines that the task names, then the readable body.

A message is RFC 822 text, but anything may come: whatever does not begin like an email is a plain text and is sent as
it is. Nothing here raises for any text, and the work is bounded whatever its size and nesting: of a huge message only
its beginning is looked at.

What is done to the text, and nothing else: CRLF becomes LF, header values lose their folding and are decoded, half
surrogate pairs become U+FFFD, parts that are encoded (quoted-printable, base64) are decoded, HTML becomes text, and the
whole is cut to ``truncate_at`` characters with no mark put in. A plain body is otherwise sent byte for byte, unless it
is an HTML page that was only declared to be plain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from core.mail import headers as header_block
from core.mail.charsets import holds
from core.mail.cutting import shortened, without_quoted
from core.mail.parts import HTML_LIMIT_CHARS, PARSE_LIMIT_CHARS, is_page, readable_body, text_of_html
from core.model import NOTES, Task, View
from core.text import without_halves

_TITLES = {"from": "From", "to": "To", "cc": "Cc", "bcc": "Bcc", "subject": "Subject", "date": "Date"}
_ADDRESS_LISTS = ("to", "cc", "bcc")


def view_by(task: Task, raw: str, read_as: str = "") -> View:
    """Return what a task sends of one message: :func:`view_of`, with quotes and cut as the task says. Raises nothing.

    The fields ``("raw",)`` send the message as it came, headers and all, as ``message[:6000]`` would.
    """
    notes: tuple[str, ...] = ()
    limit, tail, by_tokens = task.truncate_at, task.truncate_tail, task.truncate_by == "tokens"
    if task.fields == ("raw",):
        shown = view_of(raw, fields=("subject",), truncate_at=1)
        whole, parsed = raw, True
    elif not tail and not by_tokens and task.quoted == "keep":
        return view_of(raw, fields=task.fields, truncate_at=limit, read_as=read_as)
    else:
        shown = view_of(raw, fields=task.fields, truncate_at=max(PARSE_LIMIT_CHARS, len(raw)), read_as=read_as)
        whole, parsed = shown.text, shown.parsed
        notes = tuple(note for note in shown.flags.split() if note != "cut")
        if task.quoted != "keep":
            whole, quoted = without_quoted(whole, mark=task.quoted == "mark")
            notes = (*quoted, *notes)
    text, cut = shortened(whole, limit, tail=tail, by_tokens=by_tokens)
    return _view(shown.subject, shown.sender, shown.date, text, truncated=cut, parsed=parsed, notes=notes)


def view_of(raw: str, *, fields: Sequence[str], truncate_at: int, read_as: str = "") -> View:
    """Return what is kept and sent of one message.

    ``fields`` are the task's, in the order in which header lines are sent; a header that is missing or empty gives no
    line. ``truncate_at`` counts characters of the whole text. Text without headers of an email is sent as it is,
    whatever the fields. A message whose parsing fails is sent as plain text and its view says so (``parsed`` is
    False). ``read_as`` is the codec that its bytes were decoded with: a part that names another charset is noted.
    Raises nothing.
    """
    notes: set[str] = set()
    try:
        return _parsed(raw, fields, truncate_at, notes, read_as)
    except Exception:  # noqa: BLE001 - one message that no parser stands must not end an import
        text, cut = _beginning(raw, 0, truncate_at)
        return _view("", "", "", text, truncated=cut, parsed=False)


def _parsed(raw: str, fields: Sequence[str], truncate_at: int, notes: set[str], read_as: str) -> View:
    headers, start = header_block.split(raw)
    if headers is None:
        text, cut = _beginning(raw, 0, truncate_at)
        return _view("", "", "", text, truncated=cut)
    lines = [f"{_TITLES[name]}: {value}\n" for name in fields if name in _TITLES if (value := _value(headers, name))]
    text, cut, whole = "".join(lines), False, True
    if "body" in fields:
        room = max(0, truncate_at - len(text) - 1)
        body, cut, whole = _body(raw, headers, start, room, notes, read_as)
        text = text + "\n" + body if text else body
    if len(text) > truncate_at:
        text, cut = text[:truncate_at], True
    return _view(
        header_block.text(headers, "subject"),
        header_block.text(headers, "from"),
        header_block.text(headers, "date"),
        text,
        truncated=cut,
        parsed=whole,
        notes=notes,
    )


def _value(headers: header_block.Headers, name: str) -> str:
    return header_block.recipients(headers, name) if name in _ADDRESS_LISTS else header_block.text(headers, name)


def _body(
    raw: str, headers: header_block.Headers, start: int, room: int, notes: set[str], read_as: str
) -> tuple[str, bool, bool]:
    """Return the readable body, cut to ``room`` characters, whether anything was cut, and whether all was parsed.

    What was done to it is added to ``notes``.
    """
    plain, whole = header_block.is_plain(headers), True
    if plain and not is_page(raw, start):
        text, cut = _beginning(raw, start, room)
        if not text.isascii() and not holds(text, header_block.charset(headers), read_as):
            notes.add("charset")
        return text, cut, True
    body = raw[start : start + PARSE_LIMIT_CHARS]
    if plain:
        text = text_of_html(body, notes)
    else:
        text, whole = readable_body(body, headers, notes=notes, read_as=read_as)
    seen = HTML_LIMIT_CHARS if plain else PARSE_LIMIT_CHARS
    return text[:room], len(text) > room or len(raw) - start > seen, whole


def _beginning(raw: str, start: int, room: int) -> tuple[str, bool]:
    """Return ``room`` characters of the raw text with LF line ends, and whether anything follows them."""
    piece = raw[start : start + 2 * room + 2].replace("\r\n", "\n")
    return piece[:room], len(piece) > room


def _view(
    subject: str,
    sender: str,
    date: str,
    text: str,
    *,
    truncated: bool,
    parsed: bool = True,
    notes: Collection[str] = (),
) -> View:
    sent = without_halves(text)
    return View(
        subject=without_halves(subject),
        sender=without_halves(sender),
        date=without_halves(date),
        text=sent,
        content_hash=hashlib.sha256(sent.encode()).hexdigest(),
        truncated=truncated,
        parsed=parsed,
        flags="" if parsed and not truncated and not notes else _notes(notes, truncated, parsed),
    )


def _notes(notes: Collection[str], truncated: bool, parsed: bool) -> str:  # noqa: FBT001 - two facts of a view
    found = {*notes, *(("cut",) if truncated else ()), *(() if parsed else ("unparsed",))}
    return " ".join(note for note in NOTES if note in found)
