"""Find where files are and which settings are active. Reads the environment when asked; creates nothing by itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs

from core.errors import FolderError

APP_NAME = "labeltui"


@dataclass(frozen=True, slots=True)
class Settings:
    """Hold paths and active settings.

    ``runs_dir`` holds run files and their companions, ``quota_path`` the operator's ledger of keys and quotas,
    ``keys_path`` the secrets, ``config_path`` the settings of the console.
    """

    runs_dir: Path
    quota_path: Path
    keys_path: Path
    config_path: Path
    home: Path | None
    base_url: str | None
    demo_dir: Path
    use_environment_keys: bool = True

    @property
    def notify_path(self) -> Path:
        """Return the path of the operator's notification settings; the file holds secrets and need not exist."""
        return self.config_path.with_name("notify.toml")

    @property
    def prices_path(self) -> Path:
        """Return the path of the operator's own table of prices, which need not exist."""
        return self.config_path.with_name("prices.toml")

    def for_run(self, run_path: Path) -> Settings:
        """Return the settings of one run: the demo has keys and quotas of its own, and never uses real ones."""
        if not run_path.resolve().is_relative_to(self.demo_dir.resolve()):
            return self
        return replace(
            self,
            runs_dir=self.demo_dir / "runs",
            quota_path=self.demo_dir / "quota.db",
            keys_path=self.demo_dir / "keys.toml",
            base_url=None,
            use_environment_keys=False,
        )


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of the environment.

    ``LABELTUI_HOME`` puts every file under one folder; otherwise they lie where the platform keeps such files.
    ``GROQ_BASE_URL`` names another server than Groq's.
    """
    env = os.environ if environment is None else environment
    home = env.get("LABELTUI_HOME", "").strip()
    base_url = env.get("GROQ_BASE_URL", "").strip() or None
    if home:
        root = Path(home).expanduser().resolve()
        return Settings(
            runs_dir=root / "runs",
            quota_path=root / "quota.db",
            keys_path=root / "keys.toml",
            config_path=root / "console.toml",
            home=root,
            base_url=base_url,
            demo_dir=root / "demo",
        )
    data = Path(platformdirs.user_data_dir(APP_NAME, appauthor=False))
    config = Path(platformdirs.user_config_dir(APP_NAME, appauthor=False))
    return Settings(
        runs_dir=data / "runs",
        quota_path=data / "quota.db",
        keys_path=config / "keys.toml",
        config_path=config / "console.toml",
        home=None,
        base_url=base_url,
        demo_dir=data / "demo",
    )


def private_dir(path: Path) -> Path:
    """Make the folder with access for its owner alone, if it is missing, and return it.

    Raises:
        FolderError: it cannot be made there.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(
            f"The folder {path} cannot be made: {error.strerror}. labeltui keeps its files there; LABELTUI_HOME names"
            " another place."
        ) from error
    return path


def operator() -> str:
    """Return the name of the person at the keyboard, for the record."""
    import getpass  # noqa: PLC0415 - for those who do something

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
