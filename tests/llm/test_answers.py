"""What of an answer counts as a label, by the exact rule and by the tolerant one."""

from __future__ import annotations

import json
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm import answers
from core.llm.answers import TolerantLabels, exact_answer, judge_of, label_probability, schema_of, without_reasoning
from core.model import LabelMeaning, ModelSettings, Task

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


def _tokens(*parts: str) -> tuple[tuple[bytes, float], ...]:
    """Tokens with the logarithms -1, -2, -4 … of their probabilities, so that a sum names its parts."""
    return tuple((part.encode(), -float(2**at)) for at, part in enumerate(parts))


@pytest.mark.parametrize(
    ("tokens", "label", "number", "powers"),
    [
        (("1",), "1", 0, [0]), (("Label: ", "1"), "1", 0, [1]), (("a", "10"), "1", 0, None), (("1", " or ", "1"), "1", 0, [2]), (("wo", "rk"), "1", 0, [0, 1]),
        (("The ", "WORK", "."), "1", 0, [1]), (("x", "work"), "1", 0, None), (("1", ": ", "0", "\n", "2", ": ", "0"), "0", 1, [2]),
        (("1", ": ", "0", "\n", "2", ": ", "0"), "0", 2, [6]), (("12", ": ", "0"), "0", 2, None), (("2", ") ", "personal"), "0", 2, [2]),
        (("2", "：", "0"), "0", 2, [2]), (("2", "->", " ", '"', "0", '"'), "0", 2, [4]), (("a1", "b"), "1", 0, None), ((" 1 ",), "1", 0, [0]), (("2", " ", "0"), "0", 2, None),
    ],
)  # fmt: skip
def test_the_probability_of_a_label_is_that_of_its_tokens(
    tokens: tuple[str, ...], label: str, number: int, powers: list[int] | None
) -> None:
    """Where its value or its name stands last, of a pack behind the text's number; and of these tokens alone."""
    task = Task("t", BINARY, "r")
    found = label_probability(task, _tokens(*tokens), label, number=number)
    assert found == (None if powers is None else pytest.approx(exp(-sum(2**power for power in powers))))


def test_without_label_or_probabilities_there_is_none() -> None:
    """Nothing is made up for it."""
    task = Task("t", BINARY, "r")
    assert label_probability(task, _tokens("1"), None) is None
    assert label_probability(task, (), "1") is None


@pytest.mark.parametrize(
    ("judge", "schema", "text", "label"),
    [
        ("exact", False, "1", "1"), ("exact", False, "Label: 1", None), ("exact", True, '{"label": "1"}', "1"), ("exact", False, '{"label": "1"}', None),
        ("tolerant", False, "Label: work", "1"), ("tolerant", False, "1", "1"), ("tolerant", False, "2", None), ("exact", False, "<think>0</think>1", "1"),
    ],
)  # fmt: skip
def test_the_rule_of_a_task_judges_a_raw_answer(judge: str, schema: bool, text: str, label: str | None) -> None:
    """As the worker would have, without guardrails."""
    task = Task("t", BINARY, "r", judge=judge, model=ModelSettings(schema=schema))
    assert judge_of(task)(text) == label


@pytest.mark.parametrize(
    ("held", "values"),
    [
        (True, []), (None, []), ("a", ["a"]), (1.5, ["1.5"]), ([1, "a", True, 5], ["1", "a"]), ([[1], {"a": 1}], ["", ""]), ({"a": 1}, ["1"]), ({"a": 1, "b": 2}, []),
        ({"label": 1, "b": 2}, ["1"]), ({"LABEL": 1, "answer": [2]}, ["1", "2"]), ({"a": {"label": 1}}, ["1"]), ({"a": {"b": 1}}, []), ({"labels": 1, "b": 2}, []),
        ([], []), ({}, []),
    ],
)  # fmt: skip
def test_the_values_that_json_names_as_labels(held: object, values: list[str]) -> None:
    """Of keys such as label, else of the only one of the outer object; three items of a list."""
    assert list(answers._values(held)) == values


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('["1", "1"]', "1"), ('["1", "0"]', None), ('["1", "x"]', None), ("[]", None), ('{"a": 1, "b": 2}', None), ("Label: 1\nAnswer: 1", "1"), ("Label: 1\nAnswer: 2", None),
        ("a\nLabel: 1", "1"), ("```\n1\n```", "1"), ("```\n1\n``` it is", None), ("```\n1\n```\n```\n1\n```", None), ("1 / 1 / 1 / 1 / 1", None), ("1 / work", "1"), ("1 / ", None),
        ('{"a": "1', None), ("<label>work</label>", "1"), ("\\boxed{work}", "1"), ("x<label>1</label>", None), ("The answer is: my work", None), ("(work) / 1, work", "1"),
    ],
)  # fmt: skip
def test_what_names_one_label_throughout_means_it(text: str, label: str | None) -> None:
    """In lists, lines, fences and parts; one that names something else beside it does not."""
    assert TolerantLabels(BINARY).find(text) == label


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ('{"label": "a"}', "a"), ('{"label": "a"', '{"label": "a"'), ('{"label": null}', '{"label": null}'), ('"a"}', '"a"}'), ('[{"label": "a"}]', '[{"label": "a"}]'),
        ('{"label": "a", "label": "b"}', '{"label": "a", "label": "b"}'), ('{"LABEL": "a"}', '{"LABEL": "a"}'), ('{"label": " a "}', " a "), ("{}", "{}"),
    ],
)  # fmt: skip
def test_an_exact_answer_in_json_is_the_very_object(text: str, held: str) -> None:
    """Any other JSON is an answer as it stands."""
    assert exact_answer(f" {text}\n", schema=True) == held
    assert exact_answer(f" {text}\n", schema=False) == text
