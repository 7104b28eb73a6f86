"""Subscriptions as rows, and the question which of them want an event."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from perscom_receiver import ConfigurationError, Secret
from perscom_receiver.queue import Connection, Queue

from ._patterns import Recipient, places, want
from .schedule import Schedule
from .subscription import Subscription

__all__ = [
    "Breaker",
    "Row",
    "StoredSecret",
    "find",
    "find_all",
    "held",
    "hold",
    "known",
    "read_all",
    "remove",
    "save",
    "set_width",
]

_COLUMNS = (
    "s.id, s.lane, s.name, s.description, s.url, s.method, s.secrets, s.events, s.waits, s.concurrency, s.rate, s.timeout,"
    " s.ordered, s.standard, s.failures, s.failing_since, s.trips, s.open_until, lane.paused"
)
_MOST_KEPT = 4096
"""Subscriptions that are kept as they were read: each delivery asks for its own one."""
_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_waits = msgspec.json.Decoder(tuple[float, ...]).decode


class StoredSecret(msgspec.Struct, frozen=True):
    """A secret as it is stored: in plain, since it is needed to sign. ``until`` is in seconds since 1970."""

    value: str
    until: float | None = None

    def secret(self) -> Secret:
        return Secret(self.value, valid_until=None if self.until is None else datetime.fromtimestamp(self.until, UTC))


_decode_secrets = msgspec.json.Decoder(tuple[StoredSecret, ...]).decode


class Breaker(msgspec.Struct, frozen=True):
    """How an endpoint is doing. Moments in seconds since 1970."""

    failures: int = 0
    """Failed tries in a row."""
    since: float | None = None
    """When the first of these ended."""
    trips: int = 0
    """How often it opened in a row."""
    open_until: float = 0.0
    """Until when nothing is sent; then one request at a time, until one succeeds."""


class Row(msgspec.Struct, frozen=True):
    """A subscription with what only the sender itself must know of it."""

    subscription: Subscription
    lane: int
    stored: tuple[StoredSecret, ...]
    breaker: Breaker

    @property
    def recipient(self) -> Recipient:
        """It, as one that gets an event."""
        return Recipient(self.lane, self.subscription.ordered)

    @property
    def width(self) -> int:
        """Requests at once that the lane allows: one while nobody knows whether the endpoint is back."""
        if self.breaker.trips:
            return 1
        rate = self.subscription.rate
        return self.subscription.concurrency if rate is None else max(1, min(self.subscription.concurrency, int(rate)))


def find(connection: Connection, site: str, number: int) -> Row | None:
    """The subscription of this number; None when there is none any more."""
    return find_all(connection, site, [number]).get(number)


def find_all(connection: Connection, site: str, numbers: Sequence[int]) -> dict[int, Row]:
    """The subscriptions of these numbers that are there still."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM sender_subscription AS s JOIN lane ON lane.id = s.lane"
        f" WHERE s.id IN ({places(numbers)}) AND s.site = ? AND s.removed IS NULL",
        (*numbers, site),
    ).fetchall()
    return {row[0]: _as_row(row) for row in rows}


def known(connection: Connection, site: str, number: int) -> Row:
    """Like :func:`find`, but raises ConfigurationError when there is none."""
    row = find(connection, site, number)
    if row is None:
        raise ConfigurationError(f"There is no subscription {number}.")
    return row


def hold(connection: Connection, numbers: Collection[int]) -> None:
    """Let nobody else change these subscriptions until the transaction ends."""
    connection.execute(
        f"SELECT id FROM sender_subscription WHERE id IN ({places(numbers)}) ORDER BY id /*pg FOR UPDATE*/", tuple(numbers)
    ).fetchall()


def held(connection: Connection, site: str, number: int) -> Row:
    """Like :func:`known`, of one that is about to be changed."""
    hold(connection, [number])
    return known(connection, site, number)


def read_all(connection: Connection, site: str) -> list[Row]:
    """All subscriptions, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM sender_subscription AS s JOIN lane ON lane.id = s.lane"
        " WHERE s.site = ? AND s.removed IS NULL ORDER BY s.id",
        (site,),
    )
    return [_as_row(row) for row in rows]


@lru_cache(maxsize=_MOST_KEPT)
def _as_row(row: tuple[object, ...]) -> Row:
    number, lane, name, description, url, method, secrets, events, waits, concurrency, rate, timeout, *rest = row
    ordered, standard, failures, since, trips, open_until, paused = rest
    stored = _decode_secrets(secrets)  # type: ignore[arg-type]
    subscription = Subscription(
        id=number,  # type: ignore[arg-type]
        name=name,  # type: ignore[arg-type]
        description=description,  # type: ignore[arg-type]
        url=url,  # type: ignore[arg-type]
        method=method,  # type: ignore[arg-type]
        secrets=tuple(one.secret() for one in stored),
        events=_decode_texts(events),  # type: ignore[arg-type]
        schedule=Schedule(_decode_waits(waits)),  # type: ignore[arg-type]
        concurrency=concurrency,  # type: ignore[arg-type]
        rate=rate,  # type: ignore[arg-type]
        timeout=timeout,  # type: ignore[arg-type]
        ordered=bool(ordered),
        standard=bool(standard),
        disabled=paused,  # type: ignore[arg-type]
    )
    return Row(subscription, lane, stored, Breaker(failures, since, trips, open_until))  # type: ignore[arg-type]


def save(connection: Connection, queue: Queue, subscription: Subscription, stored: tuple[StoredSecret, ...]) -> int:
    """Write a subscription down, a new one (``id`` 0) or over an older one. Returns its number."""
    number = subscription.id
    if not number:
        number = connection.execute(
            "INSERT INTO sender_subscription (site, lane, name, description, url, method, secrets, events, waits,"
            " concurrency, timeout, ordered, standard) VALUES (?, 0, '', '', '', '', '', '', '', 1, 1, 0, 0) RETURNING id",
            (queue.site,),
        ).fetchone()[0]
        lane = queue.lane(connection, str(number))
        connection.execute("UPDATE sender_subscription SET lane = ? WHERE id = ?", (lane, number))
    columns = {
        "name": subscription.name,
        "description": subscription.description,
        "url": subscription.url,
        "method": subscription.method,
        "secrets": msgspec.json.encode(stored).decode(),
        "events": msgspec.json.encode(subscription.events).decode(),
        "waits": msgspec.json.encode(subscription.schedule.waits).decode(),
        "concurrency": subscription.concurrency,
        "rate": subscription.rate,
        "timeout": subscription.timeout,
        "ordered": int(subscription.ordered),
        "standard": int(subscription.standard),
    }
    connection.execute(
        f"UPDATE sender_subscription SET {', '.join(f'{column} = ?' for column in columns)} WHERE id = ?",
        (*columns.values(), number),
    )
    want(connection, queue.site, number, subscription.patterns)
    set_width(connection, queue, number)
    return int(number)


def set_width(connection: Connection, queue: Queue, number: int) -> None:
    """Let the lane of a subscription be as wide as its settings and its breaker say."""
    row = find(connection, queue.site, number)
    if row is not None:
        queue.lane(connection, str(number), width=row.width)


def remove(connection: Connection, site: str, number: int) -> None:
    """Let a subscription want nothing, and be found no more. What was sent to it stays in the log."""
    want(connection, site, number, ())
    connection.execute("UPDATE sender_subscription SET removed = 1, secrets = '[]' WHERE id = ?", (number,))
