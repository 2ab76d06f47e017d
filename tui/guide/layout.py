"""Lay a page of the guide out in lines of a given width, for the console and for a terminal.

Handles the Markdown that the pages use: headings, paragraphs, lists, tables, fenced code, and within a line code, bold
and links.
A table's row becomes its first cell, with the others indented below or beside it, so that it fits 40 columns too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

NARROWEST = 20
"""Columns of text that are never gone below."""
_TERM = 14
"""The longest first cell of a row that shares its line with the next cell."""
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]+)\]\(([^)]*)\)|<!--.*?-->")
_ITEM = re.compile(r"(\s*)([-*]|\d+\.)\s+(.*)")


class Kind(Enum):
    """Name how a span is drawn."""

    TEXT = "text"
    HEADING = "heading"
    CODE = "code"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Span:
    """Hold text of one kind."""

    text: str
    kind: Kind = Kind.TEXT


Line = tuple[Span, ...]


def lay_out(markdown: str, width: int) -> list[Line]:
    """Return the page in lines of at most ``width`` columns; code is never wrapped and may be longer."""
    lines: list[Line] = []
    for block in _blocks(markdown):
        if lines and lines[-1]:
            lines.append(())
        lines += _block(block, max(NARROWEST, width))
    return lines


def _blocks(markdown: str) -> Iterator[list[str]]:
    """Yield the lines of each block: what blank lines part, a heading, a whole fence."""
    block: list[str] = []
    fenced = False
    for row in markdown.splitlines():
        if row.startswith("```"):
            fenced = not fenced
        elif row.startswith("<!--") and not fenced:
            continue
        if (not row.strip() or row.startswith("#")) and not fenced:
            if block:
                yield block
            block = []
            if row.strip():
                yield [row]
            continue
        block.append(row)
    if block:
        yield block


def _block(block: list[str], width: int) -> Iterator[Line]:
    first = block[0]
    if first.startswith("#"):
        yield (Span(first.lstrip("#").strip(), Kind.HEADING),)
    elif first.startswith("```"):
        yield from ((Span(f"  {row}", Kind.CODE),) for row in block[1:] if not row.startswith("```"))
    elif first.startswith("|"):
        yield from _table(block, width)
    elif _ITEM.match(first):
        yield from _items(block, width)
    else:
        yield from wrap(spans(" ".join(part.strip() for part in block)), width)


def _items(block: list[str], width: int) -> Iterator[Line]:
    items: list[tuple[str, str]] = []
    for row in block:
        found = _ITEM.match(row)
        if found:
            items.append((f"{found[1]}{found[2]} ", found[3]))
        else:
            mark, text = items.pop()
            items.append((mark, f"{text} {row.strip()}"))
    for mark, text in items:
        yield from wrap(spans(text), width, first=mark, rest=" " * len(mark))


def _table(block: list[str], width: int) -> Iterator[Line]:
    for row in block[2:]:  # without the head and the rule below it
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]
        term, others = spans(cells[0]), spans(" · ".join(cell for cell in cells[1:] if cell))
        length = sum(len(span.text) for span in term)
        if length <= _TERM:
            head = (*term, Span(" " * (_TERM + 1 - length)))
            body = list(wrap(others, width - _TERM - 1))
            yield (*head, *(body[0] if body else ()))
            yield from ((Span(" " * (_TERM + 1)), *rest) for rest in body[1:])
        else:
            yield from wrap(term, width)
            yield from wrap(others, width, first="    ", rest="    ")


def spans(text: str) -> Line:
    """Return a line's text in spans, without the marks."""
    found: list[Span] = []
    at = 0
    for match in _INLINE.finditer(text):
        found.append(Span(text[at : match.start()]))
        code, strong, stressed, link, _ = match.groups()
        if code:
            found.append(Span(code, Kind.CODE))
        elif strong or stressed:
            found.append(Span(strong or stressed, Kind.STRONG))
        elif link:
            found += [Span(span.text, Kind.STRONG if span.kind is Kind.TEXT else span.kind) for span in spans(link)]
        at = match.end()
    found.append(Span(text[at:]))
    return tuple(span for span in found if span.text)


def wrap(line: Line, width: int, *, first: str = "", rest: str = "") -> Iterator[Line]:
    """Yield the line broken between words; ``first`` and ``rest`` stand before the first line and the others."""
    row: list[Span] = [Span(first)] if first else []
    used, begun = len(first), False
    for word in _words(line):
        length = sum(len(span.text) for span in word)
        if begun and used + 1 + length > width:
            yield tuple(row)
            row, used = ([Span(rest)] if rest else []), len(rest)
        elif begun:
            row.append(Span(" "))
            used += 1
        row += word
        used, begun = used + length, True
    if row:
        yield tuple(row)


def _words(line: Line) -> Iterator[Line]:
    """Yield what stands between spaces; a word may be of several kinds, like code before a comma."""
    word: list[Span] = []
    for span in line:
        for part in re.split(r"(\s+)", span.text):
            if part.isspace():
                if word:
                    yield tuple(word)
                word = []
            elif part:
                word.append(Span(part, span.kind))
    if word:
        yield tuple(word)
