"""The invented emails: plausible, the same for the same seed, and with the cases that try a program's manners."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path

from core.mail.message import view_of
from core.model import View
from core.sources.demo_emails import COMPANY_DOMAIN, demo_emails, labeled_demo_emails, misread, write_demo_csv
from core.sources.registry import open_source

FIELDS = ("from", "to", "subject", "date", "body")


def views(n: int) -> list[View]:
    """What would be sent of the first ``n``."""
    return [view_of(email.raw, fields=FIELDS, truncate_at=6_000) for email in demo_emails(n)]


def test_the_same_seed_gives_the_same_emails() -> None:
    """Fewer are the beginning of more; another seed gives others."""
    assert list(demo_emails(50)) == list(islice(demo_emails(400), 50))
    assert list(demo_emails(50)) != list(demo_emails(50, seed=8))


def test_ids_are_unique() -> None:
    """Copies of an email have ids of their own."""
    assert len({email.source_id for email in demo_emails(600)}) == 600


def test_a_fifth_repeats_an_earlier_email() -> None:
    """Four hundred distinct ones are among 520, and copies have the same text to send."""
    distinct = len({view.content_hash for view in views(520)})
    assert 390 <= distinct <= 430
    assert 0.15 <= 1 - distinct / 520 <= 0.25


def test_copies_differ_in_what_is_not_sent() -> None:
    """As copies in real mailboxes do."""
    raws = [email.raw for email in demo_emails(400)]
    assert len(set(raws)) == 400
    assert max(Counter(view.content_hash for view in views(400)).values()) > 1


def test_every_address_is_reserved_for_examples() -> None:
    """Nobody real can be meant."""
    for email in demo_emails(600):
        addresses = re.findall(r"[\w.+-]+@[\w.-]+", email.raw)
        assert addresses
        assert all(address.rstrip(".").endswith(".example") for address in addresses)


def test_no_slot_is_left_unfilled() -> None:
    """But in the email that is about just that."""
    left = [view for view in views(600) if re.search(r"\{[a-z]+\d?\}", view.text)]
    assert {view.subject.removeprefix("Re: ") for view in left} == {"Letter template prints its own insides"}


def test_the_trying_ones_are_among_the_first_forty() -> None:
    """Placeholders, escapes, emoji, orders, an empty message, a very long one, HTML, a two-letter reply."""
    first = views(40)
    texts = [view.text for view in first]
    for part in ("${gr.nope} $$ {x}", "\x1b]52;c;", "🎂", "Ignore all previous", "\n</email>\n", "* Live music"):
        assert any(part in text for text in texts), part
    assert any(view.subject == "" and view.text.endswith("\n\n") for view in first)
    assert any(view.truncated for view in first)
    assert any(len(text.split("\n\n", 1)[1]) < 5 for text in texts)


def test_the_csv_file_is_a_source_like_any_other(tmp_path: Path) -> None:
    """Columns id and message; every email comes back as it was."""
    path = tmp_path / "demo.csv"
    write_demo_csv(path, 60)
    source = open_source(path)
    assert [(email.source_id, email.raw) for email in source] == [(e.source_id, e.raw) for e in demo_emails(60)]
    assert (source.columns.id, source.columns.text) == ("id", "message")


def test_the_model_of_the_demo_misreads_one_kind_of_email() -> None:
    """A tenth to a fifth of the emails are private ones sent by the company's people: work to it; it errs on no other."""
    emails = list(labeled_demo_emails(400))
    assert {label for _, label in emails} == {"0", "1"}
    wrong = [email for email, label in emails if misread(email, label) != label]
    assert 0.1 < len(wrong) / len(emails) < 0.2
    assert all(f"@{COMPANY_DOMAIN}>" in email.raw.split("To: ")[0].split("From: ")[1] for email in wrong)
    assert [email for email, _ in emails[:50]] == list(demo_emails(50))


def test_letters_from_work_are_written_on_workdays() -> None:
    """On workdays and in office hours by far; other letters come on weekends, too."""
    moments: dict[str, list[datetime]] = {"1": [], "0": []}
    for email, label in labeled_demo_emails(400):
        date = re.search(r"^Date: (.+)$", email.raw, re.MULTILINE)
        if date and "Re:" not in email.raw and (sent := _moment(date[1])):
            moments.setdefault(label, []).append(sent)
    at_work = [sent.weekday() < 5 and 8 <= sent.hour < 17 for sent in moments["1"]]
    assert len(at_work) > 100
    assert sum(at_work) > 0.9 * len(at_work)
    assert any(sent.weekday() > 4 for sent in moments["0"])


def _moment(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date)
    except ValueError:
        return None


def test_the_emails_are_those_of_the_guide_and_its_pictures() -> None:
    """Guide, film and screenshots show what the demo says: whoever changes a word of it takes them anew, and this sum."""
    told = hashlib.sha256(
        repr([(email.source_id, email.raw, email.place, label) for email, label in labeled_demo_emails(520)]).encode()
    )
    assert told.hexdigest()[:16] == "8f7d6afe542a9c83"
