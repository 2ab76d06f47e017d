"""Runs of minutes are left out unless ``-m`` asks for something."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what is slow where no marker expression was given."""
    if config.option.markexpr:
        return
    skip = pytest.mark.skip(reason="minutes rather than seconds: ask for it with -m slow")
    for item in items:
        if "tests/virtual" in item.nodeid and item.get_closest_marker("slow"):
            item.add_marker(skip)
