"""Read the tables of plan limits and prices. Both have a date, because providers change them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from core.errors import UsageError
from core.model import Dimension

OWN_PLAN = "own"
"""The plan of a server of one's own: no limits, and as many calls at once as it answers well."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold a provider's plan: ``limits`` for one organization and model; a dimension that is missing is not limited."""

    name: str
    words: str
    limits: Mapping[Dimension, float]


@dataclass(frozen=True, slots=True)
class Price:
    """Hold US dollars for a million tokens of each kind."""

    prompt: float
    cached: float
    completion: float

    def of(self, prompt_tokens: float, cached_tokens: float, completion_tokens: float) -> float:
        """Return US dollars for so many tokens; ``cached_tokens`` are among the prompt's."""
        fresh = max(0.0, prompt_tokens - cached_tokens)
        return (fresh * self.prompt + cached_tokens * self.cached + completion_tokens * self.completion) / 1e6


@cache
def plans() -> Mapping[str, Plan]:
    """Return every plan by its name."""
    table = tomllib.loads((files("core.quota.forecast") / "plans.toml").read_text("utf-8"))
    return {
        name: Plan(name, entry["words"], {each: float(entry[each.value]) for each in Dimension if each.value in entry})
        for name, entry in table.items()
    }


def plan(name: str) -> Plan:
    """Return one plan.

    Raises:
        UsageError: there is no plan of that name.
    """
    if name not in plans():
        raise UsageError(f"There is no plan {name!r}. Known are {', '.join(plans())}.")
    return plans()[name]


def price_of(model: str, own_table: Path | None = None) -> Price | None:
    """Return the price of a model, from the operator's own table where there is one; None where neither has it.

    Raises:
        UsageError: the operator's table cannot be read.
    """
    for text, where in _tables(own_table):
        try:
            entry = tomllib.loads(text).get(model)
            if entry is not None:
                prompt = float(entry["prompt"])
                return Price(prompt, float(entry.get("cached", prompt)), float(entry["completion"]))
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"{where}: the price of {model} cannot be read ({error}). It needs prompt and completion."
            ) from error
    return None


def _tables(own_table: Path | None) -> list[tuple[str, str]]:
    tables = []
    if own_table is not None and own_table.is_file():
        try:
            tables.append((own_table.read_text("utf-8"), str(own_table)))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{own_table} cannot be read ({error}).") from error
    tables.append(((files("core.quota.forecast") / "prices.toml").read_text("utf-8"), "the built-in price table"))
    return tables
