"""The database file itself: the lock beside it, its connections, its schema version."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import mkstemp
from types import TracebackType

from ._errors import ConfigurationError
from ._schema import check_version, take_steps

try:
    import fcntl
except ImportError:  # Windows: SQLite's own busy handler has to do
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "FileLock",
    "Progress",
    "check_folder",
    "copy_database",
    "open_connection",
    "prepare_file",
    "read_schema",
    "rewrite",
    "schema_version",
    "sync_folder",
]

Progress = Callable[[int, int], None]
"""Is told how many bytes are copied, and how many there are."""

BUSY_TIMEOUT = 10.0
"""Seconds that SQLite waits for a lock. With the file lock in front it rarely waits at all."""
PAGES_AT_ONCE = 4096
"""Pages (16 MiB) that are copied and synced in one step."""
LOOKS = 20
"""How often a quarter of a second is waited for readers that keep the log from being emptied."""


class FileLock:
    """A lock between processes, in the order of asking, on a file beside the database. Not for threads of one process."""

    def __init__(self, path: Path) -> None:
        self._path = f"{path}.lock"
        self._fd = -1

    def __enter__(self) -> None:
        if fcntl is None:
            return
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if fcntl is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file. The next use opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_connection(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode, for the one thread that uses it at a time.

    Raises ConfigurationError for a file that is no database.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
        if readonly:
            connection.execute("PRAGMA query_only = 1")
    except BaseException as error:
        connection.close()
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_NOTADB:
            raise ConfigurationError(f"{path.name} is no database of ours ({error}). Is the path right?") from None
        raise
    return connection


def prepare_file(path: Path, migrations: Sequence[Sequence[str]], lock: FileLock) -> sqlite3.Connection:
    """Open the file for writing and bring its schema up to date, one process after the other.

    An older file is copied beside itself first. Raises ConfigurationError for a missing folder, for a newer file and for one
    that is not ours, which is left as it was.
    """
    check_folder(path)
    with lock:
        if not path.exists():
            _create(path)
        connection = open_connection(path)
        try:
            _bring_up_to_date(connection, path, migrations)
        except BaseException:
            connection.close()
            raise
        return connection


def check_folder(path: Path) -> None:
    """Raises ConfigurationError when there is no folder for the file."""
    if not path.parent.is_dir():
        raise ConfigurationError(f"The folder of the database does not exist: {path.parent}. Make it first.")


def _create(path: Path) -> None:
    """An empty file for its owner alone: it will hold personal data."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _bring_up_to_date(connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]]) -> None:
    found = schema_version(connection, path.name, migrations)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    if found < len(migrations):
        if found:
            copy_database(connection, path.with_name(f"{path.name}.schema-{found}"))
        _migrate(connection, found, migrations)


def schema_version(connection: sqlite3.Connection, name: str, migrations: Sequence[Sequence[str]]) -> int:
    """The version of the schema in the file called ``name``, 0 for an empty file.

    Raises ConfigurationError for one that is not ours, and for one that a newer program wrote.
    """
    return check_version(*read_schema(connection, name), name, migrations)


def read_schema(connection: sqlite3.Connection, name: str) -> tuple[int, str]:
    """The version of the schema in the file called ``name`` (0: it is empty), and which program wrote it.

    Raises ConfigurationError for a file that is not ours.
    """
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if tables and "schema_version" not in tables:
        raise ConfigurationError(f"{name} is no database of ours (it holds other tables). Is the path right?")
    found: tuple[int, str] = connection.execute("SELECT version, writer FROM schema_version").fetchone() if tables else (0, "")
    return found


def copy_database(source: sqlite3.Connection, target: Path, progress: Progress | None = None) -> None:
    """Have what ``source`` sees at this moment in the file ``target``: all of it and on the disk, or no file at all.

    One that was there is replaced. It is for its owner alone and needs no log beside it. Others may go on writing meanwhile.
    """
    descriptor, name = mkstemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "r+b") as file:
            _fill(part, file.fileno(), source, progress)
        part.replace(target)
        sync_folder(target.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _fill(part: Path, descriptor: int, source: sqlite3.Connection, progress: Progress | None) -> None:
    def step(status: int, remaining: int, total: int) -> None:
        os.fsync(descriptor)  # one sync at the end would hold up the commits of others for as long as it takes
        if progress is not None:
            progress((total - remaining) * page, total * page)

    page = source.execute("PRAGMA page_size").fetchone()[0]
    with closing(sqlite3.connect(part, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        source.execute("BEGIN")
        try:
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # holds the moment: a commit would begin anew
            source.backup(copy, pages=PAGES_AT_ONCE, progress=step)
        finally:
            source.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode = DELETE")  # as copied it says that a log belongs to it
    os.fsync(descriptor)


def rewrite(path: Path) -> bool:
    """Write the file anew without what was deleted in it, and empty its log. False when a reader needs the log all the time.

    Nobody can commit meanwhile.
    """
    lock = FileLock(path)
    with closing(lock), closing(open_connection(path)) as connection:
        with lock:
            connection.execute("VACUUM")
        connection.execute("PRAGMA busy_timeout = 200").fetchall()
        for _ in range(LOOKS):
            with lock:
                if not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    return True
            time.sleep(0.05)  # for those who commit
    return False


def sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` on the disk."""
    if os.name != "posix":  # Windows cannot
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _migrate(connection: sqlite3.Connection, found: int, migrations: Sequence[Sequence[str]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        take_steps(connection, found, migrations)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk ends the transaction by itself
            connection.execute("ROLLBACK")
        raise
