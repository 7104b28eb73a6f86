"""The tables [site] and [privacy] of bridge.toml."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from perscom_adapters import LANGUAGES, safe_url
from perscom_receiver import Secret

from ._keys import PRIVACY, SITE
from ._problems import did_you_mean, hide
from ._table import Table
from .config import Privacy, Site

__all__ = ["read_language", "read_privacy", "read_site", "web_address", "web_address_mistake"]

_DAYS = re.compile(r"([1-9][0-9]{0,2}) days?")
_MOST_DAYS = 400  # the inbox recognises repeats that long, and keeps no body longer


def read_site(table: Table, destinations: Collection[str] = ()) -> Site | None:
    """The community; None when it has no usable secret. ``destinations`` are the names of those in the file."""
    table.check_keys(SITE)
    name = table.text("name")
    url = web_address(table, "url")
    secret = _secret(table, "secret")
    timezone = _timezone(table) or "UTC"
    previous = _secret(table, "previous_secret", _end_of_previous(table, timezone))
    language = read_language(table)
    operator = _operator(table, destinations)
    if "secret" not in table:
        table.wrong("secret", 'secret is missing. Add the line: secret = "${PERSCOM_WEBHOOK_SECRET}", and its value to .env.')
    if secret is None:
        return None
    return Site(
        name=name or "PERSCOM",
        url=url,
        secrets=(secret,) if previous is None else (secret, previous),
        timezone=timezone,
        language=language or "en",
        operator=operator,
    )


def read_privacy(table: Table) -> Privacy:
    """How long what PERSCOM sent is kept, and whether those who leave are forgotten."""
    table.check_keys(PRIVACY)
    forget_left = table.flag("forget_left") or False
    text = table.text("keep_bodies")
    if text is None:
        return Privacy(forget_left=forget_left)
    found = _DAYS.fullmatch(text)
    if not found or int(found[1]) > _MOST_DAYS:
        table.wrong(
            "keep_bodies", f'"{table.shown("keep_bodies")}" is no number of days from 1 to {_MOST_DAYS}. Write it so: "30 days"'
        )
        return Privacy(forget_left=forget_left)
    return Privacy(keep_bodies=int(found[1]), forget_left=forget_left)


def web_address(table: Table, key: str) -> str | None:
    """The http(s) address under ``key``, without a slash at the end."""
    value = table.text(key)
    if value is None:
        return None
    if mistake := web_address_mistake(value):
        table.wrong(key, mistake)
        return None
    return value.rstrip("/")


def web_address_mistake(text: str) -> str | None:
    """What is wrong with ``text`` as an address that paths are added to; None when nothing is."""
    if safe_url(text) is None or "?" in text or "#" in text:
        return 'This is no web address. Write it as in a browser, without "?" and "#": https://unit.example.org'
    return None


def read_language(table: Table) -> str | None:
    """The code of the language under ``language``; None where there is none."""
    value = table.text("language")
    if value is None or value in LANGUAGES:
        return value
    table.wrong(
        "language", f'"{table.shown("language")}" is no language of perscom-bridge.      It knows: {", ".join(LANGUAGES)}'
    )
    return None


def _operator(table: Table, destinations: Collection[str]) -> str | None:
    """The destination that hears about trouble."""
    value = table.text("operator")
    if value is None or value in destinations:
        return value
    names = [hide(name) for name in destinations]
    near = did_you_mean(value, names)
    table.wrong(
        "operator",
        f'"{table.shown("operator")}" is no destination of this file.{near}      It has: {", ".join(names) or "none"}',
    )
    return None


def _secret(table: Table, key: str, until: datetime | None = None) -> Secret | None:
    value = table.text(key)
    if value is None:
        return None
    if value == table.values[key] and value.startswith("$"):
        table.note(key, 'begins with "$" and is taken as it stands. A variable is written exactly so: "${NAME}"')
    secret = Secret(value, name=key, valid_until=until)
    if weakness := secret.weakness():
        table.note(key, f"is weak: {weakness}.")
    return secret


def _end_of_previous(table: Table, timezone: str) -> datetime | None:
    """When the previous secret ends; None: it has no end."""
    key = "previous_secret_until"
    end = table.moment(key, UTC if timezone == "UTC" else ZoneInfo(timezone))
    if key in table and "previous_secret" not in table:
        table.wrong(
            key, 'There is no previous_secret that could end. Take this line out, or add: previous_secret = "${OLD_SECRET}"'
        )
    elif end is not None:
        shown = end.isoformat(" ", "minutes")
        if end < datetime.now(UTC):
            table.note("previous_secret", f"ended at {shown} and verifies nothing any more. Take both of its lines out.")
        else:
            table.note("previous_secret", f"is accepted until {shown}.")
    return end


def _timezone(table: Table) -> str | None:
    value = table.text("timezone")
    if value is None or value == "UTC":
        return value
    known = available_timezones()
    if value in known:
        return value
    if not known:
        table.wrong("timezone", "This machine has no list of time zones. Install it: python -m pip install tzdata")
    else:
        near = did_you_mean(value, known)
        table.wrong(
            "timezone", f'"{table.shown("timezone")}" is no time zone.{near} Write it as "Europe/Berlin", or take the line out.'
        )
    return None
