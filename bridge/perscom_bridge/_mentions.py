"""The tables [mentions.discord], [mentions.slack] and [mentions.telegram] of bridge.toml, and ``ping`` of a destination."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from ._problems import did_you_mean
from ._table import Table
from .config import DestinationConfig
from .mentions import PINGED, Mentions, Pinged, unit_key
from .platforms import PLATFORMS, Platform

__all__ = ["MENTIONS", "check_pings", "read_mentions", "read_ping"]

MENTIONS: Final = ("members", "units")
_USER: Final = re.compile(r"[1-9][0-9]{0,17}")


def read_mentions(tables: Table) -> Mapping[str, Mentions]:
    """Who may be pinged, by the name of the platform."""
    able = {name: platform for name, platform in PLATFORMS.items() if platform.mention_mistake is not None}
    tables.check_keys(able)
    return {
        name: _mentions(tables.table(name, f"[mentions.{name}]"), platform) for name, platform in able.items() if name in tables
    }


def read_ping(table: Table) -> tuple[Pinged, ...]:
    """What a destination pings."""
    found: list[Pinged] = []
    for path, text in table.texts("ping") or ():
        named = next((kind for kind in PINGED if kind == text), None)
        if named is None:
            near = did_you_mean(text, PINGED)
            table.document.wrong(path, f"Nobody can be pinged by this name.{near}      Known: {', '.join(PINGED)}")
        else:
            found.append(named)
    return tuple(dict.fromkeys(found))


def check_pings(tables: Table, destinations: Iterable[DestinationConfig], mentions: Mapping[str, Mentions]) -> None:
    """Note each destination that would ping nobody, since no table names anybody of that kind."""
    for one in destinations:
        platform = one.place.platform
        known = mentions.get(platform, Mentions())
        named = {"member": known.linked or known.members, "unit": known.units}
        for kind in one.ping:
            if not named[kind]:
                lines = _EXAMPLES[kind] if platform == "discord" or kind == "unit" else _EXAMPLES["member elsewhere"]
                tables.document.wrong(
                    (*tables.path, one.name, "ping"),
                    f"Nobody is named who could be pinged as {kind}. Add below [mentions.{platform}]: {lines}",
                )


_EXAMPLES: Final = {
    "member": 'members = "linked"',
    "member elsewhere": 'members = { 2153 = "…" }, PERSCOM\'s number of a user and the id here',
    "unit": 'units = { "1st Platoon" = "…" }, the unit\'s name and the id of a role',
}


def _mentions(table: Table, platform: Platform) -> Mentions:
    table.check_keys(MENTIONS)
    if isinstance(table.values.get("members"), str):
        return Mentions(linked=_linked(table, platform), units=_units(table, platform))
    named = table.table("members", f"[{table.path[0]}.{table.path[1]}.members]")
    members: dict[int, str] = {}
    for number in named.values:
        if not _USER.fullmatch(number):
            named.wrong(number, "This is no user of PERSCOM. Write the number at the end of the profile's address.")
        elif (mentioned := _id(named, number, platform, "user")) is not None:
            members[int(number)] = mentioned
    return Mentions(members=members, units=_units(table, platform))


def _linked(table: Table, platform: Platform) -> bool:
    text = table.text("members")
    if text == "linked" and platform.linked:
        return True
    if text == "linked":
        table.wrong("members", f"Members link no {platform.name} account in PERSCOM. {_BY_NUMBER}")
    elif text is not None:
        table.wrong("members", f'"{table.shown("members")}" is no value of members. {_BY_NUMBER}')
    return False


_BY_NUMBER: Final = 'Name them one by one, by PERSCOM\'s number: members = { 2153 = "…" }'


def _units(table: Table, platform: Platform) -> dict[str, str]:
    named = table.table("units", f"[{table.path[0]}.{table.path[1]}.units]")
    units: dict[str, str] = {}
    for name in named.values:
        mentioned = _id(named, name, platform, "role")
        if unit_key(name) in units:
            named.wrong(name, "This unit is named already; the case of letters does not count. Keep one of the two.")
        elif mentioned is not None:
            units[unit_key(name)] = mentioned
    return units


def _id(table: Table, key: str, platform: Platform, kind: str) -> str | None:
    """The platform's id under ``key``, which people may write as a number."""
    text = table.text_or_number(key)
    if text is None or platform.mention_mistake is None:
        return None
    if mistake := platform.mention_mistake(kind, text):
        table.wrong(key, mistake)
        return None
    return text
