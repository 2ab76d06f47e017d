"""The columns of an export: their names and order, the same in every format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeAlias

from core.model import ExportRow

Cell: TypeAlias = str | int | None

COLUMNS = (
    "id",
    "label",
    "label_name",
    "source",
    "reasks",
    "state",
    "failure",
    "model",
    "task_version",
    "annotator",
    "note",
    "labeled_at",
    "subject",
    "flags",
    "model_label",
    "human_label",
    "in_audit",
    "audit_rate",
    "stratum",
)


def record_of(row: ExportRow) -> dict[str, Cell]:
    """The row by column. ``labeled_at`` is ISO 8601 in UTC, or empty; an email without a label has an empty one."""
    return {
        "id": row.source_id,
        "label": row.label,
        "label_name": row.label_name,
        "source": row.source,
        "reasks": row.reasks,
        "state": str(row.state),
        "failure": row.failure,
        "model": row.model,
        "task_version": row.task_version,
        "annotator": row.annotator,
        "note": row.note,
        "labeled_at": "" if row.labeled_at is None else _moment(row.labeled_at),
        "subject": row.subject,
        "flags": row.flags,
        "model_label": row.model_label,
        "human_label": row.human_label,
        "in_audit": int(row.in_audit),
        "audit_rate": "" if row.audit_rate is None else f"{row.audit_rate:.6g}",
        "stratum": row.stratum,
    }


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
