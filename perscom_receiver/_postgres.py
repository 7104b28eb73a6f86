"""A database in PostgreSQL, with the same statements as a file. Needs psycopg, which comes with the extra ``postgres``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

from ._errors import ConfigurationError, Unavailable
from ._postgres_address import Address
from ._postgres_hints import Hints
from ._postgres_schema import bring_up_to_date
from ._postgres_session import Reader, Session, patiently
from ._postgres_sql import FIND_TABLE
from ._postgres_trouble import as_unavailable, is_in_the_way, is_passing, unavailable

__all__ = ["PostgresStore"]

# A process that stands still in a transaction holds up nobody for longer than this, nor is it held up by a stranger's. What was
# committed survives a power cut: a server that was told to promise less is told otherwise.
_WRITES = (
    "SET idle_in_transaction_session_timeout = '10s'; SET jit = off;"
    " SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_READS = "SET default_transaction_read_only = on; SET jit = off"


class PostgresStore:
    """The database behind ``postgresql://user@host/name``: see :class:`~perscom_receiver._store.Store`."""

    path: Path | None = None

    def __init__(self, address: str, migrations: Sequence[Sequence[str]]) -> None:
        self._address = Address(address)
        self._migrations = migrations
        self._token = ""

    @property
    def name(self) -> str:
        return self._address.name

    def exists(self) -> bool:
        with closing(self.peek()) as reader:
            return reader.read(lambda connection: connection.execute(FIND_TABLE, ("schema_version",)).rowcount > 0)

    def peek(self) -> Reader:
        return self.reader()

    def open(self) -> Session:
        self._token = uuid4().hex  # anew for each process of a fork
        connect = partial(self._address.connect, _WRITES)
        raw = patiently(connect)
        try:
            bring_up_to_date(raw, self.name, self._migrations)
        except BaseException:
            raw.close()
            raise
        return Session(connect, raw, self._token)

    def reader(self) -> Reader:
        return Reader(partial(self._address.connect, _READS))

    def hear(self, call: Callable[[], None]) -> Callable[[], None]:
        return Hints(partial(self._address.connect, _READS), lambda: self._token, call).stop

    def trouble(self, error: Exception) -> Unavailable | None:
        return as_unavailable(error)

    def unavailable(self, error: Exception) -> Unavailable:
        return unavailable(error)

    def is_passing(self, error: Exception) -> bool:
        return is_passing(error)

    def is_in_the_way(self, error: Exception) -> bool:
        return is_in_the_way(error)

    def back_up(self, target: Path, progress: object) -> NoReturn:
        raise ConfigurationError(f"PostgreSQL is backed up by its own means: pg_dump --format=custom --file={target.name} NAME")

    def restore(self, backup: Path, progress: object) -> NoReturn:
        raise ConfigurationError("PostgreSQL is restored by its own means, from what pg_dump has written: pg_restore --clean")

    def rewrite(self) -> bool:
        raw = patiently(partial(self._address.connect, _WRITES))
        with raw:
            tables = raw.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()").fetchall()
            raw.execute(f"VACUUM {', '.join(table for (table,) in tables)}".encode())
        return True
