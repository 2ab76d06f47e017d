"""Decide which key a swap disables and which one is used first from then on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import KeysError
from core.model import KeyState, KeyStatus


@dataclass(frozen=True, slots=True)
class Swap:
    """Hold a swap of keys: ``out`` is disabled, ``into`` is used first from now on. Both are aliases."""

    out: str
    into: str

    @property
    def sentence(self) -> str:
        """Return what is done, for people."""
        return f"{self.out} disabled; switched to {self.into}"


def chosen_swap(keys: Sequence[KeyStatus], asking: Mapping[str, int]) -> Swap:
    """Return which key to take out and which to take in; ``asking`` counts calls in flight by alias.

    Out goes the key in use: the pinned one, else the one that most is asked with, else the one in trouble, else the
    first. In comes the next in the order of the list, one of another organization first, as keys of one share their
    quota; and one that a swap took out before only where no other is left. So pressing it again and again goes round.

    Raises:
        KeysError: there are not two keys to swap.
    """
    known = [key for key in keys if key.state is not KeyState.INVALID]
    inside = [key for key in known if key.state is not KeyState.DISABLED]
    if not inside or len(known) < 2:
        raise KeysError("There is no other key to swap to: labeltui keys add brings one, keys enable brings one back")
    out = min(inside, key=lambda key: (not key.pinned, -asking.get(key.alias, 0), not _waits(key), -_trouble(key)))
    place = known.index(out)
    in_turn = known[place + 1 :] + known[:place]
    into = min(in_turn, key=lambda key: (_stage(key), key.organization == out.organization))
    return Swap(out.alias, into.alias)


def _waits(key: KeyStatus) -> bool:
    return key.state in (KeyState.COOLING, KeyState.BENCHED)


def _trouble(key: KeyStatus) -> int:
    return key.errors_429 if _waits(key) else 0


def _stage(key: KeyStatus) -> int:
    """Return 0 for a key that can be asked, 1 for one that waits, 2 for one that is out."""
    return 2 if key.state is KeyState.DISABLED else int(_waits(key))
