"""A stored event that waits to be planned, and what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ._errors import MalformedEvent
from ._event import Event, restored
from ._receipts import READ_AT_ONCE

__all__ = ["Pending", "as_pending", "readable_at_once"]

_IDS = range(1, 2**63)


class Pending(msgspec.Struct, frozen=True):
    """A stored event for which no tasks were made yet."""

    row: int
    event: Event | None
    """None: what is stored is no event; somebody wrote into the file, or the disk did."""
    entity: str | None
    """What the event is about, for example ``rankrecord/17``; None when it names no such thing."""
    received: float
    """Seconds since 1970."""


def as_pending(row: int, received: float, *stored: Any) -> Pending:
    """From a row of ``event``: id, received, and the columns that ``restored`` takes."""
    try:
        event = restored(*stored)
    except MalformedEvent:
        return Pending(row, None, None, received)
    return Pending(row, event, _entity(event), received)


def readable_at_once(rows: Iterable[tuple[int, int]]) -> list[int]:
    """The first of ``rows`` (numbers, with the bytes of a body) whose bodies may be read together, and one at least."""
    found, size = list[int](), 0
    for row, length in rows:
        size += length
        if found and size > READ_AT_ONCE:
            break
        found.append(row)
    return found


def _entity(event: Event) -> str | None:
    """The thing of PERSCOM that an event is about. Its ids are whole numbers; an id that is a text is an automation's own."""
    number = event.data.get("id") if isinstance(event.data, dict) and event.resource != "webhook" else None
    return f"{event.resource}/{number}" if type(number) is int and number in _IDS else None
