"""Closed screens are forgotten: Textual keeps what they drew in a cache that knows them by name."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from textual._styles_cache import StylesCache


def forget_closed_screens() -> None:
    """Let two colors be found by the colors alone.

    Textual 8 caches the result of a method, so that its last thousand callers, the drawings of every widget that ever
    was, stay in memory: tens of megabytes for somebody who walks about for hours. Does nothing where it does not cache.
    """
    original = getattr(StylesCache.get_inner_outer, "__wrapped__", None)
    if original is None:
        return

    @lru_cache(1024)
    def of_colors(base: Any, background: Any) -> Any:
        return original(None, base, background)

    StylesCache.get_inner_outer = lambda _, base, background: of_colors(base, background)  # type: ignore[method-assign,assignment]
