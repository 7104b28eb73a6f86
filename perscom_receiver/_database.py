"""The database: one SQLite file or one PostgreSQL, one writer thread per process, grouped commits.

Everything that changes it is a closure given to :meth:`Database.submit`. The writer thread runs all that wait in one
transaction and resolves them after the commit, so that a hundred callers share one sync of the disk. Several processes may use
one database. In front of a file a lock queues them fairly, where SQLite's own busy handler sleeps and starves (up to 0.9 s were
measured); in PostgreSQL they work side by side.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ._errors import ConfigurationError
from ._forks import close_before_forks
from ._migrations import MIGRATIONS
from ._store import Reader, store_at
from ._write import Connection, Write, no_commit, too_late
from ._writer import Writer, call_all

if TYPE_CHECKING:
    from ._files import Progress
    from ._restore import Restored

__all__ = ["Connection", "Database"]

_T = TypeVar("_T")


class Database:
    """One SQLite file, by its path, or one PostgreSQL database, by an address such as ``"postgresql://user@host/name"``.

    What was committed survives a power cut.

    Nothing is opened before the first use, and each process opens its own, so an object made or used before a fork may be used
    after it (``gunicorn --preload``): a fork closes the database first. Safe for threads. The schema is brought up to date at
    first use: an older file is copied beside itself before it is changed; a newer schema is refused with ConfigurationError.

    PostgreSQL needs the extra ``postgres``; without it, and for an address that is none, ConfigurationError is raised.
    """

    def __init__(self, path: str | os.PathLike[str], *, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
        self._store = store_at(path, migrations)
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        self._read_lock = threading.Lock()
        self._aside_lock = threading.Lock()  # held while the file is open otherwise: copied, rewritten, or about to be closed
        self._reader: Reader | None = None
        self._reading: ThreadPoolExecutor | None = None
        self._listeners: list[Callable[[], None]] = []
        self._unhear: Callable[[], None] | None = None
        close_before_forks(self)

    def __str__(self) -> str:
        return self.name if self._store.path is None else str(self._store.path)

    @property
    def name(self) -> str:
        """For people: the name of the file, or the address without the password."""
        return self._store.name

    @property
    def path(self) -> Path:
        """The file. Raises ConfigurationError where there is none."""
        if (path := self._store.path) is None:
            raise ConfigurationError(f"{self.name} is no file.")
        return path

    def exists(self) -> bool:
        """Whether it was made. Raises ConfigurationError where no file can be, and Unavailable when no server answers."""
        return self._store.exists()

    def peek(self, work: Callable[[Connection], _T]) -> _T:
        """Like :meth:`read`, but of what is there, as it is: nothing is made, brought up to date, or kept open for it."""
        with closing(self._store.peek()) as reader:
            return reader.read(work)

    def submit(self, work: Callable[[Connection], _T], *, wake: bool = False, size: int = 0) -> Future[_T]:
        """Queue ``work`` for the writer thread. The future has its result once that is committed.

        ``work`` may be run twice (alone, when another one of its batch failed), so it must do nothing but SQL. The future
        raises what ``work`` raised, or Unavailable when the database cannot commit. ``wake`` calls the listeners after the
        commit. A future that is cancelled before its turn is dropped.

        ``size`` is how many bytes ``work`` holds until then. Raises Unavailable when more of them wait than memory is for.
        """
        return self._put(Write(work, wake, size)).future  # type: ignore[no-any-return]

    def _put(self, write: Write) -> Write:
        with self._lock:
            if self._writer is None or not self._writer.put(write):
                self._writer = Writer(self._store, self._listeners, write)
                self._hear()
        return write

    def write(self, work: Callable[[Connection], _T], *, wake: bool = False, timeout: float | None = None, size: int = 0) -> _T:
        """Like :meth:`submit`, but wait; after ``timeout`` seconds raise Unavailable (it may still be committed later)."""
        future = self.submit(work, wake=wake, size=size)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise no_commit(timeout) from None

    async def awrite(
        self, work: Callable[[Connection], _T], *, wake: bool = False, timeout: float | None = None, size: int = 0
    ) -> _T:
        """Like :meth:`write`, without blocking the event loop."""
        loop = asyncio.get_running_loop()
        future = self._put(Write(work, wake, size, loop)).future
        timer = None if timeout is None else loop.call_later(timeout, too_late, future, timeout)
        try:
            return await future  # type: ignore[no-any-return]
        finally:
            if timer is not None:
                timer.cancel()
            del future  # an error in it holds this frame: a cycle, with the body of an event in it

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run ``work`` on a connection that cannot write and sees what is committed. Blocks for as long as the query takes.

        ``work`` may be run twice, as in :meth:`submit`. Raises what it raises, or Unavailable when the database cannot be read.
        """
        with self._read_lock:
            if self._reader is None:
                self.write(_nothing)  # so that the database is there and up to date
                self._reader = self._store.reader()
            return self._reader.read(work)

    async def aread(self, work: Callable[[Connection], _T]) -> _T:
        """Like :meth:`read`, in a thread of the database: all those of the event loop may hang in what others do there."""
        with self._lock:
            if self._reading is None:
                self._reading = ThreadPoolExecutor(1, "perscom-reader")
            reading = asyncio.wrap_future(self._reading.submit(self.read, work))
        try:
            return await reading
        finally:
            del reading  # as above

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have ``listener`` called (in a thread of the database) after each commit with ``wake``. Returns what ends it.

        With a file, only commits of this process are told; with PostgreSQL, those of others too. It is a hint that may be
        missed, never the only way to learn of work.
        """
        with self._lock:
            self._listeners.append(listener)
            self._hear()
        return lambda: self._listeners.remove(listener)

    def _hear(self) -> None:
        """Hear of the commits of others, as long as the database is open and somebody listens."""
        if self._writer is not None and self._listeners and self._unhear is None:
            self._unhear = self._store.hear(partial(call_all, self._listeners))

    def backup(self, target: str | os.PathLike[str], *, progress: Progress | None = None) -> None:
        """Copy what is committed at this moment into the new file ``target``, readable for its owner alone, and check the copy.

        Blocks, while others go on writing: it hardly slows them. A fork waits for its end. ``progress`` is told how many bytes
        are copied, and how many there are. ``target`` is there only on success.

        Raises FileExistsError when ``target`` is there, OSError when it cannot be written, ConfigurationError when the database
        is none of ours, damaged or no file, and Unavailable when it cannot be read.
        """
        with self._aside_lock:
            self._store.back_up(Path(target).absolute(), progress)

    def restore(self, backup: str | os.PathLike[str], *, progress: Progress | None = None) -> Restored:
        """Put a copy of the file ``backup`` in the place of this database, which is kept beside it under another name.

        What came after the backup is taken over: nobody can send it again, what was handled is not handled twice, and what
        waits goes on waiting. Where the replaced database cannot be read, all that is forgotten: then change PERSCOM's secret
        if a repeat would matter.

        Raises ConfigurationError when anybody has the database open, in whatever process, when it is no file, and when
        ``backup`` is damaged, none of ours or from a newer program; OSError or Unavailable when a file cannot be read or
        written. Then nothing is changed.
        """
        self._hold()
        try:
            return self._store.restore(Path(backup).absolute(), progress)
        finally:
            self._resume()

    def rewrite(self) -> bool:
        """Write the file anew, so that nothing of what was deleted is left in it or in its log.

        Takes about 10 s for a GB, in which nobody can commit, and room for a second file here and in SQLite's temporary folder.
        False when the log could not be emptied since somebody reads in it all the time (a backup): try again. PostgreSQL
        vacuums instead, beside everybody; its log and replicas keep what they have. Raises Unavailable when there is no room.
        """
        self.write(_nothing)
        with self._aside_lock:
            return self._store.rewrite()

    def close(self) -> None:
        """Commit what waits, then close. A later use opens the file again."""
        with self._read_lock:
            self._close_reader()
        with self._aside_lock:
            self._end_threads()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _end_threads(self) -> None:
        with self._lock:
            writer, self._writer = self._writer, None
            reading, self._reading = self._reading, None
            unhear, self._unhear = self._unhear, None
        if unhear is not None:
            unhear()
        if reading is not None:
            reading.shutdown(wait=False)  # one that is there already may be waiting for us
        if writer is not None:
            writer.stop()

    def _hold(self) -> None:
        """Close, and let nobody open the file again before :meth:`_resume`."""
        self._aside_lock.acquire()
        self._read_lock.acquire()
        self._close_reader()
        while True:
            self._end_threads()
            self._lock.acquire()
            if self._writer is None and self._reading is None and self._unhear is None:
                return
            self._lock.release()  # somebody came in between

    def _resume(self, *, in_child: bool = False) -> None:
        if in_child:
            self._listeners = []  # they belong to event loops of the parent
        self._lock.release()
        self._read_lock.release()
        self._aside_lock.release()


def _nothing(connection: Connection) -> None:
    """Only makes sure that the database is there and up to date."""
