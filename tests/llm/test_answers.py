"""What of an answer counts as a label, by the exact rule and by the tolerant one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.answers import TolerantLabels, exact_answer, schema_of, without_reasoning
from core.model import LabelMeaning

BINARY = (LabelMeaning("1", "work"), LabelMeaning("0", "personal"))
WORDS = (
    LabelMeaning("very negative", "very negative"),
    LabelMeaning("neutral", "neutral"),
    LabelMeaning("very positive", "very positive"),
    LabelMeaning("naïve", "naïve"),
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("1", "1"),
        ("<think>\nIs it 0?\n</think>\n\n1", "1"),
        ("<think>0</think>\n<think>0</think>1", "1"),
        ("so it is 0\n</think>\n1", "1"),
        ("<think>0 0 0", ""),
        ("[THINK]hm[/THINK]1", "1"),
        ("◁think▷hm◁/think▷1", "1"),
        ("<|channel|>analysis<|message|>hm 0<|end|><|start|>assistant<|channel|>final<|message|>1<|return|>", "1"),
        ("<|channel|>analysis<|message|>hm 0", ""),
        ("I think 1", "I think 1"),
    ],
)
def test_reasoning_in_front_of_an_answer_is_no_part_of_it(text: str, answer: str) -> None:
    """Whatever marks it; reasoning that never ends leaves nothing."""
    assert without_reasoning(text).strip() == answer


def test_the_json_that_was_asked_for_stands_for_its_label() -> None:
    """Only where the schema was sent, and only the very object."""
    assert exact_answer(' {"label": "1"}\n', schema=True) == "1"
    for text, schema in (('{"label": "1"}', False), ('{"label": 1}', True), ('{"label": "1", "why": ""}', True)):
        assert exact_answer(text, schema=schema) == text


def test_the_schema_holds_the_labels_and_nothing_else() -> None:
    """In the strict form of the API."""
    asked = schema_of(BINARY)["json_schema"]
    assert asked["strict"] is True
    assert asked["schema"]["properties"]["label"]["enum"] == ["1", "0"]
    assert asked["schema"]["additionalProperties"] is False


@pytest.mark.parametrize(
    "text",
    [
        "1", '"1"', "'1'", "1.", "**1**", "`1`", "Label: 1", "label=1", "The label is 1.", "**Label:** 1", "Answer: **1**",
        "work", "Work", "WORK.", '{"label": "1"}', '{"label": 1}', '{"label": "Work", "confidence": 0.9}',
        '```json\n{"label": "1"}\n```', '["1"]', "1 (work)", "work (1)", "1 = work", "1: work", "1 - work", "\uff11",
        "\ufeff1", "1\u200b", "“1”", "(1)", "- 1", "<think>0</think> Label: 1", "1<|im_end|>", "1</s>", "> 1",
        "Label: 1\nReason: it is about a meeting.", "Final answer: 1", "Answer -> work", "[1]", "分類: 1".replace("分類", "label"),
        "<answer>1</answer>", "<label>\n1\n</label>", "$\\boxed{1}$", "\\boxed{\\text{work}}", "\u0661",
    ],
)  # fmt: skip
def test_a_label_in_other_dress_is_accepted_where_the_task_is_tolerant(text: str) -> None:
    """Quotes, markdown, a full stop, a key, JSON, the name, case, Unicode forms."""
    assert TolerantLabels(BINARY).find(text) == "1"


@pytest.mark.parametrize(
    "text",
    [
        "", "2", "1 or 0", "1, 0", "0/1", "work or personal", "not work", "It is work, I think.", '{"label": ["1", "0"]}',
        '{"label": "1", "answer": "0"}', "Label: 1\nLabel: 0", "1 (personal)", "11", "1 0", "I cannot say", "work: 0",
        "Not 1: 0", '{"confidence": 1, "why": "x"}', "<think>1", "Answer: maybe 1", "-1", "1e0", "no label", "1?0",
        '{"label": {"a": "1"}}', "1.0", "true",
        '{"label": "0", "label": "1"}', "<label>1</label><label>0</label>", "\\boxed{1} or \\boxed{0}",
    ],
)  # fmt: skip
def test_the_tolerant_rule_never_guesses(text: str) -> None:
    """What could mean several labels, or another, means none."""
    assert TolerantLabels(BINARY).find(text) is None


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Very Negative.", "very negative"),
        ("very  negative", "very negative"),
        ("Sentiment: very positive", "very positive"),
        ("nai\u0308ve", "naïve"),
        ("NAÏVE", "naïve"),
        ("negative", None),
        ("very", None),
        ("very positive / neutral", None),
    ],
)
def test_labels_of_several_words_and_accents(text: str, label: str | None) -> None:
    """In full, in any case and Unicode form."""
    assert TolerantLabels(WORDS).find(text) == label


def test_a_name_that_two_labels_share_means_neither() -> None:
    """Also where it is the value of another."""
    labels = (LabelMeaning("a", "same"), LabelMeaning("b", "same"), LabelMeaning("c", "a"))
    assert TolerantLabels(labels).find("same") is None
    assert TolerantLabels(labels).find("a") is None
    assert TolerantLabels(labels).find("b") == "b"


@given(st.text(max_size=60))
def test_whatever_is_said_the_label_is_one_of_the_task_or_none(text: str) -> None:
    """And no text raises, in JSON or out of it."""
    tolerant = TolerantLabels(BINARY)
    assert tolerant.find(text) in ("1", "0", None)
    assert tolerant.find(json.dumps({"label": text})) in ("1", "0", None)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("((((1))))", "1"), ('"**(1)**".', "1"), ("- - - 1", "1"),
        ("- - - - 1", "1"), ("- - - - - 1", None), ("1 = work = 1 = work", "1"), ("1 = work = 1 = work = 1", None),
    ],
)  # fmt: skip
def test_as_much_dress_is_taken_off_as_models_put_on(text: str, label: str | None) -> None:
    """Four layers, and up to four parts that all name one label."""
    assert TolerantLabels(BINARY).find(text) == label
