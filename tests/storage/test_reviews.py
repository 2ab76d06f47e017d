"""Blind answers are kept beside the model's labels, shared by copies, taken back, and never stop the model's work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.model import AskKind, Attempt, Outcome, Settled, Task
from core.quality.audit import Audit, judge
from core.storage.file.lock import RunLock
from core.storage.reading import reviews
from core.storage.reading.reviews import (
    asked_in_version,
    labels_of_versions,
    numbers_by_content,
    numbers_of,
    read_audit,
    review_emails,
)
from core.storage.writing.check import check_run
from core.storage.writing.reviews import ReviewAnswer
from core.storage.writing.settle import Answer
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun

TEXTS = ["a", "b", "c", "a", "d", "e", "f", "g"]


def by_model(store: Store, labels: dict[int, str]) -> None:
    for email_id, label in labels.items():
        attempt = Attempt(
            email_id, 1, AskKind.ASK, "key", "org", "m", store.task_version, NOW, 0.1, Outcome.ANSWERED, label
        )
        store.commit([Answer(attempt, Settled(email_id, 0, label))], now=NOW)


def shown(path: Path) -> list[tuple[str, str | None, str | None]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT state, label, label_source FROM email ORDER BY id").fetchall()


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    """A run of eight emails, the fourth with the text of the first, of which three texts are labeled."""
    path = make_run(TEXTS)
    with RunLock(path) as lock, Store.open(path, lock) as store:
        by_model(store, {1: "1", 2: "1", 3: "0"})
    return path


def answer(path: Path, *answers: ReviewAnswer) -> int:
    with RunLock(path) as lock, Store.open(path, lock) as store:
        return store.review(answers, now=NOW)


def audit(path: Path) -> Audit:
    found = read_audit(path)
    assert check_run(path).findings == ()
    return found


def by_version(path: Path) -> dict[int, str]:
    return {number: label for _, number, label in labels_of_versions(path, "v1")}


def test_a_view_shows_reviews_with_their_time_as_text(run: Path) -> None:
    """For tools that know no seconds since 1970, as the views of labeled and failed emails do."""
    answer(run, ReviewAnswer(1, "anna", "0"))
    with closing(sqlite3.connect(run)) as db:
        (at, text) = db.execute("SELECT at, reviewed_at FROM audited").fetchone()
    assert text == datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_answer_wins_and_the_model_keeps_its_label(run: Path) -> None:
    """A blind answer is the current label of the email and its copy, and the model's label stays what figures compare with."""
    assert answer(run, ReviewAnswer(1, "anna", "0")) == 1
    assert shown(run)[0] == shown(run)[3] == ("labeled", "0", "human")
    assert by_version(run) == {1: "1", 2: "1", 3: "0", 4: "1"}
    found = judge(audit(run))
    assert found.audited == 2
    assert found.confusion["1"] == {"1": 0, "0": 2}
    assert found.due == 2


def test_a_pending_email_stays_in_the_models_work(run: Path) -> None:
    """An answer to an email that the model has not labeled waits; when the model answers, the person's label shows."""
    answer(run, ReviewAnswer(5, "anna", "0"))
    assert shown(run)[4] == ("pending", "0", "human")
    with RunLock(run) as lock, Store.open(run, lock) as store:
        assert 5 in {email.id for email in store.pending(after=-1, limit=20)}
        by_model(store, {5: "1"})
    assert shown(run)[4] == ("labeled", "0", "human")
    assert by_version(run)[5] == "1"
    assert judge(audit(run)).confusion["1"]["0"] == 1


def test_a_copy_of_a_reviewed_pending_email_shows_the_persons_label(run: Path, make_run: MakeRun) -> None:
    """Copies share the person's label also where the person came before the model."""
    path = make_run(["x", "x", "y"], name="pairs")
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.review([ReviewAnswer(1, "anna", "0")], now=NOW)
        by_model(store, {1: "1"})
    assert shown(path)[:2] == [("labeled", "0", "human")] * 2
    assert check_run(path).findings == ()


def test_the_second_answer_counts_and_both_are_kept(run: Path) -> None:
    """A second look replaces the first answer in figures; both stay on record."""
    answer(run, ReviewAnswer(2, "anna", "0"), ReviewAnswer(2, "anna", "1", kind="second"))
    found = audit(run)
    member = next(m for m in found.members if m.email_id == 2)
    assert [a.kind for a in member.answers] == ["first", "second"]
    assert member.label == "1"
    [person] = judge(found).persons
    assert (person.answers, person.second_looks, person.changed) == (1, 1, 1)


def test_withdrawing_gives_the_models_label_back(run: Path) -> None:
    """Taking an answer back brings back the label that was current before, for copies too, and the email is due again."""
    answer(run, ReviewAnswer(1, "anna", "0"))
    with RunLock(run) as lock, Store.open(run, lock) as store:
        assert store.withdraw_review("anna", now=NOW) == 1
        assert store.withdraw_review("anna", now=NOW) is None
    assert shown(run)[0] == ("labeled", "1", "model")
    assert shown(run)[3] == ("labeled", "1", "copy")
    assert judge(audit(run)).audited == 0


def test_the_same_answer_sent_twice_is_recorded_once(run: Path) -> None:
    """A command that is applied again after a kill adds nothing, and neither does an email that is not there."""
    assert answer(run, ReviewAnswer(2, "anna", "0")) == 1
    assert answer(run, ReviewAnswer(2, "anna", "0"), ReviewAnswer(99, "anna", "0")) == 0


def test_cannot_tell_is_counted_and_is_no_label(run: Path) -> None:
    """An answer without a label leaves the current label and is left out of figures."""
    answer(run, ReviewAnswer(2, "anna", None), ReviewAnswer(3, "anna", "0"))
    assert shown(run)[1] == ("labeled", "1", "model")
    found = judge(audit(run))
    assert (found.audited, found.cannot_tell) == (1, 1)
    assert found.persons[0].cannot_tell == 1


def test_people_who_differ_are_split_until_somebody_settles_it(run: Path) -> None:
    """Two different labels are a split that counts with the first one; an adjudicated label ends it."""
    answer(run, ReviewAnswer(2, "anna", "1"), ReviewAnswer(2, "ben", "0"))
    found = judge(audit(run))
    assert (found.splits, found.confusion["1"]["1"]) == (1, 1)
    answer(run, ReviewAnswer(2, "carl", "0", kind="adjudicated"))
    found = judge(audit(run))
    assert (found.splits, found.confusion["1"]["0"]) == (0, 1)


def test_gold_is_kept_apart(run: Path) -> None:
    """Labels from elsewhere change no email and no figure; their agreement stands on its own."""
    before = shown(run)
    with RunLock(run) as lock, Store.open(run, lock) as store:
        assert store.add_gold("old.csv", [(1, "1"), (2, "0"), (7, "1"), (99, "1")], now=NOW) == 3
        assert store.add_gold("old.csv", [(1, "1"), (2, "1")], now=NOW) == 1
    assert shown(run) == before
    found = judge(audit(run)).as_json()
    assert found["gold"]["old.csv"]["compared"] == 2
    assert found["gold"]["old.csv"]["agree"] == 1.0
    assert found["audited"] == 0


def test_second_looks_are_planned_once(run: Path) -> None:
    """The first plan of a batch stays: after a restart the same emails come back."""
    with RunLock(run) as lock, Store.open(run, lock) as store:
        store.plan_second_looks("anna", 1, [3, 1])
        store.plan_second_looks("anna", 1, [2])
    assert audit(run).batches[0].second == (3, 1)


def test_a_review_shows_no_label(run: Path) -> None:
    """What a review shows of an email is its header lines and the text as sent, in the order asked for."""
    shown_emails = review_emails(run, [3, 1])
    assert [email.id for email in shown_emails] == [3, 1]
    assert shown_emails[0].text == "c"
    assert not any("label" in name for name in type(shown_emails[0]).__slots__)
    assert numbers_of(run, ["mail-2", "nowhere"]) == {"mail-2": 2}
    assert numbers_by_content(run, ["hash of a"]) == {"hash of a": [1, 4]}


def test_the_sample_is_the_same_before_and_after_it_begins(run: Path) -> None:
    """The seed and rates that a reader predicts are those that the first answer writes."""
    before = audit(run)
    assert not before.started
    with RunLock(run) as lock, Store.open(run, lock) as store:
        store.review([ReviewAnswer(1, "anna", "1")], now=NOW)
    after = audit(run)
    assert after.started
    assert (after.sample.seed, after.sample.base_rate) == (before.sample.seed, before.sample.base_rate)
    assert {m.email_id for m in after.members} == {m.email_id for m in before.members}


def test_a_sample_grows_by_command_and_never_shrinks(make_run: MakeRun) -> None:
    """A goal raises the rate of all, a top-up that of rare labels; a smaller goal changes nothing."""
    path = make_run([f"text {number}" for number in range(600)])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        by_model(store, {number: "0" if number % 12 == 0 else "1" for number in range(1, 601)})
        first = store.grow_sample(goal=300, top_up=False, now=NOW)
        assert first.base_rate == 0.5
        assert store.grow_sample(goal=100, top_up=False, now=NOW).base_rate == 0.5
        topped = store.grow_sample(goal=None, top_up=True, now=NOW)
    assert topped.rates == {"0": 1.0}
    drawn = audit(path).drawn
    assert sum(m.model_label == "0" for m in drawn) == 50
    assert 230 < sum(m.model_label == "1" for m in drawn) < 320


@pytest.mark.parametrize(("texts", "count"), [(900, 0), (1_000, 20), (2_400, 48), (3_200, 60)])
def test_as_many_texts_are_asked_again_as_a_run_of_that_size_can_bear(texts: int, count: int, task: Task) -> None:
    """One for fifty texts, from a thousand on and at most sixty; copies are no other text."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE email (content_hash TEXT)")
        db.executemany("INSERT INTO email VALUES (?)", [(str(number % texts),) for number in range(texts + 500)])
        assert reviews._canaries_of(db, task, ("1", "0"))()._count == count


def test_texts_asked_in_a_version_are_labels_of_the_model_and_failures(run: Path) -> None:
    """A copy was not asked about, a person's label is none of the model's, and other versions do not count."""
    answer(run, ReviewAnswer(5, "anna", "0"))
    with RunLock(run) as lock, Store.open(run, lock) as store:
        store.fail(6, "no label", reasks=0, now=NOW)
    with closing(sqlite3.connect(run)) as db:
        assert asked_in_version(db) == 3 + 1
        db.execute("UPDATE total SET name = replace(name, ':v1:', ':v0:')")
        assert asked_in_version(db) == 1


def test_watches_begin_with_what_the_run_file_holds(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each label with the model and the build that gave it, in the order of time; skipped emails are expected, too."""
    with RunLock(run) as lock, Store.open(run, lock) as store:
        attempt = Attempt(
            5, 1, AskKind.ASK, "key", "org", "m", store.task_version, NOW + 1, 0.25, Outcome.ANSWERED, "1"
        )
        attempt = replace(attempt, reply_model="m-2024", system_fingerprint="fp_7")
        store.commit([Answer(attempt, Settled(5, 0, "1"))], now=NOW + 1)
        store.fail(6, "no label", reasks=0, now=NOW + 2)
    seen: list[object] = []
    monkeypatch.setattr(reviews, "emails_of", lambda _: 2_999)
    monkeypatch.setattr(reviews, "total", lambda _, name: int(name == "state:skipped"))
    monkeypatch.setattr(reviews, "WatchSet", lambda labels, **known: SimpleNamespace(labels=labels, **known))
    monkeypatch.setattr(reviews, "replayed", lambda *found: seen.extend(found))
    with closing(sqlite3.connect(run)) as db:
        reviews.watches_of(db, run)
    watches, before, asks, dismissed = seen
    assert (watches.labels, watches.expected, watches.shuffled, dismissed) == (["1", "0"], 3_000, False, [])  # type: ignore[attr-defined]
    assert [(ask.label, ask.failed, ask.model, ask.fingerprint, ask.latency_s) for _, ask in asks] == [  # type: ignore[attr-defined]
        ("1", False, "", "", 0.1), ("1", False, "", "", 0.1), ("0", False, "", "", 0.1),
        ("1", False, "m-2024", "fp_7", 0.25),
    ]  # fmt: skip
    assert set(before.values()) == {0}  # type: ignore[attr-defined]


def test_an_answer_that_says_no_more_is_a_first_one_of_the_first_batch(run: Path) -> None:
    """Its batch, kind, time and note are those of an answer that was given outside a batch."""
    answer(run, ReviewAnswer(1, "anna", "0"))
    with closing(sqlite3.connect(run)) as db:
        assert db.execute("SELECT kind, batch, seconds FROM review").fetchall() == [("first", 1, 0.0)]
        assert db.execute("SELECT note FROM label WHERE annotator = 'anna' AND email_id = 1").fetchall() == [("",)]


def test_labels_and_follow_ups_are_counted_by_their_place_in_the_run(make_run: MakeRun) -> None:
    """In slices of the work order, the model's alone; texts that are asked again for control in the order of asking."""
    path = make_run([f"text {number}" for number in range(8)])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        by_model(store, {1: "1", 2: "0", 3: "1", 8: "1"})
    answer(path, ReviewAnswer(5, "anna", "0"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE email SET reasks = 2 WHERE id IN (2, 8)")
        db.executemany(
            "INSERT INTO canary(email_id, task_version, label, value, round, asked_at) VALUES (?, ?, '1', ?, ?, 0)",
            [(1, "v1", "0", 0), (1, "v1", "1", 1), (2, "v1", "0", 1), (3, "v1", "0", 2), (3, "v0", "0", 2)],
        )
    assert reviews.label_slices(path, "v1", slices=4) == [{"1": 1, "0": 1}, {"1": 1}, {}, {"1": 1}]
    assert reviews.rates_over_run(path, "v1", slices=4) == {
        "canaries": [(0, 0), (0, 1), (1, 1), (1, 1)],
        "reasked": [(1, 2), (0, 1), (0, 0), (1, 1)],
    }


@pytest.mark.parametrize(
    ("labeled", "shown"),
    [((), "v2"), (("v1",), "v1"), (("v1", "v2"), "v2"), (("v1", "v3"), "v3")],
    ids=["nothing", "an older one", "the active one, too", "two others"],
)
def test_figures_are_about_the_active_version_or_the_newest_with_labels(
    labeled: tuple[str, ...], shown: str, make_run: MakeRun
) -> None:
    """A version that was just activated has no labels yet: the figures stay those of the one before."""
    path = make_run(["a", "b"])
    with closing(sqlite3.connect(path)) as db, db:
        for version in ("v2", "v3"):
            db.execute("CREATE TEMP TABLE copied AS SELECT * FROM task WHERE version = 'v1'")
            db.execute("UPDATE copied SET version = ?", (version,))
            db.execute("INSERT INTO task SELECT * FROM copied")
            db.execute("DROP TABLE copied")
        db.execute("UPDATE run SET task_version = 'v2'")
        for version in labeled:
            db.execute(
                "INSERT INTO label(email_id, value, source, task_version, at) VALUES (1, '1', 'model', ?, 0)",
                (version,),
            )
    assert read_audit(path).version == shown
