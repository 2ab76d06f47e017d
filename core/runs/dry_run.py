"""Try a version of the task before it takes effect: the cost of that, and the process that does it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import LabeltuiError, NoUsableKeyError
from core.llm.task import fixed_chars, task_to_json
from core.model import DryRunResult, SampledEmail, Task, exits
from core.quota.db.rows import learned_estimate
from core.quota.forecast.plans import price_of
from core.quota.keys.store import KeyStore
from core.quota.pacing.estimates import Estimator
from core.runs.plan import cost_of_call
from core.settings import Settings
from core.storage.reading.reader import RunReader
from core.storage.reading.sampling import mean_chars
from core.worker.supervisor import environment_of


@dataclass(frozen=True, slots=True)
class DryRunCost:
    """Hold the most that a trial takes if every first answer is usable: emails, tokens, US dollars if known.

    ``learned`` says whether token counts rest on calls that were made, or on lengths alone.
    """

    emails: int
    tokens: int
    money: float | None
    keys: int
    learned: bool


def cost(path: Path, settings: Settings, task: Task, count: int) -> DryRunCost:
    """Return what trying the task on ``count`` emails would take."""
    emails, chars = mean_chars(path, count)
    with RunReader(path) as reader:
        base_url = reader.base_url()
    with KeyStore.from_settings(settings, base_url) as keys:
        usable = sum(not key.state.out for key in keys.statuses(task.model.model, time.time()))
        estimator = Estimator(task.model.max_completion_tokens)
        estimator.recall(learned_estimate(keys.database, task.model.model))
    call = cost_of_call(estimator, task.model, fixed_chars(task), min(chars, task.truncate_at))
    price = price_of(task.model.model, settings.prices_path)
    totals = (emails * call.prompt, emails * call.cached, emails * call.completion)
    money = price.of(*totals) if price is not None else None
    return DryRunCost(emails, round(totals[0] + totals[2]), money, usable, call.learned)


class RunningDryRun:
    """Hold a trial in its process. Iterate over :meth:`results`; :meth:`cancel` ends it from any thread."""

    def __init__(self, path: Path, settings: Settings, task: Task, count: int) -> None:
        """Start it; a simulated run's simulator is started too where it is not there."""
        with RunReader(path) as reader:
            simulated = reader.snapshot(time.time()).run.simulated
        if simulated:
            from core.runs.demo import ensure_simulator  # noqa: PLC0415 - only simulated runs need one

            ensure_simulator(path, settings)
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a path of ours
            [sys.executable, "-P", "-m", "core.worker.dry_run", str(path), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment_of(settings),
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdin is not None
        self._process.stdin.write(task_to_json(task))
        self._process.stdin.close()
        self._cancelled = False

    def results(self) -> Iterator[DryRunResult]:
        """Yield each email as it comes to its end.

        Raises:
            NoUsableKeyError: there is no key to ask with.
            LabeltuiError: the trial could not go on.
        """
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                told = json.loads(line)
                if "error" in told:
                    code = self._process.wait()
                    raise NoUsableKeyError(told["error"]) if code == exits.NO_KEY else LabeltuiError(told["error"])
                yield DryRunResult(**{**told, "email": SampledEmail(**told["email"])})
        code = self._process.wait()
        if code and not self._cancelled:
            raise LabeltuiError(f"The trial ended without a word (code {code}). Nothing was labeled; try it again.")

    def cancel(self) -> None:
        """End it at once; answers that are out may still be counted by the server."""
        self._cancelled = True
        self._process.kill()
