"""The stores that there are, each run through the suite of ``perscom_receiver.testing.queue_suite``."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

from perscom_receiver.queue import Connection, Database
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
