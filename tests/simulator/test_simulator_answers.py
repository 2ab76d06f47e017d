"""Promises about answers: the word rule, replayed labels, and how an email is found in a message."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from core.simulator.answers import INVALID_SHAPES, invalid_answer, load_replay, word_rule, write_replay
from core.simulator.config import SimulatorError
from core.simulator.conversation import read_question, text_key, unfence

LABELS = ("1", "0")


@pytest.mark.parametrize(
    ("email", "label"),
    [
        ("Subject: gas deal\n\nThe contract needs approval.", "1"),
        ("Subject: dinner\n\nMom and dad bring the kids on Sunday!", "0"),
        ("", "1"),
        ("lunch about the contract", "1"),
    ],
)
def test_word_rule(email: str, label: str) -> None:
    """Work words at least as many as personal ones give the first label, else the second."""
    assert word_rule(email, LABELS) == label


def test_invalid_answers_are_no_labels() -> None:
    """Whatever the labels are, an invalid answer is none of them."""
    for labels in (LABELS, ("Work", "2")):
        for step in range(len(INVALID_SHAPES)):
            assert invalid_answer(labels[0], labels, step / len(INVALID_SHAPES)) not in labels


@pytest.mark.parametrize(
    ("message", "email"),
    [
        ("<email>\nhello\n</email>", "hello"),
        ("Label this:\n<email>\nhello\n\n</email>\nAnswer 0 or 1.", "hello\n"),
        ("<email>\na\n</email>\nb\n</email>", "a\n</email>\nb"),
        ("<email>\n</email>", ""),
        ("<customer-review>\n<email>\n</customer-review>", "<email>"),
        ("Look:\n<review>\nhello\n</review>", "Look:\n<review>\nhello\n</review>"),
        ("no fence", "no fence"),
        ("<email> inline </email>", "<email> inline </email>"),
        ("<email>\nnever closed", "<email>\nnever closed"),
        ("<email>\n$$ ${x} \u202e\ud800\n</email>", "$$ ${x} \u202e\ud800"),
    ],
)
def test_the_email_is_taken_out_of_its_fence(message: str, email: str) -> None:
    """Only the fence lines and their line breaks go; without a fence the whole message is the email."""
    assert unfence(message) == email


def test_a_question_is_read_from_content_parts() -> None:
    """Content given as parts is joined."""
    parts = [{"type": "text", "text": "<email>\nhel"}, {"type": "text", "text": "lo\n</email>"}]
    question = read_question({"model": "m", "messages": [{"role": "user", "content": parts}]})
    assert question.email == "hello"


def test_replay_round_trip(tmp_path: Path) -> None:
    """What `write_replay` wrote, `load_replay` finds by the sha256 of the sent text."""
    path = tmp_path / "labels.csv"
    assert write_replay(path, [("a\nb", "0"), ("c", "1")]) == 2
    assert load_replay(path, LABELS) == {text_key("a\nb"): "0", text_key("c"): "1"}
    assert text_key("c") == hashlib.sha256(b"c").hexdigest()


def test_replay_by_text(tmp_path: Path) -> None:
    """A `text` column is hashed on the way in, and found without the blanks around it too."""
    path = tmp_path / "labels.csv"
    path.write_text('text,label\n"hi\nthere\n",0\n')
    replay = load_replay(path, LABELS)
    assert replay[text_key("hi\nthere\n")] == replay[text_key("hi\nthere")] == "0"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("message,label\nx,1\n", "needs a column `label` and one of"),
        ("id,label\nab,1\ncd,maybe\n", "line 3: 'maybe' is none of the labels 1, 0"),
        ("", "it has none"),
    ],
)
def test_replay_says_what_is_wrong(tmp_path: Path, content: str, complaint: str) -> None:
    """Missing columns and foreign labels are named with file and line."""
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(SimulatorError, match=complaint):
        load_replay(path, LABELS)


def test_replay_needs_its_file(tmp_path: Path) -> None:
    """A file that is not there is a SimulatorError, not a traceback."""
    with pytest.raises(SimulatorError, match="cannot be read"):
        load_replay(tmp_path / "none.csv", LABELS)
