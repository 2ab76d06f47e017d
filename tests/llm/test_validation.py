"""What counts as an answer: a label and nothing else, and never a label that the model did not give."""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TaskError
from core.llm.validation import AnswerGuard
from core.model import Outcome, Reply, Usage, Verdict

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
