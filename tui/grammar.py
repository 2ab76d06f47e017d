"""Define the grammar of the command line: every command with its options, and the function that answers it."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from core.model import exits
from core.simulator.options import add_arguments
from tui.text import quantities

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name


_EXIT_CODES = (
    "exit codes: 0 done, 1 failed, 2 wrong usage, 3 the run ended with failed texts, 4 another worker has the run,"
    " 5 no usable key, 6 stopped with work left, 130 interrupted"
)

GROUPS = {
    "make a run": "demo plan new copy add skipped",
    "label": "open work start pause resume stop swap lane budget status watch task",
    "correct labels": "label note skip undo retry rejudge",
    "check labels against people": "review quality gold compare report",
    "files": "export backup check archive delete",
    "keys, servers, help": "keys simulate serve notify guide info completions skill",
}
"""Every command under a heading, as ``labeltui --help`` lists them."""
_HEADINGS = {commands.split()[0]: heading for heading, commands in GROUPS.items()}


_TO_DO = (
    "add|begin|check|choose|close|copy|give|install|labeltui|leave|make|mend|name|pipe|remove|rename|set|state|take|"
    "update|use|write"
)
"""How what to do begins behind a colon or semicolon."""


def envelope(kind: str, text: str) -> str:
    """Return the JSON object that a command with ``--json`` prints for an error.

    ``text`` is a sentence on what happened and, behind it, what to do: another sentence, or the rest of the same one.
    """
    import json  # noqa: PLC0415 - not before something is wrong

    message, *rest = re.split(r"(?<=[.!?]) (?=[A-Z`])", text, maxsplit=1)
    if not rest:
        message, *rest = re.split(rf"[:;] (?=(?:{_TO_DO})\b)", text, maxsplit=1)
    return json.dumps({"error": {"kind": kind, "message": message, "remedy": rest[0] if rest else ""}})


def commands_of(command: argparse.ArgumentParser) -> dict[str, tuple[argparse.ArgumentParser, str]]:
    """Return the commands below a command, such as ``add`` below ``keys``, each with its line of help."""
    for group in command._actions:  # noqa: SLF001 - argparse has no public way to ask
        if isinstance(group, argparse._SubParsersAction):  # noqa: SLF001
            told = {choice.dest: choice.help or "" for choice in group._choices_actions}  # noqa: SLF001
            return {name: (each, told.get(name, "")) for name, each in group.choices.items()}
    return {}


class _Parser(argparse.ArgumentParser):
    """Quote what was typed inertly and without keys: what the shell filled in may hold anything."""

    as_json = False
    fallback = ""
    """The action that is meant where the first word is none."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read the words, behind the fallback where they begin with no action."""
        if self.fallback and args and args[0] not in ("-h", "--help") and args[0] not in commands_of(self):
            args = [self.fallback, *args]
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        from tui.terminal.crash import quoted  # noqa: PLC0415 - not before something is wrong

        if self.as_json:
            said = quoted(message).removesuffix(".") + "."
            if "--help` " not in said:
                said += f" `{self.prog} --help` says how it is used."
            if message == "unrecognized arguments: --json":
                said = f"{_NO_JSON}."
            print(envelope("usage", said))  # noqa: T201
            self.exit(exits.USAGE)
        super().error(quoted(message))

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Refuse a command that does not exist, and name the one that was meant instead of all that there are."""
        if isinstance(action.choices, dict) and value not in action.choices:
            from difflib import get_close_matches  # noqa: PLC0415 - as late

            near = get_close_matches(str(value), action.choices, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise argparse.ArgumentError(
                None, f"there is no command {str(value)!r}.{meant} `{self.prog} --help` lists them all."
            )
        super()._check_value(action, value)


WITHOUT_JSON = frozenset({"open"})
"""Commands that refuse ``--json``: they open a console, which nobody but a person can use."""
DRY_RUNS = (
    "copy", "add", "retry", "rejudge", "label", "note", "skip", "undo", "budget", "lane", "gold", "review", "quality",
    "task show", "export", "check", "archive", "delete", "keys add", "keys remove", "keys enable", "keys disable",
    "keys pin", "keys unpin", "keys unbench", "keys limits", "keys group",
)  # fmt: skip
"""Commands that take ``--dry-run`` beside ``new`` and ``task init``: all that change a run, the list of runs or keys.

Not those that start a worker or tell it what to do (another word takes them back at once), nor those that only write a
new file.
"""
_NO_JSON = (
    "the console is for people and has no --json. `labeltui status --json` prints where runs are, and `labeltui skill`"
    " what programs can ask"
)


class _ByGroup(argparse.HelpFormatter):
    """Put the heading of :data:`GROUPS` above the first command of each group."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = len("    completions")  # argparse counts a command without its indentation

    def _format_action(self, action: argparse.Action) -> str:
        told = super()._format_action(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - it has no public name
            return told.partition("\n")[2].lstrip("\n")  # without the line that says COMMAND
        heading = _HEADINGS.get(action.dest)
        return told if heading is None else f"\n  {heading}:\n{told}"


class _Version(argparse.Action):
    """Print the installed version and leave; it stands in the package's metadata, which take time to read."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - only who asks for the version waits for it

        sys.stdout.write(f"labeltui {version('labeltui')}\n")
        parser.exit()


def parser(*, as_json: bool = False) -> argparse.ArgumentParser:
    """Return the parser of every command and option; with ``as_json`` it prints wrong usage as a JSON object."""
    kind = type("Parser", (_Parser,), {"as_json": as_json})
    top: argparse.ArgumentParser = kind(
        prog="labeltui",
        description="A console for long LLM labeling runs. Without a command it opens on the list of runs.",
        epilog=_EXIT_CODES,
        formatter_class=_ByGroup,
    )
    top.set_defaults(answer="tui.commands.console:console_on_runs", dry_run=False)
    top.add_argument("--version", action=_Version, nargs=0, help="the version")
    top.add_argument("--read-only", action="store_true", help="a console that changes nothing")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_making(commands)
    _add_working(commands)
    _add_results(commands)
    _add_quality(commands)
    _add_keys(commands)
    _add_around(commands)
    order = " ".join(GROUPS.values()).split()
    commands._choices_actions.sort(key=lambda choice: order.index(choice.dest))  # noqa: SLF001 - as commands_of
    for name in DRY_RUNS:
        _named(commands, name).add_argument(
            "--dry-run", action="store_true", help="say what would change, and change nothing"
        )
    for name, command in commands.choices.items():
        if name not in WITHOUT_JSON:
            _add_json(command)
    return top


def _named(commands: Commands, name: str) -> argparse.ArgumentParser:
    """Return the command of that name, such as ``keys add``."""
    first, *actions = name.split()
    command: argparse.ArgumentParser = commands.choices[first]
    for action in actions:
        command, _ = commands_of(command)[action]
    return command


def _command(commands: Commands, name: str, answer: str, *, help: str) -> argparse.ArgumentParser:  # noqa: A002
    """Add a command that the function ``answer`` answers (``module:function``, of ``tui.commands`` unless dotted)."""
    command = commands.add_parser(name, help=help)
    command.set_defaults(answer=answer if "." in answer else f"tui.commands.{answer}")
    return command


def _add_json(command: argparse.ArgumentParser) -> None:
    """Add ``--json`` to a command, or to each of its actions, where it is not there."""
    actions = commands_of(command)
    for action, _ in actions.values():
        _add_json(action)
    if not actions and "--json" not in command._option_string_actions:  # noqa: SLF001 - it has no public way to ask
        command.add_argument("--json", action="store_true", help="one JSON object, nothing else on stdout")


def _add_server(command: argparse.ArgumentParser, where: str = "") -> None:
    given = command.add_mutually_exclusive_group()
    given.add_argument("--base-url", metavar="URL", help=f"{where}the address of another server than Groq's")
    given.add_argument(
        "--server",
        dest="base_url",
        type=quantities.server,
        metavar="NAME",
        help=f"{where}a known server by name: openai, openrouter, gemini, ollama …",
    )


def _add_making(commands: Commands) -> None:
    demo = _command(commands, "demo", "running:demo", help="a sample run on invented emails, against a simulator")
    demo.add_argument("--emails", type=quantities.count, default=None, metavar="N", help="how many (default 400)")
    demo.add_argument("--fresh", action="store_true", help="start anew instead of continuing the last demo")
    plan = _command(commands, "plan", "sources:plan", help="tokens, time, money and the binding limit; nothing is sent")
    plan.add_argument("what", type=quantities.named, metavar="SOURCE|RUN")
    plan.add_argument("--task", type=Path, metavar="FILE", help="for a source: the task as TOML")
    plan.add_argument("--model", metavar="M", help="for a source: the model to ask, instead of the task's")
    plan.add_argument("--pack", type=quantities.pack, metavar="K", help="for a source: so many texts in one call")
    _add_reading(plan)
    plan.add_argument("--no-dedupe", action="store_true", help="for a source: ask about each text")
    _add_server(plan, "for a source: ")
    plan.add_argument("--plan", metavar="P", help="limits to assume where none are known (free, developer, own)")
    plan.add_argument(
        "--organizations", type=quantities.count, metavar="N", help="so many on it, instead of the keys here"
    )
    plan.add_argument(
        "--by", type=quantities.moment, metavar="TIME", help="done by then, as in 07:00: which lane it takes"
    )
    plan.add_argument("--budget", type=quantities.amount, metavar="D", help="US dollars to spend: which lane it takes")
    plan.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    new = _command(commands, "new", "sources:new", help="make a run from files or folders of texts")
    new.add_argument(
        "source",
        type=quantities.path,
        nargs="+",
        metavar="SOURCE",
        help="a file, folder, pattern, or - for standard input",
    )
    new.add_argument("--name", help="the run's name (default: from the source)")
    _add_reading(new)
    new.add_argument("--dry-run", action="store_true", help="say what would be taken and skipped, and make nothing")
    new.add_argument("--task", type=Path, metavar="FILE", help="labels, rubric and model settings as TOML")
    new.add_argument("--model", metavar="M", help="the model to ask, instead of the task's")
    new.add_argument("--pack", type=quantities.pack, metavar="K", help="up to 20 texts in one call, or auto (packs)")
    _add_server(new)
    new.add_argument(
        "--part",
        type=quantities.count,
        metavar="N",
        help="split a source of more texts into runs of N: a series",
    )
    new.add_argument("--order", choices=("shuffled", "source"), default="shuffled", help="work order")
    new.add_argument("--seed", type=quantities.whole, metavar="N", help="of the shuffled order (default: drawn)")
    new.add_argument("--no-dedupe", action="store_true", help="ask about each text, also where some are identical")

    copy = _command(commands, "copy", "files:copy", help="a new run from the texts of another, with nothing labeled")
    copy.add_argument("run", metavar="RUN")
    copy.add_argument("name", metavar="NAME", help="the new run's name")
    copy.add_argument("--task", type=Path, metavar="FILE", help="another task than the run's, as TOML")
    copy.add_argument("--model", metavar="M", help="another model than the task's")
    archive = _command(commands, "archive", "files:archiving", help="take a run out of the list, or put it back")
    archive.add_argument("run", metavar="RUN")
    archive.add_argument("--back", action="store_true", help="put an archived run into the list again")
    delete = _command(commands, "delete", "files:delete", help="delete a run for good, after asking for its name")
    delete.add_argument("run", metavar="RUN")
    delete.add_argument("--yes", metavar="NAME", help="its name once more, instead of being asked")


def _add_reading(command: argparse.ArgumentParser) -> None:
    """Add how a source is read; what is not said is found out by its content."""
    command.add_argument("--text-column", metavar="C", help="the column that holds the message")
    command.add_argument("--id-column", metavar="C", help="the column that holds a unique id")
    command.add_argument("--fields", metavar="C,C", help="columns that are sent beside the text, as in title,text")
    command.add_argument("--gold-column", metavar="C", help="a column of labels to compare with; it is not sent")
    command.add_argument(
        "--format",
        metavar="F",
        type=quantities.source_format,
        help="csv, json, mbox, email, text, lines, sqlite, xlsx, parquet, msg",
    )
    command.add_argument(
        "--encoding", metavar="E", type=quantities.encoding, help="as in cp1252, where a file is not UTF-8"
    )
    command.add_argument("--delimiter", metavar="D", help="of CSV: one sign, or tab")
    command.add_argument("--table", metavar="T", help="of SQLite: a table or a SELECT; of Excel: a sheet")


def _add_working(commands: Commands) -> None:
    opened = _command(commands, "open", "console:open_run", help="the console on one run")
    opened.add_argument("run", metavar="RUN")
    opened.add_argument("--read-only", action="store_true", default=argparse.SUPPRESS, help="change nothing")
    work = _command(commands, "work", "running:work", help="the worker in the foreground, until the run is done")
    work.add_argument("run", metavar="RUN")
    _add_concurrency(work)
    _add_places(work)
    budget = _command(commands, "budget", "control:budget", help="what a run may spend before it is paused")
    budget.add_argument("run", metavar="RUN")
    budget.add_argument(
        "--tokens", type=quantities.count, metavar="N", help="prompt and completion tokens of all calls"
    )
    budget.add_argument("--money", type=quantities.amount, metavar="D", help="US dollars, by the price table")
    budget.add_argument("--hours", type=quantities.amount, metavar="H", help="hours in which a worker is at work")
    budget.add_argument("--none", action="store_true", help="remove every cap")
    lane = _command(commands, "lane", "control:lane", help="ask with live calls, in the flex tier, or with batches")
    lane.add_argument("run", metavar="RUN")
    lane.add_argument("lane", metavar="live|flex|batch|auto", nargs="?", help="without it: the lane, and the batches")
    lane.add_argument("--by", type=quantities.moment, metavar="TIME", help="with auto: done by then, as in 07:00")
    lane.add_argument(
        "--size", type=quantities.whole, metavar="N", help="questions in a batch (1,000), kept with the run"
    )
    lane.add_argument("--open", type=quantities.whole, metavar="N", help="batches at the server at once (8)")
    lane.add_argument("--cancel", action="store_true", help="end the open batches; what they answered is kept")
    for name, answer, help_text in (
        ("start", "control:start", "start the worker in the background"),
        ("pause", "control:send_plain", "let no new call go out; calls in flight finish"),
        ("resume", "control:send_plain", "continue after a pause"),
        ("swap", "control:send_plain", "switch to the next key and disable the one in use"),
        ("stop", "control:stop", "end the worker after the calls in flight; twice: at once"),
    ):
        command = _command(commands, name, answer, help=help_text)
        command.add_argument("run", metavar="RUN")
        command.add_argument("--no-wait", action="store_true", help="do not wait until it is acknowledged")
        if name == "start":
            _add_concurrency(command)
            _add_places(command)
            command.add_argument(
                "--try", dest="only", type=quantities.count, metavar="N", help="ask about N texts, then pause"
            )
        if name == "stop":
            command.add_argument("--force", action="store_true", help="kill a worker that does not respond")
            command.add_argument(
                "--cancel-batches",
                action="store_true",
                help="end open batches at the server too; answers are kept",
            )


def _add_concurrency(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--concurrency",
        type=quantities.concurrency,
        metavar="N",
        help="calls at once, or auto (as it was): set on a server without quotas, at most elsewhere; kept in the run",
    )


def _add_places(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--ray",
        metavar="ADDRESS",
        nargs="?",
        const="",
        help="let places of a Ray cluster make the calls (host:port of its head); without ADDRESS: of this machine",
    )
    command.add_argument("--places", type=quantities.count, metavar="N", help="with --ray: so many (default 2)")
    command.add_argument("--width", type=quantities.count, metavar="W", help="with --ray: calls at once at each (16)")
    command.add_argument(
        "--trust-network", action="store_true", help="with --ray: take a cluster that requires no token"
    )


def _add_results(commands: Commands) -> None:
    status = _command(commands, "status", "status:status", help="where a run is; without RUN: all runs")
    status.add_argument("run", metavar="RUN", nargs="?")
    status.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    watch = _command(commands, "watch", "watch:watch", help="a run in a few lines, until no worker has it")
    watch.add_argument("run", metavar="RUN")
    watch.add_argument("--every", type=quantities.seconds, metavar="S", help="look so often (default 1 second)")
    retry = _command(commands, "retry", "control:retry", help="requeue failed texts")
    retry.add_argument("run", metavar="RUN")
    which = retry.add_mutually_exclusive_group()
    which.add_argument("--failed", action="store_true", help="all that failed (default)")
    which.add_argument("--item", metavar="ID", help="the one with this id in the source")
    rejudge = _command(
        commands, "rejudge", "control:rejudge", help="judge stored answers of failed texts again, without a call"
    )
    rejudge.add_argument("run", metavar="RUN")
    rejudge.add_argument("--tolerant", action="store_true", help="accept a label in other forms from now on")
    label = _command(commands, "label", "control:label", help="give a text a person's label")
    label.add_argument("run", metavar="RUN")
    label.add_argument("id", metavar="ID", help="the text's id in the source")
    label.add_argument("value", metavar="VALUE")
    label.add_argument("--note", metavar="T", default="", help="why")
    _add_task(commands)
    _add_annotations(commands)


def _add_task(commands: Commands) -> None:
    command = _command(commands, "task", "task:answer", help="the task of a run; `task RUN` is `task show RUN`")
    if isinstance(command, _Parser):
        command.fallback = "show"
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    task = actions.add_parser("show", help="a run's task, its versions and what each labeled; or a task file")
    task.add_argument("run", metavar="RUN|FILE.toml")
    task.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    act = task.add_mutually_exclusive_group()
    act.add_argument("--set", type=Path, metavar="FILE", help="activate a new version; no label is changed")
    act.add_argument("--try", dest="trial", type=Path, metavar="FILE", help="try it on a sample; saves no label")
    act.add_argument("--write", type=Path, metavar="FILE", help="write the active version as TOML")
    task.add_argument(
        "--sample", type=quantities.sample, default=10, metavar="N", help="texts for --try (1 to 200, default 10)"
    )
    act.add_argument("--messages", metavar="ID", help="the exact messages about the text with this id")
    act.add_argument(
        "--ask-again",
        nargs="?",
        const=True,
        metavar="LABEL",
        help="re-label what an older version labeled (with LABEL)",
    )
    init = actions.add_parser("init", help="write a task file from a template, to be edited")
    init.add_argument(
        "file", type=Path, metavar="FILE", nargs="?", default=Path("task.toml"), help="(default task.toml); - prints it"
    )
    init.add_argument("--template", metavar="T", default="binary", help="binary, intent, sentiment, spam or topics")
    init.add_argument("--item", metavar="NOUN", default="", help="what one text is called: review, ticket, email")
    init.add_argument(
        "--label", action="append", default=[], metavar="L", help="'value = name: meaning', once a label (default: T's)"
    )
    init.add_argument("--dry-run", action="store_true", help="print the file, write nothing")
    check = actions.add_parser("check", help="read a task file: what it asks, or what is wrong with it and where")
    check.add_argument("file", type=Path, metavar="FILE")


def _add_annotations(commands: Commands) -> None:
    note = _command(commands, "note", "control:note", help="put a note on a text")
    note.add_argument("run", metavar="RUN")
    note.add_argument("id", metavar="ID", help="the text's id in the source")
    note.add_argument("text", metavar="TEXT")
    skip = _command(commands, "skip", "control:skip", help="make no call about a text")
    skip.add_argument("run", metavar="RUN")
    skip.add_argument("id", metavar="ID", help="the text's id in the source")
    skip.add_argument("--back", action="store_true", help="requeue it after it was skipped")
    add = _command(commands, "add", "sources:add", help="add what is new of a source to a run: by id, else by content")
    add.add_argument("run", metavar="RUN")
    add.add_argument("source", type=quantities.path, nargs="+", metavar="SOURCE")
    _add_reading(add)
    left_out = _command(commands, "skipped", "sources:skipped", help="what a source held that was not taken, and why")
    left_out.add_argument("run", metavar="RUN")
    left_out.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    undo = _command(commands, "undo", "control:send_plain", help="take back your last label, note, skip or retry")
    undo.add_argument("run", metavar="RUN")
    _add_export(commands)
    check = _command(commands, "check", "files:answer", help="recount a run file and look for damage")
    check.add_argument("run", metavar="RUN")
    check.add_argument("--repair", action="store_true", help="write totals and position as the rows give them")
    backup = _command(
        commands, "backup", "files:answer", help="a consistent copy of a run, also while its worker writes"
    )
    backup.add_argument("run", metavar="RUN")
    backup.add_argument("file", type=Path, metavar="FILE", help="a file that is not there yet")


def _add_export(commands: Commands) -> None:
    export = _command(commands, "export", "status:export", help="write labels and texts to a file or a folder")
    export.add_argument("run", metavar="RUN")
    export.add_argument(
        "file", type=Path, metavar="FILE", help=".csv, .jsonl, .parquet, .sqlite, .spacy; - is standard output"
    )
    export.add_argument(
        "--layout",
        metavar="NAME",
        help="csv, jsonl, parquet, sqlite, datasette, huggingface, label-studio, argilla, spacy, labels (one column)",
    )
    export.add_argument(
        "--only", choices=("human", "model", "agreed"), help="labels of people, of the model, or equal ones of both"
    )
    export.add_argument(
        "--where",
        metavar="FILTER",
        default="",
        type=quantities.filter_words,
        help="as in the list: words, label:1, state:failed …",
    )
    export.add_argument(
        "--split",
        metavar="S,S,S",
        type=quantities.shares,
        help="train, validation and test, as in 0.8,0.1,0.1; or two shares",
    )
    export.add_argument("--no-text", action="store_true", help="without texts and subjects")
    export.add_argument("--no-columns", action="store_true", help="without the source's own columns")
    export.add_argument("--manifest", action="store_true", help="FILE.manifest.json with hashes beside a single file")
    export.add_argument("--raw", action="store_true", help="CSV cells as they are, also where they look like formulas")


def _add_run(action: argparse.ArgumentParser) -> None:
    action.add_argument("--run", metavar="RUN", help="as this run meets them: with its model, at its server")


def _add_quality(commands: Commands) -> None:
    review = _command(commands, "review", "quality:review", help="label a random sample blind, one key a label")
    review.add_argument("run", metavar="RUN")
    review.add_argument("--annotator", metavar="A", help="who answers (default: you)")
    review.add_argument("--size", type=quantities.count, metavar="N", help="of a batch (default 25)")
    how = review.add_mutually_exclusive_group()
    how.add_argument("--export", type=Path, metavar="FILE.csv", help="write the next due ones, for a colleague")
    how.add_argument("--import", dest="import_file", type=Path, metavar="FILE.csv", help="take such a file back")
    quality = _command(
        commands, "quality", "quality:quality", help="labels against people: shares, recall, precision, watches"
    )
    quality.add_argument("run", metavar="RUN")
    quality.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    grow = quality.add_mutually_exclusive_group()
    grow.add_argument("--goal", type=quantities.count, metavar="N", help="let the random sample grow to N")
    grow.add_argument("--top-up", action="store_true", help="sample more of rare labels: makes their precision sure")
    grow.add_argument(
        "--doubtful",
        type=quantities.count,
        metavar="N",
        help="instead: the N items worth a look, and what casts doubt on them",
    )
    quality.add_argument("--beside", metavar="RUN", help="with --doubtful: also those that this run labels otherwise")
    gold = _command(commands, "gold", "quality:gold", help="labels from elsewhere, compared with the model's")
    gold.add_argument("run", metavar="RUN")
    gold.add_argument("file", type=quantities.path, metavar="FILE")
    gold.add_argument("--column", metavar="C", help="the column with the label")
    compare = _command(
        commands, "compare", "quality:compare", help="two runs, or two versions of a task, on the same items"
    )
    compare.add_argument("run", metavar="RUN_A")
    compare.add_argument("other", metavar="RUN_B", nargs="?")
    compare.add_argument("--versions", action="store_true", help="the two versions of RUN_A's task that labeled last")
    compare.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    report = _command(commands, "report", "quality:report", help="the quality report as one page, or as JSON")
    report.add_argument("run", metavar="RUN")
    report.add_argument("file", type=Path, metavar="FILE.html|FILE.json")
    report.add_argument("--examples", action="store_true", help="with the texts on which model and people differ")


def _add_keys(commands: Commands) -> None:
    keys = _command(commands, "keys", "keys:answer", help="the API keys of this machine")
    actions = keys.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="add a key; its secret is asked for, or read from --stdin or --file")
    add.add_argument("alias", metavar="ALIAS", nargs="?")
    add.add_argument(
        "--server",
        type=quantities.server,
        metavar="NAME|URL",
        help="the one server that it is sent to: openai, openrouter …, or an address",
    )
    add.add_argument("--organization", metavar="O", help="where keys share a quota, name what they share")
    given = add.add_mutually_exclusive_group()
    given.add_argument("--stdin", action="store_true", help="read the secret from standard input")
    given.add_argument("--file", type=Path, metavar="FILE", help="read the secret from a file")
    add.add_argument(
        "--keyring",
        action=argparse.BooleanOptionalAction,
        help="keep the secret in the system's keyring, or in keys.toml",
    )
    listing = actions.add_parser("list", help="keys, their organizations, states and quotas")
    listing.add_argument("--model", metavar="M", help="for the quotas of this model; else of each that is in use")
    _add_run(listing)
    listing.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    for name, help_text in (
        ("remove", "remove a key"),
        ("enable", "use a disabled key again"),
        ("disable", "keep a key, but do not use it"),
        ("pin", "use a key first; the others take the rest"),
        ("history", "a key's refusals and errors, and what it spent a day"),
    ):
        action = actions.add_parser(name, help=help_text)
        action.add_argument("alias", metavar="ALIAS")
    actions.add_parser("unpin", help="use no key first")
    unbench = actions.add_parser("unbench", help="use an organization that waits again at once")
    unbench.add_argument("organization", metavar="ORGANIZATION")
    unbench.add_argument("--model", metavar="M", help="for this model; else for the built-in task's")
    _add_run(unbench)
    limits = actions.add_parser("limits", help="state the limits of an organization, where replies do not state them")
    limits.add_argument("organization", metavar="ORGANIZATION")
    limits.add_argument("--model", metavar="M", help="for this model; else for the built-in task's")
    _add_run(limits)
    _add_server(limits)
    limits.add_argument("--plan", metavar="P", help="the limits of a plan (free, developer), or own: none at all")
    for window in ("rpm", "rpd", "tpm", "tpd"):
        limits.add_argument(f"--{window}", type=quantities.limit, metavar="N", help="0 removes it")
    group = actions.add_parser("group", help="state which organization a key belongs to")
    group.add_argument("alias", metavar="ALIAS")
    group.add_argument("organization", metavar="ORGANIZATION")
    test = actions.add_parser("test", help="check a key, or each, with one short question")
    test.add_argument("alias", metavar="ALIAS", nargs="?")
    test.add_argument("--model", metavar="M", help="the model to ask; else the built-in task's")
    _add_server(test)


def _add_around(commands: Commands) -> None:
    simulate = _command(
        commands, "simulate", "core.simulator.options:run", help="serve a stand-in for Groq on loopback"
    )
    add_arguments(simulate)
    served = _command(commands, "serve", "serve:serve", help="the console in a browser, on this machine and read-only")
    served.add_argument("run", metavar="RUN", nargs="?", help="open on this run")
    served.add_argument("--port", type=quantities.count, default=8000, metavar="P", help="(default 8000)")
    served.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (default 127.0.0.1)")
    served.add_argument("--expose", action="store_true", help="allow a host that other machines reach")
    served.add_argument("--url", metavar="U", help="how browsers reach it, where that differs (a tunnel, a proxy)")
    served.add_argument("--writable", action="store_true", help="let the browser change things, as a terminal may")
    notify = _command(commands, "notify", "info:notify", help="notifications of a run's end and of what needs you")
    notify.add_argument("--test", action="store_true", help="ring the bell, and notify the desktop and every service")
    shell = _command(commands, "completions", "shells:completions", help="completions for a shell, to be sourced")
    shell.add_argument("shell", choices=("bash", "zsh", "fish"))
    _command(commands, "skill", "shells:skill", help="what a coding agent needs to drive a run without its texts")
    guide = _command(commands, "guide", "guide:guide", help="the guide: its pages, or one of them")
    guide.add_argument("topic", metavar="TOPIC", nargs="?", help="a page; without it: the list of all")
    _command(commands, "info", "info:info", help="versions, every path, active settings")
