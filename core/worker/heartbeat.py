"""Write the worker's heartbeat: once a second, and at once where what it does has changed."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.model import Forecast, PlaceStatus, RunState, Wait
from core.storage.writing.store import Beat, Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tempo:
    """Hold how often the worker looks for commands and key changes (``tick_s``), and beats (``beat_s``)."""

    tick_s: float = 0.2
    beat_s: float = 1.0


class Heartbeat:
    """Keep the time since the last beat, and the seconds of it in which no key was allowed to ask."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], float],
        tempo: Tempo,
        forecast: Callable[[], Forecast | None] | None,
        at_once: Callable[[], int | None] = lambda: None,
        places: Callable[[], tuple[PlaceStatus, ...]] = tuple,
    ) -> None:
        self._store = store
        self._clock = clock
        self._tempo = tempo
        self._forecast = forecast
        self._at_once = at_once
        self._places = places
        self._beaten_at = float("-inf")
        self._shown: RunState | None = None
        self._passed_at: float | None = None
        self._waited_s = 0.0

    def beat(
        self,
        state: RunState,
        reason: str,
        wait: Wait | None,
        by_key: Callable[[], Mapping[str, int]],
        bound: int,
        *,
        at_once: bool = False,
    ) -> None:
        """Write what the worker does, where it is time to; ``by_key`` counts the calls in flight, for when it is."""
        now = self._clock()
        if self._passed_at is not None and state is RunState.WAITING:
            self._waited_s += max(0.0, min(now - self._passed_at, 10 * self._tempo.tick_s))
        self._passed_at = now
        if state is self._shown and not at_once and 0 <= now - self._beaten_at < self._tempo.beat_s:
            return
        asking = by_key()
        beat = Beat(
            state=state,
            reason=reason,
            wait=wait if state is RunState.WAITING else None,
            in_flight=sum(asking.values()),
            in_flight_bound=bound,
            asking=asking,
            waited_s=self._waited_s,
            forecast=self._forecast() if self._forecast is not None else None,
            at_once=self._at_once(),
            places=self._places(),
        )
        try:
            self._store.beat(beat, now=now)
        except sqlite3.OperationalError as error:
            _log.warning("could not write the heartbeat: %s", error)
            return
        self._waited_s = 0.0
        self._beaten_at, self._shown = now, state


def doing(
    *, blocked: str, stopping: bool, paused: str, loading: str, wait: Wait | None, out: int, trying: str = ""
) -> tuple[RunState, str]:
    """Return the state to show and the sentence beside it.

    ``out`` calls are in flight, ``loading`` is what is made ready, ``trying`` describes a first N.
    """
    calls = f"{out} call{'' if out == 1 else 's'} out"
    if blocked:
        return RunState.WAITING, f"the run file cannot be written ({blocked}); answers are kept and tried again"
    if stopping:
        return RunState.RUNNING, f"stopping, {calls}"
    if paused:
        return (RunState.RUNNING, f"pausing, {calls}") if out else (RunState.PAUSED, paused)
    if loading:
        return RunState.RUNNING, loading
    if wait is not None and not out:
        return RunState.WAITING, wait.reason
    return RunState.RUNNING, trying
