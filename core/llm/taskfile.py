"""Read a :class:`~core.model.Task` from TOML or JSON, and write it. Every complaint says where and what to do.

A file's keys are those of ``Task``: ``name``, ``item``, ``rubric``, ``fields``, ``truncate_at`` with
``truncate_tail``, ``truncate_by`` and ``quoted``, ``max_reasks``, ``judge``, ``canaries``, ``pack``, ``[[labels]]``
with ``value``, ``name`` and ``meaning``, and ``[model]`` with the fields of ``ModelSettings``. ``rubric`` and at least
two labels are required. TOML has no null: there the word ``"omit"`` says that a model setting is not to be sent.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w

from core.errors import TaskError
from core.llm.tasktable import Table
from core.model import LARGEST_PACK, PACK_AUTO, LabelMeaning, ModelSettings, Task

# Counts the wordings of the prompt around rubric and labels: raise it whenever core.llm.task words it differently, so
# that answers to another wording are never taken for answers to this one.
PROMPT_EDITION = 1
# The same for the wording of core.llm.packs.
PACK_EDITION = 1
PACK_WORD = "auto"
OMIT = "omit"
FIELDS = ("from", "to", "cc", "bcc", "subject", "date", "body", "raw")
MAX_LABELS = 2_000
MAX_LABEL_CHARS = 200
MAX_EXTRA_CHARS = 4_000
JUDGES = ("exact", "tolerant")
MAX_ITEM_CHARS = 20
MOST_CANARIES = 60
MAX_RUBRIC_CHARS = 100_000
MAX_TASK_BYTES = 1_000_000

_EFFORTS = ("none", "default", "minimal", "low", "medium", "high")
_BUILTIN = Path(__file__).with_name("work_personal.toml")
_TASK_KEYS = (
    "name",
    "item",
    "rubric",
    "fields",
    "truncate_at",
    "truncate_tail",
    "truncate_by",
    "quoted",
    "max_reasks",
    "judge",
    "canaries",
    "pack",
    "labels",
    "model",
)
UNITS = ("characters", "tokens")
QUOTED = ("keep", "mark", "drop")
RAW = "raw"
_MODEL_KEYS = (
    "model",
    "temperature",
    "max_completion_tokens",
    "reasoning_effort",
    "include_reasoning",
    "timeout_s",
    "seed",
    "stop",
    "schema",
    "extra_body",
    "logprobs",
)
_OWN_FIELDS = (
    "model",
    "messages",
    "stream",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "response_format",
    "logprobs",
)
"""Fields of a request that are not the task's to set by ``extra_body``."""


def builtin_task() -> Task:
    """Return the task that comes with labeltui: work (1) or personal (0)."""
    return load_task(_BUILTIN)


def load_task(path: Path) -> Task:
    """Return the task in a TOML or ``.json`` file. Raises TaskError, which names the file, the key and the remedy."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TASK_BYTES + 1)
    except FileNotFoundError:
        raise TaskError(f"{path}: there is no such task file. Check its path.") from None
    except IsADirectoryError:
        raise TaskError(f"{path} is a folder. A task is a TOML file.") from None
    except OSError as error:
        raise TaskError(f"{path} cannot be read: {error.strerror or error}. Check its permissions.") from None
    if len(data) > MAX_TASK_BYTES:
        raise TaskError(f"{path} is larger than {MAX_TASK_BYTES:,} bytes: is it a task file at all?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: byte {error.start:,} is not UTF-8. Save the file as UTF-8.") from None
    if path.suffix.lower() == ".json":
        return _from_json(text, str(path))
    return _from_toml(text, str(path), default_name=path.stem)


def task_from_toml(text: str, where: str) -> Task:
    """Return the task in a TOML text; ``where`` names it in complaints. Raises TaskError."""
    if len(text) > MAX_TASK_BYTES:
        raise TaskError(f"{where} is longer than {MAX_TASK_BYTES:,} characters: is it a task at all?")
    return _from_toml(text, where, default_name="task")


def _from_toml(text: str, where: str, *, default_name: str) -> Task:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"{where} is not valid TOML: {error}. Correct it there.") from None
    return _build(table, where, default_name=default_name, text=text, schema=True)


def task_from_json(text: str) -> Task:
    """Return the task in a JSON text of :func:`task_to_json`; its version is computed anew. Raises TaskError."""
    return _from_json(text, "task (JSON)")


def task_to_json(task: Task) -> str:
    """Return the task as canonical JSON: equal tasks give equal texts. The version is not part of it."""
    return json.dumps(_as_table(task), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def task_to_toml(task: Task) -> str:
    """Return the task as a TOML file that :func:`load_task` reads back to an equal task."""
    table = _as_table(task)
    model = table.pop("model")
    table["model"] = {key: OMIT if value is None else value for key, value in model.items()}
    table["model"].setdefault("schema", False)
    return tomli_w.dumps(table, multiline_strings=True)


def versioned(task: Task) -> Task:
    """Return the same task under the version that its content gives: 12 hex digits over all that can change an answer.

    The task's name, its judge, its canaries and the call's timeout are not among that, and the item *email* is left
    out, as in versions from before the prompt named the item. Call it after every ``dataclasses.replace``.
    """
    table = _as_table(task)
    del table["name"]
    if task.item == "email":
        del table["item"]
    table.pop("judge", None)
    table.pop("canaries", None)
    del table["model"]["timeout_s"]
    table["prompt_edition"] = PROMPT_EDITION
    if task.pack != 1:
        table["pack_edition"] = PACK_EDITION
    canonical = json.dumps(table, sort_keys=True, separators=(",", ":"))
    return replace(task, version=hashlib.sha256(canonical.encode()).hexdigest()[:12])


def with_model(task: Task, model: str) -> Task:
    """Return the task with another model and a new version. Raises TaskError for an empty name.

    A model that does not reason like the task's own is not sent reasoning settings, which it would refuse.
    """
    name = model.strip()
    if not name or any(sign.isspace() for sign in name):
        raise TaskError(f"--model {model!r} is not a model's name. Example: openai/gpt-oss-20b.")
    settings = replace(task.model, model=name)
    if _reasons(name) != _reasons(task.model.model):
        effort, include = _reasoning_defaults(name)
        settings = replace(settings, reasoning_effort=effort, include_reasoning=include)
    return versioned(replace(task, model=settings))


def _reasons(model: str) -> bool:
    return "gpt-oss" in model.lower()


def _reasoning_defaults(model: str) -> tuple[str | None, bool | None]:
    return ("low", False) if _reasons(model) else (None, None)


def _as_table(task: Task) -> dict[str, Any]:
    """Return a task as plain values. Settings that came later are left out where they say nothing: versions stay."""
    model = asdict(task.model)
    for name, nothing in (("seed", None), ("stop", ()), ("schema", False), ("extra_body", ""), ("logprobs", False)):
        if model[name] == nothing:
            del model[name]
    if "stop" in model:
        model["stop"] = list(task.model.stop)
    if "extra_body" in model:
        model["extra_body"] = json.loads(task.model.extra_body)
    judge: dict[str, Any] = {} if task.judge == JUDGES[0] else {"judge": task.judge}
    usual = Task("", (), "")
    for name in ("canaries", "truncate_tail", "truncate_by", "quoted"):
        if getattr(task, name) != getattr(usual, name):
            judge[name] = getattr(task, name)
    if task.pack != 1:
        judge["pack"] = PACK_WORD if task.pack == PACK_AUTO else task.pack
    return {
        "name": task.name,
        "item": task.item,
        "rubric": task.rubric,
        "fields": list(task.fields),
        "truncate_at": task.truncate_at,
        "max_reasks": task.max_reasks,
        "labels": [asdict(label) for label in task.labels],
        "model": model,
        **judge,
    }


def _from_json(text: str, where: str) -> Task:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{where} is not valid JSON: {error}. Correct it there.") from None
    if not isinstance(table, dict):
        raise TaskError(f"{where} must be one JSON object with the keys {', '.join(_TASK_KEYS)}.")
    return _build(table, where, default_name="task")


def _build(data: Mapping[str, Any], where: str, *, default_name: str, text: str = "", schema: bool = False) -> Task:
    """Return the task in a table; ``schema`` is the setting of that name where the table has none."""
    table = Table(data, where, text=text)
    table.only(_TASK_KEYS)
    rubric = table.text("rubric", limit=MAX_RUBRIC_CHARS)
    if rubric is None or not rubric.strip():
        raise table.wrong("rubric", "is missing or empty", "Say in it how a label is to be chosen.")
    task = Task(
        name=table.line("name", default_name),
        labels=_labels(table),
        rubric=rubric,
        fields=_fields(table),
        **_cutting(table),
        max_reasks=table.whole("max_reasks", 2, 0, 10),
        model=_model(table.table("model"), schema=schema),
        item=_item(table),
        judge=_one_of(table, "judge", JUDGES),
        canaries=table.whole("canaries", MOST_CANARIES, 0, MOST_CANARIES),
        pack=_pack(table),
    )
    return versioned(task)


def _pack(table: Table) -> int:
    """Return how many emails share a question at most; the word ``auto`` lets the control sample decide."""
    return PACK_AUTO if table.unsent("pack", PACK_WORD) else table.whole("pack", 1, 1, LARGEST_PACK)


def _item(table: Table) -> str:
    """Return the noun for what is labeled, in the singular; *text* where the file gives none."""
    item = table.line("item", "text")
    if len(item) > MAX_ITEM_CHARS or not item.replace(" ", "").replace("-", "").isalpha():
        raise table.wrong("item", f"is {item!r}", 'Name what is labeled by a noun in the singular, such as "review".')
    return item


def _cutting(table: Table) -> dict[str, Any]:
    """Return what is sent of a long text: how much of it in which unit, how much of that from its end, and quotes."""
    limit = table.whole("truncate_at", 6_000, 100, 1_000_000)
    return {
        "truncate_at": limit,
        "truncate_tail": table.whole("truncate_tail", 0, 0, limit - 50),
        "truncate_by": _one_of(table, "truncate_by", UNITS),
        "quoted": _one_of(table, "quoted", QUOTED),
    }


def _one_of(table: Table, key: str, words: Sequence[str]) -> str:
    """Return one of a few words, the first where the key is missing."""
    word = table.line(key, words[0])
    if word not in words:
        raise table.wrong(key, f"is {word!r}", f"Choose from {', '.join(words)}.")
    return word


def _labels(table: Table) -> tuple[LabelMeaning, ...]:
    entries = table.tables("labels")
    if not 2 <= len(entries) <= MAX_LABELS:
        raise table.wrong("labels", f"has {len(entries)} entries", f"List 2 to {MAX_LABELS} under [[labels]].")
    labels: list[LabelMeaning] = []
    seen: dict[str, str] = {}
    values: set[str] = set()
    for entry in entries:
        label = _label(entry)
        twin = seen.setdefault(unicodedata.normalize("NFKC", label.value).casefold(), label.value)
        if label.value in values:
            raise entry.wrong("value", f"{label.value!r} is there twice", "Give each label a value of its own.")
        if twin != label.value:
            raise entry.wrong(
                "value", f"{label.value!r} differs from {twin!r} by case alone", "Choose values that differ by more."
            )
        values.add(label.value)
        labels.append(label)
    return tuple(labels)


def _label(entry: Table) -> LabelMeaning:
    entry.only(("value", "name", "meaning"))
    value = entry.text("value", limit=MAX_LABEL_CHARS)
    if not value:
        raise entry.wrong("value", "is missing or empty", 'Write what the model is to answer, such as "1".')
    if value != value.strip() or any(not _may_stand_in_a_label(sign) for sign in value):
        raise entry.wrong(
            "value",
            f"{value!r} holds a line break or a control character, or has white space around it",
            "Write it on one line, with plain spaces between words.",
        )
    return LabelMeaning(value, entry.line("name", value), (entry.text("meaning", limit=2_000) or "").strip())


def _may_stand_in_a_label(sign: str) -> bool:
    """Return whether a character may: visible ones, plain spaces, and the joiners that some scripts need."""
    return sign.isprintable() or sign in "\u200c\u200d"


def _fields(table: Table) -> tuple[str, ...]:
    given = table.texts("fields")
    if given is None:
        return ("from", "to", "subject", "date", "body")
    known = ", ".join(FIELDS)
    if not given:
        raise table.wrong("fields", "is empty", f"List what is to be sent, out of: {known}.")
    for name in given:
        if name not in FIELDS:
            raise table.wrong("fields", f"holds {name!r}, which cannot be sent", f"Choose from: {known}.")
    if RAW in given and len(given) > 1:
        raise table.wrong(
            "fields", f"holds {RAW!r} beside others", "It is the whole message as it came: list it alone."
        )
    if len(set(given)) < len(given):
        raise table.wrong("fields", "names a field twice", "List each once.")
    return tuple(given)


def _model(table: Table, *, schema: bool) -> ModelSettings:
    table.only(_MODEL_KEYS)
    usual = ModelSettings()
    name = table.line("model", usual.model)
    effort, include = _reasoning_defaults(name)
    temperature: float | None = None
    if not table.unsent("temperature", OMIT):
        temperature = table.number("temperature", 0.0, 0.0, 2.0)
    if table.has("reasoning_effort"):
        effort = None if table.unsent("reasoning_effort", OMIT) else table.line("reasoning_effort", "low")
    if effort is not None and effort not in _EFFORTS:
        raise table.wrong(
            "reasoning_effort", f"is {effort!r}", f'Choose from {", ".join(_EFFORTS)}, or "{OMIT}" to send none.'
        )
    if table.has("include_reasoning"):
        unsent = table.unsent("include_reasoning", OMIT)
        include = None if unsent else table.flag("include_reasoning", default=False)
    return ModelSettings(
        model=name,
        temperature=temperature,
        max_completion_tokens=table.whole("max_completion_tokens", usual.max_completion_tokens, 1, 100_000),
        reasoning_effort=effort,
        include_reasoning=include,
        timeout_s=table.number("timeout_s", usual.timeout_s, 1.0, 3_600.0),
        seed=table.whole("seed", 0, 0, 2**31 - 1) if table.has("seed") else None,
        stop=_stop(table),
        schema=table.flag("schema", default=schema),
        extra_body=_extra_body(table),
        logprobs=table.flag("logprobs", default=False),
    )


def _stop(table: Table) -> tuple[str, ...]:
    """Return texts at which an answer is to end; four at most, as the API has it."""
    stop = table.texts("stop") or []
    if len(stop) > 4 or not all(stop):
        raise table.wrong("stop", f"has {len(stop)} entries, or an empty one", "List one to four texts.")
    return tuple(stop)


def _extra_body(table: Table) -> str:
    """Return further fields of the request as canonical JSON; checked to be plain data, and none that labeltui sets."""
    extra = table.plain("extra_body")
    if not extra:
        return ""
    for name in extra:
        if name in _OWN_FIELDS:
            raise table.wrong("extra_body", f"holds {name!r}", "labeltui sets that field itself: leave it out here.")
    try:
        text = json.dumps(extra, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise table.wrong("extra_body", "holds what JSON cannot", "Use texts, numbers, lists and tables.") from None
    if len(text) > MAX_EXTRA_CHARS:
        raise table.wrong("extra_body", f"has {len(text):,} characters", f"At most {MAX_EXTRA_CHARS:,} are allowed.")
    return text
