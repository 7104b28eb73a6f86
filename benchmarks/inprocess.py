"""What each middleware adds to a request, in process: no sockets, one signed body of 2 KiB, read by the app."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import Any

import flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.measure import SECRET, golden, side_by_side, table, times
from perscom_receiver import Verifier
from perscom_receiver.flask import SignatureMiddleware as WsgiMiddleware
from perscom_receiver.starlette import SignatureMiddleware

PATH = "/webhooks/perscom"


async def view(request: Request) -> Response:
    """Reads the body, as any webhook view does."""
    return PlainTextResponse(str(len(await request.body())))


async def verifying_view(request: Request) -> Response:
    """Verifies in the view: what a middleware has to compare with."""
    body = await request.body()
    VERIFIER.event(request.scope["headers"], body)
    return PlainTextResponse(str(len(body)))


class VerifyingBase(BaseHTTPMiddleware):
    """The convenient way."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        VERIFIER.event(request.scope["headers"], await request.body())
        return await call_next(request)


VERIFIER = Verifier(SECRET)


def starlette_app(kind: str) -> Any:
    """The same app: ``bare``, ``view``, ``ours`` or ``base``."""
    middleware = {"ours": [Middleware(SignatureMiddleware, secrets=SECRET)], "base": [Middleware(VerifyingBase)]}.get(kind, [])
    endpoint = verifying_view if kind == "view" else view
    return Starlette(routes=[Route(PATH, endpoint, methods=["POST"])], middleware=middleware)


def flask_app(kind: str) -> Any:
    """The same app: ``bare``, ``view`` or ``ours``."""
    app = flask.Flask("benchmark")

    @app.post(PATH)
    def read() -> str:
        body = flask.request.get_data()
        if kind == "view":
            VERIFIER.event(flask.request.headers, body)
        return str(len(body))

    return WsgiMiddleware(app.wsgi_app, secrets=SECRET) if kind == "ours" else app.wsgi_app


def main() -> None:
    """Print a table for each framework."""
    headers, body = golden("rankrecord_created")
    with asyncio.Runner() as runner:
        asgi = {name: _asgi_call(runner, starlette_app(name), headers, body) for name in ("bare", "view", "ours", "base")}
        table("Starlette, in process", side_by_side(asgi, 1500))
    wsgi = {name: _wsgi_call(flask_app(name), headers, body) for name in ("bare", "view", "ours")}
    table("Flask, in process", side_by_side(wsgi, 1500))


def _asgi_call(runner: asyncio.Runner, app: Any, headers: dict[str, str], body: bytes) -> Callable[[int], None]:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def once() -> None:
        status: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                status.append(message["status"])

        scope = {
            "type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "root_path": "", "query_string": b"",
            "headers": raw, "http_version": "1.1", "scheme": "http", "server": ("t", 80), "client": ("t", 1),
            "asgi": {"version": "3.0"},
        }  # fmt: skip
        await app(scope, receive, send)
        assert status == [200], status

    async def run(n: int) -> None:
        for _ in range(n):
            await once()

    return lambda n: runner.run(run(n))


def _wsgi_call(app: Any, headers: dict[str, str], body: bytes) -> Callable[[int], None]:
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": PATH, "SCRIPT_NAME": "", "QUERY_STRING": "", "SERVER_NAME": "t",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "wsgi.version": (1, 0),
        "wsgi.errors": None, "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
        "CONTENT_TYPE": headers["Content-Type"], "CONTENT_LENGTH": str(len(body)),
        "HTTP_SIGNATURE": headers["Signature"], "HTTP_USER_AGENT": headers["User-Agent"],
    }  # fmt: skip

    def once() -> None:
        status: list[str] = []
        result = app({**environ, "wsgi.input": BytesIO(body)}, lambda line, *_: status.append(line))
        b"".join(result)
        assert status[0].startswith("200"), status

    return times(once)
