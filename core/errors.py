"""Define one tree of errors. Every leaf that a call can raise says what the worker does next.

LabeltuiError                      a sentence: what, where, what to do
├── UsageError                     the person asked for something that cannot be
│   ├── SourceError                the emails cannot be read
│   ├── TaskError                  the task file is wrong
│   ├── ExportError                the labels cannot be written there
│   ├── KeysError                  keys.toml or a secret is unusable
│   └── UnknownNameError           no run, item or label is called so
│       └── RunNotFoundError
├── RunBusyError                   another worker holds the run
├── RunLostError                   this worker no longer owns the run: write nothing more
├── RunFileError                   the run file is damaged, or from a newer version
├── FolderError                    a folder for files of our own cannot be made
├── QuotaFileError                 quota.db is damaged, locked, read-only, or from a newer version
├── NoUsableKeyError
├── PlaceLostError                 the place that made a call is gone; nobody is to blame
└── CallError                      one call to the model failed; ``.remedy`` says what follows
    ├── RateLimitedError           WAIT        that (organization, model) waits as long as stated
    ├── CapacityError              BACK_OFF    short jittered wait
    │   └── TierRefusedError       BACK_OFF    that service tier is not offered: ask in another
    ├── ServerFailedError          BACK_OFF
    ├── CallTimeoutError           BACK_OFF
    ├── ConnectionFailedError      BACK_OFF
    ├── KeyRefusedError            CHANGE_KEY  out until a person acts
    ├── OrganizationRestrictedError CHANGE_KEY every key of it is out
    ├── TooLargeError              GIVE_UP     this email is too long for this quota
    ├── RequestRefusedError        GIVE_UP     the server refuses this request as it is
    │   └── ContentRefusedError    GIVE_UP     a content filter refuses this email
    └── ModelGoneError             STOP_RUN
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from enum import Enum, auto
from typing import ClassVar

from core.model import Outcome


class LabeltuiError(Exception):
    """Serve as the root. ``str(error)`` is fit to be shown: what happened, where, and what to do about it."""


class UsageError(LabeltuiError):
    """Report that a person asked for something that cannot be done as asked."""


class SourceError(UsageError):
    """Report that the emails cannot be read from that source."""


class TaskError(UsageError):
    """Report that the task file is missing, malformed or contradicts itself."""


class ExportError(UsageError):
    """Report that the labels cannot be written to that file."""


class KeysError(UsageError):
    """Report that a key, an alias or ``keys.toml`` is unusable."""


class UnknownNameError(UsageError):
    """Report that no run, item or label has that name: wrong usage, as a mistyped option is."""


class RunNotFoundError(UnknownNameError):
    """Report that there is no run of that name, and no run file at that path."""


class RunBusyError(LabeltuiError):
    """Report that another process holds the run's lock."""


class RunLostError(LabeltuiError):
    """Report that another epoch has begun: this process must write nothing more to the run."""


class RunFileError(LabeltuiError):
    """Report that the run file cannot be read or is from a newer labeltui."""


class FolderError(LabeltuiError):
    """Report that a folder in which labeltui keeps its files cannot be made."""


class QuotaFileError(LabeltuiError):
    """Report that ``quota.db`` cannot be read or written, or is from a newer labeltui."""


class NoUsableKeyError(LabeltuiError):
    """Report that there is no key to ask with, now or after any wait."""


class PlaceLostError(LabeltuiError):
    """Report that the place of a call is gone or does not answer: the call may be paid, and nobody is to blame.

    ``sent`` is False where the call never left.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class Remedy(Enum):
    """Name what the worker does after a failed call."""

    WAIT = auto()
    BACK_OFF = auto()
    CHANGE_KEY = auto()
    GIVE_UP = auto()
    STOP_RUN = auto()


class CallError(LabeltuiError):
    """Report that one call failed.

    ``status`` is the HTTP status or None where there was no response; ``code`` the API's own word for it; ``headers``
    have names in lower case; ``request_id`` is empty where unknown. ``conclusive``: the server
    named the fault with a code of its own, so that no other call is needed to find it. ``said`` is its own sentence,
    inert, or empty.
    """

    remedy: ClassVar[Remedy]
    outcome: ClassVar[Outcome]

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        headers: Mapping[str, str] | None = None,
        request_id: str = "",
        conclusive: bool = False,
        said: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers: Mapping[str, str] = headers or {}
        self.request_id = request_id
        self.conclusive = conclusive
        self.said = said


class RateLimitedError(CallError):
    """Report 429: a quota of the (organization, model) is spent."""

    remedy = Remedy.WAIT
    outcome = Outcome.RATE_LIMITED


class CapacityError(CallError):
    """Report 498: the provider has no room at this moment; no quota is spent."""

    remedy = Remedy.BACK_OFF
    outcome = Outcome.CAPACITY


class TierRefusedError(CapacityError):
    """Report that the server does not offer this service tier to this account, or at all."""


class ServerFailedError(CallError):
    """Report 5xx, or a body that is not what the API promises."""

    remedy = Remedy.BACK_OFF
    outcome = Outcome.SERVER_ERROR


class CallTimeoutError(CallError):
    """Report that no answer came within the time allowed."""

    remedy = Remedy.BACK_OFF
    outcome = Outcome.TIMEOUT


class ConnectionFailedError(CallError):
    """Report that there was no connection, or that it broke."""

    remedy = Remedy.BACK_OFF
    outcome = Outcome.CONNECTION


class KeyRefusedError(CallError):
    """Report 401 or 403: the key is revoked, mistyped or lacks permission."""

    remedy = Remedy.CHANGE_KEY
    outcome = Outcome.UNAUTHORIZED


class OrganizationRestrictedError(CallError):
    """Report 400 ``organization_restricted``: every key of that organization is unusable."""

    remedy = Remedy.CHANGE_KEY
    outcome = Outcome.RESTRICTED


class TooLargeError(CallError):
    """Report 413: larger than the quota's window will ever be."""

    remedy = Remedy.GIVE_UP
    outcome = Outcome.TOO_LARGE


class RequestRefusedError(CallError):
    """Report 400, 422 and the like: the server will not take this request as it is."""

    remedy = Remedy.GIVE_UP
    outcome = Outcome.BAD_REQUEST


class ContentRefusedError(RequestRefusedError):
    """Report that a content filter of the server refuses this email, in a code of its own."""

    outcome = Outcome.REFUSED


class ModelGoneError(CallError):
    """Report that the model is unknown, decommissioned or not open to this account: the run cannot go on."""

    remedy = Remedy.STOP_RUN
    outcome = Outcome.MODEL_GONE


_OF_THE_DISK = {
    errno.ENOSPC: "The disk is full. Free some space, then do it again.",
    errno.EDQUOT: "Your quota on that disk is spent. Free some space, then do it again.",
    errno.EROFS: "That disk can only be read. Put the files where they can be written (LABELTUI_HOME names a folder).",
    errno.EACCES: "You may not write or read there. Change the permissions, or name another place.",
    errno.EPERM: "You may not write or read there. Change the permissions, or name another place.",
    errno.EIO: "The disk reports an error. Look after the disk; `labeltui check RUN` looks after a run file.",
    errno.ENOENT: "It was removed meanwhile. Do it again.",
    errno.EMFILE: "Too many files are open. Close other programs, or raise the limit (ulimit -n).",
}
_OF_SQLITE = {
    "database or disk is full": _OF_THE_DISK[errno.ENOSPC],
    "attempt to write a readonly database": _OF_THE_DISK[errno.EROFS],
    "unable to open database file": _OF_THE_DISK[errno.EACCES],
    "disk I/O error": _OF_THE_DISK[errno.EIO],
    "database is locked": "Another process holds the file for too long. Do it again, or look for a process that hangs.",
    "database disk image is malformed": "The file is damaged. `labeltui check RUN` says where; go back to a backup.",
    "malformed database schema": "The file is damaged. Go back to a backup.",
    "Could not decode to UTF-8": "The file is damaged: a text of it is none. Go back to a backup.",
    "file is not a database": "The file is damaged or something else. `labeltui check RUN` looks closer.",
}
"""By what SQLite says; the beginnings of its messages."""


def disk_sentence(error: BaseException) -> str:
    """Return what an error of the system or of SQLite means and what to do about it; "" for any other error."""
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}. {_OF_THE_DISK[error.errno]}"
    if type(error).__module__ == "sqlite3":
        said = str(error)
        return next((f"{said}. {remedy}" for begin, remedy in _OF_SQLITE.items() if said.startswith(begin)), "")
    return ""
