"""Why an email fails, why a run pauses itself and what a worker does, in the words that people read. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.errors import CallError, TooLargeError
from core.model import Outcome, RunState, Wait

FAILURES_IN_A_ROW = 25
"""So many different emails failing one after another, for a reason that is not quota, pause the run."""

_WORDS = {
    Outcome.INVALID: "no valid label",
    Outcome.EMPTY: "empty answer",
    Outcome.TRUNCATED: "the answer was cut off before a label",
}


def unusable(outcome: Outcome, asks: int) -> str:
    """The failure of an email whose every answer was unusable; ``outcome`` is that of the last one."""
    return f"{_WORDS.get(outcome, outcome.value)} after {asks} answer{'s' if asks != 1 else ''}"


def refused(error: CallError) -> str:
    """The failure of an email whose request no server will take as it is."""
    if isinstance(error, TooLargeError):
        return "too long for the quota: no key's organization takes a request of this size"
    return f"refused by the server: {error}"[:300]


def worn_out(error: CallError, tries: int) -> str:
    """The failure of an email that met an error of server or line each time, for as long as anyone may wait."""
    return f"{error.outcome.value.replace('_', ' ')} in the last of {tries} tries, none of which was answered"


def failures_in_a_row(failures: Sequence[str]) -> str:
    """Why a run pauses itself after too many failures in a row, naming the most frequent reason."""
    reason, count = Counter(failures).most_common(1)[0]
    return (
        f"{len(failures)} emails in a row failed, {count} of them with: {reason}."
        " Look into the failed emails, mend what is wrong, then resume."
    )


def doing(
    *, blocked: str, stopping: bool, paused: str, loading: str, wait: Wait | None, out: int, trying: str = ""
) -> tuple[RunState, str]:
    """The state to show and the sentence beside it.

    ``out`` calls are in flight, ``loading`` is what is made ready, ``trying`` tells of a trial.
    """
    calls = f"{out} call{'' if out == 1 else 's'} out"
    if blocked:
        return RunState.WAITING, blocked
    if stopping:
        return RunState.RUNNING, f"stopping, {calls}"
    if paused:
        return (RunState.RUNNING, f"pausing, {calls}") if out else (RunState.PAUSED, paused)
    if loading:
        return RunState.RUNNING, loading
    if wait is not None and not out:
        return RunState.WAITING, wait.reason
    return RunState.RUNNING, trying
