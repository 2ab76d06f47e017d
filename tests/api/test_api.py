"""labeltui in Python: frames labeled by a worker, runs opened and read, and what is said where a package is in the way."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from labeltui.api import ADDED, Run, label

from core import server_address
from core.engine import Engine
from core.errors import NoUsableKeyError, UsageError
from core.quota.keys.keyfile import keys_of_environment
from core.simulator.child import start_child
from core.sources import registry
from core.sources.source import Format, Found, Source

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "core" / "published"


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A simulator that answers at once, with its key in the environment."""
    assert home
    with start_child(["--latency", "0", "--keys", "1"]) as simulator:
        monkeypatch.setenv("GROQ_BASE_URL", simulator.base_url)
        monkeypatch.setenv("GROQ_API_KEY", simulator.keys[0])
        yield


def test_the_server_is_asked_once_for_a_run_with_or_without_a_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making it again opens the run that is there, and asks nothing, whether its name was chosen or follows."""
    asked: list[str | None] = []

    def address_for(_: Engine, base_url: str | None, model: str) -> tuple[str | None, None]:
        asked.append(base_url)
        return base_url, None

    monkeypatch.setattr(Engine, "address_for", address_for)
    source = tmp_path / "reviews.csv"
    source.write_text("id,text\n1,good\n2,bad\n")
    for name in (None, "chosen"):
        runs = [Run.create(source, name=name, base_url="http://127.0.0.1:9/v1") for _ in range(2)]
        assert runs[0].path == runs[1].path
    assert len(asked) == 2


def test_the_cells_of_a_notebook_run_while_its_event_loop_does(
    server: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after the other, as a kernel runs them: label with progress, label again without a call, open the run, filter."""
    notebook = json.loads((Path(__file__).parent / "reviews.ipynb").read_text("utf-8"))
    shown: list[object] = []

    async def cells() -> None:
        names: dict[str, object] = {"__name__": "__main__"}
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                module = ast.parse("".join(cell["source"]))
                last = module.body.pop() if isinstance(module.body[-1], ast.Expr) else None
                exec(compile(module, "cell", "exec"), names)
                if isinstance(last, ast.Expr):
                    shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), names))
        if (frame := names["frame"]) is not None:
            assert set(ADDED) <= set(frame.columns)  # type: ignore[attr-defined]

    asyncio.run(cells())
    rows, run, found = shown
    assert isinstance(rows, list)
    assert [(stars, state) for stars, _, state in rows] == [(5, "labeled"), (1, "skipped"), (1, "labeled")]
    assert "2 of 2 labeled" in repr(run)
    assert found == ["0"]
    assert "2 of 2" in capsys.readouterr().err


def test_texts_alone_can_be_labeled_and_nothing_else_that_is_no_table(home: Path) -> None:
    """What is no table of rows is refused before anything is made."""
    for wrong in ("a text", {"text": "one"}, 3):
        with pytest.raises(UsageError, match="data frame"):
            label(wrong)
    for column, words in (("zz", "'zz', which text_column names"), (None, "Name it with text_column")):
        with pytest.raises(UsageError, match=rf"{words}.* There are: 'a', 'b'\.$"):
            label([{"a": "x", "b": "y"}], text_column=column)
    with pytest.raises(UsageError, match="no rows"):
        label([])
    assert not (home / "runs").exists()


def test_a_run_that_cannot_be_worked_on_says_why(home: Path) -> None:
    """Without a key nothing is labeled, and the run is kept."""
    with pytest.raises(NoUsableKeyError, match="labeltui keys add"):
        label(["Lunch at noon?"], name="kept", progress=False)
    assert Run.open("kept").status.pending == 1


def test_pandas_frames_come_back_as_frames(server: None) -> None:
    """With their own index and columns, not-a-number as nothing."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"text": ["Lunch?", "The contract"], "stars": [float("nan"), 2]}, index=[7, 9])
    labeled = label(frame, progress=False)
    assert labeled.index.tolist() == [7, 9]
    assert labeled["label"].isin(["0", "1"]).all()
    assert list(frame.columns) == ["text", "stars"]


def test_polars_frames_come_back_as_frames(server: None) -> None:
    """With their own columns and types, what is missing as null."""
    polars = pytest.importorskip("polars", reason="polars is not installed")
    frame = polars.DataFrame({"text": ["Lunch?", None], "stars": [None, 2]})
    labeled = label(frame, progress=False)
    assert isinstance(labeled, polars.DataFrame)
    assert labeled["stars"].to_list() == [None, 2]
    assert labeled["state"].to_list() == ["labeled", "skipped"]
    assert labeled["label"][0] in ("0", "1")


def run_python(*arguments: str, path: list[Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with that path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, cwd=folder, check=False
    )


def test_the_published_package_offers_what_it_names(tmp_path: Path, home: Path) -> None:
    """Importing it brings neither console nor client; ``python -m labeltui`` is the command line."""
    program = (
        "import sys, labeltui; print(sorted({'core', 'textual', 'groq'} & set(sys.modules)));"
        " print([getattr(labeltui, name).__name__ for name in labeltui.__all__])"
    )
    done = run_python("-c", program, path=[PUBLISHED, ROOT], folder=tmp_path)
    assert done.stdout.splitlines() == ["[]", "['Format', 'Found', 'Layout', 'Run', 'Preset', 'Source', 'label']"], (
        done.stderr
    )
    assert run_python("-m", "labeltui", "--version", path=[PUBLISHED, ROOT], folder=tmp_path).returncode == 0


@pytest.mark.parametrize("package", ["core", "tui"])
def test_a_foreign_package_in_the_way_is_named(tmp_path: Path, package: str) -> None:
    """In one sentence, instead of a traceback."""
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    done = run_python("-m", "labeltui", "info", path=[tmp_path, PUBLISHED, ROOT], folder=tmp_path)
    assert done.returncode == 1
    assert f"package '{package}'" in done.stderr
    assert str(tmp_path / package) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_package_can_bring_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under an entry point: known by its name and by its address; a name of ours stays ours, and what is none is named."""

    class Point:
        name = "acme"

        @staticmethod
        def load() -> object:
            return brought[0]

    brought: list[object] = [
        server_address.Preset("acme", "Acme", "https://llm.acme.org/v1", ("ACME_API_KEYS", "ACME_API_KEY"))
    ]
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: [Point] if group == server_address.GROUP else []
    )
    server_address.foreign_presets.cache_clear()
    server_address.preset_of.cache_clear()
    try:
        assert server_address.address_of("Acme") == "https://llm.acme.org/v1"
        found = server_address.preset_of("https://llm.acme.org/v1/chat/completions")
        assert found is not None
        assert found.name == "acme"
        keys = keys_of_environment({"ACME_API_KEY": "acme-invented-secret-0123456789"})
        assert [key.server for key in keys] == ["https://llm.acme.org/v1"]
        brought[0] = "https://llm.acme.org"
        server_address.foreign_presets.cache_clear()
        with pytest.raises(UsageError, match=r"'acme' of another package is no labeltui\.Server"):
            server_address.preset("nowhere")
    finally:
        server_address.foreign_presets.cache_clear()
        server_address.preset_of.cache_clear()


def test_a_package_can_bring_a_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under an entry point: by its suffix, after ours, or by ``--format``."""

    def opened(path: Path, _: object) -> Source:
        texts = json.loads(path.read_bytes()[4:])
        found = [Found(n, "", text, f"text {n}") for n, text in enumerate(texts, 1)]
        return Source(path, "bag", lambda: iter(found))

    class Point:
        name = "bag"

        @staticmethod
        def load() -> object:
            return Format("bag", "bags (.bag)", lambda path, _: path.suffix == ".bag", opened)

    monkeypatch.setattr(registry, "entry_points", lambda group: [Point] if group == "labeltui.sources" else [])
    registry._foreign.cache_clear()
    try:
        (tmp_path / "a.bag").write_bytes(b"\x00BAG" + json.dumps(["one", "two"]).encode())
        assert [email.raw for email in registry.open_source(tmp_path / "a.bag")] == ["one", "two"]
    finally:
        registry._foreign.cache_clear()
