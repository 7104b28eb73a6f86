"""A folder of several communities: bridge.toml with the [server] they share, and a file for each of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from perscom_receiver import ConfigurationError

from ._load import Inspection, inspect, inspect_server, load
from ._problems import Problem, count
from ._source import community_files
from .config import SERVER_FILE, Config, Server
from .unserved import Unserved

__all__ = ["inspect_folder", "load_all"]


def load_all(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[list[Config], list[Unserved]]:
    """The community in the file ``path``, or all in the folder, and those whose files have mistakes.

    Raises ConfigurationError when there is none to serve.
    """
    if not os.path.isdir(path):
        return [load(path, environ)], []
    found = inspect_folder(path, environ)
    configs = [one.config for one in found if one.config is not None]
    wrong = [one for one in found if one.problems]
    if found[0] in wrong or not configs:
        raise ConfigurationError("\n\n".join(one.report() for one in wrong))
    return configs, [_unserved(one, path) for one in wrong]


def _unserved(one: Inspection, folder: Path) -> Unserved:
    told = f"{one.path.name} has {count(len(one.problems), 'mistake')}: perscom-bridge check --config {folder}"
    return Unserved(key=one.path.stem, told=told, keep_bodies=one.privacy.keep_bodies)


def inspect_folder(folder: Path, environ: Mapping[str, str] = os.environ) -> list[Inspection]:
    """Read all files of ``folder`` and judge them: bridge.toml first, then the communities by name. Raises nothing."""
    server = inspect_server(folder / SERVER_FILE, environ)
    shared = server.server or Server(database=folder / "bridge.db")  # their mistakes are found even where [server] has some
    found = [inspect(path, environ, shared) for path in community_files(folder)]
    if not found:
        text = (
            "No community stands beside it. Each has a file of its own here, such as alpha.toml, with [site] and destinations."
        )
        server = msgspec.structs.replace(server, server=None, problems=(*server.problems, Problem(text=text)))
    return [server, *(_without(server.notes, _apart(one, found)) for one in found)]


def _apart(one: Inspection, found: Iterable[Inspection]) -> Inspection:
    """With a mistake for each other community that has the same secret: a call to one would be genuine for the other."""
    problems = [
        Problem(
            line=one.secret_lines.get(secret.name),
            key=f"site.{secret.name}",
            text=f"This is a secret of {other.path.name}, too. Let PERSCOM suggest another one in the form of one of the two.",
        )
        for other in found
        if other is not one
        for secret in one.secrets
        if secret in other.secrets
    ]
    return msgspec.structs.replace(one, config=None, problems=(*one.problems, *problems)) if problems else one


def _without(notes: tuple[str, ...], one: Inspection) -> Inspection:
    """Without what is told of bridge.toml already."""
    return msgspec.structs.replace(one, notes=tuple(note for note in one.notes if note not in notes))
