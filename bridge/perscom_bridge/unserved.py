"""Communities that are stored and not served, since their file has mistakes or is gone. Nobody else forgets for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from functools import partial

import msgspec

from perscom_receiver import SQLiteInbox, Unavailable
from perscom_receiver.queue import Connection, Database

from .config import Privacy

__all__ = ["Unserved", "forget_hourly", "forget_unserved"]

HOUR = 3600.0
"""Seconds between two looks, and before the first: who mends a slip in a file at once loses nothing by it."""
MORE = 5.0
"""Seconds before the next look, while there is more to forget."""
SILENT = 86_400.0
"""Seconds without a sign of life of a worker, after which a site is nobody's."""

_log = logging.getLogger("perscom_bridge")


class Unserved(msgspec.Struct, frozen=True, kw_only=True):
    """A community whose file has mistakes."""

    key: str
    """What its events are kept under."""
    told: str
    """Why it is not served, and what to do, as a sentence."""
    keep_bodies: int
    """Days, as far as its file can be read."""


async def forget_hourly(
    database: Database, served: Collection[str], unserved: Iterable[Unserved], now: Callable[[], float], stop: asyncio.Event
) -> None:
    """Call :func:`forget_unserved` once an hour until ``stop`` is set."""
    keep, pause = {one.key: one.keep_bodies for one in unserved}, HOUR
    while not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()
                return
        try:
            pause = MORE if await forget_unserved(database, served, keep, now) else HOUR
        except Unavailable as error:
            _log.error("What is too old could not be forgotten: %s", error)
            pause = HOUR


async def forget_unserved(
    database: Database, served: Collection[str], keep: Mapping[str, int], now: Callable[[], float]
) -> int:
    """Forget what is too old in each site of ``database`` that is not ``served`` and has no worker of another program.

    Bodies go after as many days as ``keep`` says for the site; where it says nothing, after the usual 30. Returns the number of
    rows changed: up to a thousand of a kind in each site. Raises Unavailable.
    """
    total = 0
    for site in await database.aread(partial(_left_alone, served, now() - SILENT)):
        inbox = SQLiteInbox(database, site=site, keep_bodies=keep.get(site, Privacy().keep_bodies), now=now)
        changed = await database.awrite(partial(inbox.prune, unworked=True))
        if changed:
            _log.info("forgot what is too old of %r, which is stored and not served: %d rows", site, changed)
        total += changed
    return total


def _left_alone(served: Collection[str], since: float, connection: Connection) -> list[str]:
    """The sites that are not ``served``, and of which no worker was seen ``since`` then."""
    sites = connection.execute(
        "SELECT DISTINCT site FROM lane WHERE queue = 'inbox' AND NOT EXISTS"
        " (SELECT 1 FROM worker WHERE worker.site = lane.site AND worker.seen > ?)",
        (since,),
    )
    return sorted(site for (site,) in sites if site not in served)
