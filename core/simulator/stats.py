"""Count what the simulator served, for people and tests, and log every call.

Keys appear with their last four characters only. The log is written before the answer is sent, so every answer
that a client holds has a line, even if either side is killed at once.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from core.simulator.config import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from core.simulator.conversation import Asked, Question
    from core.simulator.faults import Rolls
    from core.simulator.quota import Quota


@dataclass(slots=True)
class Call:
    """Hold one chat call from arrival to answer; filled in as it is understood. Times are the clock's, in seconds."""

    ordinal: int
    started_at: float
    request_id: str
    key: str = field(default="", repr=False)
    organization: str = ""
    question: Question | None = None
    quota: Quota | None = None
    nth: int = 0
    rolls: Rolls | None = None
    fault: str | None = None
    reserved: int = 0
    cached: int = 0
    answer: str | None = None
    completion_tokens: int = 0
    in_flex: bool = False
    cut: bool = False

    @property
    def kind(self) -> str | None:
        """Return `ask` or `reask`, or None if the request could not be read."""
        return None if self.question is None else "reask" if self.question.is_reask else "ask"


class Stats:
    """Count all calls since the start."""

    def __init__(self, now: float) -> None:
        self._started_at = now
        self._last_call_at: float | None = None
        self.calls = 0
        self.in_flight = 0
        self.peak_in_flight = 0
        self.answered = 0
        self.asks = 0
        self.reasks = 0
        self.blind_reasks = 0
        self.reasks_without_rubric = 0
        self.distinct_texts = 0
        self.packs = 0
        self.by_status: Counter[str] = Counter()
        self.by_key: dict[str, Counter[str]] = {}
        self.by_organization: dict[str, Counter[str]] = {}
        self.faults: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()

    def begin(self, now: float) -> None:
        """Count a call that arrived."""
        self.calls += 1
        self._last_call_at = now
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def count(self, question: Question, asked: Asked) -> None:
        """Count a call that the quota let through."""
        self.distinct_texts += asked.new_texts
        self.packs += bool(question.pack)
        if not question.is_reask:
            self.asks += 1
            return
        self.reasks += 1
        self.blind_reasks += not (question.has_email and (asked.nth > 1 or question.fenced))
        self.reasks_without_rubric += not asked.known_rubric

    def end(self, call: Call, status: str) -> None:
        """Count how a call ended: its status, or `dropped`, `hung`, `left`."""
        self.in_flight -= 1
        self.by_status[status] += 1
        if call.organization:
            self.by_key.setdefault(call.key[-4:], Counter())[status] += 1
            self.by_organization.setdefault(call.organization, Counter())[status] += 1
        if call.fault is not None:
            self.faults[call.fault] += 1
        if call.answer is not None and call.question is not None:
            self.answered += 1  # made and paid for, whether or not it arrived
            self.tokens["prompt"] += call.question.prompt_tokens
            self.tokens["completion"] += call.completion_tokens
            self.tokens["cached"] += call.cached

    def idle_s(self, now: float) -> float:
        """Return the seconds since the last call arrived, or since the start; 0 while one is in flight."""
        if self.in_flight:
            return 0.0
        return now - (self._started_at if self._last_call_at is None else self._last_call_at)

    def as_json(self, now: float) -> dict[str, Any]:
        """Return all counters as plain JSON values."""
        return {
            "uptime_s": round(now - self._started_at, 3),
            "idle_s": round(self.idle_s(now), 3),
            "calls": self.calls,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "answered": self.answered,
            "distinct_texts": self.distinct_texts,
            "packs": self.packs,
            "asks": self.asks,
            "reasks": self.reasks,
            "blind_reasks": self.blind_reasks,
            "reasks_without_rubric": self.reasks_without_rubric,
            "by_status": dict(self.by_status),
            "by_key": {key: dict(counts) for key, counts in self.by_key.items()},
            "by_organization": {name: dict(counts) for name, counts in self.by_organization.items()},
            "faults": dict(self.faults),
            "tokens": dict(self.tokens),
        }


class CallLog:
    """Write a JSONL file, one flushed line per call and for each batch that begins or ends; nothing without a path."""

    def __init__(self, path: Path | None, epoch: float) -> None:
        """Open `path` for appending. `epoch` is added to clock times to give Unix time.

        Raises:
            SimulatorError: if the file cannot be opened.

        """
        self._epoch = epoch
        self._file: IO[bytes] | None = None
        if path is not None:
            try:
                self._file = path.open("ab", buffering=0)
            except OSError as error:
                raise SimulatorError(f"the simulator's log cannot be written: {error}") from error

    def write(self, call: Call, status: str, now: float) -> None:
        """Write the line of one call."""
        if self._file is None:
            return
        question = call.question
        line = {
            "time": round(self._epoch + now, 6),
            "ordinal": call.ordinal,
            "latency_s": round(now - call.started_at, 6),
            "key": call.key[-4:] or None,
            "organization": call.organization or None,
            "model": question.model if question else None,
            "tier": "flex" if question and question.flex else None,
            "sha256": question.email_key.hex() if question else None,
            "kind": call.kind,
            "nth": call.nth or None,
            "status": int(status) if status.isdigit() else status,
            "fault": call.fault,
            "answer": call.answer,
            "prompt_tokens": question.prompt_tokens if question and call.answer is not None else 0,
            "cached_tokens": call.cached if call.answer is not None else 0,
            "completion_tokens": call.completion_tokens,
        }
        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def write_batch(self, event: str, batch_id: str, texts: Sequence[str], now: float) -> None:
        """Write that a batch ``began`` or ``ended``, with the digests of its texts: it holds them in between."""
        if self._file is not None:
            line = {"time": round(self._epoch + now, 6), "batch": batch_id, "event": event, "texts": list(texts)}
            self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def close(self) -> None:
        """Close the file; further calls are not logged."""
        if self._file is not None:
            self._file.close()
            self._file = None
