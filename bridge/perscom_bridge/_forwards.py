"""Mistakes of destinations that get the events themselves, which only the rest of the file can tell."""

from __future__ import annotations

from collections.abc import Iterable

from perscom_receiver import Secret

from ._table import Table
from .config import DestinationConfig, Site
from .platforms.webhook import WebhookPlace

__all__ = ["check_forwards"]


def check_forwards(tables: Table, destinations: Iterable[DestinationConfig], site: Site | None) -> None:
    """Note each that repeats the secret of [site], and one that should tell of trouble: it shows no messages."""
    if site is None:
        return
    for one in destinations:
        if not isinstance(one.place, WebhookPlace):
            continue
        if Secret(one.place.secret.value) in site.secrets:
            tables.document.wrong(
                (*tables.path, one.name, "secret"),
                "This is the secret of [site]: whoever listens there could sign as PERSCOM does. Make a new one for it.",
            )
        if site.operator == one.name:
            tables.document.wrong(
                ("site", "operator"), f"{one.name} gets events and shows no messages. Name a destination in a chat."
            )
