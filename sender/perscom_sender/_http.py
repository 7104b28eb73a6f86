"""Requests by aiohttp. No exception of it leaves this module: they hold the address, which may hold a token."""

from __future__ import annotations

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from importlib.metadata import version
from math import inf
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from perscom_receiver import AddressGuard, DeliveryError

from ._http_failure import failure_of
from .signing import SignedRequest
from .transport import ANSWER_HEAD, Answer

__all__ = ["AiohttpTransport"]

CONNECT_TIMEOUT: Final = 5.0
"""Seconds until a connection must stand, the look-up of its name and TLS included."""
KEEP_ALIVE: Final = 1.5
"""Seconds that an idle connection is kept. Servers close them after 2 s or more; what is sent at that moment has failed."""
LARGEST_ANSWER: Final = 2 * 1024 * 1024
"""Bytes of an answer that are read, headers and all. An endpoint that has more to say is none for events."""
MOST_HINTS: Final = 16
"""Answers before the answer (1xx) that are skipped. Nothing that is sent here asks for any."""
PIECE: Final = 4096
"""Bytes of an answer that are looked at before it is asked whether they are enough."""
WINDOW: Final = 32 * 1024
"""Bytes that the system takes of an answer before they are asked for. It would take megabytes, for each of 900 connections."""
MOST_ADDRESSES: Final = 32
"""Addresses of one name that are tried. Whoever owns a name may give it thousands, and trying them takes time."""
LOOKUPS: Final = 64
"""Names that are looked up at once. For one that nobody answers for the system waits up to half a minute."""
USER_AGENT: Final = f"perscom-receiver/{version('perscom-receiver')}"


class AiohttpTransport:
    """One session for all endpoints, opened at first use in the running event loop.

    Certificates are checked, no redirect is followed, no proxy or password is taken from the environment, no cookie is kept.
    """

    def __init__(self, guard: AddressGuard, *, tls: ssl.SSLContext | None = None) -> None:
        self._guard = guard
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._names: _Names | None = None

    async def send(self, request: SignedRequest, *, timeout: float) -> Answer:
        """See :class:`~perscom_sender.transport.Transport`."""
        session, limits = self._session or self._open(), _limits(timeout)
        try:
            async with session.request(
                request.method,
                _url(request.url),
                data=request.body or None,
                headers=request.headers,
                timeout=limits,
                allow_redirects=False,
            ) as response:
                return Answer(response.status, response.headers, await _head(response))
        except Exception as error:  # noqa: BLE001 - whatever a hostile answer makes of it, it is one failed try
            failure = failure_of(error, limits)
        raise failure  # out here, where no exception is being handled: it must not become the context of this one

    def _open(self) -> aiohttp.ClientSession:
        self._names = _Names()
        connector = aiohttp.TCPConnector(
            limit=0,  # how many run at once is decided before
            keepalive_timeout=KEEP_ALIVE,
            socket_factory=self._open_socket,
            resolver=self._names,
            ssl=self._tls or True,
        )
        connector._factory = partial(_Connection, loop=asyncio.get_running_loop())  # type: ignore[assignment]  # invariant
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            skip_auto_headers=("Accept",),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a body that grows while it is read would escape the limit
            trust_env=False,
        )
        self._session._retry_connection = False  # it would send a GET twice, when the connection was an old one
        return self._session

    def _open_socket(self, found: tuple[Any, ...]) -> socket.socket:
        opened = self._guard.open_socket(found)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        return opened

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        names, self._names = self._names, None
        if names is not None:
            await names.close()


def _url(text: str) -> URL:
    try:
        url = URL(text, encoded=True)
        whole = url.raw_host and url.port
    except ValueError:
        whole = None
    if not whole:
        raise aiohttp.InvalidURL(text)
    return url


@lru_cache
def _limits(timeout: float) -> aiohttp.ClientTimeout:
    # `connect` holds for the look-up of the name and all addresses together; a connection that stands needs no timer for it.
    # `ceil_threshold`: else what is longer than 5 s would end at a whole second of the clock, up to a second late.
    return aiohttp.ClientTimeout(total=timeout, connect=min(CONNECT_TIMEOUT, timeout), ceil_threshold=inf)


class _Names(AbstractResolver):
    """The system's look-up of names, in threads of its own: those of the event loop are few, and soon held by dead ones."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS, "perscom-names")

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        ask = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except UnicodeError:  # such as a part of more than 63 letters
            raise OSError("It can be no name.") from None
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=flags)
            for kind, _, protocol, _, address in found[:MOST_ADDRESSES]
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Connection(ResponseHandler):
    """Takes an answer up to its limits, whatever it is made of: the memory and the time of all are shared.

    aiohttp by itself skips 1xx answers without an end, takes chunks of a byte for as long as they come, and waits for more of a
    body that cannot be read.
    """

    _bytes = _messages = 0

    def set_response_params(self, **params: Any) -> None:  # a request begins
        self._bytes = self._messages = 0
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:  # the headers of an answer are there
        self._messages += 1
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data) or 1, PIECE):
            piece = data[start : start + PIECE]
            self._bytes += len(piece)
            if self._bytes > LARGEST_ANSWER:
                self._refuse(f"it answered with more than {LARGEST_ANSWER // 1024**2} MiB; is it the right address?")
            elif self._messages > MOST_HINTS:
                self._refuse("it answered with 1xx again and again")
            else:
                super().data_received(piece)
            if (error := self.exception()) is not None:
                if self._payload is not None and not self._payload.is_eof():
                    self._payload.set_exception(error)
                return

    def _refuse(self, why: str) -> None:
        self.set_exception(DeliveryError(why, kind="protocol"))
        if self.transport is not None:
            self.transport.abort()


async def _head(response: aiohttp.ClientResponse) -> bytes:
    """The head of the answer. It is read to its end, so that the connection can be used again."""
    if response.content.at_eof():
        return b""
    head = bytearray()
    async for chunk in response.content.iter_any():
        head += chunk[: ANSWER_HEAD - len(head)]
    return bytes(head)
