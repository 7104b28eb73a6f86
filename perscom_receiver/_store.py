"""What keeps a database: a file, or a server. The rest of the package knows no more of it than what is said here."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from ._errors import ConfigurationError, Unavailable
from ._write import Connection

if TYPE_CHECKING:
    from ._files import Progress
    from ._restore import Restored

__all__ = ["Reader", "Session", "Store", "foreign", "store_at"]

_T = TypeVar("_T")


class Session(Protocol):
    """What the writer of one process writes with. Used by one thread alone."""

    def transaction(self, *, alone: bool) -> AbstractContextManager[Connection]:
        """Begins one, and commits it at the end of the block; what the block raises takes it back.

        In one of a closure ``alone`` others may be waited for, in one of many hardly, since all of them would wait. Raises what
        the database raises, and Unavailable when it cannot be reached.
        """

    def committed(self, *, wake: bool) -> None:
        """What follows a commit, once all who waited for it are told. ``wake`` calls the listeners of other processes."""

    def close(self) -> None:
        """Let go of it."""


class Reader(Protocol):
    """What one process reads with, one thread at a time."""

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run ``work`` on what is committed. Raises what ``work`` raises, or Unavailable."""

    def close(self) -> None:
        """Let go of it."""


class Store(Protocol):
    """One place where a database is kept. Nothing is opened before something is asked of it."""

    @property
    def name(self) -> str:
        """For people, without anything secret."""

    @property
    def path(self) -> Path | None:
        """Its file; None when it is none."""

    def exists(self) -> bool:
        """Whether it was made. Raises ConfigurationError where it cannot be, and Unavailable when nobody can tell."""

    def peek(self) -> Reader:
        """For what is there, as it is: nothing is made or changed for it. Raises Unavailable."""

    def open(self) -> Session:
        """With the schema brought up to date. Raises ConfigurationError for what is not ours or newer, and Unavailable."""

    def reader(self) -> Reader:
        """For a database that was opened before. Raises Unavailable."""

    def hear(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have ``call`` called in a thread when another process has committed with ``wake``. Returns what ends it."""

    def trouble(self, error: Exception) -> Unavailable | None:
        """Unavailable if the database itself failed (full, away, busy too long); None if what it was asked to do did."""

    def unavailable(self, error: Exception) -> Unavailable:
        """What a caller is told about ``error``."""

    def is_passing(self, error: Exception) -> bool:
        """Whether the same may succeed when it is done once more: nothing of it was committed."""

    def is_in_the_way(self, error: Exception) -> bool:
        """Whether somebody else was in the way of what was done, and of nothing else."""

    def back_up(self, target: Path, progress: Progress | None) -> None:
        """See :meth:`~perscom_receiver.queue.Database.backup`."""

    def restore(self, backup: Path, progress: Progress | None) -> Restored:
        """See :meth:`~perscom_receiver.queue.Database.restore`."""

    def rewrite(self) -> bool:
        """See :meth:`~perscom_receiver.queue.Database.rewrite`."""


def store_at(address: str | os.PathLike[str], migrations: Sequence[Sequence[str]]) -> Store:
    """The file of that path, or the server behind ``postgresql://``. Raises ConfigurationError for what can be neither."""
    place = os.fspath(address)
    if place.startswith(("postgresql://", "postgres://")):
        try:
            from ._postgres import PostgresStore  # only here: who keeps a file needs no psycopg
        except ImportError as error:
            raise ConfigurationError(f"PostgreSQL needs an extra: pip install 'perscom-receiver[postgres]' ({error})") from None
        return PostgresStore(place, migrations)
    if place in ("", ":memory:"):
        raise ConfigurationError("The database needs a file on a real disk: events in memory are lost with the process.")
    from ._sqlite import SQLiteStore

    return SQLiteStore(Path(place).absolute(), migrations)


def foreign(connection: object) -> Connection:
    """A connection of your own, in a transaction of your own, as a :class:`~perscom_receiver.queue.Queue` takes it.

    It leads to a database of this package: one of ``sqlite3`` to a file, one of ``psycopg`` to PostgreSQL.
    """
    psycopg = sys.modules.get("psycopg")
    if psycopg is not None and isinstance(connection, psycopg.Connection):
        from ._postgres_sql import ForeignConnection

        return ForeignConnection(connection)
    return connection  # type: ignore[return-value]
