"""Promises about the command line: what options mean, and the errors of wrong ones."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.simulator.__main__ import main
from core.simulator.config import FAULT_PRESETS, PLANS, Outage, Revocation, SimulatorError
from core.simulator.options import add_arguments, config_from, parse_faults, parse_outage


def parse(*arguments: str) -> Any:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return config_from(parser.parse_args(arguments))


def test_defaults() -> None:
    """Without options there is one unlimited key, real latency and no fault."""
    config = parse()
    assert len(config.keys) == 1
    assert config.organizations[0].limits == PLANS["unlimited"]
    assert config.latency_s == 0.35
    assert config.faults == FAULT_PRESETS["none"]


def test_plans_are_changed_by_windows_and_organizations() -> None:
    """A plan holds for all, a window option changes it, a limit changes one organization."""
    config = parse("--keys=2", "--organizations=2", "--plan=free", "--tpd=0", "--limit=org_sim_2:rpm=5")
    first, second = config.organizations
    assert (first.limits.rpm, first.limits.rpd, first.limits.tpd) == (30, 1_000, None)
    assert second.limits.rpm == 5


def test_own_keys() -> None:
    """Keys of one's own replace the invented ones and name their organizations."""
    config = parse("--key=gsk_a=org_1", "--key=gsk_b=org_1", "--restrict=org_1:7", "--revoke=2:30s")
    assert config.keys == {"gsk_a": "org_1", "gsk_b": "org_1"}
    assert config.organizations[0].restricted_after == 7
    assert config.revoke == {"gsk_b": Revocation(at_s=30.0)}
    assert parse("--revoke=1:5").revoke.popitem()[1] == Revocation(after_calls=5)


def test_faults_are_presets_or_rates() -> None:
    """A preset, rates, or both."""
    assert parse_faults("harsh") == FAULT_PRESETS["harsh"]
    assert parse_faults("invalid=0.1,too-large=0.2").too_large == 0.2
    mixed = parse_faults("mild,invalid=0.5")
    assert (mixed.invalid, mixed.drop) == (0.5, FAULT_PRESETS["mild"].drop)
    assert parse("--faults=drop=1").faults.drop == 1.0


def test_outages() -> None:
    """Start and duration in seconds, and how calls fail."""
    assert parse_outage("10:5") == Outage(10, 5)
    assert parse("--outage=1:2:drop").outages == (Outage(1, 2, "drop"),)


def test_other_options(tmp_path: Path) -> None:
    """The rest goes where it belongs; a model asked for is not decommissioned."""
    config = parse(
        "--model=llama3-70b-8192", "--labels=work,personal", "--scale=60", "--headers=lying", "--no-prefix-cache",
        f"--log={tmp_path / 'log'}", "--noise=0.1", "--hang=3", "--seed=9",
    )  # fmt: skip
    assert "llama3-70b-8192" in config.models
    assert "llama3-70b-8192" not in config.decommissioned
    assert config.labels == ("work", "personal")
    assert (config.scale, config.headers, config.prefix_cache) == (60, "lying", False)
    assert (config.noise, config.hang_s, config.seed) == (0.1, 3, 9)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--keys=1", "--organizations=2"],
        ["--revoke=3:1"],
        ["--restrict=org_9"],
        ["--limit=org_9:rpm=1"],
        ["--labels=1"],
        ["--scale=0"],
        ["--rpm=-1"],
        ["--host=0.0.0.0"],
        ["--host=example.com"],
        ["--replay=/nonexistent/labels.csv"],
        ["--port=99999"],
    ],
)
def test_wrong_values_are_one_sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What contradicts itself, or would serve other machines, ends with code 2 and says why."""
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("simulate: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "argument", ["--faults=fog", "--faults=invalid=often", "--outage=5", "--key=gsk_a", "--limit=org=1"]
)
def test_wrong_words_are_usage_errors(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be read is reported by argparse, with the parser's own sentence."""
    with pytest.raises(SystemExit):
        main([argument])
    assert argument.partition("=")[0] in capsys.readouterr().err


def test_parsers_raise_the_rooms_own_error() -> None:
    """Used from Python, they raise a SimulatorError."""
    with pytest.raises(SimulatorError, match="is no fault"):
        parse_faults("mild,harsh")


@pytest.mark.parametrize("module", ["config", "options", "child", "quota", "answers", "faults", "service"])
def test_light_modules_bring_nothing_heavy(module: str) -> None:
    """All but the app and the server import without starlette, uvicorn, the SDK or a database."""
    code = (
        f"import core.simulator.{module}, sys;"
        "heavy = {'starlette', 'uvicorn', 'groq', 'httpx', 'textual', 'guardrails', 'sqlite3', 'tui'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or None)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_app_brings_no_sdk() -> None:
    """The server's own process loads starlette and uvicorn, and nothing of the rest of the house."""
    code = (
        "import core.simulator.server, sys;"
        "heavy = {'groq', 'httpx', 'textual', 'guardrails', 'sqlite3', 'tui', 'core.storage', 'core.llm'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or None)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
