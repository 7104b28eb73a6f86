"""One stored event, by the number that ``inbox list`` shows or by the beginning of its id, as logs do."""

from __future__ import annotations

import re
from typing import Final

from perscom_adapters import GROUP_WINDOW, group_key
from perscom_receiver import Event, MalformedEvent, SQLiteInbox
from perscom_receiver.queue import Connection

__all__ = ["is_number", "same_action", "stored_event"]

_MOST: Final = 500
"""Events of one request at most: those of a long-running job all have the same."""
_DIGITS: Final = 64
_SHORTEST: Final = 8
"""Hex digits of an id. Fewer could be a word."""

_is_row = re.compile("[0-9]{1,18}").fullmatch
_is_id = re.compile(f"[0-9a-f]{{{_SHORTEST},{_DIGITS}}}").fullmatch


def is_number(text: str) -> bool:
    """Whether ``text`` can mean a stored event."""
    return bool(_is_row(text) or _is_id(text))


def stored_event(inbox: SQLiteInbox, number: str) -> Event | None:
    """The event that ``number`` means; None when there is none, or its body is gone. Blocks for a query or two."""
    row = _body(inbox, "id = ?", int(number)) if _is_row(number) else None
    if row is None and _is_id(number):
        low, high = (bytes.fromhex(number.ljust(_DIGITS, fill)) for fill in "0f")
        row = _body(inbox, "digest BETWEEN ? AND ?", low, high)
    return None if row is None else _parsed(row)


def same_action(inbox: SQLiteInbox, event: Event) -> tuple[Event, ...]:
    """All stored events that one action made with the stored ``event``, itself among them, oldest first."""
    key = group_key(event)
    if key is None:
        return (event,)
    near = inbox.database.read(lambda connection: _near(connection, inbox.site, event.request_id))
    found = [one for one in map(_parsed, near) if one is not None and group_key(one) == key]
    return tuple(one for one in found if abs(one.created - event.created) <= GROUP_WINDOW) or (event,)


def _body(inbox: SQLiteInbox, condition: str, *values: object) -> bytes | None:
    statement = f"SELECT body FROM event WHERE site = ? AND body IS NOT NULL AND {condition} ORDER BY id DESC LIMIT 1"
    row = inbox.database.read(lambda connection: connection.execute(statement, (inbox.site, *values)).fetchone())
    return None if row is None else bytes(row[0])


def _near(connection: Connection, site: str, request: str | None) -> list[bytes]:
    rows = connection.execute(
        "SELECT body FROM event WHERE site = ? AND request_id = ? AND body IS NOT NULL ORDER BY id LIMIT ?",
        (site, request, _MOST),
    )
    return [bytes(row[0]) for row in rows.fetchall()]


def _parsed(body: bytes) -> Event | None:
    try:
        return Event.parse(body)
    except MalformedEvent:  # somebody wrote into the file, or the disk did
        return None
