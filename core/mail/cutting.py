"""Find where a text is cut, and where its quoted history and its signature begin. Pure."""

from __future__ import annotations

import re

_CHARS_A_TOKEN = 4
"""English text has about four characters a token; what is no Latin text has fewer (see :func:`tokens_of`)."""
_QUOTED = re.compile(
    r"^\s*(?:-{2,}\s*(?:Original Message|Forwarded by|Forwarded message)\b|_{10,}\s*$|On .{4,120} wrote:\s*$"
    r"|From:\s.+@|>)",
    re.IGNORECASE,
)
"""How quoted history begins: a mark of a mail program, or a quoted line."""
_HEADER = re.compile(r"(From|To|Cc|Bcc|Subject|Date): ")
_SIGNATURE = re.compile(r"-- ?\r?$")
_SIGNATURE_LINES = 12
"""A signature is short: a longer piece behind a line of two hyphens is text."""

HISTORY_MARK = "[quoted history]"
SIGNATURE_MARK = "[signature]"


def split_history(text: str) -> tuple[str, str]:
    """Split a text as sent into what was written and the quoted history behind it, either of which may be empty.

    Header lines that the text begins with are no history; history is split off only behind something written.
    """
    lines = text.splitlines()
    begin = next((place for place, each in enumerate(lines) if not _HEADER.match(each)), len(lines))
    place = next((place for place in range(begin, len(lines)) if _QUOTED.match(lines[place])), begin)
    if not any(each.strip() for each in lines[begin:place]):
        return text, ""
    return "\n".join(lines[:place]).rstrip(), "\n".join(lines[place:])


def split_signature(written: str) -> tuple[str, str]:
    """Split what was written into text and signature: at most twelve lines behind a line ``--`` or ``-- ``."""
    lines = written.splitlines()
    for place in range(len(lines) - 1, max(-1, len(lines) - 2 - _SIGNATURE_LINES), -1):
        if _SIGNATURE.fullmatch(lines[place]) and any(each.strip() for each in lines[:place]):
            return "\n".join(lines[:place]).rstrip(), "\n".join(lines[place + 1 :])
    return written, ""


def without_quoted(text: str, *, mark: bool) -> tuple[str, tuple[str, ...]]:
    """Return a text without its quoted history and signature, or with a mark where each begins, and which there were.

    History that only begins behind the answers to it (a line of answer, a quoted line, an answer …) is found by the
    first quoted line; with ``mark`` no word is lost by that.
    """
    written, history = split_history(text)
    said, signature = split_signature(written)
    found = (*(("signature",) if signature else ()), *(("quoted",) if history else ()))
    if not mark:
        return said, found
    parts = [said]
    parts += [f"{SIGNATURE_MARK}\n{signature}"] if signature else []
    parts += [f"{HISTORY_MARK}\n{history}"] if history else []
    return "\n\n".join(parts) if found else text, found


def tokens_of(text: str) -> float:
    """Estimate the tokens of a text: a quarter for an ASCII character, one from U+2E80 (CJK) on, else a half."""
    if text.isascii():
        return len(text) / _CHARS_A_TOKEN
    return sum(map(_weight, text))


def shortened(text: str, limit: int, *, tail: int = 0, by_tokens: bool = False) -> tuple[str, bool]:
    """Return a text cut to ``limit`` characters or estimated tokens, and whether it was cut.

    With ``tail`` so much of the limit is its end; a line between the two says how many characters were left out.
    """
    if not by_tokens:
        head_chars, tail_chars = limit - tail, tail
    elif tokens_of(text) <= limit:
        return text, False
    else:
        head_chars, tail_chars = _reach(text, limit - tail), _reach(text[::-1], tail) if tail else 0
    if len(text) <= head_chars + tail_chars:
        return text, False
    head = text[:head_chars]
    if not tail_chars:
        return head, True
    return f"{head}\n[… {len(text) - head_chars - tail_chars:,} characters left out …]\n{text[-tail_chars:]}", True


def _weight(sign: str) -> float:
    return 1 / _CHARS_A_TOKEN if sign < "\x80" else 0.5 if sign < "\u2e80" else 1.0


def _reach(text: str, tokens: int) -> int:
    """Return how many characters at the beginning of a text are so many tokens."""
    plain = tokens * _CHARS_A_TOKEN
    if text[:plain].isascii():
        return plain
    left = float(tokens)
    for place, sign in enumerate(text):
        left -= _weight(sign)
        if left < 0:
            return place
    return len(text)
