"""Format the exact messages that a version of the task, or a draft, sends about a text. Pure but for parsing it."""

from __future__ import annotations

import json

from core.engine import allowed_answers, messages, pack_messages, reask_messages, request_fields
from core.model import ChatMessage, EmailRecord, Outcome, Task

BAD = (Outcome.INVALID, Outcome.EMPTY, Outcome.TRUNCATED)
EXAMPLE = "I am not sure."
"""An answer that is no label of any task (labels hold no white space), to show a follow-up question by example."""


def sent_text(task: Task, active: Task, record: EmailRecord) -> str:
    """Return what the task sends of a text: the stored form where the active version sends the same."""
    if not task.sends_otherwise(active):
        return record.text
    from core.engine import view_by  # noqa: PLC0415 - needed for drafts only

    return view_by(task, record.raw).text


def bad_answers(task: Task, record: EmailRecord) -> tuple[tuple[str, str], ...]:
    """Return the unusable answers to this version, as (answer, what was wrong with it)."""
    return tuple(
        (attempt.raw_answer or "", attempt.error or "")
        for attempt in record.attempts
        if attempt.outcome in BAD and attempt.task_version == task.version
    )


def in_pack(task: Task, active: Task, record: EmailRecord) -> bool:
    """Return whether the first question is that of a pack: the one it was asked about in, or could be in now."""
    return task.pack != 1 and len(record.pack_texts) > 1 and not task.sends_otherwise(active)


def first_question(task: Task, active: Task, record: EmailRecord) -> tuple[ChatMessage, ...]:
    """Return the messages of the first question: of its pack, where texts share a call."""
    if in_pack(task, active, record):
        return pack_messages(task, record.pack_texts)
    return messages(task, sent_text(task, active, record))


def fields_sent(task: Task, size: int = 1) -> str:
    """Return the other fields of a request about ``size`` texts, as JSON, each on a line."""
    fields = request_fields(task, size)
    return "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())


def question_again(task: Task, active: Task, record: EmailRecord) -> tuple[tuple[ChatMessage, ...], bool]:
    """Return the messages of a follow-up question, and whether they quote the text's own answers or an example."""
    own = bad_answers(task, record)[: max(1, task.max_reasks)]
    example = (EXAMPLE, f'The answer "{EXAMPLE}" is not one of the allowed answers ({allowed_answers(task)}).')
    return reask_messages(task, sent_text(task, active, record), own or (example,)), bool(own)
