"""What each pane and each screen shows, for the help: every number and word, its unit, where it comes from.

``{pause}`` stands for the key of that action.
"""

from __future__ import annotations

from dataclasses import dataclass

from tui.actions.context import Scope


@dataclass(frozen=True, slots=True)
class Explanation:
    """A sentence on the whole, then (what is seen, what it means)."""

    about: str
    terms: tuple[tuple[str, str], ...]


STATE_LINE = Explanation(
    "The two lines on top, on every screen of a run: does it run, what does it wait for, when does it end.",
    (
        ("RUNNING", "A worker asks. Beside it: labels per minute, keys asking and cooling, the end and what binds it."),
        ("WAITING", "A worker lives, but no key may ask before the moment that is shown; the limit is named."),
        ("PAUSED", "Nothing is asked and nothing is in flight; since when, and what paused it. {pause} resumes."),
        ("… REQUESTED", "A key was pressed and the worker has not handled yet; seconds since then."),
        ("STOPPED", "No worker, and work is left. {start} starts it again; nothing labeled is asked twice."),
        ("STALE", "A worker holds the run but has written nothing for 5 s or more."),
        ("DONE", "Everything is settled: labeled, failed or skipped."),
        ("VIEW HELD", "The picture below stands still because {hold} was pressed. The worker does not."),
        ("data 0.2 s old", "Seconds since what you see was true. From 5 s on it is called STALE."),
        ("READ-ONLY", "This console looks on: keys that would change something say so and do nothing."),
        ("SIMULATED", "The answers come from the built-in stand-in for Groq; the labels mean nothing."),
    ),
)

PANES: dict[str, Explanation] = {
    "Progress": Explanation(
        "How far the run is, in emails, counted by the run file itself.",
        (
            ("the rail, %", "Settled of all. It says 100 % only when nothing is left."),
            ("settled", "Labeled, failed or skipped: nothing more is asked about these."),
            ("to ask", "Not settled yet."),
            ("asked", "Labeled from a call of their own."),
            ("copies", "Labeled with the answer to another email of the very same text. They cost nothing."),
            ("failed", "No valid label after the last re-ask, or refused. {emails} then {filter} lists them."),
            ("person", "Labeled by hand, with {label}. A person's label outweighs the model's."),
            ("cursor", "In work order, everything before this place is settled."),
            ("skipped", "Taken out by a person, with {skip}."),
            ("calls, tokens", "All that was asked so far, re-asks and refused calls included; prompt + answer."),
            ("ends", "A forecast with its interval, and the limit that binds it most."),
        ),
    ),
    "Rate": Explanation(
        "Labels per minute over time, from what the worker wrote down for each few seconds.",
        (
            ("the columns", "Each is a stretch of time, from zero up; the title says how much all of them cover."),
            ("· on the floor", "In that stretch the worker waited for a quota for half of it or more."),
            ("now", "Over the last minute. 0 where no worker asks."),
            ("mean, peak", "Over what the graph covers; the peak is its best whole stretch."),
            ("waited", "Minutes and seconds waited for quotas in what the graph covers."),
        ),
    ),
    "Keys": Explanation(
        "Every API key, by the organization whose quota it shares. Quotas come from replies and from what you stated.",
        (
            ("TPM TPD RPM RPD", "Tokens or requests, per minute or day: how much of each limit is spent, in %."),
            ("whole in", "Until that window is unspent again, if nothing more is asked."),
            ("asking, ready", "A call is in flight with it; it may ask at once."),
            ("cooling", "It may not ask before its countdown ends; the limit is named."),
            ("benched", "Set aside for longer, or after errors: then it is tried again when its countdown ends."),
            ("disabled", "A person took it out, on the keys screen ({keys}, then {toggle})."),
            ("invalid", "This run's server refused it. It stays out of use there until a person acts."),
            ("412 ok  1×429", "Calls that were answered, and calls refused for a quota."),
            ("…f3Qa", "The last four characters of the secret. More of it is never shown."),
        ),
    ),
    "Labels %": Explanation(
        "How the labels fall, over the whole run and lately, with how sure that is.",
        (
            ("all, last", "The number of labels that each share is taken of: every one, and the newest."),
            ("82.4 ±1.4", "A share in %, with half its 95 % interval (Wilson's). Wide while there are few."),
            ("▲ ▼ =", "The late share is above, below or within what chance allows of the whole share."),
            ("source order", "Worked as the source has it, so the share so far may not be that of the whole."),
        ),
    ),
    "Re-asks": Explanation(
        "How many emails were answered at once, and how many had to be asked again because the answer was no label.",
        (
            ("first answer", "Emails whose first answer was a label."),
            ("asked again", "Emails that took a second answer; the re-ask shows what was wrong with the first."),
            ("twice or more", "Emails that took three answers or more."),
            ("wrong", "Answers that were no label, empty, or cut off at the limit of tokens."),
            ("calls lost", "Calls without an answer: refused for a quota (429), timeouts, errors of server or net."),
        ),
    ),
    "Lately": Explanation(
        "What happened last, newest first. It holds still while it has the focus; {back} lets it go on.",
        (
            ("a label's line", "Time, label, subject, key, seconds and tokens of the call; ‘again’ after a re-ask."),
            ("copy", "The label came from another email of the very same text; no call was made."),
            ("✕ ◌ ‖ ◆ !", "A failure, a wait for a quota, a pause, a person's label, an alarm."),
        ),
    ),
    "Commands": Explanation(
        "Commands to the worker, from any console, and when each was handled. They wait in the control file.",
        (
            ("asked … ago", "Nobody has handled yet. A worker looks several times a second."),
            ("✓ +0.4 s", "Obeyed, so long after it was asked, and with what outcome."),
        ),
    ),
    "Worker": Explanation(
        "The process that labels. It goes on when the console is left, the terminal closed or the line lost.",
        (
            ("epoch", "The how-manieth worker of this run this one is."),
            ("pid, on", "Its process, and the machine that it runs on."),
            ("heartbeat", "Since it last wrote to the run file. From 5 s on it is marked."),
            ("in flight", "Calls that were sent and have no answer yet. A kill would lose these, and only these."),
            ("resumed at", "Where it went on: cursor, labels kept, conversations continued, calls to be repeated."),
        ),
    ),
}  # fmt: skip
"""By the pane's name."""

SCREENS: dict[Scope, Explanation] = {
    Scope.RUNS: Explanation(
        "The runs of this machine, each one file. A run is a source of emails, a task, and the labels so far.",
        (
            ("state", "As on top of a run: running, waiting, paused, stopped, stale, done, new."),
            ("settled, of", "Emails labeled, failed or skipped, and all emails of the run."),
            ("changed", "Since its file was last written."),
            ("unreadable", "The file cannot be read; the reason stands beside it, and `labeltui check` looks closer."),
        ),
    ),
    Scope.MONITOR: Explanation(
        "One run at a glance. Focus a pane by its digit or a click, then {help} explains that pane.",
        (
            ("pause the work", "{pause}: the worker asks nothing more until {pause} again. The word on top is PAUSED."),
            ("hold the view", "{hold}: only the picture stands still; the worker goes on. The word is VIEW HELD."),
            ("stop, leave", "{stop} ends the worker; {quit} leaves the console and the worker at work."),
        ),
    ),
    Scope.EMAILS: Explanation(
        "The emails of the run in work order. The whole list follows the run; a filtered one holds still until asked.",
        (
            ("place", "The email's place in work order, which is shuffled with a stored seed unless asked otherwise."),
            ("state", "pending, labeled, failed, skipped; ‘copy’ and ‘person’ tell who labeled it."),
            ("asks", "Answers that it took, 1 where the first one was a label."),
            ("37 of 212", "How many this list holds, of all emails of the run."),
            ("●", "Marked: {retry}, {skip} and {copy} then act on all that are marked, after asking."),
        ),
    ),
    Scope.RECORD: Explanation(
        "One email with everything that happened to it.",
        (
            ("message", "What was sent to the model; {raw} shows it as it came. Control characters are made visible."),
            ("attempts", "Each call: when, with which key, seconds, tokens, the raw answer, what was wrong with it."),
            ("labels", "Every label it was ever given, by the model, as a copy or by a person; none is lost."),
        ),
    ),
    Scope.KEYS: Explanation(
        "The keys of this machine, under the organization whose quota they share, for the model in use.",
        (
            ("TPM TPD RPM RPD", "Tokens or requests, per minute or day: spent, of the limit, and who told the limit."),
            ("whole in", "Until the window is unspent again, if nothing more is asked."),
            ("requests, 429s", "Calls made with the key, and those refused for a quota."),
            ("↑ first", "Pinned with {pin}: asked first, the others take what it cannot. {swap} moves on to the next."),
            ("why", "The reason of a state, with its time."),
        ),
    ),
    Scope.KEY: Explanation(
        "One key with what it has been through on this machine, in whatever run.",
        (
            ("quotas", "Those of its organization, shared with all keys of it, for the model in use."),
            ("spent", "By day in UTC, as prompt + answer tokens; money by the price table where known."),
            ("refusals", "Status, kind, the wait that followed, the server's words; the newest 200."),
        ),
    ),
    Scope.TASK: Explanation(
        "What is asked: labels, rubric, settings. A change is a draft first, then a version. Labels stay.",
        (
            ("version", "A hash over all that can change an answer. The panes show the version under the cursor."),
            ("since, by", "When it last came in force, and who did that; the first one came with the run."),
            ("labels", "Given by the model under that version, copies included, over the whole run."),
            ("failed", "Emails that failed under it and are failed now."),
            ("agrees", "Of the emails that it and the version in force both labeled: those with the same value."),
            ("DRAFT", "Kept beside the run as it was left. {compare} compares it, {enact} puts it in force."),
            ("asked with it", "A new version asks what is in line. {ask_again} puts back what an older one labeled."),
        ),
    ),
    Scope.TRIAL: Explanation(
        "A draft tried on a few emails: real calls that count against your quotas. Nothing of it becomes a label.",
        (
            ("label now, by", "The label in force and who gave it; emails in line have none yet."),
            ("by the draft", "What the model answered to the draft, after re-asks where they were needed."),
            ("same", "= as the label now, ≠ another. Not a verdict on which is right."),
            ("tokens", "Of all calls about that email, prompt and answer."),
        ),
    ),
    Scope.MESSAGES: Explanation(
        "What the model is sent about one email, message by message; {again_form} shows a re-ask.",
        (
            ("characters", "Of a message as it is sent. Control characters are only made visible here."),
            ("example answer", "Stands in a re-ask where this version got no unusable answer about the email."),
        ),
    ),
    Scope.NEW_RUN: Explanation(
        "A new run in five steps. Nothing is kept or sent before the last one; {back} goes back, nothing is lost.",
        (
            ("source", "The file or folder of emails. Typing narrows the list, → completes, {open} takes it."),
            ("columns", "The first emails as they are read, and what is left out and why. ← → choose other columns."),
            ("task", "The built-in one, task files beside the source and in the folder of tasks, tasks of other runs."),
            ("settings", "The run's name, another model or server, the order, and what becomes of equal texts."),
            ("forecast", "Calls, tokens, time with its interval, money and what binds. {add} adds a key."),
            ("try it first", "Ten different texts are asked about, then the run pauses; {pause} goes on with all."),
        ),
    ),
    Scope.HELP: Explanation("Every key of every screen, dimmed where it does nothing now. {guide}: the guide.", ()),
    Scope.INFO: Explanation("What `labeltui info` prints: versions, every path, settings in force, the terminal.", ()),
    Scope.GUIDE: Explanation(
        "The guide that comes with labeltui, a page on each subject; `labeltui guide` prints the same.",
        (("the list", "The pages. {next} and {previous} turn them; tab moves between list and page."),),
    ),
}  # fmt: skip
"""By the screen."""
