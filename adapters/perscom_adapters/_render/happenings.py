"""Many deliveries, few happenings: what was told in pieces becomes the events that one delivery each would have told."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from perscom_adapters._read import mapping, whole
from perscom_receiver import Event

from .about import group_key, subject, thing

__all__ = ["Happening", "happenings"]

# What a record does to the member's profile. PERSCOM saves the member once for each of these columns.
_DONE_TO_MEMBER: Final[Mapping[str, tuple[str, ...]]] = {
    "rankrecord": ("rank_id",),
    "assignmentrecord": ("unit_id", "position_id", "specialty_id", "status_id"),
}
_NOT_SAID_OF_NEW_MEMBER = "approved"


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was made, changed or deleted."""

    event: Event
    names: frozenset[str]
    """The event names of the deliveries that it was told in."""
    keys: frozenset[str]
    """Their group keys."""
    gone: bool = False
    """It was made and deleted, and nobody heard of it."""


def happenings(rows: Sequence[Event], texts: Sequence[Event], told: Collection[str]) -> list[Happening]:
    """What happened, out of ``rows``, deliveries of resources in the order of their creation.

    What was made and changed is made, as it is now; several changes are one; what was deleted is deleted. Of a member's profile
    only that is left which no record says: neither one of ``rows`` nor one of ``texts``, which are automations' own texts about
    records. ``told`` are the ids of those deliveries that readers know already.
    """
    things: dict[str, list[Event]] = {}
    for row in rows:
        things.setdefault(thing(row) or row.id, []).append(row)
    found = [happening for members in things.values() for happening in _of_one(members, told)]
    standing = (members for members in things.values() if all(row.action != "deleted" for row in members))
    records = _by_member(row for members in standing for row in members)  # also as they were before they were changed
    wordings = _by_member(texts)
    return [_unsaid(one, records, wordings) if one.event.name == "user.updated" else one for one in found]


def _of_one(members: list[Event], told: Collection[str]) -> list[Happening]:
    """The happening of one thing; of a new member's also what a message about somebody new does not say."""
    actions = {event.action: event for event in reversed(members)}  # the first of each
    names, keys = frozenset(event.name for event in members), frozenset(filter(None, map(group_key, members)))
    if members[0].resource == "message" and len(members) > 1 and any(map(_has_recipients, members)):
        return []  # it is, or was, between people: nobody can tell what of it everyone may read
    data: dict[str, object] = {}
    changes: dict[str, object] = {}
    for event in members:
        data |= mapping(event.data)
        changes |= event.changes if event.action == "updated" else {}
    heard = {event.action for event in members if event.id in told}
    was_told = bool(heard) and not heard >= {"created", "deleted"}

    def happening(event: Event, changes: Mapping[str, object], *, gone: bool = False) -> Happening:
        whole_story = event if len(members) == 1 else _written(event, _without_leftovers(data), changes)
        return Happening(event=whole_story, names=names, keys=keys, gone=gone)

    if "deleted" in actions:
        return [happening(actions["deleted"], {}, gone="created" in actions and not was_told)]
    if "created" not in actions:
        return [happening(members[-1], changes)]
    made = [happening(actions["created"], {})]
    if _NOT_SAID_OF_NEW_MEMBER in changes and members[0].resource == "user":
        changes = {_NOT_SAID_OF_NEW_MEMBER: changes[_NOT_SAID_OF_NEW_MEMBER]}
        made.append(happening(actions["updated"], changes))
    return made


def _by_member(events: Iterable[Event]) -> dict[str | None, list[Event]]:
    """Those that do something to the profile of a member."""
    found: dict[str | None, list[Event]] = {}
    for event in events:
        if event.resource in _DONE_TO_MEMBER:
            found.setdefault(subject(event), []).append(event)
    found.pop(None, None)
    return found


def _unsaid(
    profile: Happening, records: Mapping[str | None, list[Event]], texts: Mapping[str | None, list[Event]]
) -> Happening:
    """A changed profile without the columns whose new value a record of the member has or had; a text is taken to tell it."""
    changes, member = profile.event.changes, subject(profile.event)
    said = {
        column
        for told, in_own_words in ((records, False), (texts, True))
        for record in told.get(member, ())
        for column in _DONE_TO_MEMBER[record.resource]
        if column in changes and _says(record, column, changes[column], in_own_words=in_own_words)
    }
    if not said:
        return profile
    rest = {column: new for column, new in changes.items() if column not in said}
    return msgspec.structs.replace(profile, event=_written(profile.event, mapping(profile.event.data), rest))


def _says(record: Event, column: str, new: object, *, in_own_words: bool) -> bool:
    row = mapping(record.data)
    if column not in row:
        return in_own_words or new is None
    return row[column] == new or (whole(new) is not None and whole(row[column]) == whole(new))


def _has_recipients(event: Event) -> bool:
    return any(row.get("recipients") is not None for row in (mapping(event.data), event.changes))


def _without_leftovers(data: Mapping[str, object]) -> dict[str, object]:
    """``data`` without relations that were loaded before the key beside them changed."""
    return {
        name: value
        for name, value in data.items()
        if not isinstance(value, dict)
        or f"{name}_id" not in data
        or whole(value.get("id")) in (None, whole(data[f"{name}_id"]))
    }


def _written(event: Event, data: Mapping[str, object], changes: Mapping[str, object]) -> Event:
    """``event`` with other contents."""
    envelope: dict[str, object] = {
        "event": event.name,
        "created": event.created.isoformat(),
        "request_id": event.request_id,
        "trace_id": event.trace_id,
        "data": data,
        "changes": changes or [],
    }
    return Event.parse(json.dumps(envelope).encode())
