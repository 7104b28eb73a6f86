"""A backup of a database that is in use: one moment of it, as one file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from ._errors import ConfigurationError
from ._files import Progress, copy_database, open_connection, schema_version

__all__ = ["back_up", "check_whole"]


def back_up(path: Path, target: Path, migrations: Sequence[Sequence[str]], progress: Progress | None = None) -> None:
    """Copy the database ``path`` into the new file ``target``. What it raises is told at ``Database.backup``."""
    if not path.exists():
        raise ConfigurationError(f"There is no database {path.name} yet. It is made at its first use.")
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # from now on the name is ours
    try:
        with _damage_told(path.name), closing(open_connection(path, readonly=True)) as source:
            schema_version(source, path.name, migrations)
            copy_database(source, target, progress)
        check_whole(target, path.name)
    except BaseException:
        target.unlink()
        raise


def check_whole(path: Path, name: str) -> None:
    """Read all of the database ``path``. Raises ConfigurationError, about a file called ``name``, when it is damaged."""
    with _damage_told(name), closing(open_connection(path, readonly=True)) as connection:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise ConfigurationError(f"{name} is damaged: {found}.")


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    """Raise ConfigurationError where what SQLite reads is damaged."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_CORRUPT:
            raise
        raise ConfigurationError(f"{name} is damaged: {error}.") from None
