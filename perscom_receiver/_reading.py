"""From ``data`` to a resource: as much as can be read, and a sentence for each member that cannot.

The types of a struct's members say how to read them. What PERSCOM means by an odd spelling is taken for that: columns keep what
they were set to (text for a number, a number for text), templates make text of everything and ``""`` of null, PHP writes ``[]``
for an empty object and an object for a list with gaps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from html import unescape
from types import NoneType
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from ._event import Event
from ._hidden import clean
from ._resources import (
    AssignmentRecord,
    AwardRecord,
    Calendar,
    CalendarEvent,
    CombatRecord,
    PerscomMessage,
    QualificationRecord,
    RankRecord,
    Record,
    Row,
    ServiceRecord,
    Submission,
    User,
)

__all__ = ["Reading", "read"]

_T = TypeVar("_T")
_Kind = TypeVar("_Kind", bound=Row)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What an event is about, under the name of the property that shows it."""

    user: User | None = None
    record: Record | None = None
    calendar: Calendar | None = None
    calendar_event: CalendarEvent | None = None
    message: PerscomMessage | None = None
    submission: Submission | None = None
    template: dict[str, object] | list[object] | None = None
    problems: tuple[str, ...] = ()


_PLACES: Mapping[str, tuple[str, type[Row]]] = {
    "user": ("user", User),
    "assignmentrecord": ("record", AssignmentRecord),
    "awardrecord": ("record", AwardRecord),
    "combatrecord": ("record", CombatRecord),
    "qualificationrecord": ("record", QualificationRecord),
    "rankrecord": ("record", RankRecord),
    "servicerecord": ("record", ServiceRecord),
    "calendar": ("calendar", Calendar),
    "event": ("calendar_event", CalendarEvent),
    "message": ("message", PerscomMessage),
    "submission": ("submission", Submission),
}


def read(body: bytes) -> Reading:
    """Read the resource that the name of the event tells. Hidden columns are left out, at any depth.

    Raises MalformedEvent where :meth:`Event.parse` does, and nothing else.
    """
    event = Event.parse(body)  # one of our own, with ``data`` to be changed at will
    if event.resource not in _PLACES:
        return Reading()
    place, kind = _PLACES[event.resource]
    data: Any = event.data
    template = _is_template(event)
    if template:
        _decode_entities(data)
    clean(data)
    problems: list[str] = []
    found: Any = {place: _object(kind, data, "data", problems) or None}
    return Reading(template=data if template else None, problems=tuple(problems), **found)


def _is_template(event: Event) -> bool:
    """Whether an automation's template made ``data``: a resource has ``changes``, if only an empty list, and a number as id."""
    data, changes = event.data, event._envelope.changes
    if changes is UNSET or bytes(changes) != b"null":
        return False
    return isinstance(data, list) or (isinstance(data, dict) and type(data.get("id")) is not int)


def _decode_entities(data: Any) -> None:
    """Decode the HTML entities in every text, once and in place. A loop: Python lets functions call themselves less deep."""
    waiting = [data]
    while waiting:
        node = waiting.pop()
        for key, member in node.items() if isinstance(node, dict) else enumerate(node):
            if isinstance(member, str):
                node[key] = _decoded(member)
            elif isinstance(member, (dict, list)):
                waiting.append(member)


def _decoded(html: str) -> str:
    try:
        return unescape(html)
    except ValueError:  # a reference with more digits than Python turns into a number: PERSCOM writes none
        return html


class _Member(NamedTuple):
    kind: Any
    """One of the keys of _READERS, or a struct."""
    nullable: bool


@cache
def _members(kind: type[Row]) -> Mapping[str, _Member]:
    found = {}
    for name, hint in get_type_hints(kind).items():
        if name != "extra":
            types = set(get_args(hint)) - {UnsetType}
            (own,) = types - {NoneType}
            found[name] = _Member(own, NoneType in types)
    return found


def _object(kind: type[_Kind], value: object, where: str, problems: list[str]) -> _Kind | UnsetType:
    if value == []:
        value = {}
    if not isinstance(value, dict):
        problems.append(f"{where} is not an object.")
        return UNSET
    known = _members(kind)
    read: Any = {name: _member(known[name], sent, f"{where}.{name}", problems) for name, sent in value.items() if name in known}
    return kind(extra={name: sent for name, sent in value.items() if name not in known}, **read)


def _member(member: _Member, value: object, where: str, problems: list[str]) -> object:
    if member.nullable and (value is None or (value == "" and member.kind in (int, datetime))):
        return None
    if member.kind not in _READERS:
        return _object(member.kind, value, where, problems)
    reader, expected = _READERS[member.kind]
    if (found := reader(value)) is UNSET:
        problems.append(f"{where} is not {expected}.")
    return found


# A reader gives UNSET for what it cannot read.


def _text(value: object) -> str | UnsetType:
    match value:
        case str():
            return value
        case int() | float() if not isinstance(value, bool):
            return str(value)
        case _:
            return UNSET


_digits = re.compile("-?[0-9]{1,19}").fullmatch


def _whole(value: object) -> int | UnsetType:
    if isinstance(value, bool):
        return UNSET
    if (isinstance(value, str) and _digits(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else UNSET


def _flag(value: object) -> bool | UnsetType:
    if isinstance(value, bool):
        return value
    number = 0 if value == "" else _whole(value)
    return bool(number) if number in (0, 1) else UNSET


def _moment(value: object) -> datetime | UnsetType:
    if not isinstance(value, str):
        return UNSET
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return UNSET


def _several(read: Callable[[object], _T | UnsetType]) -> Callable[[object], tuple[_T, ...] | UnsetType]:
    def items(value: object) -> tuple[_T, ...] | UnsetType:
        if isinstance(value, dict) and all(map(_digits, value)):
            value = list(value.values())
        if not isinstance(value, list):
            return UNSET
        found = [member for member in map(read, value) if member is not UNSET]
        return tuple(found) if len(found) == len(value) else UNSET

    return items


_READERS: Mapping[object, tuple[Callable[[object], object], str]] = {
    str: (_text, "a text"),
    int: (_whole, "a whole number"),
    bool: (_flag, "true or false"),
    datetime: (_moment, "a date and time"),
    tuple[str, ...]: (_several(_text), "a list of texts"),
    tuple[int, ...]: (_several(_whole), "a list of whole numbers"),
}
