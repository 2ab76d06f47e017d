"""The world of a walk: a home on a small disk, a simulator with faults, and the processes of commands and workers."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from core.simulator.child import start_child
from tests.programs.walk.console import Console
from tests.programs.walk.invariants import Seen, check, run_files, secrets_in
from tests.programs.walk.processes import ENVIRONMENT, Processes, Zygote
from tests.programs.walk.steps import EMAILS, LINKED, RUNS, TWINS, Step, version

DISK_BYTES = 24 << 20
ENDS_WITHIN_S = 90.0
"""A command that is not over by then, while no worker is stopped and the disk has room, counts as hanging."""
LAST_WITHIN_S = 120.0
"""The last commands of a walk are over by then: those that work what is left, and check it."""
LISTENS_WITHIN_S = 10.0
"""A worker in the foreground has its run by then, or is waited for no longer."""
CODES = frozenset({0, 1, 2, 3, 4, 5, 6, 130})
SIMULATOR = ("--keys", "5", "--organizations", "3", "--plan", "developer", "--scale", "60", "--hang", "3")
USUAL = "0.03 0.1 0"
"""Latency in seconds, share of bad answers and of labels that vary, where no step says others."""
SETTLES_WITHIN_S = 6.0
"""A walk waits so long for a run to have nothing pending; slow servers and short quotas take longer."""
SETTLED = "SELECT count(*) FROM email WHERE state = 'pending'"
NTH_PENDING = "SELECT source_id FROM email WHERE state = 'pending' ORDER BY position LIMIT 1 OFFSET ?"
UNEXPLAINED = re.compile(r"ended at once \(code \d+\): +Log:")
"""A start that failed without a reason."""
TAKEN_OVER = "Another worker took over the run"
"""Two workers had a run at once: the lock let both in."""
MANY = 600
"""Emails of a run file that is damaged: its tables have many pages, and a reader fetches several times."""
SIGNALS = {"kill worker": signal.SIGKILL, "end worker": signal.SIGTERM, "stop worker": signal.SIGSTOP}
TASK = """rubric = "Work is 1. {words}"
max_reasks = 1
[[labels]]
value = "1"
name = "work"
[[labels]]
value = "0"
name = "personal"
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """What broke, after how many steps."""

    step: int
    sentence: str

    @property
    def kind(self) -> str:
        """The sentence without its numbers and names: what a shorter walk must break as well."""
        return "".join(char for char in self.sentence.partition(": ")[2] or self.sentence if not char.isdigit())[:40]

    def __str__(self) -> str:
        return f"BROKEN after step {self.step}: {self.sentence}"


class World:
    """Made in an empty folder; everything is ended and unmounted when it is left."""

    def __init__(self, folder: Path, zygote: Zygote | None = None, server: str = USUAL) -> None:
        self.folder = folder
        self._server = server
        self._zygote = zygote
        self.disk = folder / "disk"
        self.work = folder / "work"
        self.home = self.disk / "home"
        self._seen: dict[tuple[str, int], Seen] = {}
        self._stopped: set[int] = set()
        self._filler: Path | None = None
        self._is_closed = False
        self._versions = 0
        self._trouble = ""
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.disk.mkdir()
        self.work.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(self.disk)],
            capture_output=True,
            check=False,
        )
        self.small = mounted.returncode == 0
        if self.small:
            self._stack.callback(subprocess.run, ["umount", "-l", str(self.disk)], check=False)
        self._write_sources()
        latency, invalid, unsteady = self._server.split()
        faults = ("--latency", latency, "--faults", f"mild,invalid={invalid}", "--unsteady", unsteady)
        self.simulator = self._stack.enter_context(start_child([*SIMULATOR, *faults, "--seed", "1"]))
        self._environment = {
            **ENVIRONMENT,
            "LABELTUI_HOME": str(self.home),
            "GROQ_BASE_URL": self.simulator.base_url,
            "GROQ_API_KEYS": ",".join(self.simulator.keys[:2]),
            "EDITOR": "true",
            "VISUAL": "true",
            "LABELTUI_TOUR": "0",
        }
        self._processes = self._stack.enter_context(
            Processes(self._environment, self.folder / "out.txt", self.work, self._zygote)
        )
        self._console = Console(self._processes)
        self._stack.callback(self._end_all)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _write_sources(self) -> None:
        texts = [f"Please send the contract number {number} to the customer." for number in range(1, EMAILS)]
        texts.append(texts[0])
        rows = [(f"mail-{number}", text) for number, text in enumerate(texts, 1)]
        csv = "id,text\n" + "".join(f'{name},"{text}"\n' for name, text in rows)
        (self.work / "mails.csv").write_text(csv, "utf-8")
        (self.work / "more.csv").write_text(csv + "mail-99,another\n", "utf-8")
        jsonl = "".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in rows)
        (self.work / "mails.jsonl").write_text(jsonl, "utf-8")
        for name, words in (("one", "Else 0."), ("two", "All else is 0.")):
            (self.work / f"{name}.toml").write_text(TASK.format(words=words), "utf-8")
        (self.work / "gold.csv").write_text("id,label\nmail-1,1\nmail-2,0\n", "utf-8")
        for run in RUNS:
            (self.work / f"link-{run}.db").symlink_to(self.home / "runs" / f"{run}.db")

    # -- processes ------------------------------------------------------------------------------------------------------

    def _begin(self, line: tuple[str, ...]) -> int:
        more = {}
        if "--stdin" in line:
            secret = self.folder / f"secret-{line[2]}"
            known = self.simulator.keys[int(line[2][-1]) % 5]
            secret.write_text(known if line[2].startswith("key") else f"gsk_of_nobody_{line[2]:_>24}", "utf-8")
            more["stdin"] = str(secret)
        return self._processes.begin(line, **more)

    def _workers(self) -> dict[str, int]:
        """The process of each run's worker that is alive, by the run's name."""
        return {name: pid for name, (pid, lives) in self._workers_named().items() if lives}

    def _workers_named(self) -> dict[str, tuple[int, bool]]:
        """The process that each run names as its worker, and whether it lives, by the run's name.

        A run file with another ending than usual has it in its name: two that differ in nothing else are two runs.
        """
        found = {}
        for path in self._files():
            with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                row = db.execute("SELECT worker_pid FROM run").fetchone()
                if row and row[0]:
                    found[path.stem if path.suffix == ".db" else path.name] = (row[0], _is_worker(row[0]))
        return found

    def _files(self) -> list[Path]:
        """Return every run file of this world."""
        return [*run_files(self.home), *(path for name in TWINS if (path := self.work / name).exists())]

    def _signal(self, run: str, number: int) -> None:
        workers = self._workers()
        pid = workers.get(run) or next(iter(workers.values()), None)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            if number == signal.SIGSTOP:
                self._stopped.add(pid)
            elif number == signal.SIGKILL:
                deadline = time.monotonic() + 2
                while _is_worker(pid) and time.monotonic() < deadline:
                    time.sleep(0.01)

    def _read(self, run: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query finds in the file of a run that a command line names; nothing where it cannot be read."""
        path = self._path_of(run)
        with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return db.execute(query, values).fetchall()
        return []

    def _path_of(self, run: str) -> Path:
        return (self.work / run if "." in run else self.home / "runs" / f"{run}.db").resolve()

    # -- steps ----------------------------------------------------------------------------------------------------------

    def take(self, step: Step) -> None:
        """Do one step, and wait until its commands are over."""
        link = self.home / "runs" / f"{LINKED}.db"
        if link.parent.exists() and not link.is_symlink():
            link.symlink_to("a.db")
        match step.kind:
            case "command" | "two at once" | "wrong words":
                self._command(step)
            case "killed command":
                number = self._begin(step.lines[0])
                self._processes.wait(number, float(step.argument))
                self._processes.kill(number)
            case "keys at once":
                self._add_keys(step)
            case "damage":
                self._damage(step)
            case "start after kill":
                run = step.lines[0][1]
                self._in_a_row(Step(step.kind, version(run, "new-1")))
                self._signal(self._path_of(run).stem, signal.SIGKILL)
                self._command(step)
            case "work":
                self._work(step)
            case "in a row":
                self._in_a_row(step)
            case "time":
                time.sleep(float(step.argument))
            case _:
                self._disturb(step)

    def _disturb(self, step: Step) -> None:
        match step.kind:
            case "kill worker" | "end worker" | "stop worker":
                self._signal(step.argument, SIGNALS[step.kind])
            case "continue worker":
                self._continue_all()
            case "fill disk":
                self._fill()
            case "free disk":
                self._free()
            case "close home" | "open home":
                self._allow_writing(step.kind == "open home")
            case "lose file":
                self._lose(step.argument)
            case "open console" | "keys" | "kill console":
                self._use_console(step)

    def _in_a_row(self, step: Step) -> None:
        """Give a command after the other; ``wait`` passes seconds, ``settle`` waits until nothing is pending.

        Stopped workers go on before: each command would wait for their answer, and the row is about what they do.
        """
        self._continue_all()
        names: dict[str, str] = {}
        for line in step.lines:
            if line[0] == "wait":
                time.sleep(float(line[1]))
            elif line[0] == "settle":
                deadline = time.monotonic() + SETTLES_WITHIN_S
                while self._read(line[1], SETTLED) not in ([], [(0,)]) and time.monotonic() < deadline:
                    time.sleep(0.05)
            else:
                self._command(Step(step.kind, (self._named(line, names),)))

    def _named(self, line: tuple[str, ...], names: dict[str, str]) -> tuple[str, ...]:
        """Return the line with what ``pending-N`` and ``new-N.toml`` stand for; ``names`` holds those of this step."""
        for word in line:
            if word.startswith("new-") and word not in names:
                self._versions += 1
                names[word] = f"version-{self._versions}.toml"
                (self.work / names[word]).write_text(TASK.format(words=f"Else 0 ({self._versions})."), "utf-8")
            if word.startswith("pending-") and word not in names:
                number = int(word.removeprefix("pending-"))
                found = self._read(line[1], NTH_PENDING, number - 1)
                names[word] = found[0][0] if found else f"mail-{number}"
        return tuple(names.get(word, word) for word in line)

    def _use_console(self, step: Step) -> None:
        match step.kind:
            case "open console":
                self._console.open(step.lines[0])
            case "keys":
                self._console.press(step.argument)
            case "kill console":
                self._console.kill()

    def _command(self, step: Step) -> None:
        names: dict[str, str] = {}
        lines = [self._named(line, names) for line in step.lines]
        before, said = self._workers_named(), self._said_bytes()
        alone = len(lines) == 1 and not self._console.is_open
        labels = self._labels_of(lines[0]) if alone else 0
        beside = self._labels_of_twin(lines[0]) if alone else 0
        there = alone and len(lines[0]) > 1 and self._path_of(lines[0][1]).exists()
        for number, line in [(self._begin(line), line) for line in lines]:
            code = self._processes.wait(number, ENDS_WITHIN_S)
            told = " ".join(line)
            if code is None:
                if step.kind == "damage" or (not self._stopped and self._filler is None):
                    self._trouble = f"hangs: {told}"
                self._processes.kill(number)
            elif code not in CODES:
                self._trouble = f"exit code: {code} of {told}"
            elif step.kind == "wrong words" and code != 2 and not (code and self._is_poor):
                self._trouble = f"exit code: {code} instead of 2 of {told}"
            elif code == 4 and step.kind == "start after kill" and line[0] != "start" and not self._is_poor:
                self._trouble = f"refused: {told}, beside a start"
            elif code == 0 and alone and line[0] == "label" and self._labels_of(line) <= labels:
                self._trouble = f"label: not in the file: {told}"
            elif alone and self._labels_of_twin(line) > beside:
                self._trouble = f"label: in the other file: {told}"
            elif code and there and step.kind != "damage" and line[0] in ("status", "export"):
                self._trouble = f"not read: {told} gives {code}"
            elif code and alone and self._filler and line[0] in ("pause", "stop") and self._has_worker(line[1], before):
                self._trouble = f"not sent: {told} gives {code} on a full disk, beside a living worker"
        self._trouble = self._trouble or self._claimed(before, said)

    def _has_worker(self, run: str, before: dict[str, tuple[int, bool]]) -> bool:
        """Return whether a run has the worker that it had before, which is not stopped."""
        name = self._path_of(run).stem
        pid, lived = before.get(name, (0, False))
        is_its = self._read(run, "SELECT worker_pid FROM run") == [(pid,)]  # not that of a file with another ending
        return lived and is_its and pid not in self._stopped and self._workers().get(name) == pid

    @property
    def _is_poor(self) -> bool:
        """Whether disk or home take no writes, files are lost or a worker is stopped: what is refused then is no fault."""
        full = self._filler is not None or self._is_closed
        return full or bool(self._stopped) or not (self.home / "keys.toml").exists()

    def _claimed(self, before: dict[str, tuple[int, bool]], said: int) -> str:
        """Return what is wrong where a command took a dead worker for one that has the run."""
        with (self.folder / "out.txt").open("rb") as file:
            file.seek(said)
            text = file.read().decode("utf-8", "replace")
        for name, pid in re.findall(r"A worker has (\S+) already \(pid (\d+)\)", text):
            was, lived = before.get(name, (0, False))
            if was == int(pid) and not lived:
                return f"already: the worker {pid} of {name} is said to have it, and was dead"
        found = UNEXPLAINED.search(text)
        return f"start: no reason is given: {found[0]}" if found else ""

    def _said_bytes(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / "out.txt").stat().st_size
        return 0

    def _labels_of(self, line: tuple[str, ...]) -> int:
        """Return how many labels of people the email that a command labels has had, by the rows of its run file."""
        if line[0] != "label" or len(line) != 4:
            return 0
        query = (
            "SELECT count(*) FROM label JOIN email ON email.id = label.email_id WHERE source_id = ? AND value = ?"
            " AND label.source IN ('human', 'undone')"
        )
        found = self._read(line[1], query, *line[2:])
        return int(found[0][0]) if found else 0

    def _labels_of_twin(self, line: tuple[str, ...]) -> int:
        """Return the same of the file that differs in its ending alone, where the command names one of such two."""
        name = line[1].removeprefix("./") if len(line) > 1 else ""
        if name not in TWINS:
            return 0
        other = next(each for each in TWINS if each != name)
        return self._labels_of((line[0], f"./{other}", *line[2:]))

    def _add_keys(self, step: Step) -> None:
        """Add several keys at once: each that was taken is in the file, whoever wrote it last; then remove them."""
        begun = [(self._begin(line), line[2]) for line in step.lines]
        taken = [name for number, name in begun if self._processes.wait(number, ENDS_WITHIN_S) == 0]
        with contextlib.suppress(FileNotFoundError):
            kept = (self.home / "keys.toml").read_text("utf-8", "replace")
            lost = [name for name in taken if f'"{name}"' not in kept and f"{name}]" not in kept]
            if lost and not self._console.is_open:
                self._trouble = f"keys: {lost} of {taken} were added and are lost"
        for number in [self._begin(("keys", "remove", name)) for name in taken]:
            self._processes.wait(number, ENDS_WITHIN_S)

    def _work(self, step: Step) -> None:
        """Work in the foreground for a while: 0 means that nothing is left, 6 that something is.

        A worker that has the run is stopped before, and there is something to ask. A signal that comes before it listens
        to signals ends it at once.
        """
        run = step.lines[0][1]
        self._in_a_row(Step(step.kind, (("stop", run), ("wait", "1"), *version(run, "new-1")[:2])))
        number = self._begin(step.lines[0])
        pid, deadline = self._processes.pid(number), time.monotonic() + LISTENS_WITHIN_S
        while self._processes.wait(number, 0.02) is None and time.monotonic() < deadline:
            if any(worker == pid for worker, _ in self._workers_named().values()):
                break
        if self._processes.wait(number, float(step.argument)) is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._processes.pid(number), signal.SIGTERM)
        code = self._processes.wait(number, ENDS_WITHIN_S)
        if code is None:
            self._processes.kill(number)
            if self._filler is None:
                self._trouble = f"hangs: {' '.join(step.lines[0])}, told to end"
            return
        for (left,) in self._read(step.lines[0][1], SETTLED):
            if code not in (*CODES, -signal.SIGTERM) or (code in (0, 3) and left) or (code == 6 and not left):
                self._trouble = f"exit code: {code} of work with {left} pending"

    def _damage(self, step: Step) -> None:
        """Give a command a run file of many emails, one page of which lies over another of the same table."""
        many, target = self.folder / "many.db", self.work / "damaged.db"
        if not many.exists() and not self._make_many(many):
            return
        for left in self.work.glob("damaged*"):
            left.unlink()
        content, rng = bytearray(many.read_bytes()), random.Random(int(step.argument))
        with closing(sqlite3.connect(many)) as db:
            size = db.execute("PRAGMA page_size").fetchone()[0]
            query = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path"
            leaves = [row[0] for row in db.execute(query, (rng.choice(("email", "body")),)).fetchall()]
        other = rng.choice(leaves[:-1])
        over = rng.choice((leaves[-1], rng.choice(leaves)))
        content[(over - 1) * size : over * size] = content[(other - 1) * size : other * size]
        target.write_bytes(content)
        self._command(step)

    def _make_many(self, path: Path) -> bool:
        """Make a run file of many emails in a home of its own; return whether that went well."""
        rows = "".join(f'mail-{number},"Please send contract {number}."\n' for number in range(1, MANY + 1))
        (self.work / "many.csv").write_text("id,text\n" + rows, "utf-8")
        home = self.folder / "aside"
        line = ("new", "many.csv", "--name", "many")
        number = self._processes.begin(line, env={**self._environment, "LABELTUI_HOME": str(home)})
        if self._processes.wait(number, ENDS_WITHIN_S) != 0:
            return False
        with (
            closing(sqlite3.connect(home / "runs" / "many.db")) as source,
            closing(sqlite3.connect(path)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        return True

    def _continue_all(self) -> None:
        for pid in self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self._stopped.clear()

    def _fill(self) -> None:
        if not self.small or self._filler is not None:
            return
        self._filler = self.disk / "filler"
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12):
                with contextlib.suppress(OSError):
                    while file.write(b"x" * size):
                        pass

    def _free(self) -> None:
        if self._filler is not None:
            self._filler.unlink(missing_ok=True)
            self._filler = None

    def _allow_writing(self, allowed: bool) -> None:
        """Let nobody make or remove files in the home, or let them again; open files are written all the same."""
        self._is_closed = not allowed
        for folder in (self.home, self.home / "runs"):
            with contextlib.suppress(FileNotFoundError):
                folder.chmod(0o700 if allowed else 0o500)

    def _lose(self, what: str) -> None:
        keys = self.home / "keys.toml"
        away = self.folder / "keys.away"
        with contextlib.suppress(FileNotFoundError):
            if what == "keys.toml":
                away.write_bytes(keys.read_bytes())
                keys.unlink()
            elif what == "keys.toml back" and away.exists():
                keys.write_bytes(away.read_bytes())
                keys.chmod(0o600)
            elif what == "keys.toml open":
                keys.chmod(0o600 if keys.stat().st_mode & 0o077 else 0o644)
            elif what == "quota.db":
                (self.home / "quota.db").unlink()
            elif what in ("control", "log", "search"):
                for path in sorted(self.home.rglob(f"*{what}*"))[:1]:
                    if path.is_file():
                        path.unlink()

    # -- looking --------------------------------------------------------------------------------------------------------

    def broken(self) -> str:
        """Return a sentence on the first thing that is broken, or ""."""
        return self._trouble or self._console.wrong() or next(iter(self._all_broken()), "")

    def _all_broken(self) -> list[str]:
        found = []
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):
                seen = self._seen.setdefault((str(path), path.stat().st_ino), Seen())
                found += [f"{path.stem}: {sentence}" for sentence in self._checked(path, seen)]
        found += [f"secret: {sentence}" for sentence in secrets_in(self.home, self.simulator.keys)]
        texts = [(path.name, path.read_text("utf-8", "replace")) for path in self.home.rglob("*.log") if path.is_file()]
        with contextlib.suppress(FileNotFoundError):
            texts.append(("output", (self.folder / "out.txt").read_text("utf-8", "replace")))
        for name, text in texts:
            _, traced, rest = text.partition("Traceback (most recent call last)")
            if traced:
                found.append(f"traceback in {name}: {_told(rest)}")
            if any(secret in text for secret in self.simulator.keys):
                found.append(f"secret: {name} holds one")
            if TAKEN_OVER in text:
                found.append(f"two workers: {name} says that one took a run over from another that lived")
        return found

    def _checked(self, path: Path, seen: Seen) -> list[str]:
        """Return what is broken in one run file; one that cannot be read now is looked at again a moment later."""
        for _ in range(20):
            try:
                return check(path, seen)
            except sqlite3.OperationalError as error:
                told = str(error)
                if self._filler is not None or not path.exists():
                    return []
                time.sleep(0.1)
        free = os.statvfs(self.disk)
        return [f"cannot be read: {told} ({free.f_bavail * free.f_bsize:,} bytes free)"]

    def finish(self) -> str:
        """Mend everything, work every run to its end and look again; return what is broken, or ""."""
        self._free()
        self._allow_writing(True)
        self._continue_all()
        if told := self._console.leave():
            return told
        for pid in self._workers().values():
            os.kill(pid, signal.SIGKILL)
        self._lose("keys.toml back")
        keys = self.home / "keys.toml"
        if keys.exists():
            keys.chmod(0o600)
        for path in self._files():
            if path.parent.name == "archive":
                continue
            for line in (("budget", str(path), "--none"), ("work", str(path)), ("check", str(path))):
                number = self._begin(line)
                code = self._ended(number, path)
                if code is None:
                    self._processes.wait(self._begin(("status", str(path))), ENDS_WITHIN_S)
                    self._processes.kill(number)
                    said = (self.folder / "out.txt").read_text("utf-8", "replace").strip().splitlines()[-12:]
                    return f"at the end: {line[0]} of {path.stem} hangs: {said}"
                if code not in ((0, 3) if line[0] == "work" else (0,)):
                    tail = (self.folder / "out.txt").read_text("utf-8", "replace").strip().splitlines()[-1:]
                    return f"at the end: {line[0]} of {path.stem} gives {code}: {tail}"
        return self.broken()

    def _ended(self, number: int, path: Path) -> int | None:
        """Return the exit code of a last command; a worker that paused itself for an alarm is told to go on.

        A server that answers badly raises alarms, and a paused worker waits until somebody resumes it.
        """
        deadline = time.monotonic() + LAST_WITHIN_S
        while (code := self._processes.wait(number, 0.5)) is None and time.monotonic() < deadline:
            if _paused_itself(path):
                self._processes.wait(self._begin(("resume", str(path))), ENDS_WITHIN_S)
        return code

    def _end_all(self) -> None:
        self._console.kill()
        for pid in (*self._workers().values(), *self._stopped):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._free()


def _paused_itself(path: Path) -> bool:
    """Return whether a run is paused for an alarm or for failures in a row."""
    with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        reason = db.execute("SELECT reason FROM run WHERE state = 'paused'").fetchone()
        return reason is not None and ("alarm:" in reason[0] or "in a row failed" in reason[0])
    return False


def _told(traceback: str) -> str:
    """Return the error of a traceback, and the places that lead to it."""
    places = re.findall(r'File "[^"]*?((?:core|tui|tests)/[^"]+)", line (\d+)', traceback)
    error = next((line for line in traceback.splitlines()[1:] if line and not line.startswith(" ")), "")
    return f"{error[:300]} [{' > '.join(f'{place}:{line}' for place, line in places[-4:])}]"


def _is_worker(pid: int) -> bool:
    """Whether that process lives and is a fork of the zygote, or a worker of a console: a pid may be another's by now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return (b"walk.zygote" in words or b"core.worker" in words) and state not in ("Z", "X")
