"""How a text begins, for emails without a subject: lists of plain texts would name none of them otherwise."""

from __future__ import annotations

import re

LOOKED_AT_CHARS = 400
OPENING_CHARS = 120

_HEADER = re.compile(r"(From|To|Cc|Bcc|Subject|Date): ")


def beginning(email: str) -> str:
    """SQL: the first characters of the text of an email without a subject, NULL for others: no body is read for them.

    ``email`` is the name of the table in the query.
    """
    text = f"(SELECT substr(text, 1, {LOOKED_AT_CHARS}) FROM body WHERE email_id = {email}.id)"
    return f"CASE WHEN ifnull({email}.subject, '') = '' THEN {text} END"


def opening(text: str | None) -> str:
    """The first words of a text, its header lines left out, on one line; empty where it holds none."""
    head, blank, rest = (text or "").partition("\n\n")
    if blank and all(_HEADER.match(line) for line in head.splitlines()):
        return " ".join(rest.split())[:OPENING_CHARS]
    return " ".join((text or "").split())[:OPENING_CHARS]
