"""What the documents say is so."""

from __future__ import annotations

import argparse
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from core.llm.taskfile import task_from_toml
from tests.programs import guide as generated
from tui import guide
from tui.grammar import GROUPS, commands_of, parser
from tui.guide import TOPICS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def commands() -> dict[str, argparse.ArgumentParser]:
    for action in parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("no commands")


def told(text: str) -> Iterator[str]:
    """Yield every command line of labeltui in a document: those in shell blocks and those between backticks."""
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            for part in re.split(r"\s&&\s|\s#", line):
                if re.match(r"(\S*/)?labeltui\b", part.strip()):
                    yield part.strip()
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (" ".join(found.split()) for found in re.findall(r"`(labeltui(?:\s[^`]*)?)`", outside))


DOCUMENTS = ("README.md", *(f"tui/guide/{topic}.md" for topic in TOPICS))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_that_the_documents_name_parses(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What README and guide tell people to type is accepted by the command line."""
    refused = []
    named = {f"labeltui {words}" for words in commands()} | {words for words, _, _ in generated.leaves(parser())}
    for line in told((ROOT / name).read_text("utf-8")):
        words = shlex.split(line)[1:]
        if words == ["COMMAND", "--help"] or " ".join(["labeltui", *words]) in named:
            continue
        try:
            parser().parse_args(words)
        except SystemExit as ended:
            if ended.code:
                refused.append(f"{line}: {capsys.readouterr().err.splitlines()[-1]}")
    assert refused == []


@pytest.mark.parametrize("topic", TOPICS)
def test_generated_parts_of_the_guide_are_the_programs_own(topic: str) -> None:
    """The tables of commands and keys are those of the grammar and of the actions: python -m tests.programs.guide."""
    page = guide.page(topic)
    assert generated.with_generated(topic, page) == page


def test_help_lists_every_command_once_under_a_heading(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal of 80 columns, in the order of the groups, each with one line."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = parser().format_help().partition("commands:\n")[2].partition("\nexit codes")[0].splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("    ")]

    assert [line.strip(" :") for line in lines if line.startswith("  ") and line[2] != " "] == list(GROUPS)
    assert listed == " ".join(GROUPS.values()).split()
    assert set(listed) == set(commands_of(parser()))


def test_every_command_and_option_has_a_line_of_help() -> None:
    """The page of commands says something on each of them."""
    for words, command, help_line in generated.leaves(parser()):
        assert help_line, words
        bare = [action.option_strings for action in command._actions if action.option_strings and not action.help]
        assert bare == [], words


def test_the_guide_has_a_page_for_each_topic_and_no_other() -> None:
    """Pages are found by their name, each begins with its heading."""
    assert sorted(TOPICS) == sorted(path.stem for path in (ROOT / "tui" / "guide").glob("*.md"))
    assert all(guide.page(topic).startswith(f"# {guide.title(topic)}\n") for topic in TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_task_and_settings_files_of_the_guide_are_toml(topic: str) -> None:
    """Every TOML block can be read; a task is accepted as one."""
    for block in re.findall(r"^```toml\n(.*?)^```", guide.page(topic), re.MULTILINE | re.DOTALL):
        data = tomllib.loads(block)
        if "rubric" in data:
            assert task_from_toml(block, topic).labels


def test_the_readme_is_short() -> None:
    """The README leads in; the guide has the rest."""
    assert len(README.splitlines()) <= 150


def test_every_picture_and_file_that_the_documents_name_exists() -> None:
    """No broken links inside the project."""
    for document in ("CONTRIBUTING.md", *DOCUMENTS):
        text = (ROOT / document).read_text("utf-8")
        here = (ROOT / document).parent
        linked = re.findall(r"\]\(((?!http)[^)#]+)\)", text) + re.findall(r'src(?:set)?="([^"]+)"', text)
        missing = [name for name in linked if not (here / name).exists()]
        missing += [name for name in re.findall(r"`((?:tests|core|tui)/[\w./]+)`", text) if not (ROOT / name).exists()]
        assert missing == [], document


@pytest.mark.parametrize(
    "name", [".requirements.lock", "tests/requirements.lock", "tests/oracles.lock", "tests/readers.lock"]
)
def test_a_lock_pins_with_hashes_and_names_no_index(name: str) -> None:
    """Each lock begins with its recipe, and holds pins with hashes that can be checked wherever the files come from."""
    lock = (ROOT / name).read_text("utf-8")
    assert "uv pip compile" in lock.partition("\naiohappyeyeballs")[0]
    assert "--exclude-newer" in lock.partition("\naiohappyeyeballs")[0]
    assert "://" not in lock
    assert "--index-url" not in lock.replace("--no-emit-index-url", "")
    pins = [line for line in lock.splitlines() if line and not line.startswith((" ", "#", "-"))]
    assert len(pins) > 50
    assert all("==" in line and line.endswith("\\") for line in pins)
    assert name == "tests/oracles.lock" or any(line.startswith("setuptools==") for line in pins)


def test_the_locks_agree_and_hold_every_dependency() -> None:
    """The lock of the tests pins what the other one pins, and the packages of all extras beside."""

    def pins(name: str) -> dict[str, str]:
        found = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
        return {package.lower(): version for package, version in found}

    run, everything = pins(".requirements.lock"), pins("tests/requirements.lock")
    oracles = pins("tests/oracles.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    compared, reading, readers = extras.pop("oracles"), extras.pop("readers"), pins("tests/readers.lock")
    del extras["ray"]  # 80 MB, for programs that are run apart

    def names(lines: list[str]) -> set[str]:
        return {re.match(r"[\w.-]+", line).group().lower() for line in lines}

    assert run.items() <= everything.items()
    assert names(project["dependencies"]) <= run.keys()
    assert names([line for lines in extras.values() for line in lines]) <= everything.keys()
    assert names(compared) <= oracles.keys()
    assert all(oracles.get(package, version) == version for package, version in run.items())
    assert names(reading) <= readers.keys()
    assert all(readers.get(package, version) == version for package, version in {**oracles, **everything}.items())


def test_every_command_is_answered() -> None:
    """What the command line offers, some function of ours does."""
    for command in (parser(), *commands().values()):
        module, _, function = command.get_default("answer").partition(":")
        assert callable(getattr(import_module(module), function))
