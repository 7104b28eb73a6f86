"""Chats that go on under another number, as an earlier run of the service has learned. Changes nothing, and makes no file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from perscom_adapters import Receipt
from perscom_receiver.queue import Connection, Database, Queue

from .config import Config

__all__ = ["moved_chats"]


def moved_chats(config: Config) -> list[str]:
    """A note for each destination that has the old number still; none where the database is not there, or cannot be read."""
    database = Database(config.server.place)
    try:
        return database.peek(lambda connection: list(_notes(config, connection))) if database.exists() else []
    except Exception:  # noqa: BLE001 - the database of another version is none of our business here
        return []


def _notes(config: Config, connection: Connection) -> Iterator[str]:
    queue = Queue(config.key, "inbox")
    for one in config.destinations:
        for stored in queue.receipts(connection, one.name, 1):
            with suppress(msgspec.DecodeError):  # of another version
                receipt = msgspec.json.decode(stored, type=Receipt)
                if receipt.moved_from is not None and receipt.moved_from == str(getattr(one.place, one.place.key)):
                    yield (
                        f"destinations.{one.name}.{one.place.key} has another number by now, which messages go to already."
                        f" Write it down: {one.place.key} = {receipt.channel_id}"
                    )
