"""Show the places that make a worker's calls: where they are, their state, and how fast they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual.content import Content

from core.model import PlaceStatus
from core.text import one_line
from tui.text.numbers import age, number, plural
from tui.text.parts import line
from tui.widgets.panes.pane import Pane

_MARKS = {"ready": ("●", "$running"), "starting": ("◌", "$quiet"), "refused": ("✗", "$failed")}
_LOST = ("✗", "$waiting")


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """Hold the places, with the age of their state in place of its moment."""

    places: tuple[PlaceStatus, ...]


def place_facts(places: Sequence[PlaceStatus], now: float) -> PlaceFacts:
    """Return what the pane shows, with ages and rates rounded to what is displayed."""
    return PlaceFacts(
        tuple(
            replace(
                each, since_at=float(int(max(0.0, now - each.since_at))), rate_per_min=float(round(each.rate_per_min))
            )
            for each in places
        )
    )


class PlacesPane(Pane):
    NAME = "Places"
    NUMBER = 9

    def heading(self) -> str:
        places = self.facts.places
        ready = sum(each.state == "ready" for each in places)
        rate = sum(each.rate_per_min for each in places)
        return f"{ready} of {plural(len(places), 'place')} ready, {number(round(rate))} calls/min"

    def rows_wanted(self) -> int | None:
        return max(1, min(len(self.facts.places), 6)) if self.facts is not None else 1

    def body(self, width: int, height: int) -> list[Content]:  # noqa: ARG002 - lines are cut to it
        places: tuple[PlaceStatus, ...] = self.facts.places
        # Those that need a look come first, where not all have room.
        shown = sorted(places, key=lambda each: (each.state == "ready", _numbered(each.name)))
        if len(shown) <= height:
            shown.sort(key=lambda each: _numbered(each.name))
            return [_row(each) for each in shown]
        rest = len(shown) - height + 1
        return [*(_row(each) for each in shown[: height - 1]), line((f"  and {plural(rest, 'more place')}", "$quiet"))]


def _numbered(name: str) -> tuple[str, int]:
    head, _, digits = name.rpartition("-")
    return (head, int(digits)) if digits.isdigit() else (name, 0)


def _row(place: PlaceStatus) -> Content:
    mark, style = _MARKS.get(place.state, _LOST)
    node = f" on {one_line(place.node, limit=24)}" if place.node else ""
    at_work = (
        f" · {number(place.in_flight)} in flight · {number(round(place.rate_per_min))}/min"
        if place.state == "ready"
        else ""
    )
    why = f" · {one_line(place.reason, limit=160)}" if place.reason else ""
    return line(
        (f"{mark} ", style),
        (f"{one_line(place.name, limit=24)}{node}", "$foreground"),
        (f" · {one_line(place.state, limit=20)} {age(place.since_at)}", style),
        (at_work, "$foreground"),
        (why, "$quiet"),
    )
