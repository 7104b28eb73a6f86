"""Endpoints that a sender is tried on: real servers on port 0, which answer well, badly or not at all, and remember."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from aiohttp import web

__all__ = ["Endpoint"]

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Endpoint:
    """A server that answers by a script: one entry for each request, the last one for all that follow.

    An entry is a status, a pair of a status and headers, ``"hang"``, ``"cut"`` or a coroutine function of the request.
    """

    def __init__(self, *script: int | tuple[int, dict[str, str]] | str | Answering, body: str = "thanks") -> None:
        self.script = list(script) or [200]
        self.body = body
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.targets: list[str] = []
        self.running = self.most = 0
        self.hanging = asyncio.Event()

    async def __aenter__(self) -> Self:
        server = web.Server(self._answer)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await self._site.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.hanging.set()
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        return int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            body = await request.read()
            entry = self.script[min(len(self.requests), len(self.script) - 1)]
            self.requests.append((dict(request.headers), body))
            self.targets.append(request.raw_path if isinstance(request, web.Request) else request.path_qs)
            if isinstance(entry, int):
                return web.Response(status=entry, text=self.body)
            if isinstance(entry, tuple):
                return web.Response(status=entry[0], headers=entry[1], text=self.body)
            if entry == "hang":
                await self.hanging.wait()
                return web.Response()
            if entry == "cut":
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            assert callable(entry)
            return await entry(request)  # type: ignore[arg-type]
        finally:
            self.running -= 1
