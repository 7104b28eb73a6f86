"""Imports point one way only, across packages by public names, and each optional library has one place."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest

MAY_IMPORT = {
    "perscom_receiver": set[str](),
    "perscom_adapters": {"perscom_receiver"},
    "perscom_sender": {"perscom_receiver"},
    "perscom_bridge": {"perscom_receiver", "perscom_adapters", "perscom_sender"},
}
BRIDGE = (
    "aiohttp",
    "anyio",
    "click",
    "dotenv",
    "jinja2",
    "prometheus_client",
    "rich",
    "starlette",
    "structlog",
    "uvicorn",
    "uvloop",
)
# Libraries besides msgspec, and the modules (as globs) that may name them. The bridge has all that its extra installs, but for
# what belongs to a framework or a chat platform that the floors below are there for.
PLACES = {
    "perscom_receiver": {
        "starlette": ["starlette.py"],
        "anyio": ["asgi.py"],  # for servers on trio alone, which have it
        "flask": ["flask.py"],
        "click": ["flask.py"],  # what Flask itself is made of
        "werkzeug": ["flask.py"],
        "_typeshed": ["flask.py", "wsgi.py"],  # for type checkers alone
        "psycopg": ["_postgres*.py"],
        "nats": ["_nats*.py"],
        "pytest": ["testing/*_suite/*.py"],
        "hypothesis": ["testing/*_suite/*.py"],
    },
    "perscom_adapters": {
        "aiohttp": ["_http.py", "discord.py", "slack.py", "telegram.py", "webhook.py", "testing/*.py"],
        "discord_webhook": ["discord.py", "_discord_*.py"],
        "slack_sdk": ["slack.py", "_slack_*.py"],
        "telegram": ["telegram.py", "_telegram_*.py"],
    },
    "perscom_sender": {
        "aiohttp": ["_http.py", "_http_failure.py"],
        "yarl": ["_http.py"],  # yarl is what aiohttp's addresses are
        "jinja2": ["_jinja*.py"],
        "markupsafe": ["_jinja*.py"],  # what Jinja2 escapes with
    },
    "perscom_bridge": {library: ["*"] for library in BRIDGE},
}
SINGLE = ("prometheus_client", "structlog", "uvicorn", "uvloop")
"""Libraries of the bridge that one module alone knows."""


class Import(NamedTuple):
    """``from module import name``; ``name`` is empty for ``import module``."""

    package: str
    file: str
    line: int
    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.package}/{self.file}:{self.line} imports {self.name or 'all'} of {self.module}"


def imports_of(package: str) -> Iterator[Import]:
    (folder,) = importlib.import_module(package).__path__
    for path in sorted(Path(folder).rglob("*.py")):
        file = path.relative_to(folder).as_posix()
        parents = [package, *file.split("/")[:-1]]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (Import(package, file, node.lineno, alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = parents[: len(parents) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                yield from (Import(package, file, node.lineno, module, alias.name) for alias in node.names)


IMPORTS = [found for package in MAY_IMPORT for found in imports_of(package)]


def top(found: Import) -> str:
    return found.module.partition(".")[0]


def test_the_walk_sees_imports_of_every_package() -> None:
    """Else all the others would pass on nothing."""
    assert {found.package for found in IMPORTS} == set(MAY_IMPORT)
    assert {top(found) for found in IMPORTS} >= {
        "perscom_receiver",
        "perscom_adapters",
        "msgspec",
        "starlette",
        "flask",
        "aiohttp",
    }


def test_packages_import_only_those_below_them() -> None:
    wrong = [
        str(found)
        for found in IMPORTS
        if top(found) in MAY_IMPORT and top(found) != found.package and top(found) not in MAY_IMPORT[found.package]
    ]
    assert wrong == []


def test_packages_use_only_public_names_of_each_other() -> None:
    assert [
        str(found) for found in IMPORTS if top(found) in MAY_IMPORT and top(found) != found.package and not is_public(found)
    ] == []


def is_public(found: Import) -> bool:
    """A name in ``__all__`` of a module whose own name is public, or such a module."""
    parts = [*found.module.split("."), found.name]
    if any(part.startswith("_") for part in parts):
        return False
    if not found.name:
        return True
    module = importlib.import_module(found.module)
    return found.name in module.__all__ or importlib.util.find_spec(f"{found.module}.{found.name}") is not None


def test_no_import_leaves_its_package_by_dots() -> None:
    assert [str(found) for found in IMPORTS if not top(found)] == []


def test_the_second_copies_in_the_checkout_are_never_imported() -> None:
    """``adapters.perscom_adapters`` would be another module with classes of its own."""
    assert [str(found) for found in IMPORTS if top(found) in {"adapters", "sender", "bridge"}] == []


def test_each_optional_library_is_imported_only_where_it_belongs() -> None:
    wrong = []
    for found in IMPORTS:
        library = top(found)
        if library in sys.stdlib_module_names or library in MAY_IMPORT or library == "msgspec":
            continue
        if not any(fnmatch(found.file, place) for place in PLACES[found.package].get(library, [])):
            wrong.append(str(found))
    assert wrong == []


@pytest.mark.parametrize("library", SINGLE)
def test_one_module_of_the_bridge_alone_knows(library: str) -> None:
    files = {found.file for found in IMPORTS if found.package == "perscom_bridge" and top(found) == library}
    assert len(files) == 1


@pytest.mark.parametrize("package", ["perscom_receiver", "perscom_adapters", "perscom_sender"])
def test_importing_a_package_loads_no_optional_library(package: str) -> None:
    code = f"import {package}, sys, json; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))
    optional = {library for places in PLACES.values() for library in places} | {
        "slack_sdk",
        "telegram",
        "discord_webhook",
        "requests",
    }
    assert loaded & optional == set()
