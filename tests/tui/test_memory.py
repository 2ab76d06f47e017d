"""A console that is walked about in for a day holds no more than one that was just opened."""

from __future__ import annotations

import gc
import weakref

from textual._styles_cache import StylesCache
from textual.color import Color

from core.settings import Settings
from tui.app import LabeltuiApp


def test_what_a_closed_widget_drew_is_dropped(settings: Settings) -> None:
    """Looking up two colors keeps no drawing alive; the soak finds the megabytes that it used to keep."""
    LabeltuiApp(settings)
    drawing = StylesCache()
    inner, outer = drawing.get_inner_outer(Color(10, 20, 30), Color(1, 2, 3))
    assert (inner.background, outer.background) == (Color(1, 2, 3), Color(10, 20, 30))
    held = weakref.ref(drawing)
    del drawing
    gc.collect()
    assert held() is None
