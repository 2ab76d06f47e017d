"""What counts as an answer: a label and nothing else, and never a label that the model did not give."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import LabeltuiError, TaskError
from core.llm import validation
from core.llm.validation import AnswerGuard
from core.model import LabelMeaning, Outcome, Reply, Usage, Verdict

WORDS = ("work", "personal", "work-related")


def reply(text: str, finish_reason: str = "stop") -> Reply:
    """A reply with this text."""
    return Reply(text, finish_reason, Usage(), "req_1", {})


def guard_for(labels: Sequence[str]) -> AnswerGuard:
    """A guard over these labels, with the pattern in the form that a task derives."""
    return AnswerGuard(labels, "^(?:" + "|".join(map(re.escape, labels)) + ")$")


@pytest.fixture(scope="module")
def binary() -> AnswerGuard:
    """A guard over 1 and 0."""
    return AnswerGuard(("1", "0"), "^[01]$")


@pytest.fixture(scope="module")
def words() -> AnswerGuard:
    """A guard over words, one of which begins another."""
    return guard_for(WORDS)


@pytest.mark.parametrize(
    ("text", "label"),
    [("1", "1"), ("0", "0"), ("1\n", "1"), ("\n\n0", "0"), (" 1 ", "1"), ("\t0\r\n", "0"), ("1\x0b\x0c", "1")],
)
@pytest.mark.asyncio
async def test_label_is_accepted_with_white_space_around_it(binary: AnswerGuard, text: str, label: str) -> None:
    """ASCII white space around a label is the model's habit, not part of its answer."""
    assert await binary.judge(reply(text)) == Verdict(Outcome.ANSWERED, label)


@pytest.mark.parametrize(
    "text",
    [
        "1.", "1 0", "1\n0", "11", "01", "2", "-1", "one", "Label: 1", "**1**", '"1"', "1 (work)", "1 <think>",
        "\uff11", "\u0661", "\u00b9", "1\u00a0", "\u20031", "\ufeff1", "1\u200b", "1\x00", "1\x1c", "$1", "\ud800",
        "1" * 100_000, "{}", "null", "[1]",
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_anything_beyond_a_label_is_invalid(binary: AnswerGuard, text: str) -> None:
    """A label in other words, other digits or other company is no label, and the reason says what is allowed."""
    verdict = await binary.judge(reply(text))

    assert (verdict.outcome, verdict.label) == (Outcome.INVALID, None)
    assert "1 or 0" in verdict.reason
    assert "allowed" in verdict.reason
    assert len(verdict.reason) < 250


@pytest.mark.parametrize("text", ["Work", "WORK", "wor", "work related", "personal.", "work|personal", "work-"])
@pytest.mark.asyncio
async def test_words_match_to_the_letter(words: AnswerGuard, text: str) -> None:
    """Casing and every character of a label count."""
    verdict = await words.judge(reply(text))

    assert (verdict.outcome, verdict.label) == (Outcome.INVALID, None)
    assert "(work, personal or work-related)" in verdict.reason


@pytest.mark.asyncio
async def test_reason_quotes_the_answer_briefly_and_inert(binary: AnswerGuard) -> None:
    """The reason repeats at most 80 characters of the answer, on one line, with nothing that a terminal handles."""
    verdict = await binary.judge(reply("\x1b[31mlong\nanswer " + "x" * 500))

    quoted = re.findall(r'"(.*)"', verdict.reason)[0]
    assert len(quoted) == 80
    assert "\x1b" not in verdict.reason
    assert "\n" not in verdict.reason


@pytest.mark.parametrize("text", ["", "\n", "  \t\r\n "])
@pytest.mark.asyncio
async def test_empty_answers_are_a_class_of_their_own(binary: AnswerGuard, text: str) -> None:
    """No answer at all is named as such."""
    verdict = await binary.judge(reply(text))

    assert (verdict.outcome, verdict.label) == (Outcome.EMPTY, None)
    assert "1 or 0" in verdict.reason


@pytest.mark.asyncio
async def test_reasoning_that_ate_the_budget_is_a_class_of_its_own(binary: AnswerGuard) -> None:
    """An empty answer at the token limit says that reasoning used the budget up, which a setting can mend."""
    verdict = await binary.judge(reply("", "length"))

    assert (verdict.outcome, verdict.label) == (Outcome.TRUNCATED, None)
    assert "max_completion_tokens" in verdict.reason


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("personal", Outcome.ANSWERED),
        ("work-related", Outcome.ANSWERED),
        ("work", Outcome.TRUNCATED),
        ("wor", Outcome.TRUNCATED),
        ("The email is about", Outcome.INVALID),
    ],
)
@pytest.mark.asyncio
async def test_answer_at_the_token_limit_counts_only_if_it_is_whole(
    words: AnswerGuard, text: str, expected: Outcome
) -> None:
    """A label that was cut off and may have gone on to another one is not taken for an answer."""
    verdict = await words.judge(reply(text, "length"))

    assert verdict.outcome is expected
    assert verdict.label == (text if expected is Outcome.ANSWERED else None)


@pytest.mark.parametrize("text", ["$$", "$1", "${gr.nope}", "${output_schema}", "{1}", "%s", "{{messages}}", "$$ ${x"])
@pytest.mark.asyncio
async def test_answers_are_never_expanded(binary: AnswerGuard, text: str) -> None:
    """What looks like a template in an answer is quoted as it came and does nothing."""
    verdict = await binary.judge(reply(text))

    assert verdict == Verdict(Outcome.INVALID, None, f'The answer "{text}" is not one of the allowed answers (1 or 0).')


@pytest.mark.asyncio
async def test_model_that_never_answers_never_gets_a_label(binary: AnswerGuard) -> None:
    """However often a model fails to answer, no label is made up for it."""
    verdicts = [await binary.judge(reply(f"I cannot say ({n}).")) for n in range(400)]

    assert {verdict.label for verdict in verdicts} == {None}
    assert {verdict.outcome for verdict in verdicts} == {Outcome.INVALID}


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("01 \n\t.\u00a0\uff11") | st.characters(), max_size=6))
def test_label_is_always_what_the_model_wrote(binary: AnswerGuard, text: str) -> None:
    """For any text at all, a label is given exactly if the text is that label with ASCII white space around it."""
    verdict = asyncio.run(binary.judge(reply(text)))

    bare = text.strip(" \t\r\n\x0b\x0c")
    assert verdict.label == (bare if bare in {"0", "1"} else None)


@pytest.mark.asyncio
async def test_judgements_at_once_do_not_mix(binary: AnswerGuard, words: AnswerGuard) -> None:
    """500 judgements that overlap, by two guards, give each reply its own verdict and its own reason."""
    texts = ["1", "0", "", "work", "personal", "no {}", "yes {}\n"] * 72
    texts = [text.format(n) for n, text in enumerate(texts)]

    verdicts = await asyncio.gather(*(guard.judge(reply(text)) for guard in (binary, words) for text in texts))
    binary_verdicts, word_verdicts = verdicts[: len(texts)], verdicts[len(texts) :]

    for text, binary_verdict, word_verdict in zip(texts, binary_verdicts, word_verdicts, strict=True):
        assert binary_verdict.label == (text if text in {"0", "1"} else None)
        assert word_verdict.label == (text if text in WORDS else None)
        for verdict in (binary_verdict, word_verdict):
            if verdict.outcome is Outcome.INVALID:
                assert f'"{text.strip()}"' in verdict.reason


async def objects_after(guard: AnswerGuard, judgements: int) -> int:
    """How many objects the interpreter tracks after this many more judgements."""
    for n in range(judgements):
        await guard.judge(reply("1" if n % 2 else f"no {n}"))
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.asyncio
async def test_nothing_piles_up(binary: AnswerGuard) -> None:
    """A thousand judgements leave nothing behind in memory."""
    before = await objects_after(binary, 50)

    assert await objects_after(binary, 1_000) - before < 200


@pytest.mark.slow
@pytest.mark.asyncio
async def test_nothing_piles_up_in_a_long_run(binary: AnswerGuard) -> None:
    """Nor do twenty thousand."""
    before = await objects_after(binary, 50)

    assert await objects_after(binary, 20_000) - before < 200


@pytest.mark.parametrize(
    ("labels", "pattern"),
    [
        ((), ".*"),
        (("1", "0"), "["),
        (("1", "2"), "^[01]$"),
        (("work ", "personal"), ".*"),
        (("", "1"), ".*"),
    ],
)
def test_labels_that_no_answer_can_equal_are_refused(labels: tuple[str, ...], pattern: str) -> None:
    """A task whose label could never be answered is refused before the first call is paid for."""
    with pytest.raises(TaskError):
        AnswerGuard(labels, pattern)


@pytest.mark.asyncio
async def test_pattern_alone_does_not_make_a_label() -> None:
    """A text that a loose pattern lets through is still no label of the task."""
    verdict = await AnswerGuard(("1", "0"), r"\d").judge(reply("7"))

    assert (verdict.outcome, verdict.label) == (Outcome.INVALID, None)


@pytest.mark.parametrize("label", ["a.b", "c++", "(x)", "$", "a|b", "[", "\\", "two words", "ja/nein", "é", "日本"])
@pytest.mark.asyncio
async def test_labels_of_any_characters_work(label: str) -> None:
    """A label may hold what a pattern or a template would take for its own."""
    guard = guard_for((label, "other"))

    assert (await guard.judge(reply(label + "\n"))).label == label
    assert (await guard.judge(reply(label + label))).label is None


@pytest.mark.asyncio
async def test_an_answer_that_guardrails_changes_is_told_with_what_is_allowed() -> None:
    """Where the package gives no reason of its own, the reason still says which answers there are."""
    guard = AnswerGuard(("1", "0"), "^[01]$")

    async def judged(_: str) -> str:
        return "something else"

    guard._guard = judged  # type: ignore[assignment]
    verdict = await guard.judge(reply("2"))
    assert verdict == Verdict(Outcome.INVALID, None, 'The answer "2" is not one of the allowed answers (1 or 0).')


BINARY = (LabelMeaning("1", "work"), LabelMeaning("0", "personal"))


@pytest.mark.parametrize(
    ("text", "finish", "refusal", "verdict"),
    [
        ("Label: work", "stop", "", Verdict(Outcome.ANSWERED, "1")), ("1", "length", "", Verdict(Outcome.ANSWERED, "1")),
        ('{"label": "0"}', "stop", "", Verdict(Outcome.ANSWERED, "0")), ("1", "stop", "I cannot", Verdict(Outcome.ANSWERED, "1")),
        ("work", "stop", "I cannot", Verdict(Outcome.REFUSED, None, "The model did not answer: I cannot")),
        ("", "stop", "no\n" + "x" * 300, Verdict(Outcome.REFUSED, None, f"The model did not answer: no {'x' * 196}…")),
        ("Label: work", "length", "", Verdict(Outcome.INVALID, None, 'The answer "Label: work" is not one of the allowed answers (1 or 0).')),
        ("Label: neither", "stop", "", Verdict(Outcome.INVALID, None, 'The answer "Label: neither" is not one of the allowed answers (1 or 0).')),
        ("", "stop", "", Verdict(Outcome.EMPTY, None, "The answer is empty; allowed are 1 or 0.")),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_a_task_that_takes_other_forms_takes_them_whole_alone(
    text: str, finish: str, refusal: str, verdict: Verdict
) -> None:
    """Labels in other dress count where the answer was not cut off; a label counts beside words of refusal, too."""
    guard = AnswerGuard(("1", "0"), "^[01]$", schema=True, tolerant=BINARY)
    assert await guard.judge(Reply(text, finish, Usage(), "", {}, refusal)) == verdict


@pytest.mark.asyncio
async def test_a_json_object_counts_where_it_was_asked_for(binary: AnswerGuard) -> None:
    """Another guard takes it for an answer that is no label."""
    asked = AnswerGuard(("1", "0"), "^[01]$", schema=True)
    verdicts = [await guard.judge(reply('{"label": "1"}')) for guard in (asked, binary)]
    assert [each.label for each in verdicts] == ["1", None]
    assert (await asked.judge(reply("Label: 1"))).label is None


@pytest.mark.parametrize(
    ("count", "listed"),
    [
        (1, "label 0"), (2, "label 0 or label 1"), (3, "label 0, label 1 or label 2"),
        (100, ", ".join(f"label {n}" for n in range(99)) + " or label 99"),
        (101, "one of the 101 labels above, such as label 0"), (1_200, "one of the 1,200 labels above, such as label 0"),
    ],
)  # fmt: skip
def test_a_complaint_lists_up_to_a_hundred_answers(count: int, listed: str) -> None:
    """The question has them all; of more than these one is named."""
    labels = tuple(f"label {n}" for n in range(count))
    assert validation._complaint("x\ny" * 50, labels) == (
        f'The answer "x {"yx " * 25}yx…" is not one of the allowed answers ({listed}).'
    )


@pytest.mark.parametrize(
    ("labels", "pattern", "words"),
    [
        ((), ".*", "has no labels"), (("1",), "[", "The pattern of the labels, '[', is no regular expression"),
        (("1", " 0"), ".*", "can ever equal the label ' 0'"), (("0\n", "1"), "(?s).*", "label '0\\n'"), (("1", ""), ".*", "label ''"),
        (("1", "10"), r"\d", "label '10': it must match '\\\\d'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_labels_is_said(labels: tuple[str, ...], pattern: str, words: str) -> None:
    """With the label or the pattern at fault."""
    with pytest.raises(TaskError) as caught:
        AnswerGuard(labels, pattern)
    assert words in str(caught.value)


def test_without_guardrails_no_guard_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is said before a call is paid for; where it was imported already nobody looks for it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setitem(sys.modules, "guardrails", ModuleType("guardrails"))
    AnswerGuard(("1",), "1")
    monkeypatch.delitem(sys.modules, "guardrails")
    with pytest.raises(LabeltuiError, match="guardrails-ai is not installed"):
        AnswerGuard(("1",), "1")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: ModuleSpec("guardrails", None))
    AnswerGuard(("1",), "1")


@pytest.mark.asyncio
async def test_overlapping_calls_share_one_import_and_a_failed_one_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Afterwards the guard is there for good, also for who does not wait."""
    built: list[tuple[object, ...]] = []

    async def judgment(answer: str) -> str:
        return answer

    def build(*given: object) -> object:
        built.append(given)
        if len(built) == 1:
            raise ImportError("half installed")
        return judgment

    monkeypatch.setattr(validation, "_build_guard", build)
    guard = AnswerGuard(("1", "0"), "^[01]$")
    failures = await asyncio.gather(guard.load(), guard.load(), return_exceptions=True)
    assert [type(each) for each in failures] == [ImportError, ImportError]
    assert len(built) == 1
    assert await asyncio.gather(guard.load(), guard.load()) == [judgment, judgment]
    assert await guard.load() is guard.prepare() is judgment
    assert built == [(("1", "0"), "^[01]$")] * 2


def test_packages_that_are_not_needed_are_kept_away_for_the_import_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some cannot be imported, others are stood in for; what was imported before stays what it was."""
    there = ModuleType("faker")
    for name in ("rfc3987_syntax", "nltk", "langchain_core", "langchain_core.messages", "langchain_core.runnables"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "faker", there)
    with validation._without_extras():
        assert sys.modules["faker"] is there
        for name in ("rfc3987_syntax", "nltk"):
            with pytest.raises(ImportError):
                importlib.import_module(name)
        stand_in = importlib.import_module("langchain_core.runnables")
        assert (stand_in.__name__, stand_in.__path__) == ("langchain_core.runnables", [])
        assert stand_in.Runnable.__name__ == "Runnable"
        assert stand_in.Runnable(1, two=2) is not None
        with pytest.raises(AttributeError):
            stand_in.__wrapped__  # noqa: B018
    assert sys.modules["faker"] is there
    assert not {"rfc3987_syntax", "nltk", "langchain_core", "langchain_core.runnables"} & sys.modules.keys()


@pytest.mark.asyncio
async def test_a_guard_reports_home_in_no_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither traces nor metrics, whatever was set before; no span has a thread."""
    validation._build_guard(("1",), "1")
    guardrails = importlib.import_module("guardrails")
    told: list[dict[str, object]] = []
    configure = guardrails.AsyncGuard.configure
    monkeypatch.setattr(
        guardrails.AsyncGuard, "configure", lambda guard, **given: (told.append(given), configure(guard, **given))[1]
    )
    monkeypatch.setattr(guardrails.settings, "disable_tracing", False)
    monkeypatch.setattr(guardrails.settings.rc, "enable_metrics", True)
    telemetry = importlib.import_module("guardrails.utils.hub_telemetry_utils")
    monkeypatch.setattr(telemetry, "BatchSpanProcessor", None)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "false")
    monkeypatch.delenv("LITELLM_LOCAL_MODEL_COST_MAP", raising=False)
    judge = validation._build_guard(("1", "0"), "^[01]$")
    assert told[-1] == {"allow_metrics_collection": False}
    assert (guardrails.settings.disable_tracing, guardrails.settings.rc.enable_metrics) == (True, False)
    assert (os.environ["OTEL_SDK_DISABLED"], os.environ["LITELLM_LOCAL_MODEL_COST_MAP"]) == ("true", "True")
    assert type(telemetry.BatchSpanProcessor(None)).__name__ == "SpanProcessor"
    assert [await judge("1"), (await judge("2")).fail_results[0].error_message] == [
        "1",
        'The answer "2" is not one of the allowed answers (1 or 0).',
    ]


def test_reasons_of_a_judgment_are_joined() -> None:
    """Where it has any, and they say something."""
    judged = SimpleNamespace(fail_results=[SimpleNamespace(error_message=each) for each in ("a", None, "", "b")])
    assert [validation._reason(each) for each in (judged, SimpleNamespace(fail_results=None), "x")] == ["a b", "", ""]
