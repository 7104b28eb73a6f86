"""Requests by aiohttp. No exception of it leaves this module: they hold the address, which may hold a token."""

from __future__ import annotations

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from perscom_receiver import AddressGuard, AddressRefused, DeliveryError

from .signing import SignedRequest
from .transport import ANSWER_HEAD, Answer

__all__ = ["AiohttpTransport"]

CONNECT_TIMEOUT: Final = 5.0
"""Seconds until a connection must stand, TLS included."""
KEEP_ALIVE: Final = 1.5
"""Seconds that an idle connection is kept. Servers close them after 2 s or more; what is sent at that moment has failed."""
LARGEST_ANSWER: Final = 256 * 1024
"""Bytes of an answer that are read. An endpoint that has more to say is none for events."""
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
        session = self._session or self._open()
        try:
            async with session.request(
                request.method,
                URL(request.url, encoded=True),
                data=request.body or None,
                headers=request.headers,
                timeout=aiohttp.ClientTimeout(total=timeout, connect=min(CONNECT_TIMEOUT, timeout)),
                allow_redirects=False,
            ) as response:
                return Answer(response.status, response.headers, await _read(response))
        except Exception as error:  # noqa: BLE001 - whatever a hostile answer makes of it, it is one failed try
            failure = _failure(error, timeout)
        raise failure  # out here, where no exception is being handled: it must not become the context of this one

    def _open(self) -> aiohttp.ClientSession:
        self._names = _Names()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # how many run at once is decided before
                keepalive_timeout=KEEP_ALIVE,
                socket_factory=self._guard.open_socket,
                resolver=self._names,
                ssl=self._tls or True,
            ),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            skip_auto_headers=("Accept",),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a body that grows while it is read would escape the limit
            trust_env=False,
        )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        names, self._names = self._names, None
        if names is not None:
            await names.close()


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
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The head of the answer. It is read to its end, so that the connection can be used again."""
    head, size = bytearray(), 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > LARGEST_ANSWER:
            raise DeliveryError(
                f"answered with more than {LARGEST_ANSWER // 1024} KiB; is it the right address?", kind="protocol"
            )
        if len(head) < ANSWER_HEAD:
            head += chunk[: ANSWER_HEAD - len(head)]
    return bytes(head)


def _failure(error: Exception, timeout: float) -> DeliveryError:
    """The same in words that hold no address: of the exception only the name of its class is used."""
    kind = type(error).__name__
    match error:
        case DeliveryError():
            return error
        case TimeoutError():
            text = "no connection stood" if isinstance(error, aiohttp.ConnectionTimeoutError) else "no whole answer came"
            limit = min(CONNECT_TIMEOUT, timeout) if isinstance(error, aiohttp.ConnectionTimeoutError) else timeout
            return DeliveryError(f"{text} within {limit:g} s", kind="timeout")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            return DeliveryError(f"its certificate or its TLS is not right ({kind})", kind="tls")
        case aiohttp.ClientConnectorError(os_error=AddressRefused()):
            return DeliveryError(
                "it leads into a private network; nothing was sent. If that is meant, name the network in allow=",
                kind="address",
            )
        case aiohttp.InvalidURL():
            return DeliveryError("its address is written in a way that no request is made to; nothing was sent", kind="address")
        case aiohttp.ClientConnectorDNSError():
            return DeliveryError("its name has no address", kind="dns")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | ConnectionResetError():
            return DeliveryError(f"it closed the connection before the answer was whole ({kind})", kind="closed")
        case aiohttp.ClientOSError() | OSError():
            return DeliveryError(f"it could not be reached ({kind})", kind="connect")
        case _:
            return DeliveryError(f"its answer is no HTTP that can be read ({kind})", kind="protocol")
