"""What all stores do alike with the numbered steps of the schema."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from ._errors import ConfigurationError
from ._write import Connection

__all__ = ["check_version", "take_steps"]


def check_version(found: int, writer: str, name: str, migrations: Sequence[Sequence[str]]) -> int:
    """The version ``found``. Raises ConfigurationError for one that a newer program, ``writer``, has made."""
    if found > len(migrations):
        raise ConfigurationError(
            f"{name} was written by perscom-receiver {writer} (schema {found}; here it is {len(migrations)}). "
            f"Install perscom-receiver {writer} or newer."
        )
    return found


def take_steps(connection: Connection, found: int, migrations: Sequence[Sequence[str]]) -> None:
    """From the version ``found`` to the newest, in the transaction of ``connection``."""
    if found == 0:
        connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL, writer TEXT NOT NULL)")
        connection.execute("INSERT INTO schema_version VALUES (0, '')")
    for step in migrations[found:]:
        for statement in step:
            connection.execute(statement)
    connection.execute("UPDATE schema_version SET version = ?, writer = ?", (len(migrations), _own_version()))


def _own_version() -> str:
    try:
        return version("perscom-receiver")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "(unknown version)"
