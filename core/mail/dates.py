"""Parse when a message was sent: the text of a ``Date`` header, or of a column of dates, as a moment."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST = 200


def sent_at(text: str | None) -> float | None:
    """Return seconds since the epoch, or None where the text is no date that can be read.

    Takes what mail uses (RFC 5322, obsolete zones too) and ISO 8601; a time without a zone is taken as UTC.
    """
    said = (text or "").strip()
    if not said or len(said) > _LONGEST:
        return None
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(said)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None
