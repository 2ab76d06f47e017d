"""Keys that servers refuse: each refusal is of the one server that spoke it, until a person looks after the key."""

from __future__ import annotations

from core.quota.db.database import Book
from core.server_address import host_of


def refused_here(book: Book) -> dict[str, tuple[str, float | None]]:
    """Why the book's server refuses keys, and since when, by fingerprint.

    An older file did not say which server it was: such a refusal counts for each.
    """
    rows = book.execute("SELECT fingerprint, reason, since_at FROM refusal WHERE server IN ('', ?)", (book.server,))
    return {fingerprint: (reason, since_at) for fingerprint, reason, since_at in rows}


def refused_elsewhere(book: Book) -> dict[str, str]:
    """Of keys that other servers refuse, by fingerprint, which ones and why."""
    found: dict[str, list[str]] = {}
    for fingerprint, server, reason in book.execute(
        "SELECT fingerprint, server, reason FROM refusal WHERE server NOT IN ('', ?) ORDER BY server", (book.server,)
    ):
        found.setdefault(fingerprint, []).append(f"at {host_of(server)}: {reason}")
    return {fingerprint: "; ".join(reasons) for fingerprint, reasons in found.items()}


def refuse(book: Book, fingerprint: str, reason: str, now: float) -> None:
    """The server refuses a key, inside a transaction of the caller's."""
    book.execute(
        "INSERT OR REPLACE INTO refusal (fingerprint, server, reason, since_at) VALUES (?, ?, ?, ?)",
        (fingerprint, book.server, reason, now),
    )


def forgive(book: Book, fingerprint: str) -> None:
    """A person has looked after a key: no server is taken to refuse it, inside a transaction of the caller's."""
    book.execute("DELETE FROM refusal WHERE fingerprint = ?", (fingerprint,))
