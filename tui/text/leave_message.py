"""What is said when the console is left."""

from __future__ import annotations

from core.model import RunState
from core.settings import Settings
from core.text import one_line
from tui.actions.keymap import key
from tui.live.view_state import Requested, ViewState
from tui.text.numbers import number, plural


def leave_message(view_state: ViewState, requested: tuple[Requested, ...], settings: Settings) -> str:
    """What to print when the console is left: who goes on, and how to come back."""
    snapshot, path = view_state.snapshot, view_state.path
    if snapshot is None or path is None:
        return ""
    demo = path.is_relative_to(settings.demo_dir)
    name = one_line(path.stem)
    run = name if demo or path.parent == settings.runs_dir else one_line(str(path))
    again = "labeltui demo" if demo else f"labeltui open {run}"
    if snapshot.worker.alive:
        return (
            f"The worker of {name} goes on (pid {snapshot.worker.pid}). `{again}` shows it again;"
            f" `labeltui stop {run}` ends it."
        )
    if any(command.kind == "start" for command in requested):
        return f"A worker of {name} was being started. `{again}` shows it."
    if snapshot.state is RunState.DONE:
        return (
            f"{name} is done: {number(snapshot.labeled)} labeled, {number(snapshot.failed)} failed."
            f" `labeltui export {run} labels.csv` takes the labels out."
        )
    left = f"{plural(snapshot.pending, 'email is', 'emails are')} left"
    return f"No worker runs on {name}; {left}. `{again}`, then {key('start')}, goes on with it."
