"""The operator hears of trouble: once when it begins and once when it is over, in the destination of their choice.

What was told is kept in a table of the bridge's own, beside those of the inbox, so that a restart repeats nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import Final

import msgspec

from perscom_adapters import Destination, Message, Paragraph, Text
from perscom_receiver import DestinationError, Refusal, SQLiteInbox, Unavailable
from perscom_receiver.queue import Connection

from . import conditions, wording
from .config import Config
from .overview import read_overview
from .quiet import quiet_until
from .recent import Burst, Recent
from .trouble import HOUR, GivenUp, Signs, Told, Trouble, compare, off, troubles

__all__ = ["Notices", "Witness"]

EVERY: Final = 30.0
"""Seconds between two looks; what begins between them is told in one message."""
SPAN: Final = 600.0
"""Seconds of calls and failures that are looked at."""
MOST: Final = 6
"""Messages in an hour. What comes beyond waits, and is told together."""
AFTER_FAILURE: Final = 300.0
"""Seconds until the next try when a message could not be posted and the platform names no time."""
GRACE: Final = 5.0
"""Seconds for a message that is being posted when the service stops. One that is cut off is posted again."""
MOST_TOLD: Final = 10
"""Troubles in one message."""
_DAY: Final = 86_400.0
_NEWEST_DEAD: Final = 1000
_RED: Final = 0xC0392B
_GREEN: Final = 0x2ECC71
_TABLE: Final = """CREATE TABLE IF NOT EXISTS trouble_told (
    site TEXT NOT NULL, key TEXT NOT NULL, told TEXT NOT NULL, PRIMARY KEY (site, key))"""
_GIVEN_UP: Final = (
    "SELECT count(*), max(id) FROM (SELECT id, settled FROM task WHERE lane ="
    " (SELECT id FROM lane WHERE site = ? AND queue = ? AND name = ?) AND state = 3 ORDER BY id DESC LIMIT ?) AS newest"
    " WHERE settled > ?"
)

_log = logging.getLogger("perscom_bridge")


class Witness:
    """Sees what happens in a community and is in no database; by the clock of its ``inbox``."""

    def __init__(self, inbox: SQLiteInbox) -> None:
        self._inbox = inbox
        self._refused: Recent[str] = Recent(inbox.now, SPAN)
        self._unstored: Recent[None] = Recent(inbox.now, SPAN)
        self._failed: Recent[tuple[str, str]] = Recent(inbox.now, SPAN)

    def refused(self, refusal: Refusal, cause: str) -> None:
        """A call was refused for the ``cause`` that the log tells."""
        if not isinstance(refusal, Unavailable):  # which is not about the call, and is seen by its status
            self._refused.note(type(refusal).__name__, cause)

    def unstored(self) -> None:
        """A call was answered with 503."""
        self._unstored.note(None)

    def posted(self, destination: str, outcome: str) -> None:
        """An attempt to post has ended. Of interest are those that a condition or a wording of the operator's spoiled."""
        if outcome in (conditions.FAILED, wording.FAILED):
            self._failed.note((destination, outcome))

    def signs(self, destinations: Collection[str]) -> Signs:
        """All there is to know of them, with what the database tells. Blocks for some queries."""
        overview = read_overview(self._inbox, 0)
        return Signs(
            lanes=[lane for lane in overview.lanes if lane.name in destinations],
            health=overview.health,
            given_up=self._inbox.database.read(partial(_given_up, self._inbox, destinations)),
            refused=self._refused.bursts(),
            unstored=self._unstored.bursts().get(None, Burst(0)).count,
            failed=self._failed.bursts(),
        )


class Notices:
    """Tells of trouble in ``destination``, the one that is the operator's in ``config``."""

    def __init__(self, inbox: SQLiteInbox, witness: Witness, config: Config, destination: Destination) -> None:
        self._inbox = inbox
        self._witness = witness
        self._config = config
        self._destination = destination
        self._names = [one.name for one in config.destinations]
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

        Not while the destination itself is off: then the log and the page alone say so, and what is still true is told when it
        is on again.
        """
        database, site, name = self._inbox.database, self._inbox.site, self._destination.name
        if self._told is None:
            self._told = await database.awrite(partial(_load, site))
        now = self._inbox.now()
        signs = await asyncio.to_thread(self._witness.signs, self._names)
        present = [trouble for trouble in troubles(signs) if trouble.key != off(name)]
        new, over, after = compare(self._told, present, now)
        if new or over:
            is_off = any(lane.name == name and lane.paused is not None for lane in signs.lanes)
            if is_off or not self._may_post(now) or not await self._post(new, over, now):
                return
        if after != self._told:
            self._told = after
            await database.awrite(partial(_save, site, after))

    def _may_post(self, now: float) -> bool:
        while self._posted and not 0 <= now - self._posted[0] < HOUR:
            self._posted.popleft()
        return now >= self._not_before and len(self._posted) < MOST

    async def _post(self, new: Sequence[Trouble], over: Sequence[Told], now: float) -> bool:
        """Post one message. False when that has to be tried again."""
        name = self._destination.name
        message = self._message(new, over, now)
        sentences = " ".join([*(trouble.text for trouble in new), *(one.trouble.over for one in over)])
        self._posted.append(now)
        try:
            await self._destination.send(message)
        except DestinationError as error:
            self._not_before = now + (AFTER_FAILURE if error.retry_after is None else error.retry_after)
            _log.error("%s was not told of trouble: %s What there was to say: %s", name, error, sentences)
            if error.outcome == "permanent":
                await self._switch_off(str(error))
            # What is unclear may stand there, and what is rejected will never: neither is sent a second time.
            return error.outcome not in ("retry", "permanent")
        _log.info("told in %s: %s", name, sentences)
        return True

    def _message(self, new: Sequence[Trouble], over: Sequence[Told], now: float) -> Message:
        config, at = self._config, datetime.fromtimestamp(now, UTC)
        (quiet,) = (one.quiet for one in config.destinations if one.name == self._destination.name)
        sentences = [*(trouble.text for trouble in new), *(one.trouble.over for one in over)]
        if len(sentences) > MOST_TOLD:
            sentences[MOST_TOLD:] = [f"And {len(sentences) - MOST_TOLD} more: the status page has them all."]
        who = "perscom-bridge" if config.community is None else f"perscom-bridge, {config.community}"
        return Message(
            word="trouble",
            title=f"{who}: {'trouble' if new else 'mended'}",
            blocks=tuple(Paragraph((Text(sentence),)) for sentence in sentences),
            color=_RED if new else _GREEN,
            silent=quiet is not None and quiet_until(at, quiet, config.site.zone) is not None,
        )

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


def _given_up(inbox: SQLiteInbox, destinations: Collection[str], connection: Connection) -> list[GivenUp]:
    """Of each destination the messages that were given up within a day, as far as its newest thousand go."""
    found, since = [], inbox.now() - _DAY
    for name in destinations:
        lane = (inbox.site, inbox.queue.name, name)
        number, newest = connection.execute(_GIVEN_UP, (*lane, _NEWEST_DEAD, since)).fetchone()
        if number:
            (error,) = connection.execute("SELECT error FROM task WHERE id = ?", (newest,)).fetchone()
            found.append(GivenUp(name, number, error or "nobody knows."))
    return found


def _load(site: str, connection: Connection) -> dict[str, Told]:
    """What the operator of ``site`` has heard of, by key."""
    connection.execute(_TABLE)
    rows = connection.execute("SELECT key, told FROM trouble_told WHERE site = ?", (site,)).fetchall()
    return {key: msgspec.json.decode(told, type=Told) for key, told in rows}


def _save(site: str, told: Mapping[str, Told], connection: Connection) -> None:
    connection.execute("DELETE FROM trouble_told WHERE site = ?", (site,))
    rows = [(site, key, msgspec.json.encode(one).decode()) for key, one in told.items()]
    connection.executemany("INSERT INTO trouble_told (site, key, told) VALUES (?, ?, ?)", rows)
