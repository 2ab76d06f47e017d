"""Read ``notify.toml``, the operator's notification settings. The addresses of services hold tokens: they are secrets.

They are in no message, log or ``repr``; a file that holds some is refused while others than its owner can read it.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import UsageError
from core.text import toml_place

DESKTOP = ("auto", "9", "777", "off")
"""Desktop notifications: as the terminal is known, by OSC 9, by OSC 777, or none."""


@dataclass(frozen=True, slots=True)
class NotifySetup:
    """Hold the settings: ``bell`` and ``desktop`` are the console's, ``urls`` the worker's, in apprise's form."""

    bell: bool = True
    desktop: str = "auto"
    urls: tuple[str, ...] = field(default=(), repr=False)

    @property
    def services(self) -> tuple[str, ...]:
        """Return what may be shown of the addresses: the kind of each service."""
        return tuple(kind_of(url) for url in self.urls)


def kind_of(url: str) -> str:
    """Return the kind of service, such as ``ntfy``, and nothing else of its address."""
    scheme = url.partition("://")[0].strip().lower()
    return scheme if re.fullmatch(r"[a-z][a-z0-9+-]{0,15}", scheme) and "://" in url else "unknown"


def read_setup(path: Path) -> NotifySetup:
    """Return what the file says; the defaults where there is none.

    Raises:
        UsageError: it cannot be read, is not as expected, or others can read the addresses in it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            said = tomllib.load(file)
    except FileNotFoundError:
        return NotifySetup()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}): check its owner and permissions.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML ({toml_place(error)}): mend it there.") from None
    urls = said.get("urls", [])
    if urls and os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"Others can read {path}, which holds addresses with tokens. Run: chmod 600 {path}")
    return NotifySetup(_bell(said, path), _desktop(said, path), _urls(urls, path))


def _bell(said: dict[str, Any], path: Path) -> bool:
    bell = said.get("bell", True)
    if not isinstance(bell, bool):
        raise UsageError(f"bell in {path} must be true or false.")
    return bell


def _desktop(said: dict[str, Any], path: Path) -> str:
    desktop = said.get("desktop", "auto")
    desktop = {True: "auto", False: "off"}.get(desktop, desktop) if isinstance(desktop, bool) else str(desktop)
    if desktop not in DESKTOP:
        raise UsageError(f"desktop in {path} must be one of {', '.join(DESKTOP)}.")
    return desktop


def _urls(urls: Any, path: Path) -> tuple[str, ...]:
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise UsageError(f'urls in {path} must be a list of addresses: urls = ["ntfy://…"]')
    return tuple(url.strip() for url in urls if url.strip())
