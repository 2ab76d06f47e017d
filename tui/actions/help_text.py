"""Hold the help text of each pane and screen: every number and word, its unit, where it comes from.

``{pause}`` stands for the key of that action.
"""

from __future__ import annotations

from dataclasses import dataclass

from tui.actions.context import Scope


@dataclass(frozen=True, slots=True)
class Explanation:
    """Hold a sentence on the whole, then (what is shown, what it means)."""

    about: str
    terms: tuple[tuple[str, str], ...]


STATE_LINE = Explanation(
    "The two lines on top of every screen of a run: state, what it waits for, when it ends.",
    (
        (
            "RUNNING",
            "A worker makes calls. Beside it: labels per minute, keys in use and cooling, the end and its limit.",
        ),
        ("WAITING", "A worker runs, but no key may be used before the time shown; the limit is named."),
        ("PAUSED", "No call is made and none is in flight; since when, and what paused it. {pause} resumes."),
        ("… REQUESTED", "A command was sent and is not done yet; seconds since then."),
        ("STOPPED", "No worker runs, and work is left. {start} continues; nothing is labeled twice."),
        ("STALE", "A worker holds the run, but its last heartbeat is 5 s old or more."),
        ("DONE", "Everything is labeled, failed or skipped."),
        ("VIEW HELD", "The view below is frozen by {hold}. The worker is not."),
        ("updated … ago", "Age of the data shown. From 5 s on it is called STALE."),
        ("READ-ONLY", "This console changes nothing: keys that would are disabled."),
        ("SIMULATED", "The answers come from the built-in simulator; the labels are invented."),
    ),
)

PANES: dict[str, Explanation] = {
    "Progress": Explanation(
        "How far the run is, counted by the run file itself.",
        (
            ("the bar, %", "Done of all. It is 100 % only when nothing is pending."),
            ("done", "Labeled, failed or skipped: no more calls are made about these."),
            ("pending", "Not done yet."),
            ("calls, tokens", "All calls so far, follow-up questions and refused calls included; prompt + answer."),
            ("duplicates", "Labeled with the answer to an identical text, without a call."),
            ("failed", "No valid label after all follow-up questions, or refused. {emails} then {filter} lists them."),
            ("manual", "Labeled by people, with {label}. A manual label overrides the model's."),
            ("position", "In work order, everything before this place is done."),
            ("skipped", "Skipped by people, with {skip}."),
            ("ends", "A forecast with its interval, and what limits it most."),
        ),
    ),
    "Rate": Explanation(
        "Labels per minute over time, as the worker records them every few seconds.",
        (
            ("the columns", "Each is a span of time; the number at the left is the scale, the times are below."),
            ("the title", "The time that the chart covers."),
            ("· at the bottom", "In that span the worker waited for a quota half of the time or more."),
            ("now", "Over the last minute. 0 where no worker runs."),
            ("mean, peak", "Over the time of the chart; the peak is its best whole span."),
            ("waited", "Minutes and seconds waited for quotas in the time of the chart."),
        ),
    ),
    "Keys": Explanation(
        "Every API key, by the organization whose quota it shares. Limits come from replies and from your settings.",
        (
            ("TPM TPD RPM RPD", "Tokens or requests, per minute or day: how much of each limit is used, in %."),
            ("refills in", "Time until that limit is unused again without more calls; ‘full’ is unused."),
            ("in use, ready", "A call is in flight with it; it may be used at once."),
            ("cooling", "It may not be used before its countdown ends; the limit is named."),
            ("benched", "Not used for longer, or after errors; it is tried again when its countdown ends."),
            ("disabled", "Disabled on the keys screen ({keys}, then {toggle})."),
            ("invalid", "This run's server refused it. It stays unused there until you act."),
            ("412 ok  1×429", "Calls that were answered, and calls refused for a quota."),
            ("…f3Qa", "The last four characters of the secret. More of it is never shown."),
        ),
    ),
    "Labels": Explanation(
        "The share of each label, over the whole run and among the newest, with its interval.",
        (
            ("all, last", "The number of labels that each share is taken of: every one, and the newest."),
            ("81–84 %", "The 95 % interval of a share (Wilson's): wide while there are few labels."),
            ("▲ ▼", "The newest labels differ from all of them by more than chance."),
            ("source order", "In the order of the source, the share so far may not be that of the whole."),
        ),
    ),
    "Follow-ups": Explanation(
        "How many texts had a usable first answer, and how many needed a follow-up question.",
        (
            ("first answer", "The first answer was a label."),
            ("1 follow-up", "One follow-up question, which quotes the answer and what was wrong with it."),
            ("2 or more", "Two follow-up questions or more."),
            ("wrong", "Answers that were no label, empty, or cut off at the limit of tokens."),
            ("lost calls", "Calls without an answer: quota refusals (429), timeouts, errors of server or network."),
        ),
    ),
    "Recent": Explanation(
        "The newest labels and events, newest first. Frozen while it has the focus; {back} releases it.",
        (
            ("a label's line", "Time, label, subject, key, seconds and tokens; +1 after one follow-up question."),
            ("copy", "A duplicate: the label of an identical text, without a call."),
            ("✕ ◌ ‖ ◆ !", "A failure, a wait for a quota, a pause, a manual label, an alarm."),
        ),
    ),
    "Commands": Explanation(
        "Commands to the worker, from any console, and when each was done. They are kept in the control file.",
        (
            ("requested … ago", "Not done yet. A worker checks several times a second."),
            ("✓ +0.4 s", "Done, so long after the request, and its result."),
        ),
    ),
    "Worker": Explanation(
        "The process that labels. It keeps running when the console or the terminal is closed.",
        (
            ("pid, on", "Its process number, and the machine that it runs on."),
            ("heartbeat", "Time since it last wrote to the run file. From 5 s on it is marked."),
            ("in flight", "Calls that were sent and have no answer yet. Only these would be lost by a kill."),
            ("resumed at", "Where it continued: position, labels kept, conversations continued, calls repeated."),
        ),
    ),
    "Places": Explanation(
        "The processes, here or on a cluster, that make the calls of a worker that was started with them.",
        (
            ("ready", "Makes calls; how many are in flight there, and how many a minute ended of late."),
            ("starting", "Being made; on a cluster it may wait for a free CPU."),
            ("lost", "Gone, or silent: its calls are asked again, and may be paid twice. It is made anew."),
            ("refused", "Not used, and why: mostly another version of labeltui."),
        ),
    ),
}  # fmt: skip
"""By the pane's name."""

SCREENS: dict[Scope, Explanation] = {
    Scope.RUNS: Explanation(
        "The runs of this machine, one file each. A run is a source of texts, a task, and the labels so far.",
        (
            ("state", "As on top of a run: running, waiting, paused, stopped, stale, done, new."),
            ("done, of", "Labeled, failed or skipped, and all of the run."),
            ("changed", "Time since its file was last written."),
            ("unreadable", "The file cannot be read; the reason is beside it, and `labeltui check` examines it."),
        ),
    ),
    Scope.MONITOR: Explanation(
        "One run. Focus a pane by its digit or a click, then {help} explains that pane.",
        (
            ("pause the work", "{pause}: the worker makes no call until {pause} again. The word on top is PAUSED."),
            ("hold the view", "{hold}: only the view is frozen; the worker continues. The word is VIEW HELD."),
            ("stop, leave", "{stop} ends the worker; {quit} leaves the console, and the worker keeps running."),
        ),
    ),
    Scope.EMAILS: Explanation(
        "The texts of the run in work order. The whole list follows the run; a filtered one changes on {update}.",
        (
            ("place", "Its place in work order, which is shuffled with a stored seed by default."),
            ("state", "pending, labeled, failed, skipped; ‘dup’ is a duplicate's label, ‘manual’ one by people."),
            ("calls", "Answers that it took, 1 where the first one was a label."),
            ("37 of 212", "How many this list has, of all of the run."),
            ("●", "Marked: {retry}, {skip} and {copy} then act on all that are marked, after asking."),
        ),
    ),
    Scope.RECORD: Explanation(
        "One text with everything that happened to it.",
        (
            ("message", "What was sent to the model, header lines last; {raw} shows it as it came."),
            ("attempts", "Each call: when, with which key, seconds, tokens, the raw answer, what was wrong with it."),
            ("labels", "Every label it was ever given, by the model, as a duplicate or by people; none is deleted."),
        ),
    ),
    Scope.BATCHES: Explanation(
        "How the run asks, what each lane spent, and its batches. {lane} moves the run to another lane.",
        (
            ("lane", "live: one call a text; flex: ten times the limits; batch: half the price; auto: by the time."),
            ("calls, tokens", "Of each lane that was asked in, with how its calls ended."),
            ("answered", "Questions of a batch that the server has answered by its own count."),
            ("expires in", "Time until the server gives up; what it did not answer then is asked again."),
            ("errors", "Questions without an answer: they go out again, or are asked live."),
        ),
    ),
    Scope.KEYS: Explanation(
        "The keys of this machine, under the organization whose quota they share, for the model in use.",
        (
            ("TPM TPD RPM RPD", "Tokens or requests, per minute or day: used, of the limit, and its source."),
            ("refills in", "Time until the limit is unused again without more calls; ‘full’ is unused."),
            ("requests, 429s", "Calls made with the key, and those refused for a quota."),
            ("↑ first", "Pinned with {pin}: used first, the others take the rest. {swap} switches to the next."),
            ("why", "The reason of a state, with its time."),
        ),
    ),
    Scope.KEY: Explanation(
        "One key and its history on this machine, in all runs.",
        (
            ("quotas", "Those of its organization, shared with all keys of it, for the model in use."),
            ("spent", "By day in UTC, as prompt + answer tokens; money by the price table where known."),
            ("refusals", "Status, kind, the wait that followed, the server's words; the newest 200."),
        ),
    ),
    Scope.TASK: Explanation(
        "The task: labels, rubric, settings. A change is a draft first, then a version. Labels stay.",
        (
            ("version", "A hash over all that can change an answer. The panes show the version under the cursor."),
            ("since, by", "When it was last activated, and by whom; the first one came with the run."),
            ("labels", "Given by the model under that version, duplicates included, over the whole run."),
            ("failed", "Failed under it and still failed now."),
            ("agrees", "Of the texts that it and the active version both labeled: those with the same value."),
            ("DRAFT", "Saved beside the run. {compare} compares it, {enact} activates it."),
            ("re-label", "A new version labels what is pending. {ask_again} requeues what an older one labeled."),
        ),
    ),
    Scope.TRIAL: Explanation(
        "A draft tried on a few texts: real calls that count against your quotas. No label is saved.",
        (
            ("label now, by", "The present label and its source; pending texts have none yet."),
            ("by the draft", "What the model answered to the draft, after follow-up questions where needed."),
            ("same", "= as the label now, ≠ another. Not a verdict on which is right."),
            ("tokens", "Of all calls about that text, prompt and answer."),
        ),
    ),
    Scope.MESSAGES: Explanation(
        "The messages sent about one text; {again_form} shows a follow-up question.",
        (
            ("characters", "Of a message as it is sent. Control characters are only made visible here."),
            ("example answer", "Shown in a follow-up question where this version had no unusable answer."),
        ),
    ),
    Scope.NEW_RUN: Explanation(
        "A new run in five steps. Nothing is saved or sent before the last one; {back} goes back.",
        (
            ("source", "The file or folder. Typing narrows the list, → completes, {open} selects it."),
            ("columns", "The first rows as they are read, and what is skipped and why. ← → choose other columns."),
            ("task", "The built-in one, task files beside the source and in the folder of tasks, tasks of other runs."),
            ("settings", "The run's name, another model or server, the order, and what is done with duplicates."),
            ("forecast", "Server, calls, tokens, time with its interval, money and what limits it. {add} adds a key."),
            ("try it first", "Ten different texts are labeled, then the run pauses; {pause} continues with all."),
        ),
    ),
    Scope.REVIEW: Explanation(
        "Label a random sample blind: one key a label. What you and the model said is compared after each batch.",
        (
            ("batch", "25 items. The sample is drawn over the whole run, also over what is still pending."),
            ("second look", "Where you and the model differ comes back among others; the second answer counts."),
            ("wait for you", "Items of the sample that nobody, or of the shared fifth you, answered yet."),
            ("▸ quoted", "Folded history of a mail. Exactly what the model was sent is shown."),
        ),
    ),
    Scope.QUALITY: Explanation(
        "What the labels are worth against people: values in percent with intervals that hold 95 %.",
        (
            ("model", "The model's own share of a label. More labels do not make its error smaller."),
            ("corrected", "How many items really have it, from the checked ones."),
            ("recall", "Of the items that have it, how many the model found. Only more random items narrow it."),
            ("precision", "Of those that the model called so, how many are."),
            ("dimmed", "Fewer than ten checked, or wider than ± 15 points. ≥: only a lower end can be given."),
            ("watches", "Tests on the answers while a run goes on, each with a stated rate of false alarms."),
        ),
    ),
    Scope.COMPARE: Explanation(
        "Two runs, or the two versions of the task that labeled last, over the items that both labeled.",
        (
            ("accuracy", "Of each side, from the items of the random sample that people labeled."),
            ("McNemar", "Small: the side that is right more often is so by more than chance."),
        ),
    ),
    Scope.HELP: Explanation("Every key; disabled ones are dimmed, with the reason. {guide}: the guide.", ()),
    Scope.INFO: Explanation("What `labeltui info` prints: versions, every path, active settings, the terminal.", ()),
    Scope.GUIDE: Explanation(
        "The guide that comes with labeltui, a page on each subject; `labeltui guide` prints the same.",
        (("the list", "The pages. {next} and {previous} turn them; tab moves between list and page."),),
    ),
}  # fmt: skip
"""By the screen."""
