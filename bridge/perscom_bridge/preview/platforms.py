"""The platforms there are, each with its name, its adapter and its reader."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

from perscom_adapters import Message
from perscom_receiver import ConfigurationError

from . import discord, slack, telegram
from .card import Card

__all__ = ["PLATFORMS", "card_of", "payload_of"]

PLATFORMS: Final[Mapping[str, str]] = MappingProxyType({"discord": "Discord", "slack": "Slack", "telegram": "Telegram"})
"""As people write them in a configuration, and as the companies write them."""

_READERS = {"discord": discord.card, "slack": slack.card, "telegram": telegram.card}


def payload_of(platform: str, message: Message) -> dict[str, Any]:
    """What would be sent to ``platform``. Raises ConfigurationError where its extra is not installed."""
    try:
        adapter = import_module(f"perscom_adapters.{platform}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("perscom_"):
            raise
        raise ConfigurationError(
            f'{PLATFORMS[platform]} needs the extra "{platform}": python -m pip install "perscom-receiver[{platform}]"'
        ) from error
    payload: dict[str, Any] = adapter.payload(message)
    return payload


def card_of(platform: str, payload: Mapping[str, object]) -> Card:
    """What a reader on ``platform`` sees of ``payload``, one that our adapter made; keys for its transport may stand beside."""
    return _READERS[platform](payload)
