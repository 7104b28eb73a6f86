"""The directory of one community: learned from what is stored, asked before a message is made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from perscom_adapters import Directory
from perscom_receiver import Event, MalformedEvent, Purged, SQLiteInbox, Unavailable

from .. import threads
from . import store
from .facts import STANDING, Facts, Key, asked_by, facts_of
from .images import image_key
from .names import Learned, Names
from .reading import Reading, Stored
from .standing import action_of

if TYPE_CHECKING:
    from perscom_receiver.queue import Connection

    from ..config import Api, Images
    from .api import PerscomApi

__all__ = ["SiteDirectory", "forget"]

_log = logging.getLogger("perscom_bridge")

PATIENCE: Final = 2.0
"""Seconds that a message waits for what is not learned yet."""
TEND_EVERY: Final = 30.0
"""Seconds between two looks at what nobody asked for."""
_FAR: Final = 1000
"""Rows of events from which nothing was learned, after which the mark is written down all the same."""


class SiteDirectory:
    """Names and earlier ranks, units and positions of one community.

    It learns from the stored events themselves, in the order of their rows behind a mark, which is kept in the same transaction
    as what was learned. So neither a crash nor a repeat makes a difference, nothing is added to what PERSCOM waits for, and a
    database of before there was a directory teaches all that it holds. Answers come from memory.
    """

    def __init__(
        self, inbox: SQLiteInbox, *, images: Images | None = None, api: Api | None = None, forget_left: bool = False
    ) -> None:
        self._inbox = inbox
        self._images = images or {}
        self._api_settings = api
        self._api: PerscomApi | None = None
        self._forget_left = forget_left
        self._lock = asyncio.Lock()
        self._names: Names | None = None
        self._reading = Reading(inbox.site, 0)
        self._saved_mark = 0
        self._forgotten = 0
        self._unsaved = Learned()

    async def before(self, events: Sequence[Event]) -> Directory:
        """What was known before ``events``, for ``render``, ``render_group`` and the like.

        Names are the newest ones. What a member was is as of before the first of these events' actions that changed it.
        Waits for at most 2 s for what other events teach, and as long for PERSCOM's API, where it is configured and a name is
        missing; then goes on without. Raises nothing.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await self._catch_up()
        except TimeoutError:
            _log.warning("Names are still being learned from what is stored: a message goes out without some of them.")
        except Exception as error:  # noqa: BLE001 - a name is never worth a message
            _log.warning("Names could not be read: %s", error)
        view = self.known(events)
        if self._api is not None and (lacking := view.lacking(events)):
            await self._api.ask(lacking)
        return view

    def known(self, events: Sequence[Event]) -> _View:
        """The same without waiting for anything: what is in memory."""
        return _View(self._names or Names(), events, self._images, self._api)

    @asynccontextmanager
    async def tended(self) -> AsyncIterator[None]:
        """Learn inside the block also while nobody asks, and forget who left, if that is wanted.

        PERSCOM's API is asked in here alone.
        """
        async with AsyncExitStack() as stack:
            if self._api_settings is not None:
                from perscom_adapters.session import new_session  # loaded only where PERSCOM is really asked

                from .api import PerscomApi

                session = await stack.enter_async_context(new_session())
                self._api = PerscomApi(self._api_settings, session)
                stack.push_async_callback(self._api.close)
            stop = asyncio.Event()
            tending = asyncio.create_task(self._tend_until(stop))
            try:
                yield
            finally:
                stop.set()
                await tending  # nothing may be written behind the end of the block

    async def tend(self, stop: asyncio.Event | None = None) -> None:
        """One look: learn what is new, and forget who left. Raises Unavailable when the database cannot be used."""
        await self._catch_up(stop)
        if self._forget_left:
            site = self._inbox.site
            left = await self._inbox.database.aread(lambda connection: store.left_people(connection, site))
            if left:
                purged = await asyncio.to_thread(forget, self._inbox, left)
                _log.info("%d people who left were forgotten, with %d events about them", len(left), purged.events)

    async def _tend_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.tend(stop)
            except Unavailable as error:
                _log.warning("The directory pauses: %s", error)
            except Exception:  # noqa: BLE001 - without it messages lack names; that is no reason to send none
                _log.exception("The directory has failed and tries again")
            with suppress(TimeoutError):
                async with asyncio.timeout(TEND_EVERY):
                    await stop.wait()

    async def _catch_up(self, stop: asyncio.Event | None = None) -> None:
        while await self._learn_some() and not (stop and stop.is_set()):
            pass

    async def _learn_some(self) -> bool:
        """Learn from some of the events that are new. False when there are none."""
        async with self._lock:  # one after the other: each look begins where the one before ended
            names = self._names if self._names is not None else await self._load()
            stored, facts, forgotten = await asyncio.to_thread(self._read)
            if forgotten != self._forgotten:
                self._names = None  # somebody was forgotten, and must be in memory as well
                return True
            for row, one in facts:
                names.learn(one, self._unsaved)
                if self._forget_left and one.left is not None:
                    self._unsaved.left.append((row, one.left))
            self._reading.took(stored)
            if self._unsaved or self._reading.mark - self._saved_mark > _FAR:
                await self._save()
            return stored.more

    def _read(self) -> tuple[Stored, list[tuple[int, Facts]], int]:
        stored, forgotten = self._inbox.database.read(
            lambda connection: (self._reading.read(connection), store.read_forgotten(connection, self._inbox.site))
        )
        return stored, [(row, facts) for row, body in stored.events if (facts := _facts(body)) is not None], forgotten

    async def _load(self) -> Names:
        site, database = self._inbox.site, self._inbox.database
        await database.awrite(lambda connection: store.prepare(connection, site))
        names, mark, self._forgotten = await database.aread(lambda connection: store.load(connection, site))
        self._names = names
        self._reading, self._saved_mark = Reading(site, mark), mark
        self._unsaved = Learned()
        if self._api is not None:
            self._api.forget()
        return names

    async def _save(self) -> None:
        mark = self._reading.mark
        # What is not committed in time, or that nobody waited for, is saved once more with what comes next.
        saved = await self._inbox.database.awrite(store.saving(self._inbox.site, self._unsaved, mark, self._forgotten))
        self._unsaved, self._saved_mark = Learned(), mark
        if not saved:
            self._names = None


class _View:
    """The directory as of before some events."""

    def __init__(self, names: Names, events: Sequence[Event], images: Images, api: PerscomApi | None) -> None:
        self._names = names
        self._api = api
        self._images = images
        self._at = min((event.created_us for event in events), default=0)
        self._actions = {action_of(event) for event in events}

    def name(self, resource: str, key: int, /) -> str | None:
        return self._names.name(resource, key) or (self._api.name(resource, key) if self._api is not None else None)

    def old(self, kind: str, user_id: int, /) -> str | None:
        key = self._names.before(kind, user_id, self._at, self._actions)
        return None if key is None else self.name(kind, key)

    def image(self, resource: str, key: int | None, name: str | None, /) -> str | None:
        return self._images.get(resource, {}).get(image_key(name)) if name else None

    def lacking(self, events: Iterable[Event]) -> set[Key]:
        """The ids in ``events``, and of what members were before, that have no name yet."""
        wanted = {key for event in events for key in asked_by(event)}
        for member in [number for kind, number in wanted if kind == "user"]:
            for kind in STANDING:
                if (key := self._names.before(kind, member, self._at, self._actions)) is not None:
                    wanted.add((kind, key))
        return {key for key in wanted if self._names.name(*key) is None}


def forget(inbox: SQLiteInbox, members: Sequence[int]) -> Purged:
    """Forget all that is stored about users of PERSCOM, by number, their names included. Blocks while the file is rewritten."""

    def forget_too(connection: Connection) -> None:
        store.forget_people(connection, inbox.site, members)
        threads.forget(connection, inbox.site, members)

    return inbox.purge_user(*members, also=forget_too)


def _facts(body: bytes) -> Facts | None:
    try:
        return facts_of(Event.parse(body))
    except MalformedEvent:  # somebody wrote into the file, or the disk did
        return None
