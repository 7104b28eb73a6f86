"""A database in one SQLite file: transactions behind a lock between processes, checkpoints aside, a bounded log."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TypeVar

from ._backup import back_up
from ._errors import Unavailable
from ._files import BUSY_TIMEOUT, FileLock, Progress, check_folder, open_connection, prepare_file, rewrite
from ._restore import Restored, restore
from ._trouble import as_unavailable, unavailable
from ._write import Connection

__all__ = ["SQLiteStore"]

_T = TypeVar("_T")
_log = logging.getLogger("perscom_receiver")

WAL_LIMIT = 64 * 2**20
"""Bytes of write-ahead log after which the writer itself empties it: passive checkpoints alone let it grow without bound."""
WAL_PATIENCE = 0.1
"""Seconds that the writer waits, once a second at most, for readers that keep it from emptying the log."""
CHECKPOINT_EVERY = 0.02
"""Seconds between passive checkpoints, made aside so that no commit waits for one. With half a second between them there is so
much to write that the disk keeps the commits waiting: the slowest percent of them took three times as long."""


class SQLiteStore:
    """The file ``path``, in WAL mode with ``synchronous=FULL``: what was committed survives a power cut."""

    def __init__(self, path: Path, migrations: Sequence[Sequence[str]]) -> None:
        self.name = path.name
        self.path = path
        self._migrations = migrations

    def exists(self) -> bool:
        """See :class:`~perscom_receiver._store.Store`, also for the rest."""
        check_folder(self.path)
        return self.path.exists()

    def peek(self) -> _Reader:
        # One that nobody has open is read as it is: SQLite would make files beside it.
        how = "mode=ro" if os.path.exists(f"{self.path}-wal") else "immutable=1"
        with _translated():
            return _Reader(sqlite3.connect(f"{self.path.as_uri()}?{how}", uri=True, check_same_thread=False))

    def open(self) -> _Session:
        lock = FileLock(self.path)
        try:
            return _Session(self.path, prepare_file(self.path, self._migrations, lock), open_connection(self.path), lock)
        except BaseException:
            lock.close()
            raise

    def reader(self) -> _Reader:
        with _translated():
            return _Reader(open_connection(self.path, readonly=True))

    def hear(self, call: Callable[[], None]) -> Callable[[], None]:
        return lambda: None  # a file makes no sound

    def trouble(self, error: Exception) -> Unavailable | None:
        return as_unavailable(error)

    def unavailable(self, error: Exception) -> Unavailable:
        return unavailable(error)

    def is_passing(self, error: Exception) -> bool:
        return False

    def is_in_the_way(self, error: Exception) -> bool:
        return False  # whoever has the file has all of it

    def back_up(self, target: Path, progress: Progress | None) -> None:
        with _translated():
            back_up(self.path, target, self._migrations, progress)

    def restore(self, backup: Path, progress: Progress | None) -> Restored:
        with _translated():
            return restore(backup, self.path, self._migrations, progress)

    def rewrite(self) -> bool:
        with _translated():
            return rewrite(self.path)


class _Session:
    """The connections of one writer, and its thread for checkpoints."""

    def __init__(self, path: Path, connection: sqlite3.Connection, aside: sqlite3.Connection, lock: FileLock) -> None:
        self._path = path
        self._connection = connection
        self._lock = lock
        self._dirty = threading.Event()
        self._ended = threading.Event()
        self._truncated = 0.0
        self._checkpointing = threading.Lock()  # emptying the log fails while another checkpoint is made
        self._checkpoints = threading.Thread(target=self._checkpoint, args=(aside,), name="perscom-checkpoints", daemon=True)
        self._checkpoints.start()

    @contextmanager
    def transaction(self, *, alone: bool) -> Iterator[Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def committed(self, *, wake: bool) -> None:
        self._dirty.set()
        self._bound_wal()

    def close(self) -> None:
        self._ended.set()
        self._dirty.set()
        self._checkpoints.join()
        self._connection.close()
        self._lock.close()

    def _bound_wal(self) -> None:
        """Empty a log that has grown too large. As long as a reader holds an old snapshot that fails, and is tried again."""
        try:
            if os.stat(f"{self._path}-wal").st_size <= WAL_LIMIT or monotonic() - self._truncated <= 1:
                return
            self._truncated = monotonic()
            self._connection.execute(f"PRAGMA busy_timeout = {WAL_PATIENCE * 1000:.0f}").fetchall()
            try:
                with self._checkpointing, self._lock:
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}").fetchall()
        except (sqlite3.Error, OSError) as error:
            _log.warning("The write-ahead log of the database could not be emptied: %s", error)

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        while self._dirty.wait():
            self._dirty.clear()  # before the look at the end, which is told by setting both, this one last
            if self._ended.wait(CHECKPOINT_EVERY):
                break
            try:
                with self._checkpointing:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            except sqlite3.Error as error:
                _log.warning("A checkpoint of the database failed: %s", error)
        connection.close()


class _Reader:
    """A connection that cannot write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read(self, work: Callable[[Connection], _T]) -> _T:
        with _translated():
            return work(self._connection)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    """Raise Unavailable for what is the trouble of the database itself."""
    try:
        yield
    except sqlite3.Error as error:
        raise as_unavailable(error) or error from None
