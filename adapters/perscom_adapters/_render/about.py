"""Whom or what an event is about, and which events one action made."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from perscom_adapters._read import mapping, whole
from perscom_adapters._words import word_of
from perscom_receiver import Event

__all__ = ["GROUP_WINDOW", "RECORDS", "group_key", "subject", "thing"]

GROUP_WINDOW: Final = timedelta(seconds=10)
"""How long after the ``created`` of its first member the ``created`` of another may lie. What comes later is an action of its
own: a long-running job of PERSCOM has one ``request_id`` for all that it ever does."""

RECORDS: Final = frozenset(
    ("assignmentrecord", "awardrecord", "combatrecord", "qualificationrecord", "rankrecord", "servicerecord")
)

_LONGEST_REQUEST = 100
_IDS = range(1, 2**63)


def group_key(event: Event) -> str | None:
    """What the events of one action about one member or thing have in common; None for an event that never groups.

    Events belong to one group when they are for the same destination, have the same key, and were created within
    :data:`GROUP_WINDOW` of the first of them. The key holds the ``request_id`` and whom or what the event is about: a record is
    about its member (``user_id``), and so is the event of a user (``id``); a calendar, an event, a message and a submission are
    about themselves (``id``). So a promotion meets the change of the profile that goes with it, an event its update, and an
    automation's own payload the plain webhook, if its template brings that id along (``"user_id": "{{ model.user_id }}"``).

    Never grouped: PERSCOM's test, a name that PERSCOM does not have today, an event without ``request_id``, and one that does
    not say whom or what it is about. The key is printable ASCII of at most 150 characters.
    """
    request, about = event.request_id, subject(event)
    if request is None or about is None:
        return None
    # PERSCOM's are UUIDs. Whatever else signs events must not put anything it likes into a column of a database.
    if not (0 < len(request) <= _LONGEST_REQUEST and request.isascii() and request.isprintable()):
        return None
    return f"{request} {about}"


def subject(event: Event) -> str | None:
    """``user 2153``: the member whom an event is about, or the thing; None when it does not say, and for a test."""
    if word_of(event) in (None, "test"):
        return None
    return _named("user", event, "user_id") if event.resource in RECORDS else thing(event)


def thing(event: Event) -> str | None:
    """``rankrecord 47795``: the row of PERSCOM's database that an event is about."""
    return _named(event.resource, event, "id")


def _named(kind: str, event: Event, column: str) -> str | None:
    key = whole(mapping(event.data).get(column))
    return None if key is None or key not in _IDS else f"{kind} {key}"
