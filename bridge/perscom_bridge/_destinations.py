"""The tables [destinations.NAME] of bridge.toml."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ._events import event_mistake, public_events
from ._keys import DESTINATION, LATER_DESTINATION
from ._problems import did_you_mean
from ._site import check_language
from ._table import Table, dotted
from .config import DestinationConfig
from .platforms import PLATFORMS, Platform

__all__ = ["read_destinations"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def read_destinations(tables: Table) -> tuple[DestinationConfig, ...]:
    """All destinations that can be used, in the order of the file."""
    if not tables.values:
        tables.document.wrong(
            tables.path,
            "There is no destination, so nobody would see anything. Add [destinations.announcements] with type and address.",
        )
    found: list[DestinationConfig] = []
    for name, values in tables.values.items():
        if not isinstance(values, dict):
            tables.wrong(name, "A destination has a name of its own. Write [destinations.announcements] above its keys.")
            continue
        table = Table(tables.document, (*tables.path, name), values)
        destination = _destination(table, name)
        if destination:
            _refuse_repeat(table, destination, found)
            found.append(destination)
    return tuple(found)


def _destination(table: Table, name: str) -> DestinationConfig | None:
    if not _NAME.fullmatch(name):
        table.document.wrong(table.path, 'A destination is named with at most 64 letters from a to z, digits, "-" and "_".')
    platform = _platform(table)
    if platform is None:
        return None
    known = (*DESTINATION[:1], *platform.keys, *DESTINATION[1:])
    table.check_keys(known, later=LATER_DESTINATION, elsewhere=_keys_of_others(platform))
    check_language(table)
    place = platform.read(table)
    events = _events(table)
    unclear = table.choice("unclear", ("repeat", "drop"))
    if place is None:
        return None
    return DestinationConfig(name=name, place=place, events=events, unclear="drop" if unclear == "drop" else "repeat")


def _platform(table: Table) -> Platform | None:
    """The platform that ``type`` names."""
    kind = table.text("type")
    if "type" not in table:
        table.wrong("type", f'type is missing. Add the line: type = "discord"      Known: {", ".join(PLATFORMS)}')
    elif kind is not None and kind not in PLATFORMS:
        near = did_you_mean(kind, PLATFORMS)
        table.wrong("type", f'"{table.shown("type")}" is no type of destination.{near}      Known: {", ".join(PLATFORMS)}')
    return PLATFORMS.get(kind) if kind is not None else None


def _keys_of_others(platform: Platform) -> dict[str, str]:
    """Where the keys belong that this platform has not."""
    others = {name: other for name, other in PLATFORMS.items() if other is not platform}
    return {
        key: "a destination of type " + " or ".join(f'"{name}"' for name, one in others.items() if key in one.keys)
        for other in others.values()
        for key in other.keys
    }


def _events(table: Table) -> tuple[str, ...]:
    items = table.texts("events")
    if items is None:
        return public_events()
    for path, text in items:
        if mistake := event_mistake(text):
            table.document.wrong(path, mistake)
    if not items:
        table.note("events", "is empty: nothing but tests and trouble comes here.")
    return tuple(text for _, text in items)


def _refuse_repeat(table: Table, new: DestinationConfig, earlier: Iterable[DestinationConfig]) -> None:
    for old in earlier:
        if (old.place.platform, old.place.identity) == (new.place.platform, new.place.identity):
            where = dotted(("destinations", old.name, old.place.key))
            table.wrong(
                new.place.key,
                f"This is the same place as {where}: events would appear there twice. Put the events of both into one.",
            )
            return
