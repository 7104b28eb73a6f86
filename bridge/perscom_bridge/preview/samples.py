"""Samples for a preview: of a word, of all deliveries of one action, of a night, and of what comes later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from perscom_adapters import WORDS
from perscom_receiver import EVENT_NAMES, Event
from perscom_receiver.testing import make_event

__all__ = ["LATER", "later", "long", "night", "sample_of", "whole"]

LATER: Final = {"edited": "updated", "deleted": "deleted"}
"""What may become of a thing, and the action of the event that tells."""

_RANK_TYPES: Final = {"demotion": 1, "lateral": 2, "transfer": 3}
"""What makes another word of the sample of a promotion: the ``type`` of its rank record."""
_LATER_BY: Final = timedelta(hours=1)
_TEXTS: Final = ("text", "description", "message")
"""The columns in which people write at length."""
_PARAGRAPH: Final = (
    "<p>For outstanding service as platoon sergeant of 1st Platoon. He led his squads through the valley by night, brought"
    " every one of them back, and wrote the report that all others are measured by since. </p>"
)
_PROFILE: Final[tuple[tuple[str, int], ...]] = (
    ("position_id", 22),
    ("specialty_id", 6),
    ("unit_id", 16),
    ("status_id", 3),
    ("unit_slot_id", 4),
)
"""The columns that an assignment sets, one after the other, with the values of its sample."""
_NIGHT: Final = (
    ("rankrecord.created", 41, "PFC Lena Brandt"),
    ("rankrecord.created", 42, "Spc Tomasz Nowak"),
    ("awardrecord.created", 43, "Sgt Amir Reyes"),
    ("qualificationrecord.created", 42, "Spc Tomasz Nowak"),
    ("assignmentrecord.created", 44, "Pvt Dale Roux"),
    ("event.updated", None, None),
)
"""What happens in a night, and to whom."""


def sample_of(word: str) -> Event | None:
    """A sample of a word or of a name that PERSCOM uses; None for what is neither."""
    if word in WORDS:
        return make_event(WORDS[word].events[0], **({"type": _RANK_TYPES[word]} if word in _RANK_TYPES else {}))
    return make_event(word) if word in EVENT_NAMES else None


def long(event: Event) -> Event:
    """The sample ``event`` with a text of which only the beginning is shown, or with more answers than one message takes."""
    data = event.data if isinstance(event.data, dict) else {}
    columns = [f"question_{number}" for number in range(1, 31)] if event.resource == "submission" else _TEXTS
    changed = {column: _PARAGRAPH * 30 for column in columns if column in data or event.resource == "submission"}
    return make_event(
        event.name, created=event.created, request_id=event.request_id, data={**data, **changed}, changes=event.changes
    )


def whole(event: Event) -> tuple[Event, ...]:
    """All that PERSCOM sends for the action that the sample ``event`` is of: what a record changes in a profile comes first."""
    if event.name == "rankrecord.created":
        return (_before(event, 5, "user.updated"), event)
    if event.name == "assignmentrecord.created":
        user = event.data.get("user") if isinstance(event.data, dict) else None
        profiles = (
            _before(event, 10 * place, "user.updated", data={**(user or {}), column: value}, changes={column: value})
            for place, (column, value) in zip(range(len(_PROFILE), 0, -1), _PROFILE, strict=True)
        )
        return (*profiles, event)
    return (event,)


def night() -> Iterator[Event]:
    """Samples of a night, of several members, oldest first."""
    end = datetime.now(UTC)
    for place, (name, number, member) in zip(range(len(_NIGHT), 0, -1), _NIGHT, strict=True):
        about = (
            {} if number is None else {"id": 9000 + place, "user_id": number, "user": {"id": number, "display_name": member}}
        )
        yield make_event(name, created=end - timedelta(minutes=47 * place), **about)


def later(thing: Event, action: str, after: datetime) -> Event | None:
    """What tells, an hour ``after``, that the thing of a sample was ``updated`` or ``deleted``; None if nothing does."""
    name = f"{thing.resource}.{action}"
    if name not in EVENT_NAMES:
        return None
    data = thing.data if isinstance(thing.data, dict) else {}
    columns = ("id", "user_id", "user", *(("type",) if thing.resource == "rankrecord" else ()))
    return make_event(name, created=after + _LATER_BY, **{column: data[column] for column in columns if column in data})


def _before(event: Event, milliseconds: int, name: str, **content: object) -> Event:
    """A sample of the same action, so long before ``event``."""
    created = event.created - timedelta(milliseconds=milliseconds)
    return make_event(name, created=created, request_id=event.request_id, **content)
