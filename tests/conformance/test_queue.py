"""The stores that there are, each run through the suite of ``perscom_receiver.testing.queue_suite``."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from postgres import new_schema

from perscom_receiver.queue import Connection, Database, foreign
from perscom_receiver.testing.queue_suite import Handle, QueueSuite, Store


class SQLite:
    def __init__(self, folder: Path) -> None:
        self._places = (folder / f"{number}.db" for number in count())
        self._path = next(self._places)

    def open(self) -> Database:
        return Database(self._path)

    @contextmanager
    def foreign(self) -> Iterator[Connection]:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def crash(self, handle: Handle, work: Callable[[Connection], object]) -> None:
        before, self._path = self._path, next(self._places)

        def go_down(connection: Connection) -> None:
            work(connection)
            for suffix in ("", "-wal"):  # the third file is memory, which a crash empties
                shutil.copy(f"{before}{suffix}", f"{self._path}{suffix}")

        handle.write(go_down, timeout=10)


class TestSQLite(QueueSuite):
    def new_store(self, folder: Path) -> Store:
        return SQLite(folder)


class Postgres:
    def __init__(self, address: str) -> None:
        self._address = address

    def open(self) -> Database:
        return Database(self._address)

    @contextmanager
    def foreign(self) -> Iterator[Connection]:
        with psycopg.connect(self._address, autocommit=True) as connection:
            connection.execute("BEGIN")
            yield foreign(connection)

    def crash(self, handle: Handle, work: Callable[[Connection], object]) -> None:
        begun = False

        def go_down(connection: Connection) -> None:
            nonlocal begun
            if begun:  # the writer has a new connection and tries again: but this process is gone
                raise _Gone
            begun = True
            work(connection)
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

        with pytest.raises(_Gone):
            handle.write(go_down, timeout=10)


class _Gone(Exception):
    """There is no such process any more."""


class TestPostgres(QueueSuite):
    examples = 15

    @pytest.fixture(autouse=True)
    def schemas(self) -> Iterator[None]:
        with ExitStack() as self.stack:
            yield

    def new_store(self, folder: Path) -> Store:
        return Postgres(self.stack.enter_context(new_schema()))
