"""The operator hears of trouble: once when it begins and once when it is over, in the destination of their choice.

What was told is kept in a table of the bridge's own, beside those of the inbox, so that a restart repeats nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from perscom_adapters import Destination, Message, Paced, Paragraph, Text
from perscom_receiver import DestinationError, SQLiteInbox, Unavailable
from perscom_receiver.queue import Connection

from .config import Config
from .quiet import quiet_until
from .sentences import Sentences
from .signs import Witness
from .trouble import HOUR, Told, Trouble, compare

__all__ = ["Notices"]

EVERY: Final = 30.0
"""Seconds between two looks; what begins between them is told in one message."""
MOST: Final = 6
"""Messages in an hour. What comes beyond waits, and is told together."""
AFTER_FAILURE: Final = 300.0
"""Seconds until the next try when a message could not be posted and the platform names no time."""
GRACE: Final = 5.0
"""Seconds for a message that is being posted when the service stops. One that is cut off is posted again."""
MOST_TOLD: Final = 10
"""Troubles in one message."""
_RED: Final = 0xC0392B
_GREEN: Final = 0x2ECC71
_TABLE: Final = """CREATE TABLE IF NOT EXISTS trouble_told (
    site TEXT NOT NULL, key TEXT NOT NULL, told TEXT NOT NULL, PRIMARY KEY (site, key))"""

_log = logging.getLogger("perscom_bridge")


class Notices:
    """Tells of trouble in ``destination``, the one that is the operator's in ``config``."""

    def __init__(self, inbox: SQLiteInbox, witness: Witness, config: Config, destination: Destination) -> None:
        self._inbox = inbox
        self._witness = witness
        self._config = config
        self._destination = destination
        self._names = [one.name for one in config.destinations]
        (self._own,) = (one for one in config.destinations if one.name == destination.name)
        self._sentences = Sentences(self._own.language or config.site.language)
        self._told: dict[str, Told] | None = None
        self._posted: deque[float] = deque()
        self._not_before = float("-inf")

    @asynccontextmanager
    async def told(self) -> AsyncIterator[None]:
        """Look now and then inside the block. What is being posted at its end has some seconds to come to an end, too."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._look_always(stop))
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait([task], timeout=GRACE)
            task.cancel()
            await asyncio.wait([task])

    async def look(self) -> None:
        """Tell what is new and what is over, if there is any of it. Raises Unavailable when the database cannot be used.

        Not while the destination itself is off, or rests: then the log and the page alone say so, and what is still true is
        told when it is on again.
        """
        database, site, name = self._inbox.database, self._inbox.site, self._destination.name
        if self._told is None:
            self._told = await database.awrite(partial(_load, site))
        now = self._inbox.now()
        signs = await asyncio.to_thread(self._witness.signs, self._names)
        new, over, after = compare(self._told, self._sentences.troubles(signs, name), now)
        if new or over:
            is_off = any(lane.name == name and lane.paused is not None for lane in signs.lanes)
            if is_off or not self._may_post(now) or not await self._is_rested() or not await self._post(new, over, now):
                return
        if after != self._told:
            self._told = after
            await database.awrite(partial(_save, site, after))

    def _may_post(self, now: float) -> bool:
        while self._posted and not 0 <= now - self._posted[0] < HOUR:
            self._posted.popleft()
        return now >= self._not_before and len(self._posted) < MOST

    async def _is_rested(self) -> bool:
        """Wait out the pause between two messages. False where it is longer: it is up to the platform, or to an outage."""
        _, until = await self._inbox.database.aread(self._lane)
        rest = until - self._inbox.now()
        if rest > GRACE:
            return False
        await asyncio.sleep(max(0.0, rest))
        return True

    async def _post(self, new: Collection[Trouble], over: Collection[Told], now: float) -> bool:
        """Post one message. False when that has to be tried again."""
        name, sentences = self._destination.name, self._sentences.of(new, over)
        message = self._message(sentences, now, trouble=bool(new))
        self._posted.append(now)
        try:
            await self._destination.send(message)
        except DestinationError as error:
            self._not_before = now + (AFTER_FAILURE if error.retry_after is None else error.retry_after)
            _log.error("%s was not told of trouble: %s What there was to say: %s", name, error, " ".join(sentences))
            if error.outcome == "permanent":
                await self._switch_off(str(error))
            elif error.retry_after is not None:
                await self._rest(error.retry_after, error.pace)
            # What is unclear may stand there, and what is rejected will never: neither is sent a second time.
            return error.outcome not in ("retry", "permanent")
        _log.info("told in %s: %s", name, " ".join(sentences))
        if isinstance(self._destination, Paced):
            await self._rest(self._destination.pace.rest, self._destination.pace.path)
        return True

    def _message(self, sentences: list[str], now: float, *, trouble: bool) -> Message:
        config, quiet = self._config, self._own.quiet
        if len(sentences) > MOST_TOLD:
            sentences = [*sentences[:MOST_TOLD], self._sentences.more(len(sentences) - MOST_TOLD)]
        who = "perscom-bridge" if config.community is None else f"perscom-bridge, {config.community}"
        at = datetime.fromtimestamp(now, UTC)
        return Message(
            word="trouble",
            title=self._sentences.title(who, trouble=trouble),
            blocks=tuple(Paragraph((Text(sentence),)) for sentence in sentences),
            color=_RED if trouble else _GREEN,
            silent=quiet is not None and quiet_until(at, quiet, config.site.zone) is not None,
        )

    def _lane(self, connection: Connection) -> tuple[int | None, float]:
        """The id of the destination's lane, and until when it rests."""
        key = (self._inbox.site, self._inbox.queue.name, self._destination.name)
        statement = "SELECT id, not_before FROM lane WHERE site = ? AND queue = ? AND name = ?"
        return connection.execute(statement, key).fetchone() or (None, 0.0)

    async def _rest(self, seconds: float, pace: str | None) -> None:
        """Let the messages of events rest, too, as after one of their own."""

        def rest(connection: Connection) -> None:
            lane, _ = self._lane(connection)
            if lane is not None:
                self._inbox.queue.rest(connection, lane, self._inbox.now() + seconds, pace)

        with suppress(Unavailable):  # then the platform will say so once more
            await self._inbox.database.awrite(rest)

    async def _switch_off(self, reason: str) -> None:
        """As the worker does it with a destination that is gone: for all that is posted there, and seen on the page."""
        name, queue = self._destination.name, self._inbox.queue
        if await self._inbox.database.awrite(lambda connection: queue.pause(connection, name, reason)):
            _log.error("switched off %s: %s", name, reason)

    async def _look_always(self, stop: asyncio.Event) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await stop.wait()
                    return
            try:
                await self.look()
            except Unavailable as error:
                _log.warning("Nobody can be told of trouble: %s", error)
            except Exception:  # noqa: BLE001 - the log has it all, and messages go on
                _log.exception("Telling of trouble has failed and is tried again")


def _load(site: str, connection: Connection) -> dict[str, Told]:
    """What the operator of ``site`` has heard of, by key."""
    connection.execute(_TABLE)
    rows = connection.execute("SELECT key, told FROM trouble_told WHERE site = ?", (site,)).fetchall()
    return {key: msgspec.json.decode(told, type=Told) for key, told in rows}


def _save(site: str, told: Mapping[str, Told], connection: Connection) -> None:
    connection.execute("DELETE FROM trouble_told WHERE site = ?", (site,))
    rows = [(site, key, msgspec.json.encode(one).decode()) for key, one in told.items()]
    connection.executemany(
        "INSERT INTO trouble_told (site, key, told) VALUES (?, ?, ?)"
        " ON CONFLICT (site, key) DO UPDATE SET told = excluded.told",  # another process of the service may write, too
        rows,
    )
