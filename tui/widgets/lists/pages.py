"""The pages of a long list that are in memory, and those that are on their way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.widgets.lists.columns import Row

PAGE = 200
"""Rows that are fetched at once."""

KEPT_PAGES = 12
"""Pages kept in memory; older ones are fetched again."""


class HeldPages:
    """Rows by their place in the list, from 0. A page is :data:`PAGE` rows; those that came last are kept."""

    def __init__(self) -> None:
        self._pages: dict[int, list[Row]] = {}
        self._wanted: set[int] = set()

    def __len__(self) -> int:
        """How many pages are held."""
        return len(self._pages)

    def at(self, index: int) -> Row | None:
        """The row at that place, or None where its page is not held."""
        rows = self._pages.get(index // PAGE)
        place = index % PAGE
        return rows[place] if rows is not None and 0 <= place < len(rows) else None

    def rows_from(self, offset: int) -> Sequence[Row]:
        """The rows of the page that begins there, as far as they are held."""
        return self._pages.get(offset // PAGE, ())

    def fill(self, rows: Sequence[Row]) -> None:
        """Hold all rows of a list, however many."""
        self._pages = {n // PAGE: list(rows[n : n + PAGE]) for n in range(0, len(rows), PAGE)}

    def put(self, offset: int, rows: Sequence[Row]) -> bool:
        """Hold the page that begins there, and drop the oldest beyond :data:`KEPT_PAGES`; False where it is there."""
        page = offset // PAGE
        self._wanted.discard(page)
        if self._pages.get(page) == list(rows):
            return False
        self._pages.pop(page, None)
        self._pages[page] = list(rows)
        while len(self._pages) > KEPT_PAGES:
            del self._pages[next(iter(self._pages))]
        return True

    def want(self, page: int) -> bool:
        """Note that a page is asked for; False where it is on its way already."""
        if page in self._wanted:
            return False
        self._wanted.add(page)
        return True

    def remake(self, anew: Callable[[Row], Row]) -> None:
        """Make every row that is held anew."""
        self._pages = {page: [anew(row) for row in rows] for page, rows in self._pages.items()}

    def forget(self) -> None:
        """Hold nothing, and await nothing."""
        self._pages.clear()
        self._wanted.clear()
