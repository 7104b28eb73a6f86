"""How an event gets into the store, from whichever side it comes: once."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from ._event import EVENT_NAMES, Event
from ._hidden import storable
from ._write import Connection

__all__ = ["STALE", "insertion", "seconds_left"]

STALE = "The event is older than this inbox remembers, so it may be a replay."
COMMIT_WITHIN = 2.0
"""Seconds a caller waits for the commit. PERSCOM waits 3 s in all and tries again after a 503; a late commit is fine then."""
ANSWER_WITHIN = 2.3
"""The same together with a wait for the stream in front that was in vain."""
BESIDE_BODY = 1024
"""Bytes of memory that an event takes beside its body while it waits for the disk."""
# One statement for what nearly always happens: each statement costs a change of the thread that holds the interpreter.
_INSERT = (
    "INSERT INTO event (site, created, digest, endpoint, name, request_id, secret_name, received, body, old_secret,"
    " unknown_name, unplanned) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1"
    " WHERE NOT EXISTS (SELECT 1 FROM floor WHERE site = ? AND created > ?) ON CONFLICT (site, created, digest) DO NOTHING"
)
_IS_KEPT = "SELECT 1 FROM event WHERE site = ? AND created = ? AND digest = ?"
_KNOWN_NAMES = frozenset(EVENT_NAMES)


def insertion(site: str, event: Event, *, endpoint: str, received: float) -> tuple[Callable[[Connection], bool | None], int]:
    """What stores ``event`` without its hidden columns, and the bytes of memory that this takes until it is done.

    It returns whether the event is new, and None for one that is stale. ``received`` is in seconds since 1970.
    """
    digest, created, body = bytes.fromhex(event.id), event.created_us, storable(event.body)
    old_secret, unknown_name = 1 if event.old_secret else None, None if event.name in _KNOWN_NAMES else 1
    values = (
        site, created, digest, endpoint, event.name, event.request_id, event.secret_name, received, body,
        old_secret, unknown_name, site, created,
    )  # fmt: skip

    def insert(connection: Connection) -> bool | None:
        if connection.execute(_INSERT, values).rowcount == 1:
            return True
        # No error: it would have the whole batch run again, and anybody who has one old request could send it all day.
        return None if connection.execute(_IS_KEPT, (site, created, digest)).fetchone() is None else False

    return insert, len(body) + BESIDE_BODY


def seconds_left(began: float) -> float:
    """Seconds that a caller who ``began`` then, by the monotonic clock, waits for the commit."""
    return min(COMMIT_WITHIN, ANSWER_WITHIN - (monotonic() - began))
