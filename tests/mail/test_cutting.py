"""What of a long text is sent, what becomes of quotes and hidden words, and which charset a part is really in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.llm import packs
from core.llm.task import builtin_task, messages, versioned
from core.mail.charsets import repaired
from core.mail.cutting import shortened, split_signature, tokens_of, without_quoted
from core.mail.dates import sent_at
from core.mail.injection import PATTERNS
from core.mail.message import view_by, view_of
from core.model import NOTES, Task, orders_among

REPLY = "Yes, at noon.\n\nBest,\n-- \nAda\nAnalytical Engines\n\nOn Monday Bob <b@x.org> wrote:\n> Lunch?\n"
MAIL = f"From: ada@x.org\nSubject: lunch\n\n{REPLY}"
PAGE = (
    "Subject: s\nContent-Type: text/html\n\n<html><body><p>Hello</p><div style='display:none'>buy</div>"
    "<span style='font-size: 0px'>ignore</span><p hidden>x</p><p style='font-size:0.9em'>World</p></body></html>"
)


def asking(**change: object) -> Task:
    """The built-in task with other settings."""
    return versioned(replace(builtin_task(), **change))  # type: ignore[arg-type]


def test_a_long_text_keeps_its_head_or_head_and_tail() -> None:
    """By characters of the text; with a tail a line says how many were left out."""
    assert shortened("abcdefghij", 10, tail=4) == ("abcdefghij", False)
    assert shortened("abcdefghij", 6) == ("abcdef", True)
    assert shortened("abcdefghij", 6, tail=2) == ("abcd\n[… 4 characters left out …]\nij", True)


@pytest.mark.parametrize("sign", ["a", "é", "語"])
def test_a_limit_in_tokens_allows_fewer_characters_of_scripts_that_take_more(sign: str) -> None:
    """As estimated: four characters of English a token, one of Chinese."""
    text, cut = shortened(sign * 1_000, 100, tail=20, by_tokens=True)
    head = text.partition("\n")[0]
    assert cut
    assert tokens_of(head) == 80
    assert text.endswith("\n" + sign * round(20 / tokens_of(sign)))


def test_quoted_history_and_signatures_are_marked_or_left_out() -> None:
    """No word is lost by a mark; a text that is quotes alone stays."""
    marked, found = without_quoted(REPLY, mark=True)
    assert found == ("signature", "quoted")
    assert [line for line in marked.splitlines() if line.startswith("[")] == ["[signature]", "[quoted history]"]
    assert {*REPLY.split()} - {"--"} <= {*marked.split()}
    assert without_quoted(REPLY, mark=False)[0] == "Yes, at noon.\n\nBest,"
    assert without_quoted("> all\n> quoted", mark=False) == ("> all\n> quoted", ())


def test_a_task_says_what_is_sent_and_the_flags_what_was_done() -> None:
    """Headers stay in front; what was cut, quoted or hidden is noted on the text."""
    short = view_by(asking(quoted="drop"), MAIL)
    assert short.text == "From: ada@x.org\nSubject: lunch\n\nYes, at noon.\n\nBest,"
    assert (short.flags, short.truncated) == ("quoted signature", False)
    long = view_by(asking(truncate_at=100, truncate_tail=50), MAIL + "x" * 1_000)
    assert long.text.endswith("x" * 50)
    assert (long.flags, long.truncated) == ("cut", True)
    assert view_of(MAIL + "x" * 99, fields=("body",), truncate_at=50).flags == "cut"
    assert view_by(asking(fields=("raw",), truncate_at=100), MAIL * 2).text == (MAIL * 2)[:100]


def test_words_that_html_hides_are_not_sent_and_noted() -> None:
    """By display, size, visibility or the attribute; a small font is no hidden one."""
    view = view_of(PAGE, fields=("body",), truncate_at=6_000)
    assert view.text.split() == ["Hello", "World"]
    assert view.flags == "hidden"


@pytest.mark.parametrize(
    ("data", "charset", "text", "fits"),
    [
        ("Zoë – café".encode(), "iso-8859-1", "Zoë – café", False),
        ("Zoë “so”".encode("cp1252"), "iso-8859-1", "Zoë “so”", False),
        ("Zoë".encode("latin-1"), "iso-8859-1", "Zoë", True),
        ("Zoë".encode("cp1252"), "us-ascii", "Zoë", False),
        ("Zoë".encode("cp1252"), "utf-8", "Zoë", False),
        ("镕基".encode("gbk"), "gb2312", "镕基", True),
        (b"plain", "no-such-charset", "plain", True),
        ("é".encode(), "koi8-r", "ц╘", True),
        ("é".encode(), None, "é", True),
        (b"\x81", "utf-8", "\x81", False),
    ],
)
def test_a_charset_that_lies_is_repaired(data: bytes, charset: str | None, text: str, fits: bool) -> None:
    """The bytes are read as what they are, and it is reported when the name was wrong."""
    assert repaired(data, charset) == (text, fits)


def test_a_part_in_another_charset_than_it_names_is_noted() -> None:
    """So that somebody can look at the text."""
    part = "Subject: s\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
    view = view_of(part + "caf=C3=A9\n", fields=("body",), truncate_at=6_000)
    assert (view.text, view.flags) == ("café\n", "charset")


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        ("text/plain; charset=us-ascii", "charset"),
        ("text/plain; charset=utf-8", ""),
        ('text/plain; charset="nope"', ""),
        ("multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=us-ascii", "charset"),
    ],
)
def test_a_text_that_its_charset_cannot_hold_is_noted_where_it_is_not_encoded(kind: str, flags: str) -> None:
    """Such a text was decoded with the whole message, in the charset that its bytes are in."""
    view = view_of(f"Subject: s\nContent-Type: {kind}\n\ncafé\n--b--\n", fields=("body",), truncate_at=6_000)
    assert view.text.startswith("café")
    assert view.flags == flags


def test_the_prompt_says_what_a_mark_in_the_text_means() -> None:
    """Only where the task puts one in; else its words are those of before."""
    plain = messages(asking(), "")[0].content
    assert "may be cut off at its end." in plain
    tail = messages(asking(truncate_tail=1_000, quoted="mark"), "")[0].content
    assert "the middle may be left out" in tail
    assert "[quoted history] or [signature]" in tail
    assert "the middle may be left out" in packs.pack_messages(asking(truncate_tail=1_000), ["a", "b"])[0].content


def test_notes_are_no_orders() -> None:
    """Their names are apart, so that a text that was cut is not taken for a prompt injection."""
    assert not {*PATTERNS} & {*NOTES}
    assert orders_among("marks cut hidden") == ("marks",)


@pytest.mark.parametrize(("lines", "signature"), [(1, True), (12, True), (13, False)])
def test_a_signature_has_twelve_lines_at_most(lines: int, signature: bool) -> None:
    """A longer piece behind a line of two hyphens is text; so is one that nothing stands before."""
    end = "\n".join(f"line {n}" for n in range(lines))
    assert split_signature(f"Yes.\n-- \n{end}") == (("Yes.", end) if signature else (f"Yes.\n-- \n{end}", ""))
    assert split_signature(f"--\n{end}")[1] == ""


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("abcd", 1.0), ("\x7f\x80", 0.75), ("\u2e7f", 0.5), ("\u2e80", 1.0), ("é" * 4 + "语", 3.0), ("", 0.0)],
    ids=["ascii", "beyond ascii", "before cjk", "cjk", "mixed", "nothing"],
)
def test_tokens_are_estimated_by_script(text: str, tokens: float) -> None:
    """Four letters of English, two of most other scripts, one of Chinese, Japanese or Korean."""
    assert tokens_of(text) == tokens


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 14 May 2001 16:39:00 -0700", 989883540.0),
        ("14 May 2001 16:39:00", 989858340.0),
        ("2001-05-14T16:39:00+02:00", 989851140.0),
        (" 2001-05-14 ", 989798400.0),
        (f"Mon, 14 May 2001 16:39:00 -0700 ({'x' * 200})", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
    ids=["mail", "no zone", "iso", "a day", "long", "words", "empty", "none"],
)
def test_dates_are_read_as_mail_and_tables_write_them(text: str | None, moment: float | None) -> None:
    """A time without a zone is taken as UTC; what is far too long to be a date is none."""
    assert sent_at(text) == moment
