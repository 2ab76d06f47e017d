"""The review and the figures under real keys, over a real run file: blind, one key a label, back after a kill."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.commands.command import Command
from core.engine import Engine, SentCommand, split_history
from core.llm.task import versioned
from core.model import AskKind, Attempt, LabelMeaning, Outcome, Settled, Task
from core.quality.audit import judge
from core.quality.session import Phase
from core.settings import Settings
from core.storage.file.lock import RunLock
from core.storage.reading.reviews import read_alarms, read_audit
from core.storage.writing.check import check_run
from core.storage.writing.intake import NewRun
from core.storage.writing.settle import Answer
from core.storage.writing.store import Store
from tests.conftest import MakeRun, emails
from tests.tui.conftest import Desk
from tests.tui.fakes import NOW
from tui.app import LabeltuiApp
from tui.screens.emails.record import RecordScreen
from tui.screens.quality.compare import CompareScreen
from tui.screens.quality.quality import QualityScreen
from tui.screens.quality.review import ReviewScreen
from tui.screens.quality.settle import SettleScreen
from tui.terminal.terminal import CAPABLE
from tui.text.review import keys_of

pytestmark = pytest.mark.asyncio

COUNT = 60
Console = Callable[..., object]


def truth(number: int) -> str:
    return "0" if number % 5 == 0 else "1"


def by_model(number: int) -> str:
    return "1" if number % 10 == 0 else truth(number)


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    """A run of sixty texts of which fifty are labeled; the model gets every tenth wrong."""
    path = make_run([f"text number {number}\n\n> quoted {number}\n> more" for number in range(1, COUNT + 1)])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        answers = []
        for number in range(1, 51):
            attempt = Attempt(
                number, 1, AskKind.ASK, "key", "org", "model-a", "v1", NOW, 0.1, Outcome.ANSWERED, by_model(number)
            )
            answers.append(Answer(attempt, Settled(number, 0, by_model(number))))
        store.commit(answers, now=NOW)
    return path


@asynccontextmanager
async def console(
    settings: Settings, run: Path, *, annotator: str = "anna", size: tuple[int, int] = (80, 24), batch: int = 25,
    read_only: bool = False,
) -> AsyncIterator[Desk]:  # fmt: skip
    now = [NOW]
    app = LabeltuiApp(
        settings, run=run, threaded=False, terminal=CAPABLE, clock=lambda: now[0], review=(annotator, batch),
        read_only=read_only,
    )  # fmt: skip
    async with app.run_test(size=size, notifications=True) as pilot:
        at = Desk.__new__(Desk)
        at.app, at.pilot = app, pilot
        await at.settle()
        yield at


def review_of(at: Desk) -> ReviewScreen:
    assert isinstance(at.app.screen, ReviewScreen)
    return at.app.screen


def number_shown(at: Desk) -> int:
    found = re.search(r"text number (\d+)", at.screen())
    assert found is not None, at.screen()
    return int(found.group(1))


async def answer(at: Desk, count: int, label_of: Callable[[int], str] = truth) -> list[int]:
    seen = []
    for _ in range(count):
        seen.append(number_shown(at))
        await at.press(label_of(seen[-1]))
    return seen


async def test_a_batch_is_answered_with_one_key_each_and_revealed_at_its_end(settings: Settings, run: Path) -> None:
    """Twenty-five keys answer twenty-five items; disagreements come back among decoys; then agreement is shown above the next item."""
    async with console(settings, run) as at:
        assert "0/25" in at.screen()
        seen = await answer(at, 25)
        assert len(set(seen)) == 25
        wrong = [number for number in seen if number <= 50 and truth(number) != by_model(number)]
        assert wrong
        assert review_of(at).phase is Phase.SECOND
        again = len(wrong) + max(2, len(wrong))
        assert f"second look 0/{again}" in at.screen()
        await answer(at, again)
        screen = at.screen()
        assert "Batch 1 is answered." in screen
        assert f"agree on {sum(n <= 50 for n in seen) - len(wrong)} of {sum(n <= 50 for n in seen)}" in screen
        assert "batch 2 · answered 0/25" in screen  # the next item is there to answer, under this batch's result
        assert review_of(at).current is not None
        await answer(at, 1)
        assert "Batch 1 is answered." not in at.screen()
    audit = read_audit(run)
    assert judge(audit).confusion["1"]["0"] == len(wrong)
    assert sum(len(m.answers) for m in audit.members) == 25 + again + 1
    assert check_run(run).sound


async def test_nothing_betrays_the_model_before_the_batch_is_over(settings: Settings, run: Path) -> None:
    """The screen of an item has the same words whatever the model said of it, and its folder line is hidden."""
    async with console(settings, run) as at:
        for _ in range(25):
            screen = at.screen()
            assert not re.search(r"agree|model|follow|labeled by|✓|≠", screen.split("Work is 1.")[0].split("\n", 2)[2])
            await at.press("1")


async def test_a_review_goes_on_where_a_killed_console_left_it(settings: Settings, run: Path) -> None:
    """Answers are kept as they are given; another console shows the next item of the same batch, also in second looks."""
    async with console(settings, run) as at:
        first = await answer(at, 9)
    async with console(settings, run) as at:
        assert "9/25" in at.screen()
        rest = await answer(at, 16)
        assert not set(first) & set(rest)
        of = review_of(at).phase is Phase.SECOND and int(re.search(r"second look 0/(\d+)", at.screen()).group(1))  # type: ignore[union-attr]
        assert of
        looked = await answer(at, 2)
    async with console(settings, run) as at:
        assert f"second look 2/{of}" in at.screen()
        assert not set(looked) & set(await answer(at, int(of) - 2))
        assert "Batch 1 is answered." in at.screen()


async def test_the_last_answer_of_a_batch_is_awaited_where_a_worker_applies_it(
    settings: Settings, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker applies answers later than they are sent: the result and the next batch wait for the last one."""
    waiting: list[tuple[SentCommand, Command]] = []
    apply = Engine.send

    def post(self: Engine, path: Path, command: Command) -> SentCommand:
        sent = SentCommand(f"command {len(waiting)}", "requested", command)
        waiting.append((sent, command))
        return sent

    def await_answer(self: Engine, path: Path, sent: SentCommand, *, timeout_s: float) -> None:
        while waiting and any(each is sent for each, _ in waiting):
            apply(self, path, waiting.pop(0)[1])

    monkeypatch.setattr(Engine, "send", post)
    monkeypatch.setattr(Engine, "await_answer", await_answer)
    async with console(settings, run) as at:
        await answer(at, 25)
        assert review_of(at).phase is Phase.SECOND
        await answer(at, review_of(at).place_left)
        assert "batch 2 · answered 0/25" in at.screen()
        assert "Batch 1 is answered." in at.screen()


async def test_taking_back_goes_back_through_the_batch(settings: Settings, run: Path) -> None:
    """U shows the item before and takes its answer out of the file; at the beginning it says so."""
    async with console(settings, run) as at:
        seen = await answer(at, 3)
        await at.press("U", "U")
        assert number_shown(at) == seen[1]
        assert "1/25" in at.screen()
        assert sum(len(m.answers) for m in read_audit(run).members) == 1
        await at.press("U", "U")
        assert "nothing to take back" in at.said()
        assert await answer(at, 3) == seen


async def test_cannot_tell_notes_history_and_raw(settings: Settings, run: Path) -> None:
    """A full stop answers without a label, m keeps a note with the answer, space unfolds quoted history, v shows raw."""
    async with console(settings, run, size=(120, 40)) as at:
        assert "quoted words" in at.screen()
        assert "> more" not in at.screen()
        await at.press("space")
        assert "> more" in at.screen()
        await at.press("v")
        assert "Subject:" in at.screen()
        await at.press("m", *"odd", "enter")
        assert "note: odd" in at.screen()
        await at.press("1", "full_stop")
    answers = [a for m in read_audit(run).members for a in m.answers]
    assert sorted((a.value or "", a.note) for a in answers) == [("", ""), ("1", "odd")]


async def test_header_lines_are_cut_to_the_width_of_a_terminal_that_became_narrower(
    settings: Settings, make_run: MakeRun
) -> None:
    """A mail with many readers shows one line for them at once, not only from the next text on."""
    readers = ", ".join(f"reader{number}@example.com" for number in range(20))
    run = make_run([f"From: ann@example.com\nTo: {readers}\nSubject: tea\n\ntext number 1"])
    async with console(settings, run, size=(160, 40)) as at:
        assert "reader3" in at.screen()
        await at.pilot.resize_terminal(80, 24)
        await at.settle()
        lines = at.screen().splitlines()
    first = next(number for number, each in enumerate(lines) if "To: reader0" in each)
    assert "Subject: tea" in lines[first + 1]


async def test_a_read_only_console_keeps_no_answer(settings: Settings, run: Path) -> None:
    """It shows the item, and says why it takes no answer."""
    async with console(settings, run, read_only=True) as at:
        await at.press("1")
        assert "read-only" in at.said()
    assert not any(m.answers for m in read_audit(run).members)


async def test_the_figures_fill_and_lead_to_what_is_behind_them(settings: Settings, run: Path) -> None:
    """Q shows figures with intervals, confusion, people and watches; e reads where model and people differ."""
    async with console(settings, run, size=(120, 40)) as at:
        await at.press("Q")
        assert isinstance(at.app.screen, QualityScreen)
        assert "checked by nobody" in at.screen()
        assert "What it takes to know" in at.screen()
        await at.press("escape")
        seen = await answer(at, 25)
        await answer(at, review_of(at).place_left)
        await at.press("Q")
        screen = at.screen()
        for words in (
            "corrected",
            "recall",
            "precision",
            "accuracy",
            "model 1",
            "person 0",
            "anna",
            "Watches",
            "25 answers",
        ):
            assert words in screen
        audit = read_audit(run)
        quality = judge(audit)
        assert f"{quality.audited} of 50 checked" in screen
        accuracy = quality.figures.accuracy
        assert accuracy is not None
        assert f"{accuracy.value * 100:.1f}  {accuracy.low * 100:.1f}–{accuracy.high * 100:.1f}" in screen
        await at.press("e")
        assert isinstance(at.app.screen, RecordScreen)
        wrong = {n for n in seen if n <= 50 and truth(n) != by_model(n)}
        assert at.app.screen.selected().id in wrong  # type: ignore[union-attr]


async def test_the_sample_grows_and_the_report_is_written(settings: Settings, run: Path) -> None:
    """g raises the goal, t tops rare labels up, w writes the report beside the run."""
    async with console(settings, run, size=(120, 40)) as at:
        await at.press("Q", "M")
        assert read_audit(run).sample.goal == 400
        await at.press("t", "w")
        assert "report was written" in at.said()
    assert run.with_suffix(".quality.html").read_text("utf-8").startswith("<!doctype html>")


async def test_an_alarm_is_dismissed_with_a_note(settings: Settings, run: Path) -> None:
    """An alarm is shown on top as soon as it is raised; d asks why and dismisses it; without one it says so."""
    async with console(settings, run, size=(120, 40)) as at:
        await at.press("Q", "d")
        assert "No alarm stands" in at.said()
        with RunLock(run) as lock, Store.open(run, lock) as store:
            watches = store.watches()
            reading = next(each for each in watches.readings() if each.watch.value == "shares")
            store.raise_alarm(reading, now=NOW)
        at.app.poller.read()
        await at.settle()
        assert "! shares: " in at.screen().split("corrected")[0]
        await at.press("escape", "escape")
        assert "! shares: " in at.screen()  # the monitor shows it as long as it stands
        assert "Q answers it" in at.screen()
        await at.press("Q", "d", *"known", "enter")
    assert [(row.state, row.note) for row in read_alarms(run)] == [("dismissed", "known")]


@pytest.mark.parametrize(
    ("text", "written", "quoted"),
    [
        ("hello\n\n-----Original Message-----\nFrom: x\nold", "hello", 4),
        ("hello\n> one\n> two", "hello", 4),
        ("> only quoted", "> only quoted", 0),
        ("From: a@b.org\nSubject: s\n\nhello", "From: a@b.org\nSubject: s\n\nhello", 0),
        ("From: a@b.org\n\nok\nOn Mon, Ann <a@b.org> wrote:\nold", "From: a@b.org\n\nok", 7),
    ],
)
async def test_quoted_history_is_folded_behind_what_was_written(text: str, written: str, quoted: int) -> None:
    """History behind something written is folded; header lines on top and mails of history alone are not."""
    shown, history = split_history(text)
    assert shown == written
    assert (len(history.split()) > 0) is (quoted > 0)


async def test_labels_have_one_key_each() -> None:
    """Digits answer for themselves; other labels by their place."""
    digits = Task("t", (LabelMeaning("1", "work"), LabelMeaning("0", "personal")), "", "v")
    words = Task("t", (LabelMeaning("spam", "spam"), LabelMeaning("ham", "ham")), "", "v")
    assert keys_of(digits) == {"1": "1", "0": "0"}
    assert keys_of(words) == {"1": "spam", "2": "ham"}


async def test_each_of_many_labels_answers_a_review_by_a_part_of_it(settings: Settings, tmp_path: Path) -> None:
    """Nine have keys; 0 finds any by what is typed, in any script, and esc answers nothing."""
    labels = tuple(LabelMeaning(value, value) for value in (*(f"order status {n}" for n in range(40)), "注文 返品"))
    path, task = tmp_path / "many.db", versioned(Task("t", labels, "rubric"))
    new = NewRun("many", "somewhere.csv", "digest", NOW, order="source", seed=3)
    with RunLock(path) as lock:
        Store.create(path, new, task).close()
        with Store.open(path, lock) as store:
            store.add_emails(emails([f"text number {number}" for number in range(30)]))
    async with console(settings, path) as at:
        assert "0 find one of 41 labels" in at.screen()
        await at.press("0", *"zzz", "enter", "escape")
        review = review_of(at)
        assert review.current is not None
        await at.press("0", *"返品")
        assert "1 of 41 labels" in at.screen()
        await at.press("enter")
        await at.press("0", *"status 39", "enter", "2")
    given = {answer.value for member in read_audit(path).drawn for answer in member.answers}
    assert given == {"注文 返品", "order status 39", "order status 1"}


async def test_what_differs_is_settled_and_no_answer_is_erased(settings: Settings, run: Path) -> None:
    """S on the figures walks through what differs, shows what each said, and keeps the decision as a row of its own."""
    async with console(settings, run, size=(120, 40)) as at:
        seen = await answer(at, 25)
        await answer(at, review_of(at).place_left)
        before = sum(len(m.answers) for m in read_audit(run).members)
        await at.press("Q", "S")
        assert isinstance(at.app.screen, SettleScreen)
        assert "anna: 0 · model: 1" in at.screen()
        wrong = {number for number in seen if number <= 50 and truth(number) != by_model(number)}
        for _ in wrong:
            await at.press("1")
        assert f"{len(wrong)} settled" in at.screen()
        await at.press("Q")
        assert isinstance(at.app.screen, QualityScreen)
        await at.press("S")
        assert "Nothing is left to settle" in at.said()
    audit = read_audit(run)
    assert sum(len(m.answers) for m in audit.members) == before + len(wrong)
    assert judge(audit).disagreements() == ()


async def test_the_monitor_says_what_people_checked_and_versions_are_compared(settings: Settings, run: Path) -> None:
    """One line at 80 by 24: nobody yet; then how many, agreement and the corrected share; C says why none compares."""
    async with console(settings, run) as at:
        await at.press("escape")
        assert "checked by nobody" in at.screen()
        await at.press("r")
        await answer(at, 25)
        await at.press("escape")
        at.app.poller.read()
        await at.settle()
        row = next(each for each in at.screen().splitlines() if "checked" in each)
        assert re.search(r"checked \d+ of 50 · \d+ % \(\d+–\d+\) agree", row), row
        await at.press("Q", "C")
        assert isinstance(at.app.screen, CompareScreen)
        assert "Only one version" in at.screen()
