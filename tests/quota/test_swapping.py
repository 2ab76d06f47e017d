"""Going on to the next key by hand, as a table; pins that a worker handles; what is kept of each key."""

from __future__ import annotations

import pytest

from core.errors import CallError, KeyRefusedError, KeysError, RateLimitedError, ServerFailedError
from core.model import Dimension, KeyState, KeyStatus
from core.quota.db.history import DAYS, KEPT
from core.quota.keys.swap import chosen_swap
from tests.quota.test_broker import MODEL, Desk, answer, desk, state

__all__ = ["desk"]


def key(
    alias: str, state: KeyState = KeyState.READY, *, org: str = "", pinned: bool = False, r429: int = 0
) -> KeyStatus:
    return KeyStatus(alias, alias[-4:], org or f"org_{alias}", state, errors_429=r429, pinned=pinned)


A, B, C = key("a"), key("b"), key("c")


@pytest.mark.parametrize(
    ("keys", "asking", "out", "into"),
    [
        ((A, B, C), {}, "a", "b"),
        ((A, B, C), {"b": 3, "a": 1}, "b", "c"),
        ((A, B, key("c", pinned=True)), {"b": 3}, "c", "a"),
        ((A, key("b", KeyState.COOLING, r429=4), C), {}, "b", "c"),
        ((key("a", org="o"), key("b", org="o"), C), {"a": 1}, "a", "c"),
        ((A, key("b", KeyState.BENCHED), C), {"a": 1}, "a", "c"),
        ((A, key("b", KeyState.DISABLED), C), {"c": 1}, "c", "a"),
        ((A, key("b", KeyState.DISABLED)), {"a": 1}, "a", "b"),
        ((A, key("b", KeyState.INVALID), key("c", KeyState.COOLING)), {"a": 1}, "a", "c"),
    ],
)
def test_the_key_in_use_goes_out_and_the_next_one_in(
    keys: tuple[KeyStatus, ...], asking: dict[str, int], out: str, into: str
) -> None:
    """Pinned, then asking most, then in trouble goes; ready of another organization first comes; never an invalid one."""
    swap = chosen_swap(keys, asking)
    assert (swap.out, swap.into) == (out, into)


@pytest.mark.parametrize("keys", [(), (A,), (A, key("b", KeyState.INVALID)), (key("a", KeyState.DISABLED),) * 2])
def test_without_another_key_nothing_is_swapped(keys: tuple[KeyStatus, ...]) -> None:
    """The last key is never taken out."""
    with pytest.raises(KeysError, match="no other key"):
        chosen_swap(keys, {})


def test_swapping_again_and_again_goes_round(desk: Desk) -> None:
    """Every key is taken out in turn, and there is always one to ask with."""
    broker = desk.broker()
    seen = []
    for _ in range(6):
        granted = desk.grant(broker)
        seen.append(granted.alias)
        answer(broker, granted)
        said = broker.swap()
        assert f"{granted.alias} disabled" in said
        assert state(broker, granted.alias) is KeyState.DISABLED
    assert set(seen) == {"main", "spare", "lab"}


def test_a_pinned_key_is_used_first_and_the_others_where_it_cannot_be(desk: Desk) -> None:
    """A pin made in another process holds at the next tick, survives a restart, and gives way while its quota is out."""
    broker, console = desk.broker(), desk.store()
    console.pin("lab")
    desk.now += 1
    assert broker.tick() == ["lab is used first"]
    again = desk.broker(seed=2)
    for worker in (broker, again):
        for _ in range(3):
            granted = desk.grant(worker)
            assert granted.alias == "lab"
            answer(worker, granted)
    limited = desk.grant(broker)
    broker.failed(limited, desk.limited("org_2", Dimension.TPM, 6_000, 6_000, 600), 0.1)
    assert desk.grant(broker).alias in ("main", "spare")
    console.pin(None)
    desk.now += 1
    assert "lab is no longer used first" in broker.tick()
    assert not any(each.pinned for each in console.statuses(MODEL, desk.now))


def test_a_pin_of_a_key_that_is_out_changes_nothing(desk: Desk) -> None:
    """The others are asked as if there were none."""
    broker, console = desk.broker(), desk.store()
    console.pin("lab")
    console.set_enabled("lab", enabled=False)
    desk.now += 1
    broker.tick()
    assert desk.grant(broker).alias in ("main", "spare")


def test_a_cleared_bench_lets_a_worker_ask_again(desk: Desk) -> None:
    """What a refusal emptied is taken for full within a tick, and the next refusal counts again."""
    broker, console = desk.broker("lab@org_2=gsk_lab_cccc_0003"), desk.store("")
    limited = desk.limited("org_2", Dimension.TPD, 200_000, 200_000, 600)
    broker.failed(desk.grant(broker), limited, 0.1)
    desk.now += 1
    broker.tick()
    assert state(broker, "lab") in (KeyState.COOLING, KeyState.BENCHED)
    cleared = console.clear_bench("org_2", MODEL)
    assert cleared[0].startswith("a bench of")
    assert "TPD" in cleared[1]
    desk.now += 1
    broker.tick()
    broker.failed(desk.grant(broker), limited, 0.1)
    assert state(broker, "lab") in (KeyState.COOLING, KeyState.BENCHED)


def test_the_history_of_a_key_lists_each_refusal_with_window_and_wait(desk: Desk) -> None:
    """Time, status, window, stated wait and the server's words are there for another process, newest first."""
    broker, console = desk.broker("lab@org_2=gsk_lab_cccc_0003"), desk.store("")
    broker.failed(desk.grant(broker), ServerFailedError("503 \x1b[31mdown", status=503), 0.1)
    desk.now += 5
    broker.failed(desk.grant(broker), desk.limited("org_2", Dimension.TPM, 6_000, 6_000, 600), 0.1)
    desk.now += 60
    granted = desk.grant(broker)
    answer(broker, granted)
    desk.now += 1
    broker.tick()
    history = console.history("lab")
    newest, oldest = history.troubles
    assert (newest.outcome, newest.status, newest.limit) == ("rate_limited", 429, "TPM")
    assert newest.wait_s == pytest.approx(6.0, abs=0.5)
    assert (oldest.outcome, oldest.status, oldest.wait_s) == ("server_error", 503, None)
    assert "\x1b" not in oldest.text
    (today,) = history.spent
    assert (today.requests, today.errors_429, today.prompt_tokens, today.completion_tokens) == (3, 1, 600, 20)


@pytest.mark.parametrize(
    ("error", "at_once"),
    [
        (RateLimitedError("429: wait", status=429), True),
        (KeyRefusedError("401: invalid", status=401), True),
        (ServerFailedError("503", status=503), False),
    ],
    ids=["rate limit", "refused key", "server error"],
)
def test_what_other_workers_must_know_is_shared_before_the_next_tick(
    desk: Desk, error: CallError, at_once: bool
) -> None:
    """A refusal of a key or for want of quota is in the file when the call has ended; an error that passes can wait."""
    broker, console = desk.broker(), desk.store("")
    granted = desk.grant(broker)
    desk.now += 0.1
    broker.failed(granted, error, 0.1)
    assert bool(console.history(granted.alias).troubles) == at_once
    desk.now += 0.2
    broker.tick()
    assert console.history(granted.alias).troubles


def test_what_is_kept_of_a_key_is_bounded(desk: Desk) -> None:
    """A storm of refusals leaves the newest ones, an old day goes, and so does everything of a key that is removed."""
    broker, console = desk.broker("main@org_1=gsk_main_aaaa_0001"), desk.store("")
    for number in range(KEPT + 150):
        granted = desk.grant(broker)
        broker.failed(granted, RateLimitedError(f"429 number {number}", status=429), 0.1)
        desk.now += 130
        broker.tick()
    history = console.history("main")
    assert len(history.troubles) == KEPT
    assert history.troubles[0].text == f"429 number {KEPT + 149}"
    desk.now += (DAYS + 1) * 86_400
    later = desk.broker("main@org_1=gsk_main_aaaa_0001", seed=5)
    later.tick()
    assert console.history("main").spent == ()
