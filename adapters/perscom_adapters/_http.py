"""The one way out: HTTP requests to chat platforms, with nothing secret in any error.

A webhook's address is a password, and every exception of the HTTP library holds the address. So such an exception never
leaves this module: what happened is put into words of our own, and raised with no cause and no context.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Final

import aiohttp
import msgspec

from perscom_receiver import DestinationError

from ._secret import SecretURL

__all__ = ["ANSWER_LIMIT", "Answer", "new_session", "request"]

ANSWER_LIMIT: Final = 64 * 1024
"""Bytes of an answer's body that are read; the rest is not worth having."""
CONNECT_TIMEOUT: Final = 5.0
"""Seconds until a connection must stand, TLS included."""
USER_AGENT: Final = f"perscom-receiver/{version('perscom-receiver')}"


class Answer(msgspec.Struct, frozen=True):
    """What a platform answered. ``headers`` ignores case; ``body`` is cut at the limit or where it broke off."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Answer {self.status}, {len(self.body)} bytes>"

    def json(self) -> object:
        """The decoded body; None if it is no JSON, whatever it is instead."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def object(self) -> dict[str, Any]:
        """The decoded body if it is an object; an empty one if not."""
        body = self.json()
        return body if isinstance(body, dict) else {}


def new_session(open_socket: Callable[[Any], socket.socket] | None = None) -> aiohttp.ClientSession:
    """The session for all platforms of one process; the caller closes it. Call it inside a running event loop.

    Each request has a connection of its own: on a kept one, which the peer may close at the same moment, a send could end
    *unclear* for no good reason. No proxy or password is taken from the environment, no cookie is kept. ``open_socket`` opens
    its sockets and may refuse to, by an OSError.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=64, limit_per_host=16, socket_factory=open_socket),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


async def request(
    session: aiohttp.ClientSession,
    method: str,
    url: SecretURL,
    *,
    body: bytes,
    timeout: float,
    content_type: str = "application/json",
    headers: Mapping[str, str] = {},
    repeatable: bool = False,
    answer_limit: int = ANSWER_LIMIT,
) -> Answer:
    """Send one request, once, and return whatever is answered; a redirect is an answer and is not followed.

    ``headers`` go beside those that every request has. ``timeout`` is in seconds and spans everything up to the end of the
    answer. Raises :class:`DestinationError` with the outcome ``"retry"`` if the request certainly was not sent,
    ``"unclear"`` if it may have been taken although no answer came. A ``repeatable`` request, one that changes nothing when
    it is done twice, is a ``"retry"`` then too. Of the answer's body ``answer_limit`` bytes are read. Being cancelled is
    :class:`asyncio.CancelledError`, as ever.
    """
    watched = _WatchedBody(body, content_type=content_type)
    try:
        if session.closed:
            raise aiohttp.ClientConnectionError  # the process is stopping
        response = await session.request(
            method,
            url.reveal(),
            data=watched,
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers},
            timeout=aiohttp.ClientTimeout(total=timeout, connect=min(CONNECT_TIMEOUT, timeout)),
            allow_redirects=False,
            auto_decompress=False,  # a body that grows while it is read would escape the limit
        )
    except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
        failure = _failure(error, url.host, timeout=timeout, written=watched.started, repeatable=repeatable)
    else:
        try:
            return Answer(response.status, response.headers, await _read(response, answer_limit))
        finally:
            response.close()
    raise failure  # out here, where no exception is being handled: it must not become the context of this one


class _WatchedBody(aiohttp.BytesPayload):
    """A body that knows whether it has begun to leave. Headers alone make no request that anybody would act on."""

    def __init__(self, body: bytes, *, content_type: str) -> None:
        super().__init__(body, content_type=content_type)
        self.started = False

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        self.started = True
        await super().write_with_length(writer, content_length)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body up to the limit. Once the status is here it decides; a body that breaks off only tells less."""
    received = bytearray()
    with suppress(aiohttp.ClientError, OSError):
        while (room := limit - len(received)) and (chunk := await response.content.read(room)):
            received += chunk
    return bytes(received)


def _failure(error: Exception, host: str, *, timeout: float, written: bool, repeatable: bool) -> DestinationError:
    """The same in words that hold no address: of the exception only the name of its class is used."""
    kind = type(error).__name__
    if not written:
        return DestinationError(f"{host} could not be reached ({kind}); nothing was sent.", outcome="retry")
    how = f"did not answer within {timeout:g} s" if isinstance(error, asyncio.TimeoutError) else f"gave no answer ({kind})"
    return DestinationError(
        f"{host} {how}; what was sent to it may have been taken.", outcome="retry" if repeatable else "unclear"
    )
