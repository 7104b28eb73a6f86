"""What an event teaches: names for ids, and what a member is now. Nothing else of a payload is looked at.

A person is known by ``display_name`` alone. What a form's guest or an automation's author typed teaches nothing, whatever key
it stands under.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from perscom_receiver import Event

from .standing import action_of

__all__ = ["KINDS", "STANDING", "Facts", "asked_by", "facts_of"]

STANDING: Final = ("rank", "unit", "position", "specialty", "status")
"""What a member has one of."""
KINDS: Final = ("user", *STANDING, "award", "qualification", "form", "calendar")
"""What has an id and a name."""

LONGEST_NAME: Final = 200
"""Characters of a name that are kept; no message shows more."""

_PEOPLE: Final = ("author", "user")  # the member last: should both be the same person, the member's object is the newer one
_RECORDS: Final = {
    "rankrecord": ("rank",),
    "awardrecord": ("award",),
    "qualificationrecord": ("qualification",),
    "assignmentrecord": ("unit", "position", "specialty", "status"),
    "combatrecord": (),
    "servicerecord": (),
}
"""What each record names besides people."""
_SETS: Final = {"rankrecord": ("rank",), "assignmentrecord": _RECORDS["assignmentrecord"]}
"""What a record of that kind changes in its member."""
_NOTHING: Final[Mapping[str, object]] = {}

Key = tuple[str, int]
"""A kind and an id."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What one event teaches. ``created`` is in microseconds since 1970."""

    created: int
    names: tuple[tuple[Key, str], ...] = ()
    standing: tuple[tuple[int, str, int | None, str | None], ...] = ()
    """Member, kind, id of the value, and the action, if it was that of this event that set it."""
    left: int | None = None
    """The member who was deleted."""


def facts_of(event: Event) -> Facts:
    """What ``event`` teaches, perhaps nothing. Never raises."""
    data = _row(event)
    names: dict[Key, str] = {}
    match event.resource:
        case "user":
            _learn_person(names, data)
            if event.action == "deleted":
                return _facts(event, names, left=id_of(data.get("id")))
            return _facts(event, names, tuple(_standing(event, data)))
        case record if record in _RECORDS:
            for kind in _RECORDS[record]:
                _learn(names, kind, data.get(kind), "name")
            for kind in _PEOPLE:
                _learn_person(names, data.get(kind))
            # Right after an insert the member's object is fresh. Later it may be left over from before a change.
            member = data.get("user") if event.action == "created" else None
            return _facts(event, names, tuple(_standing(event, member)))
        case "calendar":
            _learn(names, "calendar", data, "name")
        case "event":
            _learn_person(names, data.get("author"))
            _learn(names, "calendar", data.get("calendar"), "name")
        case "submission":
            form = data.get("form")  # or an answer of that name, which may be anything
            if isinstance(form, dict) and form.get("id") == data.get("form_id"):
                _learn(names, "form", form, "name")
    return _facts(event, names)


def asked_by(event: Event) -> Iterator[Key]:
    """The ids in ``event`` for which a message may need a name."""
    data = _row(event)
    match event.resource:
        case "user":
            yield from _ids(data, STANDING)
            if (key := id_of(data.get("id"))) is not None:
                yield "user", key
        case record if record in _RECORDS:
            yield from _ids(data, ("user", *_RECORDS[record]))
            if (key := id_of(data.get("author_id"))) is not None:
                yield "user", key
            if isinstance(member := data.get("user"), dict):
                yield from _ids(member, ("unit",))
        case "event":
            yield from _ids(data, ("calendar",))
            if (key := id_of(data.get("author_id"))) is not None:
                yield "user", key
        case "submission":
            yield from _ids(data, ("form", "user"))


def id_of(value: object) -> int | None:
    """The number if PERSCOM's database can have given it, else None."""
    return value if type(value) is int and 0 < value < 2**63 else None


def _row(event: Event) -> Mapping[str, object]:
    """``data`` where PERSCOM made it; nothing where a template of an automation did."""
    return event.data if isinstance(event.data, dict) and event.template is None else _NOTHING


def _facts(
    event: Event,
    names: Mapping[Key, str],
    standing: tuple[tuple[int, str, int | None, str | None], ...] = (),
    left: int | None = None,
) -> Facts:
    return Facts(created=event.created_us, names=tuple(names.items()), standing=standing, left=left)


def _learn(names: dict[Key, str], kind: str, row: object, column: str) -> None:
    if not isinstance(row, dict):
        return
    key, name = id_of(row.get("id")), row.get(column)
    if key is not None and isinstance(name, str):
        # The beginning of an endless name is enough; half a surrogate pair cannot be stored.
        shown = name[: 2 * LONGEST_NAME].strip()[:LONGEST_NAME].encode(errors="replace").decode()
        if shown:
            names[kind, key] = shown


def _learn_person(names: dict[Key, str], row: object) -> None:
    _learn(names, "user", row, "display_name")
    if isinstance(row, dict):
        for kind in STANDING:
            _learn(names, kind, row.get(kind), "name")


def _standing(event: Event, row: object) -> Iterator[tuple[int, str, int | None, str | None]]:
    """What a member is now, and whether this action made it so: an action saves a member once for each thing it changes, so
    the first of these events still shows the old unit beside the new position."""
    if not isinstance(row, dict) or (member := id_of(row.get("id"))) is None:
        return
    for kind in STANDING:
        column = f"{kind}_id"
        if column not in row:  # as in what is created: it says nothing
            continue
        value = id_of(row[column])
        if value is not None or row[column] is None:
            was_set = column in event.changes if event.resource == "user" else kind in _SETS.get(event.resource, ())
            yield member, kind, value, action_of(event) if was_set or event.name == "user.created" else None


def _ids(row: Mapping[str, object], kinds: tuple[str, ...]) -> Iterator[Key]:
    for kind in kinds:
        if (key := id_of(row.get(f"{kind}_id"))) is not None:
            yield kind, key
