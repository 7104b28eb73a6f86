"""bridge.toml from file to :class:`~perscom_bridge.config.Config`, with every mistake found in one run.

What is about a whole folder of communities is in ``_folder``; that one of them can be named alone is here.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from perscom_receiver import ConfigurationError

from ._api import read_api
from ._destinations import read_destinations
from ._environment import Environment
from ._forwards import check_forwards
from ._images import read_images
from ._keys import DESTINATION, LATER_TABLES, PRIVACY, SERVER, SITE, TABLES
from ._mentions import MENTIONS, check_pings, read_mentions
from ._problems import Problem, hide, report
from ._server import read_server
from ._site import read_privacy, read_site
from ._table import Document, Table
from ._toml import KeyPath, key_lines
from .config import SERVER_FILE, Config, Privacy, Server
from .platforms import TYPES
from .wording import KEYS as WORDING
from .wording import read_wordings

__all__ = ["Inspection", "community_files", "inspect", "inspect_server", "load", "load_server"]

LARGEST = 1_000_000
"""Bytes. A configuration of a hundred destinations has less than a tenth of it."""

_SYNTAX = {
    "Invalid value": 'A value is missing or has no quotes. Text stands in quotes: name = "1st Ranger Group"',
    "Expected newline or end of document": 'Text stands in quotes: name = "1st Ranger Group". A date is written 2026-03-09, '
    'with a time of day 2026-03-09 18:00:00. A comment begins with "#".',
    "Unescaped '\\' in a string": r"Between double quotes a backslash has a meaning. Use single quotes: 'C:\bridge\bridge.db'",
    "Illegal character '\\n'": "A quote is opened on this line and not closed.",
    "Unterminated string": "A quote is opened and not closed.",
    'Expected "\'"': "A quote is opened and not closed.",
    "Unclosed array": 'A "[" is opened and not closed, or a comma is missing.',
    "Cannot overwrite a value": "This key has a value already, further up. Keep one of the two lines.",
    "Cannot declare": "This table stands in the file already, further up. Put all its keys into one.",
}
"""What to do about a complaint of ``tomllib`` that begins so."""
_HOMES = {
    "[site]": SITE,
    "[server]": SERVER,
    "[destinations.NAME]": (*DESTINATION, *(key for platform in TYPES.values() for key in platform.keys)),
    "[wording.WORD]": WORDING,
    "[mentions.PLATFORM]": MENTIONS,
    "[privacy]": PRIVACY,
}
_SERVER_ALONE = (
    "Are several communities meant, each in a file beside this one, which has [server] for all of them?\n"
    "Then name the folder, or one of the files: --config {}"
)
_community_name = re.compile(r"[A-Za-z0-9_-]+").fullmatch
_ANY_SYNTAX = 'A line is KEY = VALUE, a [table], or a comment behind "#".'


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What one reading of a file found. ``config`` is there exactly when there are no ``problems``; for the bridge.toml of
    several communities it is ``server`` instead."""

    path: Path
    config: Config | None = None
    server: Server | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    """Good to know, but no mistakes."""
    privacy: Privacy = Privacy()
    """What the file tells of it, also where it has mistakes; the default for what it does not tell."""
    secret_lines: Mapping[str, int] = {}
    """On which line each secret of [site] stands, by its key."""

    def report(self) -> str:
        """The mistakes as a person reads them in a terminal; shows no secret."""
        return report(str(self.path), self.problems, self.notes)


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in the file ``path``. Raises ConfigurationError, whose text is the whole report, for any mistake."""
    found = inspect(path, environ)
    if found.config is None:
        raise ConfigurationError(found.report())
    return found.config


def inspect(path: Path, environ: Mapping[str, str] = os.environ, shared: Server | None = None) -> Inspection:
    """Read the file ``path`` and judge all of it. Raises nothing: what cannot be read is a problem like the others.

    ``shared`` is the [server] of its folder. Without it, a file beside a bridge.toml without [site] is known as one of several
    communities, and has what stands there.
    """
    try:
        document, values = _document(path, environ)
    except _Unreadable as error:
        return Inspection(path=path, problems=(error.problem,))
    if shared is None and _is_one_of_several(path, values):
        beside = inspect_server(path.with_name(SERVER_FILE), environ)
        if beside.server is None:
            return beside
        shared = beside.server
    privacy = read_privacy(Table(document, (), values).table("privacy", "[privacy]"))
    config = _config(document, values, path.absolute(), shared, privacy)
    return Inspection(
        path=path,
        config=None if document.problems else config,
        problems=tuple(document.problems),
        notes=tuple(document.notes),
        privacy=privacy,
        secret_lines={
            key: document.lines[("site", key)] for key in ("secret", "previous_secret") if ("site", key) in document.lines
        },
    )


def load_server(path: Path, environ: Mapping[str, str] = os.environ) -> Server:
    """What the file ``path`` says of the server, or the bridge.toml of the folder ``path``. Raises ConfigurationError."""
    if not os.path.isdir(path):
        return load(path, environ).server
    found = inspect_server(path / SERVER_FILE, environ)
    if found.server is None:
        raise ConfigurationError(found.report())
    return found.server


def inspect_server(path: Path, environ: Mapping[str, str] = os.environ) -> Inspection:
    """Read the bridge.toml of several communities: it has [server] and nothing else."""
    try:
        if not os.path.lexists(path):
            raise _Unreadable("There is no such file. It holds [server] for the communities beside it, and may be empty.")
        document, values = _document(path, environ)
    except _Unreadable as error:
        return Inspection(path=path, problems=(error.problem,))
    root = Table(document, (), values)
    root.check_keys(TABLES, later=LATER_TABLES)
    for key in TABLES:
        if key in root and key != "server":
            root.wrong(
                key,
                f"[{key}] stands in a file for each community of this folder. Move it to one, such as default.toml:\n"
                "under that name a community goes on with what is stored of it.",
            )
    server = read_server(root.table("server", "[server]"), path.absolute().parent)
    problems = tuple(document.problems)
    return Inspection(path=path, server=None if problems else server, problems=problems, notes=tuple(document.notes))


def community_files(folder: Path) -> list[Path]:
    """The files of the communities in ``folder``, by name. Hidden ones are an editor's."""
    files = (path for path in folder.glob("*.toml") if path.name != SERVER_FILE and not path.name.startswith("."))
    return sorted(path for path in files if not os.path.isdir(path))


def _is_one_of_several(path: Path, values: Mapping[str, object]) -> bool:
    beside = path.with_name(SERVER_FILE)
    if path.name == SERVER_FILE or not os.path.lexists(beside):
        return False
    try:
        return "site" not in _parse(_read(beside))[0]
    except _Unreadable:
        return "server" not in values  # one that has its own needs no other file


class _Unreadable(Exception):
    """The file cannot be judged at all."""

    def __init__(self, text: str, *, line: int | None = None, key: str = "") -> None:
        super().__init__(text)
        self.problem = Problem(line=line, key=key, text=text)


def _document(path: Path, environ: Mapping[str, str]) -> tuple[Document, dict[str, object]]:
    source = _read(path)
    values, lines = _parse(source)
    return Document(lines, _environment(path.absolute().parent, environ), _HOMES, source), values


def _read(path: Path) -> str:
    try:
        if path.is_dir():
            names = ", ".join(str(file) for file in community_files(path)) or f"{path / 'NAME.toml'}"
            raise _Unreadable(f"This is a folder, and here one community is meant. Name its file with --config: {names}")
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise _Unreadable(
            "There is no such file. Make it with perscom-bridge init, or name another one with --config."
        ) from None
    except OSError as error:
        raise _Unreadable(f"This file cannot be read: {error.strerror}.") from error
    if len(raw) > LARGEST:
        raise _Unreadable(
            f"This file is larger than {LARGEST // 1_000_000} MB; a bridge.toml never is. Name another one with --config."
        )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _Unreadable("This is UTF-16 text. Save the file as UTF-8 in your editor.")
    if b"\0" in raw:
        raise _Unreadable("This is no text file. Name another one with --config.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _Unreadable("This is not UTF-8 text. Save the file as UTF-8 in your editor.", line=line) from None


def _parse(text: str) -> tuple[dict[str, object], dict[KeyPath, int]]:
    try:
        return tomllib.loads(text), key_lines(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line ([0-9]+)", str(error))
        line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
        cause = str(error).partition(" (at ")[0]
        remedy = next((sentence for start, sentence in _SYNTAX.items() if cause.startswith(start)), _ANY_SYNTAX)
        text = f"This is not TOML: {hide(cause).rstrip('.')}. {remedy}\nThe rest of the file can be judged when this is mended."
        raise _Unreadable(text, line=line) from None
    except RecursionError:
        raise _Unreadable("The lists or tables in this file are nested too deeply.") from None


def _environment(folder: Path, environ: Mapping[str, str]) -> Environment:
    try:
        return Environment.read(folder, environ)
    except UnicodeDecodeError:
        raise _Unreadable("This is not UTF-8 text. Save the file as UTF-8 in your editor.", key=".env") from None
    except OSError as error:
        raise _Unreadable(f"This file cannot be read: {error.strerror}.", key=".env") from error


def _config(
    document: Document, values: dict[str, object], path: Path, shared: Server | None, privacy: Privacy
) -> Config | None:
    root = Table(document, (), values)
    root.check_keys(TABLES, later=LATER_TABLES)
    site_table = root.table("site", "[site]")
    site = read_site(site_table, _names(values.get("destinations")))
    api = read_api(site_table)
    if shared is None:
        server = read_server(root.table("server", "[server]"), path.parent)
        if path.name == SERVER_FILE and not values.keys() - {"server"} and community_files(path.parent):
            document.problems.append(Problem(text=_SERVER_ALONE.format(path.parent)))
    else:
        server = shared
        _check_community(root, path)
    destination_tables = root.table("destinations", "[destinations.NAME]")
    destinations = read_destinations(destination_tables)
    mentions = read_mentions(root.table("mentions", "[mentions.discord]"))
    check_pings(destination_tables, destinations, mentions)
    check_forwards(destination_tables, destinations, site)
    wording = read_wordings(root.table("wording", "[wording.WORD]"))
    images = read_images(root.table("images", "[images.rank]"))
    if site is None:
        return None
    if "timezone" not in site_table and any(one.quiet for one in destinations):
        site_table.note("timezone", 'is missing, so quiet hours are in UTC. Add yours: timezone = "Europe/Berlin"')
    site = msgspec.structs.replace(site, wording=wording, api=api, mentions=mentions)
    community = None if shared is None else path.stem
    return Config(
        site=site,
        server=server,
        destinations=destinations,
        privacy=privacy,
        images=images,
        path=path,
        community=community,
    )


def _names(destinations: object) -> tuple[str, ...]:
    """Of all destinations in the file, also of those with mistakes."""
    return tuple(destinations) if isinstance(destinations, dict) else ()


def _check_community(root: Table, path: Path) -> None:
    if "server" in root:
        root.wrong("server", f"[server] stands in {SERVER_FILE}, for all communities of this folder. Take it out here.")
    if not _community_name(path.stem):
        text = 'The name of this file ends its address, so it has letters (a to z), digits, "-" and "_" alone. Rename it.'
        root.document.problems.append(Problem(text=text))
