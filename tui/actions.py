"""One list of what can be done. Bindings, footer, palette, help and the README's table of keys all come from it.

An action that is not possible now stays in sight, dimmed, and says why when its key is pressed: ``blocked`` gives the
reason, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from core.model import EmailRow, EmailState, KeyStatus, RunState, RunSummary, Snapshot


class Scope(StrEnum):
    """Where an action belongs: the screen that shows it."""

    RUNS = "Runs"
    MONITOR = "Monitor"
    EMAILS = "Emails"
    RECORD = "One email"
    KEYS = "Keys"
    HELP = "Help"


Selected = RunSummary | EmailRow | KeyStatus | None


@dataclass(frozen=True, slots=True)
class Context:
    """What possibility depends on. ``pending`` holds the kinds of wishes that wait for their acknowledgment."""

    scope: Scope
    snapshot: Snapshot | None = None
    selected: Selected = None
    pending: frozenset[str] = frozenset()
    has_run: bool = False
    read_only: bool = False
    marked: int = 0


Reason = str | None


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do: ``keys`` as Textual names them, ``key`` as a person reads them.

    ``label`` is the footer's word and ``help`` a sentence. ``hint`` is its rank in the footer: 0 is never named there,
    the lower ones give way first where room is short.
    """

    id: str
    keys: tuple[str, ...]
    key: str
    label: Callable[[Context], str]
    help: str
    scopes: frozenset[Scope]
    blocked: Callable[[Context], Reason] = field(default=lambda _: None)
    hint: int = 2
    home: Scope | None = None

    def rank(self, scope: Scope) -> int:
        """Its rank in the footer of that screen: away from ``home`` it gives way."""
        return self.hint if self.home in (None, scope) else min(1, self.hint)


RUN_SCOPES = frozenset({Scope.MONITOR, Scope.EMAILS, Scope.RECORD, Scope.KEYS})
EVERYWHERE = frozenset(Scope)
LIST_SCOPES = frozenset({Scope.EMAILS, Scope.RECORD})


def _word(text: str) -> Callable[[Context], str]:
    return lambda _: text


def _run_read(context: Context) -> Reason:
    if not context.has_run:
        return "No run is open: choose one in the list of runs."
    return "The run is not read yet." if context.snapshot is None else None


def _start_blocked(context: Context) -> Reason:
    snapshot = context.snapshot
    if snapshot is None:
        return _run_read(context)
    if "start" in context.pending:
        return "The start is requested already."
    if snapshot.worker.alive:
        if snapshot.state is RunState.PAUSED:
            return "A worker holds the run, paused: p resumes it."
        return f"A worker goes on with it already (pid {snapshot.worker.pid})."
    if snapshot.pending == 0 and snapshot.total:
        return "Every email is settled: nothing is left to ask." + (
            " e shows the failed ones, T puts them back in line." if snapshot.failed else ""
        )
    return None


def is_paused(context: Context) -> bool:
    """Whether the key that pauses would resume now."""
    if "pause" in context.pending:
        return True
    snapshot = context.snapshot
    return snapshot is not None and snapshot.state is RunState.PAUSED and "resume" not in context.pending


def _pause_blocked(context: Context) -> Reason:
    snapshot = context.snapshot
    if snapshot is None:
        return _run_read(context)
    if not snapshot.worker.alive:
        return "No worker runs: s starts one." if snapshot.pending else "No worker runs, and everything is settled."
    return None


def _stop_blocked(context: Context) -> Reason:
    snapshot = context.snapshot
    if snapshot is None:
        return _run_read(context)
    return None if snapshot.worker.alive else "No worker runs: there is nothing to stop."


def _open_blocked(context: Context) -> Reason:
    if context.selected is None:
        return "The list is empty." if context.scope is Scope.EMAILS else "There is no run here yet."
    if isinstance(context.selected, RunSummary) and context.selected.error:
        return context.selected.error
    return None


def _retry_blocked(context: Context) -> Reason:
    row = context.selected
    if context.marked:
        return None
    if not isinstance(row, EmailRow):
        return "No email is selected."
    return None if row.state is EmailState.FAILED else "Only a failed email can be put back in line."


def _retry_all_blocked(context: Context) -> Reason:
    if context.snapshot is None:
        return _run_read(context)
    return None if context.snapshot.failed else "No email has failed."


def _label_blocked(context: Context) -> Reason:
    return None if isinstance(context.selected, EmailRow) else "No email is selected."


def _skip_blocked(context: Context) -> Reason:
    row = context.selected
    if context.marked:
        return None
    if not isinstance(row, EmailRow):
        return "No email is selected."
    return "A labeled email has been asked about already." if row.state is EmailState.LABELED else None


def _skip_word(context: Context) -> str:
    row = context.selected
    return "unskip" if isinstance(row, EmailRow) and row.state is EmailState.SKIPPED else "skip"


def _undo_blocked(context: Context) -> Reason:
    row = context.selected
    if not isinstance(row, EmailRow):
        return "No email is selected."
    return None if row.label_source == "human" else "This email's label was not given by a person."


def _causes_blocked(context: Context) -> Reason:
    if context.snapshot is None:
        return _run_read(context)
    return None if context.snapshot.failed else "No email has failed."


def _key_blocked(context: Context) -> Reason:
    return None if isinstance(context.selected, KeyStatus) else "There is no key here yet: a adds one."


def _toggle_word(context: Context) -> str:
    key = context.selected
    return "enable" if isinstance(key, KeyStatus) and key.state.out else "disable"


_ALL: tuple[Action, ...] = (
    Action(
        "open", ("enter",), "enter", _word("open"), "Open what the cursor is on: a run, or the record of an email.",
        frozenset({Scope.RUNS, Scope.EMAILS}), _open_blocked,
    ),
    Action(
        "new_run", ("w",), "w", _word("new run"), "Make a run from a file or folder; shows rows and forecast first.",
        frozenset({Scope.RUNS}),
    ),
    Action(
        "demo", ("D",), "D", _word("demo"), "A simulated run on invented emails, started at once; nothing leaves here.",
        frozenset({Scope.RUNS}),
    ),
    Action(
        "start", ("s",), "s", _word("start"),
        "Start a worker on this run. Starting again after a stop, a crash or a reboot is the same key.",
        RUN_SCOPES, _start_blocked, home=Scope.MONITOR,
    ),
    Action(
        "pause", ("p",), "p", lambda context: "resume" if is_paused(context) else "pause",
        "Pause the worker: calls in flight are finished, then nothing is asked. The same key resumes.",
        RUN_SCOPES, _pause_blocked, home=Scope.MONITOR,
    ),
    Action(
        "stop", ("x",), "x", lambda context: "stop now" if "stop" in context.pending else "stop",
        "Stop the worker after the calls in flight; a second time cuts them off. What is labeled stays; s goes on.",
        RUN_SCOPES, _stop_blocked, home=Scope.MONITOR,
    ),
    Action(
        "emails", ("e",), "e", _word("emails"), "The emails of this run, by state, each with its full record.",
        frozenset({Scope.MONITOR, Scope.KEYS}), _run_read,
    ),
    Action(
        "keys", ("k",), "k", _word("keys"), "The API keys of this machine, by organization, with their quotas.",
        frozenset({Scope.RUNS, Scope.MONITOR, Scope.EMAILS, Scope.RECORD}),
    ),
    Action(
        "filter", ("f",), "f", _word("filter"), "Show the next kind: all, failed, labeled, pending, by a person.",
        frozenset({Scope.EMAILS}),
    ),
    Action(
        "filter_back", ("F",), "F", _word("filter back"), "Show the previous kind of emails.",
        frozenset({Scope.EMAILS}), hint=0,
    ),
    Action(
        "update", ("u",), "u", _word("update"), "Read the list again. A filtered list holds still until asked.",
        frozenset({Scope.EMAILS}), hint=0,
    ),
    Action(
        "find", ("slash",), "/", _word("find"),
        "Narrow the list: words, !word, state:failed, label:0, reasks:>0, key:, from:, source:, flag:, cause:.",
        frozenset({Scope.EMAILS}), hint=3,
    ),
    Action(
        "causes", ("g",), "g", _word("causes"), "Failures by cause, with counts; enter lists those of one cause.",
        frozenset({Scope.EMAILS}), _causes_blocked, hint=1,
    ),
    Action(
        "mark", ("space",), "space", _word("mark"), "Mark this email, or unmark it; t, i and c act on all marked.",
        frozenset({Scope.EMAILS}), _label_blocked, hint=1,
    ),
    Action(
        "mark_all", ("M",), "M", _word("mark all"), "Mark every email of the filter; again takes the marks away.",
        frozenset({Scope.EMAILS}), hint=0,
    ),
    Action(
        "skip", ("i",), "i", _skip_word, "Never ask about this email, or do ask again about a skipped one.",
        LIST_SCOPES, _skip_blocked, hint=1,
    ),
    Action(
        "undo", ("U",), "U", _word("undo label"), "Put back the label before a person's last one; both stay on record.",
        LIST_SCOPES, _undo_blocked, hint=1,
    ),
    Action(
        "copy", ("c",), "c", _word("copy"), "Copy to the terminal's clipboard and to a file beside the run.",
        LIST_SCOPES, _label_blocked, hint=1,
    ),
    Action("next", ("n",), "n", _word("next"), "The next email of the list.", frozenset({Scope.RECORD})),
    Action("previous", ("N",), "N", _word("previous"), "The email before.", frozenset({Scope.RECORD}), hint=1),
    Action(
        "retry", ("t",), "t", _word("retry"), "Put this failed email back in line.", LIST_SCOPES, _retry_blocked,
    ),
    Action(
        "retry_all", ("T",), "T", _word("retry all failed"), "Put every failed email back in line, after asking.",
        frozenset({Scope.MONITOR, Scope.EMAILS}), _retry_all_blocked, hint=1,
    ),
    Action(
        "label", ("l",), "l", _word("label"), "Give this email a label by hand; a person's label wins.",
        LIST_SCOPES, _label_blocked,
    ),
    Action(
        "raw", ("v",), "v", _word("sent/raw"), "Show the message as it came instead of as it was sent, and back.",
        frozenset({Scope.RECORD}),
    ),
    Action(
        "toggle", ("d", "space"), "d", _toggle_word, "Take this key out of use, or back into it. Also the space bar.",
        frozenset({Scope.KEYS}), _key_blocked,
    ),
    Action("add", ("a",), "a", _word("add"), "Add a key; its secret is masked.", frozenset({Scope.KEYS})),
    Action(
        "remove", ("delete", "backspace"), "del", _word("remove"), "Forget this key, after asking.",
        frozenset({Scope.KEYS}), _key_blocked,
    ),
    Action(
        "pane", tuple("12345678"), "1–8", _word("pane"), "Focus a pane by the number in its border.",
        frozenset({Scope.MONITOR}), hint=0,
    ),
    Action(
        "zoom", ("z",), "z", _word("zoom"), "Give the focused pane the whole screen, and back.",
        frozenset({Scope.MONITOR}), hint=1,
    ),
    Action(
        "theme", ("ctrl+t",), "^t", _word("theme"), "Switch between dark and light; the choice is remembered.",
        EVERYWHERE, hint=0,
    ),
    Action(
        "suspend", ("ctrl+z",), "^z", _word("suspend"), "Back to the shell for a moment; `fg` returns.",
        EVERYWHERE, hint=0,
    ),
    Action(
        "back", ("escape",), "esc", _word("back"), "Leave this view; the list behind it stays where it was.",
        frozenset({Scope.MONITOR, Scope.EMAILS, Scope.RECORD, Scope.KEYS, Scope.HELP}), hint=1,
    ),
    Action(
        "help", ("question_mark",), "?", _word("help"), "This page.", EVERYWHERE, hint=3,
    ),
    Action(
        "quit", ("q",), "q", lambda context: "leave (worker stays)" if _alive(context) else "leave",
        "Leave the console. A worker goes on without it.", EVERYWHERE, hint=3,
    ),
)  # fmt: skip


WISHES = frozenset(
    (
        *("new_run", "demo", "start", "pause", "stop", "retry", "retry_all"),
        *("label", "skip", "undo", "toggle", "add", "remove"),
    )
)
"""What asks the engine to change something: a console that only looks on refuses it."""

READ_ONLY = "This console is read-only: it was opened with --read-only and changes nothing."


def _guarded(action: Action) -> Action:
    """The same action, refused where the console only looks on."""
    return replace(action, blocked=lambda context: READ_ONLY if context.read_only else action.blocked(context))


ACTIONS = tuple(_guarded(action) if action.id in WISHES else action for action in _ALL)


def _alive(context: Context) -> bool:
    return context.snapshot is not None and context.snapshot.worker.alive


def for_key(key: str, scope: Scope) -> Action | None:
    """The action that this key stands for on this screen."""
    return next((action for action in ACTIONS if key in action.keys and scope in action.scopes), None)


def in_scope(scope: Scope) -> list[Action]:
    """The actions of one screen, in the order of the list."""
    return [action for action in ACTIONS if scope in action.scopes]


def possible(context: Context) -> list[Action]:
    """The actions that can be done now, for the palette."""
    return [action for action in in_scope(context.scope) if action.blocked(context) is None]


def all_keys() -> list[str]:
    """Every key that some action uses, each once."""
    return sorted({key for action in ACTIONS for key in action.keys})


def keys_table() -> str:
    """The table of keys for the README, in Markdown."""
    calm = {scope: Context(scope) for scope in Scope}
    lines = ["| key | does | on |", "| --- | --- | --- |"]
    for action in ACTIONS:
        where = (
            "every screen" if action.scopes == EVERYWHERE else ", ".join(s.value for s in Scope if s in action.scopes)
        )
        word = action.label(calm[next(s for s in Scope if s in action.scopes)])
        lines.append(f"| `{action.key}` | **{word}**: {action.help} | {where} |")
    return "\n".join(lines) + "\n"
