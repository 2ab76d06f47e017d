"""Trying a draft under real keys: the cost first, results beside the present labels, nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from core.errors import LabeltuiError
from core.llm.task import task_to_toml
from core.model import DryRunResult, EmailState, SampledEmail, Task
from core.runs.dry_run import DryRunCost
from tests.tui.conftest import Desk, Opens
from tests.tui.fakes import email
from tests.tui.test_task import HOSTILE, NEW, leave_draft, with_versions
from tui.screens.emails.record import RecordScreen
from tui.screens.task.dry_run import AskDryRun, DryRunScreen
from tui.screens.task.messages import MessagesScreen
from tui.screens.task.task import TaskScreen

pytestmark = pytest.mark.asyncio


def result(number: int, now: str | None, told: str | None, **more: object) -> DryRunResult:
    known: dict[str, object] = {
        "answer": told or "hm",
        "why": "" if told else "no valid label",
        "calls": 1,
        "tokens": 400,
    }
    source = "model" if now else None
    of = SampledEmail(number, f"m{number}", f"Subject of message {number}", now, source)
    return DryRunResult(of, told, **{**known, **more})  # type: ignore[arg-type]


@dataclass
class FakeTrial:
    told: list[DryRunResult]
    error: str = ""
    cancelled: bool = False

    def results(self) -> Iterator[DryRunResult]:
        yield from self.told
        if self.error:
            raise LabeltuiError(self.error)

    def cancel(self) -> None:
        self.cancelled = True


def with_trial(at: Desk, trial: FakeTrial, price: DryRunCost | None = None) -> None:
    """A desk whose trials are that one."""

    def cost(path: object, task: Task, count: int) -> DryRunCost:
        return price or DryRunCost(count, count * 400, 0.0012, 3, learned=True)

    def dry_run(path: object, task: Task, count: int) -> FakeTrial:
        at.engine._note("dry_run", task.version, count)
        return trial

    at.engine.dry_run_cost = cost  # type: ignore[method-assign]
    at.engine.dry_run = dry_run  # type: ignore[method-assign, assignment]
    leave_draft(at, task_to_toml(NEW))


async def test_what_a_trial_costs_is_said_before_it_begins(desk: Opens) -> None:
    """W asks for a number with tokens and money; esc spends nothing, a bad number neither."""
    async with desk(with_versions()) as at:
        with_trial(at, FakeTrial([]))
        await at.press("D", "W")
        assert isinstance(at.app.screen, AskDryRun)
        shown = " ".join(" ".join(at.screen().split("│")[1::2]).split())
        assert "About 4,000 tokens, $0.0012 for 10 emails" in shown
        assert "No label is saved or changed." in shown
        await at.press("backspace", "backspace", "9", "9", "9", "enter")
        assert "A number from 1 to 200." in at.screen()
        assert isinstance(at.app.screen, AskDryRun)
        await at.press("escape")
        assert isinstance(at.app.screen, TaskScreen)
        assert at.engine.asked == []


async def test_a_price_that_comes_after_its_window_was_left_is_not_shown(
    desk: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever left before the cost was counted is not bothered with it, and the console lives on."""
    async with desk(with_versions()) as at:
        with_trial(at, FakeTrial([]))
        await at.press("D")
        held: list[Callable[[], None]] = []
        monkeypatch.setattr(at.app.jobs, "send", lambda job, then, _=None: held.append(lambda: then(job())))
        await at.press("W", "escape")
        assert held
        for each in held:
            each()
        await at.settle()
        assert isinstance(at.app.screen, TaskScreen)


async def test_results_stand_beside_the_present_labels(desk: Opens) -> None:
    """Same and other, in words and glyphs; failures with why; a summary with counts; a mark that it is a trial."""
    told = [result(0, "1", "1"), result(4, "1", "0"), result(30, None, "1"), result(8, "1", None)]
    async with desk(with_versions()) as at:
        with_trial(at, FakeTrial(told))
        await at.press("D", "W", "enter")
        assert isinstance(at.app.screen, DryRunScreen)
        assert at.engine.asked == [("dry_run", NEW.version, 10)]
        shown = at.screen()
        for telling in (
            f"DRY RUN of draft {NEW.version[:8]}", "done: 4 of 10", "1 of 2 as labeled now (50 %)", "1 without a label",
            "1,600 tokens", "≠", "pending", "no valid label · Subject of message 8",
        ):  # fmt: skip
            assert telling in shown, telling
        await at.press("down", "enter")
        assert isinstance(at.app.screen, RecordScreen)
        await at.press("escape", "Y")
        assert isinstance(at.app.screen, MessagesScreen)
        assert "A newer rubric: say 0." in at.screen()
        await at.press("escape", "escape")
        assert isinstance(at.app.screen, TaskScreen)


async def test_an_error_keeps_what_was_answered(desk: Opens) -> None:
    """The sentence is shown, the rows stay."""
    async with desk(with_versions()) as at:
        with_trial(at, FakeTrial([result(0, "1", "1")], error="Every key was refused."))
        await at.press("D", "W", "enter")
        assert "Every key was refused. No label was saved." in at.said()
        assert "ended: 1 of 10" in at.screen()


async def test_without_a_key_the_window_says_so(desk: Opens) -> None:
    """Before anything is begun."""
    async with desk(with_versions()) as at:
        with_trial(at, FakeTrial([]), DryRunCost(10, 4_000, None, 0, learned=False))
        await at.press("D", "W")
        assert "No usable key" in at.screen()


async def test_a_trial_is_refused_read_only_and_without_a_draft(desk: Opens) -> None:
    """It would spend the operator's quotas."""
    async with desk(with_versions(), read_only=True) as at:
        await at.press("D", "W")
        assert "This console is read-only" in at.said()
    async with desk(with_versions()) as at:
        await at.press("D", "W")
        assert "There is no draft" in at.said()


async def test_hostile_answers_are_glyphs(desk: Opens) -> None:
    """Reasons and subjects come from outside."""
    run = with_versions()
    run.emails[0] = replace(email(0, EmailState.LABELED), subject=HOSTILE)
    bad = result(0, "1", None, why=HOSTILE)
    async with desk(run) as at:
        with_trial(at, FakeTrial([replace(bad, email=replace(bad.email, subject=HOSTILE))]))
        await at.press("D", "W", "enter")
        assert "no label" in at.screen()
        assert not set("\x1b\x9b\u202e\u200b") & set(at.screen())


async def test_a_draft_is_scored_against_people(desk: Opens) -> None:
    """How often it is right where people labeled, with interval, kappa and what it gains on the present version."""
    reviewed = [
        DryRunResult(SampledEmail(n, f"m{n}", "s", person, "human", "", person, now), told, "", "", 1, 400)
        for n, (told, person, now) in enumerate((("1", "1", "1"), ("0", "0", "1"), ("0", "0", "1"), ("1", "0", "0")), 1)
    ]
    async with desk(with_versions()) as at:
        with_trial(at, FakeTrial(reviewed))
        await at.press("D", "W", "enter")
        screen = at.screen()
    assert "against people: 3 of 4 right (75 %, 30–95), κ 0.50" in screen
    assert "better on 2, worse on 1 (McNemar p = 1)" in screen
