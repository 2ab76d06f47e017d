"""Parse the filter grammar for the list of emails into terms, and into SQL with bound values. Pure.

``contract`` finds emails with a word that begins so, in subject, sender or sent text; ``"first draft"`` words that
follow each other; ``!draft`` emails without it. A term with a field looks there alone: ``state:failed``, ``label:0``,
``reasks:>0``, ``key:main``, ``from:ada``, ``subject:lunch``, ``source:human``, ``flag:any``, ``cause:"no valid"``,
``note:picnic`` (or ``note:any``). ``edge:`` finds edge cases: :data:`EDGES`.
All terms must hold. In quotes a backslash keeps the next character as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import UsageError
from core.model import EmailState, LabelSource
from core.storage.file.rows import BY_MODEL, BY_PERSON, HAS_ORDERS, STANDS
from core.text import inert

FIELDS = ("label", "state", "reasks", "key", "from", "subject", "source", "flag", "cause", "note", "edge")
"""What can stand before a colon."""

EDGES = ("person", "version", "near", "truncated", "re-asked")
"""Edge cases: person and model differ; the model changed its label between versions; nearly the same text has another
label (:func:`core.storage.reading.search.near_duplicates_apart`); the text was cut; the first answer was unusable."""

NUMBERED = "numbers"
"""A field that nobody types: the emails with these numbers (JSON), which stand for an edge case that was looked for."""

LONGEST = 500
"""Characters of a filter that are read."""

_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r'\s*(?P<no>!?)(?:(?P<field>[A-Za-z_]+):)?(?P<value>"(?:[^"\\]|\\.)*"|[^\s"]+|)(?=\s|$)')
_NUMBER = re.compile(r"(?P<op>>=|<=|>|<|=|)(?P<n>\d{1,6})")


@dataclass(frozen=True, slots=True)
class Term:
    """Hold one condition: ``field`` is of :data:`FIELDS`, or empty for words of the text; ``negated`` inverts it."""

    field: str
    value: str
    negated: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Return the words of the value, as the text is split into words: letters and digits."""
        return tuple(_WORD.findall(self.value.lower()))


@dataclass(frozen=True, slots=True)
class Filter:
    """Hold terms that must all match; without any, everything does."""

    terms: tuple[Term, ...] = ()

    @property
    def texts(self) -> tuple[Term, ...]:
        """Return the terms that look for words in the text."""
        return tuple(term for term in self.terms if not term.field)

    def and_(self, other: Filter) -> Filter:
        """Return both."""
        return Filter((*self.terms, *(term for term in other.terms if term not in self.terms)))

    def __str__(self) -> str:
        return " ".join(_written(term) for term in self.terms)


def parse(text: str) -> Filter:
    """Read a filter as it was typed.

    Raises:
        UsageError: with a sentence on what cannot be read, and what can.
    """
    if len(text) > LONGEST:
        raise UsageError(f"A filter has at most {LONGEST} characters.")
    terms: list[Term] = []
    place, text = 0, text.rstrip().encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is in no text
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            if text.count('"') % 2:
                raise UsageError('A quotation mark is open: close it with ".')
            raise UsageError(f"{_shown(text[place:].strip())} cannot be read: leave a space before and after quotes.")
        terms.append(_term(match))
        place = match.end()
    return Filter(tuple(terms))


def _term(match: re.Match[str]) -> Term:
    field, value = (match["field"] or "").lower(), match["value"]
    quoted = value.startswith('"')
    if quoted:
        value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
    if field and field not in FIELDS:
        raise UsageError(
            f"There is no field {_shown(field)}. Fields are {', '.join(FIELDS)}; put words with a colon in quotes."
        )
    if not value:
        after = f"after {field}:" if field else "after !" if match["no"] else "between the quotes"
        raise UsageError(f"Something must stand {after}, without a space.")
    if not field and not _WORD.search(value):
        raise UsageError(f"{_shown(value)} holds no letter and no digit to look for.")
    return Term(field, _checked(field, value), negated=bool(match["no"]))


def _checked(field: str, value: str) -> str:
    if field == "state":
        return _one_of("state", value.lower(), [state.value for state in EmailState])
    if field == "source":
        named = "human" if value.lower() == "person" else value.lower()
        return _one_of("source", named, [each.value for each in LabelSource if each is not LabelSource.WITHDRAWN])
    if field == "edge":
        return _one_of("edge", value.lower(), list(EDGES))
    if field == "reasks" and not _NUMBER.fullmatch(value):
        raise UsageError(f"reasks: takes a number, such as 0, >0 or <=2, not {_shown(value)}.")
    return value


def _one_of(field: str, value: str, known: list[str]) -> str:
    if value not in known:
        raise UsageError(f"{field}: is one of {', '.join(known)}, not {_shown(value)}.")
    return value


def _shown(text: str) -> str:
    return f"“{inert(text, limit=40)}”"


def _written(term: Term) -> str:
    plain = re.fullmatch(r'[^\s"!\\:]+', term.value) or (term.field and re.fullmatch(r'[^\s"\\]+', term.value))
    value = term.value if plain else '"' + re.sub(r'(["\\])', r"\\\1", term.value) + '"'
    return ("!" if term.negated else "") + (f"{term.field}:" if term.field else "") + value


# -- as SQL -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Condition:
    """Hold SQL over ``email AS e`` (and ``body AS b`` where ``reads_text``) that binds ``values`` in order."""

    sql: str
    values: tuple[str | int, ...]
    reads_text: bool = False


def condition(wanted: Filter, *, has_flags: bool, has_notes: bool = True, index: str | None = None) -> Condition:
    """Return the filter that an email must match.

    ``index`` names an FTS5 table; without it words are looked for in the texts themselves, by the SQL function
    ``has_words`` of :mod:`core.storage.reading.search`.
    """
    parts: list[str] = []
    values: list[str | int] = []
    for term in wanted.terms:
        sql, bound = (
            _text_sql(term, index) if not term.field else _field_sql(term, has_flags=has_flags, has_notes=has_notes)
        )
        parts.append(f"NOT coalesce({sql}, 0)" if term.negated else f"({sql})")
        values += bound
    return Condition(" AND ".join(parts) or "1", tuple(values), reads_text=bool(wanted.texts) and index is None)


def _text_sql(term: Term, index: str | None) -> tuple[str, list[str | int]]:
    if index is not None:
        return f"e.id IN (SELECT rowid FROM {index} WHERE {index.rpartition('.')[2]} MATCH ?)", [match_phrase(term)]
    pattern = word_pattern(term)
    longest = max((word for word in term.words if word.isascii()), key=len, default="")
    if not longest:
        return "has_words(?, e.subject, e.sender, b.text)", [pattern]
    # LIKE is quick and finds too much; only what it finds is looked at closely.
    like = f"%{longest}%"
    rough = "(b.text LIKE ? OR e.subject LIKE ? OR e.sender LIKE ?)"
    return f"({rough} AND has_words(?, e.subject, e.sender, b.text))", [like, like, like, pattern]


def match_phrase(term: Term) -> str:
    """Return the term for FTS5: a phrase whose last word may go on."""
    return '"' + " ".join(term.words) + '" *'


def word_pattern(term: Term) -> str:
    """Return the same as a regular expression over text in lower case."""
    return r"(?<![^\W_])" + r"[\W_]+".join(re.escape(word) for word in term.words)


def _field_sql(term: Term, *, has_flags: bool, has_notes: bool) -> tuple[str, list[str | int]]:
    value = term.value
    if term.field == "reasks":
        match = _NUMBER.fullmatch(value)
        assert match is not None  # checked when it was read
        return f"(e.reasks {match['op'] or '='} ? AND e.state <> 'pending')", [int(match["n"])]
    if term.field == "flag":
        if not has_flags or value.lower() == "any":
            return HAS_ORDERS.replace("flags", "e.flags") if has_flags else "0", []
        return "instr(' ' || e.flags, ' ' || ?)", [value.lower()]
    if term.field in ("edge", NUMBERED):
        return (_EDGE[value], []) if term.field == "edge" else ("e.id IN (SELECT value FROM json_each(?))", [value])
    if term.field in ("from", "subject", "note"):
        value = "" if (term.field, value.lower()) == ("note", "any") else value
        value = "%" + re.sub(r"([%_\\])", r"\\\1", value) + "%"
    if term.field == "note":
        sql = _NOTED["label"] + (f" OR {_NOTED['note']}" if has_notes else "")
        return sql, [value] * (1 + has_notes)
    return _PLAIN[term.field], [value]


_NOTED = {
    "label": (
        "EXISTS (SELECT 1 FROM label AS l WHERE l.email_id = e.id AND l.source = 'human' AND l.note <> ''"
        " AND l.note LIKE ? ESCAPE '\\')"
    ),
    "note": (f"EXISTS (SELECT 1 FROM note AS n WHERE n.email_id = e.id AND n.{STANDS} AND n.text LIKE ? ESCAPE '\\')"),
}

_NEWEST = "(SELECT value FROM label WHERE email_id = e.id AND {} ORDER BY id DESC LIMIT 1)"

_EDGE = {
    "person": f"{_NEWEST.format(BY_PERSON)} <> {_NEWEST.format(BY_MODEL)}",
    "version": f"{_NEWEST.format(BY_MODEL)} <> {_NEWEST.format(BY_MODEL).removesuffix(')')} OFFSET 1)",
    "truncated": (
        "(SELECT length(text) FROM body WHERE email_id = e.id) >= (SELECT json_extract(t.definition, '$.truncate_at')"
        " FROM task AS t JOIN run ON run.task_version = t.version)"
    ),
    "re-asked": "(e.reasks > 0 AND e.state <> 'pending')",
}

_PLAIN = {
    "from": "e.sender LIKE ? ESCAPE '\\'",
    "subject": "e.subject LIKE ? ESCAPE '\\'",
    "cause": "(e.state = 'failed' AND instr(lower(e.failure), lower(?)))",
    "key": "EXISTS (SELECT 1 FROM attempt AS a WHERE a.email_id = e.id AND a.key_alias = ?)",
    "label": "e.label = ?",
    "state": "e.state = ?",
    "source": "e.label_source = ?",
}
