"""Which errors are trouble of the database itself, and what whoever asked it is told then."""

from __future__ import annotations

import sqlite3

from ._errors import Unavailable

__all__ = ["as_unavailable", "unavailable"]

_TROUBLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
    }
)


def as_unavailable(error: Exception) -> Unavailable | None:
    """Unavailable if the database itself failed (full, unreadable, busy too long); None if the statement it was given did."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # errors of the module itself, such as a wrong placeholder, have none
    return unavailable(error) if code in _TROUBLE or isinstance(error, OSError) else None


def unavailable(error: Exception) -> Unavailable:
    """What a caller is told about ``error``."""
    return Unavailable(f"The database cannot commit: {error}. Is the disk full, or the folder not writable?")
