"""The header block by itself: where it ends, what each header says and how much of it, and which charset is meant."""

from __future__ import annotations

import pytest

from core.mail import headers, message
from core.mail.charsets import decoded, holds, named, repaired, text_of
from core.mail.cutting import shortened, split_history, split_signature, tokens_of
from core.mail.dates import sent_at


@pytest.mark.parametrize(
    ("raw", "said", "body_at"),
    [
        ("Subject: x\n\nhi", {"subject": ["x"]}, 12),
        ("Subject: x\n\r\nhi", {"subject": ["x"]}, 13),
        ("\n \t\r\nSubject : x\n\nhi", {"subject": ["x"]}, 18),
        ("\ufeffFrom a@b.example Mon\nSubject: x\n\nhi", {"subject": ["x"]}, 34),
        (">From a@b.example Mon\nSubject: x\n\nhi", {"subject": ["x"]}, 34),
        ("X-A: 1\nCC: a\ncc:  b \n\nhi", {"x-a": ["1"], "cc": ["a", "b"]}, 22),
        ("Subject: x\n  y\n\t\n z\nTo: a\n\nhi", {"subject": ["x y z"], "to": ["a"]}, 27),
        ("Subject:\n x\n\nhi", {"subject": ["x"]}, 13),
        ("Subject: x\nTo: a", {"subject": ["x"], "to": ["a"]}, 16),
        ("Subject: x\nTo: a\nand so on", {"subject": ["x"], "to": ["a"]}, 17),
        ("Subject: x\n y\nTo: a\nand\n\nso on", {"subject": ["x y"], "to": ["a"]}, 20),
        ("Subject: x", None, 0),
        ("Subject: x\nand so on", None, 0),
        ("Subject: x\nand\n\nso on", None, 0),
        ("X-A: 1\nX-B: 2\n\nhi", None, 0),
        ("X-A: 1\n y\n\nhi", None, 0),
        ("X" * 100 + ": 1\nTo: a\n\nhi", {"x" * 100: ["1"], "to": ["a"]}, 111),
        ("X" * 101 + ": 1\nTo: a\nCc: b\n\nhi", None, 0),
    ],
)
def test_a_block_ends_at_its_first_line_that_is_no_header(
    raw: str, said: dict[str, list[str]] | None, body_at: int
) -> None:
    """One name of emails is enough before a blank line, two where other text follows."""
    assert headers.split(raw) == (said, body_at)


@pytest.mark.parametrize("size", [19_990, 19_991, 50_000])
def test_a_long_block_is_read_like_a_short_one(size: int) -> None:
    """The faster way is only for blocks of up to 20,000 characters."""
    raw = f"X: {'y' * (size - 4)}\nSubject: a\n  b\n\nhi"
    assert headers.split(raw) == ({"x": ["y" * (size - 4)], "subject": ["a b"]}, size + 16)
    assert (headers._whole(raw, 0, size + 15) is None) == (size + 15 > 20_000)


def test_a_block_has_an_end_even_where_no_blank_line_is_near() -> None:
    """A million characters are looked through for one."""
    lines = "Subject: x\nTo: a\n" + "X: y\n" * 199_997
    assert len(lines) == 1_000_002
    found, end = headers.split(lines + "\nhi")
    assert found is not None
    assert end == 1_000_000
    assert len(found["x"]) == 199_997
    assert found["x"][-2:] == ["y", ""]
    head = "Subject: x\nX: "
    assert headers.split(f"{head}{'y' * 999_984}\n\nhi")[1] == 1_000_000
    assert headers.split(f"{head}{'y' * 999_985}\n\nhi") == (None, 0)


@pytest.mark.parametrize("size", [999, 1_000, 1_001, 5_000])
def test_a_header_is_shown_up_to_a_thousand_characters(size: int) -> None:
    """A longer one ends in a mark, within the limit."""
    shown = headers.text({"subject": ["y" * size, "other"]}, "subject")
    assert shown == ("y" * size if size <= 1_000 else "y" * 999 + "…")
    assert headers.text({}, "subject") == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?b?R3LDvMOfZQ==?= und mehr", "Grüße und mehr"),
        ("=?iso-8859-1?q?a=0Ab?=", "a b"),
        ("=?utf-8?b?abc?= x", None),
        ("plain\rtext  here", "plain text here"),
        ("plain  text", "plain  text"),
        ("=?unheard-of?q?caf=E9?=", "café"),
    ],
)
def test_encoded_words_are_decoded_onto_one_line(value: str, said: str | None) -> None:
    """What is malformed stays as it is."""
    shown = headers.text({"subject": [value]}, "subject")
    assert shown == said or (said is None and shown.endswith(" x"))


def test_of_an_encoded_header_four_thousand_characters_are_decoded() -> None:
    """Before the text is cut."""
    words = " ".join(["=?utf-8?q?ab?="] * 400)
    assert headers._decode(words) == "ab" * 266 + " =?utf-8?q?"


def test_long_lists_of_recipients_say_how_many_more_there_are() -> None:
    """At most about 500 characters are shown, at least one address."""
    many = ", ".join(f"person{number:04}@b.example" for number in range(1_100))
    shown = headers.recipients({"to": [many]}, "to")
    assert shown.startswith("person0000@b.example, person0001@b.example, ")
    assert shown.endswith("person0021@b.example, … and 1,078 more")
    assert headers.recipients({"to": ["a@b", "", "c@d"]}, "to") == "a@b, c@d"
    assert headers.recipients({}, "to") == ""
    assert headers.recipients({"to": ["x" * 500]}, "to") == "x" * 500
    assert headers.recipients({"to": ["x" * 501]}, "to") == "x" * 499 + "…"
    assert headers.recipients({"to": ["x" * 501 + ",y"]}, "to") == "x" * 499 + "…, … and 1 more"
    exactly = ", ".join(["x" * 248, "y" * 248, "z"])
    assert headers.recipients({"to": [exactly]}, "to") == f"{'x' * 248}, {'y' * 248}, … and 1 more"
    over = ", ".join(["x" * 248, "y" * 249, "z"])
    assert headers.recipients({"to": [over]}, "to") == f"{'x' * 248}, … and 2 more"


def test_a_comma_in_quotation_marks_is_part_of_a_name() -> None:
    """Unless the mark is never closed."""
    assert headers._addresses('"Lovelace, Ada" <a@b>, c@d,, "x, y, z" <e@f>') == [
        '"Lovelace, Ada" <a@b>', "c@d", '"x, y, z" <e@f>'
    ]  # fmt: skip
    assert headers._addresses('a@b, "open, c@d, e@f') == ["a@b", '"open', "c@d", "e@f"]
    assert headers._addresses('"a" <a@b>, "c" <c@d>') == ['"a" <a@b>', '"c" <c@d>']


@pytest.mark.parametrize(
    ("kind", "encoding", "plain"),
    [
        (None, None, True),
        ("text/plain; charset=utf-8", "8bit", True),
        ("TEXT/PLAIN", "7BIT", True),
        ("text", "binary", True),
        ("", "", True),
        (";", ";", True),
        ("text/html", None, False),
        ("multipart/mixed; boundary=x", None, False),
        *((None, name, False) for name in ("quoted-printable", "Base64 ", "x-uuencode", "uuencode", "uue", "x-uue")),
    ],
)
def test_only_plain_text_is_sent_as_it_stands(kind: str | None, encoding: str | None, *, plain: bool) -> None:
    """By type and by transfer encoding; without either it is plain."""
    said = {"content-type": kind, "content-transfer-encoding": encoding}
    given = {name: [value] for name, value in said.items() if value is not None}
    assert headers.is_plain(given) is plain


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("text/plain; charset=utf-8", "utf-8"),
        ('text/plain; CHARSET = "iso-8859-1"; x', "iso-8859-1"),
        ("text/plain; charset='x'", "x"),
        ("text/plain; charset=" + "y" * 70, "y" * 60),
        ("text/plain; charset    =utf-8", None),
        ("text/plain; mycharset=utf-8", None),
        (" " * 20_000 + "charset=utf-8", None),
        ("text/plain", None),
    ],
)
def test_a_body_names_its_charset(value: str, said: str | None) -> None:
    """As it is written there."""
    assert headers.charset({"content-type": [value]}) == said
    assert headers.charset({}) is None


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        (None, None), ("", None), ("UTF-8", "utf_8"), ("utf8", "utf8"), ("ISO_8859-1:1987", "iso_8859_1_1987"),
        (" Windows-1252 ", "windows_1252"), ("x" * 61, None), ("unheard-of", None), ("base64", None), ("rot13", None),
        ("unicode_escape", None), ("idna", None), ("punycode", None), ("ANSI_X3.4-1968", "ansi_x3.4_1968"),
        ("koi8.r", "koi8_r"), ("utf-7", "utf_7"), ("utf_8_sig", "utf_8_sig"),
    ],
)  # fmt: skip
def test_charsets_are_looked_up_in_one_table(charset: str | None, codec: str | None) -> None:
    """What is no charset of text is none."""
    assert named(charset) == codec


@pytest.mark.parametrize(
    ("data", "charset", "text", "as_named"),
    [
        (b"abc", None, "abc", True),
        ("Grüße".encode(), None, "Grüße", True),
        ("Grüße".encode(), "utf-8", "Grüße", True),
        ("Grüße".encode(), "iso-8859-1", "Grüße", False),
        ("Grüße".encode("latin-1"), "iso-8859-1", "Grüße", True),
        ("Grüße".encode("latin-1"), "utf-8", "Grüße", False),
        ("Grüße".encode("latin-1"), "us-ascii", "Grüße", False),
        ("„Grüße“ €".encode("cp1252"), "iso-8859-1", "„Grüße“ €", False),
        ("„Grüße“ €".encode("cp1252"), "windows-1252", "„Grüße“ €", False),
        ("„Grüße“ €".encode("cp1252"), "cp1252", "„Grüße“ €", True),
        ("привет".encode("koi8-r"), "koi8-r", "привет", True),
        ("镕".encode("gbk"), "gb2312", "镕", True),
        ("①".encode("cp932"), "shift_jis", "①", True),
        ("똠".encode("cp949"), "euc-kr", "똠", True),
        ("㗎".encode("big5hkscs"), "big5", "㗎", True),
        (b"\x81\xff", "utf-8", "\x81ÿ", False),
        (b"\x81\xff", None, "\x81ÿ", True),
        (b"caf\xe9", "unheard-of", "café", True),
        (b"abc", "us-ascii", "abc", True),
    ],
)
def test_bytes_are_read_in_the_charset_that_fits(
    data: bytes, charset: str | None, text: str, *, as_named: bool
) -> None:
    """The one that is named, its larger relative, or what old mail programs meant."""
    assert repaired(data, charset) == (text, as_named)
    assert decoded(data, charset) == text


@pytest.mark.parametrize(
    ("text", "charset", "read_as", "may"),
    [
        ("abc", "utf-16", "", True), ("ü", None, "", True), ("ü", "unheard-of", "", True), ("ü", "latin-1", "", True),
        ("ł", "latin-1", "", False), ("ü", "latin-1", "utf-8", False), ("ü", "utf-8", "utf-8", True),
        ("ü", "utf-8-sig", "utf-8", True), ("镕", "gb2312", "", True), ("ü", "iso-8859-15", "cp1252", True),
        ("€", "iso-8859-15", "cp1252", False), ("\ud800", "utf-8", "", False), ("ü", "utf-8", "unheard", False),
    ],
)  # fmt: skip
def test_a_text_can_have_come_in_a_charset_that_gives_its_bytes(
    text: str, charset: str | None, read_as: str, *, may: bool
) -> None:
    """A text of ASCII comes in any."""
    assert holds(text, charset, read_as) is may


def test_a_message_is_read_by_the_charset_that_it_names_first() -> None:
    """Unless it is UTF-8, which no other text looks like, or names a kin of UTF-16."""
    assert text_of("ü charset=latin-1".encode()) == ("ü charset=latin-1", "utf-8")
    assert text_of("ł charset=iso-8859-2".encode("iso-8859-2")) == ("ł charset=iso-8859-2", "iso_8859_2")
    assert text_of("ü charset=UTF-16".encode("latin-1")) == ("ü charset=UTF-16", "cp1252")
    assert text_of("ü".encode("latin-1")) == ("ü", "cp1252")
    assert text_of(b"\x81\xff") == ("\x81ÿ", "latin-1")
    assert text_of(b"charset=iso-8859-2 \xb3") == ("charset=iso-8859-2 ł", "iso_8859_2")
    late = b"\xb3" + b" " * 65_515
    assert text_of(late + b"charset=iso-8859-2")[1] == "iso_8859_2"
    assert text_of(late + b"  charset=iso-8859-2")[1] == "iso_8859_2"
    assert text_of(late + b"   charset=iso-8859-2")[1] == "cp1252"


# -- cutting, dates and views -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written", "history"),
    [
        ("a\n> b", "a", "> b"),
        ("a\n\n  > b\nc", "a", "  > b\nc"),
        ("From: x\nSubject: s\n\na\n> b", "From: x\nSubject: s\n\na", "> b"),
        ("From: x\n> b", "From: x\n> b", ""),
        ("From: x", "From: x", ""),
        ("", "", ""),
        ("a\nOn Mon wrote:\nb", "a\nOn Mon wrote:\nb", ""),
        ("a\nOn 1234 wrote:\nb", "a", "On 1234 wrote:\nb"),
        ("a\nOn " + "x" * 120 + " wrote: \nb", "a", "On " + "x" * 120 + " wrote: \nb"),
        ("a\nOn " + "x" * 121 + " wrote:\nb", "a\nOn " + "x" * 121 + " wrote:\nb", ""),
        ("a\nOn Monday Bob wrote: no\nb", "a\nOn Monday Bob wrote: no\nb", ""),
        ("a\n--Original message--\nb", "a", "--Original message--\nb"),
        ("a\n-Original Message-\nb", "a\n-Original Message-\nb", ""),
        ("a\n---- Forwarded by x\nb", "a", "---- Forwarded by x\nb"),
        ("a\n" + "_" * 10 + "\nb", "a", "_" * 10 + "\nb"),
        ("a\n" + "_" * 9 + "\nb", "a\n" + "_" * 9 + "\nb", ""),
        ("a\nFrom: b@c\nd", "a", "From: b@c\nd"),
        ("a\nFrom: b\nd", "a\nFrom: b\nd", ""),
    ],
)
def test_history_begins_at_its_first_mark(text: str, written: str, history: str) -> None:
    """Behind something written; the header lines at the top are none."""
    assert split_history(text) == (written, history)


@pytest.mark.parametrize("lines", [0, 1, 12, 13])
def test_a_signature_has_at_most_twelve_lines(lines: int) -> None:
    """The last line of hyphens counts, and only behind something written."""
    below = "\n".join(["x"] * lines)
    text = f"a\n\n-- \n{below}"
    assert split_signature(text) == ((text, "") if lines == 13 else ("a", below))
    assert split_signature(f"-- \n{below}") == (f"-- \n{below}", "")
    assert split_signature("a\n--\nb\n-- \nc") == ("a\n--\nb", "c")
    assert split_signature("a\n---\nb") == ("a\n---\nb", "")


def test_tokens_are_estimated_by_script() -> None:
    """A quarter, a half, one."""
    assert [tokens_of(text) for text in ("abcd", "abc\x7f", "aé", "\x80", "\u2e7f", "\u2e80", "語a")] == [
        1.0, 1.0, 0.75, 0.5, 0.5, 1.0, 1.25,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "limit", "tail", "shown"),
    [
        ("x" * 40, 10, 0, "x" * 40),
        ("x" * 41, 10, 0, "x" * 40),
        ("é" * 20, 10, 0, "é" * 20),
        ("é" * 21, 10, 0, "é" * 20),
        ("語" * 11, 10, 0, "語" * 10),
        ("語" * 9 + "abcdef", 10, 0, "語" * 9 + "abcd"),
        ("語" * 20 + "abcdefgh", 10, 3, "語" * 7 + "\n[… 12 characters left out …]\n語abcdefgh"),
        ("abcdefgh" + "語" * 20, 10, 2, "abcdefgh" + "語" * 6 + "\n[… 12 characters left out …]\n語語"),
    ],
)
def test_a_limit_in_tokens_reaches_so_many_characters(text: str, limit: int, tail: int, shown: str) -> None:
    """From the beginning, and from the end."""
    assert shortened(text, limit, tail=tail, by_tokens=True) == (shown, shown != text)


def test_a_text_of_as_many_tokens_as_are_allowed_is_whole() -> None:
    """Even where head and tail, each rounded down, would leave a sign out."""
    assert shortened("aa語aa", 2, tail=1, by_tokens=True) == ("aa語aa", False)
    assert shortened("aa語aaa", 2, tail=1, by_tokens=True)[1]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 1 Jan 2001 10:00:00 +0000", 978_343_200.0),
        ("Mon, 1 Jan 2001 10:00:00 +0100", 978_339_600.0),
        ("Mon, 1 Jan 2001 10:00:00 -0000", 978_343_200.0),
        ("Mon, 1 Jan 2001 10:00:00 EST", 978_361_200.0),
        (" 2001-01-01T10:00:00 ", 978_343_200.0),
        ("2001-01-01T10:00:00+01:00", 978_339_600.0),
        ("2001-01-01", 978_307_200.0),
        ("2001-01-01" + " " * 300, 978_307_200.0),
        ("Mon, 1 Jan 2001 10:00:00 +0000 (" + "x" * 167 + ")", 978_343_200.0),
        ("Mon, 1 Jan 2001 10:00:00 +0000 (" + "x" * 168 + ")", None),
        ("Mon, 32 Jan 2001 10:00:00 +0000", None),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_a_moment(text: str | None, moment: float | None) -> None:
    """Without a zone it is one of UTC."""
    assert sent_at(text) == moment


@pytest.mark.parametrize(
    ("room", "text", "cut"), [(0, "", True), (3, "a\nb", True), (5, "a\nb\nc", False), (4, "a\nb\n", True)]
)
def test_the_beginning_of_a_text_has_line_ends_of_unix(room: int, text: str, *, cut: bool) -> None:
    """So that twice as many characters are looked at."""
    assert message._beginning("??a\r\nb\r\nc", 2, room) == (text, cut)


def test_a_view_is_cut_at_its_limit_headers_and_all() -> None:
    """The blank line counts."""
    raw = "Subject: lunch\n\nAt noon?"
    whole = "Subject: lunch\n\nAt noon?"
    for limit in range(1, 30):
        shown = message.view_of(raw, fields=("subject", "body"), truncate_at=limit)
        assert (shown.text, shown.truncated) == (whole[:limit], limit < len(whole))
        assert shown.flags == ("cut" if limit < len(whole) else "")
        assert (shown.subject, shown.parsed) == ("lunch", True)


def test_a_part_that_cannot_have_come_in_its_charset_is_noted() -> None:
    """Where it is not ASCII."""
    head = "Subject: s\nContent-Type: text/plain; charset=iso-8859-1\n\n"
    shown = [message.view_of(head + body, fields=("body",), truncate_at=9).flags for body in ("abc", "ü", "ł")]
    assert shown == ["", "", "charset"]
