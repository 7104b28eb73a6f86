"""Writing to and reading from PostgreSQL, over connections that come back when they were lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg

from ._errors import Unavailable
from ._postgres_sql import CommonConnection
from ._postgres_trouble import as_unavailable, is_lost, unavailable
from ._write import Connection

__all__ = ["Connect", "Reader", "Session", "patiently"]

_T = TypeVar("_T")
Connect = Callable[[], psycopg.Connection[Any]]

PATIENCE = 2.0
"""Seconds for which a server that is away is waited for, before those who wait are told: a quick restart is none of their
business."""
_FIRST_PAUSE = 0.05
"""Seconds between two attempts to reach it; each further pause is twice as long."""
# For how long the transactions of others are waited for, and the number of this one: no row of it may have a number before it.
_BEGIN = b"BEGIN; SET LOCAL lock_timeout = %d; SELECT CAST(pg_current_xact_id() AS TEXT)"
_BEGIN_ALONE, _BEGIN_TOGETHER = _BEGIN % 1200, _BEGIN % 50  # the first longer than it takes to find out about a deadlock
_BECAME = b"SELECT pg_xact_status(CAST(%s AS xid8))"
_TELL = b"BEGIN; SET LOCAL synchronous_commit = off; SELECT pg_notify('perscom', '%b'); COMMIT"  # a hint needs no disk


class Session:
    """The connection of one writer: see :class:`~perscom_receiver._store.Session`. ``token`` is its own, in what it tells."""

    def __init__(self, connect: Connect, raw: psycopg.Connection[Any], token: str) -> None:
        self._connect = connect
        self._raw: psycopg.Connection[Any] | None = raw
        self._tell = _TELL % token.encode()

    @contextmanager
    def transaction(self, *, alone: bool) -> Iterator[Connection]:
        if self._raw is None:
            self._raw = patiently(self._connect)
        raw = self._raw
        try:
            begun = raw.execute(_BEGIN_ALONE if alone else _BEGIN_TOGETHER)
            while begun.nextset():
                pass
            number = begun.fetchone()[0]  # type: ignore[index]
            yield CommonConnection(raw)
        except BaseException:
            self._roll_back(raw)
            raise
        self._commit(raw, number)

    def _roll_back(self, raw: psycopg.Connection[Any]) -> None:
        try:
            raw.execute(b"ROLLBACK")
        except psycopg.Error:
            self._drop()

    def _commit(self, raw: psycopg.Connection[Any], number: str) -> None:
        try:
            done = raw.execute(b"COMMIT").statusmessage
        except psycopg.Error as error:
            if not is_lost(error):  # the server has refused it
                self._roll_back(raw)
                raise
            self._drop()
            if not self._was_committed(number):
                raise
        else:
            if done != "COMMIT":
                raise psycopg.errors.InFailedSqlTransaction("a statement failed, and its closure went on as if it had not")

    def _was_committed(self, number: str) -> bool:
        """What became of a transaction whose end nobody was told. Raises Unavailable when that cannot be learned."""
        end = time.monotonic() + PATIENCE
        self._raw = patiently(self._connect)
        with suppress(psycopg.Error):
            while time.monotonic() < end:
                became = self._raw.execute(_BECAME, (number,)).fetchone()[0]  # type: ignore[index]
                if became != "in progress":
                    return bool(became == "committed")
                time.sleep(_FIRST_PAUSE)
        raise Unavailable("The connection to the database was lost at a commit, and nobody knows whether it was done.")

    def committed(self, *, wake: bool) -> None:
        if wake and self._raw is not None:
            with suppress(psycopg.Error):  # what is wrong with the connection is seen at its next use
                self._raw.execute(self._tell)

    def close(self) -> None:
        self._drop()

    def _drop(self) -> None:
        if self._raw is not None:
            self._raw.close()
            self._raw = None


class Reader:
    """A connection that cannot write: see :class:`~perscom_receiver._store.Reader`."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._raw: psycopg.Connection[Any] | None = None

    def read(self, work: Callable[[Connection], _T]) -> _T:
        for again in (True, False):
            if self._raw is None:
                self._raw = patiently(self._connect)
            try:
                return work(CommonConnection(self._raw))
            except psycopg.Error as error:
                if is_lost(error):
                    self.close()
                    if again:
                        continue
                raise as_unavailable(error) or error from None
        raise AssertionError("unreachable")

    def close(self) -> None:
        if self._raw is not None:
            self._raw.close()
            self._raw = None


def patiently(connect: Connect) -> psycopg.Connection[Any]:
    """A connection, as soon as there is one. Raises Unavailable when there is none for too long."""
    end, pause = time.monotonic() + PATIENCE, _FIRST_PAUSE
    while True:
        try:
            return connect()
        except psycopg.OperationalError as error:
            if time.monotonic() + pause > end:
                raise unavailable(error) from None
        time.sleep(pause)
        pause *= 2
