"""The tables [site] and [privacy] of bridge.toml."""

from __future__ import annotations

import re
from zoneinfo import available_timezones

from perscom_adapters import safe_url
from perscom_receiver import Secret

from ._keys import LANGUAGES, LATER_LANGUAGES, LATER_PRIVACY, LATER_SITE, PRIVACY, SITE
from ._problems import did_you_mean
from ._table import Table
from .config import Privacy, Site

__all__ = ["check_language", "read_privacy", "read_site", "web_address", "web_address_mistake"]

_DAYS = re.compile(r"([1-9][0-9]{0,2}) days?")
_MOST_DAYS = 400  # the inbox recognises repeats that long, and keeps no body longer


def read_site(table: Table) -> Site | None:
    """The community; None when it has no usable secret."""
    table.check_keys(SITE, later=LATER_SITE)
    name = table.text("name")
    url = web_address(table, "url")
    secret = _secret(table, "secret")
    previous = _secret(table, "previous_secret")
    check_language(table)
    timezone = _timezone(table)
    if "secret" not in table:
        table.wrong("secret", 'secret is missing. Add the line: secret = "${PERSCOM_WEBHOOK_SECRET}", and its value to .env.')
    if secret is None:
        return None
    return Site(
        name=name or "PERSCOM",
        url=url,
        secrets=(secret,) if previous is None else (secret, previous),
        timezone=timezone or "UTC",
    )


def read_privacy(table: Table) -> Privacy:
    """How long what PERSCOM sent is kept."""
    table.check_keys(PRIVACY, later=LATER_PRIVACY)
    text = table.text("keep_bodies")
    if text is None:
        return Privacy()
    found = _DAYS.fullmatch(text)
    if not found or int(found[1]) > _MOST_DAYS:
        table.wrong(
            "keep_bodies", f'"{table.shown("keep_bodies")}" is no number of days from 1 to {_MOST_DAYS}. Write it so: "30 days"'
        )
        return Privacy()
    return Privacy(keep_bodies=int(found[1]))


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


def check_language(table: Table) -> None:
    """Only English works now; the other catalogues are announced."""
    value = table.text("language")
    if value is None or value in LANGUAGES:
        return
    if value in LATER_LANGUAGES:
        table.wrong("language", f'language "{value}" comes with a later version of perscom-bridge; take this line out for now.')
    else:
        table.wrong(
            "language", f'"{table.shown("language")}" is no language of perscom-bridge. Take this line out, or write "en".'
        )


def _secret(table: Table, key: str) -> Secret | None:
    value = table.text(key)
    if value is None:
        return None
    if value == table.values[key] and value.startswith("$"):
        table.note(key, 'begins with "$" and is taken as it stands. A variable is written exactly so: "${NAME}"')
    secret = Secret(value, name=key)
    if weakness := secret.weakness():
        table.note(key, f"is weak: {weakness}.")
    return secret


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
