"""Task files: what is read from them, what is complained of, and what the version stands for."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from core.errors import TaskError
from core.llm.task import (
    LISTED_MOST,
    allowed_answers,
    builtin_task,
    chosen_task,
    load_task,
    task_from_json,
    task_from_toml,
    task_to_json,
    task_to_toml,
    versioned,
    with_model,
)
from core.model import PACK_AUTO, LabelMeaning, ModelSettings, Task

MINIMAL = """
rubric = "Is it urgent?"
[[labels]]
value = "yes"
[[labels]]
value = "no"
name = "not urgent"
meaning = "can wait"
"""

Loader: TypeAlias = Callable[[str], Task]


@pytest.fixture
def load(tmp_path: Path) -> Loader:
    """Load a text as a task file named urgent.toml."""

    def loaded(text: str) -> Task:
        path = tmp_path / "urgent.toml"
        path.write_text(text, encoding="utf-8")
        return load_task(path)

    return loaded


def test_the_built_in_task_separates_work_from_personal() -> None:
    """With the labels, fields and settings that the README promises."""
    task = builtin_task()
    assert [(label.value, label.name) for label in task.labels] == [("1", "work"), ("0", "personal")]
    assert task.fields == ("from", "to", "subject", "date", "body")
    assert (task.truncate_at, task.max_reasks) == (6_000, 2)
    assert task.model == ModelSettings(
        "openai/gpt-oss-20b", 0.0, 256, "low", include_reasoning=False, timeout_s=60.0, schema=True
    )
    for word in ("birth", "promotion", "picnic", "charity", "short", "thread", "spam", "empty"):
        assert word in task.rubric.lower()


def test_a_minimal_file_gets_sensible_settings(load: Loader) -> None:
    """Rubric and labels are enough; the file's name names the task."""
    task = load(MINIMAL)
    assert task.name == "urgent"
    assert task.labels == (LabelMeaning("yes", "yes"), LabelMeaning("no", "not urgent", "can wait"))
    assert task.model == ModelSettings(schema=True)
    assert (task.truncate_at, task.max_reasks) == (6_000, 2)
    assert task.item == "text"


def test_a_task_names_what_it_labels(load: Loader) -> None:
    """The item is a noun: it survives every form, is *email* in the built-in task, and belongs to the version."""
    task = load('item = "review"\n' + MINIMAL)
    assert task.item == "review"
    assert task_from_json(task_to_json(task)) == task == load(task_to_toml(task))
    assert task.version != load(MINIMAL).version != load('item = "email"\n' + MINIMAL).version
    assert (load(MINIMAL).item, builtin_task().item) == ("text", "email")
    with pytest.raises(TaskError, match="a noun in the singular"):
        load('item = "a/b"\n' + MINIMAL)


def test_a_task_survives_json_and_toml(load: Loader) -> None:
    """Settings that are not to be sent included."""
    settings = ModelSettings("x/y", None, 16, None, None, 5.0)
    task = versioned(replace(load(MINIMAL), name='a "b"', rubric="l1\nl2 \\ {x} ''' \"\"\" é", model=settings))
    assert task_from_json(task_to_json(task)) == task
    assert load(task_to_toml(task)) == task
    assert load(task_to_toml(builtin_task())) == builtin_task()
    more = replace(
        settings, seed=7, stop=("\n", "."), schema=True, extra_body='{"top_k":1,"x":{"y":[1,null]}}', logprobs=True
    )
    task = versioned(replace(task, model=more, judge="tolerant"))
    assert task_from_json(task_to_json(task)) == task


def test_settings_of_later_editions_leave_the_version_of_older_tasks() -> None:
    """A task that says nothing of them has the text and the version that it had before they were known."""
    task = versioned(replace(builtin_task(), model=ModelSettings()))
    assert not {"seed", "stop", "schema", "extra_body", "logprobs"} & json.loads(task_to_json(task))["model"].keys()
    assert task.version != builtin_task().version
    assert versioned(replace(task, judge="tolerant")).version == task.version


@pytest.mark.parametrize(("count", "taken"), [(1, False), (2, True), (2_000, True), (2_001, False)])
def test_a_task_has_two_to_two_thousand_labels(load: Loader, count: int, taken: bool) -> None:
    """Others are refused with both bounds."""
    text = 'rubric = "x"\n' + "".join(f'[[labels]]\nvalue = "{number}"\n' for number in range(count))
    if taken:
        assert len(load(text).labels) == count
    else:
        with pytest.raises(TaskError, match=rf"has {count} entries.*List 2 to 2000 under \[\[labels\]\]"):
            load(text)


def test_labels_may_be_many_of_several_words_and_in_any_script(load: Loader) -> None:
    """Two thousand of them, with joiners and right-to-left text; two that differ by their Unicode form are refused."""
    values = [f"very good no. {n}" for n in range(1_996)] + ["عمل شخصي", "می\u200cخواهم", "नौकरी", "仕事"]
    task = load('rubric = "x"\n' + "".join(f'[[labels]]\nvalue = "{value}"\n' for value in values))
    assert [label.value for label in task.labels] == values
    with pytest.raises(TaskError, match="by case alone"):
        load('rubric = "x"\n[[labels]]\nvalue = "\u00e9t"\n[[labels]]\nvalue = "e\u0301t"\n')


def test_json_is_canonical() -> None:
    """Equal tasks give equal texts, without the version."""
    task = builtin_task()
    assert task_to_json(task) == task_to_json(replace(task, version="other"))
    assert "version" not in json.loads(task_to_json(task))


@pytest.mark.parametrize(
    "change",
    [
        {"rubric": "other"},
        {"labels": (LabelMeaning("1", "work"), LabelMeaning("0", "personal", "new meaning"))},
        {"fields": ("subject", "body")},
        {"truncate_at": 5_999},
        {"max_reasks": 1},
        {"model": ModelSettings(model="other")},
        {"model": ModelSettings(temperature=0.5)},
        {"model": ModelSettings(max_completion_tokens=10)},
        {"model": ModelSettings(reasoning_effort="high")},
        {"model": ModelSettings(include_reasoning=None)},
    ],
)
def test_whatever_can_change_an_answer_changes_the_version(change: dict[str, Any]) -> None:
    """Labels of one version answer one question."""
    task = builtin_task()
    assert versioned(replace(task, **change)).version != task.version


def test_what_cannot_change_an_answer_leaves_the_version() -> None:
    """The name, and how long a call may take."""
    task = builtin_task()
    patient = replace(task, name="other", model=replace(task.model, timeout_s=5.0))
    assert versioned(patient).version == task.version
    assert len(task.version) == 12
    assert int(task.version, 16)


def test_another_model_drops_the_reasoning_settings_that_it_would_refuse() -> None:
    """Within a family they stay."""
    task = builtin_task()
    assert with_model(task, "openai/gpt-oss-120b").model.reasoning_effort == "low"
    plain = with_model(task, "some/llama")
    assert (plain.model.reasoning_effort, plain.model.include_reasoning) == (None, None)
    assert with_model(plain, "openai/gpt-oss-20b") == task
    with pytest.raises(TaskError, match="--model"):
        with_model(task, " ")


NUMBERS = {
    "max_reasks": (2, 0, 10), "canaries": (60, 0, 60), "pack": (1, 1, 20), "truncate_at": (6_000, 100, 1_000_000),
    "truncate_tail": (0, 0, 5_950), "model.temperature": (0.0, 0.0, 2.0), "model.max_completion_tokens": (256, 1, 100_000),
    "model.timeout_s": (60.0, 1.0, 3_600.0), "model.seed": (None, 0, 2**31 - 1),
}  # fmt: skip
"""Every number of a task file: what it is where the file has none, the least and the most it may be."""


@pytest.mark.parametrize("key", NUMBERS)
def test_each_number_has_its_usual_value_and_its_bounds(load: Loader, key: str) -> None:
    """The least and the most are taken, the next beyond them is refused with both of them in the sentence."""
    usual, least, most = NUMBERS[key]
    table, _, name = key.rpartition(".")

    def read(task: Task) -> object:
        return getattr(task.model if table else task, name)

    def written(value: float) -> str:
        return f"{MINIMAL}[model]\n{name} = {value}\n" if table else f"{name} = {value}\n{MINIMAL}"

    assert read(load(MINIMAL)) == usual
    for value in (least, most):
        assert read(load(written(value))) == value
    for beyond in (least - 1, most + 1):
        with pytest.raises(TaskError) as caught:
            load(written(beyond))
        assert f"{key} is {beyond}. Give a number from {least:.0f} to {most:.0f}." in str(caught.value).replace(",", "")


def test_settings_may_be_left_out_of_the_request(load: Loader) -> None:
    """TOML has no null: the word is omit."""
    text = MINIMAL + '[model]\ntemperature = "omit"\nreasoning_effort = "omit"\ninclude_reasoning = "omit"\n'
    model = load(text).model
    assert (model.temperature, model.reasoning_effort, model.include_reasoning) == (None, None, None)


def test_a_file_with_a_byte_order_mark_is_read(load: Loader) -> None:
    """Some editors write one."""
    assert load("\ufeff" + MINIMAL).rubric == "Is it urgent?"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rubric = ", "is not valid TOML"),
        ("rubrik = 'x'\n" + MINIMAL, "rubrik is not a key of a task. Did you mean rubric?"),
        ("color = 'x'\n" + MINIMAL, "Known here: name, item, rubric"),
        (MINIMAL.replace('rubric = "Is it urgent?"', ""), "rubric is missing or empty"),
        (MINIMAL.replace("Is it urgent?", "  "), "rubric is missing or empty"),
        (MINIMAL.replace('"Is it urgent?"', "5"), "rubric must be a text, not a number"),
        (MINIMAL.replace('"yes"', "1"), 'labels no. 1: value must be a text, not a number. Write value = "…"'),
        (MINIMAL.replace('"yes"', '"no"'), "'no' is there twice"),
        (MINIMAL.replace('"yes"', '"NO"'), "by case alone"),
        (MINIMAL.replace('"yes"', '""'), "value is missing or empty"),
        (MINIMAL.replace('"yes"', '" very urgent"'), "has white space around it"),
        (MINIMAL.replace('"yes"', '"yes\\n"'), "holds a line break"),
        (MINIMAL.replace('"yes"', '"very\\turgent"'), "holds a line break or a control character"),
        ('judge = "kind"\n' + MINIMAL, "judge is 'kind'. Choose from exact, tolerant"),
        (MINIMAL + "[model]\nseed = -1\n", "model.seed is -1"),
        (MINIMAL + "[model]\nseed = 'x'\n", "model.seed must be a whole number, not a text. Write seed = 0."),
        (MINIMAL + "[model]\nstop = ['']\n", "model.stop has 1 entries, or an empty one"),
        (MINIMAL + "[model.extra_body]\nmessages = []\n", "labeltui sets that field itself"),
        (MINIMAL + "[model.extra_body]\nuntil = 2026-01-01\n", "holds what JSON cannot"),
        (MINIMAL + "[model]\nextra_body = 'x'\n", "must be a table, not a text"),
        (MINIMAL.replace('"yes"', '"y\\u200bes"'), "control character"),
        (MINIMAL.replace("meaning", "meening"), "Did you mean meaning?"),
        ('rubric = "x"\n[[labels]]\nvalue = "a"\n', "labels has 1 entries"),
        ('rubric = "x"\n', "labels has 0 entries"),
        ('rubric = "x"\nlabels = ["1", "0"]\n', "labels must be a list of tables"),
        ("max_reasks = 11\n" + MINIMAL, "max_reasks is 11. Give a number from 0 to 10"),
        ("max_reasks = true\n" + MINIMAL, "max_reasks must be a whole number, not true or false"),
        ("max_reasks = 1.5\n" + MINIMAL, "max_reasks must be a whole number"),
        ("truncate_at = 10\n" + MINIMAL, "truncate_at is 10. Give a number from 100 to 1,000,000"),
        ('fields = "body"\n' + MINIMAL, "fields must be a list"),
        ('fields = ["body", "x-folder"]\n' + MINIMAL, "'x-folder', which cannot be sent"),
        ("fields = []\n" + MINIMAL, "fields is empty"),
        ('fields = ["body", "body"]\n' + MINIMAL, "names a field twice"),
        ('name = "a\\nb"\n' + MINIMAL, "name spans several lines"),
        (MINIMAL + "[model]\ntemperature = 3\n", "model.temperature is 3. Give a number from 0 to 2"),
        (MINIMAL + "[model]\ntemperatur = 0\n", "model.temperatur is not a key of a task. Did you mean temperature?"),
        (MINIMAL + "[model]\nmax_completion_tokens = 0\n", "model.max_completion_tokens is 0"),
        (MINIMAL + '[model]\nreasoning_effort = "much"\n', "Choose from none, default"),
        (MINIMAL + '[model]\ninclude_reasoning = "no"\n', "must be true or false, not a text"),
        ("model = 'x'\n" + MINIMAL, "model must be a table, not a text. Write it under [model]"),
    ],
)
def test_a_fault_is_named_with_file_key_and_remedy(load: Loader, text: str, words: str) -> None:
    """Whoever wrote the file can correct it without reading code."""
    with pytest.raises(TaskError) as caught:
        load(text)
    assert "urgent.toml" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not valid JSON"),
        ("[]", "must be one JSON object"),
        ('{"rubric": "\\ud800", "labels": [{"value": "a"}, {"value": "b"}]}', "half of a surrogate pair"),
        ("[" * 100_000, "is not valid JSON"),
    ],
)
def test_json_that_is_no_task_is_refused(text: str, words: str) -> None:
    """Whatever it is, as a TaskError."""
    with pytest.raises(TaskError, match=words):
        task_from_json(text)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Missing, a folder, not UTF-8, far too large."""
    with pytest.raises(TaskError, match="there is no such task file"):
        load_task(tmp_path / "none.toml")
    with pytest.raises(TaskError, match="is a folder"):
        load_task(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"rubric = 'caf\xe9'")
    with pytest.raises(TaskError, match="byte 13 is not UTF-8"):
        load_task(tmp_path / "latin.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(TaskError, match="is larger than"):
        load_task(tmp_path / "large.toml")


FLAWED = """name = "x"
rubric = "r"
truncate_at = 5

[[labels]]
value = "1"

[[labels]]
value = "a\\tb"

[model]
timeout_s = 0
"""


@pytest.mark.parametrize(
    ("mended", "line"),
    [
        ({}, 9),
        ({"a\\tb": "0"}, 3),
        ({"truncate_at = 5": "", "a\\tb": "0"}, 12),
        ({"truncate_at = 5": "", "a\\tb": "0", "timeout_s = 0": "timeout = 1"}, 12),
        ({"truncate_at = 5": "", "a\\tb": "0", 'value = "1"': "name = 'n'"}, 5),
    ],
)
def test_a_complaint_names_the_line(tmp_path: Path, mended: dict[str, str], line: int) -> None:
    """The line of the key, or that of its table where the key is missing."""
    text = FLAWED
    for old, new in mended.items():
        text = text.replace(old, new)
    path = tmp_path / "task.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(TaskError, match=f"task.toml, line {line}: "):
        load_task(path)


def test_settings_that_a_task_does_not_name_are_these() -> None:
    """A model that costs little, asked for the likeliest answer, with little reasoning that is not sent back."""
    assert asdict(ModelSettings()) == {
        "model": "openai/gpt-oss-20b", "temperature": 0.0, "max_completion_tokens": 256, "reasoning_effort": "low",
        "include_reasoning": False, "timeout_s": 60.0, "seed": None, "stop": (), "schema": False, "extra_body": "",
        "logprobs": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("item", "taken"),
    [("a" * 20, True), ("a" * 21, False), ("user story", True), ("follow-up", True), ("a1", False), ("x!", False)],
)
def test_a_noun_has_letters_and_at_most_twenty_characters(load: Loader, item: str, taken: bool) -> None:
    """With spaces and hyphens within; it stands in sentences everywhere."""
    text = f'item = "{item}"\n{MINIMAL}'
    if taken:
        assert load(text).item == item
    else:
        with pytest.raises(TaskError, match="Name what is labeled by a noun in the singular"):
            load(text)


def test_the_whole_message_is_sent_alone(load: Loader) -> None:
    """``raw`` beside another field would send that twice."""
    assert load(f'fields = ["raw"]\n{MINIMAL}').fields == ("raw",)
    with pytest.raises(TaskError, match="holds 'raw' beside others"):
        load(f'fields = ["raw", "subject"]\n{MINIMAL}')


@pytest.mark.parametrize(
    ("key", "guess"), [("rubrik", "Did you mean rubric? "), ("ruxxxx", ""), ("feilds", "Did you mean fields? ")]
)
def test_a_key_that_is_nearly_right_is_named(load: Loader, key: str, guess: str) -> None:
    """Only where most of its letters are those of a key."""
    with pytest.raises(TaskError) as caught:
        load(f'{key} = "x"\n{MINIMAL}')
    assert f"{key} is not a key of a task. {guess}Known here: " in str(caught.value)


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "v0"), (2, "v0 or v1"), (3, "v0, v1 or v2"), (LISTED_MOST, f"v{LISTED_MOST - 2} or v{LISTED_MOST - 1}"), (LISTED_MOST + 1, f"one of the {LISTED_MOST + 1} labels above, exactly as")],
    ids=str,
)  # fmt: skip
def test_allowed_answers_are_listed_up_to_a_hundred(count: int, words: str) -> None:
    """Of more labels their number is given: the rubric has them all."""
    task = replace(builtin_task(), labels=tuple(LabelMeaning(f"v{number}", f"v{number}") for number in range(count)))
    assert words in allowed_answers(task)


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        (MINIMAL.replace("Is it urgent?", "x" * 100_000), True), (MINIMAL.replace("Is it urgent?", "x" * 100_001), False),
        (MINIMAL.replace('"yes"', f'"{"x" * 200}"'), True), (MINIMAL.replace('"yes"', f'"{"x" * 201}"'), False),
        (MINIMAL.replace("can wait", "x" * 2_000), True), (MINIMAL.replace("can wait", "x" * 2_001), False),
        (f"{MINIMAL}[model]\nstop = ['a', 'b', 'c', 'd']\n", True), (f"{MINIMAL}[model]\nstop = ['a', 'b', 'c', 'd', 'e']\n", False),
        (f"{MINIMAL}[model]\nstop = []\n", True), (f"{MINIMAL}[model.extra_body]\na = '{'x' * 3_992}'\n", True), (f"{MINIMAL}[model.extra_body]\na = '{'x' * 3_993}'\n", False),
        (f"{MINIMAL}[model.extra_body]\na = nan\n", False), (f"{MINIMAL}[model]\nmodel = 'x'\nreasoning_effort = 'none'\n", True),
        ("pack = 'auto'\n" + MINIMAL, True), ("pack = 'Auto'\n" + MINIMAL, False), ("truncate_by = 'tokens'\nquoted = 'drop'\n" + MINIMAL, True), ("quoted = 'hide'\n" + MINIMAL, False),
        ("truncate_at = 200\ntruncate_tail = 150\n" + MINIMAL, True), ("truncate_at = 200\ntruncate_tail = 151\n" + MINIMAL, False), ("item = ' - '\n" + MINIMAL, False),
        ('rubric = "x"\n' + "".join(f'[[labels]]\nvalue = "{n}"\n' for n in range(2_000)), True), ('rubric = "x"\n' + "".join(f'[[labels]]\nvalue = "{n}"\n' for n in range(2_001)), False),
    ],
    ids=range(22),
)  # fmt: skip
def test_each_setting_is_taken_up_to_its_bound(load: Loader, text: str, fine: bool) -> None:
    """And the next one beyond it is not."""
    if fine:
        load(text)
    else:
        with pytest.raises(TaskError):
            load(text)


@pytest.mark.parametrize("field", ["model", "messages", "stream", "n", "max_tokens", "max_completion_tokens", "temperature", "response_format", "logprobs"])  # fmt: skip
def test_fields_that_labeltui_sets_are_no_further_ones(load: Loader, field: str) -> None:
    """Each of them has a setting of its own, or none."""
    with pytest.raises(TaskError, match=f"extra_body holds '{field}'. labeltui sets that field itself"):
        load(f"{MINIMAL}[model.extra_body]\n{field} = 1\n")


def test_versions_stay_what_stored_labels_say() -> None:
    """Hashes that run files hold: whoever changes a wording or this table makes all labels those of another question."""
    task = builtin_task()
    packed, review = replace(task, pack=10), replace(task, item="review")
    assert [versioned(each).version for each in (task, packed, review)] == [
        "f43ecced7ac5",
        "de8ca2aae0f9",
        "5660ac251ad0",
    ]
    assert versioned(replace(task, canaries=5, judge="tolerant", name="x")).version == task.version
    assert versioned(replace(task, pack=20)).version != versioned(packed).version


def test_a_task_is_written_with_what_differs_from_the_usual_alone() -> None:
    """The setting of a schema always: TOML files without one have it on."""
    task = versioned(
        replace(builtin_task(), model=ModelSettings(temperature=None), pack=PACK_AUTO, truncate_tail=100, quoted="mark")
    )
    table = tomllib.loads(task_to_toml(task))
    assert (table["model"]["temperature"], table["model"]["schema"], table["pack"]) == ("omit", False, "auto")
    assert {"judge", "canaries", "truncate_by"}.isdisjoint(table)
    assert (table["truncate_tail"], table["quoted"]) == (100, "mark")
    held = json.loads(task_to_json(replace(task, judge="tolerant", canaries=5, truncate_by="tokens", pack=3)))
    assert (held["judge"], held["canaries"], held["truncate_by"], held["pack"]) == ("tolerant", 5, "tokens", 3)
    assert "schema" not in held["model"]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "effort", "include"),
    [("openai/GPT-OSS-20b", "low", False), ("x/llama", None, None)],
)
def test_a_model_is_asked_to_reason_a_little_where_it_can(
    load: Loader, model: str, effort: str | None, include: bool | None
) -> None:
    """What the file says goes before."""
    found = load(f"{MINIMAL}[model]\nmodel = '{model}'\n").model
    assert (found.reasoning_effort, found.include_reasoning) == (effort, include)
    said = load(f"{MINIMAL}[model]\nmodel = '{model}'\nreasoning_effort = 'high'\ninclude_reasoning = true\n").model
    assert (said.reasoning_effort, said.include_reasoning) == ("high", True)
    assert load(f"{MINIMAL}[model]\nmodel = '{model}'\nreasoning_effort = ''\n").model.reasoning_effort == "low"


def test_a_text_longer_than_a_million_characters_is_no_task(tmp_path: Path) -> None:
    """From a file and from elsewhere."""
    text = MINIMAL + "#" * (1_000_000 - len(MINIMAL))
    (tmp_path / "a.toml").write_text(text)
    assert load_task(tmp_path / "a.toml").rubric == task_from_toml(text, "here").rubric == "Is it urgent?"
    with pytest.raises(TaskError, match="here is longer than 1,000,000 characters"):
        task_from_toml(text + "#", "here")
    (tmp_path / "a.JSON").write_text(task_to_json(builtin_task()))
    assert load_task(tmp_path / "a.JSON") == builtin_task()


def test_a_task_is_chosen_by_file_model_and_pack(tmp_path: Path) -> None:
    """The built-in one else; the version follows."""
    (tmp_path / "urgent.toml").write_text(MINIMAL)
    assert chosen_task(None, None) == builtin_task() == chosen_task(None, None, 1)
    assert chosen_task(tmp_path / "urgent.toml", None).name == "urgent"
    assert chosen_task(None, " x/y ").model.model == "x/y"
    packed = chosen_task(None, None, 7)
    assert (packed.pack, packed.version) == (7, versioned(replace(builtin_task(), pack=7)).version)
    for name in ("a b", "", "a\tb"):
        with pytest.raises(TaskError, match="is not a model's name"):
            with_model(builtin_task(), name)


def test_allowed_answers_are_listed_up_to_a_hundred_labels() -> None:
    """The number of more is written with thousands parted."""
    labels = tuple(LabelMeaning(f"v{number}", "") for number in range(1_200))
    task = replace(builtin_task(), labels=labels[:100])
    assert allowed_answers(task).endswith(", v98 or v99")
    assert allowed_answers(replace(task, labels=labels[:101])).startswith("one of the 101 labels above, exactly")
    assert allowed_answers(replace(task, labels=labels)).startswith("one of the 1,200 labels above, exactly")
