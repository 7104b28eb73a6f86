"""Which thread of a destination is about which member, so that what follows an enlistment goes where the enlistment is.

A table of the bridge's own, beside those of the inbox in the same file: receipts tell of the same record alone, and are
forgotten long before the last promotion.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from functools import partial
from hashlib import sha256
from typing import Final

import msgspec

from perscom_adapters import word_of
from perscom_receiver import Event, SQLiteInbox, Unavailable
from perscom_receiver.queue import Connection

from .config import DestinationConfig

__all__ = ["BEGINNINGS", "Threads", "begins_thread", "forget", "member_of"]

BEGINNINGS: Final = ("submission", "joined")
"""The words that begin a thread."""

_log = logging.getLogger("perscom_bridge")

# `place` is a digest of where the destination posted to when it was begun.
_TABLE: Final = """CREATE TABLE IF NOT EXISTS member_thread (
    site TEXT NOT NULL, destination TEXT NOT NULL, member BIGINT NOT NULL, place TEXT NOT NULL, thread TEXT NOT NULL,
    PRIMARY KEY (site, destination, member))"""
_KEEP: Final = (
    "INSERT INTO member_thread (site, destination, member, place, thread) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (site, destination, member) DO UPDATE SET place = excluded.place, thread = excluded.thread"
)
_IDS: Final = range(1, 2**63)


class Threads:
    """The threads of one destination, by member. They outlive a restart, and no change of the place that it posts to."""

    def __init__(self, inbox: SQLiteInbox, config: DestinationConfig) -> None:
        self._database = inbox.database
        self._key = (inbox.site, config.name)
        self._place = sha256(msgspec.json.encode(config.place.identity)).hexdigest()  # which may hold secrets
        self._prepared = False

    async def find(self, member: int) -> str | None:
        """The thread about ``member``. Raises Unavailable when the database cannot be read."""
        if not self._prepared:
            await self._database.awrite(partial(_write, _TABLE, ()))
            self._prepared = True
        row = await self._database.aread(
            lambda connection: connection.execute(
                "SELECT thread FROM member_thread WHERE site = ? AND destination = ? AND member = ? AND place = ?",
                (*self._key, member, self._place),
            ).fetchone()
        )
        return None if row is None else str(row[0])

    async def keep(self, member: int, thread: str) -> None:
        """From now on ``thread`` is the one about ``member``. Raises nothing: the message in it is posted already."""
        row = (*self._key, member, self._place, thread)
        try:
            await self._database.awrite(partial(_write, _KEEP, row))
        except Unavailable as error:
            _log.warning("%s: a thread could not be noted, so another one may be begun: %s", self._key[1], error)


def member_of(events: Sequence[Event], *, one_action: bool) -> int | None:
    """The one member whom all of ``events`` are about; in ``one_action`` some may not say. None for several, and for none.

    The form of a guest is about nobody: PERSCOM never tells which user the guest has become.
    """
    members = {_member(event) for event in events}
    if one_action:
        members.discard(None)
    return members.pop() if len(members) == 1 else None


def begins_thread(events: Sequence[Event]) -> bool:
    """Whether an enlistment is among ``events``."""
    return any(word_of(event) in BEGINNINGS and event.action != "deleted" for event in events)


def forget(connection: Connection, site: str, members: Collection[int]) -> None:
    """Forget which threads are about ``members``. The messages in them stay."""
    connection.execute(_TABLE)
    for member in members:
        connection.execute("DELETE FROM member_thread WHERE site = ? AND member = ?", (site, member))


def _write(statement: str, row: Sequence[object], connection: Connection) -> None:
    connection.execute(statement, row)


def _member(event: Event) -> int | None:
    data = event.data if isinstance(event.data, dict) else {}
    number = data.get("id" if event.resource == "user" else "user_id")
    return number if type(number) is int and number in _IDS else None
