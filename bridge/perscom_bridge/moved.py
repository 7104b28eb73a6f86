"""Chats that go on under another number, as an earlier run of the service has learned. Changes nothing, and makes no file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress

import msgspec

from perscom_adapters import Receipt
from perscom_receiver.queue import Connection, Queue

from .config import Config

__all__ = ["moved_chats"]


def moved_chats(config: Config) -> list[str]:
    """A note for each destination that has the old number still; none where the database is not there, or cannot be read."""
    path = config.server.database
    if not os.path.exists(path):
        return []
    # One that nobody has open is read as it is: SQLite would make files beside it for a look. Also the database of another
    # version is none of our business here.
    how = "mode=ro" if os.path.exists(f"{path}-wal") else "immutable=1"
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True)) as connection:
        return list(_notes(config, connection))
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
