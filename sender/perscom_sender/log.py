"""The log: what was sent to whom, how each try ended, and sending it once more. Each method blocks for a query or a commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal

import msgspec

from perscom_receiver.queue import Connection

from ._store import Store

__all__ = ["Attempt", "Delivery", "Log", "State"]

State = Literal["waiting", "sending", "delivered", "failed"]
_STATES: Final[tuple[State, ...]] = ("waiting", "sending", "delivered", "failed")
_AT_ONCE = 200
"""Deliveries that are sent again in one transaction."""
_DELIVERIES = (
    "SELECT task.id, subscription.id, event.id, event.digest, event.name, event.received, task.state, task.due, task.settled,"
    " task.error, (SELECT count(*) FROM attempt WHERE task = task.id), event.body IS NOT NULL"
    " FROM task JOIN event ON event.id = task.event JOIN sender_subscription AS subscription ON subscription.lane = task.lane"
)


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one subscription. Moments are aware, in UTC."""

    id: int
    subscription: int
    event: int
    """The number that ``publish`` gave."""
    event_id: str
    """64 hex digits: what a receiver knows as ``event.id``."""
    event_name: str
    published: datetime
    state: State
    attempts: int
    """Tries that are in the log."""
    next: datetime | None
    """When it is tried next, at the earliest; None: it is not waiting."""
    ended: datetime | None
    """When it was delivered, or given up."""
    error: str | None
    """Why the last try failed."""
    body_kept: bool
    """Whether it can be sent again."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a delivery. ``next`` is when the next one was to follow, at the earliest; None: none was."""

    number: int
    """Rising, not without gaps: a try that never began has a number too."""
    started: datetime
    ms: float | None
    """How long it took, in milliseconds; None when it was cut off by a crash."""
    status: int | None
    """Of the answer; None without one."""
    kind: str
    """``done``; ``status``, ``redirect``, ``gone`` (410), ``busy`` (429) by the answer; ``timeout``, ``dns``, ``connect``,
    ``tls``, ``address`` (the guard refused it), ``closed``, ``protocol`` without one; ``unclear``: cut off by a crash or a
    stop; ``internal``: our own fault."""
    error: str | None
    answer: str | None
    """The first 1000 characters of the answer, without the secret."""
    next: datetime | None


class Log:
    """The deliveries of one sender and their tries, as long as the log is kept."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def deliveries(
        self,
        *,
        subscription: int | None = None,
        event: int | None = None,
        state: State | None = None,
        before: int | None = None,
        n: int = 100,
    ) -> list[Delivery]:
        """The newest ``n`` deliveries, newest first: of a subscription, of an event (the number of ``publish``), or of both.

        ``before`` is the ``id`` of the last one of the page before.
        """
        if state is not None and state not in _STATES:
            raise ValueError(f"state is one of {', '.join(_STATES)}, or None")
        # What is being sent, and what failed, has an index of its own for each lane; for all else there is the lane's history.
        rare = state in ("sending", "failed")
        history = "" if rare else "task.id > 0 AND "
        where: dict[str, object] = {
            f"{history}task.lane = (SELECT lane FROM sender_subscription WHERE id = ?)": subscription,
            "task.lane IN (SELECT lane FROM sender_subscription WHERE site = ?)": (
                self._store.site if rare and subscription is None and event is None else None
            ),
            "task.event = ?": event,
            "task.id < ?": before,
        }
        given = {condition: value for condition, value in where.items() if value is not None}
        states = () if state is None else (f"task.state = {_STATES.index(state)}",)
        sql = f"{_DELIVERIES} WHERE {' AND '.join([*given, *states, 'subscription.site = ?'])} ORDER BY task.id DESC LIMIT ?"

        def find(connection: Connection) -> list[Delivery]:
            return [_delivery(*row) for row in connection.execute(sql, (*given.values(), self._store.site, n))]

        return self._store.read(find)

    def delivery(self, number: int) -> Delivery | None:
        """The delivery of this number; None when there is none."""
        row = self._store.read(
            lambda connection: connection.execute(
                f"{_DELIVERIES} WHERE task.id = ? AND subscription.site = ?", (number, self._store.site)
            ).fetchone()
        )
        return None if row is None else _delivery(*row)

    def attempts(self, delivery: int) -> list[Attempt]:
        """The tries of a delivery, oldest first."""
        sql = (
            "SELECT n, attempt.started, ms, status, outcome, attempt.error, answer, next FROM attempt"
            " JOIN task ON task.id = attempt.task JOIN sender_subscription AS subscription ON subscription.lane = task.lane"
            " WHERE attempt.task = ? AND subscription.site = ? ORDER BY n"
        )

        def find(connection: Connection) -> list[Attempt]:
            return [_attempt(*row) for row in connection.execute(sql, (delivery, self._store.site))]

        return self._store.read(find)

    def resend(self, delivery: int) -> bool:
        """Send one delivery again, whatever became of it, at once and with a whole new round of tries; the same bytes.

        One that waits goes at once, and its round goes on. False when there is none, it is being sent, or its body is gone.
        """
        return self._store.write(lambda connection: self._store.queue.again(connection, delivery, self._store.now()))

    def resend_all(
        self,
        subscription: int,
        *,
        state: Literal["failed", "delivered"] | None = "failed",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> int:
        """Send all failed deliveries of a subscription again, or others (None: both), published from ``since`` to ``until``.

        The moments are aware. Returns how many. Blocks for a commit for each 200.
        """
        states = (2, 3) if state is None else (_STATES.index(state),)
        first = 0.0 if since is None else _seconds(since)
        last = self._store.now() + 1e9 if until is None else _seconds(until)
        count = 0
        for some in self._pages(subscription, states, first, last):

            def again(connection: Connection, some: list[int] = some) -> int:
                now = self._store.now()
                return sum(self._store.queue.again(connection, number, now) for number in some)

            count += self._store.write(again)
        return count

    def _pages(self, subscription: int, states: tuple[int, ...], first: float, last: float) -> Iterator[list[int]]:
        sql = (
            "SELECT task.id FROM task JOIN event ON event.id = task.event"
            " WHERE task.lane = (SELECT lane FROM sender_subscription WHERE id = ? AND site = ?) AND task.id > 0"
            f" AND task.id > ? AND task.state IN ({', '.join('?' * len(states))}) AND event.received BETWEEN ? AND ?"
            " AND event.body IS NOT NULL ORDER BY task.id LIMIT ?"
        )
        after = 0
        while True:
            parameters = (subscription, self._store.site, after, *states, first, last, _AT_ONCE)
            some = self._store.read(partial(_numbers, sql=sql, parameters=parameters))
            if not some:
                return
            yield some
            after = some[-1]


def _numbers(connection: Connection, sql: str, parameters: Sequence[object]) -> list[int]:
    return [number for (number,) in connection.execute(sql, parameters)]


def _delivery(
    number: int,
    subscription: int,
    event: int,
    digest: bytes,
    name: str,
    received: float,
    state: int,
    due: float,
    settled: float | None,
    error: str | None,
    attempts: int,
    kept: int,
) -> Delivery:
    return Delivery(
        id=number,
        subscription=subscription,
        event=event,
        event_id=digest.hex(),
        event_name=name,
        published=_moment(received),
        state=_STATES[state],
        attempts=attempts,
        next=_moment(due) if state == 0 else None,
        ended=None if settled is None else _moment(settled),
        error=error,
        body_kept=bool(kept),
    )


def _attempt(
    number: int,
    started: float,
    ms: float | None,
    status: int | None,
    kind: str,
    error: str | None,
    answer: str | None,
    following: float | None,
) -> Attempt:
    return Attempt(
        number=number,
        started=_moment(started),
        ms=ms,
        status=status,
        kind=kind,
        error=error,
        answer=answer,
        next=None if following is None else _moment(following),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(moment: datetime) -> float:
    if moment.utcoffset() is None:
        raise ValueError("since= and until= need a time zone, for example datetime(2026, 3, 9, tzinfo=UTC)")
    return moment.timestamp()
