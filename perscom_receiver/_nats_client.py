"""One connection to NATS, and what is said of its errors. It is never mended: who wants another one connects anew."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.js.errors import APIError, ServiceUnavailableError

from ._errors import ConfigurationError, PerscomError, Unavailable
from ._nats_address import NatsAddress

__all__ = ["Connection", "connected", "sentence"]

CONNECT_WITHIN = 4.0
CLOSE_WITHIN = 1.0
PING_EVERY = 5
"""Seconds between two pings; a server that leaves two of them unanswered is given up."""
_log = logging.getLogger("perscom_receiver")


class Connection:
    """A client that is connected, or was."""

    def __init__(self) -> None:
        self.client = _Client()
        self.closed = asyncio.Event()


@asynccontextmanager
async def connected(address: NatsAddress, server: str) -> AsyncIterator[Connection]:
    """Connect to ``server``, one of ``address``. Raises ConfigurationError, Unavailable, or what :func:`sentence` reads."""
    connection, causes, forbidden = Connection(), list[Exception](), set[str]()
    secured = _SecureContext(ssl.PROTOCOL_TLS_CLIENT)

    def secret(value: str | None) -> Callable[[], str] | None:
        """The library goes on in clear where a server, or who stands in front of it, says that it knows no TLS."""
        return None if value is None else lambda: _only_if(secured.used or not address.tls, value)

    async def failed(error: Exception) -> None:
        causes.append(error)
        if "permissions violation" in str(error).lower() and str(error) not in forbidden:
            forbidden.add(str(error))
            _log.warning("NATS at %s: %s", address.name, sentence(error))

    async def closed() -> None:
        connection.closed.set()

    address.check_files()
    _load(secured, address)
    try:
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await connection.client.connect(
                    servers=[server],
                    name="perscom-receiver",
                    error_cb=failed,
                    closed_cb=closed,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    ping_interval=PING_EVERY,
                    tls=secured,
                    user=secret(address.user),
                    password=secret(address.password),
                    token=secret(address.token),
                    user_credentials=address.creds,
                    nkeys_seed=address.nkey,
                )
        except nats.errors.NoServersError:
            raise causes[-1] if causes else Unavailable("no answer") from None
        _only_if(secured.used or not address.tls, "")
        yield connection
    finally:
        with suppress(Exception):  # of one that is broken already
            async with asyncio.timeout(CLOSE_WITHIN):
                await connection.client.close()
        connection.client.abort()


def sentence(error: BaseException) -> str:
    """What happened, in words without anything secret."""
    match error:
        case PerscomError():
            return str(error)
        case ssl.SSLCertVerificationError():
            return f"the certificate of the server is not trusted: {error.verify_message}. Name who signed it: ca=…"
        case ServiceUnavailableError(description=None) | nats.errors.NoRespondersError():
            return "JetStream is off there. Start the server with JetStream: nats-server -js"
        case APIError(description=str() as description):
            return description
        case TimeoutError():
            return "no answer in time"
        case OSError():
            return error.strerror or str(error)
        case nats.errors.Error() if "authorization" in str(error).lower() or "authentication" in str(error).lower():
            return "the server does not take our user and password, token or key"
        case nats.errors.ConnectionClosedError():
            return "the connection was lost"
        case nats.errors.Error():
            return str(error).removeprefix("nats: ")
        case _:
            return type(error).__name__


def _only_if(secure: bool, value: str) -> str:
    if not secure:
        raise ConfigurationError("tls:// is asked for, but the server offers no TLS: nothing secret was sent to it.")
    return value


def _load(context: ssl.SSLContext, address: NatsAddress) -> None:
    try:
        if address.ca is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(address.ca)
        if address.cert is not None:
            context.load_cert_chain(address.cert, address.key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"ca=, cert= and key= of NATS are no PEM files that fit together: {sentence(error)}") from None


class _SecureContext(ssl.SSLContext):
    """Notes that it came to be used."""

    used = False

    def wrap_bio(self, *arguments: Any, **settings: Any) -> ssl.SSLObject:
        self.used = True
        return super().wrap_bio(*arguments, **settings)


class _Client(Client):
    """One that outlives a message whose headers are none, instead of meeting it again in each further connection."""

    def abort(self) -> None:
        """Let go of the socket also where the server reads nothing any more: what waits for it would stay in memory."""
        if (writer := getattr(self._transport, "_io_writer", None)) is not None:
            writer.transport.abort()

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        try:
            return await super()._process_headers(headers)
        except Exception:  # noqa: BLE001
            return None
