"""The same request gets the same verdict everywhere: the table of conftest.py against each way in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from hashlib import sha256
from types import SimpleNamespace
from typing import Annotated, Any

import fastapi
import flask
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from perscom_receiver import Event, Receiver, Refusal, VerificationError, Verifier, verify
from perscom_receiver import flask as for_flask
from perscom_receiver import starlette as for_starlette

PATH = "/webhooks/perscom"
SENTENCES = {
    400: "The body is not a PERSCOM event.",
    401: "The request could not be verified.",
    405: "Only POST is accepted. A GET webhook cannot be verified: PERSCOM signs a JSON text that a GET never carries. "
    "Set the method of the webhook to POST.",
    413: "The body is too large.",
}


async def answer(request: Request) -> JSONResponse:
    event = for_starlette.current_event(request)
    return JSONResponse({"id": event.id, "read": sha256(await request.body()).hexdigest()})


def starlette_middleware(settings: dict[str, Any]) -> Any:
    app = Starlette(routes=[Route(PATH, answer, methods=["POST"])])
    app.add_middleware(for_starlette.SignatureMiddleware, **settings)
    return app


def fastapi_middleware(settings: dict[str, Any]) -> Any:
    app = fastapi.FastAPI()
    app.add_middleware(for_starlette.SignatureMiddleware, **settings)

    @app.post(PATH)
    async def perscom(
        event: Annotated[Event, fastapi.Depends(for_starlette.current_event)], request: fastapi.Request
    ) -> dict[str, str]:
        return {"id": event.id, "read": sha256(await request.body()).hexdigest()}

    return app


def mounted_middleware(settings: dict[str, Any]) -> Any:
    return Starlette(routes=[Mount("/webhooks", app=starlette_inside(settings | {"path": "/perscom"}))])


def starlette_inside(settings: dict[str, Any]) -> Any:
    app = Starlette(routes=[Route("/perscom", answer, methods=["POST"])])
    app.add_middleware(for_starlette.SignatureMiddleware, **settings)
    return app


def flask_middleware(settings: dict[str, Any]) -> Any:
    app = flask.Flask("app")

    @app.post(PATH)
    def perscom() -> dict[str, str]:
        return {"id": for_flask.current_event().id, "read": sha256(flask.request.get_data()).hexdigest()}

    app.wsgi_app = for_flask.SignatureMiddleware(app.wsgi_app, **settings)  # type: ignore[method-assign]
    return app


def webhook_app(receiver: Receiver) -> Any:
    return for_starlette.webhook_app(receiver)


def webhook_route(receiver: Receiver) -> Any:
    return Starlette(routes=[Route(PATH, for_starlette.webhook_app(receiver))])


def webhook_blueprint(receiver: Receiver) -> Any:
    app = flask.Flask("app")
    app.register_blueprint(for_flask.webhook_blueprint(receiver))
    return app


MIDDLEWARES = (starlette_middleware, fastapi_middleware, mounted_middleware, flask_middleware)
ENDPOINTS = (webhook_app, webhook_route, webhook_blueprint)


@pytest.fixture(scope="module")
def settings(secrets: tuple[str, ...], max_body: int) -> dict[str, Any]:
    return {"secrets": secrets, "max_body": max_body}


@pytest.fixture(scope="module")
def call(asgi: Callable[..., Any], wsgi: Callable[..., Any]) -> Callable[..., Any]:
    def call(app: Any, case: Any) -> Any:
        return (wsgi if isinstance(app, flask.Flask) else asgi)(app, **case.request())

    return call


@pytest.fixture(scope="module", params=MIDDLEWARES, ids=lambda make: make.__name__)
def guarded(request: pytest.FixtureRequest, settings: dict[str, Any]) -> Any:
    return request.param(settings)


@pytest.fixture(scope="module", params=ENDPOINTS, ids=lambda make: make.__name__)
def endpoint(request: pytest.FixtureRequest, secrets: tuple[str, ...], max_body: int) -> Any:
    inbox = request.getfixturevalue("make_inbox")()
    return SimpleNamespace(app=request.param(Receiver(*secrets, inbox=inbox, max_body=max_body)), inbox=inbox)


def refused(reply: Any, status: int, method: str) -> None:
    """The whole answer to a refused request: nothing in it depends on the request."""
    assert reply.status == status
    if method != "HEAD":
        assert reply.json["detail"] == SENTENCES[status]
        assert set(reply.json) == {"type", "title", "status", "detail"}
        assert reply.headers["content-length"] == str(len(reply.body))
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers.get("allow") == ("POST" if status == 405 else None)


def test_verify_says_what_the_table_says(plain_case: Any, secrets: tuple[str, ...]) -> None:
    values = [value.decode("latin-1") for name, value in plain_case.headers if name.lower() == b"signature"]
    value = ", ".join(values) if values else None  # what a framework makes of two headers
    if plain_case.status == 401:
        with pytest.raises(VerificationError):
            verify(plain_case.body, value, *secrets)
    else:
        verify(plain_case.body, value, *secrets)


def test_a_verifier_says_what_the_table_says(plain_case: Any, secrets: tuple[str, ...]) -> None:
    verifier = Verifier(*secrets)
    if plain_case.accepted:
        event = verifier.event(plain_case.headers, plain_case.body)
        assert event.body == plain_case.body
        assert isinstance(event.changes, dict)
        assert event.data is event.data
    else:
        with pytest.raises(Refusal) as refusal:
            verifier.event(plain_case.headers, plain_case.body)
        assert refusal.value.status == plain_case.status


def test_a_middleware_says_what_the_table_says(guarded: Any, case: Any, call: Callable[..., Any]) -> None:
    reply = call(guarded, case)
    if case.accepted:
        digest = sha256(case.body).hexdigest()
        assert (reply.status, reply.json) == (200, {"id": digest, "read": digest})
    else:
        refused(reply, case.status, case.method)


def test_an_endpoint_says_what_the_table_says(endpoint: Any, case: Any, call: Callable[..., Any]) -> None:
    before = len(endpoint.inbox.events)
    reply = call(endpoint.app, case)
    if case.accepted:
        assert (reply.status, reply.json) == (202, {"status": "stored"})
        assert endpoint.inbox.events[-1].body == case.body
        again = call(endpoint.app, case)
        assert (again.status, again.json) == (200, {"status": "seen before"})
        assert len(endpoint.inbox.events) == before + 1
    else:
        refused(reply, case.status, case.method)
        assert len(endpoint.inbox.events) == before


def test_no_invalid_golden_request_is_genuine_under_another_live_secret(
    golden: list[dict[str, Any]], secrets: tuple[str, ...], cases: tuple[Any, ...]
) -> None:
    """Else the table would accept what the file calls invalid."""
    by_name = {case.name: case for case in cases}
    for request in golden:
        case = by_name[f"golden {request['name']}"]
        assert case.accepted == request["valid"]


def test_a_refusal_is_one_line_in_the_log_that_gives_nothing_away(
    refused_case: Any,
    settings: dict[str, Any],
    asgi: Callable[..., Any],
    wsgi: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    asgi_app, wsgi_app = starlette_middleware(settings), flask_middleware(settings)
    caplog.clear()
    with caplog.at_level(logging.DEBUG, "perscom_receiver"):
        asgi(asgi_app, **refused_case.request())
        wsgi(wsgi_app, **refused_case.request())
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(f"refused {refused_case.method} {PATH}: {refused_case.status}. ")
        assert "\n" not in line
        assert len(line) < 400
        nothing_leaks(line, refused_case, settings["secrets"])


def nothing_leaks(text: str, case: Any, secrets: tuple[str, ...]) -> None:
    for secret in secrets:
        assert secret not in text
    for name, value in case.headers:
        if name.lower() == b"signature" and len(value) > 8:
            assert value.decode("latin-1") not in text
            assert value.decode("latin-1")[:16] not in text
    for start in range(0, min(len(case.body), 400) - 12, 6):
        assert case.body[start : start + 12].decode("latin-1") not in text
