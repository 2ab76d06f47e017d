"""``python -m tests.sources.importing SOURCE HOME`` makes a run and prints what that took, as JSON."""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from pathlib import Path

from core.llm.task import builtin_task
from core.runs.find import RunOptions, create_run
from core.settings import load_settings


def main(source: str, home: str) -> None:
    """Import once: emails taken, processor seconds, and megabytes that came on top of the program's own."""
    settings = load_settings({"LABELTUI_HOME": home})
    task = builtin_task()
    small = Path(home).with_name("small.csv")
    small.write_text("id,message\n1,hi\n")
    create_run(settings, small, task, RunOptions(name="small"), now=time.time())  # all that importing imports
    before = _peak_mb()
    started = time.process_time()
    made = create_run(settings, Path(source), task, RunOptions(name="monster"), now=time.time())
    took_s = time.process_time() - started
    print(json.dumps({"taken": made.taken, "took_s": took_s, "more_mb": _peak_mb() - before, "path": str(made.path)}))


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage tells begins with the size of the process that started this one
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
