"""What may go wrong with one request: answers a platform never meant to give, silence, and cut connections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal

import msgspec
from aiohttp import web

from ._platform import Reply

__all__ = ["Cut", "Drip", "Fault", "Garble", "Hang", "Say", "Stage", "cloudflare_block", "html_error", "redirect"]

Stage = Literal["before_reading", "before_storing", "after_storing"]
"""When a fault strikes: before the body is read; when it is read and nothing has come of it; when the platform has done what
was asked (a message is stored) and only the answer is missing."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all faults. Each is for one request."""

    stage: Stage = "before_storing"

    async def play(self, request: web.Request, usual: Reply, stopped: asyncio.Event) -> web.StreamResponse:
        """Answer, or do not. ``usual`` is what the platform answered after it stored the message, else an empty 200."""
        raise NotImplementedError


class Say(Fault, frozen=True, kw_only=True):
    """Answers this, whatever was asked."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}

    async def play(self, request: web.Request, usual: Reply, stopped: asyncio.Event) -> web.StreamResponse:
        return web.Response(status=self.status, body=self.body, headers=self.headers)


class Hang(Fault, frozen=True, kw_only=True):
    """Says nothing until the stand-in stops, and then cuts the connection."""

    async def play(self, request: web.Request, usual: Reply, stopped: asyncio.Event) -> web.StreamResponse:
        await stopped.wait()
        return _cut(request)


class Cut(Fault, frozen=True, kw_only=True):
    """Cuts the connection without an answer."""

    async def play(self, request: web.Request, usual: Reply, stopped: asyncio.Event) -> web.StreamResponse:
        return _cut(request)


class Garble(Fault, frozen=True, kw_only=True):
    """Answers with bytes that are no HTTP."""

    async def play(self, request: web.Request, usual: Reply, stopped: asyncio.Event) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.write(b"\x15\x03\x01 this is not HTTP\r\n\r\n")
            request.transport.close()
        return web.Response()


class Drip(Fault, frozen=True, kw_only=True):
    """Gives the usual answer, its body one byte every ``seconds``."""

    stage: Stage = "after_storing"
    seconds: float

    async def play(self, request: web.Request, usual: Reply, stopped: asyncio.Event) -> web.StreamResponse:
        response = web.StreamResponse(status=usual.status, headers=usual.headers)
        response.content_length = len(usual.body)
        await response.prepare(request)
        for byte in usual.body:
            await response.write(bytes((byte,)))
            await asyncio.sleep(self.seconds)
        return response


def html_error(status: int = 502) -> Say:
    """An error page of the proxy in front of a platform."""
    page = f"<html><head><title>{status}</title></head><body><center>{status}</center><hr>cloudflare</body></html>"
    return Say(status=status, body=page.encode(), headers={"Content-Type": "text/html; charset=UTF-8"})


def cloudflare_block() -> Say:
    """429 of the proxy: this address is blocked for a while. Neither JSON nor a time."""
    return Say(status=429, body=b"error code: 1015", headers={"Content-Type": "text/plain; charset=UTF-8"})


def redirect(location: str, status: int = 302) -> Say:
    """A redirect."""
    return Say(status=status, headers={"Location": location})


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # goes nowhere
