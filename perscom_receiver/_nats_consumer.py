"""Taking over: what one site has in the stream goes into its store, and only then is it acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from ._errors import ConfigurationError, MalformedEvent, Unavailable
from ._event import Event
from ._insert import insertion
from ._nats_client import sentence
from ._nats_message import read_message
from ._nats_pull import Pull
from ._nats_stream import make_consumer, mend_consumer, subject
from .queue import Connection

if TYPE_CHECKING:
    from ._inbox import SQLiteInbox

__all__ = ["Consumer", "Takeover"]

COMMIT_WITHIN: Final = 3.0
"""Seconds; then the server is told that the messages are still being worked on, or it would give them to another one."""
PAUSE: Final = 1.0
MEND_EVERY: Final = 30.0
LATER: Final = 60.0
"""Seconds before a message that the store chokes on is tried again."""
_OUTCOMES: Final = {True: "stored", False: "repeated", None: "stale"}
_log = logging.getLogger("perscom_receiver")


class Takeover:
    """That the events of one inbox are to be taken over, whatever becomes of connections."""

    def __init__(self, inbox: SQLiteInbox, counts: Counter[str]) -> None:
        self.inbox = inbox
        self.counts = counts
        self.trouble: str | None = None


class _Taken:
    """A message that holds an event, and what stores it."""

    def __init__(self, message: Msg, inbox: SQLiteInbox) -> None:
        self.message = message
        self.event: Event
        self.event, endpoint, received = read_message(message.data, message.headers, site=inbox.site)
        self.insert, self.size = insertion(inbox.site, self.event, endpoint=endpoint, received=received)


class Consumer:
    """One takeover, over one connection."""

    def __init__(self, takeover: Takeover, client: Client, js: JetStreamContext) -> None:
        self._takeover = takeover
        self._inbox = takeover.inbox
        self._client = client
        self._js = js
        self._pull: Pull | None = None
        self._ended = False
        self._mended = -MEND_EVERY

    def end(self) -> None:
        """Let :meth:`run` return once what is at hand is in the store."""
        self._ended = True
        if self._pull is not None:
            self._pull.end()

    async def run(self) -> None:
        """Take over, until the end."""
        while not self._ended:
            try:
                await make_consumer(self._js, self._inbox.site)
                await self._mend()
                async with Pull(self._client, self._inbox.site) as self._pull:
                    self._tell(None)
                    while not self._ended:
                        await self._settle(await self._pull.take())
                        if await self._mend():
                            break
            except Exception as error:  # noqa: BLE001 - nothing is acknowledged, so everything comes again
                if not self._ended:
                    self._tell(sentence(error))
                    await asyncio.sleep(PAUSE)

    async def _mend(self) -> bool:
        """Whether the consumer is another one now."""
        if self._ended or monotonic() - self._mended < MEND_EVERY:
            return False
        self._mended = monotonic()
        if mended := await mend_consumer(self._js, self._inbox.site):
            _log.warning("Events of %s in the stream had been passed over, and come now.", self._inbox.site)
        return mended

    def _tell(self, trouble: str | None) -> None:
        if trouble is not None and trouble != self._takeover.trouble:
            _log.warning("Events of %s cannot be taken over from the stream: %s", self._inbox.site, trouble)
        self._takeover.trouble = trouble

    async def _settle(self, messages: Sequence[Msg]) -> None:
        events, reason = [], ""
        for message in messages:
            try:
                events.append(_Taken(message, self._inbox))
            except MalformedEvent as error:
                reason = reason or f"{error} (message {message.metadata.sequence.stream})"
                await message.term()
        if strange := len(messages) - len(events):
            self._takeover.counts["strange"] += strange
            _log.error("Dropped %d messages on %s that no receiver wrote. %s", strange, subject(self._inbox.site), reason)
        if events:
            await self._store(events)

    async def _store(self, events: Sequence[_Taken]) -> None:
        """Commit all of them together, then acknowledge. While the store is away they are kept, in their order."""
        while True:
            try:
                results = await self._commit(events)
                break
            except (Unavailable, ConfigurationError) as error:
                self._tell(str(error))
                if self._ended:
                    for one in events:
                        await one.message.nak()
                    return
                for one in events:
                    await one.message.in_progress()
                await asyncio.sleep(PAUSE)
            except Exception as error:  # noqa: BLE001 - one of them, which must not keep the others back
                if len(events) == 1:
                    await self._put_off(events[0], error)
                else:
                    for one in events:
                        await self._store([one])
                return
        self._tell(None)
        for one, result in zip(events, results, strict=True):
            self._takeover.counts[_OUTCOMES[result]] += 1
            if result is None:
                _log.warning("dropped %s %a: it is older than the store remembers", one.event.id[:12], one.event.name[:100])
            await one.message.ack()

    async def _commit(self, events: Sequence[_Taken]) -> list[bool | None]:
        def work(connection: Connection) -> list[bool | None]:
            return [one.insert(connection) for one in events]

        size = sum(one.size for one in events)
        return await self._inbox.database.awrite(work, wake=True, timeout=COMMIT_WITHIN, size=size)

    async def _put_off(self, one: _Taken, error: Exception) -> None:
        self._takeover.counts["failed"] += 1
        _log.error("The store does not take %s; it is tried again in %.0f s", one.event.id[:12], LATER, exc_info=error)
        await one.message.nak(delay=LATER)
