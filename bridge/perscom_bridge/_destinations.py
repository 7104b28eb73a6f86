"""The tables [destinations.NAME] of bridge.toml."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal

from perscom_adapters import WORDS

from ._events import event_mistake, public_events
from ._keys import DESTINATION, FORWARD
from ._mentions import read_ping
from ._problems import did_you_mean
from ._site import read_language
from ._table import Table, dotted
from .conditions import read_condition
from .config import DestinationConfig
from .platforms import TYPES, Platform
from .quiet import Quiet, read_quiet
from .threads import BEGINNINGS

__all__ = ["read_destinations"]

_SECONDS = re.compile(r"([1-9][0-9]{0,3}) seconds?")
_USUAL_GROUP = 10.0
_LONGEST_GROUP = 600
_SHOWN = ("answers",)
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
    first, *others = FORWARD if platform.forwards else DESTINATION
    known = (first, *platform.keys, *others)
    table.check_keys(known, elsewhere=_keys_of_others(platform))
    language = read_language(table)
    place = platform.read(table)
    events = _events(table)
    when = read_condition(table, events)
    quiet = _quiet(table, platform)
    ping = read_ping(table)
    show = _show(table)
    long = table.choice("long", ("cut", "follow-up"))
    threads = None if platform.forwards else _threads(table, platform, events)
    unclear = table.choice("unclear", ("repeat", "drop"))
    if place is None:
        return None
    return DestinationConfig(
        name=name,
        place=place,
        events=events,
        language=language,
        unclear="drop" if unclear == "drop" else "repeat",
        when=when,
        group=_group(table),
        quiet=quiet,
        ping=ping,
        show=show,
        long="follow-up" if long == "follow-up" else "cut",
        threads=threads,
    )


def _platform(table: Table) -> Platform | None:
    """The platform that ``type`` names."""
    kind = table.text("type")
    if "type" not in table:
        table.wrong("type", f'type is missing. Add the line: type = "discord"      Known: {", ".join(TYPES)}')
    elif kind is not None and kind not in TYPES:
        near = did_you_mean(kind, TYPES)
        table.wrong("type", f'"{table.shown("type")}" is no type of destination.{near}      Known: {", ".join(TYPES)}')
    return TYPES.get(kind) if kind is not None else None


def _keys_of_others(platform: Platform) -> dict[str, str]:
    """Where the keys belong that this platform has not."""
    others = {name: other for name, other in TYPES.items() if other is not platform}
    shown = dict.fromkeys(DESTINATION, "a destination that shows messages, and this one gets the events themselves")
    return (shown if platform.forwards else {}) | {
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


def _show(table: Table) -> tuple[str, ...]:
    found: list[str] = []
    for path, text in table.texts("show") or ():
        if text in _SHOWN:
            found.append(text)
        else:
            near = did_you_mean(text, _SHOWN)
            table.document.wrong(path, f"Nothing private is known by this name.{near}      Known: {', '.join(_SHOWN)}")
    return tuple(dict.fromkeys(found))


def _group(table: Table) -> float:
    text = table.text("group")
    if text is None:
        return _USUAL_GROUP
    found = _SECONDS.fullmatch(text)
    if text == "off":
        return 0.0
    if not found or int(found[1]) > _LONGEST_GROUP:
        table.wrong(
            "group",
            f'"{table.shown("group")}" is no time to wait for the rest of an action. Write from 1 to {_LONGEST_GROUP} seconds, '
            'so: "20 seconds", or "off".',
        )
        return _USUAL_GROUP
    return float(found[1])


def _threads(table: Table, platform: Platform, events: tuple[str, ...]) -> Literal["member"] | None:
    if table.choice("threads", ("member",)) is None:
        return None
    names = {name for word in BEGINNINGS for name in WORDS[word].events}
    if platform.threads is None:
        table.wrong("threads", f"{platform.name} has no threads here. Take this line out.")
    elif not any(text in BEGINNINGS or any(fnmatchcase(name, text) for name in names) for text in events):
        table.wrong(
            "threads",
            "A thread begins with a form that was sent in or with a new user, and neither comes here.\n"
            'Add "submission" or "joined" to events, or take this line out.',
        )
    else:
        platform.threads(table)
    return "member"


def _quiet(table: Table, platform: Platform) -> Quiet | None:
    text = table.text("quiet")
    how = table.choice("in_quiet", ("silent", "hold"))
    if "quiet" not in table and "in_quiet" in table:
        table.wrong("in_quiet", 'in_quiet says what happens in the quiet hours. Add them: quiet = "22:00-07:00"')
    if text is None:
        return None
    quiet = read_quiet(text, hold=how == "hold")
    if quiet is None:
        table.wrong("quiet", f'"{table.shown("quiet")}" are no quiet hours. Write when they begin and end: "22:00-07:00"')
    elif not platform.silent and how != "hold":
        table.wrong(
            "in_quiet" if "in_quiet" in table else "quiet",
            f'{platform.name} has no messages without a sound; its readers set quiet hours there. Write in_quiet = "hold".',
        )
    return quiet


def _refuse_repeat(table: Table, new: DestinationConfig, earlier: Iterable[DestinationConfig]) -> None:
    for old in earlier:
        if (old.place.platform, old.place.identity) == (new.place.platform, new.place.identity):
            where = dotted(("destinations", old.name, old.place.key))
            table.wrong(
                new.place.key,
                f"This is the same place as {where}: events would appear there twice. Put the events of both into one.",
            )
            return
