"""Datasette itself opens a run and an export of one: views, links between tables, dates and full-text search."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from core.runs.save import ExportOptions, export_run
from core.storage.file.lock import RunLock
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.storage.test_store import labeled


@pytest.fixture
def opened(make_run: MakeRun, tmp_path: Path) -> Any:
    """A Datasette with a run of three emails, one of them labeled, and with its export for Datasette."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        app = pytest.importorskip("datasette.app", reason="Datasette is not installed")
    path = make_run(["a picnic", "the budget", "the budget again"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        store.commit([labeled(1)], now=NOW)
    export_run(path, tmp_path / "out.db", ExportOptions(layout="datasette"))
    return app.Datasette([str(path), str(tmp_path / "out.db")])


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore")
async def test_datasette_shows_a_run(opened: Any) -> None:
    """Its views, what a row points to, and a message as it came."""

    async def rows(address: str) -> Any:
        answer = await opened.client.get(address)
        assert answer.status_code == 200, answer.text
        return answer.json()["rows"]

    (row,) = await rows("/small/labeled.json?_shape=objects")
    assert (row["source_id"], row["text"]) == ("mail-1", "a picnic")
    assert row["labeled_at"].endswith("Z")
    assert await rows("/small/failed.json?_shape=objects") == []
    assert await rows("/small/audited.json?_shape=objects") == []
    (body, *_) = await rows("/small/body.json?_shape=objects")
    assert body["raw"] == "Subject: s1\n\na picnic"
    page = await opened.client.get("/small/attempt")
    assert '<a href="/small/email/1">' in page.text


@pytest.mark.asyncio
@pytest.mark.filterwarnings("ignore")
async def test_datasette_searches_the_texts_of_an_export(opened: Any) -> None:
    """The table of labels has a field for it."""
    answer = await opened.client.get("/out/labels.json?_search=budget&_shape=objects")
    assert [row["id"] for row in answer.json()["rows"]] == ["mail-2", "mail-3"]
    assert 'name="_search"' in (await opened.client.get("/out/labels")).text
