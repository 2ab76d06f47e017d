# ruff: noqa: INP001 - a module of scripts, not a package
"""A screen as Textual exports it, made small: one SVG that needs no font and no clipping from elsewhere.

The export has an element for every stretch of cells, with clip paths and a class name each. Here stretches of one style
become one, grounds that touch become one rectangle, and what shows nothing goes. Cells keep their places: every
stretch says where it begins and how long it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape, unescape

FONTS = "'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace"
CELL_WIDTH, CELL_HEIGHT = 12.2, 24.4
FONT_SIZE = 20.26
"""At which the first of the fonts is as wide as a cell."""
LEFT, TOP, BORDER = 13.0, 45.0, 13.0
"""Around the cells: beside them, above them (with the title), below them."""

_RULE = re.compile(r"\.terminal-\d+-r(\d+) \{ (.*?) \}")
_RECTANGLE = re.compile(
    r'<rect fill="([^"]+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="[\d.]+" shape-rendering'
)
_TEXT = re.compile(
    r'<text class="terminal-\d+-r(\d+)" x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"[^>]*>([^<]*)</text>'
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Cells of one style in a row; ``style`` is what CSS says of it."""

    row: int
    column: int
    cells: int
    text: str
    style: str


@dataclass(frozen=True, slots=True)
class Ground:
    """A rectangle of one color, in cells."""

    row: int
    column: int
    rows: int
    columns: int
    fill: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What stands where, on a screen of so many columns and rows."""

    columns: int
    rows: int
    stretches: tuple[Stretch, ...]
    grounds: tuple[Ground, ...]


@dataclass(slots=True)
class Styles:
    """Short names for styles, in the order in which they come."""

    names: dict[str, str] = field(default_factory=dict)

    def name(self, style: str) -> str:
        """Return the class of a style."""
        return self.names.setdefault(style, f"s{len(self.names)}")

    def css(self) -> str:
        """Every class."""
        return "".join(f".{name}{{{style}}}" for style, name in self.names.items())


def read(svg: str, size: tuple[int, int], ground: str) -> Drawing:
    """Parse an export of a screen of ``size``; rectangles of the color ``ground`` show nothing."""
    styles = {number: rule.replace(": ", ":").rstrip(";") for number, rule in _RULE.findall(svg)}
    return Drawing(*size, tuple(_joined(_stretches(svg, styles))), tuple(_grounds(svg, ground)))


def _stretches(svg: str, styles: Mapping[str, str]) -> Iterator[Stretch]:
    for number, x, y, length, written in _TEXT.findall(svg):
        text = unescape(written).replace("\u00a0", " ")
        style = styles[number]
        column, cells = round(float(x) / CELL_WIDTH), round(float(length) / CELL_WIDTH)
        if "underline" not in style and "line-through" not in style:
            before = len(text) - len(text.lstrip(" "))
            after = len(text) - len(text.rstrip(" ")) if text.strip() else 0
            column, cells = column + before, cells - before - after
            text = text.strip(" ")
        if text.strip() or ("underline" in style and text):
            yield Stretch(round((float(y) - 20) / CELL_HEIGHT), column, cells, text, style)


def _joined(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """Neighbors of one style as one, over spaces between them."""
    last: Stretch | None = None
    for each in stretches:
        gap = each.column - last.column - last.cells if last is not None else -1
        if last is not None and each.row == last.row and each.style == last.style and 0 <= gap <= 12:
            text = last.text + " " * gap + each.text
            last = Stretch(last.row, last.column, last.cells + gap + each.cells, text, last.style)
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last


def _grounds(svg: str, ground: str) -> Iterator[Ground]:
    rows: dict[int, list[Ground]] = {}
    for fill, x, y, width in _RECTANGLE.findall(svg):
        row, column = round((float(y) - 1.5) / CELL_HEIGHT), round(float(x) / CELL_WIDTH)
        cells = round(float(width) / CELL_WIDTH)
        here = rows.setdefault(row, [])
        if fill == ground or not cells:
            continue
        if here and here[-1].fill == fill and here[-1].column + here[-1].columns == column:
            here[-1] = Ground(row, here[-1].column, 1, here[-1].columns + cells, fill)
        else:
            here.append(Ground(row, column, 1, cells, fill))
    open_ones: dict[tuple[int, int, str], Ground] = {}
    for row in sorted(rows):
        going = {}
        for each in rows[row]:
            place = (each.column, each.columns, each.fill)
            above = open_ones.pop(place, None)
            going[place] = Ground(above.row, each.column, above.rows + 1, each.columns, each.fill) if above else each
        yield from open_ones.values()
        open_ones = going
    yield from open_ones.values()


def elements(drawing: Drawing, styles: Styles) -> list[str]:
    """Return the drawing's rectangles and texts, to be put into a group at :func:`place`."""
    # A rectangle reaches a little into the row below, so that no line shows between the two.
    found = [
        f'<rect fill="{each.fill}" x="{each.column * CELL_WIDTH:g}" y="{each.row * CELL_HEIGHT:.5g}"'
        f' width="{each.columns * CELL_WIDTH:g}" height="{each.rows * CELL_HEIGHT + 0.3:.5g}"/>'
        for each in drawing.grounds
    ]
    found += [
        f'<text class="{styles.name(each.style)}" x="{each.column * CELL_WIDTH:.5g}"'
        f' y="{each.row * CELL_HEIGHT + 18.5:.5g}" textLength="{each.cells * CELL_WIDTH:.5g}">'
        f"{escape(each.text, quote=False)}</text>"
        for each in drawing.stretches
    ]
    return found


def place() -> str:
    """Where the first cell begins."""
    return f"translate({LEFT:g},{TOP:g})"


def extent(drawing: Drawing) -> tuple[float, float]:
    """Width and height of the whole picture."""
    return drawing.columns * CELL_WIDTH + 2 * LEFT, drawing.rows * CELL_HEIGHT + TOP + BORDER


def frame(width: float, height: float, title: str, ground: str, quiet: str) -> str:
    """Draw a window around the cells, in the colors of its theme."""
    dots = "".join(
        f'<circle cx="{24 + 22 * n}" cy="23" r="7" fill="{fill}"/>'
        for n, fill in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    return (
        f'<rect x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="9" fill="{ground}" stroke="{quiet}"'
        f' stroke-opacity=".5"/>{dots}'
        f'<text x="{width / 2:g}" y="29" text-anchor="middle" fill="{quiet}">{escape(title, quote=False)}</text>'
    )


def head(width: float, height: float) -> str:
    """How an SVG of ours begins."""
    return (
        f'<svg xml:space="preserve" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}">'
    )


def base_css() -> str:
    """Return what holds for every text."""
    return f"text{{font:{FONT_SIZE}px {FONTS};white-space:pre}}"


def picture(drawing: Drawing, title: str, ground: str, quiet: str) -> str:
    """Return the whole SVG of one screen."""
    width, height = extent(drawing)
    styles = Styles()
    body = "".join(elements(drawing, styles))
    return (
        f"{head(width, height)}<title>{escape(title, quote=False)}</title><style>{base_css()}{styles.css()}</style>"
        f'{frame(width, height, title, ground, quiet)}<g transform="{place()}">{body}</g></svg>\n'
    )
