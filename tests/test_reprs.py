"""No secret in a ``repr``: tracebacks, logs and failed assertions print them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.worker.places.asker import _Secret
from tui.web.access import Access

ROOT = Path(__file__).resolve().parents[1]
SECRET = re.compile(r"(?:.*_)?(?:secrets?|password|credentials?|keys?|api_keys?|in_address|in_cookie)|urls")
NO_SECRET = {
    "Order": "a column",
    "ListColumn": "a column",
    "Member": "the alias of a key",
    "Action": "what is pressed",
    "Preferences": "what is pressed for which action",
    "Sent": "why no keys can be shown",
}
"""Classes whose ``key`` is none of a server, and what it is."""


def fields_with_secrets() -> Iterator[tuple[str, str, str]]:
    """Every field of a dataclass that is named like a secret and is a text: the class, the field and its line."""
    for path in [*(ROOT / "core").rglob("*.py"), *(ROOT / "tui").rglob("*.py")]:
        text = path.read_text("utf-8")
        if not re.search(rf"^    {SECRET.pattern}: [^=\n]*str", text, re.MULTILINE):
            continue
        for each in ast.walk(ast.parse(text)):
            if not isinstance(each, ast.ClassDef) or "dataclass" not in "".join(map(ast.unparse, each.decorator_list)):
                continue
            if any(isinstance(inner, ast.FunctionDef) and inner.name == "__repr__" for inner in each.body):
                continue
            for inner in each.body:
                if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                    line = ast.unparse(inner)
                    if SECRET.fullmatch(inner.target.id) and "str" in ast.unparse(inner.annotation):
                        yield each.name, inner.target.id, line


def test_what_is_named_like_a_secret_is_left_out_of_its_repr() -> None:
    """A new field that holds one says so, or its class is named here with what it holds instead."""
    found = list(fields_with_secrets())
    assert {"FoundKey", "Access", *NO_SECRET} <= {name for name, _, _ in found}
    shown = [line for name, _, line in found if "repr=False" not in line and name not in NO_SECRET]
    assert shown == []


@pytest.mark.parametrize(
    "value", [Access("http://127.0.0.1:8000", "hidden"), _Secret("hidden")], ids=["address", "place"]
)
def test_a_secret_is_not_shown(value: object) -> None:
    """Whoever has that of an address can use the console from a browser; a place has those of its server."""
    assert "hidden" not in repr(value)
