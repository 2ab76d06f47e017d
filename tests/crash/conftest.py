"""What the modules of kills share: a home on a disk in memory, and one process to fork all victims from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.sources.demo_emails import write_demo_csv
from tests.programs.crash.harness import Zygote, scratch


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home for a module's victims."""
    with scratch() as folder:
        yield Path(folder) / "home"


@pytest.fixture(scope="module")
def zygote(home: Path, request: pytest.FixtureRequest) -> Iterator[Zygote]:
    """One process to fork all victims from; the module says in ``EMAILS`` how many emails its source holds."""
    home.mkdir()
    write_demo_csv(home / "emails.csv", request.module.EMAILS)
    with Zygote({"LABELTUI_HOME": str(home)}) as process:
        yield process
