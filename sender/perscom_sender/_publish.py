"""Publishing: the body as PERSCOM writes it, and its rows: the event, and one delivery for each subscription that wants it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import msgspec

from perscom_receiver import ConfigurationError, Event, MalformedEvent, php_json
from perscom_receiver.queue import Connection, Queue

from ._patterns import Recipient, wanting
from ._tables import OUTBOX

__all__ = ["Draft", "Told", "decode_told", "draft", "fetch", "insert", "known", "post"]

LONGEST_NAME = 255
LONGEST_KEY = 255
LONGEST_ENTITY = 255
MOST_FETCHED = 200
"""Rows of an outbox that are taken in one transaction."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SCALARS = (str, int, float, bool, type(None))


class Told(msgspec.Struct, frozen=True):
    """What automations are told besides ``data`` and ``changes``. An empty one is None."""

    old: dict[str, Any] | None
    causer: dict[str, Any] | None


decode_told = msgspec.json.Decoder(Told).decode


class Draft(msgspec.Struct, frozen=True):
    """An event that is about to be published. ``created`` is in microseconds since 1970, and part of the body."""

    name: str
    created: int
    request_id: str | None
    entity: str | None
    data: bytes
    """The rest of the body behind ``created``, as JSON."""
    key: str | None
    told: bytes | None = None
    """What automations are told besides: a :class:`Told` as JSON. None: none follows it."""

    def body(self, created: int) -> bytes:
        """The envelope of PERSCOM, byte for byte as it writes one."""
        moment = _EPOCH + timedelta(microseconds=created)
        return (
            b'{"event":' + php_json(self.name) + b',"created":"' + f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}".encode() + b'"' + self.data
        )

    def mistake(self) -> str | None:
        """Why what it makes is no event; None when it is one."""
        try:
            Event.parse(self.body(self.created))
            if self.told is not None:
                decode_told(self.told)
        except MalformedEvent as error:
            return str(error)
        except (TypeError, ValueError, OverflowError):
            return "It was not written by publish_in."
        return None


def draft(
    name: str,
    data: object,
    changes: Mapping[str, object] | list[object] | None,
    request_id: str | None,
    trace_id: str | None,
    key: str | None,
    created: int,
    old: Mapping[str, object] | None = None,
    causer: Mapping[str, object] | None = None,
    entity: str | None = None,
) -> Draft:
    """The event as it will be sent. ``created`` is in microseconds since 1970; ``old`` and ``causer`` are for automations.

    ``entity`` is what it is about, by default what its data tell of that.

    Raises ValueError or TypeError for what PHP could not write as JSON either, and for what no receiver could read.
    """
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
        raise ConfigurationError(f'An event has a name of at most {LONGEST_NAME} characters, such as "order.paid".')
    if key is not None and (not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY):
        raise ConfigurationError(f"The key of an event is a text of at most {LONGEST_KEY} characters.")
    rest: dict[str, object] = {"request_id": request_id, "trace_id": trace_id}
    if not isinstance(data, _SCALARS):  # as PERSCOM: a scalar leaves out both
        rest |= {"data": data, "changes": changes}
    told = php_json({"old": old or None, "causer": causer or None}) if isinstance(data, Mapping) else None
    if entity is not None and (not isinstance(entity, str) or not 0 < len(entity) <= LONGEST_ENTITY):
        raise ConfigurationError(f"The entity of an event is a text of at most {LONGEST_ENTITY} characters.")
    event = Draft(name, created, request_id, entity or _entity(name, data), b"," + php_json(rest)[1:], key, told)
    if mistake := event.mistake():
        raise ValueError(f"No receiver could read this event. {mistake}")
    return event


def _entity(name: str, data: object) -> str | None:
    """The user whom it concerns, else the thing itself; None when it names neither."""
    if not isinstance(data, Mapping):
        return None
    resource = name.partition(".")[0]
    for kind, key in (("user", "user_id"), (resource, "id")):
        number = data.get(key)
        if isinstance(number, int | str) and not isinstance(number, bool) and len(told := f"{kind}/{number}") <= LONGEST_ENTITY:
            return told
    return None


def insert(connection: Connection, queue: Queue, event: Draft, now: float, recipients: list[Recipient] | None = None) -> int:
    """Store an event with its deliveries, in the transaction of ``connection``. Returns its number.

    For a known key it is that of the old one. ``recipients`` are those who get it; None: the subscriptions that want
    it, and automations follow it. ``now`` is in seconds since 1970.
    """
    old = known(connection, queue.site, event.key)
    if old is not None:
        return old
    number = _insert_event(connection, queue.site, event, now)
    if event.key is not None:
        kept = connection.execute(
            "INSERT INTO sender_key (site, key, event, published) VALUES (?, ?, ?, ?) ON CONFLICT (site, key) DO NOTHING",
            (queue.site, event.key, number, now),
        )
        if not kept.rowcount:  # somebody else has published it at this very moment
            connection.execute("DELETE FROM event WHERE id = ?", (number,))
            return insert(connection, queue, event, now, recipients)
    for one in wanting(connection, queue.site, event.name) if recipients is None else recipients:
        queue.enqueue(connection, one.lane, number, due=now, chain=event.entity if one.ordered else None)
    if recipients is None and event.told is not None:
        connection.execute(
            "INSERT INTO sender_run (site, automation, event, entity, at, told) SELECT site, id, ?, ?, ?, ?"
            " FROM sender_automation WHERE site = ? AND trigger = ? AND enabled = 1 ORDER BY priority DESC, id",
            (number, event.entity, now, event.told, queue.site, event.name),
        )
    return number


def known(connection: Connection, site: str, key: str | None) -> int | None:
    """The number of the event that was published with ``key``; None when there is none."""
    if key is None:
        return None
    row = connection.execute("SELECT event FROM sender_key WHERE site = ? AND key = ?", (site, key)).fetchone()
    return None if row is None else int(row[0])


def _insert_event(connection: Connection, site: str, event: Draft, now: float) -> int:
    created = event.created
    while True:
        body = event.body(created)
        row = connection.execute(
            "INSERT INTO event (site, created, digest, endpoint, name, request_id, received, body)"
            " VALUES (?, ?, ?, '', ?, ?, ?, ?) ON CONFLICT (site, created, digest) DO NOTHING RETURNING id",
            (site, created, sha256(body).digest(), event.name, event.request_id, now, body),
        ).fetchone()
        if row is not None:
            return int(row[0])
        created += 1  # the very same in the same microsecond: two events all the same


def post(connection: Connection, site: str, event: Draft) -> str:
    """Leave an event in the outbox of a database that may be anybody's, in its own transaction. Returns its key."""
    key = event.key or f"outbox/{uuid4().hex}"
    connection.execute(OUTBOX)
    connection.execute(
        "INSERT INTO perscom_outbox (site, key, name, created, request_id, entity, body, told) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (site, key, event.name, event.created, event.request_id, event.entity, event.data, event.told),
    )
    return key


def fetch(connection: Connection, site: str) -> list[tuple[int, Draft]]:
    """Some of what lies in an outbox, oldest first, with the numbers of its rows."""
    rows = connection.execute(
        "SELECT id, name, created, request_id, entity, CAST(body AS BLOB), key, CAST(told AS BLOB) FROM perscom_outbox"
        " WHERE site = ? ORDER BY id LIMIT ? /*pg FOR UPDATE*/",
        (site, MOST_FETCHED),
    )
    return [(number, Draft(*rest)) for number, *rest in rows]
