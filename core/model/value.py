"""Define :func:`value`: a frozen dataclass with slots that is cheap to make, for what is made several times a call.

To the type checker it is ``dataclass(frozen=True, slots=True)``, so that an assignment to a field is an error of
``mypy``. At run time fields are plain slots with the same equality and hash: a frozen class sets each field through a
call of its own, which makes an instance cost three to four times as much (20 fields: 2 µs instead of 0.5 µs), and the
values of one label took 11 % of the worker's own work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["value"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool) -> Any:
        """Return the decorator that makes a class such a value."""
        return dataclass(slots=slots, unsafe_hash=frozen)
