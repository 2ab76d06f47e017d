"""The steps of a walk, as plain data drawn from a seed: they name runs and emails that may or may not be there."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass

RUNS = ("a", "b", "c")
TWINS = ("t.db", "t.sqlite")
"""Run files that differ in their ending alone, made by ``backup``; a command finds them by their path."""
LINKED = "linked"
"""The name of a link in the folder of the runs, which leads to the run a."""
NEW_VERSIONS = ("new-1", "new-2")
"""Task files, without their ending, that are another version of the task in each step: all emails are asked again."""
SOURCES = ("mails.csv", "mails.jsonl", "more.csv")
EMAILS = 24
"""Rows of a source; the last one repeats the text of the first."""
UNKNOWN = f"mail-{EMAILS + 1}"
"""The id of an email that is not there."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is done: ``lines`` are command lines given at once, ``argument`` belongs to any other kind."""

    kind: str
    lines: Lines = ()
    argument: str = ""

    def __str__(self) -> str:
        told = " & ".join(" ".join(line) for line in self.lines)
        return f"{self.kind} {told or self.argument}".strip()


Lines = tuple[tuple[str, ...], ...]
Drawing = Callable[[random.Random], tuple[str, ...]]


def _run(rng: random.Random) -> str:
    if rng.random() < 0.05:
        return rng.choice((LINKED, f"./link-{rng.choice(RUNS)}.db"))  # leads to the run of that name
    return f"./{rng.choice(TWINS)}" if rng.random() < 0.08 else rng.choices(RUNS, (4, 1, 1))[0]


def _id(rng: random.Random) -> str:
    """Draw an email: ``pending-2`` is the second one that is pending when the step is taken, whose call may be out."""
    if rng.random() < 0.25:
        return _pending(rng)
    return f"mail-{rng.randint(1, EMAILS + 1)}"  # the last one is not there


def _pending(rng: random.Random) -> str:
    return f"pending-{rng.randint(1, 4)}"


def _wait(rng: random.Random) -> tuple[str, ...]:
    return ("--no-wait",) if rng.random() < 0.5 else ()


COMMANDS: tuple[tuple[int, Drawing], ...] = (
    (6, lambda rng: ("new", rng.choice(SOURCES), "--name", _run(rng), "--seed", "7")),
    (12, lambda rng: ("start", _run(rng), *_wait(rng))),
    (2, lambda rng: ("start", _run(rng), "--try", str(rng.randint(1, 5)))),
    (4, lambda rng: ("pause", _run(rng), *_wait(rng))),
    (4, lambda rng: ("resume", _run(rng), *_wait(rng))),
    (4, lambda rng: ("stop", _run(rng), *_wait(rng))),
    (1, lambda rng: ("stop", _run(rng), "--force")),
    (1, lambda rng: ("swap", _run(rng), *_wait(rng))),
    (2, lambda rng: ("budget", _run(rng), *rng.choice((("--none",), ("--tokens", "3000"), ("--hours", "1"))))),
    (3, lambda rng: ("status", _run(rng), *rng.choice(((), ("--json",))))),
    (4, lambda rng: ("retry", _run(rng), *rng.choice((("--failed",), ("--item", _id(rng)))))),
    (8, lambda rng: ("label", _run(rng), _id(rng), rng.choice("01"))),
    (3, lambda rng: ("note", _run(rng), _id(rng), "a note")),
    (5, lambda rng: ("skip", _run(rng), _id(rng), *rng.choice(((), ("--back",))))),
    (6, lambda rng: ("undo", _run(rng))),
    (4, lambda rng: ("task", _run(rng), "--set", rng.choice(("one.toml", "two.toml")))),
    (3, lambda rng: ("task", _run(rng), "--ask-again", *rng.choice(((), ("1",), ("0",))))),
    (2, lambda rng: ("task", _run(rng), *rng.choice(((), ("--json",), ("--messages", _id(rng)))))),
    (4, lambda rng: ("export", _run(rng), f"out.{rng.choice(('csv', 'jsonl'))}")),
    (2, lambda rng: ("check", _run(rng), *rng.choice(((), ("--repair",))))),
    (1, lambda rng: ("backup", _run(rng), f"backup-{rng.randint(1, 9)}.db")),
    (3, lambda rng: ("backup", rng.choice(RUNS), rng.choice(TWINS))),
    (1, lambda rng: ("copy", _run(rng), _run(rng))),
    (1, lambda rng: ("archive", _run(rng), *rng.choice(((), ("--back",))))),
    (1, lambda rng: ("delete", (name := _run(rng)), "--yes", name)),
    (1, lambda rng: ("plan", rng.choice((*SOURCES, *RUNS)))),
    (3, lambda rng: ("keys", "add", f"key{rng.randint(1, 4)}", "--stdin")),
    (1, lambda rng: ("keys", "list")),
    (2, lambda rng: ("keys", rng.choice(("enable", "disable", "remove", "pin", "history")), f"key{rng.randint(1, 4)}")),
    (1, lambda rng: ("info",)),
    (2, lambda rng: ("add", _run(rng), rng.choice(SOURCES))),
    (1, lambda rng: ("skipped", _run(rng), *rng.choice(((), ("--json",))))),
    (2, lambda rng: ("rejudge", _run(rng))),
    (2, lambda rng: ("lane", _run(rng), *rng.choice(((), ("live",), ("auto", "--by", "23:59"))))),
    (2, lambda rng: ("gold", _run(rng), "gold.csv")),
    (2, lambda rng: ("review", _run(rng), "--size", "5", rng.choice(("--export", "--import")), "batch.csv")),
    (1, lambda rng: ("quality", _run(rng), *rng.choice(((), ("--json",))))),
    (1, lambda rng: ("compare", _run(rng), *rng.choice((("--versions",), ("b",))))),
    (1, lambda rng: ("report", _run(rng), rng.choice(("report.html", "report.json")))),
    (1, lambda rng: rng.choice((("status",), ("status", "--json"), ("guide",), ("skill",), ("notify",)))),
)
"""How often, and what."""
WRONG: tuple[Drawing, ...] = (
    lambda rng: ("retry", _run(rng), "--item", ""),
    lambda rng: ("task", _run(rng), "--ask-again", ""),
    lambda rng: ("label", _run(rng), _id(rng), "maybe"),
    lambda rng: (rng.choice(("label", "note")), _run(rng), UNKNOWN, "1"),
    lambda rng: (rng.choice(("start", "pause", "export", "skip")), "nowhere", "x")[: rng.choice((2, 3))],
)
"""Command lines with a run, an email or a label that is not there, or with nothing where a word belongs."""
DAMAGED: tuple[tuple[str, ...], ...] = (
    ("export", "damaged.db", "out.csv"),
    ("export", "damaged.db", "out.jsonl"),
    ("export", "damaged.db", "out.csv", "--no-text"),
    ("status", "damaged.db"),
    ("check", "damaged.db"),
    ("task", "damaged.db", "--set", "two.toml"),
    ("copy", "damaged.db", "d"),
)
"""What is asked of a run file with a damaged page."""

KINDS: tuple[tuple[int, str], ...] = (
    (56, "command"),
    (10, "two at once"),
    (6, "killed command"),
    (7, "kill worker"),
    (3, "end worker"),
    (3, "stop worker"),
    (5, "continue worker"),
    (3, "fill disk"),
    (5, "free disk"),
    (2, "close home"),
    (4, "open home"),
    (3, "lose file"),
    (8, "time"),
    (4, "open console"),
    (16, "keys"),
    (1, "kill console"),
    (5, "keys at once"),
    (4, "damage"),
    (4, "wrong words"),
    (12, "in a row"),
    (4, "start after kill"),
    (4, "work"),
)
SERVERS = ("0.03 0.1 0.3", "0.3 0.3 0.3", "0.8 0.2 0.3", "0.8 0.6 0.3")
"""Latency in seconds, share of bad answers, and of labels that vary by call.

A slow server that answers badly has calls out while people act; one that varies labels a text otherwise in another version.
"""
KEYS = (
    *("p", "s", "x", "K", "y", "e", "a", "r", "Q", "E", "L", "R", "f", "F", "o", "O", "C", "space", "M", "i", "U", "S", "n", "N"),
    *("t", "T", "l", "m", "v", "d", "P", "B", "u", "b", "w", "A", "H", "Y", "W", "X", "Z", "J", "j", "k", "G", "1", "0", "3"),
    *("enter", "enter", "enter", "escape", "escape", "down", "down", "up", "tab", "home", "end", "slash", "question_mark"),
)  # fmt: skip
"""Keys of the console and of its windows. Not among them: the demo, which starts a simulator that nobody here ends."""
LOST = ("control", "log", "search", "quota.db", "keys.toml", "keys.toml back", "keys.toml open")
"""Files that vanish: the companions of a run, the quota database, the keys for a while, or their privacy."""


def _command(rng: random.Random) -> tuple[str, ...]:
    weights = [weight for weight, _ in COMMANDS]
    return rng.choices(COMMANDS, weights)[0][1](rng)


def _start_beside(rng: random.Random) -> Lines:
    run = _run(rng)
    beside = rng.choice((("label", run, _id(rng), rng.choice("01")), ("skip", run, _id(rng)), ("undo", run)))
    return (("start", run), beside, *(("note", run, _id(rng), "beside") for _ in range(3)))


def _in_a_row(rng: random.Random) -> Lines:
    """Draw what takes several commands. ``wait`` and ``settle`` are no commands: see :meth:`World.take`."""
    rows = (_new_version, _skip_in_flight, _retry_taken_back, _two_versions, _beside_its_twin, _started_by_its_link)
    return rng.choices(rows, (2, 4, 3, 3, 3, 2))[0](rng, _run(rng))


def version(run: str, name: str) -> Lines:
    """Ask about all emails again, in another version of the task."""
    return (("task", run, "--set", f"{name}.toml"), ("task", run, "--ask-again"), ("start", run))


def _new_version(rng: random.Random, run: str) -> Lines:
    return version(run, rng.choice(("one", "two", *NEW_VERSIONS)))


def _skip_in_flight(rng: random.Random, run: str) -> Lines:
    """Skip emails, or label one, while their calls are out; take some back when the answers are there."""
    names = (_pending(rng), _pending(rng))
    back = (("wait", f"{rng.uniform(0, 1.2):.2f}"), ("skip", run, names[0], "--back"))
    person = (("label", run, _pending(rng), rng.choice("01")),) if rng.random() < 0.5 else ()
    begin = version(run, "new-1") if rng.random() < 0.8 else (("start", run),)
    return (*begin, *(("skip", run, name) for name in names), *person, *(back if rng.random() < 0.7 else ()))


def _retry_taken_back(rng: random.Random, run: str) -> Lines:
    """Requeue failed emails, and undo that while they are asked about."""
    again = version(run, "new-1") if rng.random() < 0.7 else ()
    return (*again, ("settle", run), ("retry", run, "--failed"), ("start", run), ("undo", run), ("wait", "1"))


def _two_versions(rng: random.Random, run: str) -> Lines:
    """Let two versions of the task label all, activate the first again, and undo labels of people."""
    first, second = NEW_VERSIONS
    labels = ((("label", run, _id(rng), rng.choice("01")), ("undo", run)) for _ in range(4))
    return (
        *version(run, first), ("settle", run), *version(run, second), ("settle", run),
        ("task", run, "--set", f"{first}.toml"), *(line for pair in labels for line in pair),
    )  # fmt: skip


def _beside_its_twin(rng: random.Random, run: str) -> Lines:
    """Start one of two run files that differ in their ending alone, and do something to the other."""
    worked, other = (f"./{name}" for name in rng.sample(TWINS, 2))
    made = [("backup", run, name) for name in TWINS if rng.random() < 0.8]
    deeds = (("label", other, _id(rng), rng.choice("01")), ("skip", other, _id(rng)), ("pause", other, "--no-wait"))
    return (*made, *version(worked, "new-1"), *rng.sample(deeds, 2), ("label", other, "mail-3", "1"))


def _started_by_its_link(rng: random.Random, _: str) -> Lines:
    """Start a run by its name and by that of a link to it."""
    names = rng.sample(("a", LINKED), 2)
    return (*version(names[0], "new-1"), ("start", names[1]), ("label", names[1], _id(rng), rng.choice("01")))


LINES: dict[str, Callable[[random.Random], Lines]] = {
    "command": lambda rng: (_command(rng),),
    "killed command": lambda rng: (_command(rng),),
    "two at once": lambda rng: (_command(rng), _command(rng)),
    "in a row": _in_a_row,
    "wrong words": lambda rng: (rng.choices(WRONG, (3, 3, 1, 1, 1))[0](rng),),
    "keys at once": lambda rng: tuple(("keys", "add", f"many{number}", "--stdin") for number in range(12)),
    "damage": lambda rng: (rng.choice(DAMAGED),),
    "start after kill": _start_beside,
    "work": lambda rng: (("work", _run(rng)),),
    "open console": lambda rng: (("open", _run(rng)),) if rng.random() < 0.8 else ((),),
}
"""The command lines of a kind of step."""
ARGUMENTS: dict[str, Callable[[random.Random], str]] = {
    "killed command": lambda rng: f"{rng.uniform(0, 0.3):.3f}",
    "lose file": lambda rng: rng.choice(LOST),
    "keys": lambda rng: " ".join(rng.choices(KEYS, k=rng.randint(1, 6))),
    "damage": lambda rng: str(rng.randrange(1 << 30)),
    "work": lambda rng: f"{rng.uniform(0, 0.5):.2f}",
    "time": lambda rng: f"{rng.uniform(0.05, 0.6):.2f}",
} | dict.fromkeys(("kill worker", "end worker", "stop worker"), lambda rng: rng.choice(RUNS))
"""Its argument."""


def drawn(seed: int, count: int, *, without: Collection[str] = ()) -> list[Step]:
    """Return so many steps, the same ones for a seed, none of the kinds in ``without``."""
    rng = random.Random(seed)
    kinds = [(weight, kind) for weight, kind in KINDS if kind not in without]
    steps = [
        Step("server", argument=rng.choice(SERVERS)),
        Step("command", (("new", "mails.csv", "--name", "a", "--seed", "7"),)),
        Step("command", (("start", "a"),)),
    ]
    while len(steps) < count:
        kind = rng.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])[0]
        lines = LINES[kind](rng) if kind in LINES else ()
        steps.append(Step(kind, lines, ARGUMENTS[kind](rng) if kind in ARGUMENTS else ""))
    return steps[:count]
