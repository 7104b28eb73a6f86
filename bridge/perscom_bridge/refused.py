"""What ``serve --keep-refused`` keeps for ``explain --last``: the newest refused requests, as files beside the database.

They hold what PERSCOM sent, so they are the operator's alone, few and small, and a start without the option deletes them.
A stranger can fill ten files, one a second, and no more.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perscom_receiver import HIDDEN_COLUMNS, ConfigurationError

from ._paths import plain_path
from .captured import Captured, parse, written

__all__ = ["KeepRefused", "Refused", "RefusedRequests"]

COUNT = 10
"""Requests that are kept."""
LARGEST = 2**20
"""Bytes of a body that is kept."""
UNPACKED = 8 * 2**20
"""Bytes of a compressed body that are looked into."""
PAUSE = 1.0
"""Seconds between two that are kept."""
REST_WITHIN = 1.0
"""Seconds for a body that the refusal did not wait for. PERSCOM gives up after 3."""
STATUSES = frozenset({400, 401, 405})
"""Refusals whose cause lies in the request itself."""

_log = logging.getLogger("perscom_bridge")
_name = re.compile(r"([0-9]{8}T[0-9]{6}\.[0-9]{6})Z-([0-9]{3})\.http").fullmatch
_TIME = "%Y%m%dT%H%M%S.%f"


class Refused(msgspec.Struct, frozen=True):
    """A request that was refused and kept."""

    request: Captured
    at: datetime
    """UTC."""
    status: int


class RefusedRequests:
    """The folder of them, beside the file ``beside``. It is there only while something is in it."""

    def __init__(self, beside: Path) -> None:
        self.folder = beside.with_name(f"{beside.name}.refused")

    def keep(self, raw: bytes, at: datetime, status: int) -> None:
        """Add one, as :func:`~perscom_bridge.captured.written` writes it, and let go of the oldest. Raises OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        file = self.folder / f"{at.strftime(_TIME)}Z-{status}.http"
        part = file.with_suffix(".part")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
            stream.write(raw)
        part.replace(file)
        for old in self._files()[:-COUNT]:
            old.unlink(missing_ok=True)

    def newest(self, path: str) -> Refused | None:
        """The one that came last to the webhook at ``path``, or None. Raises OSError."""
        for file in reversed(self._files()):
            with suppress(FileNotFoundError):  # the service goes on meanwhile
                found, request = _name(file.name), parse(file.read_bytes())
                if found and request and plain_path(request.path) == path:
                    return Refused(request, datetime.strptime(found[1], _TIME).replace(tzinfo=UTC), int(found[2]))
        return None

    def clear(self) -> None:
        """Delete them all. Raises ConfigurationError when that fails, since nobody would know that they are there."""
        if not self.folder.exists():
            return
        try:
            for file in [*self._files(), *self.folder.glob("*.part")]:
                file.unlink(missing_ok=True)
            self.folder.rmdir()
        except OSError as error:
            raise ConfigurationError(
                f"What was kept of refused requests cannot be deleted: {self.folder}: {error.strerror}. Delete it yourself."
            ) from None

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.http"))


class KeepRefused:
    """Wraps the webhook's app and keeps what it refuses. The answer stays the same."""

    def __init__(self, app: ASGIApp, requests: RefusedRequests, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._requests = requests
        self._clock = clock
        self._last = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive)
        status = 0

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start" and message["status"] in STATUSES and self._takes_one():
                status = message["status"]
                await body.read_rest()  # after the answer nothing more of it comes
            await send(message)

        await self._app(scope, body.receive, watching)
        if status:
            raw = written(scope["method"], scope["path"], bool(scope["query_string"]), scope["headers"], body.to_keep())
            await asyncio.to_thread(self._keep, raw, datetime.now(UTC), status)

    def _takes_one(self) -> bool:
        now = self._clock()
        if now - self._last < PAUSE:
            return False
        self._last = now
        return True

    def _keep(self, raw: bytes, at: datetime, status: int) -> None:
        try:
            self._requests.keep(raw, at, status)
        except OSError as error:
            _log.warning("a refused request could not be kept: %s", error.strerror)


class _Body:
    """The body of one request while it passes."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._pieces: list[bytes] = []
        self._size = 0
        self._complete = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._size <= LARGEST:
                self._pieces.append(message.get("body", b""))
            else:
                self._pieces.clear()
        return message

    async def read_rest(self) -> None:
        """Read what is still to come, as far as it would be kept."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_WITHIN):
                while not self._complete and self._size <= LARGEST:
                    if (await self.receive())["type"] == "http.disconnect":
                        return

    def to_keep(self) -> bytes | None:
        """All of it; None when it is not complete, too large, or holds what must not reach a disk."""
        if not self._complete or self._size > LARGEST:
            return None
        body = b"".join(self._pieces)
        return None if _holds_hidden_column(body) else body


def _holds_hidden_column(body: bytes) -> bool:
    """Whether it may; nobody knows of a compressed body that is broken off or grows too large."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        content = unpacker.decompress(body, UNPACKED)
    except zlib.error:
        content = body
    else:
        if body and not unpacker.eof:
            return True
    return any(name.encode() in content for name in HIDDEN_COLUMNS)
