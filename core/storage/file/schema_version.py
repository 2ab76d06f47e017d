"""Define what marks a file as a run file, and of which format, without importing the tables."""

from __future__ import annotations

import sqlite3

from core.errors import RunFileError

APPLICATION_ID = 0x6C627569
"""Marks the file as labeltui's (``lbui``), for ``file`` and for a clear error on any other database."""

FORMAT_WITH_FLAGS = 2
"""The first format whose emails have flags."""

FORMAT_WITH_NOTES = 3
"""The first format with notes, with emails as they were before a person's change, and with their times."""

FORMAT_WITH_REVIEWS = 4
"""The first format with samples, reviews and alarms."""

FORMAT_WITH_COLUMNS = 5
"""The first format that keeps the source's other columns and labels, and lists what of the source was not taken."""

FORMAT_WITH_CANARIES = 6
"""The first format with answers to emails that are asked again and again."""

FORMAT_WITH_BATCHES = 8
"""The first format with a lane, and batches at a server."""

FORMAT_WITH_PLACES = 10
"""The first format with the places that make a worker's calls."""

FORMAT_WITH_PACKS = 12
"""The first format with packs: several emails in one call, and the control sample of them."""

FORMAT_WITH_LANES = 13
"""The first format that counts calls and tokens of each lane."""

FORMAT_WITH_PROBABILITIES = 15
"""The first format that keeps the probability of a label."""

FORMAT_WITH_LABEL_COUNTS = 16
"""The first format that counts the model's labels of each version of the task."""

FORMAT_WITH_READING = 18
"""The first format that keeps which columns of its source a person named."""

FORMAT_WITH_CALLS_IN_FLIGHT = 19
"""The first format that keeps how many calls were out when one was sent."""

FORMAT_VERSION = 19
"""Kept in ``user_version``. A file with a larger number is from a newer labeltui and is refused."""


def check_format(connection: sqlite3.Connection, path: object) -> int:
    """Return the file's format version.

    Raises:
        RunFileError: it is no run file, or one from a newer labeltui.
    """
    try:
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise RunFileError(f"{path} is not a run file ({error}). Nothing was changed.") from error
    if application_id != APPLICATION_ID:
        raise RunFileError(f"{path} is not a run file of labeltui. Nothing was changed.")
    if version > FORMAT_VERSION:
        raise RunFileError(
            f"{path} was written by a newer labeltui (format {version}; this one reads up to {FORMAT_VERSION})."
            " Upgrade labeltui to open it. Nothing was changed."
        )
    return int(version)
