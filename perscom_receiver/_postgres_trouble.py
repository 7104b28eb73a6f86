"""Which errors are trouble of PostgreSQL itself, which pass, and what whoever asked it is told then."""

from __future__ import annotations

import psycopg
from psycopg import errors

from ._errors import Unavailable

__all__ = ["as_unavailable", "is_in_the_way", "is_lost", "is_passing", "unavailable"]

_LOST = ("08", "57P0", "25P03")
"""SQLSTATEs, or how they begin: no connection, a server that stops or begins, a transaction that stood still for too long."""
_TROUBLE = (*_LOST, "25006", "53", "55P03", "57", "58", "XX")
"""Besides: a server that cannot write, has no room or memory, a lock that lasts, a statement cut off, I/O, damage."""


def is_lost(error: Exception) -> bool:
    """Whether the connection is gone, and with it the transaction."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(_LOST)


def is_passing(error: Exception) -> bool:
    """Whether the same may succeed at the next attempt: nothing of this one was committed."""
    return is_lost(error) or isinstance(error, errors.DeadlockDetected | errors.SerializationFailure)


def is_in_the_way(error: Exception) -> bool:
    """Whether the transaction of somebody else was in the way."""
    return isinstance(error, errors.LockNotAvailable | errors.DeadlockDetected | errors.SerializationFailure)


def as_unavailable(error: Exception) -> Unavailable | None:
    """Unavailable if the server failed, or could not be reached; None if the statement that it was given did."""
    state = getattr(error, "sqlstate", None) or ""
    ours = isinstance(error, Unavailable | OSError) or is_passing(error) or state.startswith(_TROUBLE)
    return unavailable(error) if ours else None


def unavailable(error: Exception) -> Unavailable:
    """What a caller is told about ``error``."""
    if isinstance(error, Unavailable):
        return error
    told = str(error).partition("\n")[0].strip().rstrip(".")
    return Unavailable(f"The database cannot be used: {told}. Does PostgreSQL run, and has its disk room?")
