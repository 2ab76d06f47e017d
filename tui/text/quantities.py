"""Parse the values of options; ``ArgumentTypeError`` says what is wrong with one."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path

from core.errors import UsageError


def whole(text: str) -> int:
    """Parse a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def number(text: str) -> float:
    """Parse a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def named(text: str) -> str:
    """Parse a name; an empty word, which an unset variable leaves, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; name a file or a folder (. is the one you are in)")
    return text


def path(text: str) -> Path:
    """Parse the path of a file or a folder."""
    return Path(named(text))


def time_to_come(text: str) -> float:
    """Return a time of day to come (07:00) or a date and time (2026-12-01 07:00) of here, in seconds since the epoch.

    Raises ValueError, with a sentence, for what is no time or is over.
    """
    now = datetime.now().astimezone()
    try:
        if len(text) <= 5:
            at = datetime.combine(now.date(), time.fromisoformat(text.zfill(5)), now.tzinfo)
            at += timedelta(days=at <= now)
        else:
            at = datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise ValueError(f"{text!r} is no time, such as 07:00") from None
    if at <= now:
        raise ValueError(f"{text} is over")
    return at.timestamp()


def moment(text: str) -> float:
    """Read a time of day to come (07:00) or a date and time (2026-12-01 07:00) of here, as seconds since the epoch."""
    try:
        return time_to_come(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def server(text: str) -> str:
    """Read a server's name, such as openai, or its address, and return the address."""
    from core.engine import address_of  # noqa: PLC0415 - the grammar is built at every start

    try:
        return address_of(named(text))
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def filter_words(text: str) -> str:
    """Return the words of a filter, which can be read."""
    from core.engine import parse  # noqa: PLC0415 - as late as the others here

    return _readable(text, parse)


def shares(text: str) -> str:
    """Return the shares of a split, which sum up to 1."""
    from core.engine import shares  # noqa: PLC0415

    return _readable(text, shares)


_SUFFIXES = {"jsonl": "json", "ndjson": "json", "tsv": "csv", "txt": "text", "eml": "email", "db": "sqlite"}
"""Other endings of files by the name of their format."""


def source_format(text: str) -> str:
    """Return the name of a format of sources, which there is; an ending that its files have names it too."""
    from core.engine import known_formats  # noqa: PLC0415

    name = _SUFFIXES.get(text.lower().lstrip("."), text)
    if name not in known_formats():
        raise argparse.ArgumentTypeError(f"{text!r} is not known. Choose one of {', '.join(known_formats())}")
    return name


def encoding(text: str) -> str:
    """Return the name of an encoding of text."""
    from core.engine import codec_of  # noqa: PLC0415

    return _readable(text, codec_of)


def _readable(text: str, read: Callable[[str], object]) -> str:
    try:
        read(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from None
    return text


def count(text: str) -> int:
    """Parse a count: at least 1."""
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def concurrency(text: str) -> int:
    """Parse calls at once: 1 to 256, or 0 for ``auto``."""
    from core.model import MOST_EVER  # noqa: PLC0415 - the grammar is built at every start

    value = 0 if text.lower() == "auto" else whole(text)
    if not (0 < value <= MOST_EVER or text.lower() == "auto"):
        raise argparse.ArgumentTypeError(f"must lie between 1 and {MOST_EVER}, or be auto")
    return value


def sample(text: str) -> int:
    """Parse the number of emails in a sample: 1 to 200."""
    value = whole(text)
    if not 1 <= value <= 200:
        raise argparse.ArgumentTypeError("must lie between 1 and 200")
    return value


def limit(text: str) -> int:
    """Parse a limit of a quota: 0 for none."""
    value = whole(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def seconds(text: str) -> float:
    """Parse seconds: 0.1 to 3600."""
    value = number(text)
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError("must be from 0.1 to 3600")
    return value


def amount(text: str) -> float:
    """Parse dollars or hours: more than 0."""
    value = number(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def pack(text: str) -> int:
    """Return how many texts share a call: 1 to 20, or 0 for ``auto``."""
    from core.model import LARGEST_PACK, PACK_AUTO  # noqa: PLC0415 - the grammar is built at every start

    if text.strip() == "auto":
        return PACK_AUTO
    if not text.strip().isdecimal() or not 1 <= int(text) <= LARGEST_PACK:
        raise argparse.ArgumentTypeError(f"{text!r} is no size of a pack: give 1 to {LARGEST_PACK}, or auto")
    return int(text)
