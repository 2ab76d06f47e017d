"""Define what travels between the coordinator and its places: plain values, and errors of calls as values.

An order names a key by its alias; the secrets travel apart (:class:`Keys`). What many calls have in common (rubric and
settings of the model) is sent once to each place as a :class:`Head`.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from core.errors import CallError, ServerFailedError
from core.model import ChatMessage, ModelSettings, Reply, Verdict

TAKE_S = 1.0
"""A place that has nothing to report answers after so long."""

LOST_AFTER_S = 3.0
"""A place that does not answer for so long is lost."""

PREPARED_WITHIN_S = 120.0
"""A place on a busy machine may import its validation for so long."""

LOADING_LOST_AFTER_S = 30.0
"""While a place imports its validation, which takes all of its CPU, it is lost after so long.

Lost after 3 s it would be made anew, and would import it again: on a busy machine it might never be ready.
"""

ALIVE_EVERY_S = 1.0
SILENT_MOST = 30
"""The process between says so often that it is there; after so many of these spans without a word it is replaced."""

GATHER_S, GATHER_MOST_S = 0.01, 0.1
GATHER_SHARE = 1 / 10
"""Orders, and answers, are gathered for this share of a call's latency before they are sent, within these bounds.

A message costs about 1 ms of CPU, as does a commit: one for many calls is cheap, and a call takes some 15 % longer.
"""

MOST_CHARS = 64_000
"""Characters in one message to or from a place: Ray keeps arguments of 100 kB and more in a store that may spill."""


def names_of(places: int) -> tuple[str, ...]:
    """Return the names of so many places."""
    return tuple(f"place-{number}" for number in range(1, places + 1))


class Gathering:
    """Compute how long to gather, from the latency of recent calls."""

    def __init__(self) -> None:
        self._latency_s = 0.0

    def saw(self, latency_s: float) -> None:
        """Take in a call; the last eight or so count."""
        self._latency_s += (latency_s - self._latency_s) / 8

    @property
    def span_s(self) -> float:
        """Return seconds to gather for."""
        return min(GATHER_MOST_S, max(GATHER_S, GATHER_SHARE * self._latency_s))


@dataclass(frozen=True, slots=True)
class Head:
    """Hold what many calls have in common: the first message where it is the rubric, and the settings of the model."""

    number: int
    system: ChatMessage | None
    settings: ModelSettings


@dataclass(frozen=True, slots=True)
class Order:
    """Hold one call to make, in a lane (a service tier). ``number`` is unique; ``messages`` follow the head's.

    A pack has several emails (``size``), and may have a response format of its own (``form``).
    """

    number: int
    alias: str
    lane: str
    head: int
    messages: tuple[ChatMessage, ...]
    size: int = 1
    form: Mapping[str, Any] | None = None

    @property
    def chars(self) -> int:
        """Return the number of characters that travel."""
        return sum(len(message.content) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Failure:
    """Hold an error of a call as plain values: it is raised again on the coordinator's side."""

    kind: str
    message: str
    status: int | None
    code: str
    headers: Mapping[str, str]
    request_id: str
    conclusive: bool

    @classmethod
    def of(cls, error: CallError) -> Failure:
        """Return the values of an error."""
        return cls(
            type(error).__name__,
            str(error),
            error.status,
            error.code,
            dict(error.headers),
            error.request_id,
            error.conclusive,
        )

    @property
    def error(self) -> CallError:
        """Return the error, made anew."""
        return _LEAVES.get(self.kind, ServerFailedError)(
            self.message,
            status=self.status,
            code=self.code,
            headers=self.headers,
            request_id=self.request_id,
            conclusive=self.conclusive,
        )


def _leaves(root: type[CallError]) -> Iterator[type[CallError]]:
    for each in root.__subclasses__():
        yield each
        yield from _leaves(each)


_LEAVES = {leaf.__name__: leaf for leaf in _leaves(CallError)}


@dataclass(frozen=True, slots=True)
class Finished:
    """Hold the result of one order: a reply with its verdict, a failure, or ``broken``, an error of the program."""

    number: int
    latency_s: float
    reply: Reply | None = None
    verdict: Verdict | None = None
    failure: Failure | None = None
    broken: str = ""
    parts: tuple[tuple[Reply, Verdict], ...] = ()
    judged_s: float = 0.0

    @property
    def chars(self) -> int:
        """Return about how many characters travel."""
        answer = len(self.reply.text) + 20 * len(self.reply.logprobs) if self.reply is not None else 0
        return 600 * max(1, len(self.parts)) + answer


@dataclass(frozen=True, slots=True)
class Taken:
    """Hold what a place has to report: finished orders, sentences about the server, and settings that it refuses.

    ``loading``: its validation is being imported, and the first answers wait for that.
    """

    finished: tuple[Finished, ...] = ()
    notes: tuple[str, ...] = ()
    refused: tuple[tuple[str, str, str], ...] = ()
    loading: bool = False


@dataclass(frozen=True, slots=True)
class Versions:
    """Hold what a place and its coordinator must have in common."""

    labeltui: str
    python: str

    def complaint(self, theirs: Versions, where: str) -> str:
        """Return why a place with other versions is refused, or nothing."""
        if theirs == self:
            return ""
        have, want = [f"labeltui {each.labeltui} on Python {each.python}" for each in (theirs, self)]
        return f"the place on {where} has {have}, the coordinator {want}: install the same there"


def own_versions() -> Versions:
    """Return the versions of this process."""
    try:
        version = metadata.version("labeltui")
    except metadata.PackageNotFoundError:
        version = "from source"
    return Versions(version, ".".join(platform.python_version_tuple()[:2]))


@dataclass(frozen=True, slots=True)
class Hello:
    """Hold a place's first message: its versions, and the node (machine) that it is on."""

    versions: Versions
    node: str


@dataclass(frozen=True, slots=True)
class Setup:
    """Hold what a place works by: a version of the task, the server, and what that is known to refuse."""

    task_json: str
    task_version: str
    base_url: str | None
    refused: Mapping[str, str] = field(default_factory=dict)


# -- between the coordinator and the process that reaches the places ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Keys:
    """Hold every secret by its alias. Its representation shows the aliases alone."""

    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Give:
    """Hold orders for a place."""

    place: str
    heads: tuple[Head, ...]
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """Hold a place's new state (starting, ready, lost or refused), on which node, and why."""

    place: str
    state: str
    node: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Hold what a place reports."""

    place: str
    taken: Taken


@dataclass(frozen=True, slots=True)
class Alive:
    """Report that the process between is at work; it says so every :data:`ALIVE_EVERY_S` seconds."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Report that no place can be made any more, and why; those that are there go on until they are lost."""

    reason: str
