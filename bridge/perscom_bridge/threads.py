"""Which thread of a destination is about which member, so that what follows an enlistment goes where the enlistment is.

A table of the bridge's own, beside those of the inbox in the same file: receipts tell of the same record alone, and are
forgotten long before the last promotion.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from perscom_adapters import Destination, Message, OpensThreads, Receipt, word_of
from perscom_receiver import DestinationError, Event, Unavailable

from .parts import rest

if TYPE_CHECKING:
    from perscom_receiver import SQLiteInbox
    from perscom_receiver.queue import Connection

    from .config import DestinationConfig

__all__ = ["BEGINNINGS", "Threads", "forget"]

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

    def __init__(self, inbox: SQLiteInbox, config: DestinationConfig, destination: Destination) -> None:
        self._database = inbox.database
        self._key = (inbox.site, config.name)
        self._place = sha256(msgspec.json.encode(config.place.identity)).hexdigest()  # which may hold secrets
        self._destination = destination
        self._prepared = False

    async def post(self, message: Message, events: Sequence[Event], *, one_action: bool) -> Receipt:
        """Post to the thread of the member whom ``events`` are about: one that is there, or a new one for an enlistment.

        Everything else goes to the channel. Raises DestinationError, and Unavailable, before anything is posted, when the
        database cannot be read.
        """
        member = _member_of(events, one_action=one_action)
        if member is None or not isinstance(self._destination, OpensThreads):
            return await self._destination.send(message)
        thread = await self._find(member)
        if thread is None and not _begins_thread(events):
            return await self._destination.send(message)
        receipt = None if thread is None else await self._follow(message, thread)
        if receipt is None:
            receipt = await self._destination.open_thread(message, name=message.title)
        if receipt.thread_id is not None and receipt.thread_id != thread:
            await self._keep(member, receipt.thread_id)
        return receipt

    async def _follow(self, message: Message, thread: str) -> Receipt | None:
        """The receipt of a message to a thread; None when that takes nothing more."""
        try:
            return await self._destination.send(message, thread=thread)
        except DestinationError as error:
            if error.outcome != "rejected":
                raise
            _log.info("%s: the thread of a member takes nothing more, so a new one begins (%s)", self._key[1], error)
        await rest(self._destination)
        return None

    async def _find(self, member: int) -> str | None:
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

    async def _keep(self, member: int, thread: str) -> None:
        """From now on ``thread`` is the one about ``member``. Raises nothing: the message in it is posted already."""
        row = (*self._key, member, self._place, thread)
        try:
            await self._database.awrite(partial(_write, _KEEP, row))
        except Unavailable as error:
            _log.warning("%s: a thread could not be noted, so another one may be begun: %s", self._key[1], error)


def _member_of(events: Sequence[Event], *, one_action: bool) -> int | None:
    """The one member whom all of ``events`` are about; in ``one_action`` some may not say. None for several, and for none.

    The form of a guest is about nobody: PERSCOM never tells which user the guest has become.
    """
    members = {_member(event) for event in events}
    if one_action:
        members.discard(None)
    return members.pop() if len(members) == 1 else None


def _begins_thread(events: Sequence[Event]) -> bool:
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
    """The member by PERSCOM's number. One in an answer to a form is a text, and in what a template wrote anything."""
    data = event.data if isinstance(event.data, dict) and event.template is None else {}
    number = data.get("id" if event.resource == "user" else "user_id")
    about = event.resource in ("user", "submission") or event.resource.endswith("record")
    return number if about and type(number) is int and number in _IDS else None
