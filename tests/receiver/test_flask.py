"""The Flask binding beyond the table of cases: bodies, limits, WSGI's rules, and that nothing unverified gets through."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import flask
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from perscom_receiver import (
    ConfigurationError,
    Event,
    MalformedEvent,
    PayloadTooLarge,
    Receiver,
    Router,
    SignatureMismatch,
    Unavailable,
    _gate,
    sign,
)
from perscom_receiver import wsgi as binding
from perscom_receiver.flask import Perscom, SignatureMiddleware, current_event, webhook_blueprint

PATH = "/webhooks/perscom"
SECRET = "9mK2pQ7vX4nL8sT1wZ6bR3yC5dF0gH2j"
BODY = b'{"event":"user.updated","created":"2026-03-02T19:08:10.854257Z","data":{"id":7},"changes":[]}'
# Genuine, and a form at the same time.
FORM = b'{"event":"user.updated","created":"2026-03-02T19:08:10.854257Z","data":"&name=M%C3%BCller&rank=SGT&rest="}'

View = Callable[[], Any]


def signed(body: bytes, content_type: str = "application/json") -> tuple[tuple[bytes, bytes], ...]:
    return ((b"Content-Type", content_type.encode()), (b"Signature", sign(body, SECRET).encode()))


SIGNED = signed(BODY)


def guarded(view: View, *, route: str = PATH, strict_slashes: bool = True, **settings: Any) -> flask.Flask:
    app = flask.Flask("app")
    app.add_url_rule(route, view_func=view, methods=["POST"], endpoint="view", strict_slashes=strict_slashes)
    app.wsgi_app = SignatureMiddleware(app.wsgi_app, **{"secrets": SECRET, **settings})  # type: ignore[method-assign]
    return app


def no_view() -> str:
    raise AssertionError("an unverified view was run")


class Source:
    """An input stream that gives ``piece`` again and again, and counts."""

    def __init__(self, piece: bytes, error: Exception | None = None) -> None:
        self.piece = piece
        self.error = error
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        if self.error is not None and self.given:
            raise self.error
        piece = self.piece if size < 0 else self.piece[:size]
        self.given += len(piece)
        return piece


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[_gate._Memory]:
    """A budget of 1000 bytes, that must be given back at the end of every test."""
    memory = _gate._Memory(1000)
    monkeypatch.setattr(_gate, "_memory", memory)
    yield memory
    assert memory.held == 0


class TestBodyAfterwards:
    """Having read the body first, the middleware hands it on as if it had not."""

    @pytest.mark.parametrize("size", [1, 1000, 10**6])
    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_it_is_whole_however_long_it_is(self, wsgi: Callable[..., Any], size: int, framing: str) -> None:
        body = BODY.replace(b'"id":7', b'"text":"' + b"x" * size + b'"')
        app = guarded(lambda: flask.request.get_data())
        assert wsgi(app, body=body, headers=signed(body), framing=framing).body == body

    def test_it_is_whole_when_it_comes_a_byte_at_a_time(self, wsgi: Callable[..., Any]) -> None:
        class Slow(BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                return super().read(min(1, -1 if size is None else size))

        app = guarded(lambda: flask.request.get_data())
        assert wsgi(app, body=BODY, headers=SIGNED, source=Slow(BODY)).body == BODY

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_it_can_be_read_as_a_stream_and_only_once_like_any_stream(self, wsgi: Callable[..., Any], framing: str) -> None:
        def view() -> list[str]:
            stream = flask.request.stream
            return [stream.read(10).decode(), stream.read().decode(), stream.read().decode()]

        reply = wsgi(guarded(view), body=BODY, headers=SIGNED, framing=framing)
        assert reply.json == [BODY[:10].decode(), BODY[10:].decode(), ""]

    def test_it_can_be_read_twice_and_as_json(self, wsgi: Callable[..., Any]) -> None:
        def view() -> list[Any]:
            return [flask.request.get_data() == flask.request.get_data() == BODY, flask.request.json]

        assert wsgi(guarded(view), body=BODY, headers=SIGNED).json == [True, json.loads(BODY)]

    @pytest.mark.parametrize("framing", ["length", "chunked"])
    def test_it_can_be_read_as_a_form(self, wsgi: Callable[..., Any], framing: str) -> None:
        def view() -> dict[str, str]:
            return {name: flask.request.form[name] for name in ("name", "rank")}

        headers = signed(FORM, "application/x-www-form-urlencoded")
        assert wsgi(guarded(view), body=FORM, headers=headers, framing=framing).json == {"name": "Müller", "rank": "SGT"}

    def test_it_can_be_read_from_the_event_when_a_form_has_emptied_the_stream(self, wsgi: Callable[..., Any]) -> None:
        def view() -> list[Any]:
            return [flask.request.form["rank"], current_event().body.decode()]

        headers = signed(FORM, "application/x-www-form-urlencoded")
        assert wsgi(guarded(view), body=FORM, headers=headers).json == ["SGT", FORM.decode()]

    def test_its_length_is_told_and_it_is_no_longer_chunked(self, wsgi: Callable[..., Any]) -> None:
        def view() -> list[Any]:
            return [flask.request.content_length, flask.request.headers.get("Transfer-Encoding")]

        assert wsgi(guarded(view), body=BODY, headers=SIGNED, framing="chunked").json == [len(BODY), None]


class TestLimits:
    @pytest.mark.parametrize("framing", ["chunked", "length"])
    def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(self, wsgi: Callable[..., Any], framing: str) -> None:
        for limit, status in ((len(BODY), 200), (len(BODY) - 1, 413)):
            reply = wsgi(guarded(lambda: "taken", max_body=limit), body=BODY, headers=SIGNED, framing=framing)
            assert reply.status == status

    @pytest.mark.parametrize("piece", [1, 100, 10**6])
    def test_nothing_is_read_beyond_the_byte_that_is_too_many(self, wsgi: Callable[..., Any], piece: int) -> None:
        source = Source(b"x" * piece)
        reply = wsgi(guarded(no_view, max_body=2000), headers=SIGNED, source=source, framing="chunked")
        assert (reply.status, source.given) == (413, 2001)

    def test_nothing_is_read_beyond_the_announced_length(self, wsgi: Callable[..., Any]) -> None:
        source = Source(b"x" * 100)
        assert wsgi(guarded(no_view), headers=SIGNED, source=source, framing=250).status == 401
        assert source.given == 250

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
        self, wsgi: Callable[..., Any], request_: dict[str, Any], status: int
    ) -> None:
        source = Source(b"x")
        assert wsgi(guarded(no_view), source=source, **request_).status == status
        assert source.given == 0

    def test_a_body_without_a_length_is_read_only_when_the_server_ends_it(
        self, environ_of: Callable[..., dict[str, Any]], run_environ: Callable[..., Any]
    ) -> None:
        source = Source(b"x")
        environ = environ_of(headers=SIGNED, framing="none", source=source)
        del environ["wsgi.input_terminated"]
        assert run_environ(guarded(no_view), environ).status == 401
        assert source.given == 0

    def test_a_body_that_takes_too_long_is_answered_with_408(
        self, wsgi: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, memory: _gate._Memory
    ) -> None:
        now = iter(range(0, 1000, 4))
        monkeypatch.setattr(binding, "monotonic", lambda: next(now))
        reply = wsgi(guarded(no_view), headers=SIGNED, source=Source(b"x"), framing="chunked")
        assert reply.status == 408
        assert reply.json["detail"] == "The body did not arrive in time."

    @pytest.mark.parametrize(
        "error", [OSError("gone"), ValueError("no chunk"), EOFError("gone"), RuntimeError("odd")], ids=repr
    )
    def test_a_body_that_breaks_off_is_answered_with_408_whatever_the_server_raises(
        self, wsgi: Callable[..., Any], memory: _gate._Memory, error: Exception, make_inbox: Callable[[], Any]
    ) -> None:
        app = flask.Flask("app")
        app.register_blueprint(webhook_blueprint(Receiver(SECRET, inbox=make_inbox())))
        for one in (app, guarded(no_view)):
            assert wsgi(one, headers=SIGNED, source=Source(b"x", error), framing="chunked").status == 408

    @pytest.mark.parametrize("limit", [0, -1, 65 * 2**20])
    def test_a_limit_that_makes_no_sense_is_refused(self, limit: int) -> None:
        with pytest.raises(ConfigurationError, match="max_body"):
            guarded(no_view, max_body=limit)


class TestMemory:
    def test_one_body_beyond_the_budget_is_answered_with_503(self, wsgi: Callable[..., Any], memory: _gate._Memory) -> None:
        assert wsgi(guarded(no_view), headers=SIGNED, source=Source(b"x" * 300), framing="chunked").status == 503

    def test_it_is_held_while_the_view_runs(self, wsgi: Callable[..., Any], memory: _gate._Memory) -> None:
        app = guarded(lambda: str(memory.held))
        assert wsgi(app, body=BODY, headers=SIGNED).body == str(len(BODY)).encode()

    def test_it_is_given_back_after_every_kind_of_request(
        self, wsgi: Callable[..., Any], memory: _gate._Memory, cases: tuple[Any, ...], secrets: tuple[str, ...]
    ) -> None:
        app = guarded(lambda: "done", secrets=secrets, max_body=500)
        statuses = set()
        for case in cases:
            statuses.add(wsgi(app, **case.request()).status)
            assert memory.held == 0, case.name
        assert statuses == {200, 400, 401, 405, 413}

    @pytest.mark.parametrize("error", [ValueError("broken"), SignatureMismatch("mine"), KeyboardInterrupt()], ids=repr)
    def test_it_is_given_back_when_the_app_fails(
        self, wsgi: Callable[..., Any], memory: _gate._Memory, error: BaseException
    ) -> None:
        def fails(environ: Any, start_response: Any) -> Any:
            raise error

        with pytest.raises(type(error)):
            wsgi(SignatureMiddleware(fails, secrets=SECRET), headers=SIGNED, body=BODY)
        assert memory.held == 0


class TestInnerErrors:
    """Errors of the app behind are the app's own, also when they look like ours."""

    @pytest.mark.parametrize(
        "error",
        [ValueError("x"), OSError("x"), SignatureMismatch("x"), MalformedEvent("x"), PayloadTooLarge("x"), Unavailable("x")],
        ids=lambda error: type(error).__name__,
    )
    def test_they_pass_through(self, wsgi: Callable[..., Any], error: Exception) -> None:
        def fails(environ: Any, start_response: Any) -> Any:
            raise error

        with pytest.raises(type(error)) as raised:
            wsgi(SignatureMiddleware(fails, secrets=SECRET), headers=SIGNED, body=BODY)
        assert raised.value is error

    def test_an_inbox_that_fails_is_answered_with_503(self, wsgi: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
        class Broken:
            def add(self, event: Event) -> bool:
                raise OSError("the disk is gone")

            async def aadd(self, event: Event) -> bool:
                return self.add(event)

        app = flask.Flask("app")
        app.register_blueprint(webhook_blueprint(Receiver(SECRET, inbox=Broken())))
        reply = wsgi(app, headers=SIGNED, body=BODY)
        assert reply.status == 503
        assert "disk" not in reply.body.decode()
        (record,) = caplog.records
        assert record.exc_info is not None
        assert BODY.decode() not in caplog.text


class TestWsgi:
    """PEP 3333, as the validator of the standard library reads it, on both sides of the middleware."""

    @staticmethod
    def inner(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    @pytest.mark.parametrize(
        ("request_", "status"),
        [
            ({"headers": SIGNED, "body": BODY}, 200),
            ({"headers": SIGNED, "body": BODY, "framing": "chunked"}, 200),
            ({"headers": (), "body": BODY}, 401),
            ({"headers": SIGNED, "method": "GET", "framing": "none"}, 405),
            ({"headers": SIGNED, "method": "HEAD", "framing": "none"}, 405),
            ({"headers": SIGNED, "framing": 10**9}, 413),
        ],
        ids=["genuine", "chunked", "refused", "GET", "HEAD", "too large"],
    )
    def test_it_keeps_the_rules(
        self,
        environ_of: Callable[..., dict[str, Any]],
        run_environ: Callable[..., Any],
        request_: dict[str, Any],
        status: int,
    ) -> None:
        environ = environ_of(**request_)
        environ["wsgi.errors"] = Errors()
        app = validator(SignatureMiddleware(self.inner, secrets=SECRET))
        reply = run_environ(app, environ)
        assert reply.status == status
        assert (reply.body == b"") == (request_.get("method") == "HEAD")

    def test_what_is_not_for_the_path_passes_with_the_same_objects(self, environ_of: Callable[..., dict[str, Any]]) -> None:
        seen: list[Any] = []

        def inner(*arguments: Any) -> Iterable[bytes]:
            seen.append(arguments)
            return answer

        def start_response(*arguments: Any) -> Any: ...

        answer = [b"as it is"]
        app = SignatureMiddleware(inner, secrets=SECRET)
        for path in ("/", "", "/webhooks", f"{PATH}/else"):
            environ = environ_of(path=path, body=b"x")
            before = dict(environ)
            assert app(environ, start_response) is answer
            assert seen[-1] == (environ, start_response)
            assert seen[-1][0] is environ
            assert environ == before

    def test_an_answer_that_streams_is_the_apps_own_iterable(self, environ_of: Callable[..., dict[str, Any]]) -> None:
        pieces = iter([b"a", b"b"])

        def inner(environ: Any, start_response: Any) -> Iterable[bytes]:
            return pieces

        app: Any = SignatureMiddleware(inner, secrets=SECRET)
        assert app(environ_of(headers=SIGNED, body=BODY), lambda *arguments: None) is pieces


class Errors:
    def write(self, text: str) -> None: ...
    def writelines(self, lines: list[str]) -> None: ...
    def flush(self) -> None: ...


UNSIGNED = {"body": BODY, "headers": ((b"Content-Type", b"application/json"),)}
SPELLINGS = [PATH, f"{PATH}/", f"{PATH}//", f"/{PATH}", "/webhooks//perscom", f"{PATH}\n", f"{PATH}/\n", "/webhooks/perscom "]


class TestNothingUnverifiedGetsThrough:
    """In each of these the view does not ask for the event: it relies on the middleware alone."""

    RAN = b"the view was run"

    def view(self) -> bytes:
        return self.RAN

    def ran(self, app: Any, wsgi: Callable[..., Any], **request: Any) -> bool:
        """Whether an unsigned request reached the view, following a redirect as PERSCOM does."""
        reply = wsgi(app, **{**UNSIGNED, **request})
        if reply.status == 308:
            target = "/" + reply.headers["location"].partition("://")[2].partition("/")[2]
            reply = wsgi(app, **{**UNSIGNED, "path": target})
        return bool(reply.body == self.RAN)

    @pytest.mark.parametrize("requested", SPELLINGS)
    @pytest.mark.parametrize("configured", SPELLINGS)
    @pytest.mark.parametrize("route", [PATH, f"{PATH}/"])
    @pytest.mark.parametrize("strict", [True, False], ids=["strict", "strict_slashes=False"])
    def test_however_the_path_is_spelt(
        self, wsgi: Callable[..., Any], requested: str, configured: str, route: str, strict: bool
    ) -> None:
        app = guarded(self.view, route=route, path=configured, strict_slashes=strict)
        assert not self.ran(app, wsgi, path=requested)

    def test_a_genuine_request_with_a_trailing_slash_is_taken_where_slashes_are_not_strict(
        self, wsgi: Callable[..., Any]
    ) -> None:
        app = guarded(self.view, strict_slashes=False)
        for path in (PATH, f"{PATH}/"):
            assert wsgi(app, path=path, body=BODY, headers=SIGNED).body == self.RAN

    @pytest.mark.parametrize(
        "requested", [f"{PATH}%2F", "/webhooks%2Fperscom", f"{PATH}%0A", f"{PATH}%20", "/webhooks%2f/perscom"]
    )
    def test_when_slashes_and_line_breaks_are_percent_encoded(self, requested: str) -> None:
        reply = guarded(self.view, strict_slashes=False).test_client().post(requested, data=BODY, follow_redirects=True)
        assert reply.status_code in (401, 404)

    def test_when_merging_of_slashes_is_off(self, wsgi: Callable[..., Any]) -> None:
        app = flask.Flask("app")
        app.url_map.merge_slashes = False
        app.add_url_rule("/webhooks//perscom", view_func=self.view, methods=["POST"], endpoint="view")
        app.wsgi_app = SignatureMiddleware(app.wsgi_app, secrets=SECRET)  # type: ignore[method-assign]
        assert wsgi(app, path="/webhooks//perscom", body=BODY, headers=SIGNED).body == self.RAN
        assert not self.ran(app, wsgi, path="/webhooks//perscom")

    @pytest.mark.parametrize("configured", [PATH, f"/api{PATH}", None])
    @pytest.mark.parametrize("requested", SPELLINGS)
    def test_when_the_guarded_app_is_mounted(self, wsgi: Callable[..., Any], configured: str | None, requested: str) -> None:
        app = DispatcherMiddleware(flask.Flask("outer"), {"/api": guarded(self.view, path=configured, strict_slashes=False)})
        assert not self.ran(app, wsgi, path=f"/api{requested}")
        assert wsgi(app, path=f"/api{PATH}", body=BODY, headers=SIGNED).body == self.RAN

    @pytest.mark.parametrize("requested", SPELLINGS)
    def test_when_the_middleware_stands_around_the_mount(self, wsgi: Callable[..., Any], requested: str) -> None:
        inner = flask.Flask("inner")
        inner.add_url_rule("/perscom", view_func=self.view, methods=["POST"], endpoint="view", strict_slashes=False)
        app = SignatureMiddleware(DispatcherMiddleware(flask.Flask("outer"), {"/webhooks": inner}), secrets=SECRET)
        assert not self.ran(app, wsgi, path=requested)
        assert wsgi(app, path=PATH, body=BODY, headers=SIGNED).body == self.RAN

    @pytest.mark.parametrize("script_name", ["/api", "/api/", "/webhooks", "/webhooks/perscom", "/"])
    @pytest.mark.parametrize("requested", SPELLINGS)
    @pytest.mark.parametrize("with_root", [True, False], ids=["path with SCRIPT_NAME", "path without SCRIPT_NAME"])
    def test_below_a_script_name_in_both_habits_of_servers(
        self, wsgi: Callable[..., Any], script_name: str, requested: str, with_root: bool
    ) -> None:
        path = f"{script_name}{requested}" if with_root else requested
        assert not self.ran(guarded(self.view, strict_slashes=False), wsgi, path=path, script_name=script_name)

    def test_a_genuine_request_below_a_script_name_is_taken(self, wsgi: Callable[..., Any]) -> None:
        for configured in (PATH, f"/api{PATH}"):
            app = guarded(self.view, path=configured)
            assert wsgi(app, script_name="/api", body=BODY, headers=SIGNED).body == self.RAN

    @pytest.mark.parametrize("path", [PATH, "/", "/anything"])
    def test_when_everything_is_guarded(self, wsgi: Callable[..., Any], path: str) -> None:
        app = flask.Flask("app")
        app.add_url_rule("/", view_func=self.view, methods=["POST"], endpoint="root")
        app.add_url_rule("/<path:rest>", view_func=lambda rest: self.RAN, methods=["POST"], endpoint="view")
        app.wsgi_app = SignatureMiddleware(app.wsgi_app, secrets=SECRET, path=None)  # type: ignore[method-assign]
        assert not self.ran(app, wsgi, path=path)
        assert wsgi(app, path=path, body=BODY, headers=SIGNED).body == self.RAN

    @pytest.mark.parametrize("name", ["größe", "ещё", "a b", "\U0001f396"])
    @pytest.mark.parametrize("root", ["", "/größe"])
    def test_when_the_path_is_not_ascii(self, wsgi: Callable[..., Any], name: str, root: str) -> None:
        """WSGI hands the UTF-8 bytes of a path over as latin-1; Flask's routes see the text."""
        route = f"/webhooks/{name}"
        app = guarded(self.view, route=route, path=f"{root}{route}")
        assert not self.ran(app, wsgi, path=route, script_name=root)
        assert wsgi(app, path=route, script_name=root, body=BODY, headers=SIGNED).body == self.RAN

    @pytest.mark.parametrize("method", ["post", "Post", "POST ", ""])
    def test_when_the_method_is_misspelt(self, wsgi: Callable[..., Any], method: str) -> None:
        assert wsgi(guarded(self.view), **UNSIGNED, method=method).status == 405

    @given(
        pieces=st.lists(
            st.sampled_from(["/", "//", "webhooks", "perscom", "/webhooks/perscom", "api", "\n", "\r", " ", ".", "..", "é"]),
            max_size=9,
        ),
        root=st.lists(st.sampled_from(["/", "api", "/api", "webhooks", "perscom", "\n", " "]), max_size=4),
        strict=st.booleans(),
    )
    @example(pieces=[PATH, "\n"], root=[], strict=False)
    def test_for_any_path_and_script_name_that_flask_routes_to_it(
        self, wsgi: Callable[..., Any], pieces: list[str], root: list[str], strict: bool
    ) -> None:
        app = guarded(self.view, strict_slashes=strict)
        assert not self.ran(app, wsgi, path="".join(pieces), script_name="".join(root))


class TestCurrentEvent:
    """A view that asks for the event is safe even behind a middleware with a wrong path."""

    @staticmethod
    def view() -> str:
        return current_event().name

    @pytest.mark.parametrize("path", ["/webhook/perscom", "/perscom", "/"])
    def test_it_refuses_with_401_and_one_line_when_nothing_verified_the_request(
        self, wsgi: Callable[..., Any], path: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        for headers in (UNSIGNED["headers"], SIGNED):
            caplog.clear()
            reply = wsgi(guarded(self.view, path=path), body=BODY, headers=headers)
            assert reply.status == 401
            (record,) = caplog.records
            assert record.levelno == logging.ERROR
            assert PATH in record.getMessage()
            assert "path=" in record.getMessage()

    def test_it_raises_an_error_of_the_house_that_flask_can_answer(self) -> None:
        with flask.Flask("app").test_request_context(PATH), pytest.raises(ConfigurationError) as error:
            current_event()
        assert isinstance(error.value, HTTPException)
        assert error.value.code == 401

    def test_an_event_is_not_seen_by_the_next_request(self, wsgi: Callable[..., Any]) -> None:
        app = guarded(self.view)
        app.add_url_rule("/other", view_func=self.view, methods=["POST"], endpoint="other")
        assert wsgi(app, body=BODY, headers=SIGNED).body == b"user.updated"
        assert wsgi(app, path="/other", body=BODY, headers=SIGNED).status == 401

    @pytest.mark.parametrize("name", ["perscom_receiver.event", "PERSCOM_RECEIVER.EVENT", "perscom-receiver-event"])
    def test_no_header_can_plant_one(self, wsgi: Callable[..., Any], name: str) -> None:
        app = guarded(self.view, path="/elsewhere")
        assert wsgi(app, body=BODY, headers=((name.encode(), b"user.updated"),)).status == 401

    @pytest.mark.parametrize("planted", [None, "user.updated", Event])
    def test_only_an_event_counts(
        self, environ_of: Callable[..., dict[str, Any]], run_environ: Callable[..., Any], planted: object
    ) -> None:
        environ = environ_of(body=BODY, headers=SIGNED) | {"perscom_receiver.event": planted}
        assert run_environ(guarded(self.view, path="/elsewhere"), environ).status == 401


class TestBlueprint:
    @pytest.fixture
    def inbox(self, make_inbox: Callable[[], Any]) -> Any:
        return make_inbox()

    def app(self, inbox: Any, **settings: Any) -> flask.Flask:
        app = flask.Flask("app")
        app.register_blueprint(webhook_blueprint(Receiver(SECRET, inbox=inbox), **settings.pop("blueprint", {})), **settings)
        return app

    @pytest.mark.parametrize("path", [PATH, f"{PATH}/"])
    def test_it_takes_the_path_with_and_without_a_slash_and_never_redirects(
        self, wsgi: Callable[..., Any], inbox: Any, path: str
    ) -> None:
        assert wsgi(self.app(inbox), path=path, body=BODY, headers=SIGNED).status == 202

    def test_it_can_have_another_path_and_a_prefix(self, wsgi: Callable[..., Any], inbox: Any) -> None:
        app = self.app(inbox, blueprint={"path": "/perscom/north"}, url_prefix="/hooks")
        assert wsgi(app, path="/hooks/perscom/north", body=BODY, headers=SIGNED).status == 202
        assert wsgi(app, path=PATH, body=BODY, headers=SIGNED).status == 404

    @pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
    def test_the_content_type_does_not_matter(self, wsgi: Callable[..., Any], inbox: Any, content_type: str) -> None:
        headers = ((b"Content-Type", content_type.encode()), (b"Signature", sign(FORM, SECRET).encode()))
        assert wsgi(self.app(inbox), body=FORM, headers=headers).status == 202
        assert inbox.events[0].body == FORM

    def test_a_form_that_was_read_before_is_refused_and_never_taken_for_genuine(
        self, wsgi: Callable[..., Any], inbox: Any
    ) -> None:
        app = self.app(inbox)
        app.before_request(lambda: flask.request.form and None)
        headers = signed(FORM, "application/x-www-form-urlencoded")
        assert wsgi(app, body=FORM, headers=headers).status in (401, 408)
        assert inbox.events == []


class TestFactory:
    """Everything is made inside ``create_app()``, with settings of the app."""

    def create_app(self, folder: Path, perscom: Perscom, **config: Any) -> flask.Flask:
        app = flask.Flask("app", instance_path=str(folder / "instance"))
        app.config.update({"PERSCOM_WEBHOOK_SECRET": SECRET} | config)
        perscom.init_app(app)
        app.add_url_rule(PATH, view_func=lambda: current_event().name, methods=["POST"], endpoint="view")
        return app

    def test_without_a_router_the_view_is_guarded(self, wsgi: Callable[..., Any], tmp_path: Path) -> None:
        app = self.create_app(tmp_path, Perscom())
        assert wsgi(app, body=BODY, headers=SIGNED).body == b"user.updated"
        assert wsgi(app, **UNSIGNED).status == 401
        assert list(tmp_path.iterdir()) == []

    def test_with_a_router_it_stores_below_the_instance_folder(self, wsgi: Callable[..., Any], tmp_path: Path) -> None:
        app = self.create_app(tmp_path, Perscom(Router()))
        assert [wsgi(app, body=BODY, headers=SIGNED).status for _ in range(2)] == [202, 200]
        assert wsgi(app, **UNSIGNED).status == 401
        worker = app.extensions["perscom"]
        assert (worker.inbox.database.path, worker.inbox.health().stored) == (tmp_path / "instance" / "inbox.db", 1)
        worker.inbox.close()

    def test_another_file_and_another_path(self, wsgi: Callable[..., Any], tmp_path: Path) -> None:
        file = tmp_path / "data" / "events.db"
        app = self.create_app(tmp_path, Perscom(Router(), path="/hooks/perscom"), PERSCOM_INBOX=str(file))
        assert wsgi(app, path="/hooks/perscom", body=BODY, headers=SIGNED).status == 202
        assert wsgi(app, body=BODY, headers=SIGNED).status == 401, "the view of the test, which nothing guards"
        app.extensions["perscom"].inbox.close()
        assert file.exists()

    def test_one_extension_serves_several_apps_each_with_its_own_secrets_and_inbox(
        self, wsgi: Callable[..., Any], tmp_path: Path
    ) -> None:
        perscom = Perscom(Router())
        other = ["the secret of another app", "and the one before it"]
        apps = [
            self.create_app(tmp_path / "one", perscom),
            self.create_app(tmp_path / "two", perscom, PERSCOM_WEBHOOK_SECRET=other),
        ]
        assert [wsgi(app, body=BODY, headers=SIGNED).status for app in apps] == [202, 401]
        headers = ((b"Signature", sign(BODY, other[1]).encode()),)
        assert [wsgi(app, body=BODY, headers=headers).status for app in apps] == [401, 202]
        for app in apps:
            app.extensions["perscom"].inbox.close()

    @pytest.mark.parametrize("perscom", [Perscom(), Perscom(Router())], ids=["verify", "store"])
    def test_a_secret_that_is_missing_or_blank_is_told_when_the_app_is_made(self, perscom: Perscom, tmp_path: Path) -> None:
        for secret in (None, "", [], 1234567890):
            with pytest.raises(ConfigurationError):
                self.create_app(tmp_path, perscom, PERSCOM_WEBHOOK_SECRET=secret)
        with pytest.raises(ConfigurationError, match="PERSCOM_WEBHOOK_SECRET"):
            perscom.init_app(flask.Flask("app"))

    @pytest.mark.parametrize("perscom", [Perscom(), Perscom(Router())], ids=["verify", "store"])
    @pytest.mark.parametrize("fixed", ["before", "after"])
    def test_the_prefix_of_a_proxy_changes_nothing(
        self, wsgi: Callable[..., Any], tmp_path: Path, perscom: Perscom, fixed: str
    ) -> None:
        def fix_proxy(app: flask.Flask) -> None:
            app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)  # type: ignore[method-assign]

        app = flask.Flask("app", instance_path=str(tmp_path))
        app.config["PERSCOM_WEBHOOK_SECRET"] = SECRET
        steps = [perscom.init_app, fix_proxy]
        for step in steps if fixed == "after" else reversed(steps):
            step(app)
        app.add_url_rule(PATH, view_func=lambda: current_event().name, methods=["POST"], endpoint="view")
        prefix = ((b"X-Forwarded-Prefix", b"/unit"),)
        assert wsgi(app, body=BODY, headers=(*SIGNED, *prefix)).status in (200, 202)
        assert wsgi(app, body=BODY, headers=prefix).status == 401
        if "perscom" in app.extensions:
            app.extensions["perscom"].inbox.close()

    @pytest.mark.parametrize("router", [None, Router()], ids=["verify", "store"])
    def test_there_is_a_command_where_there_is_something_to_work(self, tmp_path: Path, router: Router | None) -> None:
        runner = self.create_app(tmp_path, Perscom(router)).test_cli_runner()
        result = runner.invoke(args=["perscom", "work", "--help"])
        assert (result.exit_code == 0) is (router is not None)
        assert ("SIGTERM" in result.output) is (router is not None)

    def test_each_handler_has_an_app_context_of_its_own_that_is_taken_down(self, tmp_path: Path) -> None:
        router, seen, taken_down = Router(), list[tuple[str, bool]](), list[BaseException | None]()
        ended = threading.Event()

        def note(event: Event) -> None:
            seen.append((flask.current_app.name, "event" in flask.g))
            flask.g.event = event

        @router.on("*", name="later")
        async def note_later(event: Event) -> None:
            note(event)

        def take_down(error: BaseException | None) -> None:
            taken_down.append(error)
            if len(taken_down) == 4:
                ended.set()

        router.on("*")(note)
        app = self.create_app(tmp_path, Perscom(router))
        app.teardown_appcontext(take_down)
        worker = app.extensions["perscom"]
        for number in (b"8", b"9"):
            worker.inbox.add(Event.parse(BODY.replace(b"7", number)))
        thread = worker.start_thread()
        assert ended.wait(10)
        thread.stop()
        worker.inbox.close()
        assert seen == [("app", False)] * 4
        assert taken_down == [None] * 4

    def test_the_parts_of_the_extension_work_alone_in_a_factory_too(
        self, wsgi: Callable[..., Any], make_inbox: Callable[[], Any]
    ) -> None:
        def create_app() -> flask.Flask:
            app = flask.Flask("app")
            app.config["SECRETS"] = [SECRET]
            app.register_blueprint(webhook_blueprint(Receiver(app.config["SECRETS"], inbox=make_inbox())))
            app.add_url_rule("/own", view_func=lambda: current_event().name, methods=["POST"], endpoint="own")
            app.wsgi_app = SignatureMiddleware(app.wsgi_app, secrets=app.config["SECRETS"], path="/own")  # type: ignore[method-assign]
            return app

        app = create_app()
        assert wsgi(app, body=BODY, headers=SIGNED).status == 202
        assert wsgi(app, path="/own", body=BODY, headers=SIGNED).body == b"user.updated"
        assert wsgi(app, **UNSIGNED, path="/own").status == 401


def test_a_lone_text_is_one_secret(wsgi: Callable[..., Any]) -> None:
    app = guarded(lambda: current_event().secret_name or "", secrets=SECRET)
    assert wsgi(app, body=BODY, headers=SIGNED).body == b"secret"
    for letter in set(SECRET):
        assert wsgi(app, body=BODY, headers=((b"Signature", sign(BODY, letter).encode()),)).status == 401


@pytest.mark.parametrize("secrets", ["", b"", " ", [], [""], ["good and long enough", ""], None])
def test_a_blank_secret_is_refused_when_the_app_is_made(secrets: Any) -> None:
    with pytest.raises(ConfigurationError):
        guarded(no_view, secrets=secrets)


latin = st.text(st.characters(max_codepoint=255), max_size=30)


@given(
    method=st.sampled_from(["POST", "GET", "post"]) | latin,
    values=st.dictionaries(
        st.sampled_from(
            ["HTTP_SIGNATURE", "CONTENT_LENGTH", "PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "HTTP_TRANSFER_ENCODING"]
        ),
        latin | st.text("0123456789abcdef", min_size=64, max_size=64) | st.integers().map(str),
    ),
    body=st.binary(max_size=100),
    terminated=st.booleans(),
)
@example(method="POST", values={"HTTP_SIGNATURE": "0" * 64, "CONTENT_LENGTH": "²"}, body=b"x", terminated=False)
@example(method="POST", values={"HTTP_SIGNATURE": "0" * 64, "CONTENT_LENGTH": "9" * 5000}, body=b"x", terminated=True)
@example(method="POST", values={"HTTP_SIGNATURE": "0" * 64, "CONTENT_LENGTH": "-1"}, body=b"x", terminated=True)
def test_any_environ_whatever_gets_a_documented_answer(
    environ_of: Callable[..., dict[str, Any]],
    run_environ: Callable[..., Any],
    method: str,
    values: dict[str, str],
    body: bytes,
    terminated: bool,
) -> None:
    def inner(environ: Any, start_response: Any) -> Any:
        raise AssertionError("an unverified app was run")

    environ = environ_of(method=method, body=body, framing="none") | values
    environ["wsgi.input_terminated"] = terminated
    reply = run_environ(SignatureMiddleware(inner, secrets=SECRET, path=None), environ)
    assert reply.status in {401, 405, 413}
    assert reply.json["status"] == reply.status
