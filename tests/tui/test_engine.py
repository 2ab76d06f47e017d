"""The console over the real engine: a run file on the disk, a real key store, commands that are done at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.engine import Engine
from core.errors import LabeltuiError, SourceError
from core.model import KeyState
from core.settings import Settings
from core.sources.source import ID_TAKEN
from tests.conftest import MakeRun
from tui.app import LabeltuiApp
from tui.screens.emails.list import EmailsScreen
from tui.screens.monitor import MonitorScreen


def test_the_engine_reads_runs_and_pages(settings: Settings, make_run: MakeRun) -> None:
    """A run file is listed where runs lie, opened, counted, paged and closed."""
    made = make_run(["one", "two", "two"])
    settings.runs_dir.mkdir(parents=True)
    path = made.rename(settings.runs_dir / made.name)
    engine = Engine(settings)
    assert [run.name for run in engine.runs(time.time())] == ["small"]
    view = engine.view(path)
    assert view.snapshot(time.time()).pending == 3
    assert [row.subject for row in view.emails(state="pending", offset=1, limit=5)] == ["s2", "s3"]
    assert view.count("failed") == 0
    assert view.record(2).copies == 1
    view.close()


def test_keys_are_added_switched_and_removed(settings: Settings) -> None:
    """Changes of keys are seen by a view that was open before."""
    engine = Engine(settings)
    keys = engine.keys(None)
    assert keys.statuses("m", time.time()) == ()
    alias = engine.add_key(None, "gsk_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghij", "night", "org_c")
    assert alias == "night"
    assert [(key.alias, key.organization) for key in keys.statuses("m", time.time())] == [("night", "org_c")]
    engine.set_enabled(None, "night", enabled=False)
    assert keys.statuses("m", time.time())[0].state is KeyState.DISABLED
    engine.remove_key(None, "night")
    assert keys.statuses("m", time.time()) == ()
    with pytest.raises(LabeltuiError):
        engine.add_key(None, "no key at all", None, None)
    keys.close()


@pytest.mark.asyncio
async def test_a_label_by_hand_reaches_the_run_file(settings: Settings, make_run: MakeRun) -> None:
    """From the key press to the record: a person's label is kept, and the list shows it."""
    path: Path = make_run(["one", "two"])
    app = LabeltuiApp(settings, run=path, threaded=False)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, MonitorScreen)
        assert app.view_state.snapshot is not None
        assert app.view_state.snapshot.state.value == "new"
        await pilot.press("e")
        await pilot.pause()
        await pilot.press("l", "0", "enter")
        await pilot.pause()
        assert isinstance(app.screen, EmailsScreen)
    view = Engine(settings).view(path)
    record = view.record(1)
    view.close()
    assert (record.row.label, record.row.label_source) == ("0", "human")


def test_a_source_is_looked_at_and_counted_by_the_columns_that_are_named(settings: Settings, tmp_path: Path) -> None:
    """Either may be left to the columns that look right."""
    source = tmp_path / "mail.csv"
    source.write_text("key,id,words,text\na,1,hello there,one\na,2,,two\n", "utf-8")
    engine = Engine(settings)
    for columns, skipped in {("", ""): (), ("words", ""): (), ("", "key"): ((ID_TAKEN, 1),)}.items():
        assert engine.count(str(source), *columns, lambda: True).skipped == skipped
    for columns in (("nowhere", ""), ("", "nowhere")):
        with pytest.raises(SourceError, match="nowhere"):
            engine.count(str(source), *columns, lambda: True)
    looked = [engine.look_at(str(source), text, by) for text, by in (("", ""), ("words", ""), ("", "key"))]
    wrong = engine.look_at(str(source), "nowhere", "key")
    assert (wrong.names, wrong.text, wrong.id, wrong.rows) == (("key", "id", "words", "text"), "nowhere", "key", ())
    assert "nowhere" in wrong.trouble
    assert [(each.text, each.id) for each in looked] == [("text", "id"), ("words", "id"), ("text", "key")]
