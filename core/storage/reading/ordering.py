"""Define the orders in which emails can be listed, each with its SQL. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.errors import RunFileError
from core.storage.file.schema_version import FORMAT_WITH_NOTES

_SQL = {
    "place": "e.position",
    "settled": "e.settled_at",
    "id": "e.source_id",
    "subject": "e.subject COLLATE NOCASE",
    "from": "e.sender COLLATE NOCASE",
    "date": "e.sent_at",
    "label": "e.label",
    "asks": "e.reasks",
    "state": "e.state",
}
KEYS = tuple(_SQL)
"""What emails can be sorted by: ``settled`` is when they got their label or failed, ``date`` when they were sent."""

_NEW = ("settled", "date")


@dataclass(frozen=True, slots=True)
class Order:
    """Hold an order: ``key`` is one of :data:`KEYS`. Equal ones are in work order, reversed if ``descending``."""

    key: str = "place"
    descending: bool = False

    @property
    def reversed(self) -> Order:
        """Return the reverse order."""
        return replace(self, descending=not self.descending)


WORK_ORDER = Order()
"""The order in which emails are worked."""


def first_of(key: str) -> Order:
    """Return the preferred first order of that key: what was settled last and asked most stands on top."""
    return Order(key, descending=key in ("settled", "asks"))


def order_sql(order: Order, version: int) -> str:
    """Return what follows ORDER BY over ``email AS e``, in a run file of that format.

    Raises:
        RunFileError: a file so old does not know what is to be sorted by.
    """
    if order.key in _NEW and version < FORMAT_WITH_NOTES:
        raise RunFileError(
            f"This run file is of an older format ({version}) that cannot be sorted by {order.key}. The next worker, or"
            " the next label by a person, brings it up to date."
        )
    way = " DESC" if order.descending else ""
    key = _SQL[order.key]
    return f"{key}{way}" if order.key == "place" else f"{key}{way}, e.position{way}"
