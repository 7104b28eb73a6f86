"""The writer of one database in one process: a thread that commits all that waits in one transaction."""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic

from ._errors import ConfigurationError, Unavailable
from ._files import BUSY_TIMEOUT, FileLock, open_connection, prepare_file
from ._trouble import as_unavailable, unavailable
from ._write import Write, resolve

__all__ = ["Writer"]

_log = logging.getLogger("perscom_receiver")

LARGEST_BATCH = 400
"""Closures in one transaction. Four times the usual number in flight was best on slow and on fast disks."""
WAITING_LIMIT = 64 * 2**20
"""Bytes that may wait for a disk that does not commit. What nobody waits for any more lies there until the disk goes on."""
WAL_LIMIT = 64 * 2**20
"""Bytes of write-ahead log after which the writer itself empties it: passive checkpoints alone let it grow without bound."""
WAL_PATIENCE = 0.1
"""Seconds that the writer waits, once a second at most, for readers that keep it from emptying the log."""
CHECKPOINT_EVERY = 0.02
"""Seconds between passive checkpoints, made aside so that no commit waits for one. With half a second between them there is so
much to write that the disk keeps the commits waiting: the slowest percent of them took three times as long."""


class Writer:
    """The threads and connections of one database in one process."""

    def __init__(
        self, path: Path, migrations: Sequence[Sequence[str]], listeners: Iterable[Callable[[], None]], first: Write
    ) -> None:
        self._path = path
        self._migrations = migrations
        self._listeners = listeners
        self._queue: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._open = True
        self._waiting = first.size
        self._dirty = threading.Event()
        self._ended = threading.Event()
        self._truncated = 0.0
        self._checkpointing = threading.Lock()  # emptying the log fails while another checkpoint is made
        self._file_lock = FileLock(self._path)
        self._queue.put(first)  # before the thread begins: one that cannot open the file ends at once
        self._thread = threading.Thread(target=self._run, name="perscom-writer", daemon=True)
        self._thread.start()

    def put(self, write: Write) -> bool:
        """Queue it; False when this writer has ended and another one is needed. Raises Unavailable when too much waits."""
        with self._guard:
            if self._open:
                if write.size and self._waiting + write.size > WAITING_LIMIT:
                    raise Unavailable("Too much waits for the disk.")
                self._waiting += write.size
                self._queue.put(write)
            return self._open

    def _let_go(self, size: int) -> None:
        with self._guard:
            self._waiting -= size

    def stop(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            connection = prepare_file(self._path, self._migrations, self._file_lock)
            aside = open_connection(self._path)
        except (ConfigurationError, sqlite3.Error, OSError) as error:
            self._end(error if isinstance(error, ConfigurationError) else unavailable(error))
            self._file_lock.close()
            return
        checkpoints = threading.Thread(target=self._checkpoint, args=(aside,), name="perscom-checkpoints", daemon=True)
        checkpoints.start()
        try:
            while batch := self._next_batch():
                size = sum(write.size for write in batch)
                self._commit(connection, batch)
                batch.clear()  # or it would be held until the next one comes
                self._let_go(size)
                self._bound_wal(connection)
        finally:
            self._end(None)
            self._ended.set()
            self._dirty.set()
            checkpoints.join()
            connection.close()
            self._file_lock.close()

    def _next_batch(self) -> list[Write]:
        """All that wait, at least one; empty when the writer is to stop."""
        batch: list[Write] = []
        write = self._queue.get()
        while write is not None:
            if write.begin():
                batch.append(write)
            else:
                self._let_go(write.size)
            if len(batch) >= LARGEST_BATCH:
                return batch
            try:
                write = self._queue.get(block=not batch)
            except queue.Empty:
                return batch
        if batch:
            self._queue.put(None)  # commit these first, stop at the next look
        return batch

    def _end(self, error: Exception | None) -> None:
        """Take no more writes, and fail those that came too late to be run."""
        with self._guard:
            self._open = False
        while not self._queue.empty():
            write = self._queue.get()
            if write is not None and write.begin():
                write.fail(error or Unavailable("The database was closed."))

    def _commit(self, connection: sqlite3.Connection, batch: list[Write]) -> None:
        while batch:
            failed = self._try(connection, batch)
            if failed is None:
                return
            # One closure failed and took the transaction with it. Alone it can only fail for itself.
            batch.remove(failed)
            if (trouble := self._alone(connection, failed)) is not None:
                for write in batch:  # the database is in trouble, not the closure: do not try each of them in turn
                    write.fail(trouble)
                return

    def _alone(self, connection: sqlite3.Connection, write: Write) -> Unavailable | None:
        try:
            results = self._transaction(connection, [write])
        except _Failed as failure:
            trouble = as_unavailable(failure.error)
            write.fail(trouble or failure.error)
            return trouble
        self._resolve([write], results)
        return None

    def _try(self, connection: sqlite3.Connection, batch: list[Write]) -> Write | None:
        try:
            results = self._transaction(connection, batch)
        except _Failed as failure:
            if failure.write is not None:
                return failure.write
            for write in batch:  # begin or commit failed: that concerns everybody
                write.fail(unavailable(failure.error))
            return None
        self._resolve(batch, results)
        return None

    def _transaction(self, connection: sqlite3.Connection, batch: list[Write]) -> list[object]:
        write: Write | None = None
        results = []
        try:
            with self._file_lock:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    for write in batch:
                        results.append(write.work(connection))  # noqa: PERF401 - `write` tells which one failed
                    write = None
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
        except Exception as error:  # noqa: BLE001 - every error has a waiter, who gets it
            raise _Failed(write, error) from None
        return results

    def _resolve(self, batch: list[Write], results: list[object]) -> None:
        self._dirty.set()
        resolve(batch, results)
        if any(write.wake for write in batch):
            for listener in tuple(self._listeners):
                try:
                    listener()
                except Exception:  # noqa: BLE001 - whatever befalls a listener, the writer goes on
                    _log.exception("A listener of the database failed")

    def _bound_wal(self, connection: sqlite3.Connection) -> None:
        """Empty a log that has grown too large. As long as a reader holds an old snapshot that fails, and is tried again."""
        try:
            if os.stat(f"{self._path}-wal").st_size <= WAL_LIMIT or monotonic() - self._truncated <= 1:
                return
            self._truncated = monotonic()
            connection.execute(f"PRAGMA busy_timeout = {WAL_PATIENCE * 1000:.0f}").fetchall()
            try:
                with self._checkpointing, self._file_lock:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT * 1000:.0f}").fetchall()
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


class _Failed(Exception):
    """A transaction was rolled back: by ``write``, or by the database itself when that is None."""

    def __init__(self, write: Write | None, error: Exception) -> None:
        super().__init__()
        self.write = write
        self.error = error
