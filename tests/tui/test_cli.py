"""The command line: what it says, its exit codes, and that bad input gets a sentence with a remedy."""

from __future__ import annotations

import argparse
import contextlib
import csv
import errno
import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.model import PACK_AUTO, Dimension, KeyState, RunState, WindowStatus
from core.quota.keys.store import KeyStore
from core.runs.find import find_run
from core.settings import Settings, load_settings
from core.simulator.child import start_child
from tests.tui.fakes import key
from tui.cli import main
from tui.commands.keys import _key, _window
from tui.text import quantities

EMAILS = [
    ("a", "From: ada@example.org\nSubject: the rota\n\nWho is on call this week?"),
    ("b", "From: bo@example.org\nSubject: supper\n\nDinner with the children on Saturday?"),
    ("c", "From: ada@example.org\nSubject: the rota\n\nWho is on call this week?"),
]

SECRET = "gsk_invented0and0never0given0out0by0anybody0but0this0test00"

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "mail.csv", EMAILS)


def write(path: Path, rows: list[tuple[str, str]], header: tuple[str, str] = ("id", "message")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def say(home: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """A command line; returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_new_run_says_what_was_taken(say: Say, source: Path) -> None:
    """Name, emails, distinct texts, columns and what to do next."""
    code, out, _ = say("new", source)
    assert code == 0
    assert "mail: 3 emails taken, 2 distinct texts" in out
    assert "'message'" in out
    assert "labeltui start mail" in out


@pytest.mark.parametrize("command", ["new", "plan"])
@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "https://example.org/v1?api-key=hunter2hunter2",
        "ftp://example.org/v1",
        "https://me:hunter2hunter2@example.org/v1",
    ],
)
def test_a_server_that_cannot_be_asked_is_refused_before_anything_is_made(
    say: Say, source: Path, settings: Settings, command: str, url: str
) -> None:
    """Not by the worker an hour later; and a password in the address reaches neither run file nor screen."""
    code, out, err = say(command, source, "--base-url", url)
    assert code == 1
    assert "base URL" in err
    assert "hunter2" not in out + err
    assert not settings.runs_dir.exists()


@pytest.mark.parametrize("command", ["new", "plan"])
def test_an_empty_source_is_not_the_folder_that_one_is_in(
    say: Say, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable that the shell left empty is wrong usage."""
    with pytest.raises(SystemExit) as ended:
        say(command, "")
    assert ended.value.code == 2
    assert "it is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--split", "0.8,x", "two or three shares that sum up to 1"),
        ("--where", "nosuch:1", "There is no field"),
    ],
)
def test_a_value_that_an_option_cannot_have_is_wrong_usage(
    option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused with code 2 before the run is looked for, as a mistyped option is."""
    with pytest.raises(SystemExit) as ended:
        main(["export", "mail", "out.csv", option, value])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("option", "value"), [("--format", "nosuch"), ("--encoding", "nosuch")])
def test_a_format_or_encoding_that_is_not_known_is_wrong_usage(option: str, value: str) -> None:
    """Likewise where a run is made."""
    with pytest.raises(SystemExit) as ended:
        main(["new", "mail.csv", option, value])
    assert ended.value.code == 2


def test_a_format_may_be_named_by_an_ending_of_its_files(say: Say, tmp_path: Path) -> None:
    """``jsonl`` is what exports call it, and what its files end in."""
    path = tmp_path / "mails.txt"
    path.write_text('{"id": "a", "text": "one"}\n{"id": "b", "text": "two"}\n', "utf-8")
    for name in ("jsonl", ".JSONL", "json"):
        code, out, err = say("new", path, "--format", name, "--dry-run")
        assert (code, err) == (0, "")
        assert "2 distinct texts" in out


def test_making_it_again_changes_nothing_and_says_so(say: Say, source: Path, settings: Settings) -> None:
    """The same source and name leave the file as it is, to the byte."""
    say("new", source)
    path = find_run(settings, "mail")
    before = path.read_bytes()
    code, out, _ = say("new", source)
    assert code == 0
    assert "Nothing was changed" in out
    assert path.read_bytes() == before


def test_another_source_under_the_same_name_is_refused(say: Say, source: Path, tmp_path: Path) -> None:
    """It names the run, its source and the way out."""
    say("new", source)
    other = write(tmp_path / "other.csv", EMAILS[:1])
    code, _, err = say("new", other, "--name", "mail")
    assert code == 1
    assert "--name" in err
    assert "Nothing was changed" in err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"id,message\n", "no texts|no rows|holds no"),
        (b"number,colour\n1,red\n", "column"),
        (b'id,message\n1,"never closed\n', "quot"),
    ],
)
def test_an_unusable_source_gets_its_own_message(
    say: Say, tmp_path: Path, settings: Settings, content: bytes, words: str
) -> None:
    """Each fault has its words, exit code 1, and leaves no half run."""
    import re

    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    code, _, err = say("new", path)
    assert code == 1
    assert re.search(words, err)
    assert not settings.runs_dir.exists() or not list(settings.runs_dir.iterdir())


def test_a_missing_file_is_named(say: Say, tmp_path: Path) -> None:
    """Where it was looked for is part of the message."""
    code, _, err = say("new", tmp_path / "nowhere.csv")
    assert code == 1
    assert "nowhere.csv does not exist" in err


def test_a_repeated_id_is_counted_and_explained(say: Say, tmp_path: Path) -> None:
    """The row is not taken, is not silent, and the remedy is named."""
    path = write(tmp_path / "twice.csv", [("a", "one"), ("a", "two"), ("b", "three")])
    code, out, _ = say("new", path)
    assert code == 0
    assert "2 emails taken" in out
    assert "skipped 1" in out
    assert "--id-column" in out


def test_columns_can_be_named(say: Say, tmp_path: Path) -> None:
    """Other headers than the usual ones."""
    path = write(tmp_path / "odd.csv", EMAILS, header=("nr", "what_they_wrote"))
    code, out, _ = say("new", path, "--text-column", "what_they_wrote", "--id-column", "nr")
    assert code == 0
    assert "'what_they_wrote'" in out
    code, _, err = say("new", path, "--name", "other", "--text-column", "what_they_wrot")
    assert code == 1
    assert "what_they_wrote" in err


def test_an_unknown_run_is_named_with_its_neighbor(say: Say, source: Path) -> None:
    """A typing mistake is guessed."""
    say("new", source)
    code, _, err = say("status", "mial")
    assert code == 2
    assert "Did you mean mail?" in err


def test_a_run_is_found_by_path_too(say: Say, source: Path, settings: Settings) -> None:
    """RUN is a name or the path of a file."""
    say("new", source)
    code, out, _ = say("status", find_run(settings, "mail"))
    assert code == 0
    assert "0 of 3" in out


def test_what_of_a_source_was_not_taken_is_counted_with_its_reason_and_listed(say: Say, tmp_path: Path) -> None:
    """By `new`, by `status`, and by `skipped`, where each stands with its place."""
    (tmp_path / "mixed").mkdir()
    for name, text in (("a.txt", "lunch"), ("Thumbs.db", "x"), ("c.pdf", "%PDF"), ("d.png", "x"), (".e", "x")):
        (tmp_path / "mixed" / name).write_text(text)
    assert "skipped 2: it is in no known form" in say("new", tmp_path / "mixed")[1]
    told = say("status", "mixed")[1]
    assert (
        "  source    4 not taken (2: it is in no known form; 1: it is a mail program's own file; 1 more reason)" in told
    )
    assert json.loads(say("status", "mixed", "--json")[1])["not_taken"] == {
        "it is in no known form": 2,
        "its name begins with a dot": 1,
        "it is a mail program's own file": 1,
    }
    assert "  file d.png: .png" in say("skipped", "mixed")[1]


def test_a_person_labels_without_a_worker(say: Say, source: Path, settings: Settings) -> None:
    """The label is written at once, wins, and appears in the export with its source."""
    say("new", source)
    code, out, _ = say("label", "mail", "b", "0", "--note", "a family supper")
    assert code == 0
    assert "b labeled 0" in out
    with closing(sqlite3.connect(find_run(settings, "mail"))) as db:
        rows = db.execute("SELECT value, source, note, attempt_id FROM label").fetchall()
    assert rows == [("0", "human", "a family supper", None)]


def test_a_person_notes_skips_and_undoes_without_a_worker(
    say: Say, source: Path, settings: Settings, tmp_path: Path
) -> None:
    """Each is done at once and told; a note reaches the export; undo takes back the last, then the one before.

    An id or a layout that is not known is wrong usage.
    """
    say("new", source)
    assert "note by" in say("note", "mail", "b", "ask Bo about it")[1]
    assert "1 text skipped" in say("skip", "mail", "b")[1]
    assert json.loads(say("status", "mail", "--json")[1])["skipped"] == 1
    assert "1 text requeued" in say("skip", "mail", "b", "--back")[1]
    say("skip", "mail", "b")
    assert "undone: a skip (1 text as before)" in say("undo", "mail")[1]
    assert json.loads(say("status", "mail", "--json")[1])["skipped"] == 0
    say("export", "mail", tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [row["note"] for row in rows] == ["", "ask Bo about it", ""]
    for what in ("the return of a skip", "a skip", "a note"):
        assert f"undone: {what}" in say("undo", "mail")[1]
    assert "nothing was changed" in say("undo", "mail")[1]
    assert say("note", "mail", "b", "  ")[0] == 1
    assert say("skip", "mail", "zzz")[0] == 2
    code, _, err = say("export", "mail", tmp_path / "out.csv", "--layout", "nosuch")
    assert (code, "There is no layout 'nosuch'" in err) == (2, True)


def test_a_value_that_is_no_label_is_refused(say: Say, source: Path) -> None:
    """It names those that are."""
    say("new", source)
    code, _, err = say("label", "mail", "b", "2")
    assert code == 2
    assert "1 or 0" in err


def test_an_unknown_email_is_refused(say: Say, source: Path) -> None:
    """Its id is repeated."""
    say("new", source)
    code, _, err = say("label", "mail", "zzz", "1")
    assert code == 2
    assert "'zzz'" in err


def test_commands_without_a_worker_say_so(say: Say, source: Path) -> None:
    """Nothing to pause or stop is not a failure."""
    say("new", source)
    for command in ("pause", "stop"):
        code, out, _ = say(command, "mail")
        assert code == 0
        assert "has no worker" in out


def test_starting_without_a_key_ends_with_code_5(say: Say, source: Path) -> None:
    """And says how to add one."""
    say("new", source)
    code, _, err = say("start", "mail")
    assert code == 5
    assert "key" in err


def test_working_on_a_busy_run_ends_with_code_4(say: Say, source: Path, settings: Settings) -> None:
    """The message says who can be asked and how it is ended."""
    from core.storage.file.lock import RunLock

    say("new", source)
    with RunLock(find_run(settings, "mail")):
        code, _, err = say("work", "mail")
    assert code == 4
    assert "labeltui stop mail" in err


@pytest.mark.parametrize("line", [("new", "SOURCE"), ("keys", "list"), ("demo", "--emails", "5")])
def test_a_home_that_cannot_be_made_is_named(
    say: Say, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]
) -> None:
    """Whatever needs it first: the folder, why, and what names another."""
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("LABELTUI_HOME", str(tmp_path / "taken"))
    code, _, err = say(*(source if word == "SOURCE" else word for word in line))
    assert code == 1
    assert "LABELTUI_HOME" in err
    assert "Traceback" not in err


def test_a_run_is_shown_from_a_home_that_cannot_be_made(
    say: Say, source: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run file alone says where the run is; the keys are what is missing."""
    say("new", source)
    path = find_run(settings, "mail")
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("LABELTUI_HOME", str(tmp_path / "taken"))
    code, out, _ = say("status", path, "--json")
    assert code == 0
    assert "LABELTUI_HOME" in json.loads(out)["alarms"][0]


def test_a_worker_whose_log_cannot_be_written_is_not_started(say: Say, source: Path, settings: Settings) -> None:
    """The log is named, with what is still possible."""
    say("new", source)
    find_run(settings, "mail").with_suffix(".log").mkdir()
    code, _, err = say("start", "mail")
    assert code == 1
    assert "its log" in err
    assert "Traceback" not in err


def test_wrong_usage_is_code_2(home: Path) -> None:
    """As everywhere."""
    with pytest.raises(SystemExit) as ended:
        main(["new"])
    assert ended.value.code == 2
    assert main([]) == 2, "no terminal here"


def test_keys_are_added_listed_disabled_and_removed(
    say: Say, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """A secret comes by stdin, is never shown, and its file is private."""
    monkeypatch.setattr("sys.stdin", io.StringIO("gsk_invented_for_this_test_9xQz\n"))
    code, out, _ = say("keys", "add", "main", "--stdin")
    assert code == 0
    assert settings.keys_path.stat().st_mode & 0o777 == 0o600
    say("keys", "disable", "main")
    code, out, _ = say("keys", "list")
    assert "…9xQz  disabled" in out
    assert "invented" not in out
    listed = json.loads(say("keys", "list", "--json")[1])
    assert listed["keys"][0]["state"] == "disabled"
    assert say("keys", "enable", "main")[0] == 0
    assert say("keys", "remove", "main")[0] == 0
    assert "There is no key" in say("keys", "list")[1]
    assert say("keys", "remove", "main")[0] == 1


@pytest.mark.parametrize("line", [("keys", "add", SECRET), ("keys", "add", "main", SECRET), ("keys", "remove", SECRET)])
def test_a_secret_on_the_command_line_is_neither_repeated_nor_kept(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...]
) -> None:
    """As an alias, as an argument too many, or as the name of a key: the error does not quote it."""
    monkeypatch.setattr("sys.stdin", io.StringIO("gsk_invented_for_this_test_9xQz\n"))
    with contextlib.suppress(SystemExit):
        assert main(list(line)) == 1
    said = capsys.readouterr()
    assert "invented" not in said.out + said.err
    assert not any(b"invented" in path.read_bytes() for path in home.rglob("*") if path.is_file())


@pytest.mark.parametrize(("content", "mode"), [("[keys.main]", 0o644), ("no toml [", 0o600)])
def test_a_run_is_shown_although_the_keys_cannot_be(
    say: Say, source: Path, settings: Settings, content: str, mode: int
) -> None:
    """Where a run is does not depend on the operator's key file; what is wrong with it needs a person."""
    say("new", source)
    settings.keys_path.write_text(content)
    settings.keys_path.chmod(mode)
    code, out, _ = say("status", "mail", "--json")
    found = json.loads(out)
    assert (code, found["total"], found["keys"]) == (0, 3, [])
    assert "keys.toml" in found["alarms"][0]
    code, out, _ = say("status", "mail")
    assert code == 0
    assert "keys      cannot be shown" in out


def test_a_key_file_that_others_can_read_is_refused(say: Say, source: Path, settings: Settings) -> None:
    """The remedy is in the message."""
    say("new", source)
    settings.keys_path.write_text('[keys.main]\nsecret = "gsk_invented_for_this_test_9xQz"\n', "utf-8")
    settings.keys_path.chmod(0o644)
    code, _, err = say("keys", "list")
    assert code == 1
    assert "chmod 600" in err


def test_a_run_from_start_to_export(say: Say, source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """work labels everything, keys test tells good from bad, export has every row in source order."""
    with start_child(["--latency", "0", "--keys", "2"]) as simulator:
        monkeypatch.setenv("GROQ_BASE_URL", simulator.base_url)
        monkeypatch.setenv("GROQ_API_KEYS", f"good={simulator.keys[0]},bad=gsk_nobody_ever_got_this_one_0000")
        say("new", source)
        code, out, _ = say("keys", "test")
        assert code == 1
        assert "answers" in out
        assert "unauthorized" in out
        assert subprocess.run([sys.executable, "-m", "tui", "work", "mail"], check=False).returncode == 0
    code, out, _ = say("status", "mail", "--json")
    status = json.loads(out)
    assert (status["state"], status["labeled"]) == (RunState.DONE, 3)
    assert 2 <= status["attempts"] <= 5, "one for each text, and two that show that the bad key is refused"
    for name in ("labels.csv", "labels.jsonl"):
        code, out, _ = say("export", "mail", tmp_path / name)
        assert code == 0
        assert "3 rows" in out
    with (tmp_path / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert [row["label_source"] for row in rows].count("copy") == 1
    assert {row["model"] for row in rows} == {"openai/gpt-oss-20b"}
    assert [json.loads(line)["id"] for line in (tmp_path / "labels.jsonl").read_text("utf-8").splitlines()] == [
        "a",
        "b",
        "c",
    ]
    assert say("export", "mail", tmp_path / "labels.xls")[0] == 1


def test_info_prints_every_path(say: Say, settings: Settings) -> None:
    """Whoever looks for a file finds it here."""
    code, out, _ = say("info")
    assert code == 0
    for path in (settings.runs_dir, settings.keys_path, settings.quota_path, settings.config_path):
        assert str(path) in out
    assert "textual" in out


def test_a_plan_names_tokens_time_and_the_binding_limit(say: Say, source: Path) -> None:
    """Before anything is sent, from a source or a run, for people and for programs."""
    code, out, _ = say("plan", source, "--organizations", "2")
    assert code == 0
    assert "3 emails, 2 different" in out
    assert "2 organizations on Groq's free plan" in out
    say("new", source)
    planned = json.loads(say("plan", "mail", "--json")[1])
    assert planned["distinct_texts"] == 2
    assert planned["eta_s"] < 1.0
    assert planned["binding_limit"]
    assert [each["if"] for each in planned["what_if"]]
    assert say("plan", source, "--plan", "golden")[0] == 1


def test_the_plan_has_each_lane_and_the_mix_that_a_time_and_a_budget_call_for(say: Say, source: Path) -> None:
    """As lines with the command that chooses it, and as JSON."""
    say("new", source)
    code, out, _ = say("plan", "mail", "--budget", "5")
    assert code == 0
    assert all(f"\n  {lane} " in out for lane in ("live", "flex", "batch"))
    assert "labeltui lane mail" in out
    planned = json.loads(say("plan", "mail", "--by", "2099-01-01 07:00", "--json")[1])
    assert [each["lane"] for each in planned["lanes"]] == ["live", "flex", "batch"]
    assert planned["mix"]["done_in_time"] is True


def test_the_plan_of_a_run_that_is_done_says_that_nothing_is_left(say: Say, source: Path) -> None:
    """Without a time, and without a limit that binds nothing."""
    say("new", source, "--no-dedupe")
    for email in ("a", "b", "c"):
        say("skip", "mail", email)
    code, out, _ = say("plan", "mail")
    assert (code, out) == (0, "No email is pending: nothing more is spent.\n")


def test_limits_are_stated_and_shown(say: Say, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no reply tells, an operator may; keys that share a quota are grouped."""
    monkeypatch.setenv("GROQ_API_KEYS", "one=gsk_invented_for_this_test_0001,two=gsk_invented_for_this_test_0002")
    assert say("keys", "group", "one", "acme")[0] == 0
    assert say("keys", "group", "two", "acme")[0] == 0
    code, out, _ = say("keys", "limits", "acme", "--plan", "free", "--tpd", "500000")
    assert code == 0
    assert "TPD 500,000" in out
    listed = json.loads(say("keys", "list", "--json")[1])
    assert {key["organization"] for key in listed["keys"]} == {"acme"}
    assert {window["dimension"]: window["limit"] for window in listed["windows"]} == {
        "RPM": 30, "RPD": 1000, "TPM": 8000, "TPD": 500_000,
    }  # fmt: skip
    assert say("keys", "limits", "acme", "--tpd", "0")[0] == 0
    assert len(json.loads(say("keys", "list", "--json")[1])["windows"]) == 3
    assert say("keys", "limits", "acme")[0] == 1


def add_key(say: Say, folder: Path, alias: str, server: str, *options: str) -> str:
    secret = folder / f"{alias}.txt"
    secret.write_text(f"export SOME_KEY='invented_secret_of_{alias}_0001'\n")
    code, out, err = say("keys", "add", alias, "--server", server, "--file", secret, *options)
    assert code == 0, err
    return out


def test_a_key_is_sent_to_the_server_that_it_was_added_for_alone(
    say: Say, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of another server shows none of Groq's keys, ``keys list`` shows each with its server, plain http warns."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk_invented_for_this_test_0001")
    assert "api.openai.com alone" in add_key(say, source.parent, "paid", "openai")
    assert "plain http" in add_key(say, source.parent, "lab", "http://labserver.example:8000/v1")
    with pytest.raises(SystemExit):
        say("keys", "add", "other", "--server", "nowhere", "--stdin")
    say("new", source, "--name", "a", "--server", "openai")
    said = say("new", source, "--name", "d", "--server", "mistral")[1]
    assert "labeltui keys add --server mistral, or set MISTRAL_API_KEY" in said
    say("new", source, "--name", "b", "--base-url", "https://elsewhere.example/v1")
    say("new", source, "--name", "c", "--server", "lmstudio")
    aliases = {
        name: [key["alias"] for key in json.loads(say("keys", "list", "--run", name, "--json")[1])["keys"]]
        for name in "abc"
    }
    assert aliases == {"a": ["paid"], "b": [], "c": ["no-key"]}
    assert "0001  api.openai.com" in say("keys", "list")[1].replace("…0001", "0001")
    code, _, err = say("start", "b")
    assert code == 5
    assert "labeltui keys add --server https://elsewhere.example/v1" in err


def test_keys_are_listed_for_each_model_that_they_are_used_with(
    say: Say, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a model each that limits are known of is named; ``--run`` means the model and the server of a run."""
    monkeypatch.setenv("GROQ_API_KEYS", "main@acme=gsk_invented_for_this_test_0001")
    say("keys", "limits", "acme", "--model", "qwen/qwen3.8-27b", "--rpm", "7")
    assert say("keys", "list")[1].startswith("with qwen/qwen3.8-27b:\nacme\n  RPM  0 of 7 requests per minute used")
    say("keys", "limits", "acme", "--rpm", "9")
    listed = json.loads(say("keys", "list", "--json")[1])
    both = [(each["model"], each["windows"][0]["limit"]) for each in (listed, *listed["others"])]
    assert both == [("openai/gpt-oss-20b", 9), ("qwen/qwen3.8-27b", 7)]
    assert "7" not in say("keys", "list", "--model", "openai/gpt-oss-20b")[1].split("…")[0]
    say("new", source, "--model", "llama3", "--server", "ollama")
    add_key(say, source.parent, "here", "http://localhost:11434/v1", "--organization", "acme")
    say("keys", "limits", "acme", "--run", "mail", "--rpm", "2")
    out = say("keys", "list", "--run", "mail")[1]
    assert out.startswith("with llama3:\nacme\n  RPM  0 of 2 requests per minute used")
    assert "llama3" not in say("keys", "list")[1], "another server's limits"


def test_a_key_that_another_server_refuses_says_so(say: Say, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is invalid in a run there, with the reason; without a run the host stands before it, and enable clears both."""
    monkeypatch.setenv("GROQ_API_KEYS", "main@acme=gsk_invented_for_this_test_0001")
    monkeypatch.setenv("GROQ_BASE_URL", "http://localhost:11434/v1")
    say("new", source, "--base-url", "localhost:11434")
    with KeyStore.from_settings(load_settings(), "http://localhost:11434/") as store:
        store.mark_invalid("main", "refused by the server (401)", 1.0)
    there = json.loads(say("status", "mail", "--json")[1])["keys"][0]
    assert (there["state"], there["reason"]) == ("invalid", "refused by the server (401)")
    assert "invalid (refused by the server (401))" in say("status", "mail")[1]
    assert "invalid (refused by the server (401))" in say("keys", "list", "--run", "mail")[1]
    assert "ready (at localhost:11434: refused by the server (401))" in say("keys", "list")[1]
    say("keys", "enable", "main")
    assert "refused" not in say("keys", "list")[1]
    assert json.loads(say("status", "mail", "--json")[1])["keys"][0]["state"] == "ready"


def test_a_budget_is_set_shown_and_taken_away(say: Say, source: Path) -> None:
    """Each cap by itself; none without asking."""
    say("new", source)
    assert "no cap" in say("budget", "mail")[1]
    say("budget", "mail", "--tokens", "1000", "--money", "2.5")
    say("budget", "mail", "--hours", "3")
    assert "1,000 tokens, $2.50, 3 hours of work" in say("budget", "mail")[1]
    say("budget", "mail", "--none")
    assert "no cap" in say("budget", "mail")[1]


def test_read_only_refuses_whatever_would_change_something(say: Say, source: Path, settings: Settings) -> None:
    """Not only keys are dimmed: the engine behind a read-only console refuses by itself."""
    from core.commands.catalog import Label, Retry, Skip
    from core.engine import Engine
    from core.errors import UsageError

    say("new", source)
    path = find_run(settings, "mail")
    before = path.read_bytes()
    engine = Engine(settings, read_only=True)
    for change in (
        lambda: engine.start(path),
        lambda: engine.send(path, Retry()),
        lambda: engine.send(path, Label((1,), "1")),
        lambda: engine.send(path, Skip((1,))),
        lambda: engine.add_key(None, "gsk_invented_for_this_test_0001", None, None),
    ):
        with pytest.raises(UsageError, match="read-only"):
            change()
    assert path.read_bytes() == before
    assert len(engine.runs(0.0)) == 1
    assert say("--read-only", "demo")[0] == 1


def test_progress_lines_are_inert_and_name_the_run_once(say: Say, source: Path, settings: Settings) -> None:
    """A run file from elsewhere may hold any name; a terminal must not handle it."""
    say("new", source)
    assert say("watch", "mail")[1].count("mail") == 1
    with closing(sqlite3.connect(find_run(settings, "mail"))) as db:
        db.execute("UPDATE run SET name = 'evil' || char(27) || ']52;c;aGk=' || char(7)")
        db.commit()
    out = say("watch", "mail")[1]
    assert "evil" in out
    assert not any(ord(char) < 32 and char != "\n" for char in out)


def test_info_says_where_a_table_of_prices_goes(say: Say, settings: Settings) -> None:
    """`plan` sends people here for it."""
    assert str(settings.prices_path) in say("info")[1]


def test_a_key_is_pinned_unbenched_and_swapped_by_command(
    say: Say, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the console does to keys the command line does too, and it says what it did."""
    monkeypatch.setenv("GROQ_API_KEYS", "main@org_a=gsk_invented_main_0001,lab@org_b=gsk_invented_lab_0002")
    say("new", source)
    assert "main is used first" in say("keys", "pin", "main")[1]
    assert "…0001  used first, ready" in say("keys", "list")[1]
    assert "waits for nothing" in say("keys", "unbench", "org_a")[1]
    assert "has made no call yet" in say("keys", "history", "main")[1]
    code, out, _ = say("swap", "mail")
    assert (code, out) == (0, "main disabled; switched to lab.\n")
    assert "disabled" in say("keys", "list")[1]
    assert say("keys", "unpin")[0] == 0
    assert "used first" not in say("keys", "list")[1]
    assert say("keys", "pin", "nobody")[0] == 1


@pytest.mark.parametrize(("typed", "texts"), [("auto", PACK_AUTO), ("1", 1), ("20", 20)])
def test_size_of_a_pack_is_a_number_or_auto(typed: str, texts: int) -> None:
    """1 to 20 texts share a call, or as many as the control sample allows."""
    assert quantities.pack(typed) == texts


@pytest.mark.parametrize("wrong", ["0", "21", "many", "-3", "1.5"])
def test_no_other_size_of_a_pack_is_taken(wrong: str) -> None:
    """Anything else is refused with what may be given."""
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        quantities.pack(wrong)
    assert str(refused.value) == f"{wrong!r} is no size of a pack: give 1 to 20, or auto"


def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer is a sentence with a remedy, not the list of all commands."""
    for typed, meant in ((["stauts"], "Did you mean status?"), (["keys", "lsit"], "Did you mean list?")):
        with pytest.raises(SystemExit) as left:
            main(typed)
        assert left.value.code == 2
        told = capsys.readouterr().err
        assert meant in told
        assert "--help` lists them all" in told
        assert "choose from" not in told


def test_a_key_that_waits_for_nothing_is_listed_in_few_words() -> None:
    """A window that is whole is untouched, and a reason that says the state says it once."""
    window = WindowStatus("org_a", "m", Dimension.TPM, 8_000, 8_000, 0.0, "headers")
    assert _window(window).endswith("used, untouched")
    held = key("main", "org_a", KeyState.DISABLED, reason="disabled by the operator")
    assert "disabled by the operator  " in _key(held)
    assert "(disabled" not in _key(held)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (sqlite3.OperationalError("database or disk is full"), "database or disk is full. The disk is full. Free some"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "That disk can only be read."),
        (sqlite3.DatabaseError("database disk image is malformed"), "The file is damaged."),
        (OSError(errno.ENOSPC, "No space left on device", "/somewhere/a.db"), "/somewhere/a.db: No space left on device. T"),
        (OSError(errno.EROFS, "Read-only file system", "/somewhere"), "LABELTUI_HOME names a folder"),
        (PermissionError(errno.EACCES, "Permission denied", "/somewhere"), "Change the permissions"),
    ],
)  # fmt: skip
def test_an_error_of_the_disk_is_a_sentence(
    error: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full, broken or read-only disk is reported in one line with what to do, not in a traceback."""

    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("tui.commands.info.info", fail)

    assert main(["info"]) == 1
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_an_error_of_the_program_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What only a mistake in the program can cause is not passed off as the disk's."""

    def fail(_: object) -> int:
        raise sqlite3.OperationalError("no such column: nonsense")

    monkeypatch.setattr("tui.commands.info.info", fail)

    assert main(["info"]) == 1
    assert "Traceback" in capsys.readouterr().err
