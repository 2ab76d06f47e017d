"""Offer labeltui to Python programs and notebooks: label a data frame, make and open runs, read labels.

Published as ``labeltui``. A worker is a process of its own here too: a notebook's event loop is not touched, and labels
that were paid for outlive the kernel.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from core.commands.catalog import Pause, Resume, Stop
from core.engine import Engine, ExportOptions, RunOptions, SourceOptions, chosen_task
from core.errors import LabeltuiError, UsageError
from core.model import RunState, Snapshot, Task
from core.settings import load_settings
from core.sources.columns import ColumnsError

TaskLike: TypeAlias = Task | str | Path | None

ROW = "labeltui_row"
"""The column that numbers the rows of a frame that has no ids of its own."""
ADDED = (
    *("label", "label_name", "label_source", "model_label", "human_label"),
    *("state", "failure", "raw_answer", "tokens"),
)
"""What :func:`label` puts beside a frame's own columns."""
_LOOK_S = 0.5


def label(
    frame: Any,
    task: TaskLike = None,
    *,
    model: str | None = None,
    text_column: str | None = None,
    id_column: str | None = None,
    name: str | None = None,
    base_url: str | None = None,
    progress: bool = True,
) -> Any:
    """Label every row of a frame and return it with the columns of :data:`ADDED`.

    ``frame`` is a pandas or polars data frame, an Arrow table, rows as mappings, or texts; data frames and tables come
    back as what they are, anything else as a list of dictionaries. ``task`` is a task file or a Task; without one it is
    the built-in task. The run is kept under ``name`` (by default one that follows from the rows): called again with the
    same rows it goes on and asks nothing twice. Ctrl-C stops the worker; what was labeled is kept.

    Raises:
        LabeltuiError: the rows, the task or the keys are unusable, or the run paused or stopped before its end.
    """
    rows = _rows_of(frame)
    if not rows:
        raise UsageError("There are no rows to label.")
    names = list(dict.fromkeys(key for row in rows for key in row))
    for option, column in (("text_column", text_column), ("id_column", id_column)):
        if column and column not in names:
            raise ColumnsError(f"There is no column {column!r}, which {option} names. {_there_are(names)}", names)
    lines = [json.dumps({**row, **({} if id_column else {ROW: str(n)})}, default=str) for n, row in enumerate(rows)]
    data = ("\n".join(lines) + "\n").encode()
    name = name or f"frame-{hashlib.sha256(data).hexdigest()[:10]}"
    with tempfile.TemporaryDirectory(prefix="labeltui-") as folder:
        source = Path(folder) / f"{name}.jsonl"
        source.write_bytes(data)
        reading = SourceOptions(text_column=text_column, id_column=id_column or ROW)
        try:
            run = Run.create(source, task, name=name, model=model, base_url=base_url, reading=reading)
        except ColumnsError:  # its words are those of the command line, about the file
            words = "No column, or more than one, looks like the text. Name it with text_column."
            raise ColumnsError(f"{words} {_there_are(names)}", names) from None
    run.work(progress=progress)
    known = {row["id"]: row for row in run}
    found = []
    for n, row in enumerate(rows):
        result = known.get(str(row[id_column]) if id_column else str(n), {})
        found.append({key: result.get(key, "skipped" if key == "state" else None) for key in ADDED})
    return _with_columns(frame, rows, found)


def _there_are(names: Sequence[str]) -> str:
    return f"There are: {', '.join(map(repr, names[:20]))}{' …' if len(names) > 20 else ''}."


class Run:
    """Give access to a run: worker, state and labels. Iterating yields a dictionary for each item, in source order."""

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine

    @classmethod
    def open(cls, name: str | Path) -> Run:
        """Return the run of that name, or in that file. Raises LabeltuiError where there is none."""
        engine = Engine(load_settings())
        return cls(engine.find(str(name)), engine)

    @classmethod
    def create(
        cls,
        source: str | Path | Sequence[str | Path],
        task: TaskLike = None,
        *,
        name: str | None = None,
        model: str | None = None,
        base_url: str | None = None,
        reading: SourceOptions | None = None,
    ) -> Run:
        """Make a run from files or folders; the same source and name again opens the run that is there.

        The server of a new run is asked one tiny question, at ``base_url`` and the usual places below it; the run keeps
        the one that answers.

        Raises:
            LabeltuiError: the source, the task or the name is unusable.
        """
        engine = Engine(load_settings())
        paths = [Path(one) for one in ([source] if isinstance(source, str | Path) else source)]
        asked = _task(task, model)
        kept, _ = engine.address_for_new(paths[0], name, base_url, asked.model.model)
        options = RunOptions(name=name, source=reading or SourceOptions(), base_url=kept)
        return cls(engine.create(paths, asked, options)[0].path, engine)

    @property
    def name(self) -> str:
        """Return the run's name."""
        return self.path.stem

    @property
    def status(self) -> Snapshot:
        """Return the run as it is now."""
        return self._engine.snapshot(self.path)

    def __len__(self) -> int:
        return self.status.total

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.labels()

    def __repr__(self) -> str:
        now = self.status
        return f"<Run {self.name}: {now.state.value}, {now.labeled:,} of {now.total:,} labeled>"

    def labels(self, *, where: str = "", only: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the items as an export holds them: all, or those of a filter, as of now."""
        from core.runs.save import exported  # noqa: PLC0415 - brings the layouts

        return exported(self.path, ExportOptions(where=where, only=only))

    def export(self, target: str | Path, **options: Any) -> int:
        """Write the labels to a file or folder; returns the rows. ``options`` are those of ``labeltui export``."""
        return self._engine.export(self.path, Path(target), ExportOptions(**options))

    def start(self) -> None:
        """Start a worker in the background; one that is paused goes on."""
        self._engine.start(self.path)

    def pause(self) -> None:
        """Let no new call go out."""
        self._engine.send(self.path, Pause())

    def resume(self) -> None:
        """Go on."""
        self._engine.send(self.path, Resume())

    def stop(self) -> None:
        """End the worker after the calls in flight."""
        self._engine.send(self.path, Stop())

    def wait(self, *, progress: bool = True, timeout_s: float = math.inf) -> Snapshot:
        """Wait until no worker has the run, it pauses, or the time is over; return how it is then."""
        until, tell = time.monotonic() + timeout_s, _teller(progress)
        while True:
            now = self.status
            tell(now)
            working = now.worker.alive and now.state is not RunState.PAUSED
            if not working or time.monotonic() >= until:
                return now
            time.sleep(_LOOK_S)

    def work(self, *, progress: bool = True) -> Snapshot:
        """Start a worker and wait until everything is done.

        Raises:
            LabeltuiError: the run paused or stopped with work left; says why.
        """
        if self.status.pending:
            self.start()
            try:
                now = self.wait(progress=progress)
            except KeyboardInterrupt:
                self.stop()
                raise
            if now.pending:
                why = f": {now.reason}" if now.reason else ""
                raise LabeltuiError(
                    f"The run {self.name} is {now.state.value} with {now.pending:,} items left{why}. What is labeled is"
                    f" kept; `labeltui open {self.name}` shows more, and calling this again goes on."
                )
        return self.status


def _task(task: TaskLike, model: str | None) -> Task:
    if isinstance(task, Task):
        return replace(task, model=replace(task.model, model=model)) if model else task
    return chosen_task(None if task is None else Path(task), model)


def _teller(progress: bool) -> Callable[[Snapshot], None]:  # noqa: FBT001 - as it was asked for
    """Return what writes the state in place, in a terminal and in a notebook alike."""

    def tell(now: Snapshot) -> None:
        done = now.total - now.pending
        end = "\n" if not now.worker.alive else ""
        print(f"\r{done:,} of {now.total:,} {now.state.value}   ", end=end, file=sys.stderr, flush=True)  # noqa: T201

    return tell if progress else lambda _: None


def _rows_of(frame: Any) -> list[dict[str, Any]]:
    """Return the rows of whatever was given, with values that JSON can hold."""
    if hasattr(frame, "to_pylist"):
        rows = frame.to_pylist()
    elif hasattr(frame, "to_dicts"):
        rows = frame.to_dicts()
    elif hasattr(frame, "to_dict") and hasattr(frame, "columns"):
        rows = frame.to_dict(orient="records")
    elif isinstance(frame, str | bytes | Mapping) or not isinstance(frame, Iterable):
        raise UsageError("Give a data frame, a table, rows as mappings, or texts.")
    else:
        rows = [dict(row) if isinstance(row, Mapping) else {"text": row} for row in frame]
    return [{str(key): _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    """Return a cell as JSON can hold it: what is not a number (NaN) is nothing, numbers of numpy are numbers."""
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _with_columns(frame: Any, rows: list[dict[str, Any]], found: list[dict[str, Any]]) -> Any:
    """Return the frame with the labels' columns, as what it is."""
    columns = {name: [row[name] for row in found] for name in ADDED}
    if hasattr(frame, "to_pylist"):
        for name, cells in columns.items():
            frame = frame.append_column(name, [cells])
        return frame
    if hasattr(frame, "to_dicts"):
        return frame.with_columns(**{name: type(frame)({name: cells})[name] for name, cells in columns.items()})
    if hasattr(frame, "assign"):
        return frame.assign(**columns)
    return [{**row, **more} for row, more in zip(rows, found, strict=True)]
