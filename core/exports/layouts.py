"""Write labels for annotation tools and trainers: Label Studio, Argilla and spaCy."""

from __future__ import annotations

import importlib
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import ExportError
from core.exports.columns import Row, Table
from core.exports.lines import json_text, write_objects

_NAMESPACE = uuid.UUID("6f4b2f0e-2c56-5d0b-9b0a-6c6274756965")
"""Namespace of the ids that Argilla requires; equal runs get equal ones."""


def _metadata(table: Table, row: Row) -> dict[str, Any]:
    """Return what stands with a text that is not the text: the id, and all that is known of the label."""
    left_out = {"text", "raw_answer"}
    return {name: cell for name, cell in zip(table.names, row, strict=True) if name not in left_out and cell != ""}


def _need_text(table: Table, what: str) -> None:
    if "text" not in table.names:
        raise ExportError(f"{what} needs the texts. Leave out --no-text.")


def _write_array(objects: Iterator[Any], path: Path) -> int:
    """Write a JSON array, an element a line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("[")
        for each in objects:
            file.write(("," if count else "") + "\n" + json_text(each))
            count += 1
        file.write("\n]\n")
    return count


def write_label_studio(table: Table, path: Path, _raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write the JSON that Label Studio imports: the model's label as a prediction, a person's as an annotation.

    The project needs ``<Text name="text" value="$text"/>`` and ``<Choices name="label" toName="text">`` whose choices
    are the labels' values.
    """
    _need_text(table, "Label Studio")
    pick = table.picker("id", "text", "model_label", "human_label", "model", "annotator", "label_probability")

    def task_of(row: Row) -> dict[str, Any]:
        item, text, by_model, by_person, model, annotator, probability = pick(row)
        task: dict[str, Any] = {"data": {"text": text, "id": item, "labeltui": _metadata(table, row)}}
        if by_model:
            result = _choice(f"{item}/model", by_model)
            score = {"score": probability} if isinstance(probability, float) else {}
            task["predictions"] = [{"model_version": model, **score, "result": [result]}]
        if by_person:
            result = _choice(f"{item}/{annotator}", by_person)
            task["annotations"] = [{"result": [result], "was_cancelled": False, "ground_truth": False}]
        return task

    return _write_array((task_of(row) for row in table.rows()), path)


def _choice(item: str, value: str) -> dict[str, Any]:
    return {
        "id": uuid.uuid5(_NAMESPACE, item.encode("utf-8", "replace").decode()).hex[:10],
        "from_name": "label",
        "to_name": "text",
        "type": "choices",
        "value": {"choices": [value]},
    }


def write_argilla(table: Table, folder: Path, _raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write a folder that ``argilla.Dataset.from_disk`` (Argilla 2) reads; returns how many records.

    The current label is the suggestion, with who gave it as its agent: people's answers belong to users of the server.
    """
    _need_text(table, "Argilla")
    task, run = table.facts.task, table.facts.run
    pick = table.picker("id", "text", "label", "label_source", "model", "annotator")
    known = {label.value for label in task.labels}

    def record_of(row: Row) -> dict[str, Any]:
        item, text, label, source, model, annotator = pick(row)
        suggestions = {}
        if label in known:
            suggestions["label"] = {"value": label, "agent": (annotator or "person") if source == "human" else model}
        # A metadata property of Argilla holds at most what its terms allow; values of other columns stay out of it.
        return {
            "id": item,
            "fields": {"text": text},
            "metadata": {name: cell for name, cell in _metadata(table, row).items() if name in _ARGILLA_METADATA},
            "suggestions": suggestions,
            "responses": {},
            "vectors": {},
            "status": "pending",
        }

    count = _write_array((record_of(row) for row in table.rows()), folder / "records.json")
    inner = folder / ".argilla"
    inner.mkdir()
    options = [
        {"value": label.value, "text": label.name, "description": label.meaning or None} for label in task.labels
    ]
    terms = [
        {"name": name, "title": name, "type": "terms", "settings": {"type": "terms"}, "visible_for_annotators": False}
        for name in _ARGILLA_METADATA
    ]
    settings = {
        "guidelines": task.rubric or task.name,
        "allow_extra_metadata": True,
        "fields": [
            {"name": "text", "title": "text", "required": True, "settings": {"type": "text", "use_markdown": False}}
        ],
        "questions": [
            {
                "name": "label",
                "title": task.name,
                "required": True,
                "settings": {"type": "label_selection", "options": options, "visible_options": max(3, len(options))},
            }
        ],
        "metadata": terms,
        "vectors": [],
    }
    dataset = {"name": re.sub(r"[^A-Za-z0-9_-]+", "-", run) or "labels", "guidelines": task.rubric or task.name}
    (inner / "settings.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
    (inner / "dataset.json").write_text(json.dumps(dataset, indent=1), encoding="utf-8")
    return count


_ARGILLA_METADATA = ("label_source", "model_label", "human_label", "state", "model", "task_version", "split")


def write_spacy(table: Table, path: Path, _raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write labeled texts for spaCy's text classifiers; returns how many.

    A file that ends in ``.spacy`` is a ``DocBin`` and needs spaCy; any other is JSON Lines of ``text``, ``cats`` and
    ``meta``. Items without a label are left out: a classifier cannot learn from them.
    """
    _need_text(table, "spaCy")
    pick = table.picker("text", "label")
    values = [label.value for label in table.facts.task.labels]

    def examples() -> Iterator[dict[str, Any]]:
        for row in table.rows():
            text, label = pick(row)
            if label:
                cats = {value: float(value == label) for value in dict.fromkeys((*values, label))}
                yield {"text": text, "cats": cats, "meta": _metadata(table, row)}

    if ".spacy" not in path.suffixes:
        return write_objects(examples(), path)
    try:
        spacy = importlib.import_module("spacy")
        tokens = importlib.import_module("spacy.tokens")
    except ImportError:
        raise ExportError(
            "A .spacy file needs spaCy, which is not installed. Install it with: pip install spacy, or choose a file"
            " that ends in .jsonl."
        ) from None
    made, language = tokens.DocBin(store_user_data=True), spacy.blank("xx")
    count = 0
    for example in examples():
        doc = language.make_doc(example["text"])
        doc.cats = example["cats"]
        doc.user_data["id"] = example["meta"]["id"]
        made.add(doc)
        count += 1
    made.to_disk(path)
    return count
