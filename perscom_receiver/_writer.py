"""The writer of one database in one process: a thread that commits all that waits in one transaction."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable

from ._errors import ConfigurationError, Unavailable
from ._store import Session, Store
from ._write import Write, resolve

__all__ = ["Writer", "call_all"]

_log = logging.getLogger("perscom_receiver")

LARGEST_BATCH = 400
"""Closures in one transaction. Four times the usual number in flight was best on slow and on fast disks."""
WAITING_LIMIT = 64 * 2**20
"""Bytes that may wait for a disk that does not commit. What nobody waits for any more lies there until the disk goes on."""
ONCE_MORE = (0.0, 0.02, 0.1, 0.5)
"""Seconds, at most, before a transaction is tried again that got in the way of another one, or lost its connection."""


class Writer:
    """The thread of one database in one process, and what waits for it."""

    def __init__(self, store: Store, listeners: Iterable[Callable[[], None]], first: Write) -> None:
        self._store = store
        self._listeners = listeners
        self._queue: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._open = True
        self._waiting = first.size
        self._queue.put(first)  # before the thread begins: one that cannot open the database ends at once
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
            session = self._store.open()
        except Exception as error:  # noqa: BLE001 - every error has a waiter, who gets it
            self._end(error if isinstance(error, ConfigurationError) else self._store.unavailable(error))
            return
        try:
            while batch := self._next_batch():
                size = sum(write.size for write in batch)
                self._commit(session, batch)
                batch.clear()  # or it would be held until the next one comes
                self._let_go(size)
        finally:
            self._end(None)
            session.close()

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

    def _commit(self, session: Session, batch: list[Write]) -> None:
        while len(batch) > 1:
            failed = self._try(session, batch)
            if failed is None:
                return
            # One closure failed and took the transaction with it. Alone it can only fail for itself.
            batch.remove(failed)
            if (trouble := self._alone(session, failed)) is not None:
                for write in batch:  # the database is in trouble, not the closure: do not try each of them in turn
                    write.fail(trouble)
                return
        for write in batch:
            self._alone(session, write)

    def _try(self, session: Session, batch: list[Write]) -> Write | None:
        """Commit all of them, or tell all that it cannot be done. The one that failed, if one did."""
        try:
            results = self._transaction(session, batch)
        except _Failed as failure:
            if failure.write is not None:
                return failure.write
            for write in batch:  # begin or commit failed: that concerns everybody
                write.fail(self._store.unavailable(failure.error))
            return None
        self._resolve(session, batch, results)
        return None

    def _alone(self, session: Session, write: Write) -> Unavailable | None:
        """Commit it, or tell that it cannot be done. The trouble of the database, if that is why."""
        try:
            results = self._transaction(session, [write])
        except _Failed as failure:
            trouble = self._store.trouble(failure.error)
            if trouble is None and failure.write is None:
                trouble = self._store.unavailable(failure.error)
            write.fail(trouble or failure.error)
            return None if self._store.is_in_the_way(failure.error) else trouble
        self._resolve(session, [write], results)
        return None

    def _transaction(self, session: Session, batch: list[Write]) -> list[object]:
        for pause in (*ONCE_MORE, None):
            write: Write | None = None
            results = []
            try:
                with session.transaction(alone=len(batch) == 1) as connection:
                    for write in batch:
                        results.append(write.work(connection))  # noqa: PERF401 - `write` tells which one failed
                    write = None
            except Exception as error:  # noqa: BLE001 - as above
                crowded = write is not None and len(batch) > 1 and self._store.is_in_the_way(error)
                if pause is None or crowded or not self._store.is_passing(error):
                    raise _Failed(write, error) from None
                time.sleep(pause * random.random())
            else:
                break
        return results

    def _resolve(self, session: Session, batch: list[Write], results: list[object]) -> None:
        resolve(batch, results)
        wake = any(write.wake for write in batch)
        if wake:
            call_all(self._listeners)
        session.committed(wake=wake)


def call_all(listeners: Iterable[Callable[[], None]]) -> None:
    """Call each. Whatever befalls a listener, the others and the caller go on."""
    for listener in tuple(listeners):
        try:
            listener()
        except Exception:  # noqa: BLE001 - it is code of others
            _log.exception("A listener of the database failed")


class _Failed(Exception):
    """A transaction was rolled back: by ``write``, or by the database itself when that is None."""

    def __init__(self, write: Write | None, error: Exception) -> None:
        super().__init__()
        self.write = write
        self.error = error
