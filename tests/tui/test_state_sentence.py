"""What the state line says: the truth about the run, commands as commands, and how old it all is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.model import CommandRecord, EmailState, Forecast, KeyState, RunState, Snapshot, Wait
from tests.tui.fakes import KEYS, NOW, FakeRun, email, running, settings_in
from tui.text.clauses import on_one_row
from tui.text.state_sentence import leave_message, state_sentence
from tui.view_state import Requested, ViewState, data_age, outstanding


def view_state(run: FakeRun, **more: object) -> ViewState:
    return ViewState(now=NOW, path=run.path, snapshot=run.snapshot(NOW), keys=KEYS, read_at=NOW, **more)  # type: ignore[arg-type]


def snapshot_of(**changes: object) -> Snapshot:
    return replace(running(20, 10).snapshot(NOW), **changes)  # type: ignore[arg-type]


def test_a_running_run_shows_rate_keys_and_end() -> None:
    """RUNNING says how fast, with which keys, until when and what binds it."""
    said = state_sentence(view_state(running()), (), NOW)
    assert said.word == "RUNNING"
    assert "labels/min" in said.sentence
    assert "2 keys in use, 1 cooling" in said.sentence
    assert "limited by TPM of org_b" in said.sentence


def test_a_pause_is_requested_until_it_is_acknowledged() -> None:
    """Between command and obedience the word says REQUESTED, with its age; never PAUSED."""
    command = Requested("pause", NOW - 0.4, "w1")
    said = state_sentence(view_state(running()), (command,), NOW)
    assert said.word == "PAUSE REQUESTED"
    assert said.sentence == "requested 0.4 s ago · 6 calls in flight will finish first"


def test_a_command_of_another_console_counts_too() -> None:
    """A recorded command that nobody answered yet is shown as requested as well."""
    run = running()
    run.commands.append(CommandRecord("x", "stop", "", NOW - 1, None, ""))
    assert state_sentence(view_state(run), (), NOW).word == "STOP REQUESTED"


def test_an_handled_pause_with_calls_out_is_not_yet_in_force() -> None:
    """PAUSING is distinguished from PAUSED: handled, but calls are still out."""
    run = running()
    run.state = RunState.PAUSED
    assert state_sentence(view_state(run), (), NOW).word == "PAUSING"
    run.in_flight = 0
    run.commands.append(CommandRecord("c9", "pause", "", NOW - 60, NOW - 59, "paused"))
    said = state_sentence(view_state(run), (), NOW)
    assert said.word == "PAUSED"
    assert said.sentence.endswith("nothing in flight · p resumes")


def test_waiting_names_the_moment_the_limit_and_the_organization() -> None:
    """WAITING counts down to a moment and says what for."""
    run = running()
    run.state = RunState.WAITING
    run.wait = Wait(NOW + 53, "TPM", "org_b", "every key cools")
    said = state_sentence(view_state(run), (), NOW)
    assert said.word == "WAITING"
    assert said.sentence.startswith("00:53 for TPM of org_b, until ")


def test_a_wait_that_is_for_no_quota_says_why() -> None:
    """An organization that is tried again after errors is shown with the server's words."""
    run = running()
    run.state = RunState.WAITING
    run.wait = Wait(NOW + 15, "", "org_b", "org_b is tried again after errors: api.example answered 500: boom")
    said = state_sentence(view_state(run), (), NOW)
    assert said.sentence.startswith("00:15, until ")
    assert "org_b is tried again after errors: api.example answered 500: boom" in said.sentence
    run.wait = Wait(None, "", "org_b", "everything in the queue rests after an error")
    assert state_sentence(view_state(run), (), NOW).sentence.startswith("everything in the queue rests after an error")


def test_the_line_of_what_goes_on_fits_into_eighty_columns() -> None:
    """Rate, keys, limit and end stay whole at 80 columns; the binding limit gives up its details, in its grammar."""
    run = running()
    run.forecast = Forecast(2400.0, 2100.0, 2700.0, "RPM of 3 organizations")
    said = state_sentence(view_state(run), (), NOW)
    assert said.sentence.endswith(" · limited by RPM (3 organizations)")
    assert on_one_row(said.clauses, 78).endswith(" · limited by RPM")
    run.state, run.wait = RunState.WAITING, Wait(NOW + 53, "RPM", "org_sim_2", "every key cools")
    waits = on_one_row(state_sentence(view_state(run), (), NOW).clauses, 78)
    assert waits.startswith("00:53 for RPM of org_sim_2, until ")


def test_a_worker_that_gets_ready_claims_no_rate() -> None:
    """While the validation is loaded nothing is asked, so no rate and no key is shown."""
    run = running()
    run.in_flight, run.reason = 0, "loading the validator"
    said = state_sentence(view_state(run), (), NOW).sentence
    assert said.startswith("loading the validator · ends ")
    assert "labels/min" not in said


def test_why_there_is_no_end_is_not_called_a_limit() -> None:
    """Where the forecast sees no end, its reason stands alone."""
    run = running()
    run.forecast = Forecast(None, None, None, "no key can ask")
    assert state_sentence(view_state(run), (), NOW).sentence.endswith(" · no key can ask")


def test_a_command_to_a_silent_worker_says_so() -> None:
    """A command that a hanging worker cannot read promises nothing of its calls, and names the way out."""
    run = running()
    run.beat_at = NOW - 17
    said = state_sentence(view_state(run), (Requested("stop", NOW - 3, "w1"),), NOW)
    assert said.word == "STOP REQUESTED"
    assert said.sentence == "requested 3.0 s ago · the last heartbeat was 00:17 ago · x kills it"
    assert "will be finished" not in state_sentence(view_state(run), (Requested("pause", NOW - 3, "w1"),), NOW).sentence


def test_silence_of_a_living_worker_is_stale() -> None:
    """A worker that holds the lock but does not write is never shown as running."""
    run = running()
    run.beat_at = NOW - 42
    said = state_sentence(view_state(run), (), NOW)
    assert said.word == "STALE"
    assert "00:42" in said.sentence


def test_a_worker_that_the_disk_refuses_waits_and_is_not_stale() -> None:
    """Its silence has a reason, so nobody is told to kill it: that would throw away the answers that it keeps."""
    run = running()
    run.beat_at, run.state, run.reason = NOW - 42, RunState.WAITING, "the disk has refused the run file for 42 s (full)"
    snapshot = run.snapshot(NOW)
    snapshot = replace(snapshot, worker=replace(snapshot.worker, refused="full"))
    said = state_sentence(replace(view_state(run), snapshot=snapshot), (), NOW)
    assert (said.word, said.sentence) == ("WAITING", run.reason)


def test_a_stopped_run_begins_with_the_remedy() -> None:
    """STOPPED says first what to press, then what is kept and how the last worker ended."""
    run = running(20, 10)
    run.state, run.alive, run.reason = RunState.STOPPED, False, "the worker was killed"
    said = state_sentence(view_state(run), (), NOW)
    assert said.sentence.startswith("s starts it again · 10 kept, 10 pending")
    assert "the worker was killed" in said.sentence


def test_a_new_run_shows_how_to_start() -> None:
    """NEW says which key starts it and how much there is to ask."""
    run = FakeRun(emails=[email(n) for n in range(3)])
    assert state_sentence(view_state(run), (), NOW).sentence.startswith("s starts it · 3 emails pending")


def test_done_points_to_failures_and_export() -> None:
    """DONE says what failed, the share with its interval, and how to take the labels out."""
    run = FakeRun(emails=[email(0, EmailState.LABELED), email(1, EmailState.FAILED)], state=RunState.DONE)
    said = state_sentence(view_state(run), (), NOW)
    assert said.sentence.startswith("1 labeled · 1 failed (e shows it) · work ")
    assert said.sentence.endswith("labeltui export enron labels.csv")


def test_trouble_in_reading_shows_what_age_the_picture_has() -> None:
    """When the file cannot be read the last picture stays, and the line says how old it is."""
    seen = replace(view_state(running()), trouble="the file vanished", read_at=NOW - 12)
    said = state_sentence(seen, (), NOW)
    assert said.word == "CANNOT READ"
    assert said.sentence == "the file vanished · the data shown is 12 s old"
    ended = state_sentence(replace(seen, trouble="There is no run file."), (), NOW)
    assert ended.sentence == "There is no run file · the data shown is 12 s old"


def test_before_the_first_reading_nothing_is_claimed() -> None:
    """An empty picture says that it is being read."""
    assert state_sentence(ViewState(now=NOW), (), NOW).word == "READING"


@pytest.mark.parametrize(
    ("beat_s", "read_s", "alive", "age_s"),
    [(0.2, 0.0, True, 0.2), (7.0, 0.0, True, 7.0), (900.0, 0.3, False, 0.3), (0.1, 6.0, True, 6.0)],
)
def test_data_is_as_old_as_the_older_of_reading_and_heartbeat(
    beat_s: float, read_s: float, alive: bool, age_s: float
) -> None:
    """A living worker's silence ages the data; a worker that is gone does not."""
    run = running(20, 10)
    run.beat_at, run.alive = NOW - beat_s, alive
    assert data_age(replace(view_state(run), read_at=NOW - read_s), NOW) == pytest.approx(age_s)


def test_a_command_is_outstanding_until_its_record_is_acknowledged() -> None:
    """The command leaves when the run file says that it was handled."""
    command = Requested("pause", NOW - 1, "w1")
    waiting = (CommandRecord("w1", "pause", "", NOW - 1, None, ""),)
    handled = (CommandRecord("w1", "pause", "", NOW - 1, NOW - 0.5, "paused"),)
    assert outstanding((command,), snapshot_of(commands=waiting), NOW) == (command,)
    assert outstanding((command,), snapshot_of(commands=handled), NOW) == ()


def test_a_command_to_a_worker_that_went_away_is_given_up() -> None:
    """Nobody will answer it any more, so the screen does not claim it for ever."""
    gone = snapshot_of(worker=replace(snapshot_of().worker, alive=False))
    assert outstanding((Requested("pause", NOW - 1, "w1"),), gone, NOW)
    assert not outstanding((Requested("pause", NOW - 9, "w1"),), gone, NOW)


def test_a_ready_key_with_calls_in_flight_is_shown_in_use() -> None:
    """What a key does now comes from the run's snapshot."""
    states = {key.alias: key.state for key in view_state(running()).shown_keys}
    assert states["main"] is KeyState.IN_USE
    assert states["lab"] is KeyState.COOLING


def test_leave_message_says_who_goes_on_and_how_to_come_back(tmp_path: Path) -> None:
    """The farewell names pid and commands; a run elsewhere is named by its path, the demo by its command."""
    settings = settings_in(tmp_path)
    run = running(20, 10)
    run.path = settings.runs_dir / "enron.db"
    assert leave_message(view_state(run), (), settings) == (
        "The worker of enron keeps running (pid 4711). `labeltui open enron` shows it again; `labeltui stop enron`"
        " stops it."
    )
    run.path = tmp_path / "elsewhere.db"
    assert f"`labeltui stop {tmp_path}/elsewhere.db` stops it" in leave_message(view_state(run), (), settings)
    run.path = settings.demo_dir / "runs" / "demo.db"
    assert "`labeltui demo` shows it again; `labeltui stop demo` stops it." in leave_message(
        view_state(run), (), settings
    )
    run.alive = False
    assert leave_message(view_state(run), (), settings).startswith("No worker runs on demo; 10 emails pending.")
    assert leave_message(ViewState(now=NOW), (), settings) == ""


def test_a_run_that_paused_itself_does_not_claim_an_older_command() -> None:
    """After a trial the line says what was tried, and no time of a pause that was asked for long before."""
    run = running(20, 10)
    run.state, run.in_flight = RunState.PAUSED, 0
    run.reason = "tried 10 emails, as asked"
    said = state_sentence(ViewState(now=NOW, snapshot=run.snapshot(NOW), read_at=NOW), (), NOW)
    assert said.word == "PAUSED"
    assert "tried 10 emails, as asked" in said.sentence
    assert "since" not in said.sentence
