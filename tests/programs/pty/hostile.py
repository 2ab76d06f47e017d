"""A home in which every text that comes from outside tries to act on the terminal, each with a mark of its own."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

from core.llm.task import task_to_toml, versioned
from core.model import Forecast, LabelMeaning, ModelSettings, Resumption, SourceEmail, Task, View
from core.quota.db.history import day_of
from core.quota.keys.store import KeyStore
from core.server_address import GROQ_ROOT
from core.settings import Settings, load_settings, operator
from core.storage.file.rows import task_to_definition
from core.storage.reading.reader import RunReader
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store

NOW = 1_790_000_000.0
"""When all of it happens."""


class Marks:
    """Gives each place its mark, ``zq-07z``, and the hostile text that carries it."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def of(self, name: str) -> str:
        """The mark of a place."""
        if name not in self.names:
            self.names.append(name)
        return f"zq-{self.names.index(name):02}z"

    def evil(self, name: str, *, late: bool = False) -> str:
        """Text that would copy, link, clear, color, rename and turn around. ``late`` puts the mark behind the first."""
        mark = self.of(name)
        first = f"\x1b]52;c;{mark}\x07"
        rest = (
            f"\x1b[2J\x9b31m\x1b]8;;http://{mark}\x1b\\{mark}\x1b]8;;\x1b\\\x1bP{mark}\x1b\\\x9d0;{mark}\x9c\x85\x7f"
            f"\u202e[red]{mark}[/red][/][@click=app.quit]x[/]$accent{{}}\u2066\ufeff\u200b"
        )
        return f"{first}{mark}{rest}" if late else f"{mark}{first}{rest}"

    def short(self, name: str) -> str:
        """The same within what a file's name can hold, and without a slash."""
        mark = self.of(name)
        return f"{mark}\x1b]52;c;{mark}\x07\x9b2J\u202e[red]{mark}[@click=app.quit]"


def home_of(folder: Path, marks: Marks) -> Settings:
    """The settings of a home whose own path is hostile."""
    home = folder / marks.short("home")
    return load_settings({"LABELTUI_HOME": str(home)})


def build(settings: Settings, marks: Marks, *, state: str) -> Path:
    """Fill the home with runs, a source and keys; returns the file of the run in ``state``, the newest of all."""
    settings.runs_dir.mkdir(parents=True)
    for place, other in enumerate(("done", "paused", "stopped")):
        path = settings.runs_dir / f"{marks.short(other + ' run file')}.db"
        make_run(path, marks, other)
        os.utime(path, (NOW - 500 - place,) * 2)
    broken = settings.runs_dir / f"{marks.short('broken run file')}\udcff.db"
    broken.write_bytes(b"no database at all: \x1b]0;title\x07" * 400)
    os.utime(broken, (NOW - 900,) * 2)
    path = settings.runs_dir / f"{marks.short('run file')}.db"
    make_run(path, marks, state)
    os.utime(path, (NOW, NOW))
    draft_of(path, marks)
    _keys(settings, marks)
    _source(settings, marks)
    return path


def source_of(settings: Settings, marks: Marks) -> Path:
    """A file of emails with a hostile name; without escapes, so that it can be pasted."""
    return settings.runs_dir.parent.parent / f"{marks.short('source file')}.csv".replace("\x1b", "\x9b")


def _source(settings: Settings, marks: Marks) -> None:
    message = f"From: {marks.evil('previewed sender')}\nSubject: {marks.evil('previewed subject')}\n\nhi"
    quoted = message.replace('"', '""')
    path = source_of(settings, marks)
    path.write_bytes(f'id,message\n{marks.evil("previewed id")},"{quoted}"\n'.encode())


def make_run(path: Path, marks: Marks, state: str) -> None:
    """A run file in which nothing can be trusted."""
    evil = marks.evil
    task = Task(
        name=evil("task name"),
        labels=(
            LabelMeaning(evil("label value"), evil("label name"), evil("label meaning")),
            LabelMeaning("0", "personal", evil("other meaning")),
        ),
        rubric=evil("rubric"),
        model=ModelSettings(),
        version=evil("task version"),
    )
    run = NewRun(
        evil("run name"), evil("source"), "digest", NOW - 9000, order="source", base_url=evil("base url"),
        simulated=state == "paused",
    )  # fmt: skip
    with Store.create(path, run, task) as store:
        store.add_emails(_email(marks, n) for n in range(1, 15))
        store.set_order("source", 0)
    with closing(sqlite3.connect(path)) as db, db:
        _settle(db, marks, task)
        _older(db, marks, task)
        _tell(db, marks, state)


def _email(marks: Marks, n: int) -> tuple[SourceEmail, View]:
    evil, late = marks.evil, n % 2 == 0
    text = f"{evil('body', late=late)}\n\n" + evil("body", late=True) * 30
    view = View(
        evil("subject", late=late), evil("sender", late=late), evil("date", late=late), text, f"hash {n}",
        truncated=False, flags=evil("flags") if n % 3 == 1 else "",
    )  # fmt: skip
    return SourceEmail(
        f"{evil('source id')}{n}", f"Subject: {evil('raw')}\n\n" + evil("raw", late=True) * 40, "row"
    ), view


def _settle(db: sqlite3.Connection, marks: Marks, task: Task) -> None:
    """Emails 1 to 4 failed, 5 to 7 were labeled by the model, a copy and a person, 8 was skipped."""
    evil = marks.evil
    value = task.labels[0].value
    for number in range(1, 5):
        db.execute("UPDATE email SET state = 'failed', failure = ?, reasks = 2 WHERE id = ?",
                   (evil("failure", late=number == 2) if number < 3 else evil("other failure"), number))  # fmt: skip
    for number, source in ((5, "model"), (6, "copy"), (7, "human")):
        db.execute("UPDATE email SET state = 'labeled', label = ?, label_source = ?, reasks = 1 WHERE id = ?",
                   (value, source, number))  # fmt: skip
    db.execute("UPDATE email SET state = 'skipped' WHERE id = 8")
    for number in (1, 2, 5):
        for n, outcome in enumerate(("invalid", "server_error", "answered" if number == 5 else "empty"), 1):
            db.execute(
                "INSERT INTO attempt(email_id, n, kind, key_alias, organization, model, task_version, started_at,"
                " latency_s, outcome, raw_answer, error, prompt_tokens, completion_tokens, request_id, epoch)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0.5, ?, ?, ?, 400, 3, ?, 1)",
                (
                    number, n, "ask" if n == 1 else "reask", evil("attempt's alias"), evil("attempt's organization"),
                    evil("attempt's model"), evil("task version"), NOW - 90 + n, outcome, evil("raw answer"),
                    evil("error"), evil("request id"),
                ),
            )  # fmt: skip
    for number, source, attempt in ((5, "model", 9), (6, "copy", 9), (7, "model", None), (7, "human", None)):
        db.execute(
            "INSERT INTO label(email_id, value, source, annotator, attempt_id, task_version, note, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (number, value, source, evil("annotator"), attempt, evil("task version"), evil("note"), NOW - 60),
        )
    for number in (1, 2, 5, 9):
        db.execute(
            "INSERT INTO note(email_id, text, author, at) VALUES (?, ?, ?, ?)",
            (number, evil("person's note", late=number == 2), evil("note's author"), NOW - 50),
        )
        db.execute(
            "INSERT INTO deed(batch, kind, what, author, at, email_id, row_id) VALUES (?, 'note', ?, ?, ?, ?,"
            " (SELECT max(id) FROM note))",
            (1, evil("undo_entry"), operator(), NOW - 50, number),
        )


def _older(db: sqlite3.Connection, marks: Marks, task: Task) -> None:
    """An older version of the task, which labeled two emails that could be asked again."""
    older = versioned(replace(task, rubric=marks.evil("older rubric")))
    db.execute(
        "INSERT INTO task(version, definition, added_at) VALUES (?, ?, ?)",
        (older.version, task_to_definition(older), NOW - 9000),
    )
    for number in (10, 11):
        db.execute("UPDATE email SET state = 'labeled', label = ?, label_source = 'model' WHERE id = ?",
                   (task.labels[0].value, number))  # fmt: skip
        db.execute(
            "INSERT INTO label(email_id, value, source, annotator, task_version, at) VALUES (?, ?, 'model', ?, ?, ?)",
            (number, task.labels[0].value, marks.evil("annotator"), older.version, NOW - 8000),
        )


def draft_of(path: Path, marks: Marks) -> None:
    """Leave a draft of the task beside a run."""
    with RunReader(path) as reader:
        task = reader.task()
    draft = path.with_name(path.stem + ".task-draft.toml")
    labels = (LabelMeaning("1", "work"), LabelMeaning("0", "personal"))
    drafted = replace(task, name="a draft", labels=labels, rubric=marks.evil("drafted rubric"))
    draft.write_text(task_to_toml(drafted), encoding="utf-8")
    draft.chmod(0o600)


def _tell(db: sqlite3.Connection, marks: Marks, state: str) -> None:
    """What the worker said of itself, what happened, and what was requested."""
    evil = marks.evil
    for n, kind in enumerate(("start", "failed", "key", "alarm", evil("event kind"))):
        db.execute("INSERT INTO event(at, kind, text, key_alias) VALUES (?, ?, ?, ?)",
                   (NOW - 20 - n, kind, evil("event"), evil("event's alias")))  # fmt: skip
    for n, kind in enumerate(("pause", "label", evil("command kind"))):
        db.execute(
            "INSERT INTO command(id, kind, argument, requested_at, requested_by, acknowledged_at, result)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (f"c{n}", kind, evil("argument"), NOW - 9, evil("requester"), None if n == 1 else NOW - 8.5,
             evil("command result")),
        )  # fmt: skip
    for at in range(0, 3600, 5):
        db.execute("INSERT INTO pace(at, labeled, failed, calls, waited_s) VALUES (?, ?, 0, 3, ?)",
                   (int(NOW) - at, at % 7, 5.0 if at % 700 == 0 else 0.0))  # fmt: skip
    forecast = Forecast(2400.0, 2100.0, 2700.0, evil("binding limit"))
    proof = Resumption(NOW - 500, 3, 2, 8, 1, 2, evil("how it ended"))
    db.execute(
        "UPDATE run SET state = ?, wanted = 'run', reason = ?, wait_until_at = ?, wait_limit = ?,"
        " wait_organization = ?, epoch = 3, worker_pid = 4711, worker_host = ?, worker_started_at = ?,"
        " heartbeat_at = ?, in_flight = 2, in_flight_bound = 2, asking = ?, forecast = ?, resumption = ?, cursor = 1,"
        " started_at = ?",
        (
            state, evil("reason"), NOW + 60, evil("wait's limit"), evil("wait's organization"), evil("host"),
            NOW - 500, NOW - 0.2, json.dumps({evil("alias"): 2}), json.dumps(asdict(forecast)),
            json.dumps(asdict(proof)), NOW - 8000,
        ),
    )  # fmt: skip


def _keys(settings: Settings, marks: Marks) -> None:
    """Keys as a worker left them in ``quota.db``: names of organizations come from replies, reasons from servers."""
    evil = marks.evil
    model = ModelSettings().model
    KeyStore(settings.quota_path, settings.keys_path, environment={}).close()
    with closing(sqlite3.connect(settings.quota_path)) as db, db:
        db.execute("INSERT INTO worker VALUES ('w', 4711, ?, ?, ?, ?)", (model, NOW - 9, NOW, GROQ_ROOT))
        for n, (alias, organization, reason) in enumerate(
            (
                ("alias", "organization", None),
                ("cooling alias", "cooling organization", None),
                ("bad alias", "organization", 1),
            )
        ):
            db.execute(
                "INSERT INTO key(fingerprint, alias, last4, source, stated, requests, errors_429, tokens,"
                " first_seen_at) VALUES (?, ?, ?, 'keys.toml', ?, 9, 2, 900, ?)",
                (f"f{n}", evil(alias), "\x1b[2J", evil(organization), NOW - 99),
            )
            db.execute("INSERT INTO named VALUES (?, ?, ?)", (f"f{n}", GROQ_ROOT, evil(organization)))
            if reason:
                db.execute("INSERT INTO refusal VALUES (?, '', ?, ?)", (f"f{n}", evil("invalid reason"), NOW - 40))
            db.execute("INSERT INTO worker_key VALUES ('w', ?, ?, '', 0.0)", (f"f{n}", 1 if n == 0 else 0))
        db.execute("INSERT INTO bench VALUES (?, ?, ?, ?, ?, ?, ?)",
                   (evil("cooling organization"), model, NOW + 90, evil("bench's limit"), evil("bench's reason"), NOW, GROQ_ROOT))  # fmt: skip
        for organization in ("organization", "cooling organization"):
            for dimension in ("TPM", "TPD"):
                db.execute("INSERT INTO level VALUES (?, ?, ?, 8000, 900, ?, ?, ?, 1, 0, 0, ?)",
                           (evil(organization), model, dimension, NOW, evil("window's source"), NOW, GROQ_ROOT))  # fmt: skip
        for n, outcome in enumerate(("rate_limited", "server_error", "invalid_key")):
            db.execute(
                "INSERT INTO trouble(fingerprint, at, organization, model, outcome, status, limit_name, wait_s, text)"
                " VALUES ('f0', ?, ?, ?, ?, 429, ?, 9.0, ?)",
                (
                    NOW - 30 - n, evil("organization"), evil("trouble's model"), outcome, evil("trouble's limit"),
                    evil("trouble"),
                ),
            )  # fmt: skip
        db.execute("INSERT INTO spend VALUES ('f0', ?, ?, 9, 2, 800, 100)", (day_of(NOW), evil("spending's model")))
