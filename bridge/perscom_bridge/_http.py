"""The HTTP servers behind the two listeners, and the bounds of the public one, which uvicorn has not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["PublicConnection", "Server", "new_server"]

STOP_WITHIN = 5
"""Seconds that open requests get when the service stops. PERSCOM itself waits 3."""
MOST = 500
"""Public connections at once. Systems give a program 1024 files; a service that has none left hears nobody."""
WITHIN = 20.0
"""Seconds for one public request, from the connection or the answer before it to the end of its own answer."""
LINES = 250
"""Line breaks in what arrives at one moment. Each chunk of a body has two, and a thousand of a byte keep everybody waiting."""


def new_server(app: ASGIApp, *, public: bool) -> Server:
    """A server that serves ``app``, once it is told on which sockets. ``public``: anybody may call it."""
    return Server(
        uvicorn.Config(
            app,
            http=PublicConnection if public else "auto",
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=STOP_WITHIN,
        )
    )


class Server(uvicorn.Server):
    """A server among others in one process: signals are the service's own business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class PublicConnection(H11Protocol):
    """A connection that is cut when a request takes too long, or when it is the slowest of too many.

    A genuine call takes milliseconds, so the slowest of hundreds is a stranger's. h11 bounds the head of a request (16 KiB);
    httptools, twice as fast, takes whatever a stranger sends.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._began = self.loop.time()
        self._deadline = self.loop.call_later(WITHIN, transport.abort)
        if len(self.connections) > MOST:
            slowest = min((each for each in self.connections if isinstance(each, PublicConnection)), key=_began)
            self.connections.discard(slowest)  # it is told later that it is lost
            slowest.transport.abort()

    def data_received(self, data: bytes) -> None:
        if data.count(b"\r\n") > LINES:
            self.transport.abort()
        else:
            super().data_received(data)

    def on_response_complete(self) -> None:
        self._deadline.cancel()
        self._began = self.loop.time()
        self._deadline = self.loop.call_later(WITHIN, self.transport.abort)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What arrives is no HTTP. Behind an answer there is no room for another; in front of it the app is told to give up."""
        if self.cycle is not None and self.cycle.response_started:
            self.transport.close()
            return
        super().send_400_response(msg)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        super().connection_lost(exc)


def _began(connection: PublicConnection) -> float:
    return connection._began
