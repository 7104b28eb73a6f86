"""Reading the keys of a place, with the mistakes that all platforms have in common."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from perscom_adapters.settings import discord_url_mistake, slack_url_mistake

from .._table import Table
from ..config import HiddenUrl
from ._platform import Check

__all__ = ["checked", "needed", "webhook_url"]

_WEBHOOKS: Final[Mapping[str, Check]] = MappingProxyType({"discord": discord_url_mistake, "slack": slack_url_mistake})


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


def webhook_url(table: Table, kind: str) -> HiddenUrl | None:
    """The address of a webhook under ``url``."""

    def mistake(url: str) -> str | None:
        wrong = _WEBHOOKS[kind](url)
        other = wrong and next((name for name, rule in _WEBHOOKS.items() if rule(url) is None), None)
        return f'This address is one for type = "{other}".' if other else wrong

    value = needed(table, "url", mistake, f'url = "${{{kind.upper()}_URL}}"')
    return HiddenUrl(value) if value is not None else None
