"""Make the demo: a run on invented emails against the built-in simulator, apart from everything real.

The emails have known labels, and the simulated model errs in two planted ways, so that a review has something to find:
it slips on a few texts at random, and it misreads one kind of text, always in the same way.

It has a folder, keys and quotas of its own. The simulator is a detached process, so that the demo's worker outlives the
console as a real one does; it ends by itself after a silence, and is started again when the demo goes on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core.errors import LabeltuiError, RunBusyError
from core.files import write_whole
from core.model import SourceEmail
from core.settings import Settings, private_dir
from core.simulator.child import SimulatorChild, adopt, start_child
from core.simulator.config import SimulatorError
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader

NAME = "demo"
DEFAULT_EMAILS = 400
IDLE_EXIT_S = 900.0
KNOWN_LABELS = "known_labels.csv"
"""In the demo's folder: the emails' labels as they were written, for ``labeltui gold demo``."""
_ANSWERS = "answers.csv"
SAMPLE_SEED = 144
"""Seed of the demo's sample: the first ten texts hold two misread ones, the first twenty enough for a rule.
With other seeds that takes from 20 to 80 texts."""

_SIMULATOR = (
    "--keys", "5", "--organizations", "3", "--seed", "11", "--latency", "0.7",
    # Unequal quotas that are spent within a minute: keys cool, one is revoked on the way, so there is much to see.
    "--rpm", "60", "--rpd", "14400", "--tpm", "60000", "--tpd", "2000000",
    "--limit", "org_sim_2:rpm=30", "--limit", "org_sim_3:tpm=18000",
    "--revoke", "5:20",
    # Slips, at random; the misreading is in the labels that it replays.
    "--noise", "0.04",
    "--faults", "invalid=0.07,poison=0.03,length=0.01,capacity=0.01,error_500=0.01",
)  # fmt: skip
_ALIASES = ("main", "spare", "lab", "night", "guest")


def prepare(settings: Settings, emails: int, *, now: float, fresh: bool = False) -> tuple[Path, bool]:
    """Return the demo's run file, made where it is missing; and whether it was there before. ``fresh`` makes it anew.

    Raises:
        LabeltuiError: the simulator cannot be started, or a demo of another size goes on.
    """
    from core.llm.task import builtin_task  # noqa: PLC0415
    from core.runs.find import RunOptions, create_run, run_path  # noqa: PLC0415
    from core.sources.demo_emails import labeled_demo_emails, write_csv  # noqa: PLC0415 - brings what only making needs

    own = settings.for_run(settings.demo_dir / "runs" / f"{NAME}.db")
    path = run_path(own, NAME)
    if path.exists():
        with RunReader(path) as reader:
            if reader.snapshot(now).total == emails and not fresh:
                return path, True
        _remove(path)
    _end_simulator(settings)
    private_dir(settings.demo_dir)
    own.quota_path.unlink(missing_ok=True)
    source = settings.demo_dir / "emails.csv"
    labeled = list(labeled_demo_emails(emails))
    write_csv(source, (email for email, _ in labeled))
    _plant(settings, labeled)
    with ThreadPoolExecutor(1) as pool:  # the simulator takes as long to start as the run takes to make
        starting = pool.submit(_simulator, settings, port=0)
        created = create_run(own, source, builtin_task(), RunOptions(name=NAME, seed=7, simulated=True), now=now).path
        try:
            simulator = starting.result()
        except LabeltuiError:
            _remove(path)
            raise
    _write_keys(own, simulator)
    _finish(created, simulator.base_url, now=now)
    return created, False


def _finish(path: Path, base_url: str, *, now: float) -> None:
    """Let the run ask the simulator, and draw its random sample.

    The sample's seed is :data:`SAMPLE_SEED`, so that every demo's review comes upon the misreading early.
    """
    from core.storage.writing.store import Store  # noqa: PLC0415 - brings sqlite-utils, which only writers need

    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.set_base_url(base_url)
        store.begin_sample(SAMPLE_SEED, now=now)


def ensure_simulator(path: Path, settings: Settings) -> None:
    """See to it that the demo's simulator answers where the run asks; start it again where it ended.

    Raises:
        LabeltuiError: it cannot be started.
    """
    with RunReader(path) as reader:
        base_url = reader.base_url() or ""
    alive = adopt(_ready_file(settings))
    if alive is not None and alive.base_url == base_url:
        return
    port = int(base_url.rpartition(":")[2] or 0)
    try:
        simulator = _simulator(settings, port=port)
    except LabeltuiError:
        simulator = _simulator(settings, port=0)  # somebody else has the port by now
    if simulator.base_url == base_url:
        return
    from core.storage.writing.store import Store  # noqa: PLC0415 - brings sqlite-utils, which only writers need

    with contextlib.suppress(RunBusyError), RunLock(path) as lock, Store.open(path, lock) as store:
        store.set_base_url(simulator.base_url)


def _plant(settings: Settings, labeled: Sequence[tuple[SourceEmail, str]]) -> None:
    """Write the known labels, and what the simulated model is to answer: the same but for its misreading."""
    from core.llm.task import builtin_task  # noqa: PLC0415
    from core.runs.build import viewer  # noqa: PLC0415 - brings the parsers, which only making needs
    from core.simulator.answers import write_replay  # noqa: PLC0415
    from core.sources.demo_emails import misread  # noqa: PLC0415

    view_of = viewer(builtin_task())
    known, answers = ["id,label"], []
    for email, label in labeled:
        known.append(f"{email.source_id},{label}")
        answers.append((view_of(email.raw).text, misread(email, label)))
    write_whole(settings.demo_dir / KNOWN_LABELS, "\n".join(known) + "\n")
    write_replay(settings.demo_dir / _ANSWERS, answers)


def _simulator(settings: Settings, *, port: int) -> SimulatorChild:
    answers = settings.demo_dir / _ANSWERS
    replay = ["--replay", str(answers)] if answers.exists() else []
    try:
        return start_child(
            [*_SIMULATOR, *replay, "--port", str(port)],
            detached=True,
            idle_exit_s=IDLE_EXIT_S,
            ready_file=_ready_file(settings),
        )
    except (SimulatorError, OSError) as error:
        raise LabeltuiError(f"The simulator could not be started: {error}") from error


def _end_simulator(settings: Settings) -> None:
    """End the one of an earlier demo: what it counted and revoked belongs to that demo."""
    with contextlib.suppress(SimulatorError, OSError):
        if (old := adopt(_ready_file(settings))) is not None:
            old.stop()


def _ready_file(settings: Settings) -> Path:
    return settings.demo_dir / "simulator.json"


def _write_keys(own: Settings, simulator: SimulatorChild) -> None:
    """Write the demo's own keys.toml: invented keys, which only its simulator accepts."""
    import tomli_w  # noqa: PLC0415 - only here

    keys = {
        alias: {"secret": secret, "organization": simulator.organizations[secret]}
        for alias, secret in zip(_ALIASES, simulator.keys, strict=True)
    }
    descriptor = os.open(own.keys_path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        tomli_w.dump({"keys": keys}, file)


def _remove(path: Path) -> None:
    """Make room for a demo of another size.

    Raises:
        RunBusyError: the old one goes on.
    """
    with RunLock(path, wait_s=0.5):
        for leftover in path.parent.glob(f"{NAME}*"):
            if leftover.suffix != ".lock":
                leftover.unlink(missing_ok=True)
