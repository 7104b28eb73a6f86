"""From a message to what would be sent to a platform, and from there to what its reader sees."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from perscom_adapters import Message

from ..platforms import extra_of
from .card import Card

__all__ = ["card_of", "payload_of"]


def payload_of(platform: str, message: Message, *, edit: bool = False) -> dict[str, Any]:
    """What would be sent to ``platform``, to ``edit`` an earlier message or for a new one. Raises ConfigurationError where its
    extra is not installed."""
    with extra_of(platform):
        adapter = import_module(f"perscom_adapters.{platform}")
    payload: dict[str, Any] = adapter.payload(message, edit=True) if edit else adapter.payload(message)
    return payload


def card_of(platform: str, payload: Mapping[str, object]) -> Card:
    """What a reader on ``platform`` sees of ``payload``, one that our adapter made; keys for its transport may stand beside."""
    reader = import_module(f".{platform}", __package__)
    card: Card = reader.card(payload)
    return card
