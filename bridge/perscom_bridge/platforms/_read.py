"""Reading the keys of a place, with the mistakes that all platforms have in common."""

from __future__ import annotations

from .._table import Table
from ..config import HiddenUrl
from ._platform import Check

__all__ = ["checked", "kind_of", "needed", "webhook_url"]


def checked(table: Table, key: str, mistake: Check) -> str | None:
    """The text or number under ``key``, if there is one and nothing is wrong with it."""
    value = table.text_or_number(key)
    if value is None:
        return None
    if wrong := mistake(value):
        table.wrong(key, wrong)
        return None
    return value


def needed(table: Table, key: str, mistake: Check, line: str) -> str | None:
    """The same for a key that must be there; ``line`` is an example of one."""
    if key not in table:
        value = ", and its value to .env" if "${" in line else ""
        table.wrong(key, f"{key} is missing. Add the line: {line}{value}.")
        return None
    return checked(table, key, mistake)


def webhook_url(table: Table, kind: str, mistake: Check) -> HiddenUrl | None:
    """The address of a webhook of the platform ``kind`` under ``url``."""

    def wrong(url: str) -> str | None:
        found = mistake(url)
        other = found and kind_of(url)
        return f'This address is one for type = "{other}".' if other else found

    value = needed(table, "url", wrong, f'url = "${{{kind.upper()}_URL}}"')
    return HiddenUrl(value) if value is not None else None


def kind_of(url: str) -> str | None:
    """The platform that would take ``url``."""
    from . import PLATFORMS  # here, since the platforms need this module

    for name, platform in PLATFORMS.items():
        if any(question.key == "url" and question.mistake(url) is None for question in platform.questions):
            return name
    return None
