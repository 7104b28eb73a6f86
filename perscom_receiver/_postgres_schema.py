"""The tables in a PostgreSQL database: made and brought up to date by one process after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection, errors

from ._errors import ConfigurationError
from ._postgres_sql import DDL_LOCK, FIND_TABLE, CommonConnection
from ._schema import check_version, take_steps

__all__ = ["bring_up_to_date"]


def bring_up_to_date(raw: Connection[Any], name: str, migrations: Sequence[Sequence[str]]) -> None:
    """Make the tables, or change older ones. Raises ConfigurationError, and changes nothing, for what is not ours or newer."""
    if raw.info.parameter_status("server_encoding") != "UTF8":
        raise ConfigurationError(f"{name} cannot hold every letter. Make one that can: createdb --encoding=UTF8 NAME")
    connection = CommonConnection(raw)
    try:
        if _found(connection, name, migrations) == len(migrations):
            return
        with raw.transaction():
            connection.execute("SET LOCAL lock_timeout = 0")  # another process may be at it, and have much to change
            connection.execute("SELECT pg_advisory_xact_lock(?)", (DDL_LOCK,))
            take_steps(connection, _found(connection, name, migrations), migrations)
    except errors.DuplicateTable as error:
        raise ConfigurationError(
            f"{name} has other tables ({error.diag.message_primary}). Give it a database or a schema of its own."
        ) from None
    except errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"Tables cannot be made or used in {name}: {error.diag.message_primary}. Make the user the owner of the database."
        ) from None


def _found(connection: CommonConnection, name: str, migrations: Sequence[Sequence[str]]) -> int:
    """The version of the schema, 0 where there is none."""
    if not connection.execute(FIND_TABLE, ("schema_version",)).rowcount:
        return 0
    try:
        version, writer = connection.execute("SELECT version, writer FROM schema_version").fetchone()
    except errors.UndefinedColumn:
        raise ConfigurationError(f"{name} is no database of ours (it holds other tables). Is the address right?") from None
    return check_version(version, writer, name, migrations)
