"""Define every action, with the keys that it has where nobody chose others.

The help lists the actions of a group in this order, the most used ones first. An action is defined here alone: its name
stands nowhere else, but where ``do_`` and its name performs it.
"""

from __future__ import annotations

from collections.abc import Callable

from core.text import plural_of
from tui.actions import enabled
from tui.actions.action import Action, Group
from tui.actions.context import Context, Scope
from tui.actions.keymap import key

RUN_SCOPES = frozenset(
    (
        *(Scope.MONITOR, Scope.EMAILS, Scope.RECORD, Scope.KEYS, Scope.KEY),
        *(Scope.TASK, Scope.MESSAGES, Scope.TRIAL, Scope.BATCHES),
    )
)
KEY_SCOPES = frozenset({Scope.KEYS, Scope.KEY})
EVERYWHERE = frozenset(Scope)
TURNED_SCOPES = frozenset({Scope.RECORD, Scope.MESSAGES, Scope.GUIDE})
LIST_SCOPES = frozenset({Scope.EMAILS, Scope.RECORD})
AT_MONITOR = frozenset({Scope.MONITOR})
AT_TASK = frozenset({Scope.TASK})
AT_REVIEW = frozenset({Scope.REVIEW})
AT_QUALITY = frozenset({Scope.QUALITY})

TEXTS_WORD_CHARS = 12
TAKE_BACK = "undo"
"""The action that takes back what the person did last."""


def takes_back() -> str:
    """Return the words that stand behind what can be taken back, with the active key."""
    return f"{key(TAKE_BACK)} undoes it"


def _word(text: str) -> Callable[[Context], str]:
    return lambda _: text


def _texts_word(context: Context) -> str:
    """Return what the texts of the run are called; *texts* where that is too long for the footer."""
    word = plural_of(context.snapshot.run.task.item) if context.snapshot is not None else "texts"
    return word if len(word) <= TEXTS_WORD_CHARS else "texts"


ALL: tuple[Action, ...] = (
    Action(
        "open", Group.HERE, ("enter",), "enter", enabled.open_word,
        "Open what the cursor is on: a run, or the record of a text or of a key. In a new run: the next step.",
        frozenset({Scope.NEW_RUN, Scope.RUNS, Scope.EMAILS, Scope.KEYS, Scope.TRIAL}), enabled.open_blocked,
    ),
    Action(
        "new_run", Group.HERE, ("w",), "w", _word("new run"),
        "Create a run from a file or folder; rows and forecast first.",
        frozenset({Scope.RUNS}), changes=True,
    ),
    Action(
        "demo", Group.HERE, ("D",), "D", _word("demo"),
        "A simulated run on invented emails; nothing leaves this machine.",
        frozenset({Scope.RUNS}), changes=True,
    ),
    Action(
        "copy_run", Group.HERE, ("c",), "c", _word("copy"),
        "A new run from the texts of this one, with nothing labeled.",
        frozenset({Scope.RUNS}), enabled.copy_run_blocked, changes=True,
    ),
    Action(
        "archive", Group.HERE, ("A",), "A", enabled.archive_word,
        "Archive this run, or restore it from the archive.",
        frozenset({Scope.RUNS}), enabled.moving_blocked, hint=1, changes=True,
    ),
    Action(
        "archived", Group.FIND, ("H",), "H", _word("archived"), "Switch between archived runs and the others.",
        frozenset({Scope.RUNS}), hint=1,
    ),
    Action(
        "delete_run", Group.HERE, ("delete", "backspace"), "del", _word("delete"),
        "Delete this run after its name was typed.",
        frozenset({Scope.RUNS}), enabled.moving_blocked, hint=1, changes=True,
    ),
    Action(
        "start", Group.RUN, ("s",), "s", _word("start"),
        "Start a worker on this run; the same key continues after a stop, a crash or a reboot.",
        RUN_SCOPES | {Scope.RUNS}, enabled.start_blocked, home=AT_MONITOR, changes=True,
    ),
    Action(
        "pause", Group.RUN, ("p",), "p", lambda context: "resume" if enabled.is_paused(context) else "pause",
        "Pause the worker: calls in flight finish, then no call is made. The same key resumes.",
        RUN_SCOPES | AT_QUALITY | {Scope.RUNS}, enabled.pause_blocked, home=AT_MONITOR, changes=True,
    ),
    Action(
        "stop", Group.RUN, ("x",), "x", lambda context: "stop now" if "stop" in context.pending else "stop",
        "Stop the worker after the calls in flight; a second time cancels them, or kills a worker that hangs."
        " Labels stay; {start} continues.",
        RUN_SCOPES | {Scope.RUNS}, enabled.stop_blocked, home=AT_MONITOR, changes=True,
    ),
    Action(
        "swap", Group.RUN, ("K",), "K", _word("swap key"),
        "Switch to the next key: the one in use is disabled, the next one is used first. {toggle} enables it again.",
        RUN_SCOPES, enabled.swap_blocked, hint=1, home=AT_MONITOR | KEY_SCOPES, changes=True,
    ),
    Action(
        "lane", Group.RUN, ("L",), "L", _word("lane"),
        "Choose how texts are asked: live, in the flex tier, in batches at half the price, or auto with a time;"
        " each with its forecast.",
        frozenset({Scope.MONITOR, Scope.BATCHES}), enabled.lane_blocked, hint=1, home=frozenset({Scope.BATCHES}),
        changes=True,
    ),
    Action(
        "batches", Group.GO, ("B",), "B", _word("batches"),
        "What each lane spent, and the batches at the server: state, questions answered, expiry.",
        AT_MONITOR, enabled.run_read, hint=1,
    ),
    Action(
        "concurrency", Group.RUN, ("Z",), "Z", _word("calls at once"),
        "Choose how many calls may be in flight at once, or let the server's answers tell (auto).",
        frozenset({Scope.MONITOR}), enabled.concurrency_blocked, hint=1, changes=True,
    ),
    Action(
        "places", Group.RUN, ("at",), "@", _word("at places"),
        "Start a worker whose calls places of Ray make: on this machine's cores, or on a cluster.",
        frozenset({Scope.MONITOR}), enabled.start_blocked, hint=0, changes=True,
    ),
    Action(
        "try_out", Group.RUN, ("y",), "y", _word("try 10"),
        "Label ten texts only, then pause; {pause} continues with all.",
        frozenset({Scope.MONITOR}), enabled.try_blocked, hint=1, changes=True,
    ),
    Action(
        "emails", Group.GO, ("e",), "e", _texts_word, "The texts of this run, by state, each with its full record.",
        frozenset({Scope.MONITOR, Scope.KEYS, Scope.KEY, Scope.TASK}), enabled.run_read, home=AT_MONITOR,
    ),
    Action(
        "keys", Group.GO, ("a",), "a", _word("keys"),
        "The API keys of this machine, by organization, with their quotas.",
        frozenset({Scope.RUNS, Scope.MONITOR, Scope.EMAILS, Scope.RECORD, Scope.TASK}),
        home=frozenset({Scope.RUNS, Scope.MONITOR}),
    ),
    Action(
        "task", Group.GO, ("D",), "D", _word("task"),
        "The task: rubric, labels, settings, and what each version labeled.",
        frozenset({Scope.MONITOR, Scope.EMAILS, Scope.RECORD, Scope.KEYS}), enabled.run_read, hint=1,
        home=AT_MONITOR,
    ),
    Action(
        "review", Group.QUALITY, ("r",), "r", _word("review"),
        "Label a random sample blind, one key a label, to know what the model's labels are worth.",
        frozenset({Scope.MONITOR, Scope.EMAILS, Scope.RECORD, Scope.QUALITY}), enabled.run_read, hint=1,
        home=AT_MONITOR | AT_QUALITY,
    ),
    Action(
        "quality", Group.QUALITY, ("Q",), "Q", _word("quality"),
        "What the labels are worth: figures against people, and watches.",
        frozenset({Scope.MONITOR, Scope.EMAILS, Scope.REVIEW}), enabled.run_read, hint=1, home=AT_MONITOR | AT_REVIEW,
    ),
    Action(
        "cannot_tell", Group.QUALITY, ("full_stop",), ".", _word("cannot tell"), "Answer that no label can be told.",
        AT_REVIEW, hint=0, changes=True,
    ),
    Action(
        "unfold", Group.QUALITY, ("space",), "space", _word("unfold"),
        "Show the quoted history, then page through the text.",
        AT_REVIEW,
    ),
    Action(
        "next_batch", Group.QUALITY, ("enter",), "enter", _word("close"),
        "After a batch: close its result; the next answer does so too.", AT_REVIEW, hint=1,
    ),
    Action(
        "behind", Group.QUALITY, ("enter",), "enter", _word("behind"),
        "Choose a figure and read the items behind it: a cell of the confusion, a part of the run, or an unsure one.",
        AT_QUALITY,
    ),
    Action(
        "disagreements", Group.QUALITY, ("e",), "e", _word("differing"),
        "Read the items on which model and people differ; in a comparison, those on which both sides do.",
        AT_QUALITY | {Scope.COMPARE},
    ),
    Action(
        "settle", Group.QUALITY, ("S",), "S", _word("settle"),
        "Decide the items on which people, or people and the model, differ; no answer is erased.",
        AT_QUALITY, hint=1,
    ),
    Action(
        "compare_versions", Group.QUALITY, ("C",), "C", _word("compare"),
        "Compare the two versions of the task that labeled last.",
        AT_QUALITY, hint=1,
    ),
    Action(
        "compare_runs", Group.QUALITY, ("C",), "C", _word("compare"),
        "Compare two runs: the first press chooses this one, the second on another opens the comparison.",
        frozenset({Scope.RUNS}), enabled.copy_run_blocked, hint=1,
    ),
    Action(
        "suspicious", Group.QUALITY, ("E",), "E", _word("suspicious"),
        "Read the items worth a look: labels that a small model trained on all doubts, that the model gave a low"
        " probability, or that changed when asked again.",
        AT_QUALITY, hint=1,
    ),
    Action(
        "grow", Group.QUALITY, ("M",), "M", _word("200 more"),
        "Let the random sample grow by 200 items.", AT_QUALITY, hint=1, changes=True,
    ),
    Action(
        "top_up", Group.QUALITY, ("t",), "t", _word("top up"),
        "Sample more of rare labels: makes their precision sure.",
        AT_QUALITY, hint=1, changes=True,
    ),
    Action(
        "write_report", Group.QUALITY, ("w",), "w", _word("report"),
        "Write the report, one page without texts, beside the run file.",
        AT_QUALITY, hint=1,
    ),
    Action(
        "look_at_alarm", Group.QUALITY, ("a",), "a", _word("alarm"),
        "Read the items behind an alarm: those of its window, or the texts asked again whose answer changed.",
        AT_QUALITY, hint=1,
    ),
    Action(
        "dismiss", Group.QUALITY, ("d",), "d", _word("dismiss alarm"),
        "Dismiss an alarm with a note; its watch begins anew.",
        AT_QUALITY, hint=1, changes=True,
    ),
    Action(
        "write_task", Group.HERE, ("E",), "E", _word("write a task"),
        "In the step of the task: write a task here, from the one under the cursor.",
        frozenset({Scope.NEW_RUN}), changes=True,
    ),
    Action(
        "edit", Group.HERE, ("E",), "E", _word("edit"),
        "Edit the draft of the task here; a new one starts as the active version.",
        frozenset({Scope.TASK}), enabled.run_read, hint=3, changes=True,
    ),
    Action(
        "editor", Group.HERE, ("V",), "V", _word("editor"), "Edit the draft of the task in $VISUAL or $EDITOR.",
        frozenset({Scope.TASK}), enabled.run_read, hint=1, changes=True,
    ),
    Action(
        "compare", Group.HERE, ("C",), "C", _word("compare"),
        "Show how the draft differs from the active version, and back.",
        frozenset({Scope.TASK}), enabled.usable_draft_blocked, hint=1,
    ),
    Action(
        "dry_run", Group.HERE, ("W",), "W", _word("try"),
        "Try the draft on a few texts; shows the cost first, saves no label.",
        frozenset({Scope.TASK}), enabled.usable_draft_blocked, changes=True,
    ),
    Action(
        "enact", Group.HERE, ("L",), "L", _word("activate"),
        "Activate the draft, after a confirmation; no label is changed.",
        frozenset({Scope.TASK}), enabled.enact_blocked, hint=3, changes=True,
    ),
    Action(
        "discard", Group.HERE, ("X",), "X", _word("discard"), "Discard the draft, after a confirmation.",
        frozenset({Scope.TASK}), enabled.draft_blocked, hint=1, changes=True,
    ),
    Action(
        "pack", Group.HERE, ("P",), "P", _word("packs"),
        "Choose how many texts share a call; the choice goes into the draft.",
        frozenset({Scope.TASK}), enabled.run_read, hint=0, changes=True,
    ),
    Action(
        "take_version", Group.HERE, ("J",), "J", _word("draft of it"),
        "Start a draft from the older version under the cursor.",
        frozenset({Scope.TASK}), enabled.version_blocked, hint=0, changes=True,
    ),
    Action(
        "ask_again", Group.HERE, ("R",), "R", _word("re-label"),
        "Re-label with the active version what an older one labeled: all, of a label, marked or this. On the quality"
        " screen: what an alarm casts doubt on. The price is shown first.",
        frozenset({Scope.TASK, Scope.EMAILS, Scope.RECORD, Scope.QUALITY}), enabled.ask_again_blocked, home=AT_TASK,
        changes=True,
    ),
    Action(
        "messages", Group.GO, ("Y",), "Y", _word("messages"), "The exact messages that are sent about a text.",
        frozenset({Scope.TASK, Scope.TRIAL, Scope.EMAILS, Scope.RECORD}), enabled.run_read, home=AT_TASK,
    ),
    Action(
        "again_form", Group.HERE, ("Q",), "Q", _word("follow-up"),
        "Switch between follow-up question and first question.",
        frozenset({Scope.MESSAGES}),
    ),
    Action(
        "filter", Group.FIND, ("f",), "f", _word("filter"),
        "Show the next kind: all, failed, labeled, pending, manual.",
        frozenset({Scope.EMAILS}),
    ),
    Action(
        "filter_back", Group.FIND, ("F",), "F", _word("filter back"), "Show the previous kind.",
        frozenset({Scope.EMAILS}), hint=0,
    ),
    Action(
        "update", Group.FIND, ("u",), "u", _word("update"),
        "Read the list again. A filtered list does not change by itself.",
        frozenset({Scope.RUNS, Scope.EMAILS}), hint=0,
    ),
    Action(
        "find", Group.FIND, ("slash",), "/", _word("find"),
        "Narrow the list: words, !word, state:failed, label:0, reasks:>0, key:, from:, source:, flag:, cause:, note:,"
        " edge:. Runs: by name.",
        frozenset({Scope.RUNS, Scope.EMAILS}), hint=2,
    ),
    Action(
        "sort", Group.FIND, ("o",), "o", _word("sort"),
        "Sort by place, newest done, id, subject, sender, date, label, calls or state. So does a column's head."
        " Runs: by last change, name, state or size.",
        frozenset({Scope.RUNS, Scope.EMAILS}), hint=1,
    ),
    Action(
        "reverse", Group.FIND, ("O",), "O", _word("reverse"), "Reverse the order.",
        frozenset({Scope.EMAILS}), hint=0,
    ),
    Action(
        "beside", Group.HERE, ("b",), "b", lambda context: "list alone" if context.beside else "record beside",
        "In a wide terminal: the record beside the list, or the list alone.",
        frozenset({Scope.EMAILS}), enabled.beside_blocked, hint=0,
    ),
    Action(
        "causes", Group.FIND, ("C",), "C", _word("causes"),
        "Failures by cause, with counts; enter lists those of one cause.",
        frozenset({Scope.EMAILS}), enabled.causes_blocked, hint=1,
    ),
    Action(
        "mark", Group.HERE, ("space",), "space", _word("mark"),
        "Mark or unmark; {label}, {note}, {retry}, {skip}, {copy} and {save} act on all marked.",
        frozenset({Scope.EMAILS}), enabled.mark_blocked, hint=1,
    ),
    Action(
        "mark_all", Group.HERE, ("M",), "M", _word("mark all"),
        "Mark everything that the filter finds; again clears the marks.",
        frozenset({Scope.EMAILS}), hint=0,
    ),
    Action(
        "skip", Group.HERE, ("i",), "i", enabled.skip_word, "Skip this text: no call is made about it; or unskip it.",
        LIST_SCOPES, enabled.skip_blocked, hint=1, changes=True,
    ),
    Action(
        TAKE_BACK, Group.HERE, ("U",), "U", _word("undo"),
        "Undo your last label, note, skip or retry as a whole; it stays in the history.",
        LIST_SCOPES, enabled.run_read, hint=1, changes=True,
    ),
    Action(
        "withdraw", Group.QUALITY, ("U",), "U", _word("take back"),
        "Take your last answer back and show its item again.",
        AT_REVIEW, enabled.run_read, changes=True,
    ),
    Action(
        "copy", Group.HERE, ("c",), "c", _word("copy"),
        "Copy to the clipboard and, in a terminal, to a file beside the run.",
        LIST_SCOPES, enabled.label_blocked, hint=1,
    ),
    Action(
        "export", Group.RUN, ("X",), "X", _word("export"),
        "Export the labels with texts and how they came about: all, those of people, of the model, or agreed ones.",
        AT_MONITOR, enabled.run_read, hint=0,
    ),
    Action(
        "save", Group.HERE, ("S",), "S", _word("save"),
        "Write to a file (a browser downloads it): this one, the marked ones or the whole list.",
        LIST_SCOPES, enabled.label_blocked, hint=1,
    ),
    Action(
        "next", Group.HERE, ("n",), "n", _word("next"), "The next text of the list, or page of the guide.",
        TURNED_SCOPES,
    ),
    Action("previous", Group.HERE, ("N",), "N", _word("previous"), "The text or page before.", TURNED_SCOPES, hint=1),
    Action(
        "retry", Group.HERE, ("t",), "t", _word("retry"), "Requeue this failed text.", LIST_SCOPES,
        enabled.retry_blocked, changes=True,
    ),
    Action(
        "retry_all", Group.RUN, ("T",), "T", _word("retry all failed"),
        "Requeue everything that failed, after a confirmation.",
        frozenset({Scope.MONITOR, Scope.EMAILS}), enabled.retry_all_blocked, hint=1, changes=True,
    ),
    Action(
        "label", Group.HERE, ("l",), "l", _word("label"), "Give a manual label, which overrides the model's.",
        LIST_SCOPES, enabled.label_blocked, changes=True,
    ),
    Action(
        "note", Group.HERE, ("m",), "m", _word("note"), "Add a note, which changes nothing else; note: finds it.",
        LIST_SCOPES | AT_REVIEW, enabled.label_blocked, hint=1, changes=True,
    ),
    Action(
        "raw", Group.HERE, ("v",), "v", _word("sent/raw"), "Switch the message between as sent and as it came.",
        LIST_SCOPES | AT_REVIEW, enabled.raw_blocked,
    ),
    Action(
        "toggle", Group.HERE, ("d", "space"), "d", enabled.toggle_word,
        "Disable this key, or enable it. Also the space bar.",
        KEY_SCOPES, enabled.key_blocked, changes=True,
    ),
    Action(
        "pin", Group.HERE, ("P",), "P", enabled.pin_word,
        "Use this key first; the others take the rest. Again unpins it.",
        KEY_SCOPES, enabled.key_blocked, changes=True,
    ),
    Action(
        "try_key", Group.HERE, ("t",), "t", _word("test"), "Check this key with one short question.",
        KEY_SCOPES, enabled.key_blocked, changes=True,
    ),
    Action(
        "regroup", Group.HERE, ("O",), "O", _word("regroup"),
        "Say whose key this is: a name until a reply names its organization.",
        KEY_SCOPES, enabled.key_blocked, hint=1, changes=True,
    ),
    Action(
        "clear_bench", Group.HERE, ("B",), "B", _word("clear bench"),
        "Use the organization of this key again at once, after a confirmation; the limit may still apply.",
        KEY_SCOPES, enabled.bench_blocked, hint=1, changes=True,
    ),
    Action(
        "add", Group.HERE, ("a",), "a", lambda c: "add a key" if c.scope is Scope.NEW_RUN else "add",
        "Add a key; its secret is masked and checked at once.",
        frozenset({Scope.NEW_RUN, Scope.KEYS}), changes=True,
    ),
    Action(
        "remove", Group.HERE, ("delete", "backspace"), "del", _word("remove"), "Remove this key, after a confirmation.",
        frozenset({Scope.KEYS}), enabled.key_blocked, changes=True,
    ),
    Action(
        "pane", Group.HERE, tuple("123456789"), "1–9", _word("pane"), "Focus a pane by the number in its border.",
        frozenset({Scope.MONITOR}), hint=0,
    ),
    Action(
        "zoom", Group.HERE, ("z",), "z", _word("zoom"), "Let the focused pane fill the screen, and back.",
        frozenset({Scope.MONITOR}), hint=1,
    ),
    Action(
        "hold", Group.RUN, ("h",), "h", lambda context: "release view" if context.held else "hold view",
        "Freeze the view while the worker continues, or release it. ({pause} pauses the work.)",
        RUN_SCOPES | {Scope.RUNS}, hint=1, home=AT_MONITOR,
    ),
    Action(
        "theme", Group.CONSOLE, ("ctrl+t",), "^t", _word("next theme"), "Use the next theme; the choice is saved.",
        EVERYWHERE, enabled.colors_blocked, hint=0,
    ),
    Action(
        "themes", Group.CONSOLE, ("ctrl+y",), "^y", _word("choose a theme"),
        "All themes in a list, with a preview.",
        EVERYWHERE, enabled.colors_blocked, hint=0,
    ),
    Action(
        "quiet", Group.CONSOLE, ("exclamation_mark",), "!", _word("quiet or not"),
        "Switch bell and desktop notifications off or on; the choice is saved.", EVERYWHERE, hint=0,
    ),
    Action(
        "suspend", Group.CONSOLE, ("ctrl+z",), "^z", _word("suspend"), "Suspend to the shell; `fg` returns.",
        EVERYWHERE, hint=0,
    ),
    Action(
        "back", Group.GO, ("escape",), "esc", _word("back"),
        "Leave this view. In a new run: one step back.",
        EVERYWHERE, hint=1,
    ),
    Action(
        "info", Group.CONSOLE, ("I",), "I", _word("info"), "Versions, every path, active settings, the terminal.",
        EVERYWHERE, hint=0,
    ),
    Action(
        "tour", Group.CONSOLE, ("f1",), "f1", _word("tour"),
        "Three windows that introduce the console, as on the first start.",
        EVERYWHERE, hint=0,
    ),
    Action(
        "guide", Group.GO, ("f2",), "f2", _word("guide"),
        "The guide: a page on each subject, open at that of this screen.",
        EVERYWHERE, hint=0,
    ),
    Action(
        "help", Group.GO, ("question_mark",), "?", _word("help"),
        "What the focused pane and the screen show, and every key.", EVERYWHERE, hint=4,
    ),
    Action(
        "quit", Group.GO, ("q",), "q", lambda context: "leave (worker stays)" if enabled.alive(context) else "leave",
        "Leave the console. A worker keeps running.", EVERYWHERE, hint=3,
    ),
)  # fmt: skip
