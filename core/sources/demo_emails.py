"""Invent emails to try everything on: a small ferry company, its staff and their friends.

They are made from hand-written templates with a seeded generator: the same seed gives the same emails, and fewer of
them are the beginning of more. Among the first forty stand some that try a program's manners: placeholders, terminal
escapes, emoji, orders to the model, an empty message, a very long one, HTML. From then on a fifth repeat an earlier
email in another folder, as mailboxes do.
"""

from __future__ import annotations

import csv
import random
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.charset import SHORTEST, Charset
from email.header import Header
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from core.model import SourceEmail

COMPANY_DOMAIN = "harborlight.example"
WORK, PERSONAL = "1", "0"
"""Known labels of the emails, as the built-in task has them."""

_DATA = Path(__file__).with_name("demo_emails.toml")
_FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)
_SLOT = re.compile(r"(^|[.!?]\s+)?\{([a-z]+)(\d?)\}", re.MULTILINE)
_COPY_SHARE = 0.22
_REPLY_SHARE = 0.17
_WORK_SHARE = 0.62
_REMEMBERED = 400
_GREETINGS = ("Hi {},", "Hello {},", "{},", "Dear {},", "")
_CLOSINGS = ("Thanks,", "Best,", "Cheers,", "All the best,", "")
_PRIVATE_CLOSINGS = ("Love,", "Hugs,", "See you soon,", "Yours,")
_FOLDERS = ("Inbox", "Sent", "Archive", "All documents", "Deleted items")


@dataclass(frozen=True, slots=True)
class _Person:
    name: str
    address: str
    title: str = ""

    @property
    def first(self) -> str:
        return self.name.split()[1] if self.name.startswith("Aunt ") else self.name.split()[0]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"


@dataclass(frozen=True, slots=True)
class _Letter:
    """Hold one email's content; ``copied_to`` are further readers, ``label`` is the known one: 1 work, 0 personal."""

    sender: _Person
    reader: _Person
    copied_to: tuple[_Person, ...]
    subject: str
    sent_at: datetime
    body: str
    label: str
    html: bool = False


class _Writer:
    """Invent letters, one after the other."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        data = tomllib.loads(_DATA.read_text(encoding="utf-8"))
        self._words: Mapping[str, list[str]] = data["words"]
        self._work: list[dict[str, Any]] = data["work"]
        self._personal: list[dict[str, Any]] = data["personal"]
        self._replies: list[dict[str, Any]] = data["replies"]
        self._tricky: dict[int, dict[str, Any]] = {entry["at"]: entry for entry in data["tricky"]}
        self._staff = [
            _Person(entry["name"], f"{entry['user']}@{COMPANY_DOMAIN}", entry["title"]) for entry in data["people"]
        ]
        self._friends = [_Person(entry["name"], entry["address"]) for entry in data["friends"]]
        self._written: list[_Letter] = []
        self._unanswered: list[_Letter] = []

    def letter(self, number: int) -> _Letter:
        """Return the letter with that number, counted from 1; numbers must be asked for in order."""
        if number in self._tricky:
            return self._keep(self._from_tricky(self._tricky[number], number))
        chance = self._random.random()
        if self._written and number > max(self._tricky) and chance < _COPY_SHARE:
            return self._random.choice(self._written)
        if self._unanswered and chance < _COPY_SHARE + _REPLY_SHARE:
            return self._keep(self._reply(self._unanswered.pop(self._random.randrange(len(self._unanswered))), number))
        letter = self._keep(self._fresh(number))
        self._unanswered = [*self._unanswered[-_REMEMBERED // 10 :], letter]
        return letter

    def folder(self) -> str:
        """Return where a copy lies."""
        return self._random.choice(_FOLDERS)

    def _keep(self, letter: _Letter) -> _Letter:
        self._written = [*self._written[-_REMEMBERED:], letter]
        return letter

    def _fill(self, template: str, chosen: dict[str, str]) -> str:
        """Return the template with its slots filled. ``chosen`` keeps what each slot got for the rest of the letter."""

        def word(slot: re.Match[str]) -> str:
            opening, name, number = slot[1], slot[2], slot[3]
            value = chosen.get(name + number)
            if value is None:
                taken = chosen.values()
                value = self._random.choice([w for w in self._words[name] if w not in taken] or self._words[name])
                chosen[name + number] = value
            return value if opening is None else opening + value[:1].upper() + value[1:]

        return _SLOT.sub(word, template.strip("\n"))

    def _moment(self, number: int, *, office_hours: bool) -> datetime:
        day = _FIRST_DAY + timedelta(days=number // 6)
        if office_hours and day.weekday() > 4:
            day -= timedelta(days=2)
        low, high = (8 * 60, 17 * 60) if office_hours else (6 * 60, 23 * 60)
        return day + timedelta(minutes=self._random.randrange(low, high), seconds=self._random.randrange(60))

    def _fresh(self, number: int) -> _Letter:
        work = self._random.random() < _WORK_SHARE
        template = self._random.choice(self._work if work else self._personal)
        sender, reader, third = self._random.sample(self._staff, 3)
        copied: tuple[_Person, ...] = ()
        if not work or template.get("spam"):
            friend = self._random.choice(self._friends)
            sender, reader = (friend, reader) if self._random.random() < 0.6 else (sender, friend)
            if template.get("spam"):
                sender, reader = _Person("Prize Office", "winner@luckydip.example"), third
        elif self._random.random() < 0.3:
            copied = (third,)
        chosen: dict[str, str] = {}
        subject = self._fill(template["subject"], chosen)
        body = self._fill(template["body"], chosen)
        if not template.get("spam"):
            body = self._signed(sender, reader, body, work=work)
        label = WORK if work else PERSONAL
        return _Letter(sender, reader, copied, subject, self._moment(number, office_hours=work), body, label)

    def _signed(self, sender: _Person, reader: _Person, body: str, *, work: bool) -> str:
        greeting = self._random.choice(_GREETINGS).replace("{}", reader.first)
        closing = self._random.choice(_CLOSINGS if work else _PRIVATE_CLOSINGS)
        signature = f"{sender.name}\n{sender.title}" if work and self._random.random() < 0.4 else sender.first
        return "\n\n".join(part for part in (greeting, body, f"{closing}\n{signature}".strip()) if part) + "\n"

    def _reply(self, letter: _Letter, number: int) -> _Letter:
        original = "\n".join(f"> {line}".rstrip() for line in letter.body.splitlines()[:12])
        answer = self._fill(self._random.choice(self._replies)["body"], {})
        when = letter.sent_at.strftime("%A %H:%M")
        body = f"{answer}\n\n{letter.reader.first}\n\nOn {when}, {letter.sender.name} wrote:\n{original}\n"
        sent_at = max(letter.sent_at, self._moment(number, office_hours=True)) + timedelta(minutes=17)
        return replace(
            letter,
            sender=letter.reader,
            reader=letter.sender,
            copied_to=(),
            subject=f"Re: {letter.subject}",
            sent_at=sent_at,
            body=body,
        )

    def _from_tricky(self, entry: Mapping[str, Any], number: int) -> _Letter:
        everyone = {person.name: person for person in (*self._staff, *self._friends)}
        body: str = entry["body"].removeprefix("\n")
        body += "".join(self._fill(entry["repeated"], {}) + "\n" for _ in range(entry.get("times", 0)))
        return _Letter(
            sender=everyone[entry["from"]],
            reader=everyone[entry["to"]],
            copied_to=(),
            subject=entry["subject"],
            sent_at=self._moment(number, office_hours=True),
            body=body + "\n" if body and not body.endswith("\n") else body,
            label=entry["label"],
            html=bool(entry.get("html")),
        )


def demo_emails(n: int, seed: int = 7) -> Iterator[SourceEmail]:
    """Yield ``n`` invented emails, as RFC 822 text, with ids ``demo-0001`` and on."""
    for email, _ in labeled_demo_emails(n, seed):
        yield email


def labeled_demo_emails(n: int, seed: int = 7) -> Iterator[tuple[SourceEmail, str]]:
    """Yield the invented emails with their known labels: "1" work, "0" personal, by the built-in task's rubric."""
    writer = _Writer(seed)
    for number in range(1, n + 1):
        letter = writer.letter(number)
        raw = _message(letter, number, writer.folder())
        yield SourceEmail(f"demo-{number:04d}", raw, f"demo email {number:,}"), letter.label


def misread(email: SourceEmail, label: str) -> str:
    """Return what the demo's simulated model makes of a known label: it misreads one kind of email systematically.

    Against the rubric it judges a private email by its sender's address: what the company's people send is work to it.
    """
    sender = next((line for line in email.raw.splitlines() if line.startswith("From: ")), "")
    return WORK if label == PERSONAL and f"@{COMPANY_DOMAIN}>" in sender else label


def write_demo_csv(path: Path, n: int, seed: int = 7) -> None:
    """Write ``n`` invented emails to a CSV file with the columns ``id`` and ``message``. Raises OSError."""
    write_csv(path, demo_emails(n, seed))


def write_csv(path: Path, emails: Iterable[SourceEmail]) -> None:
    """Write emails to such a file. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "message"))
        writer.writerows((email.source_id, email.raw) for email in emails)


def _message(letter: _Letter, number: int, folder: str) -> str:
    charset = Charset("utf-8")
    charset.header_encoding = SHORTEST  # whoever imports apprise gets another one, in the whole process
    subject = letter.subject if letter.subject.isascii() else Header(letter.subject, charset).encode()
    lines = [
        f"Message-ID: <{number:06d}.{letter.sent_at:%Y%m%d%H%M}@{COMPANY_DOMAIN}>",
        f"Date: {format_datetime(letter.sent_at)}",
        f"From: {letter.sender}",
        f"To: {letter.reader}",
        *([f"Cc: {', '.join(map(str, letter.copied_to))}"] if letter.copied_to else []),
        f"Subject: {subject}",
        "MIME-Version: 1.0",
        f"Content-Type: text/{'html' if letter.html else 'plain'}; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        f"X-Folder: \\Harborlight\\{folder}",
    ]
    return "\n".join(lines) + "\n\n" + letter.body
