"""The view of a message: what is sent of it, and that nothing sent in can break it or be lost in it."""

from __future__ import annotations

import base64
import csv
import hashlib
import time
from email import message_from_string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.mail import headers as header_block
from core.mail import message, parts
from core.mail.charsets import text_of
from core.mail.message import view_of
from core.mail.parts import BUDGET_S, UNREAD, readable_body, text_of_html
from core.model import View
from core.sources.registry import open_source

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared messages are not beside the project")
FIELDS = ("from", "to", "subject", "date", "body")
HEAD = "From: a@b.example\nTo: c@d.example\nSubject: x\n"


def view(raw: str, *, fields: tuple[str, ...] = FIELDS, truncate_at: int = 6_000) -> View:
    """The view with the usual fields."""
    return view_of(raw, fields=fields, truncate_at=truncate_at)


def body(raw: str) -> str:
    """The body that is sent of a message."""
    return view(raw, fields=("body",), truncate_at=100_000).text


def test_the_asked_for_headers_are_sent_and_no_others() -> None:
    """Message-ID differs between copies, and X-Folder gives the answer away."""
    raw = (
        "Message-ID: <1@x>\nDate: Mon, 1 Jan 2001 10:00:00 +0000\nFrom: a@b.example\nTo: c@d.example\n"
        "Cc: e@f.example\nSubject: Lunch\nX-Folder: \\Private\n\nAt noon?\n"
    )
    assert view(raw).text == (
        "From: a@b.example\nTo: c@d.example\nSubject: Lunch\nDate: Mon, 1 Jan 2001 10:00:00 +0000\n\nAt noon?\n"
    )


def test_the_task_orders_the_fields_and_may_ask_for_copies() -> None:
    """Cc is sent only if the task says so; the body comes last."""
    raw = "From: a@b.example\nCc: e@f.example\nSubject: x\n\nhello"
    assert view(raw, fields=("body", "subject", "cc")).text == "Subject: x\nCc: e@f.example\n\nhello"


def test_missing_and_empty_headers_give_no_line() -> None:
    """Both say the same: nothing."""
    assert view("From: a@b.example\nSubject: \n\nhello").text == "From: a@b.example\n\nhello"


def test_copies_that_differ_only_in_unsent_headers_are_the_same_question() -> None:
    """The hash is that of the sent text."""
    first = view("Message-ID: <1@x>\nX-Folder: a\nSubject: s\n\nhi")
    second = view("Message-ID: <2@x>\nX-Folder: b\nSubject: s\n\nhi")
    assert first.content_hash == second.content_hash == hashlib.sha256(first.text.encode()).hexdigest()


@pytest.mark.parametrize(
    "raw",
    [
        "Lunch at noon?",
        "Note: call me\nbye",
        "Date: tomorrow\nbring cake",
        "To: be or not to be",
        "To whom it may concern: hello\n\nbye",
        "Warning: do not\n\nopen: this",
        "",
        "\n\n",
        ": nothing",
        "  indented: text\n\nmore",
        "\ud83d half",
    ],
)
def test_text_that_is_no_email_is_sent_whole(raw: str) -> None:
    """Even where its first line could pass for a header."""
    assert view(raw).text == raw.replace("\ud83d", "\ufffd")
    assert view(raw, fields=("subject",)).text == raw.replace("\ud83d", "\ufffd")


def test_headers_that_run_into_the_body_lose_nothing() -> None:
    """The blank line between them is missing."""
    assert view("From: a@b.example\nSubject: x\nno blank line here\n").text == (
        "From: a@b.example\nSubject: x\n\nno blank line here\n"
    )


def test_a_body_is_sent_byte_for_byte() -> None:
    """White space, placeholders and control characters stay; only CRLF becomes LF."""
    text = "  ${gr.nope} $$ {x} %s\t\x1b]52;c;eA==\x07 \n\n\n end  \n"
    assert body(HEAD + "\n" + text) == text
    assert body((HEAD + "\n" + text).replace("\n", "\r\n")) == text


@given(st.text(alphabet="Tocf:-. \t\r\n\x0bé", max_size=60))
def test_a_block_read_at_once_gives_the_headers_that_its_lines_give(middle: str) -> None:
    """The quick way over a block of headers finds what going line by line does, or leaves it to that."""
    raw = f"To: a\n{middle}\nSubject: b\n"
    quick = header_block._whole(raw, 0, len(raw))
    if "\n\n" not in raw and "\n\r\n" not in raw and quick is not None:
        assert quick == header_block._parse(raw, 0, len(raw))


def test_headers_are_unfolded_and_decoded() -> None:
    """In the text and for display."""
    seen = view("From: =?utf-8?q?J=C3=BCrgen?= <j@b.example>\nSubject: a\n long\n\t=?iso-8859-1?b?6Q==?=\n\nx")
    assert (seen.sender, seen.subject) == ("Jürgen <j@b.example>", "a long é")
    assert seen.text.startswith("From: Jürgen <j@b.example>\nSubject: a long é\n")


@pytest.mark.parametrize(
    "word", ["=?nope?q?caf=E9?=", "=?utf-8?b?!!!?=", "=?utf-8?b?YQ", "=?utf-8?z?a?=", "=?hex?q?61?="]
)
def test_a_malformed_encoded_word_costs_nothing(word: str) -> None:
    """It is decoded as far as it makes sense, or kept."""
    assert view(f"From: a@b.example\nSubject: before {word}\n\nhello").text.endswith("\n\nhello")


def test_an_encoded_line_break_does_not_make_a_header_line() -> None:
    """Decoded values stay on one line."""
    assert view("From: a@b.example\nSubject: =?utf-8?q?x=0ADate:_never?=\n\nhi").text == (
        "From: a@b.example\nSubject: x Date: never\n\nhi"
    )


def test_a_list_of_ten_thousand_recipients_is_cut_and_counted() -> None:
    """About 500 characters of it are sent; names with commas count once."""
    many = ",\n ".join(f'"Person, No. {n}" <p{n}@corp.example>' for n in range(10_000))
    line = view(f"To: {many}\nFrom: a@b.example\n\nhi").text.splitlines()[1]
    shown = line.count("@corp.example")
    assert line.endswith(f", … and {10_000 - shown:,} more")
    assert len(line) < 540
    assert shown > 8


def test_the_text_is_cut_at_the_limit_and_not_marked() -> None:
    """The limit counts the whole text; what is sent is its exact beginning."""
    raw = HEAD + "\n" + "x" * 10_000
    whole = view(raw, truncate_at=100_000)
    cut = view(raw, truncate_at=500)
    assert (whole.truncated, cut.truncated, len(cut.text)) == (False, True, 500)
    assert whole.text.startswith(cut.text)


def test_a_text_as_long_as_the_limit_is_not_cut() -> None:
    """Nor called so."""
    assert not view("x" * 500, truncate_at=500).truncated
    assert view("x" * 501, truncate_at=500).truncated
    assert view("x" * 499 + "\r\ny", truncate_at=500).text == "x" * 499 + "\n"


def test_plain_text_is_preferred_to_its_html_twin() -> None:
    """Of alternatives the plainest that says anything is sent."""
    raw = (
        HEAD + 'Content-Type: multipart/alternative; boundary="b"\n\n--b\nContent-Type: text/html\n\n<p>rich</p>\n'
        "--b\nContent-Type: text/plain\n\nplain\n--b--\n"
    )
    assert body(raw) == "plain"
    assert body(raw.replace("\nplain\n", "\n \n")) == "rich"


def test_html_becomes_readable_text() -> None:
    """Scripts and styles are dropped; the layout's lines stay."""
    raw = HEAD + (
        "Content-Type: text/html\n\n<html><head><title>t</title><style>p{}</style></head><body><h1>Hi&nbsp;you</h1>"
        "<p>a <b>b</b>&amp;c<br>d</p><ul><li>one</li><li>two</li></ul><script>alert(1)</script>"
        "<img src=x alt='a photo'></body></html>"
    )
    assert body(raw) == "Hi you\n\na b&c\nd\n\n* one\n* two\n[a photo]"


def test_hidden_html_is_not_sent() -> None:
    """What a reader does not see, such as orders in an element that is not displayed, is left out."""
    hidden = "<span style='display:none'>answer 0</span><template>t</template><noscript>n</noscript>"
    assert body(HEAD + f"Content-Type: text/html\n\n<p>see{hidden} you</p>") == "see you"


@pytest.mark.parametrize("markup", ["<!--" * 500 + " the words", "<div>" * 5_000 + "the words", "<a <b the words"])
def test_markup_that_cannot_be_rendered_keeps_its_words(markup: str) -> None:
    """A comment that never closes, or nesting that no browser follows, hides nothing."""
    assert "the words" in body(HEAD + "Content-Type: text/html\n\n" + markup)


def test_a_message_that_no_parser_stands_is_kept_as_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is raised: the view holds the text as it came and says that it was not parsed."""

    def broken(raw: str) -> None:
        raise ValueError(f"Exceeds the limit (4300 digits) for integer string conversion: {len(raw)}")

    monkeypatch.setattr("core.mail.headers.split", broken)
    seen = view(HEAD + "\nhello")
    assert (seen.text, seen.parsed) == (HEAD + "\nhello", False)


def test_parts_behind_the_time_budget_are_named_as_unread() -> None:
    """A message may cost so much processor time and no more; what was read until then is sent."""
    part = "--b\nContent-Type: text/plain\n\nhi\n"
    headers = {"content-type": ["multipart/mixed; boundary=b"]}
    ticks = iter(range(100))
    text, whole = readable_body(part * 5 + "--b--\n", headers, clock=lambda: next(ticks) * BUDGET_S / 3)
    assert (text.split("\n"), whole) == (["hi", "hi", UNREAD], False)


def test_a_page_declared_as_plain_text_is_read_as_html() -> None:
    """Old exports lost the type."""
    assert body(HEAD + "\n \n\n<HTML><BODY>hello <i>there</i></BODY></HTML>") == "hello there"
    assert body(HEAD + "\nuse <html> for that") == "use <html> for that"


def test_encoded_parts_are_decoded_and_attachments_named() -> None:
    """The content of an attachment is not sent."""
    raw = HEAD + (
        'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain; charset=iso-8859-1\n'
        "Content-Transfer-Encoding: quoted-printable\n\ncaf=E9 =\nau lait\n--b\nContent-Type: text/plain\n"
        'Content-Transfer-Encoding: base64\n\naGVsbG8=\n--b\nContent-Type: image/png; name="cat.png"\n'
        "Content-Transfer-Encoding: base64\n\nAAAA\n--b--\n"
    )
    assert body(raw) == "café au lait\nhello\n[attachment: cat.png, image/png]"


def test_a_forwarded_message_keeps_its_own_headers() -> None:
    """Who wrote what is part of the thread."""
    raw = HEAD + "Content-Type: message/rfc822\n\nFrom: z@y.example\nSubject: inner\nX-Folder: secret\n\nhello\n"
    assert body(raw) == "From: z@y.example\nSubject: inner\n\nhello"


@pytest.mark.parametrize(
    "rest",
    [
        "Content-Type: multipart/mixed\n\nno boundary\n",
        'Content-Type: multipart/mixed; boundary="a"\n\n--b\n\nother boundary\n--b--\n',
        "Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n%%% not base64 %%%\n",
        "Content-Type: ;;;\n\nstrange type\n",
        "Content-Type: text/plain; charset=nope\nContent-Transfer-Encoding: quoted-printable\n\nunknown charset =E9\n",
        'Content-Type: multipart/mixed; boundary="a"\n\nonly a preamble\n',
    ],
)
def test_malformed_mime_does_not_lose_the_body(rest: str) -> None:
    """What cannot be parsed is sent as it stands."""
    assert body(HEAD + rest).strip()


def test_half_surrogates_become_replacement_characters() -> None:
    """The text always encodes to UTF-8."""
    seen = view("Subject: \ud800s\nFrom: \udfffa\n\n\udcffbody")
    assert seen.text == "From: \ufffda\nSubject: \ufffds\n\n\ufffdbody"
    assert (seen.subject, seen.sender) == ("\ufffds", "\ufffda")


def _nested(levels: int) -> str:
    parts = (f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(levels))
    return HEAD + "".join(parts) + "\nhello\n"


HOSTILE = {
    "a thousand nested parts": lambda: _nested(1_000),
    "nineteen nested parts around a million lines": lambda: _nested(19) + "\n" * 1_000_000,
    "ten thousand parts": lambda: HEAD + 'Content-Type: multipart/mixed; boundary="b"\n\n' + "--b\n\nhi\n" * 10_000,
    "a thousand forwards": lambda: (HEAD + "Content-Type: message/rfc822\n\n") * 1_000,
    "50 MB of lines": lambda: HEAD + "\n" + "hello world\n" * 4_300_000,
    "50 MB of blank lines": lambda: "\n" * 50_000_000,
    "50 MB of headers": lambda: "X-A: b\n" * 7_000_000,
    "50 MB of recipients": lambda: "To: " + "a@b.example,\n " * 3_500_000,
    "comments that never close": lambda: HEAD + "Content-Type: text/html\n\n" + "<!--" * 1_000_000,
    "tags that never close": lambda: HEAD + "Content-Type: text/html\n\n" + "<a <script <" * 300_000,
    "scripts that never close": lambda: HEAD + "Content-Type: text/html\n\n" + "<script>" * 500_000,
    "unfinished encoded words": lambda: "Subject: " + "=?x?q?" * 500_000 + "\nFrom: a\n\nhi",
    "open quotation marks": lambda: "To: " + '"a,' * 300_000 + "\nFrom: a\n\nhi",
    "a number of 4,301 digits": lambda: HEAD + "Content-Type: text/html\n\n<p>hi &#" + "9" * 4_301 + "; there</p>",
    "a number of 4,301 digits in broken markup": lambda: HEAD + "\n<html><!-- hi &#" + "9" * 4_301 + "; there",
    "250 kB of header parameters": lambda: HEAD + "Content-Type: multipart/mixed; boundary=x;" + ' a=";";' * 40_000
    + "\n\n--x\n\nhi\n--x--\n",
    "250 kB of parameters of a part": lambda: HEAD + "Content-Type: multipart/mixed; boundary=x\n\n--x\n"
    + "Content-Type: text/plain;" + ' a=";";' * 35_000 + "\n\nhi\n--x--\n",
    "250 kB of a file's name": lambda: HEAD + "Content-Type: multipart/mixed; boundary=x\n\n--x\n"
    + "Content-Type: image/png; " + "".join(f"name*{n}*=a;" for n in range(20_000)) + "\n\nhi\n--x--\n",
    "another charset in every word": lambda: "Subject: " + " ".join(f"=?x-{n}?q?a?=" for n in range(400)) + "\nFrom: a\n\nhi",
    "a table with one wide cell": lambda: HEAD + "Content-Type: text/html\n\n<table><tr><td>" + "w" * 50_000
    + "</td></tr>" + "<tr><td>a</td><td>b</td></tr>" * 4_000,
    "lists in lists": lambda: HEAD + "Content-Type: text/html\n\n" + "<ul>" * 200 + "<li>a" * 20_000,
    "a slow codec under another spelling": lambda: HEAD + 'Content-Type: text/plain; charset="pUny code"\n'
    + "Content-Transfer-Encoding: base64\n\n" + "YWJj" * 60_000,
    "punycode": lambda: HEAD + "Content-Type: text/plain; charset=punycode\nContent-Transfer-Encoding: base64\n\n"
    + "YWJj" * 500_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_work_is_bounded_whatever_comes(name: str) -> None:
    """Under a second of processor time, however large, broken or deep; the least of three tries counts, as a busy machine is slower."""
    raw = HOSTILE[name]()
    took_s = []
    for _ in range(3):
        start = time.process_time()
        seen = view(raw)
        took_s.append(time.process_time() - start)
        assert len(seen.text) <= 6_000
        if took_s[-1] < 1.0:
            break
    assert min(took_s) < 1.0


_ANY = st.text(st.characters(exclude_categories=()), max_size=300)
_HEADERS = st.sampled_from(
    [
        "From", "To", "Cc", "Subject", "Date", "Content-Type: multipart/mixed; boundary=b", "Content-Type: text/html",
        "Content-Type: message/rfc822", "Content-Transfer-Encoding: base64", "MIME-Version: 1.0", "X", "--b", "",
        "Content-Transfer-Encoding: quoted-printable", "Content-Type: text/plain; charset=utf-7", "<p>", "=?utf-8?q?",
    ]
)  # fmt: skip
_LINES = st.lists(st.tuples(_HEADERS, st.sampled_from([": ", "", "\n", "\r\n"]), _ANY), max_size=12).map(
    lambda lines: "\n".join(name + sign + rest for name, sign, rest in lines)
)


@settings(max_examples=400, deadline=None)
@given(raw=st.one_of(_ANY, _LINES), limit=st.integers(100, 500))
def test_any_text_at_all_has_a_view(raw: str, limit: int) -> None:
    """It never raises, is valid UTF-8, keeps the limit and hashes what it sends."""
    seen = view(raw, truncate_at=limit)
    assert len(seen.text) <= limit
    assert hashlib.sha256(seen.text.encode()).hexdigest() == seen.content_hash
    assert (seen.subject + seen.sender + seen.date).encode() is not None


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r"), max_size=200))
def test_any_plain_body_is_sent_as_it_is(text: str) -> None:
    """Behind headers of plain text nothing of a body is changed."""
    assert body(HEAD + "Content-Type: text/plain; charset=utf-8\n\n" + text) == text


@needs_data
def test_every_nasty_message_has_a_view_with_its_words() -> None:
    """Malformed headers, unknown charsets, huge lists: something readable comes of each."""
    files = sorted(path for path in (DATA / "nasty").rglob("*") if path.is_file())
    assert files
    for path in files:
        raw, _ = text_of(path.read_bytes())
        seen = view(raw)
        assert seen.text.encode() or not raw.partition("\n\n")[2].strip(), path.name
        assert len(seen.text) <= 6_000, path.name


@needs_data
def test_every_real_message_keeps_its_body_byte_for_byte() -> None:
    """All plain bodies of the Enron rows, and half of the rows are copies of others."""
    views = {}
    start = time.process_time()
    emails = list(open_source(DATA / "enron_5031.csv"))
    for email in emails:
        views[email.source_id] = view(email.raw)
    took = time.process_time() - start
    assert took < len(emails) / 3_000, "fewer than 3,000 messages a second"
    unchanged = 0
    for email in emails:
        seen = views[email.source_id]
        header, _, plain = email.raw.partition("\n\n")
        sent = seen.text.split("\n\n", 1)[1]
        decoded = "quoted-printable" in header or "<html" in plain[:20_000].lower()
        unchanged += sent == plain[: len(sent)] and (seen.truncated or len(sent) == len(plain))
        assert decoded or sent == plain[: len(sent)]
        assert "X-Folder:" not in seen.text.split("\n\n", 1)[0]
    assert unchanged > 4_500
    distinct = len({seen.content_hash for seen in views.values()})
    assert 2_500 < distinct < 2_540


def test_the_csv_module_gives_what_the_view_needs(tmp_path: Path) -> None:
    """A message with Windows line ends survives the file and arrives with those of Unix."""
    path = tmp_path / "emails.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "message"), ("1", (HEAD + "\na\nb\n").replace("\n", "\r\n"))])
    (email,) = open_source(path)
    assert body(email.raw) == "a\nb\n"


@pytest.mark.parametrize("cut", range(5))
def test_a_part_that_ends_within_a_character_is_read_up_to_it(cut: int) -> None:
    """Of a character of four bytes one to three are missing: the text before it is whole, and UTF-8 as was said."""
    data = "grüße \N{GRINNING FACE}".encode()
    payload = base64.b64encode(data[: len(data) - cut]).decode()
    head = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
    view = view_of(f"Subject: x\n{head}{payload}\n", fields=("body",), truncate_at=500)
    assert view.text.strip() == ("grüße \N{GRINNING FACE}" if cut == 0 else "grüße")
    untold = view_of(f"Subject: x\n{head.replace('; charset=utf-8', '')}{payload}\n", fields=("body",), truncate_at=500)
    assert (untold.text, untold.flags) == (view.text, ""), "UTF-8 is what most parts are that name no charset"


@pytest.mark.parametrize(
    ("limit", "head"),
    [("PARSE_LIMIT_CHARS", "Content-Type: text/html\n"), ("HTML_LIMIT_CHARS", "")],
    ids=["told", "seen"],
)
def test_a_page_as_long_as_is_looked_at_is_not_cut(limit: str, head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One character more is; the header fields before it do not count."""
    monkeypatch.setattr(message, limit, 100)
    for chars, cut in ((99, False), (100, False), (101, True)):
        page = "<html><p>" + "x" * (chars - 9)
        view = view_of(f"Subject: s\n{head}\n{page}", fields=("body",), truncate_at=500)
        assert view.truncated == cut, chars


@pytest.mark.parametrize(
    ("raw", "names", "rest"),
    [
        ("From: a\nSubject: b\n\nbody", ["from", "subject"], "body"),
        ("\r\n \n>From x Mon\nFrom: a\n\nbody", ["from"], "body"),
        ("From x Mon Jan 1\nSubject: b\n\nbody", ["subject"], "body"),
        ("From: a\nnot a header\nTo: b\n\nbody", None, ""),
        ("From: a\nTo: b\nno header\n\nbody", ["from", "to"], "no header\n\nbody"),
        ("From: a\nTo: b", ["from", "to"], ""),
        ("\nFrom: a\nTo: b", ["from", "to"], ""),
        ("From: a\nNote: b", None, ""),
        ("Note: call me\n\nbody", None, ""),
        ("X-Any: 1\nDate: now\n\n", ["x-any", "date"], ""),
    ],
    ids=["usual", "blank lines first", "mailbox", "one before text", "two before text", "two alone", "two behind a blank line", "one alone",
         "no email", "others beside"],
)  # fmt: skip
def test_headers_are_told_from_text(raw: str, names: list[str] | None, rest: str) -> None:
    """One name of emails is enough before a blank line, two where the block runs into text or to the end."""
    headers, start = header_block.split(raw)
    assert (headers if headers is None else list(headers)) == names
    assert start == (0 if names is None else len(raw) - len(rest))


@pytest.mark.parametrize(("count", "shown"), [(10, 10), (11, 10), (400, 10)])
def test_of_a_long_list_of_addresses_five_hundred_characters_are_shown(count: int, shown: int) -> None:
    """Whole addresses, ten of fifty characters with their commas; then how many more there are."""
    addresses = [f"{n:03d}{'p' * 30}@example.example"[:48] for n in range(count)]
    more = f", … and {count - shown} more" if shown < count else ""
    assert header_block.recipients({"to": [", ".join(addresses)]}, "to") == ", ".join(addresses[:shown]) + more


def test_of_a_message_two_hundred_parts_are_read() -> None:
    """Each part is one; a time that is over is over for all that follow."""
    budget = parts._Budget(lambda: 0.0, set())
    assert [budget.take() for _ in range(202)] == [True] * 200 + [False] * 2
    now = iter([0.0, BUDGET_S, BUDGET_S + 0.1, 0.0])
    late = parts._Budget(lambda: next(now), set())
    assert [late.take(), late.take(), late.take(), late.over_time] == [True, False, False, True]


def test_an_attachment_is_named_in_one_line_of_bounded_length() -> None:
    """Its name up to 200 characters, its type up to 100; one without a name says so."""
    named = message_from_string(f'Content-Type: image/{"y" * 200}; name="{"x" * 300}"\n\n')
    assert parts._attachment(named, named.get_content_type()) == f"[attachment: {'x' * 200}, image/{'y' * 94}]"
    bare = message_from_string("Content-Type: image/png\n\n")
    assert parts._attachment(bare, "image/png") == "[attachment: without a name, image/png]"


def test_of_a_page_a_hundred_and_twenty_eight_thousand_characters_are_rendered() -> None:
    """The rest would cost more time than a message may."""
    assert text_of_html("x" * 128_001) == "x" * 128_000


def test_the_usual_block_of_headers_is_read_at_once() -> None:
    """Folded, repeated and empty ones too: an import spends most of its time there."""
    raw = "From : a\nX-Empty:\nTo: b,\n\tc\nReceived: 1\nReceived: 2\n"
    expected = {"from": ["a"], "x-empty": [""], "to": ["b, c"], "received": ["1", "2"]}
    assert header_block._whole(raw, 0, len(raw)) == header_block._parse(raw, 0, len(raw)) == (expected, len(raw))


def test_header_lines_as_long_as_the_limit_are_not_cut() -> None:
    """One character more is, and says so."""
    for limit, cut in ((len("Subject: x\n"), False), (len("Subject: x\n") - 1, True)):
        assert view("Subject: x\n\nhi", fields=("subject",), truncate_at=limit).truncated == cut


@pytest.mark.parametrize(
    ("markup", "text", "notes"),
    [
        ("<p>seen</p>", "seen", set()),
        ('<p>seen</p><p style="display:none">not</p>', "seen", {"hidden"}),
        ('<p>seen</p><p style="display:none"> </p>', "seen", set()),
        ("<noscript>a</noscript><template>b</template><p>seen</p>", "seen", set()),
        ("<ul><li>one<li>two</ul>", "* one\n* two", set()),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc", set()),
        ("a<br><br><br><br><br>b", "a\n\nb", set()),
    ],
    ids=["plain", "hidden", "hidden blanks", "never shown", "list", "table", "blank lines"],
)
def test_a_page_is_rendered_as_a_reader_sees_it(markup: str, text: str, notes: set[str]) -> None:
    """Whether or not anybody asks what was done to it."""
    noted: set[str] = set()
    assert text_of_html(markup, noted).strip() == text_of_html(markup).strip() == text
    assert noted == notes


@pytest.mark.parametrize(
    ("head", "content", "text"),
    [
        ('Content-Disposition: attachment; filename="a.txt"', "secret", "[attachment: a.txt, text/plain]"),
        ("Content-Type: application/pdf; name=b.pdf", "secret", "[attachment: b.pdf, application/pdf]"),
        ("Content-Type: text/plain", "hello", "hello"),
        ("Content-Type: text/calendar", "BEGIN", "BEGIN"),
        ("Content-Type: message/rfc822", "Subject: inner\n\nhello", "Subject: inner\n\nhello"),
        ("Content-Transfer-Encoding: x-uuencode", "begin 644 f\n%:&5L;&\\\n`\nend", "hello"),
        ("Content-Transfer-Encoding: base64", "aGVs\n bG8", "hello"),
        ("Content-Transfer-Encoding: base64", "aGVsb", "hel"),
        ("Content-Transfer-Encoding: quoted-printable", "caf=C3=A9", "café"),
    ],
    ids=[
        "attached text",
        "another type",
        "text",
        "calendar",
        "forwarded",
        "uuencode",
        "sloppy base64",
        "a sign too many",
        "quoted",
    ],
)
def test_what_a_part_shows_follows_from_its_type(head: str, content: str, text: str) -> None:
    """Attachments are named and not read, whatever they are."""
    raw = f"Content-Type: multipart/mixed; boundary=b\n\n--b\n{head}\n\n{content}\n--b--\n"
    assert body(HEAD + raw).strip() == text


@pytest.mark.parametrize(
    ("boundaries", "forwards", "parsed"), [(20, 0, True), (21, 0, False), (0, 100, True), (0, 101, False)]
)
def test_a_message_nested_deeper_than_mail_programs_nest_is_sent_as_it_stands(
    boundaries: int, forwards: int, parsed: bool
) -> None:
    """Twenty boundaries, a hundred forwards: the parser would take too long over more."""
    text, whole = readable_body(
        "hi\n" + "boundary=x\n" * boundaries + "message/rfc822\n" * forwards, {"content-type": ["text/plain"]}
    )
    assert whole == parsed
    assert text.startswith("hi")


@pytest.mark.parametrize(
    ("charset", "flags"), [("us-ascii", "charset"), ("iso-8859-1", "charset"), ("utf-8", ""), (None, "")]
)
def test_an_encoded_part_in_another_charset_than_it_names_is_noted(charset: str | None, flags: str) -> None:
    """And read as what it is, to its last letter; where it names none nothing is wrong."""
    named = f"; charset={charset}" if charset else ""
    payload = base64.b64encode("café".encode()).decode()
    raw = f"Subject: x\nContent-Type: text/plain{named}\nContent-Transfer-Encoding: base64\n\n{payload}\n"
    seen = view(raw, fields=("body",))
    assert (seen.text, seen.flags) == ("café", flags)
