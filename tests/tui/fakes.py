"""A run and keys in memory, which a test moves by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from core.errors import RunFileError
from core.model import (
    CommandRecord,
    Dimension,
    EmailRow,
    EmailState,
    Forecast,
    Happening,
    KeySpend,
    KeyState,
    KeyStatus,
    KeyTrouble,
    LabelMeaning,
    LaneChoice,
    LaneSpent,
    LastChange,
    PacePoint,
    Parcel,
    PlaceStatus,
    Resumption,
    RunInfo,
    RunState,
    Snapshot,
    Task,
    TaskVersion,
    Wait,
    WindowStatus,
    WorkerStatus,
)
from core.settings import Settings, load_settings

NOW = 1_764_000_000.0
"""When tests happen unless they say otherwise."""

TASK = Task(
    name="work or personal",
    labels=(
        LabelMeaning("1", "work", "about the business of the company"),
        LabelMeaning("0", "personal", "about private life"),
    ),
    rubric="Answer 1 or 0.",
    version="3f9ac2d1e0",
)


def settings_in(folder: Path) -> Settings:
    """Settings that keep every file in one folder."""
    return load_settings({"LABELTUI_HOME": str(folder)})


def key(alias: str, organization: str, state: KeyState = KeyState.READY, **more: object) -> KeyStatus:
    """A key with a life behind it."""
    known: dict[str, object] = {"requests": 412, "errors_429": 1, "tokens": 367_000, "organization_known": True}
    known["last4"] = alias[-4:].rjust(4, "x")
    return KeyStatus(alias, organization=organization, state=state, **{**known, **more})  # type: ignore[arg-type]


def window(organization: str, dimension: Dimension, limit: float, used: float) -> WindowStatus:
    """A quota window with that much of it spent."""
    full_in_s = used / limit * dimension.period_s
    return WindowStatus(organization, "openai/gpt-oss-20b", dimension, limit, limit - used, full_in_s)


KEYS = (
    key("main", "org_a"),
    key("spare", "org_a", requests=398),
    key("lab", "org_b", KeyState.COOLING, cooldown_s=41.0, limit="TPM", reason="429", errors_429=3),
    key("old", "org_b", KeyState.INVALID, reason="the API refused it", since_at=NOW - 7200),
)

WINDOWS = (
    window("org_a", Dimension.TPM, 8_000, 5_600),
    window("org_a", Dimension.TPD, 200_000, 54_000),
    window("org_b", Dimension.TPM, 8_000, 7_950),
    window("org_b", Dimension.TPD, 200_000, 112_000),
)


TROUBLES = (
    KeyTrouble(
        NOW - 60, "org_b", "openai/gpt-oss-20b", "rate_limited", 429, "TPM", 41.0, "Rate limit reached for tokens"
    ),
    KeyTrouble(NOW - 900, "org_b", "openai/gpt-oss-20b", "server_error", 503, "", None, "overloaded \x1b[31m"),
)

SPENT = (
    KeySpend("2025-11-24", "openai/gpt-oss-20b", 412, 1, 367_000, 9_000),
    KeySpend("2025-11-23", "openai/gpt-oss-20b", 1_200, 4, 1_060_000, 31_000),
)


def email(n: int, state: EmailState = EmailState.PENDING, **more: object) -> EmailRow:
    """An email by its number."""
    given = {
        "subject": f"Subject of message {n}",
        "sender": f"person{n % 7}@example.org",
        "date": "Mon, 14 May 2001 16:39:00 -0700",
        "label": "1" if state is EmailState.LABELED else None,
        "label_source": "model" if state is EmailState.LABELED else None,
        "reasks": 0,
        "failure": "no valid label after 3 answers" if state is EmailState.FAILED else None,
    }
    return EmailRow(n, n, f"<{n}@example.org>", state=state, **{**given, **more})  # type: ignore[arg-type]


@dataclass
class FakeRun:
    """A run in memory. Tests set its fields; ``snapshot`` is what a reader would see."""

    name: str = "enron"
    path: Path = Path("/nowhere/runs/enron.db")
    emails: list[EmailRow] = field(default_factory=list)
    state: RunState = RunState.NEW
    reason: str = ""
    alive: bool = False
    in_flight: int = 0
    beat_at: float | None = None
    started_at: float | None = None
    epoch: int = 0
    simulated: bool = False
    wait: Wait | None = None
    commands: list[CommandRecord] = field(default_factory=list)
    resumption: Resumption | None = None
    forecast: Forecast | None = field(default_factory=lambda: Forecast(2400.0, 2100.0, 2700.0, "TPM of org_b"))
    asking: dict[str, int] = field(default_factory=dict)
    pace: tuple[PacePoint, ...] = ()
    recent: tuple[Happening, ...] = ()
    reasks: dict[int, int] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)
    trouble: str = ""
    changes_made: list[tuple[LastChange, list[EmailRow]]] = field(default_factory=list)
    notes: dict[int, list[str]] = field(default_factory=dict)
    unsortable: frozenset[str] = frozenset()
    task: Task = TASK
    older_versions: tuple[TaskVersion, ...] = ()
    older_labels: dict[str, int] = field(default_factory=dict)
    order: str = "shuffled"
    tally: dict[str, int] = field(default_factory=dict)
    places: tuple[PlaceStatus, ...] = ()
    lane: LaneChoice = LaneChoice()
    parcels: tuple[Parcel, ...] = ()
    lanes: tuple[LaneSpent, ...] = ()
    text: str = "From: a@example.org\nSubject: hello\n\nCould you send the contract?"

    def count(self, state: str | None) -> int:
        if state == "human":
            return sum(1 for row in self.emails if row.label_source == "human")
        return sum(1 for row in self.emails if state is None or row.state.value == state)

    def snapshot(self, now: float) -> Snapshot:
        if self.trouble:
            raise RunFileError(self.trouble)
        rows = self.emails
        labeled = [row for row in rows if row.state is EmailState.LABELED]
        labels = {meaning.value: 0 for meaning in self.task.labels}
        for row in labeled:
            labels[str(row.label)] = labels.get(str(row.label), 0) + 1
        sources: dict[str, int] = {}
        for row in labeled:
            sources[str(row.label_source)] = sources.get(str(row.label_source), 0) + 1
        reasks = self.reasks or {0: len(labeled)}
        settled_before = next((row.position for row in rows if row.state is EmailState.PENDING), len(rows))
        return Snapshot(
            run=RunInfo(
                self.name, str(self.path), "enron.csv", NOW - 9000, self.order, 7, dedupe=True, base_url=None,
                simulated=self.simulated, task=self.task,
            ),
            state=self.state,
            wanted="run",
            reason=self.reason,
            worker=WorkerStatus(
                4711 if self.epoch else None, self.alive, self.beat_at, self.started_at, self.epoch, self.in_flight,
                "laptop",
            ),
            wait=self.wait,
            total=len(rows),
            labeled=len(labeled),
            failed=self.count("failed"),
            skipped=self.count("skipped"),
            pending=self.count("pending"),
            cursor=settled_before,
            labels=labels,
            recent_labels={value: min(count, 125) for value, count in labels.items()},
            sources=sources,
            reasks=reasks,
            outcomes=self.outcomes or {"answered": len(labeled)},
            attempts=len(labeled) + self.count("failed"),
            prompt_tokens=900 * len(labeled),
            completion_tokens=12 * len(labeled),
            asking=dict(self.asking),
            pace=self.pace,
            recent=self.recent,
            commands=tuple(self.commands),
            resumption=self.resumption,
            forecast=self.forecast if self.count("pending") else None,
            started_at=self.started_at,
            finished_at=None,
            taken_at=now,
            flagged=sum(1 for row in rows if row.flags),
            places=self.places,
            lane=self.lane,
            parcels=self.parcels,
            lanes=self.lanes,
        )  # fmt: skip


@cache
def _rows(total: int, settled: int) -> tuple[EmailRow, ...]:
    """Emails of which the first are settled: labeled, copies of labeled ones, and a few failed."""
    emails = []
    for n in range(total):
        if n >= settled:
            emails.append(email(n))
        elif n % 410 == 7:
            emails.append(email(n, EmailState.FAILED))
        elif n % 2:
            emails.append(email(n, EmailState.LABELED, label_source="copy", label="1" if n % 6 else "0"))
        else:
            emails.append(email(n, EmailState.LABELED, label="1" if n % 5 else "0", reasks=1 if n % 58 == 0 else 0))
    return tuple(emails)


def running(total: int = 5031, settled: int = 2871) -> FakeRun:
    """A run in full swing."""
    emails = list(_rows(total, settled))
    labeled = sum(1 for row in emails if row.state is EmailState.LABELED)
    pace = tuple(
        PacePoint(
            NOW - 3600 + 5 * n, 5.0, 0 if 300 <= n < 330 else 4 + (n * 7) % 5, 0, 3, 5.0 if 300 <= n < 330 else 0.0
        )
        for n in range(720)
    )
    recent = (
        Happening(NOW - 1, "labeled", "Re: storage contract draft", "1", "main", 0.6, 412, 0, 2870),
        Happening(NOW - 1, "labeled", "dinner on saturday?", "0", "spare", 0.5, 288, 1, 2868),
        Happening(NOW - 13, "waiting", "org_b waits 00:53 for tokens per minute", key_alias="lab"),
        Happening(
            NOW - 15,
            "failed",
            "no valid label after 3 answers",
            key_alias="main",
            email_id=2467,
            subject="re: the key to the boat house",
        ),
        Happening(
            NOW - 16,
            "labeled",
            "gas nominations for the 14th and some more words to make it long",
            "1",
            "main",
            0.7,
            1412,
        ),
        Happening(NOW - 22, "human", "email 17 labeled 0 by ana"),
        *(
            Happening(NOW - 30 - n, "labeled", f"Subject of message {2800 - n}", "1", "main", 0.4 + n / 50, 300 + n)
            for n in range(34)
        ),
    )
    return FakeRun(
        emails=emails,
        state=RunState.RUNNING,
        alive=True,
        in_flight=6,
        beat_at=NOW - 0.2,
        started_at=NOW - 752,
        epoch=3,
        asking={"main": 2, "spare": 4},
        pace=pace,
        recent=recent,
        reasks={0: labeled - 108, 1: 98, 2: 10},
        outcomes={"answered": labeled, "invalid": 91, "empty": 7, "rate_limited": 12, "timeout": 3},
        commands=[
            CommandRecord("c1", "pause", "", NOW - 300, NOW - 299.6, "paused"),
            CommandRecord("c2", "resume", "", NOW - 200, NOW - 199.7, "resumed"),
        ],
        resumption=Resumption(NOW - 752, 3, 2_858, 2_401, 3, 6, "was killed"),
    )


def stopped(total: int = 40, settled: int = 20) -> FakeRun:
    """A run whose worker ended, with work left."""
    run = running(total, settled)
    run.state, run.alive, run.in_flight, run.asking = RunState.STOPPED, False, 0, {}
    return run
