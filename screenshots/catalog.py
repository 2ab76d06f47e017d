# ruff: noqa: INP001 - a module of scripts, not a package
"""What each picture shows, in the order in which a person meets it; and the page that holds them all."""

from __future__ import annotations

from pathlib import Path

CHAPTERS: dict[str, dict[str, str]] = {
    "The monitor of a run": {
        "monitor": "Progress, rate, keys by organization, label shares, re-asks, and the latest answers.",
        "monitor-zoomed": "`z` gives the focused pane the whole screen: here every quota window of every key.",
        "monitor-held": "`h` holds the view while the work goes on.",
        "monitor-pause-requested": "A command is shown as requested until the worker has handled.",
        "monitor-paused": "Paused: nothing is in flight, and who asked for it.",
        "monitor-waiting": "Every key must wait: for which limit of which organization, and until when.",
        "monitor-stale": "A worker that has not been heard of is never shown as running.",
        "monitor-stopped": "Stopped: what is kept, what is left, and the key that goes on.",
        "monitor-resumed": "Started again: the proof of what was kept and what is asked again.",
        "monitor-done": "Done: what failed, the share with its interval, and how to take the labels out.",
        "monitor-new": "A new run, before anything was asked.",
        "monitor-read-only": "A console that only looks on.",
    },
    "Emails": {
        "emails": "All emails of a run; in a wide terminal with the record beside them.",
        "emails-sort": "Sorting, by a key or by a click on the head of a column.",
        "emails-find": "Finding by words and fields.",
        "emails-found": "What was found.",
        "emails-marked": "Marked emails are labeled, retried, skipped, copied or saved together.",
        "emails-save": "Saving emails to a file.",
        "emails-failed": "Those that failed, and why.",
        "causes": "Failures by cause.",
        "retry-all": "What concerns many is asked about first; the safe answer is the default.",
        "email": "One email: the message as sent, every attempt with its raw answer and verdict.",
        "email-raw": "The same message as it came.",
        "label": "A label by hand.",
        "note": "A note on an email.",
        "email-by-a-person": "The record afterwards.",
        "messages": "The exact messages that are sent about an email.",
        "messages-of-a-re-ask": "A re-ask: the bad answers, and what was wrong with them.",
    },
    "Keys": {
        "keys": "Keys by organization, with every quota window that is known.",
        "key": "One key: quotas, what it spent, what it was refused.",
        "key-add": "Another key; its secret is never shown.",
        "key-regroup": "Saying which organization a key belongs to.",
    },
    "The task": {
        "task": "Rubric, labels, settings, and what each version labeled.",
        "task-edit": "Editing a draft.",
        "task-compare": "The draft against the version in force.",
        "trial-ask": "Trying the draft: what it costs is said first.",
        "trial": "The draft's labels beside those in force; none of it enters the run.",
        "task-in-force": "Putting it in force, after saying what that means.",
        "task-versions": "Two versions, and which labels are of the older one.",
        "task-ask-again": "Asking again about what an older version labeled.",
    },
    "Runs": {
        "runs": "The runs on this machine.",
        "runs-archived": "The archive.",
        "runs-empty": "Before there is any run.",
        "keys-empty": "Before there is any key.",
        "run-copy": "A new run from the same emails.",
        "run-delete": "Deleting asks for the name.",
        "new-run-1-source": "A new run: where the emails are,",
        "new-run-2-columns": "what is read of them,",
        "new-run-3-task": "what is asked,",
        "new-run-4-settings": "how it is worked,",
        "new-run-5-forecast": "and what it will take; nothing is sent before this.",
    },
    "The console itself": {
        "help": "Every key, and why some do nothing at this moment.",
        "help-of-a-pane": "Every number and word of the focused pane.",
        "palette": "The palette has what is possible now.",
        "palette-found": "It finds by a few letters.",
        "info": "Versions, every path, settings in force, what the terminal can.",
        "tour": "The tour of a first start.",
        "themes": "Each theme is worn while the cursor is on it.",
    },
}

THEMES = {
    "contrast": "High contrast, 7 to 1 and more.",
    "dusk": "Amber on brown, for the night.",
    "paper": "Ink on cream.",
}

_HEAD = """\
# Every screen

Taken by `python screenshots/make.py`: the real console, over real workers and the built-in simulator, with the demo's
invented emails. Below each picture are links to the same screen in the light theme, in a terminal of 80 by 24 and in
one of 160 by 50. `python screenshots/animate.py` films [pause, swap, resume](pause-swap-resume.svg).
"""


def names() -> list[str]:
    """Every picture that is taken in each form."""
    return [name for chapter in CHAPTERS.values() for name in chapter]


def page() -> str:
    """The gallery as Markdown."""
    parts = [_HEAD]
    for title, chapter in CHAPTERS.items():
        parts.append(f"## {title}\n")
        for name, told in chapter.items():
            others = " · ".join(f"[{form}]({form}/{name}.svg)" for form in ("light", "80x24", "160x50"))
            parts.append(f"![{told.replace('`', '')}](dark/{name}.svg)\n\n{told} {others}\n")
    parts.append("## Other themes\n")
    parts += [f"![{told}](themes/{name}.svg)\n\n{told}\n" for name, told in THEMES.items()]
    return "\n".join(parts)


def write_page(folder: Path) -> None:
    """Write it where folders of pictures are shown."""
    (folder / "README.md").write_text(page(), encoding="utf-8")
