# ruff: noqa: INP001 - a module of scripts, not a package
"""The list of pictures with what each shows, and the page that shows them all."""

from __future__ import annotations

from pathlib import Path

CHAPTERS: dict[str, dict[str, str]] = {
    "The monitor of a run": {
        "monitor": "Progress, rate, keys by organization, label shares, follow-up questions, and the newest labels.",
        "monitor-zoomed": "The focused pane fills the screen: every quota window of every key.",
        "monitor-pause-requested": "A command is shown as requested until the worker has done it.",
        "monitor-paused": "Paused: since when and by whom; nothing is in flight.",
        "monitor-waiting": "Every key must wait: for which limit of which organization, and until when.",
        "monitor-stale": "A worker without heartbeat is never shown as running.",
        "monitor-stopped": "Stopped: what is kept, what is pending, and the key that continues.",
        "monitor-resumed": "Started again: what was kept and what is repeated.",
        "monitor-done": "Done: what failed, the interval of the share, and how to export the labels.",
        "monitor-new": "A new run, before the first call.",
        "monitor-read-only": "A console that changes nothing.",
    },
    "Emails": {
        "emails": "All emails of a run; in a wide terminal with the record beside them.",
        "emails-found": "Found by words and fields.",
        "emails-marked": "Marked emails are labeled, retried, skipped, copied or saved together.",
        "emails-failed": "Failures, with the reason of each.",
        "causes": "Failures by cause.",
        "retry-all": "Actions on many ask first; the safe answer is the default.",
        "email": "One email: the message as sent, every attempt with its raw answer and verdict.",
        "email-raw": "The same message as it came.",
        "label": "A manual label.",
        "messages": "The exact messages that are sent about an email.",
        "messages-follow-up": "A follow-up question: the bad answers, and what was wrong with them.",
    },
    "Review and quality": {
        "review": "A random sample is labeled blind, with one key each.",
        "review-revealed": "After a batch: on how many you and the model agree, and where you differ.",
        "quality": "What the labels are worth, and what the model's most frequent mistake has in common.",
        "settle": "What people and the model said of an email on which they differ; one key decides.",
    },
    "Keys": {
        "keys": "Keys by organization, with every quota window that is known.",
        "key": "One key: quotas, use, refusals.",
        "key-add": "Adding a key; its secret is never shown.",
        "key-regroup": "Setting the organization of a key.",
    },
    "The task": {
        "task": "Rubric, labels, settings, and what each version labeled.",
        "task-edit": "Editing a draft.",
        "task-compare": "The draft against the active version, word by word.",
        "dry-run-ask": "Trying the draft: the cost is shown first.",
        "dry-run": "The draft's answers beside the present labels; no label is saved.",
        "task-activate": "Activating it, after a confirmation that names the effects.",
        "task-versions": "Two versions, and which labels are of the older one.",
        "task-relabel": "Re-labeling what an older version labeled.",
    },
    "Runs": {
        "runs": "The runs on this machine.",
        "runs-empty": "Before there is any run.",
        "keys-empty": "Before there is any key.",
        "run-delete": "Deleting a run asks for its name.",
        "new-run-1-source": "A new run: the source,",
        "new-run-2-columns": "its columns,",
        "new-run-3-task": "the task,",
        "new-run-4-settings": "the settings,",
        "new-run-5-forecast": "and the forecast; nothing is sent before this.",
    },
    "The console itself": {
        "help": "Every key in groups; disabled ones are dimmed.",
        "help-of-a-pane": "Every number and word of the focused pane.",
        "guide": "The guide, which ships with the package.",
        "palette": "The palette offers what is possible now.",
        "info": "Versions, every path, active settings, the terminal.",
        "tour": "The tour of a first start.",
        "themes": "Each theme is previewed while the cursor is on it.",
    },
}

IN_EVERY_FORM = ("monitor", "emails")
"""The screens that are taken in every size and theme."""

OTHER_FOLDERS = ("light", "80x24", "160x50")
THEMES = ("contrast", "dusk", "paper")

_HEAD = """\
# Every screen

Taken by `python screenshots/make.py`: the real console, over real workers and the built-in simulator, with the demo's
invented emails. Below two of the pictures are links to the same screen in other themes, in a terminal of 80 by 24 and
in one of 160 by 50. `python screenshots/animate.py` films [pause, swap, resume](pause-swap-resume.svg).
"""


def names() -> list[str]:
    """Return the name of every picture."""
    return [name for chapter in CHAPTERS.values() for name in chapter]


def page() -> str:
    """Return the gallery as Markdown."""
    parts = [_HEAD]
    for title, chapter in CHAPTERS.items():
        parts.append(f"## {title}\n")
        for name, told in chapter.items():
            others = ""
            if name in IN_EVERY_FORM:
                links = [f"[{folder}]({folder}/{name}.svg)" for folder in OTHER_FOLDERS]
                links += [f"[{theme}](themes/{name}-{theme}.svg)" for theme in THEMES]
                others = f" {' · '.join(links)}"
            parts.append(f"![{told}](dark/{name}.svg)\n\n{told}{others}\n")
    return "\n".join(parts)


def write_page(folder: Path) -> None:
    """Write the gallery."""
    (folder / "README.md").write_text(page(), encoding="utf-8")
