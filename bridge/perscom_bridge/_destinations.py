"""The tables [destinations.NAME] of bridge.toml."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ._discord_address import COPY_IT, discord_mistake
from ._events import event_mistake, public_events
from ._keys import DESTINATION, LATER_DESTINATION, LATER_TYPES, TYPES
from ._problems import did_you_mean
from ._site import check_language
from ._table import Table, dotted
from .config import DestinationConfig, HiddenUrl

__all__ = ["read_destinations"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_THREAD_ID = re.compile(r"[0-9]{15,20}")  # Discord's snowflakes


def read_destinations(tables: Table) -> tuple[DestinationConfig, ...]:
    """All destinations that can be used, in the order of the file."""
    if not tables.values:
        tables.document.wrong(
            tables.path,
            "There is no destination, so nobody would see anything. Add [destinations.announcements] with type and url.",
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
    if not _type_works_now(table):
        return None
    table.check_keys(DESTINATION, later=LATER_DESTINATION)
    check_language(table)
    url = _url(table)
    events = _events(table)
    thread = _thread(table)
    unclear = table.choice("unclear", ("repeat", "drop"))
    if url is None:
        return None
    return DestinationConfig(
        name=name,
        type="discord",
        url=url,
        events=events,
        thread=thread,
        unclear="drop" if unclear == "drop" else "repeat",
    )


def _type_works_now(table: Table) -> bool:
    """False when the rest of the table is of a platform that only a later version knows, and cannot be judged."""
    kind = table.text("type")
    if kind in LATER_TYPES:
        table.wrong("type", f"{kind.title()} comes with a later version of perscom-bridge; take these lines out for now.")
        return False
    if "type" not in table:
        table.wrong("type", 'type is missing. Add the line: type = "discord"')
    elif kind is not None and kind not in TYPES:
        near = did_you_mean(kind, TYPES + LATER_TYPES)
        table.wrong("type", f'"{table.shown("type")}" is no type of destination.{near}      Known: {", ".join(TYPES)}')
    return True


def _url(table: Table) -> HiddenUrl | None:
    if "url" not in table:
        table.wrong("url", 'url is missing. Add the line: url = "${DISCORD_URL}", and its value to .env.\n' + COPY_IT)
    value = table.text("url")
    if value is None:
        return None
    if mistake := discord_mistake(value):
        table.wrong("url", f"{mistake}\n{COPY_IT}")
        return None
    return HiddenUrl(value)


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


def _thread(table: Table) -> str | None:
    value = table.text("thread")
    if value is not None and not _THREAD_ID.fullmatch(value):
        table.wrong(
            "thread",
            f'"{table.shown("thread")}" is no thread id, a number of 15 to 20 digits.\n'
            "Copy it in Discord (developer mode on): right-click the thread, Copy Thread ID.",
        )
        return None
    return value


def _refuse_repeat(table: Table, new: DestinationConfig, earlier: Iterable[DestinationConfig]) -> None:
    for old in earlier:
        if (_webhook(old), old.thread) == (_webhook(new), new.thread):
            where = dotted(("destinations", old.name, "url"))
            table.wrong(
                "url",
                f"This is the address of {where} as well: the channel would get events twice. Put the events of both into one.",
            )
            return


def _webhook(destination: DestinationConfig) -> list[str]:
    """Number and token: what two spellings of one address have in common."""
    return destination.url.value.rstrip("/").split("/")[-2:]
