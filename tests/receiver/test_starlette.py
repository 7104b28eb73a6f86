"""The Starlette binding beyond the table of cases: bodies, limits, other traffic, and that nothing unverified gets through."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import fastapi
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from perscom_receiver import (
    ConfigurationError,
    Event,
    MalformedEvent,
    PayloadTooLarge,
    Receiver,
    Router,
    SignatureMismatch,
    SQLiteInbox,
    Unavailable,
    Worker,
    _gate,
    sign,
)
from perscom_receiver import asgi as binding
from perscom_receiver.starlette import SignatureMiddleware, current_event, webhook_app

PATH = "/webhooks/perscom"
SECRET = "9mK2pQ7vX4nL8sT1wZ6bR3yC5dF0gH2j"
BODY = b'{"event":"user.updated","created":"2026-03-02T19:08:10.854257Z","data":{"id":7},"changes":[]}'
SIGNED = ((b"Content-Type", b"application/json"), (b"Signature", sign(BODY, SECRET).encode()))

# Genuine, and a form at the same time.
FORM = b'{"event":"user.updated","created":"2026-03-02T19:08:10.854257Z","data":"&name=M%C3%BCller&rank=SGT&rest="}'

Handler = Callable[[Request], Any]


class Envelope(pydantic.BaseModel):
    event: str
    data: dict[str, int]


def signed(body: bytes, content_type: str = "application/json") -> tuple[tuple[bytes, bytes], ...]:
    return ((b"Content-Type", content_type.encode()), (b"Signature", sign(body, SECRET).encode()))


def guarded(handler: Handler, *, route: str = PATH, **settings: Any) -> ASGIApp:
    app = Starlette(routes=[Route(route, handler, methods=["POST"])])
    return SignatureMiddleware(app, **{"secrets": SECRET, **settings})


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[_gate._Memory]:
    """A budget of 1000 bytes, that must be given back at the end of every test."""
    memory = _gate._Memory(1000)
    monkeypatch.setattr(_gate, "_memory", memory)
    yield memory
    assert memory.held == 0


class TestBodyAfterwards:
    """Having read the body first, the middleware hands it on as if it had not."""

    @pytest.mark.parametrize("size", [1, 4, 1000, 10**6])
    @pytest.mark.parametrize("at_once", [1, 7, 65536])
    def test_it_is_whole_however_it_arrived(self, asgi: Callable[..., Any], size: int, at_once: int) -> None:
        body = BODY.replace(b'"id":7', b'"text":"' + b"x" * size + b'"')
        pieces = [body[at : at + max(at_once, size // 500)] for at in range(0, len(body), max(at_once, size // 500))]

        async def handler(request: Request) -> Response:
            return Response(await request.body())

        assert asgi(guarded(handler), body=body, headers=signed(body), pieces=pieces, framing="chunked").body == body

    def test_it_can_be_streamed(self, asgi: Callable[..., Any]) -> None:
        async def handler(request: Request) -> Response:
            return Response(b"".join([piece async for piece in request.stream()]))

        assert asgi(guarded(handler), body=BODY, headers=SIGNED).body == BODY

    def test_it_can_be_read_twice_and_as_json_and_streamed_after_that(self, asgi: Callable[..., Any]) -> None:
        async def handler(request: Request) -> Response:
            whole, again, value = await request.body(), await request.body(), await request.json()
            streamed = b"".join([piece async for piece in request.stream()])
            return JSONResponse([whole == again == streamed == BODY, value])

        assert asgi(guarded(handler), body=BODY, headers=SIGNED).json == [True, json.loads(BODY)]

    def test_it_can_be_read_by_a_middleware_of_the_app_and_by_the_handler(self, asgi: Callable[..., Any]) -> None:
        class Reads(BaseHTTPMiddleware):
            async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
                request.state.seen = await request.body()
                return await call_next(request)

        async def handler(request: Request) -> Response:
            return JSONResponse([request.state.seen == await request.body() == BODY, current_event(request).name])

        app = Starlette(routes=[Route(PATH, handler, methods=["POST"])], middleware=[Middleware(Reads)])
        assert asgi(SignatureMiddleware(app, secrets=SECRET), body=BODY, headers=SIGNED).json == [True, "user.updated"]

    @pytest.mark.parametrize("whole_first", [False, True])
    def test_it_can_be_read_as_a_form(self, asgi: Callable[..., Any], whole_first: bool) -> None:
        async def handler(request: Request) -> Response:
            if whole_first:
                assert await request.body() == FORM
            form = await request.form()
            return JSONResponse({name: form[name] for name in ("name", "rank")})

        reply = asgi(guarded(handler), body=FORM, headers=signed(FORM, "application/x-www-form-urlencoded"))
        assert reply.json == {"name": "Müller", "rank": "SGT"}

    def test_fastapi_can_read_a_model_out_of_it(self) -> None:
        app = fastapi.FastAPI()
        app.add_middleware(SignatureMiddleware, secrets=[SECRET])

        @app.post(PATH)
        async def perscom(envelope: Envelope, event: Annotated[Event, fastapi.Depends(current_event)]) -> dict[str, Any]:
            return {"model": envelope, "event": event.id}

        client = TestClient(app)
        reply = client.post(PATH, content=BODY, headers={"Signature": sign(BODY, SECRET), "Content-Type": "application/json"})
        assert reply.json() == {"model": {"event": "user.updated", "data": {"id": 7}}, "event": Event.parse(BODY).id}
        assert client.post(PATH, content=BODY, headers={"Content-Type": "application/json"}).status_code == 401

    def test_a_disconnect_is_still_told_after_the_body(self, asgi: Callable[..., Any]) -> None:
        seen: list[str] = []

        async def inner(scope: Scope, receive: Receive, send: Send) -> None:
            seen.extend([(await receive())["type"] for _ in range(3)])
            await PlainTextResponse("done")(scope, receive, send)

        assert asgi(SignatureMiddleware(inner, secrets=SECRET), body=BODY, headers=SIGNED).body == b"done"
        assert seen == ["http.request", "http.disconnect", "http.disconnect"]

    def test_an_answer_that_streams_ends_when_the_sender_leaves(self, scope_of: Callable[..., dict[str, Any]]) -> None:
        produced: list[str] = []
        leaves = asyncio.Event()
        messages: Iterator[Any] = iter([{"type": "http.request", "body": BODY}, {"type": "http.disconnect"}])

        async def receive() -> Any:
            message = next(messages)
            if message["type"] == "http.disconnect":
                await leaves.wait()
            return message

        async def send(message: Any) -> None:
            await asyncio.sleep(0)
            if len(produced) == 20:
                leaves.set()
                await asyncio.sleep(3600)

        async def handler(request: Request) -> Response:
            async def pieces() -> AsyncIterator[str]:
                while True:
                    produced.append("piece")
                    yield "piece"

            return StreamingResponse(pieces())

        app: Any = guarded(handler)
        asyncio.run(app(scope_of(body=BODY, headers=SIGNED), receive, send))
        assert len(produced) == 20


class TestLimits:
    def test_nothing_is_pulled_beyond_the_limit(self, asgi: Callable[..., Any]) -> None:
        pulled = 0

        def pieces() -> Iterator[bytes]:
            nonlocal pulled
            while True:
                pulled += 100
                yield b"x" * 100

        reply = asgi(guarded(no_handler, max_body=1000), headers=SIGNED, pieces=pieces(), framing="chunked")
        assert (reply.status, pulled) == (413, 1100)
        assert reply.headers["connection"] == "close"

    @pytest.mark.parametrize("framing", ["chunked", "length"])
    def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(self, asgi: Callable[..., Any], framing: str) -> None:
        async def handler(request: Request) -> Response:
            return PlainTextResponse("taken")

        for limit, status in ((len(BODY), 200), (len(BODY) - 1, 413)):
            reply = asgi(guarded(handler, max_body=limit), body=BODY, headers=SIGNED, framing=framing)
            assert reply.status == status

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            ({"headers": ()}, 401),
            ({"headers": ((b"Signature", b"sha256=abc"),)}, 401),
            ({"headers": SIGNED, "framing": 10**9}, 413),
            ({"headers": SIGNED, "method": "PUT"}, 405),
        ],
        ids=["no signature", "malformed", "announced too large", "another method"],
    )
    def test_the_body_is_not_read_when_the_head_decides(
        self, asgi: Callable[..., Any], request_: dict[str, Any], status: int
    ) -> None:
        def pieces() -> Iterator[bytes]:
            raise AssertionError("the body was read")
            yield b""

        reply = asgi(guarded(no_handler), pieces=pieces(), **request_)
        assert (reply.status, reply.headers["connection"]) == (status, "close")

    def test_http_2_is_not_told_to_close_a_connection(self, scope_of: Callable[..., dict[str, Any]]) -> None:
        """Its frames must not carry the header: RFC 9113, section 8.2.2."""
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = scope_of(headers=()) | {"http_version": "2"}
        app: Any = guarded(no_handler)
        asyncio.run(app(scope, never, send))
        assert sent[0]["status"] == 401
        assert b"connection" not in dict(sent[0]["headers"])

    def test_a_refusal_after_the_whole_body_keeps_the_connection(self, asgi: Callable[..., Any]) -> None:
        reply = asgi(guarded(no_handler), body=BODY, headers=((b"Signature", b"0" * 64),))
        assert reply.status == 401
        assert "connection" not in reply.headers

    @pytest.mark.parametrize("limit", [0, -1, 65 * 2**20])
    def test_a_limit_that_makes_no_sense_is_refused(self, limit: int) -> None:
        with pytest.raises(ConfigurationError, match="max_body"):
            guarded(no_handler, max_body=limit)


class TestSlowBodies:
    def run(self, app: ASGIApp, scope: Scope, *, pause: float) -> list[Any]:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(pause)
            return {"type": "http.request", "body": b"x", "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        async def request() -> None:
            await app(scope, receive, send)
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            await asyncio.sleep(0)  # a cancellation that was left behind would show here

        asyncio.run(asyncio.wait_for(request(), 5))
        return sent

    @pytest.mark.parametrize("pause", [60, 0.005], ids=["nothing comes", "it trickles"])
    def test_a_body_that_takes_too_long_is_answered_with_408(
        self, monkeypatch: pytest.MonkeyPatch, scope_of: Callable[..., dict[str, Any]], pause: float, memory: _gate._Memory
    ) -> None:
        monkeypatch.setattr(binding, "BODY_WITHIN", 0.05)
        start, end = self.run(guarded(no_handler), scope_of(headers=SIGNED, body=BODY), pause=pause)
        assert start["status"] == 408
        assert (b"connection", b"close") in start["headers"]
        assert json.loads(end["body"])["detail"] == "The body did not arrive in time."

    @pytest.mark.parametrize(("pause", "status"), [(60, 408), (0.005, 408), (0, 200)])
    def test_it_is_the_same_on_trio_whose_deadlines_are_nested(
        self,
        monkeypatch: pytest.MonkeyPatch,
        scope_of: Callable[..., dict[str, Any]],
        pause: float,
        status: int,
        memory: _gate._Memory,
    ) -> None:
        trio = pytest.importorskip("trio", reason="trio is no dependency; its users bring it")
        monkeypatch.setattr(binding, "BODY_WITHIN", 0.05)
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            with trio.move_on_after(pause or 0.001):  # a deadline of the server's own
                await trio.sleep(100)
            return {"type": "http.request", "body": BODY if pause == 0 else b"x", "more_body": pause > 0}

        async def send(message: Any) -> None:
            sent.append(message)

        async def handler(scope: Any, receive: Any, send: Any) -> None:
            await PlainTextResponse("fine")(scope, receive, send)

        app: Any = SignatureMiddleware(handler, secrets=SECRET)
        trio.run(app, scope_of(headers=SIGNED, body=BODY), receive, send)
        assert sent[0]["status"] == status

    def test_the_deadline_ends_with_the_body(
        self, monkeypatch: pytest.MonkeyPatch, asgi: Callable[..., Any], memory: _gate._Memory
    ) -> None:
        monkeypatch.setattr(binding, "BODY_WITHIN", 0.02)

        async def handler(request: Request) -> Response:
            await asyncio.sleep(0.06)
            return PlainTextResponse("took its time")

        assert asgi(guarded(handler), body=BODY, headers=SIGNED).body == b"took its time"

    def test_a_cancellation_from_outside_is_no_timeout(
        self, scope_of: Callable[..., dict[str, Any]], memory: _gate._Memory
    ) -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def request() -> None:
            app: Any = guarded(no_handler)
            task = asyncio.create_task(app(scope_of(headers=SIGNED, body=BODY), never, send))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(request())
        assert sent == []

    def test_a_sender_that_leaves_gets_no_answer_and_reaches_no_handler(
        self, asgi: Callable[..., Any], memory: _gate._Memory
    ) -> None:
        for pieces in ([], [BODY[:10]], [BODY]):
            assert asgi(guarded(no_handler), headers=SIGNED, body=BODY, pieces=pieces, gone=True).status == 0


class TestMemory:
    def test_too_many_bodies_at_once_are_answered_with_503(
        self, scope_of: Callable[..., dict[str, Any]], memory: _gate._Memory
    ) -> None:
        body = BODY.replace(b'"id":7', b'"text":"' + b"x" * 500 + b'"')
        inside, statuses = asyncio.Event(), []

        async def handler(request: Request) -> Response:
            inside.set()
            await asyncio.sleep(0.03)
            assert memory.held >= len(body)
            return PlainTextResponse("done")

        app = guarded(handler)

        async def call() -> None:
            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": body}

            async def send(message: Any) -> None:
                if "status" in message:
                    statuses.append(message["status"])

            await app(scope_of(headers=signed(body), body=body), receive, send)

        async def both() -> None:
            first = asyncio.create_task(call())
            await inside.wait()
            await call()
            await first
            await call()

        asyncio.run(both())
        assert statuses == [503, 200, 200]

    @pytest.mark.parametrize("pieces", [[b"x" * 400] * 2 + [b"x" * 300], [b"x" * 1001]], ids=["in pieces", "at once"])
    def test_one_body_beyond_the_budget_is_answered_with_503(
        self, asgi: Callable[..., Any], memory: _gate._Memory, pieces: list[bytes]
    ) -> None:
        reply = asgi(guarded(no_handler), headers=SIGNED, pieces=pieces, framing="chunked")
        assert reply.status == 503
        assert reply.json["detail"] == "The event cannot be stored right now. Try again later."

    def test_it_is_given_back_after_every_kind_of_request(
        self, asgi: Callable[..., Any], memory: _gate._Memory, cases: tuple[Any, ...], secrets: tuple[str, ...]
    ) -> None:
        async def handler(request: Request) -> Response:
            return PlainTextResponse("done")

        app = guarded(handler, secrets=secrets, max_body=500)
        statuses = set()
        for case in cases:
            statuses.add(asgi(app, **case.request()).status)
            assert memory.held == 0, case.name
        assert statuses == {200, 400, 401, 405, 413}

    @pytest.mark.parametrize("error", [ValueError("broken"), SignatureMismatch("mine"), KeyboardInterrupt()], ids=repr)
    def test_it_is_given_back_when_the_app_fails(
        self, asgi: Callable[..., Any], memory: _gate._Memory, error: BaseException
    ) -> None:
        async def fails(scope: Scope, receive: Receive, send: Send) -> None:
            raise error

        with pytest.raises(type(error)):
            asgi(SignatureMiddleware(fails, secrets=SECRET), headers=SIGNED, body=BODY)
        assert memory.held == 0


class TestInnerErrors:
    """Errors of the app behind are the app's own, also when they look like ours."""

    @pytest.mark.parametrize(
        "error",
        [
            ValueError("x"),
            TimeoutError("x"),
            SignatureMismatch("x"),
            MalformedEvent("x"),
            PayloadTooLarge("x"),
            Unavailable("x"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_they_pass_through(self, asgi: Callable[..., Any], error: Exception) -> None:
        async def fails(scope: Scope, receive: Receive, send: Send) -> None:
            raise error

        with pytest.raises(type(error)) as raised:
            asgi(SignatureMiddleware(fails, secrets=SECRET), headers=SIGNED, body=BODY)
        assert raised.value is error

    def test_an_inbox_that_fails_is_answered_with_503(self, asgi: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
        class Broken:
            def add(self, event: Event) -> bool:
                raise OSError("the disk is gone")

            async def aadd(self, event: Event) -> bool:
                return self.add(event)

        reply = asgi(webhook_app(Receiver(SECRET, inbox=Broken())), headers=SIGNED, body=BODY)
        assert reply.status == 503
        assert "disk" not in reply.body.decode()
        (record,) = caplog.records
        assert record.exc_info is not None
        assert BODY.decode() not in caplog.text


class TestOtherTraffic:
    def test_what_is_not_for_the_path_passes_with_the_same_objects(self, scope_of: Callable[..., dict[str, Any]]) -> None:
        seen: list[Any] = []

        async def inner(*arguments: Any) -> None:
            seen.append(arguments)

        async def send(message: Any) -> None: ...

        app = SignatureMiddleware(inner, secrets=SECRET)
        scopes = [
            scope_of(path="/"),
            scope_of(path="/webhooks/perscom/else", method="GET"),
            {"type": "lifespan", "asgi": {"version": "3.0"}},
            {"type": "websocket", "path": PATH, "headers": []},
            {"type": "something of tomorrow"},
        ]
        for scope in scopes:
            asyncio.run(app(scope, never, send))
        for scope, arguments in zip(scopes, seen, strict=True):
            assert arguments[0] is scope
            assert arguments[1:] == (never, send)

    def test_websockets_lifespan_and_other_routes_work_as_without_it(self) -> None:
        started: list[str] = []

        class lifespan:
            def __init__(self, app: Starlette) -> None: ...
            async def __aenter__(self) -> dict[str, str]:
                started.append("up")
                return {"shared": "state"}

            async def __aexit__(self, *error: object) -> None:
                started.append("down")

        async def page(request: Request) -> Response:
            return JSONResponse([request.state.shared, (await request.body()).decode()])

        async def socket(websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text("hello " + await websocket.receive_text())
            await websocket.close()

        async def event(request: Request) -> Response:
            request.state.shared = "changed for this request"
            return JSONResponse([current_event(request).name, request.state.shared])

        app = Starlette(
            routes=[
                Route("/page", page, methods=["POST"]),
                WebSocketRoute(PATH, socket),
                Route(PATH, event, methods=["POST"]),
            ],
            middleware=[Middleware(SignatureMiddleware, secrets=SECRET)],
            lifespan=lifespan,
        )
        with TestClient(app) as client:
            assert client.post("/page", content=b"x").json() == ["state", "x"]
            reply = client.post(PATH, content=BODY, headers={"Signature": sign(BODY, SECRET)})
            assert reply.json() == ["user.updated", "changed for this request"]
            assert client.post("/page", content=b"x").json() == ["state", "x"]
            with client.websocket_connect(PATH) as websocket:
                websocket.send_text("there")
                assert websocket.receive_text() == "hello there"
        assert started == ["up", "down"]

    def test_the_endpoint_answers_the_lifespan_and_closes_websockets(self, make_inbox: Callable[[], Any]) -> None:
        inbox = make_inbox()
        with TestClient(webhook_app(Receiver(SECRET, inbox=inbox))) as client:
            reply = client.post("/any/path", content=BODY, headers={"Signature": sign(BODY, SECRET)})
            assert reply.status_code == 202
            with pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
                pass
        assert [event.name for event in inbox.events] == ["user.updated"]


async def never() -> Any:
    await asyncio.sleep(3600)


async def no_handler(request: Request) -> Response:
    raise AssertionError("an unverified handler was run")


UNSIGNED = {"body": BODY, "headers": ((b"Content-Type", b"application/json"),)}
SPELLINGS = [PATH, f"{PATH}/", f"{PATH}//", f"/{PATH}", "/webhooks//perscom", f"{PATH}\n", f"{PATH}/\n", "/webhooks/perscom "]


class TestNothingUnverifiedGetsThrough:
    """In each of these the handler does not ask for the event: it relies on the middleware alone."""

    def ran(self, app: ASGIApp, asgi: Callable[..., Any], **request: Any) -> bool:
        """Whether an unsigned request reached the handler."""
        return bool(asgi(app, **{**UNSIGNED, **request}).body == b"the handler was run")

    @staticmethod
    async def handler(request: Request) -> Response:
        return PlainTextResponse("the handler was run")

    @pytest.mark.parametrize("requested", SPELLINGS)
    @pytest.mark.parametrize("configured", SPELLINGS)
    @pytest.mark.parametrize("route", [PATH, f"{PATH}/"])
    def test_however_the_path_is_spelt(self, asgi: Callable[..., Any], requested: str, configured: str, route: str) -> None:
        app = guarded(self.handler, route=route, path=configured)
        assert not self.ran(app, asgi, path=requested)
        assert asgi(app, path=requested, body=BODY, headers=SIGNED).status in (200, 307, 404)

    @pytest.mark.parametrize(
        "requested", [f"{PATH}%2F", "/webhooks%2Fperscom", f"{PATH}%0A", f"{PATH}%20", "/webhooks%2f/perscom"]
    )
    def test_when_slashes_and_line_breaks_are_percent_encoded(self, requested: str) -> None:
        client = TestClient(guarded(self.handler), follow_redirects=True)
        reply = client.post(requested, content=BODY)
        assert reply.status_code in (401, 404, 405)
        assert reply.text != "the handler was run"

    @pytest.mark.parametrize("requested", SPELLINGS)
    @pytest.mark.parametrize("prefix", ["/api", "/{tenant}"])
    def test_when_the_guarded_app_is_mounted(self, asgi: Callable[..., Any], requested: str, prefix: str) -> None:
        for inner in (guarded(self.handler), guarded(self.handler, path=f"/api{PATH}"), guarded(self.handler, path=None)):
            app = Starlette(routes=[Mount(prefix, app=inner)])
            assert not self.ran(app, asgi, path=f"/api{requested}")
        app = Starlette(routes=[Mount(prefix, app=guarded(self.handler))])
        assert asgi(app, path=f"/api{PATH}", body=BODY, headers=SIGNED).status == 200

    def test_when_mounts_are_nested(self, asgi: Callable[..., Any]) -> None:
        app = Starlette(routes=[Mount("/a", app=Starlette(routes=[Mount("/b", app=guarded(self.handler))]))])
        assert not self.ran(app, asgi, path=f"/a/b{PATH}")
        assert asgi(app, path=f"/a/b{PATH}", body=BODY, headers=SIGNED).status == 200

    @pytest.mark.parametrize("requested", SPELLINGS)
    def test_when_the_middleware_stands_around_the_mount(self, asgi: Callable[..., Any], requested: str) -> None:
        routes = [Mount("/webhooks", routes=[Route("/perscom", self.handler, methods=["POST"])])]
        app = SignatureMiddleware(Starlette(routes=routes), secrets=SECRET)
        assert not self.ran(app, asgi, path=requested)
        assert asgi(app, path=PATH, body=BODY, headers=SIGNED).status == 200

    @pytest.mark.parametrize("root_path", ["/api", "/api/", "/webhooks", "/webhooks/perscom", "/"])
    @pytest.mark.parametrize("requested", SPELLINGS)
    @pytest.mark.parametrize("with_root", [True, False], ids=["path with root_path", "path without root_path"])
    def test_below_a_root_path_in_both_habits_of_servers(
        self, asgi: Callable[..., Any], root_path: str, requested: str, with_root: bool
    ) -> None:
        app = guarded(self.handler)
        path = f"{root_path}{requested}" if with_root else requested
        assert not self.ran(app, asgi, path=path, root_path=root_path)

    def test_a_genuine_request_below_a_root_path_is_taken_in_both_habits(self, asgi: Callable[..., Any]) -> None:
        for path in (PATH, f"/api{PATH}"):
            assert asgi(guarded(self.handler), path=path, root_path="/api", body=BODY, headers=SIGNED).status == 200

    @pytest.mark.parametrize("path", [PATH, "/", "/anything", ""])
    def test_when_everything_is_guarded(self, asgi: Callable[..., Any], path: str) -> None:
        app = SignatureMiddleware(
            Starlette(routes=[Route("/{rest:path}", self.handler, methods=["POST"])]), secrets=SECRET, path=None
        )
        assert not self.ran(app, asgi, path=path)

    @pytest.mark.parametrize("name", ["größe", "ещё", "a b"])
    def test_when_the_path_is_not_ascii(self, name: str) -> None:
        route = f"/webhooks/{name}"
        client = TestClient(guarded(self.handler, route=route, path=route))
        assert client.post(route, content=BODY).status_code == 401
        assert client.post(route, content=BODY, headers={"Signature": sign(BODY, SECRET)}).status_code == 200

    @pytest.mark.parametrize("method", ["post", "Post", "POST ", "\u017fPOST", ""])
    def test_when_the_method_is_misspelt(self, asgi: Callable[..., Any], method: str) -> None:
        app = SignatureMiddleware(Starlette(routes=[Route(PATH, AnyMethod(self.handler))]), secrets=SECRET)
        assert asgi(app, **{**UNSIGNED, "method": method}).status == 405

    @given(
        pieces=st.lists(
            st.sampled_from(["/", "//", "webhooks", "perscom", "/webhooks/perscom", "api", "\n", "\r", " ", ".", "..", "é"]),
            max_size=9,
        ),
        root=st.lists(st.sampled_from(["/", "api", "/api", "webhooks", "perscom", "\n", " "]), max_size=4),
    )
    @example(pieces=[PATH, "\n"], root=[])
    def test_for_any_path_and_root_that_starlette_routes_to_it(
        self, asgi: Callable[..., Any], pieces: list[str], root: list[str]
    ) -> None:
        path, root_path = "".join(pieces), "".join(root)
        assert not self.ran(guarded(self.handler), asgi, path=path, root_path=root_path)
        mounted = Starlette(routes=[Mount("/{tenant}", app=guarded(self.handler)), Mount("/", app=guarded(self.handler))])
        assert not self.ran(mounted, asgi, path=path, root_path=root_path)


class AnyMethod:
    """As an ASGI app a handler gets every method."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self.handler(Request(scope, receive)))(scope, receive, send)


class TestCurrentEvent:
    """A handler that asks for the event is safe even behind a middleware with a wrong path."""

    @staticmethod
    async def handler(request: Request) -> Response:
        return PlainTextResponse(current_event(request).name)

    @pytest.mark.parametrize("path", ["/webhook/perscom", "/perscom", "/"])
    def test_it_refuses_with_401_and_one_line_when_nothing_verified_the_request(
        self, asgi: Callable[..., Any], path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        for headers in (UNSIGNED["headers"], SIGNED):
            caplog.clear()
            reply = asgi(guarded(self.handler, path=path), body=BODY, headers=headers)
            assert reply.status == 401
            (record,) = caplog.records
            assert record.levelno == logging.ERROR
            assert PATH in record.getMessage()
            assert "path=" in record.getMessage()

    def test_it_refuses_without_any_middleware_in_fastapi(self) -> None:
        app = fastapi.FastAPI()

        @app.post(PATH)
        async def perscom(event: Annotated[Event, fastapi.Depends(current_event)]) -> str:
            raise AssertionError("an unverified handler was run")

        assert TestClient(app).post(PATH, content=BODY, headers={"Signature": sign(BODY, SECRET)}).status_code == 401

    def test_it_raises_an_error_of_the_house_that_starlette_can_answer(self, scope_of: Callable[..., dict[str, Any]]) -> None:
        with pytest.raises(ConfigurationError) as error:
            current_event(Request(scope_of()))
        assert isinstance(error.value, HTTPException)
        assert error.value.status_code == 401

    def test_an_event_is_not_seen_by_another_request_when_a_server_shares_one_state(self, asgi: Callable[..., Any]) -> None:
        shared: dict[str, Any] = {"pool": object()}
        app = SignatureMiddleware(
            Starlette(routes=[Route(PATH, self.handler, methods=["POST"]), Route("/other", self.handler, methods=["POST"])]),
            secrets=SECRET,
        )
        assert asgi(app, body=BODY, headers=SIGNED, state=shared).body == b"user.updated"
        assert asgi(app, path="/other", body=BODY, headers=SIGNED, state=shared).status == 401
        assert list(shared) == ["pool"]

    @pytest.mark.parametrize("planted", [None, "user.updated", {"name": "user.updated"}, Event])
    def test_only_an_event_counts(self, asgi: Callable[..., Any], planted: object) -> None:
        app = Starlette(routes=[Route(PATH, self.handler, methods=["POST"])])
        assert asgi(app, body=BODY, headers=SIGNED, state={"perscom_event": planted}).status == 401

    def test_two_guards_with_two_secrets_each_verify_their_own(self, asgi: Callable[..., Any]) -> None:
        app: Any = Starlette(routes=[Route("/{name}", self.handler, methods=["POST"])])
        for name, secret in (("a", "the secret of community A"), ("b", "the secret of community B")):
            app = SignatureMiddleware(app, secrets=secret, path=f"/{name}")
        headers = ((b"Signature", sign(BODY, "the secret of community A").encode()),)
        assert asgi(app, path="/a", body=BODY, headers=headers).status == 200
        assert asgi(app, path="/b", body=BODY, headers=headers).status == 401
        assert asgi(app, path="/c", body=BODY, headers=headers).status == 401


class Unit:
    """An inbox with a clock set by hand, an endpoint for it, and a worker whose handler notes what it gets."""

    def __init__(self, path: Path) -> None:
        self.now = 1_700_000_000.0
        self.inbox = SQLiteInbox(path, now=lambda: self.now)
        self.handled: list[Event] = []
        router = Router()
        router.on("*", name="note")(self.handled.append)
        self.worker = Worker(self.inbox, router)
        self.routes = [Route(PATH, webhook_app(Receiver(SECRET, inbox=self.inbox)))]

    def post(self, client: TestClient, path: str = PATH) -> int:
        """Send a new event; the status of the answer."""
        body = BODY.replace(b'"id":7', b'"id":%d' % time.monotonic_ns())
        return client.post(path, content=body, headers={"Signature": sign(body, SECRET)}).status_code

    def until_handled(self, count: int) -> None:
        deadline = time.monotonic() + 10
        while len(self.handled) < count:
            assert time.monotonic() < deadline, "it was not handled"
            time.sleep(0.01)


class TestWhoRunsTheWorker:
    @pytest.fixture
    def unit(self, tmp_path: Path) -> Iterator[Unit]:
        unit = Unit(tmp_path / "inbox.db")
        yield unit
        unit.inbox.close()

    @pytest.mark.parametrize("framework", [Starlette, fastapi.FastAPI])
    def test_one_line_runs_it_as_long_as_the_app_each_time_it_is_started(self, unit: Unit, framework: type[Starlette]) -> None:
        app = framework(routes=unit.routes, lifespan=unit.worker.lifespan)
        for count in (1, 2):
            with TestClient(app) as client:
                assert unit.post(client) == 202
                unit.until_handled(count)
                assert unit.inbox.health().worker_seen is not None
            assert not list(unit.inbox.database.path.parent.glob("inbox.db-wal")), "the inbox was left open"
            assert unit.inbox.health().worker_seen is None

    def test_a_lifespan_of_the_apps_own_runs_it_inside(self, unit: Unit) -> None:
        happened: list[str] = []

        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
            happened.append("opened")
            async with unit.worker.lifespan(app):
                yield {"pool": "a pool"}
            happened.append(f"{len(unit.handled)} handled, closed")

        async def page(request: Request) -> Response:
            return PlainTextResponse(request.state.pool)

        app = Starlette(routes=[*unit.routes, Route("/page", page)], lifespan=lifespan)
        with TestClient(app) as client:
            assert client.get("/page").text == "a pool"
            assert unit.post(client) == 202
            unit.until_handled(1)
        assert happened == ["opened", "1 handled, closed"]

    def test_what_runs_may_end_before_the_app_does(self, unit: Unit) -> None:
        begun, ended = asyncio.Event(), list[str]()

        async def slow(event: Event) -> None:
            begun.set()
            await asyncio.sleep(0.1)
            ended.append(event.name)

        unit.worker.router.on("*", name="slow")(slow)

        async def main() -> None:
            async with unit.worker.lifespan():
                await unit.inbox.aadd(Event.parse(BODY))
                await begun.wait()

        asyncio.run(main())
        assert ended == ["user.updated"]

    def test_an_app_mounted_inside_another_has_none_which_is_noticed(
        self, unit: Unit, caplog: pytest.LogCaptureFixture
    ) -> None:
        inner = Starlette(routes=unit.routes, lifespan=unit.worker.lifespan)
        with TestClient(Starlette(routes=[Mount("/unit", app=inner)])) as client:
            assert unit.post(client, f"/unit{PATH}") == 202
            assert unit.inbox.health().worked
            unit.now += 61
            assert not unit.inbox.health().worked
            assert unit.post(client, f"/unit{PATH}") == 202
            unit.inbox.database.write(lambda connection: None)  # what the inbox has to say follows the answer
        assert "2 events stored, no worker seen for 61 s" in caplog.text
        assert "mounted inside another" in caplog.text
        assert unit.handled == []
        with TestClient(Starlette(routes=[Mount("/unit", app=inner)], lifespan=unit.worker.lifespan)):
            unit.until_handled(2)
            assert unit.inbox.health().worked

    def test_one_that_fails_says_so_at_once_and_the_app_goes_on(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / "inbox.db").write_text("This is no database of ours, but a text of somebody. " * 100)
        unit = Unit(tmp_path / "inbox.db")
        with TestClient(Starlette(routes=unit.routes, lifespan=unit.worker.lifespan)) as client:
            assert unit.post(client) == 503
        (record,) = [record for record in caplog.records if record.levelno == logging.CRITICAL]
        assert record.getMessage().startswith("The worker has ended by itself")
        assert record.exc_info is not None


def test_a_lone_text_is_one_secret(asgi: Callable[..., Any]) -> None:
    async def handler(request: Request) -> Response:
        return PlainTextResponse(current_event(request).secret_name or "")

    app = guarded(handler, secrets=SECRET)
    assert asgi(app, body=BODY, headers=SIGNED).body == b"secret"
    for letter in set(SECRET):
        assert asgi(app, body=BODY, headers=((b"Signature", sign(BODY, letter).encode()),)).status == 401


@pytest.mark.parametrize("secrets", ["", b"", " ", [], [""], ["good and long enough", ""], None])
def test_a_blank_secret_is_refused_when_the_app_is_made(secrets: Any) -> None:
    with pytest.raises(ConfigurationError):
        guarded(no_handler, secrets=secrets)


@given(
    method=st.sampled_from(["POST", "GET", "post"]) | st.text(max_size=8),
    path=st.just(PATH) | st.text(max_size=30),
    root_path=st.just("") | st.text(max_size=10),
    query=st.binary(max_size=20),
    headers=st.lists(
        st.tuples(st.sampled_from([b"signature", b"content-length", b"host"]) | st.binary(max_size=12), st.binary(max_size=80))
    ),
    pieces=st.lists(st.binary(max_size=100), max_size=5),
    gone=st.booleans(),
)
@example(
    method="POST",
    path=PATH,
    root_path="",
    query=b"",
    headers=[(b"content-length", "²".encode("latin-1"))],
    pieces=[b"x"],
    gone=False,
)
@example(
    method="POST",
    path=PATH,
    root_path="",
    query=b"",
    headers=[(b"signature", b"0" * 64), (b"content-length", b"-1")],
    pieces=[],
    gone=True,
)
def test_any_request_whatever_gets_a_documented_answer(
    asgi: Callable[..., Any], make_inbox: Callable[[], Any], **request: Any
) -> None:
    request["headers"] = tuple(request["headers"])
    inbox = make_inbox()
    for app in (
        SignatureMiddleware(webhook_app(Receiver(SECRET, inbox=inbox)), secrets=SECRET, path=None),
        webhook_app(Receiver(SECRET, inbox=inbox)),
    ):
        reply = asgi(app, framing="none", **request)
        assert reply.status in ({0, 401, 405, 413} if request["gone"] else {401, 405, 413})
    assert inbox.events == []
