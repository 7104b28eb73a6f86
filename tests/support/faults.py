"""A server that does all that a receiver of webhooks must not do, byte by byte, and counts who comes."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

__all__ = ["CHUNKED", "OK", "FaultServer", "Misbehaving", "at_once", "floods", "never", "resets", "says"]

Misbehaving = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


async def _request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")


def says(*pieces: bytes, pause: float = 0.0, holds: bool = False) -> Misbehaving:
    """Reads the headers of a request, writes ``pieces`` with a pause after each, and closes, or ``holds`` the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if holds:
            await asyncio.Event().wait()

    return serve


def floods(head: bytes, piece: bytes) -> Misbehaving:
    """Writes ``head``, and then ``piece`` for as long as anybody takes it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return serve


def at_once(*pieces: bytes, holds: bool = False) -> Misbehaving:
    """Answers before it has read anything, and reads nothing afterwards."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(pieces)
        await writer.drain()
        if holds:
            await asyncio.Event().wait()

    return serve


def resets(*pieces: bytes) -> Misbehaving:
    """Writes ``pieces``, which arrive, and then resets the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.writelines(pieces)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return serve


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes a connection and leaves it at that."""
    await asyncio.Event().wait()


class FaultServer:
    """Serves every connection in the same way. With ``tls`` it is an https server."""

    def __init__(self, serve: Misbehaving, tls: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self._serve = serve
        self._tls = tls
        self._serving = set[asyncio.Task[None]]()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for serving in self._serving:
            serving.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/hook"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
                writer.close()  # what was written goes out before
                await writer.wait_closed()
        finally:
            writer.transport.abort()
