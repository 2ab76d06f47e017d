"""A student finds planted slips, repeats planted rules, and scores each text without having seen its label."""

from __future__ import annotations

import random
from pathlib import Path
from typing import cast

import pytest

from core.llm.task import builtin_task
from core.quality.audit import Quality
from core.quality.sampling import permanent_number
from core.quality.student import FOLDS, features, next_generation, out_of_fold, shared_marks, suspicious
from core.runs import quality as runs_quality
from core.runs.build import viewer
from core.runs.demo import DEFAULT_EMAILS, SAMPLE_SEED
from core.sources.demo_emails import labeled_demo_emails, misread

WORK = ["contract", "gas", "meeting", "forecast", "invoice", "pipeline", "desk", "curve", "deal", "schedule"]
HOME = ["dinner", "kids", "weekend", "love", "football", "tickets", "birthday", "beach", "movie", "friends"]


def texts(count: int, seed: int = 1) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    found, labels = [], []
    for _ in range(count):
        label = "0" if rng.random() < 0.15 else "1"
        own, other = (HOME, WORK) if label == "0" else (WORK, HOME)
        words = [rng.choice(own if rng.random() < 0.8 else other) for _ in range(12)]
        words += [f"w{rng.randrange(400)}" for _ in range(20)]
        rng.shuffle(words)
        found.append(" ".join(words))
        labels.append(label)
    return found, labels


def test_planted_slips_come_first() -> None:
    """Of forty flipped labels among a thousand most stand in the first hundred of the order."""
    written, true = texts(1_000)
    given = list(true)
    flipped = random.Random(2).sample(range(1_000), 40)
    for at in flipped:
        given[at] = "0" if given[at] == "1" else "1"
    scores = out_of_fold([features(text) for text in written], given, ["1", "0"])
    order = suspicious(range(1_000), given, scores, ["1", "0"])
    first = {suspicion.email_id for suspicion in order[:100]}
    assert len(first & set(flipped)) >= 28
    assert order[0].margin >= order[-1].margin
    assert order[0].suggested != order[0].label


def test_a_systematic_misreading_is_repeated_and_slips_are_not() -> None:
    """A student repeats mistakes that follow a word, and few of those that follow nothing."""
    written, true = texts(1_000)
    people: list[str | None] = list(true)
    ruled = ["1" if "tickets" in text else label for text, label in zip(written, true, strict=True)]
    scored = [features(text) for text in written]
    rule = next_generation(range(1_000), ruled, out_of_fold(scored, ruled, ["1", "0"]), ["1", "0"], people)
    slips = list(true)
    for at in random.Random(2).sample(range(1_000), 40):
        slips[at] = "0" if slips[at] == "1" else "1"
    slip = next_generation(range(1_000), slips, out_of_fold(scored, slips, ["1", "0"]), ["1", "0"], people)
    assert rule.mistakes > 20
    assert rule.repeated / rule.mistakes > 0.5 > slip.repeated / slip.mistakes
    assert sum(rule.shares.values()) == rule.total == 1_000
    assert len(rule.repeated_emails) == rule.repeated
    assert all(ruled[at] != true[at] for at in rule.repeated_emails)


def test_what_misread_texts_share_is_named_and_chance_is_not() -> None:
    """The sender's domain of eight misread texts is named; the same texts dealt out at random share nothing."""

    def text(number: int, domain: str) -> str:
        return f"From: anna <a@{domain}>\nSubject: {number % 7}\n\nwords of {number % 5} and {number % 3}"

    wrong = [text(number, "firm.example") for number in range(8)]
    right = [text(number, "home.example") for number in range(8, 18)]
    (first, *_) = shared_marks(wrong, right)
    assert (first.mark, first.in_misread, first.misread, first.in_others, first.others) == (
        "from firm.example", 8, 8, 0, 10,
    )  # fmt: skip
    mixed = [*wrong[:4], *right[:5]], [*wrong[4:], *right[5:]]
    assert shared_marks(*mixed) == ()
    assert shared_marks(wrong[:2], right) == ()


def test_a_text_is_scored_by_a_student_that_has_not_seen_it() -> None:
    """Texts of random labels cannot be recalled: out-of-fold scores find about half of them."""
    rng = random.Random(4)
    written = [f"only{i} word{i} here{i}" for i in range(300)]
    given = [rng.choice("10") for _ in written]
    scores = out_of_fold([features(text) for text in written], given, ["1", "0"])
    right = sum((row[0] > row[1]) == (label == "1") for row, label in zip(scores, given, strict=True))
    assert right < 200
    assert FOLDS >= 2


def test_a_text_without_words_has_a_score() -> None:
    """An empty text and a text of signs only are scored from the shares of the labels."""
    scores = out_of_fold([features(text) for text in ("", "?!", "…") * 20], ["1"] * 60, ["1", "0"])
    assert all(row[0] > row[1] for row in scores)


def test_a_rule_is_named_also_where_slips_of_another_kind_are_more_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten slips share nothing; the five misread texts of the rarer kind do, and these are told."""
    texts_ = {number: f"{'abcdefghijklmnop'[number]}{'qrstuvwxyzghijkl'[number]}" for number in range(10)}
    texts_ |= {number: f"From: x@firm.example\n\nnote {'abcdefghij'[number % 10]}" for number in range(20, 25)}
    texts_ |= {number: f"From: x@home.example\n\nnote {'abcdefghij'[number % 10]}" for number in range(30, 50)}

    class Checked:
        def misread(self) -> list[tuple[str, str, tuple[int, ...], tuple[int, ...]]]:
            slips, rule, right = tuple(range(10)), tuple(range(20, 25)), tuple(range(30, 50))
            return [("0", "1", slips, right), ("1", "0", rule, right)]

    monkeypatch.setattr(runs_quality, "_texts_of", lambda _, numbers: [texts_[number] for number in numbers])
    found = runs_quality.rule_behind_mistakes(cast("Quality", Checked()), Path())
    assert found is not None
    assert (found.model, found.person, found.misread) == ("1", "0", 5)
    assert "from firm.example" in {mark.mark for mark in found.marks}


def test_the_demos_sample_shows_what_the_simulated_model_misreads() -> None:
    """The first ten texts of the sample hold two misread ones, the first twenty tell what those share."""
    view_of = viewer(builtin_task())
    emails = list(labeled_demo_emails(DEFAULT_EMAILS))
    drawn: dict[str, tuple[str, bool]] = {}
    for number in sorted(range(1, DEFAULT_EMAILS + 1), key=lambda number: permanent_number(SAMPLE_SEED, number)):
        email, label = emails[number - 1]
        drawn.setdefault(view_of(email.raw).text, (label, misread(email, label) != label))
    first = list(drawn.items())[:20]
    assert sum(wrong for _, (_, wrong) in first[:10]) == 2
    wrong = [text for text, (label, differs) in first if label == "0" and differs]
    right = [text for text, (label, differs) in first if label == "0" and not differs]
    assert [mark.mark for mark in shared_marks(wrong, right)] == ["from harborlight.example"]
