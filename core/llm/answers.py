"""Find the label in an answer: what of it counts, by the exact rule and by the tolerant one. Pure.

Reasoning in front of an answer is never part of it. By the exact rule an answer is a label, character for character,
or the JSON object that was asked for (:data:`SCHEMA_KEY`). By the tolerant rule it is a label in other dress: quotes,
markdown, a full stop, ``Label: 1``, JSON, the label's name, another case or Unicode form. It is never a guess: an
answer that could mean several labels means none.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from math import exp, fsum
from typing import Any

from core.model import LabelMeaning, Task

ASCII_SPACE = " \t\r\n\f\v"
SCHEMA_KEY = "label"

_CLOSE = re.compile(
    r"</(?:think|thinking|thought|thoughts|reasoning|analysis|scratchpad|seed:think)>|\[/THINK\]|◁/think▷",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\s*(?:<(?:think|thinking|thought|thoughts|reasoning|analysis|scratchpad|seed:think)>|\[THINK\]|◁think▷)",
    re.IGNORECASE,
)
_CHANNEL = "<|channel|>"
_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<]*<\|message\|>")
_CONTROL = re.compile(r"(?:<\|[a-z_]{1,24}\|>|</s>|<(?:eos|end_of_turn|eot_id|im_end)>)", re.IGNORECASE)

_WRAPPERS = " \t\r\n\f\v\u00a0\"'`´*_~#>“”„‟‘’‚‹›«»「」『』【】()[]{}<>|"
_STOPS = ".。．!！,，;；:："
_BULLET = re.compile(r"(?:[-+•*]|\(?\d{1,3}[.)])\s+")
_KEY = r"(?:label|answer|class|classification|category|result|output|verdict|prediction|rating|sentiment|value)"
_KEYED = re.compile(
    rf"[\s*_#>`\"'-]*(?:(?:the|my|final|correct|predicted|chosen)\s+){{0,2}}{_KEY}[\s*_`\"']*(?:is\b|[:：=→]|->)+(.*)",
    re.IGNORECASE,
)
_KEYS = re.compile(_KEY, re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:[=:：()\[\]–—/,;]|\s-\s|->|→)+\s*")
_TAGGED = re.compile(rf"<({_KEY})>(.*)</\1>|\\+boxed\{{(.*)\}}", re.IGNORECASE | re.DOTALL)
"""``<answer>1</answer>`` and ``\\boxed{1}``, around the whole answer."""
_FENCE = re.compile(r"```[a-z]*\s*(.*?)\s*```", re.DOTALL | re.IGNORECASE)


def without_reasoning(text: str) -> str:
    """Return what follows the reasoning in an answer; nothing where the reasoning never ended."""
    if _CHANNEL in text:
        finals = list(_FINAL.finditer(text))
        return _CONTROL.split(text[finals[-1].end() :])[0] if finals else ""
    closes = list(_CLOSE.finditer(text))
    if closes:
        return text[closes[-1].end() :]
    return "" if _OPEN.match(text) else text


def exact_answer(text: str, *, schema: bool) -> str:
    """Return the part of an answer that has to be a label: the text without reasoning and white space around it.

    With ``schema`` a JSON object that holds nothing but the text under the key that was asked for stands for that text.
    """
    answer = without_reasoning(text).strip(ASCII_SPACE)
    if schema and answer.startswith("{") and answer.endswith("}"):
        held = _json(answer)
        if isinstance(held, dict) and list(held) == [SCHEMA_KEY] and isinstance(held[SCHEMA_KEY], str):
            return str(held[SCHEMA_KEY])
    return answer


def label_probability(
    task: Task, logprobs: Sequence[tuple[bytes, float]], label: str | None, *, number: int = 0
) -> float | None:
    """Return the probability that the model gave the label that it answered: the product of its tokens' ones.

    The label stands where its value, or its name, is written last in the answer; of a pack's answer behind the
    ``number`` of its text. None where no probabilities were reported, or the label is written otherwise.
    """
    if label is None or not logprobs:
        return None
    answer = b"".join(token for token, _ in logprobs)
    before = (
        rb"(?<!\d)%d[\"'`]?\s*[.)\]]?\s*(?:[:=]|\xef\xbc\x9a|->|[.)-])+[\s\"'`*]*" % number if number else rb"(?<![\w])"
    )
    for said in (label, task.name_of(label)):
        found = list(re.finditer(before + rb"(" + re.escape(said.encode()) + rb")(?!\w)", answer, re.IGNORECASE))
        if found:
            begin, end = found[-1].span(1)
            return exp(fsum(_within(logprobs, begin, end)))
    return None


def _within(logprobs: Sequence[tuple[bytes, float]], begin: int, end: int) -> Iterator[float]:
    """Yield the logarithms of the tokens that a span of the answer's bytes touches."""
    at = 0
    for token, logprob in logprobs:
        if at < end and at + len(token) > begin:
            yield logprob
        at += len(token)


def schema_of(labels: Sequence[LabelMeaning]) -> dict[str, Any]:
    """Return the ``response_format`` that lets a server answer with nothing but one of the labels."""
    schema = {
        "type": "object",
        "properties": {SCHEMA_KEY: {"type": "string", "enum": [label.value for label in labels]}},
        "required": [SCHEMA_KEY],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": "label", "strict": True, "schema": schema}}


def judge_of(task: Task) -> Callable[[str], str | None]:
    """Return the rule of a task: what label a raw answer holds, or None."""
    known = frozenset(label.value for label in task.labels)
    tolerant = TolerantLabels(task.labels) if task.judge == "tolerant" else None

    def judge(text: str) -> str | None:
        answer = exact_answer(text, schema=task.model.schema)
        if answer in known:
            return answer
        return tolerant.find(text) if tolerant is not None else None

    return judge


class TolerantLabels:
    """Hold the labels of a task in every form that the tolerant rule accepts."""

    def __init__(self, labels: Sequence[LabelMeaning]) -> None:
        self._by_form: dict[str, set[str]] = {}
        for label in labels:
            for form in (label.value, label.name):
                self._by_form.setdefault(_form(form), set()).add(label.value)

    def find(self, text: str) -> str | None:
        """Return the one label that an answer means, or None where it means none or could mean several."""
        answer = _CONTROL.sub("", without_reasoning(text)).strip(ASCII_SPACE)
        if not answer:
            return None
        fences = _FENCE.findall(answer)
        if len(fences) == 1 and _FENCE.sub("", answer).strip(_WRAPPERS + _STOPS) == "":
            answer = fences[0]
        if (tagged := _TAGGED.fullmatch(answer.strip(" $\n"))) is not None:
            answer = tagged[2] if tagged[2] is not None else re.sub(r"\\text\{(.*)\}", r"\1", tagged[3])
        held = _json(answer)
        if held is not None and not isinstance(held, (str, int, float)):
            found = [label for value in _values(held) if (label := self._whole(value)) is not None]
            return found[0] if found and len(set(found)) == 1 and len(found) == len(list(_values(held))) else None
        whole = self._whole(answer)
        if whole is not None:
            return whole
        keyed = {
            label for line in answer.splitlines() if (match := _KEYED.match(line)) for label in [self._whole(match[1])]
        }
        if keyed:
            return keyed.pop() if len(keyed) == 1 else None
        return None

    def _whole(self, text: str) -> str | None:
        """Return the label that a whole text is, in any dress; a label beside its own name counts once."""
        found = self._named(text)
        if found is not None:
            return found
        keyed = _KEYED.fullmatch(text.strip())
        if keyed and (found := self._named(keyed[1])) is not None:
            return found
        parts = [part for part in _BETWEEN.split(text) if part.strip(_WRAPPERS + _STOPS)]
        if not 2 <= len(parts) <= 4:
            return None
        named = {self._named(part) for part in parts}
        return named.pop() if len(named) == 1 else None

    def _named(self, text: str) -> str | None:
        for form in _undressed(text):
            values = self._by_form.get(_form(form))
            if values is not None:
                return next(iter(values)) if len(values) == 1 else None
        return None


def _undressed(text: str) -> Iterator[str]:
    """Yield a text in ever fewer wrappers: as it is, without quotes and markdown, without a full stop or a bullet."""
    yield text
    for _ in range(4):
        bare = text.strip(_WRAPPERS)
        yield bare
        stopped = bare.rstrip(_STOPS)
        yield stopped
        again = _BULLET.sub("", stopped, count=1) if _BULLET.match(stopped) else stopped
        yield again
        if again == text:
            return
        text = again


def _form(text: str) -> str:
    """Return a text in one Unicode form and case, with ASCII digits, single spaces and no invisible characters."""
    visible = "".join(
        str(unicodedata.decimal(sign, sign))
        for sign in unicodedata.normalize("NFKC", text)
        if unicodedata.category(sign) != "Cf"
    )
    return " ".join(unicodedata.normalize("NFKC", visible.casefold()).split())


def _json(text: str) -> Any:
    """Return a JSON value, or None where the text is none, or names one of its keys twice."""
    try:
        return json.loads(text, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError):
        return None


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; raises ValueError where a key stands twice, as either value could be meant."""
    held = dict(pairs)
    if len(held) < len(pairs):
        raise ValueError("a key stands twice")
    return held


def _values(held: Any, *, outer: bool = True) -> Iterator[str]:
    """Yield the texts that a JSON value names as its label: of keys such as ``label``, or of its only key or item."""
    if isinstance(held, bool) or held is None:
        return
    if isinstance(held, (str, int, float)):
        yield str(held)
    elif isinstance(held, list):
        for item in held[:3]:
            if not isinstance(item, (list, dict)):
                yield from _values(item)
            else:
                yield ""
    elif isinstance(held, dict):
        named = [value for key, value in held.items() if _KEYS.fullmatch(key)]
        for value in named or (list(held.values()) if outer and len(held) == 1 else []):
            yield from _values(value, outer=False)
