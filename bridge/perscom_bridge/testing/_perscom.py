"""The stand-in's server: keys and their scopes, tables of rows, pages, limits, and what may go wrong."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import socket
import time
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import msgspec
from aiohttp import web

from ._refusals import RULE, Refused, error_body
from ._rows import Rows, page_of
from ._search import Invalid, Row, ServerFault, found, ordered
from ._tables import TABLES

__all__ = ["Asked", "PerscomStandIn", "Trouble"]

Trouble: TypeAlias = Literal["500", "503", "html", "slow", "cut", "redirect"]
"""What may befall one request: a fault of PERSCOM's, maintenance, a page of the CDN, silence, a cut connection, a redirect."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request, and how it was answered."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    status: int


class PerscomStandIn:
    """PERSCOM's REST API on this machine, version 1 and 2, for one community.

    ::

        async with PerscomStandIn() as perscom:
            perscom.add("ranks", id=12, name="Sergeant First Class")
            ...                                # let the code under test ask at perscom.url with perscom.key()
            assert [one.path for one in perscom.asked] == ["/v2/ranks/search"]

    It only answers: a request that would change something gets 405. ``limit`` is how many requests a minute it takes, None any
    number. ``now`` gives seconds since 1970. With ``stale`` a GET is answered for ever as it was the first time, as by the CDN.
    """

    def __init__(
        self, *, tenant: str = "1201", limit: int | None = None, now: Callable[[], float] = time.time, stale: bool = False
    ) -> None:
        self.tenant = tenant
        self.limit = limit
        self.subscribed = True
        """Whether the community pays; 402 otherwise."""
        self.asked: list[Asked] = []
        """Every request, in order, the one under way included."""
        self.between: Callable[[], object] | None = None
        """Called before each answer is made: rows may change between two pages."""
        self.troubles: deque[Trouble] = deque()
        """What befalls the next requests, one each."""
        self.rows = Rows()
        """``rows.tables`` by path; with ``rows.blank_display_names`` users show no relations of their own accord."""
        self._keys: dict[str, tuple[frozenset[str], float]] = {}
        self._now = now
        self._stale: dict[str, tuple[int, bytes]] | None = {} if stale else None
        self._window: deque[float] = deque()
        self._chance = random.Random(1201)
        self._url = ""
        self._runner: web.AppRunner | None = None
        self._stopped = asyncio.Event()

    @property
    def url(self) -> str:
        """The address of the API, with its version."""
        return f"{self._url}/v2"

    def key(self, *scopes: str, days: float = 365) -> str:
        """A new API key with ``scopes`` (``view:rank``), by default with all."""
        claims = {"tenant": self.tenant, "exp": self._now() + days * 86_400, "sub": "2", "email": "owner@heron-troop.example"}
        parts = (json.dumps(part).encode() for part in ({"alg": "HS256"}, claims))
        token = ".".join([*(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), secrets.token_urlsafe(24)])
        self._keys[token] = frozenset(scopes or ("*",)), self._now() + days * 86_400
        return token

    def revoke(self, key: str) -> None:
        """What its owner does in the dashboard."""
        del self._keys[key]

    def add(self, path: str, **row: Any) -> Row:
        """A new row, which may be changed later. Relations that are no ``<name>_id`` are given as they are shown."""
        return self.rows.add(path, row)

    # Its life.

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(self._runner, listener).start()
        self._url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._runner is not None:
            await self._runner.cleanup()

    # What a client meets.

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.between is not None:
            self.between()
        raw = await request.read()
        ids = {"X-Perscom-Request-Id": str(uuid4()), "X-Perscom-Trace-Id": str(uuid4())}
        trouble = self.troubles.popleft() if self.troubles else None
        if trouble is not None:
            self._note(request, raw, {"500": 500, "503": 503, "html": 502, "redirect": 302}.get(trouble, 0))
            return await self._trouble(trouble, request, ids)
        headers: dict[str, str] = {}
        errors: Mapping[str, list[str]] = {}
        body: object = None
        if self._stale is not None and request.method == "GET" and request.path_qs in self._stale:
            status, content = self._stale[request.path_qs]
        else:
            try:
                self._throttle(headers)
                status, body = 200, self._answer(request, raw)
            except Refused as refused:
                status, errors = refused.status, refused.errors
            except Invalid as invalid:
                status, errors = 422, {str(invalid): [RULE]}
            except ServerFault:
                status = 500
            content = json.dumps(body if status == 200 else error_body(status, ids, errors)).replace("/", "\\/").encode()
            if self._stale is not None and request.method == "GET":
                self._stale[request.path_qs] = status, content
        if status == 429:
            headers = {}  # PERSCOM makes this answer anew, without the headers that would tell when to come back
        self._note(request, raw, status)
        cache = {"Cache-Control": "no-store, max-age=0, public", "Vary": "Authorization, X-Perscom-Id"}
        return web.Response(status=status, body=content, content_type="application/json", headers={**ids, **headers, **cache})

    def _note(self, request: web.Request, raw: bytes, status: int) -> None:
        body = json.loads(raw) if raw else None
        self.asked.append(Asked(method=request.method, path=request.path, query=dict(request.query), body=body, status=status))

    async def _trouble(self, trouble: Trouble, request: web.Request, ids: Mapping[str, str]) -> web.StreamResponse:
        match trouble:
            case "500" | "503":
                return web.json_response(error_body(int(trouble), ids), status=int(trouble), headers=ids)
            case "html":
                return web.Response(status=502, text="<html><title>502</title></html>", content_type="text/html")
            case "redirect":
                return web.Response(status=302, headers={"Location": f"{self._url}/billing"})
            case "slow":
                await self._stopped.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _throttle(self, headers: dict[str, str]) -> None:
        if self.limit is None:
            return
        now = self._now()
        while self._window and self._window[0] <= now - 60:
            self._window.popleft()
        if len(self._window) >= self.limit:
            raise Refused(429)
        self._window.append(now)
        headers["X-RateLimit-Limit"] = str(self.limit)
        headers["X-RateLimit-Remaining"] = str(self.limit - len(self._window))

    def _answer(self, request: web.Request, raw: bytes) -> object:
        version, _, rest = request.path.strip("/").partition("/")
        path, _, number = rest.partition("/")
        if version not in ("v1", "v2"):
            raise Refused(400 if version.startswith("v") else 404)
        if path not in TABLES:
            raise Refused(404)
        search = request.method == "POST" and number == "search"
        if request.method != "GET" and not search:
            raise Refused(405)
        scopes = self._admitted(request)
        if request.method == "GET" and number:
            if not (row := next((one for one in self.rows.visible(path, {}) if str(one["id"]) == number), None)):
                raise Refused(404)  # a missing row is told before a missing scope
            self._scoped(path, scopes)
            return {"data": self.rows.shown(path, row, self._includes(path, request.query))}
        self._scoped(path, scopes)
        includes = self._includes(path, request.query)
        body = _body(raw) if search else {}
        rows = found(self.rows.visible(path, body), body, TABLES[path], self.rows.related)
        self._chance.shuffle(rows)  # where nobody asks for an order there is none
        return page_of(
            [self.rows.shown(path, row, includes) for row in ordered(rows, body, TABLES[path])], request.path, request.query
        )

    def _admitted(self, request: web.Request) -> frozenset[str]:
        """The scopes of the key."""
        query = parse_qs(urlsplit(request.path_qs).query)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or (query.get("apikey") or [""])[0]
        tenant = request.headers.get("X-Perscom-Id", self.tenant)
        scopes, ends = self._keys.get(token, (frozenset(), 0.0))
        if tenant != self.tenant or ends <= self._now():
            raise Refused(401)
        if not self.subscribed:
            raise Refused(402)
        return scopes

    def _scoped(self, path: str, scopes: frozenset[str]) -> None:
        if not scopes & {"*", f"view:{TABLES[path].scope}"}:
            raise Refused(403)

    def _includes(self, path: str, query: Mapping[str, str]) -> set[str]:
        includes = {one for one in query.get("include", "").split(",") if one}
        if not all(TABLES[path].includable(one) for one in includes):
            raise Refused(422, include=[RULE])
        return includes


def _body(raw: bytes) -> Mapping[str, Any]:
    body = json.loads(raw or b"{}")
    return body if isinstance(body, dict) else {}
