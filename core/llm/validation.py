"""Judge an answer: it is a label of the task, or a sentence says what is wrong with it.

The only module that imports guardrails. Its own re-ask is not used: that sends neither the rubric nor the email, so the
second answer would be a guess. Here it judges one raw answer at a time, and the worker leads the conversation.

guardrails takes two seconds and 120 MB to import and reports home unless told not to, so it is imported when the first
answer is judged or :meth:`AnswerGuard.load` is called, with its telemetry off. It reads ``~/.guardrailsrc`` where one
exists and writes nothing.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any

from core.errors import LabeltuiError, TaskError
from core.llm.answers import ASCII_SPACE, TolerantLabels, exact_answer
from core.model import LabelMeaning, Outcome, Reply, Verdict
from core.text import one_line

QUOTE_LIMIT = 80
LISTED_MOST = 100
"""A complaint lists so many allowed answers at most; the question has them all."""

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_QUIET = {
    "OTEL_SDK_DISABLED": "true",
    # Otherwise its model prices are fetched over the network.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
_REASONING_ATE_IT = (
    "The answer is empty: reasoning used up the token budget (max_completion_tokens) before an answer began."
)


_Judgment = Callable[[str], Awaitable[Any]]


class AnswerGuard:
    """Judge raw answers against a task's ``labels``; ``pattern`` is the regular expression that they all match.

    ASCII white space around an answer is dropped, since models like to end with a line break, and so is reasoning in
    front of it; beyond that an answer counts only if it is a label, character for character: ``1.``, ``Work`` for
    ``work`` and fullwidth digits do not. With ``schema`` a JSON object with the label counts too. ``tolerant`` lists
    the labels with their names where the task accepts other forms of them. Build one for each process: its
    first judgment waits for :meth:`load`.

    Raises:
        TaskError: no answer could ever equal one of the labels.
        LabeltuiError: guardrails is not installed.
    """

    def __init__(
        self, labels: Sequence[str], pattern: str, *, schema: bool = False, tolerant: Sequence[LabelMeaning] = ()
    ) -> None:
        self._labels = _checked_labels(labels, pattern)
        self._known = frozenset(self._labels)
        self._schema = schema
        self._tolerant = TolerantLabels(tolerant) if tolerant else None
        self._pattern = pattern
        self._guard: _Judgment | None = None
        self._loading: asyncio.Task[_Judgment] | None = None
        if "guardrails" not in sys.modules and importlib.util.find_spec("guardrails") is None:
            raise LabeltuiError("The package guardrails-ai is not installed: no answer can be judged without it.")

    def prepare(self) -> _Judgment:
        """Import guardrails and build its guard, now; the first time takes seconds. Returns its judgment."""
        if self._guard is None:
            self._guard = _build_guard(self._labels, self._pattern)
        return self._guard

    async def load(self) -> _Judgment:
        """Do the same in a thread; calls that overlap share one import. Raises what the import raises."""
        if self._guard is not None:
            return self._guard
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self.prepare))
        loading = self._loading
        try:
            return await asyncio.shield(loading)
        finally:
            if loading.done():
                self._loading = None

    async def judge(self, reply: Reply) -> Verdict:
        """Return the verdict on one reply. ``label`` is exactly one of the task's values, or None with a ``reason``.

        ``reason`` is worded for the next question as well as for people. Calls may overlap.
        """
        cut_off = reply.finish_reason == "length"
        answer = exact_answer(reply.text, schema=self._schema)
        if reply.refusal and answer not in self._known:
            return Verdict(Outcome.REFUSED, None, f"The model did not answer: {one_line(reply.refusal, limit=200)}")
        if not answer:
            if cut_off:
                return Verdict(Outcome.TRUNCATED, None, _REASONING_ATE_IT)
            return Verdict(Outcome.EMPTY, None, f"The answer is empty; allowed are {_listed(self._labels)}.")
        if cut_off and self._may_go_on(answer):
            reason = (
                f"The answer {_quoted(answer)} was cut off by the token limit and may be the start of another of the "
                f"allowed answers ({_listed(self._labels)})."
            )
            return Verdict(Outcome.TRUNCATED, None, reason)
        if self._tolerant is not None and answer not in self._known and not cut_off:
            answer = self._tolerant.find(reply.text) or answer
        # guardrails keeps answers in models that refuse text which is not valid Unicode.
        by_guardrails = self._guard or await self.load()
        judged = await by_guardrails(_LONE_SURROGATES.sub("\ufffd", answer))
        if isinstance(judged, str) and judged in self._known:
            return Verdict(Outcome.ANSWERED, judged)
        return Verdict(Outcome.INVALID, None, _reason(judged) or _complaint(answer, self._labels))

    def _may_go_on(self, answer: str) -> bool:
        return any(label != answer and label.startswith(answer) for label in self._labels)


def _checked_labels(labels: Sequence[str], pattern: str) -> tuple[str, ...]:
    if not labels:
        raise TaskError("The task has no labels, so no answer could be valid. Give it at least two.")
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise TaskError(f"The pattern of the labels, {pattern!r}, is no regular expression: {error}.") from None
    for label in labels:
        if not label or label != label.strip(ASCII_SPACE) or not compiled.fullmatch(label):
            raise TaskError(
                f"No answer can ever equal the label {label!r}: it must match {pattern!r}, not be empty and have no "
                "white space around it."
            )
    return tuple(labels)


def _build_guard(labels: tuple[str, ...], pattern: str) -> _Judgment:
    """Return guardrails' judgment of an answer: the answer where it passes, else the re-ask with what is wrong with it.

    It is the guard's validator, run by guardrails' own service with the guard's rule for a failure. Around that a
    guard's ``validate`` builds a runner, a schema, logs and spans for each answer, 0.9 ms of CPU beside 0.05 ms.
    """
    os.environ.update(_QUIET)
    with warnings.catch_warnings(), _without_extras():
        # What its dependencies deprecate among themselves is nothing that whoever runs this could act on.
        warnings.simplefilter("ignore", DeprecationWarning)
        from guardrails import AsyncGuard, OnFailAction, settings  # noqa: PLC0415  (two seconds, worker only)
        from guardrails.classes.history import Iteration  # noqa: PLC0415
        from guardrails.validator_service import AsyncValidatorService  # noqa: PLC0415

    settings.disable_tracing = True
    _start_no_telemetry_thread()
    guard: AsyncGuard[str] = AsyncGuard(name="labeltui-answer", history_max_length=1)
    # Before the validator is built, as building one asks these settings whether to report home.
    guard.configure(allow_metrics_collection=False)
    settings.rc.enable_metrics = False
    validator = _validator_class()(labels=labels, pattern=pattern, on_fail=OnFailAction.REASK)
    guard.use(validator)
    (used,) = guard.get_validators(on="output")
    service = AsyncValidatorService(disable_tracer=True)

    async def judge(answer: str) -> Any:
        run = await service.run_validator(Iteration(call_id=guard.id, index=0), used, answer, {}, "$")
        return run.value

    return judge


_LEFT_OUT = ("rfc3987_syntax", "nltk")
_STOOD_IN_FOR = (
    "langchain_core",
    "langchain_core.messages",
    "langchain_core.runnables",
    "faker",
    "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)


class _Inert:
    """Take any arguments, and do nothing."""

    def __init__(self, *_given: Any, **_named: Any) -> None:
        pass


class _Unused(ModuleType):
    """Stand in for a module of which names are imported, made at most, and nothing is used."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (_Inert,), {})


@contextmanager
def _without_extras() -> Iterator[None]:
    """Keep guardrails from importing packages that nothing here needs; whoever imports them later gets the true ones.

    ``rfc3987_syntax`` compiles a grammar for 2.3 s of CPU, for formats of addresses that no schema of ours has. With
    ``nltk`` guardrails downloads a tokenizer when it is imported. ``langchain_core``, of which it names two classes in
    annotations and in what makes chains of its guards, takes longer to import than all the rest. ``faker`` invents
    examples for schemas, and the exporters send telemetry, which is off: together a fifth of what is left, and 17 MB.
    """
    stand_ins: dict[str, ModuleType | None] = dict.fromkeys(name for name in _LEFT_OUT if name not in sys.modules)
    stand_ins |= {name: _Unused(name) for name in _STOOD_IN_FOR if name not in sys.modules}
    sys.modules.update(stand_ins)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)


def _start_no_telemetry_thread() -> None:
    """Let guardrails' reporter keep its spans to itself: its own processor starts a thread that waits for ever.

    With tracing off nothing would reach it, but the thread outlives forks badly and is one more thing at exit.
    """
    from guardrails.utils import hub_telemetry_utils  # noqa: PLC0415  (two seconds, worker only)
    from opentelemetry.sdk.trace import SpanProcessor  # noqa: PLC0415

    hub_telemetry_utils.BatchSpanProcessor = lambda _exporter: SpanProcessor()


@lru_cache(maxsize=1)
def _validator_class() -> Any:
    """Return the validator, defined late because its base class comes with the import of guardrails."""
    from guardrails.validator_base import (  # noqa: PLC0415  (two seconds, worker only)
        FailResult,
        PassResult,
        ValidationResult,
        Validator,
        register_validator,
    )

    @register_validator(name="labeltui/label", data_type="string")
    class Label(Validator):  # type: ignore[misc]
        """Pass an answer that is a label, and propose no other in its place (no ``fix_value``)."""

        def __init__(self, labels: tuple[str, ...], pattern: str, on_fail: Any = None) -> None:
            super().__init__(on_fail=on_fail, labels=labels, pattern=pattern)
            self._labels = labels
            self._known = frozenset(labels)
            self._pattern = re.compile(pattern)

        def _validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:  # noqa: ARG002
            if isinstance(value, str) and self._pattern.fullmatch(value) and value in self._known:
                return PassResult()
            return FailResult(error_message=_complaint(str(value), self._labels))

        async def async_validate(self, value: Any, metadata: dict[str, Any]) -> ValidationResult:
            # The inherited one hops through a thread: slow, and under virtual time wrong.
            return self._validate(value, metadata)

    return Label


def _reason(judged: Any) -> str:
    results = getattr(judged, "fail_results", None) or ()
    return " ".join(result.error_message for result in results if result.error_message)


def _complaint(answer: str, labels: tuple[str, ...]) -> str:
    return f"The answer {_quoted(answer)} is not one of the allowed answers ({_listed(labels)})."


def _listed(labels: tuple[str, ...]) -> str:
    """Return the allowed answers as a model should write them, without quotation marks that it might copy."""
    if len(labels) > LISTED_MOST:
        return f"one of the {len(labels):,} labels above, such as {labels[0]}"
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} or {labels[-1]}"


def _quoted(answer: str) -> str:
    return f'"{one_line(answer, limit=QUOTE_LIMIT)}"'
