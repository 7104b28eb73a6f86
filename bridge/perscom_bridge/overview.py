"""What the operator sees: the newest events with what became of them, read from the database and rendered anew."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from perscom_adapters import Receipt, render
from perscom_receiver import Event, Health, MalformedEvent, SQLiteInbox
from perscom_receiver.queue import Connection, State

from .posting import Known

__all__ = ["EventRow", "LaneRow", "Overview", "read_overview"]

LARGEST_SHOWN = 256 * 1024
"""Bytes of a body that is read for its title. PERSCOM's have a few thousand."""

_WORDS = {State.WAITING: "waiting", State.LEASED: "sending", State.DONE: "sent", State.DEAD: "given up"}


class TaskRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one event at one destination. ``error`` is why it is not sent, or not as it should be."""

    destination: str
    state: str
    attempts: int
    error: str | None


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One stored event. ``title`` is that of its message, None when there is nothing to say or the body is gone."""

    row: int
    name: str
    received: datetime
    title: str | None
    tasks: tuple[TaskRow, ...]


class LaneRow(msgspec.Struct, frozen=True, kw_only=True):
    """One destination. ``paused`` is why it is switched off, None while it is on; ``moved`` is the number that its chat has
    now, where that is not the one in the configuration."""

    name: str
    waiting: int
    paused: str | None
    moved: str | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Events newest first; lanes by name."""

    health: Health
    events: tuple[EventRow, ...]
    lanes: tuple[LaneRow, ...]


def read_overview(inbox: SQLiteInbox, n: int = 50, known: Known | None = None) -> Overview:
    """The newest ``n`` events, with the names that ``known`` has in memory, and all destinations. Blocks for a query or two."""
    events, lanes = inbox.database.read(
        lambda connection: (_events(connection, inbox.site, n, known), _lanes(connection, inbox))
    )
    return Overview(health=inbox.health(), events=tuple(events), lanes=tuple(lanes))


def _events(connection: Connection, site: str, n: int, known: Known | None) -> list[EventRow]:
    rows = connection.execute(
        "SELECT id, name, received, CASE WHEN length(body) > ? THEN '' ELSE body END FROM event WHERE site = ?"
        " ORDER BY id DESC LIMIT ?",
        (LARGEST_SHOWN, site, n),
    ).fetchall()
    return [
        EventRow(
            row=row,
            name=name,
            received=datetime.fromtimestamp(received, UTC),
            title=_title(body, known),
            tasks=_tasks(connection, row),
        )
        for row, name, received, body in rows
    ]


def _tasks(connection: Connection, event: int) -> tuple[TaskRow, ...]:
    rows = connection.execute(
        "SELECT lane.name, task.state, task.attempt, task.error, task.receipt FROM task JOIN lane ON lane.id = task.lane"
        " WHERE task.event = ? ORDER BY lane.name",
        (event,),
    )
    return tuple(_task(*row) for row in rows)


def _task(destination: str, state: int, attempts: int, error: str | None, receipt: str | None) -> TaskRow:
    told = _WORDS[State(state)]
    if receipt is not None and _receipt(receipt).refused is not None:
        told = "sent as plain text"
    return TaskRow(destination=destination, state=told, attempts=attempts, error=error)


def _receipt(stored: str) -> Receipt:
    try:
        return msgspec.json.decode(stored, type=Receipt)
    except msgspec.DecodeError:  # of another version
        return Receipt(platform="")


def _title(body: bytes | None, known: Known | None) -> str | None:
    if body is None:
        return None
    if not body:
        return "(too large to be shown here)"
    try:
        event = Event.parse(body)
    except MalformedEvent:
        return "(what is stored here cannot be read)"
    message = render(event, None if known is None else known.known([event]))
    return None if message is None else message.title


def _lanes(connection: Connection, inbox: SQLiteInbox) -> list[LaneRow]:
    waiting = dict(inbox.queue.backlog(connection))
    rows = connection.execute(
        "SELECT name, paused FROM lane WHERE site = ? AND queue = ? ORDER BY name", (inbox.site, inbox.queue.name)
    ).fetchall()
    return [
        LaneRow(name=name, waiting=waiting.get(name, 0), paused=paused, moved=_moved(connection, inbox, name))
        for name, paused in rows
    ]


def _moved(connection: Connection, inbox: SQLiteInbox, lane: str) -> str | None:
    newest = [_receipt(stored) for stored in inbox.queue.receipts(connection, lane, 1)]
    return newest[0].channel_id if newest and newest[0].moved_from is not None else None
