"""What the simulator remembers of earlier calls: texts asked, rubrics seen, prefixes cached. All bounded."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, TypeVar

from core.simulator.conversation import key_of

if TYPE_CHECKING:
    from core.simulator.conversation import Question
    from core.simulator.stats import Stats

_TEXTS: Final = 1_000_000
_PREFIXES: Final = 4_096
_PREFIX_LIFE_S: Final = 7_200.0
_CACHE_BLOCK_TOKENS: Final = 128

K = TypeVar("K")
V = TypeVar("V")


class Memory:
    """Earlier calls, forgotten oldest first."""

    def __init__(self, *, scale: float, prefix_cache: bool) -> None:
        self._prefix_life_s = _PREFIX_LIFE_S / scale
        self._prefix_cache = prefix_cache
        self._asked: OrderedDict[bytes, int] = OrderedDict()
        self._rubrics: OrderedDict[bytes, None] = OrderedDict()
        self._prefixes: OrderedDict[tuple[str, str, bytes], float] = OrderedDict()

    def count(self, question: Question, stats: Stats) -> int:
        """Count a call that the quota let through, and return the how-manieth about this email it is."""
        nth = self._asked.get(question.email_key, 0) + 1
        if question.is_reask:
            stats.reasks += 1
            if not (question.has_email and (nth > 1 or question.fenced)):
                stats.blind_reasks += 1
            if question.system_key not in self._rubrics:
                stats.reasks_without_rubric += 1
        else:
            stats.asks += 1
            if question.system_key is not None:
                _remember(self._rubrics, question.system_key, None, _PREFIXES)
        for text in question.pack:
            key = key_of(text)
            stats.distinct_texts += key not in self._asked
            _remember(self._asked, key, self._asked.get(key, 0) + 1, _TEXTS)
        stats.packs += bool(question.pack)
        if nth == 1 and question.has_email and not question.pack:
            stats.distinct_texts += 1
        _remember(self._asked, question.email_key, nth, _TEXTS)
        return nth

    def cached_tokens(self, organization: str, question: Question, now: float) -> int:
        """Return how many prompt tokens are cached: the system message's, if seen lately, in whole blocks."""
        if not self._prefix_cache or question.system_key is None:
            return 0
        seen_at = self._prefixes.get((organization, question.model, question.system_key))
        if seen_at is None or now - seen_at > self._prefix_life_s:
            return 0
        return question.system_tokens // _CACHE_BLOCK_TOKENS * _CACHE_BLOCK_TOKENS

    def warm(self, organization: str, question: Question, now: float) -> None:
        """Put the system message into the prefix cache."""
        if question.system_key is not None:
            _remember(self._prefixes, (organization, question.model, question.system_key), now, _PREFIXES)


def _remember(memory: OrderedDict[K, V], key: K, value: V, at_most: int) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > at_most:
        memory.popitem(last=False)
