"""The lanes and batches of a run on their screen, the window that chooses a lane, and the one before a stop."""

from __future__ import annotations

import pytest

from core.model import LaneChoice, LaneSpent, Parcel
from tests.tui.conftest import Desk, Opens
from tests.tui.fakes import NOW, FakeRun, running

pytestmark = pytest.mark.asyncio


def parcel(number: int, state: str, status: str, completed: int, **more: object) -> Parcel:
    given: dict[str, object] = {
        "id": number, "nonce": f"{number}", "state": state, "key_alias": "one", "organization": "org_1", "model": "m",
        "task_version": "v", "window": "24h", "packed_at": NOW - 900, "tried_at": None, "file_id": "f",
        "batch_id": f"batch_{number}", "status": status, "total": 1_000, "completed": completed, "failed": 0,
        "tokens": 900_000.0, "sent_at": NOW - 800, "expires_at": NOW + 3_600, "polled_at": NOW, "output_file_id": None,
        "error_file_id": None, "reason": "",
    }  # fmt: skip
    return Parcel(**{**given, **more})  # type: ignore[arg-type]


def sent(at: Desk, kind: str) -> list[tuple[object, ...]]:
    """Return the fields of each command of that kind that was sent."""
    return [call[2:] for call in at.engine.asked if call[0] == kind]


def in_batches() -> FakeRun:
    run = running()
    run.lane = LaneChoice("auto", NOW + 7_200)
    run.parcels = (
        parcel(
            1, "done", "expired", 620, failed=380, reason="a batch of 1,000 is expired: 620 answered, 380 in line again"
        ),
        parcel(2, "sent", "in_progress", 250),
        parcel(3, "sent", "validating", 0),
    )
    run.lanes = (
        LaneSpent("live", {"answered": 120, "rate_limited": 4}, 110_000, 900),
        LaneSpent("batch", {"answered": 600, "invalid": 20}, 540_000, 4_100),
    )
    return run


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["small", "large"])
async def test_batches_have_a_screen_with_state_answers_and_expiry(desk: Opens, size: tuple[int, int]) -> None:
    """The lane with its time, what each lane spent by outcome, and the newest batch on top."""
    async with desk(in_batches(), size=size) as at:
        await at.press("B")
        shown = at.screen()
        for telling in (
            "lane auto, done by", "live", "124 calls", "4 rate limited", "620 calls", "20 invalid", "validating",
            "in progress", "250 of 1,000", "620 of 1,000", "1:00:00", "expired", "380 in line",
        ):  # fmt: skip
            assert telling in shown, telling
        assert shown.index("validating") < shown.index("in progress") < shown.index("expired  ")
        assert "L lane" in at.footer()


async def test_a_lane_is_chosen_with_its_forecast_and_its_time(desk: Opens) -> None:
    """Each lane says what it takes; a wrong time is refused with a sentence, a good one goes out."""
    async with desk(in_batches(), size=(100, 30)) as at:
        await at.press("L")
        assert "at most 24 h" in at.screen()
        assert "about $0.75" in at.screen()
        await at.press(*"25:99", "enter")
        assert "is no time" in at.screen()
        await at.press(*["backspace"] * 5, *"23:59", "enter")
        ((lane, by_at, cancel, size, most_open),) = sent(at, "lane")
        assert (lane, cancel, size, most_open) == ("auto", False, None, None)
        assert by_at is not None


async def test_size_and_number_of_batches_are_fields_of_the_window(desk: Opens) -> None:
    """They show what holds, a number out of bounds is refused with its bounds, and an empty field keeps what holds."""
    run = in_batches()
    run.lane = LaneChoice("auto", None, size=2_500)
    async with desk(run, size=(80, 24)) as at:
        await at.press("L")
        shown = at.screen()
        assert all(each in shown for each in ("questions in a batch", "2,500", "batches out at once", "enter save"))
        await at.press("tab", *"90,000", "enter")
        assert "between 1 and 50,000" in at.screen()
        await at.press(*["backspace"] * 6, *"some", "enter")
        assert "some is no number" in at.screen()
        await at.press(*["backspace"] * 4, *"5,000", "enter")
        assert sent(at, "lane") == [("auto", None, False, 5_000, None)]


async def test_open_batches_can_be_ended_from_the_window(desk: Opens) -> None:
    """The last choice goes live and ends them; it is there only where batches are open."""
    async with desk(in_batches()) as at:
        await at.press("L", "down", "enter")
        assert sent(at, "lane") == [("live", None, True, None, None)]


@pytest.mark.parametrize(
    ("key", "asked"),
    [("enter", [(False,)]), ("c", [(True,)]), ("escape", [])],
    ids=["leave", "cancel", "go on"],
)
async def test_stopping_asks_what_becomes_of_open_batches(desk: Opens, key: str, asked: list[object]) -> None:
    """With how many there are, how much is answered, and what it costs; the safe answer is the default."""
    async with desk(in_batches()) as at:
        await at.press("x")
        shown = " ".join(at.screen().split())
        for telling in ("cancel 2 batches at the server?", "250 of 2,000 questions", "about $0.09", "30 days"):
            assert telling in shown, telling
        await at.press(key)
        assert sent(at, "stop") == asked
