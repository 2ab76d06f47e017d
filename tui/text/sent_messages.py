"""The exact messages that a version of the task, or a draft of one, sends about an email. Pure but for parsing it."""

from __future__ import annotations

from core.engine import allowed_answers, messages, reask_messages
from core.model import ChatMessage, EmailRecord, Outcome, Task

BAD = (Outcome.INVALID, Outcome.EMPTY, Outcome.TRUNCATED)
EXAMPLE = "I am not sure."
"""An answer that no task takes (a label holds no white space), to show a re-ask where none was ever needed."""


def sent_text(task: Task, in_force: Task, record: EmailRecord) -> str:
    """What the task sends of an email: what is stored where the version in force sends the same."""
    if (task.fields, task.truncate_at) == (in_force.fields, in_force.truncate_at):
        return record.text
    from core.engine import view_of  # noqa: PLC0415 - the parsers are wanted for drafts only

    return view_of(record.raw, fields=task.fields, truncate_at=task.truncate_at).text


def bad_answers(task: Task, record: EmailRecord) -> tuple[tuple[str, str], ...]:
    """The email's own unusable answers to this version, as (answer, what was wrong with it)."""
    return tuple(
        (attempt.raw_answer or "", attempt.error or "")
        for attempt in record.attempts
        if attempt.outcome in BAD and attempt.task_version == task.version
    )


def first_question(task: Task, in_force: Task, record: EmailRecord) -> tuple[ChatMessage, ...]:
    """What is sent at first."""
    return messages(task, sent_text(task, in_force, record))


def question_again(task: Task, in_force: Task, record: EmailRecord) -> tuple[tuple[ChatMessage, ...], bool]:
    """What is sent after unusable answers: the email's own ones, or an example; and whether they are its own."""
    own = bad_answers(task, record)[: max(1, task.max_reasks)]
    example = (EXAMPLE, f'The answer "{EXAMPLE}" is not one of the allowed answers ({allowed_answers(task)}).')
    return reask_messages(task, sent_text(task, in_force, record), own or (example,)), bool(own)
