"""Pulling: what waits in the stream for one site, as it comes, never more at once than memory is for."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from types import TracebackType

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from ._errors import Unavailable
from ._nats_stream import AT_ONCE, STREAM, durable_name

__all__ = ["Pull"]

BYTES_AT_ONCE = 16 * 2**20
OVERHEAD = 64 * 1024
"""Bytes of headers and subject, which the server counts with a message."""
EXPIRES, HEARTBEAT, SILENT_AFTER = 30.0, 2.0, 5.0
"""Seconds: how long one request waits, how often the server says that it still does, and when its silence says no."""
_NANOSECONDS = 10**9


class Pull:
    """A context manager: at its end, what came and was not taken is given back, for others to have at once."""

    def __init__(self, client: Client, site: str) -> None:
        self._client = client
        self._address = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{durable_name(site)}"
        self._inbox = client.new_inbox()
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._left = 0
        self._ended = False
        self._failed: Unavailable | None = None

    async def __aenter__(self) -> Pull:
        self._subscription = await self._client.subscribe(
            self._inbox, cb=self._arrive, pending_msgs_limit=0, pending_bytes_limit=0
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(nats.errors.Error, OSError):  # the connection is gone: then the server gives them to others by itself
            await self._subscription.unsubscribe()
            while not self._arrived.empty():
                message = self._arrived.get_nowait()
                if message is not None and _is_of_stream(message):
                    await message.nak()

    async def _arrive(self, message: Msg) -> None:
        self._arrived.put_nowait(message)

    def end(self) -> None:
        """Let :meth:`take` return nothing any more."""
        self._arrived.put_nowait(None)

    async def take(self) -> list[Msg]:
        """What has come, in order. Empty when nothing has come for half a minute, and after :meth:`end`.

        Raises Unavailable when the server has given up the request, or says nothing any more.
        """
        taken: list[Msg] = []
        if self._left <= 0 and not self._ended and self._failed is None:
            await self._ask()
        while not taken and self._left > 0 and not self._ended:
            try:
                async with asyncio.timeout(SILENT_AFTER):
                    message = await self._arrived.get()
            except TimeoutError:
                raise Unavailable("the stream says nothing any more") from None
            self._sort(message, taken)
            while not self._arrived.empty():
                self._sort(self._arrived.get_nowait(), taken)
        if self._failed is not None and not taken:
            raise self._failed
        return taken

    def _sort(self, message: Msg | None, taken: list[Msg]) -> None:
        if message is None:
            self._ended = True
        elif _is_of_stream(message):
            self._left -= 1
            taken.append(message)
        else:
            self._read_status(message.headers or {})

    async def _ask(self) -> None:
        request = {
            "batch": AT_ONCE,
            "max_bytes": max(BYTES_AT_ONCE, self._client.max_payload + OVERHEAD),
            "expires": int(EXPIRES * _NANOSECONDS),
            "idle_heartbeat": int(HEARTBEAT * _NANOSECONDS),
        }
        await self._client.publish(self._address, json.dumps(request).encode(), reply=self._inbox)
        self._left = AT_ONCE

    def _read_status(self, headers: dict[str, str]) -> None:
        status, told = headers.get("Status", ""), headers.get("Description", "")
        if status == "100":
            return
        self._left = 0
        if status not in ("404", "408") and not (status == "409" and ("MaxBytes" in told or "Batch" in told)):
            self._failed = Unavailable(f"the stream gives no more: {told or status or 'nobody knows why'}")


def _is_of_stream(message: Msg) -> bool:
    """Whether it is one that somebody published. A status of the server has no address to be acknowledged at; the headers tell
    nothing: anybody may have written them."""
    return message.reply.startswith("$JS.ACK.")
