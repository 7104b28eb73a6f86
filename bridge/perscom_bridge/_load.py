"""bridge.toml from file to :class:`~perscom_bridge.config.Config`, with every mistake found in one run.

What is about a whole folder of communities is in ``_folder``; that one of them can be named alone is here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from perscom_receiver import ConfigurationError, Secret

from ._api import read_api
from ._destinations import read_destinations
from ._forwards import check_forwards
from ._images import read_images
from ._keys import DESTINATION, PRIVACY, SERVER, SITE, TABLES
from ._mentions import MENTIONS, check_pings, read_mentions
from ._problems import Problem, report
from ._server import read_server
from ._site import read_privacy, read_site
from ._source import Unreadable, community_files, parse, read, read_environment
from ._table import Document, Table
from .config import SERVER_FILE, Config, Privacy, Server
from .platforms import TYPES
from .wording import KEYS as WORDING
from .wording import read_wordings

__all__ = ["Inspection", "inspect", "inspect_server", "load", "load_server"]

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
    secrets: tuple[Secret, ...] = ()
    """Those of [site], also where the file has mistakes."""
    secret_lines: Mapping[str, int] = {}
    """On which line each of them stands, by its key."""

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
    except Unreadable as error:
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
        secrets=() if config is None else config.site.secrets,
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
            raise Unreadable("There is no such file. It holds [server] for the communities beside it, and may be empty.")
        document, values = _document(path, environ)
    except Unreadable as error:
        return Inspection(path=path, problems=(error.problem,))
    root = Table(document, (), values)
    root.check_keys(TABLES)
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


def _is_one_of_several(path: Path, values: Mapping[str, object]) -> bool:
    beside = path.with_name(SERVER_FILE)
    if path.name == SERVER_FILE or not os.path.lexists(beside):
        return False
    try:
        return "site" not in parse(read(beside))[0]
    except Unreadable:
        return "server" not in values  # one that has its own needs no other file


def _document(path: Path, environ: Mapping[str, str]) -> tuple[Document, dict[str, object]]:
    source = read(path)
    values, lines = parse(source)
    return Document(lines, read_environment(path.absolute().parent, environ), _HOMES, source), values


def _config(
    document: Document, values: dict[str, object], path: Path, shared: Server | None, privacy: Privacy
) -> Config | None:
    root = Table(document, (), values)
    root.check_keys(TABLES)
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
