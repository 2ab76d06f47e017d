"""Read secrets from the environment (``GROQ_API_KEY``, ``GROQ_API_KEYS``, ``OPENAI_API_KEY`` …) and ``keys.toml``.

The only module that reads these. Each key belongs to one server: that of its variable, or the one that ``keys.toml``
names. ``keys.toml`` has a table ``[keys.<alias>]`` with ``secret`` and, where they are known, ``server`` (an address)
and ``organization`` for each key; a key without a server is Groq's, or that of ``GROQ_BASE_URL``. In place of the
secret ``keyring`` may name the entry of the system's keyring that has it (see ``keyring``). The file is
refused while others than its owner can read it.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import KeysError, UsageError
from core.files import write_whole
from core.server_address import GROQ_ROOT, address_of, presets_of
from core.settings import private_dir
from core.text import one_line, toml_place

FILE_SOURCE = "keys.toml"

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_ORGANIZATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_SECRET_LIKE = re.compile(r"(gsk_|sk-)[A-Za-z0-9_-]{12,}")
_UNSEEN_IN_A_PASTE = re.compile("[\ufeff\u200b\u200e\u200f\u2060]")
_ASSIGNMENT = re.compile(
    r"^(?:export\s+|set\s+|\$env:)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(?=\S)|^[A-Za-z_-]+:\s+(?=\S)"
    r"|^(?:x-)?api[_-]key:|^[\"'][A-Za-z_-]+[\"']\s*:\s*(?=[\"'])",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"^(?:your|my|insert|paste|replace)[_-].*key|x{12}", re.IGNORECASE)
_LONGEST_SECRET = 512
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class FoundKey:
    """Hold a secret, where it was found, and the address of its server.

    ``alias`` and ``organization`` are None where nobody named them.
    """

    secret: str = field(repr=False)
    source: str
    server: str
    alias: str | None = None
    organization: str | None = None


@dataclass(frozen=True, slots=True)
class KeyringEntry:
    """Hold a key of ``keys.toml`` whose secret lies in the system's keyring, under the name ``user``."""

    alias: str
    user: str
    server: str
    organization: str | None = None


def plausible_secret(secret: str) -> str:
    """Return the one secret that a person pasted, freed of what came along: quotation marks, ``export``, ``NAME=``.

    Marks that no terminal shows (of byte order, of no width) go too. Raises KeysError where it cannot be one, where
    there are several, where it is an address, an example's placeholder or shown with its middle left out, or where it
    is too short; never quotes it.
    """
    secret = _UNSEEN_IN_A_PASTE.sub("", secret)
    lines = [line for line in secret.replace("\r", "\n").split("\n") if line.strip()]
    if len(lines) > 1:
        raise KeysError(f"{len(lines)} lines were given: give one key, on one line. Several are added one by one")
    secret = lines[0].strip() if lines else ""
    secret = _ASSIGNMENT.sub("", secret).rstrip(",; ")
    for quote in ("\"'", "'\"", '"', "'", "`", "\u201c\u201d", "\u2018\u2019", "<>"):
        if len(secret) > 2 and secret[0] == quote[0] and secret[-1] == quote[-1]:
            secret = secret[1:-1].strip()
            break
    secret = re.sub(r"^Bearer\s", "", secret, flags=re.IGNORECASE).strip()
    words = secret.split()
    if re.search(r"[,;]", secret) or (len(words) > 1 and all(len(each) >= _SHORTEST_SECRET for each in words)):
        raise KeysError("More than one key was given: give one. Several are added one by one")
    if re.search(r"\.\.\.|\*{3}|…|•{3}", secret):
        raise KeysError("The key given has its middle left out, as consoles show it: copy it whole, or make another")
    secret = checked_secret(secret, "given")
    if any(each in secret for each in "\"'`<>"):
        raise KeysError("The key given has quotation marks inside: copy it again from the provider's console")
    if "://" in secret:
        raise KeysError("The key given is an address: copy the key from the provider's console")
    if _PLACEHOLDER.search(secret):
        raise KeysError("The key given is an example's placeholder: copy your own from the provider's console")
    if len(secret) < _SHORTEST_SECRET:
        raise KeysError(
            f"The key given is {len(secret)} long, and no provider's is shorter than {_SHORTEST_SECRET} characters:"
            " copy it whole from the provider's console"
        )
    return secret


def checked_secret(secret: str, where: str) -> str:
    """Return the secret without white space around it. Raises KeysError where it cannot be one; never quotes it."""
    secret = secret.strip()
    if not secret:
        problem = "is empty"
    elif any(each.isspace() for each in secret):
        problem = "has white space inside"
    elif not secret.isascii() or not secret.isprintable():
        problem = "has characters that no key has (is it a quotation mark or a dash from a text processor?)"
    elif len(secret) > _LONGEST_SECRET:
        problem = f"is longer than {_LONGEST_SECRET} characters"
    else:
        return secret
    raise KeysError(f"The key {where} {problem}: copy it again from the provider's console")


def checked_alias(alias: str, where: str) -> str:
    """Return the alias, or KeysError where it is none: letters, digits, ``.``, ``_`` and ``-``, 32 at most.

    What looks like a secret is refused without being quoted: it was meant to be one.
    """
    if _SECRET_LIKE.match(alias):
        raise KeysError(
            f"The alias {where} looks like a key itself. A secret is asked for, or comes from --stdin or --file; one"
            " that stood on a command line is best replaced at its provider's"
        )
    if not _ALIAS.fullmatch(alias):
        shown = one_line(alias, limit=40)
        raise KeysError(
            f"The alias {shown!r} {where} is not usable: take up to 32 letters, digits, dots, dashes or underscores"
        )
    return alias


def checked_organization(organization: str, where: str) -> str:
    """Return the organization's name, or KeysError where it cannot be one."""
    if not _ORGANIZATION.fullmatch(organization):
        shown = one_line(organization, limit=40)
        raise KeysError(f"The organization {shown!r} {where} is not usable: it looks like org_01abc…")
    return organization


def home_server(environment: Mapping[str, str]) -> str:
    """Return the address of the server that keys without a named one belong to: ``GROQ_BASE_URL``, else Groq's."""
    return environment.get("GROQ_BASE_URL", "").strip() or GROQ_ROOT


def keys_of_environment(environment: Mapping[str, str], home: str = "") -> tuple[FoundKey, ...]:
    """Return the keys of each known server's variables, such as ``GROQ_API_KEY`` (one secret) and ``GROQ_API_KEYS``.

    The latter is comma-separated; an item is ``secret``, ``alias=secret`` or ``alias@organization=secret``. ``home`` is
    the server of Groq's variables, by default as :func:`home_server` says. Raises KeysError, which names the variable
    and the place in it.
    """
    found = []
    for known in presets_of(environment):
        if not known.variables:
            continue
        server = (home or home_server(environment)) if known.name == "groq" else known.base_url
        if not server:  # such as Azure's, of which each customer has one
            server = environment.get("AZURE_OPENAI_ENDPOINT", "").strip()
        several, single = known.variables
        if not server:
            continue
        if environment.get(single, "").strip():
            found.append(FoundKey(checked_secret(environment[single], f"in {single}"), single, server))
        for number, item in enumerate(environment.get(several, "").split(","), 1):
            if item.strip():
                found.append(_item(item.strip(), several, server, f"number {number} in {several}"))
    return tuple(found)


def _item(item: str, variable: str, server: str, where: str) -> FoundKey:
    name, equals, secret = item.partition("=")
    if not equals or not secret.strip("= \t"):  # a secret may itself end in =
        return FoundKey(checked_secret(item, where), variable, server)
    alias, at, organization = name.strip().partition("@")
    return FoundKey(
        checked_secret(secret, where),
        variable,
        server,
        checked_alias(alias.strip(), where),
        checked_organization(organization.strip(), where) if at else None,
    )


def keys_of_tables(tables: Mapping[str, Mapping[str, object]], path: Path, home: str) -> tuple[FoundKey, ...]:
    """Return the keys of ``keys.toml`` whose secrets lie in it; ``home`` is the server of those that name none.

    Raises:
        KeysError: a table is not what it should be.
    """
    return tuple(
        FoundKey(
            checked_secret(_text(table, "secret", path, alias), f"{alias} in {path}"),
            FILE_SOURCE,
            _server(table, path, alias, home),
            checked_alias(alias, f"in {path}"),
            _organization(table, path, alias),
        )
        for alias, table in tables.items()
        if "keyring" not in table
    )


def keyring_entries(tables: Mapping[str, Mapping[str, object]], path: Path, home: str) -> tuple[KeyringEntry, ...]:
    """Return the keys of these tables whose secrets lie in the keyring. Raises KeysError as :func:`keys_of_tables`."""
    found = []
    for alias, table in tables.items():
        user = _text(table, "keyring", path, alias)
        if user and "secret" in table:
            raise KeysError(f"{alias} in {path} has a secret and names the keyring as well: take one of the lines out")
        if user:
            server = _server(table, path, alias, home)
            found.append(
                KeyringEntry(checked_alias(alias, f"in {path}"), user, server, _organization(table, path, alias))
            )
    return tuple(found)


def _server(table: Mapping[str, object], path: Path, alias: str, home: str) -> str:
    name = _text(table, "server", path, alias)
    if not name:
        return home
    try:
        return address_of(name)
    except UsageError as error:
        raise KeysError(f"The server of {alias} in {path} is not usable. {error}") from error


def _organization(table: Mapping[str, object], path: Path, alias: str) -> str | None:
    name = _text(table, "organization", path, alias)
    return checked_organization(name, f"of {alias} in {path}") if name else None


def tables_of_file(path: Path) -> dict[str, dict[str, object]]:
    """Return the tables of ``keys.toml`` by alias, none where there is no file.

    Raises:
        KeysError: others can read the file, or it is no table of tables.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise KeysError(f"Others can read {path}, which holds secrets. Run: chmod 600 {path}")
            content = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise KeysError(f"{path} cannot be read ({error.strerror}): check its owner and permissions") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KeysError(f"{path} is not valid TOML ({toml_place(error)}): mend it there") from None
    keys = content.get("keys", {})
    if not isinstance(keys, dict) or not all(isinstance(table, dict) for table in keys.values()):
        raise KeysError(f'{path} is not as expected: each key is a table [keys.<alias>] with secret = "…"')
    return keys


def write_file(path: Path, tables: Mapping[str, Mapping[str, object]]) -> None:
    """Replace ``keys.toml`` as a whole, readable by its owner alone. Raises KeysError where that fails."""
    import tomli_w  # noqa: PLC0415 - only writing needs it

    try:
        private_dir(path.parent)
        write_whole(path, tomli_w.dumps({"keys": {alias: dict(table) for alias, table in tables.items()}}))
    except OSError as error:
        raise KeysError(f"{path} cannot be written ({error.strerror}): check its owner and permissions") from error


def stamp(path: Path) -> tuple[int, int, int, int] | None:
    """Return what changes when the file does, or None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode


def _text(table: Mapping[str, object], name: str, path: Path, alias: str) -> str:
    value = table.get(name, "")
    if not isinstance(value, str):
        raise KeysError(f"{name} of {alias} in {path} is not a text: write it in quotation marks")
    return value
