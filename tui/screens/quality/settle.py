"""Settle items on which people, or people and the model, differ: what each said is shown, and one key decides."""

from __future__ import annotations

from textual.widgets import Static

from core.quality.audit import Audit, Member
from core.quality.session import Phase, Session, held_back
from core.text import one_line
from tui.screens.quality.review import ReviewScreen
from tui.text.numbers import number
from tui.text.parts import line


def to_settle(audit: Audit, hidden: frozenset[int] = frozenset()) -> list[Member]:
    """Return the members on which people differ, then those on which they and the model do, that nobody settled.

    Those ``hidden`` belong to a batch whose second looks are not answered yet.
    """
    open_ = [
        m for m in audit.drawn
        if m.answers and m.email_id not in hidden and not any(a.kind == "adjudicated" for a in m.answers)
    ]  # fmt: skip
    split = [m for m in open_ if m.split]
    apart = [m for m in open_ if not m.split and m.label is not None and m.model_label not in (None, m.label)]
    seen: set[str] = set()
    return [m for m in (*split, *apart) if not (m.content in seen or seen.add(m.content))]  # type: ignore[func-returns-value]


class SettleScreen(ReviewScreen):
    """Show items that were answered before, not blind. A decision is a row of its own; no answer is erased."""

    ANSWER_KIND = "adjudicated"

    def __init__(self) -> None:
        super().__init__()
        self._members: dict[int, Member] = {}

    def begin_session(self, audit: Audit, who: str, size: int) -> Session:  # noqa: ARG002 - all of them are one batch
        members = to_settle(audit, held_back(audit, who))
        self._members = {m.email_id: m for m in members}
        phase = Phase.SECOND if members else Phase.DONE
        return Session(who, 0, phase, [m.email_id for m in members])

    def _reveal(self) -> None:
        """Show how many were settled, once all are."""
        session = self._session
        if session is not None:
            self._done_words = f"{number(len(session.given))} settled. The figures count these decisions."
        self._turn()

    def said(self, email_id: int) -> str:
        """Return what people and the model said of an item."""
        member = self._members[email_id]
        answers = [
            f"{one_line(who, limit=14)}: {one_line(a.value or '?', limit=20)}"
            for who, a in member.by_annotator().items()
        ]
        model = "" if member.model_label is None else f" · model: {one_line(member.model_label, limit=20)}"
        return " · ".join(answers) + model

    def _draw_frame(self) -> None:
        super()._draw_frame()
        session, email = self._session, self.current
        if session is None or not self.is_mounted:
            return
        done, of = session.place
        self.query_one("#about", Static).update(
            line(
                ("settle what differs", "bold $bright"),
                (f" · {done}/{of} · ", "$quiet"),
                (self.said(email.id) if email is not None else "", "bold $waiting"),
            )
        )
