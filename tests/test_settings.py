"""Where files lie, and which settings are active."""

from __future__ import annotations

import getpass
from pathlib import Path

import platformdirs
import pytest

from core.errors import FolderError
from core.settings import Settings, load_settings, operator, private_dir


def test_one_folder_holds_everything_where_it_is_named(tmp_path: Path) -> None:
    """Spaces around the variables are none of theirs."""
    home = tmp_path.resolve()
    assert load_settings({"LABELTUI_HOME": f" {tmp_path} ", "GROQ_BASE_URL": " http://h "}) == Settings(
        home / "runs", home / "quota.db", home / "keys.toml", home / "console.toml", home, "http://h", home / "demo"
    )


def test_else_files_lie_where_the_platform_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets and settings apart from data; the environment of the process where none is given."""
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda name, appauthor: f"/data/{name}/{appauthor}")
    monkeypatch.setattr(platformdirs, "user_config_dir", lambda name, appauthor: f"/config/{name}/{appauthor}")
    data, config = Path("/data/labeltui/False"), Path("/config/labeltui/False")
    plain = Settings(
        data / "runs", data / "quota.db", config / "keys.toml", config / "console.toml", None, None, data / "demo"
    )
    assert load_settings({}) == load_settings({"LABELTUI_HOME": " ", "GROQ_BASE_URL": " "}) == plain
    assert (plain.notify_path, plain.prices_path) == (config / "notify.toml", config / "prices.toml")
    assert plain.use_environment_keys
    monkeypatch.setenv("LABELTUI_HOME", "/elsewhere")
    assert load_settings({}) == plain
    assert load_settings().home == Path("/elsewhere")


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """With those above it; one that is there stays as it is."""
    made = tmp_path / "a" / "b"
    assert private_dir(made) == made
    assert made.stat().st_mode & 0o777 == 0o700
    made.chmod(0o755)
    assert private_dir(made).stat().st_mode & 0o777 == 0o755
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match=r"The folder .*file/x cannot be made: Not a directory\. "):
        private_dir(tmp_path / "file" / "x")


@pytest.mark.parametrize("error", [KeyError("uid"), OSError("none")])
def test_a_person_without_a_name_is_the_operator(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has no entry."""
    monkeypatch.setattr(getpass, "getuser", lambda: "ana")
    assert operator() == "ana"

    def fails() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", fails)
    assert operator() == "operator"
