"""The filter grammar: what is typed, what it means, and the sentence where it means nothing."""

from __future__ import annotations

import pytest

from core.errors import UsageError
from core.storage.reading.filters import Filter, Term, parse


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("", ()),
        ("  contract  ", (Term("", "contract"),)),
        ("!draft", (Term("", "draft", negated=True),)),
        ('"first draft" lunch', (Term("", "first draft"), Term("", "lunch"))),
        ("state:failed !label:0", (Term("state", "failed"), Term("label", "0", negated=True))),
        ("STATE:Failed", (Term("state", "failed"),)),
        ("reasks:>=2", (Term("reasks", ">=2"),)),
        ("source:person", (Term("source", "human"),)),
        (r'cause:"he said \"no\" \\ twice"', (Term("cause", r'he said "no" \ twice'),)),
        ('"Re: lunch"', (Term("", "Re: lunch"),)),
        ("key:main from:a@b.org flag:any", (Term("key", "main"), Term("from", "a@b.org"), Term("flag", "any"))),
        ("from:\ud800", (Term("from", "?"),)),
        ('note:any !note:"a picnic"', (Term("note", "any"), Term("note", "a picnic", negated=True))),
    ],
)  # fmt: skip
def test_what_is_typed_is_read(typed: str, terms: tuple[Term, ...]) -> None:
    """Words, phrases, fields and exclusions; and what is written back is read the same."""
    read = parse(typed)
    assert read == Filter(terms)
    assert parse(str(read)) == read


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("Re:", "There is no field “re”"),
        ("colour:red", "There is no field “colour”"),
        ("state:gone", "state: is one of pending, labeled, failed, skipped"),
        ("source:cat", "source: is one of model, copy, human"),
        ("source:undone", "source: is one of model, copy, human"),
        ("reasks:many", "reasks: takes a number"),
        ("edge:cat", "edge: is one of person, version, near, truncated, re-asked"),
        ("numbers:1", "There is no field"),
        ("label:", "Something must stand after label:"),
        ("!", "Something must stand after !"),
        ('""', "Something must stand between the quotes"),
        ('"open', "A quotation mark is open"),
        ('a"b"', "leave a space before and after quotes"),
        ("***", "holds no letter and no digit"),
        ("x" * 501, "at most 500 characters"),
        ("state:\x1b]0;x\x07", "state: is one of"),
    ],
)
def test_what_cannot_be_read_is_reported(typed: str, said: str) -> None:
    """An error is a sentence with what would be right, and is itself harmless."""
    with pytest.raises(UsageError) as told:
        parse(typed)
    assert said in str(told.value)
    assert "\x1b" not in str(told.value)
