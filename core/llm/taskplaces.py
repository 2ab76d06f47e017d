"""Where in a task file a complaint belongs: the line of a key that was found wanting."""

from __future__ import annotations

import re

_KEY = re.compile(r"(?:(?P<table>\w+)(?:\[(?P<n>\d+)\])?\.)?(?P<key>\w+)")
_HEAD = re.compile(r"\s*\[\[?\s*([\w.]+)\s*\]\]?\s*(?:#.*)?")


def line_of(text: str, named: str) -> int | None:
    """The line, from 1, of a key as complaints name it (``rubric``, ``model.timeout_s``, ``labels[2].value``).

    Where the key is not in the file its table is meant; None where that is not there either.
    """
    wanted = _KEY.fullmatch(named)
    if wanted is None:
        return None
    table, key = wanted["table"] or "", wanted["key"]
    number = int(wanted["n"] or 1)
    here, seen, head_at = "", 0, None
    for at, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.fullmatch(line):
            here = head[1]
            if here == table:
                seen += 1
                if seen == number:
                    head_at = at
            if not table and here == key:
                return at
        elif (
            here == table and (not table or seen == number) and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line)
        ):
            return at
    return head_at
