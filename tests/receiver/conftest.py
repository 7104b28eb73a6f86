"""One table of requests with the answer each must get, and drivers that hand a request to an app as a server would.

The table runs against ``verify``, a :class:`Verifier` and every binding, in the process and over sockets, so that the same
request gets the same verdict everywhere. Tests get it as fixtures, since test modules cannot import one another.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import hypothesis
import pytest

from perscom_receiver import Event, sign

# A slow machine is no failure. CI tries the same examples each time, so that red speaks of the change; other runs explore.
hypothesis.settings.register_profile("perscom", deadline=None, max_examples=100, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("perscom")

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "requests.json"
GOLDEN: list[dict[str, Any]] = json.loads(VECTORS.read_bytes())

OWN = "kQ7vX2mN9pL4sT8wZ1bR5yC3dF6gH0jA"
NEW = "the secret that PERSCOM was given last week"
SECRETS = (OWN, NEW, *dict.fromkeys(request["secret"] for request in GOLDEN))
STRANGER = "a secret that nobody here was told"
"""Signs what must be refused."""

MAX_BODY = 300_000
"""The limit of every app under test: room for the largest golden request and for 100 000 brackets."""

Framing = Literal["length", "chunked", "none"] | int
Pairs = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request and its answer."""

    name: str
    status: int
    """202: genuine (an app that only verifies answers what it likes); else the status of the refusal."""
    body: bytes = b""
    headers: Pairs = ()
    method: str = "POST"
    query: bytes = b""
    framing: Framing = "length"
    """How the end of the body is told: Content-Length, chunks, not at all; a number is a Content-Length that lies."""

    @property
    def accepted(self) -> bool:
        return self.status == 202

    @property
    def of_a_verifier(self) -> bool:
        """Whether headers and body alone decide; a verifier knows nothing of methods and limits."""
        return self.method == "POST" and self.status != 413 and not isinstance(self.framing, int)

    def request(self) -> dict[str, Any]:
        """The arguments of the drivers below."""
        return {
            "method": self.method,
            "query": self.query,
            "headers": self.headers,
            "body": self.body,
            "framing": self.framing,
        }


def signature_of(body: bytes, secret: str = OWN) -> bytes:
    return sign(body, secret).encode()


def signed(body: bytes, secret: str = OWN) -> Pairs:
    return ((b"Content-Type", b"application/json"), (b"Signature", signature_of(body, secret)))


def envelope(text: str = '"data":{"id":7},"changes":[]', *, event: str = "user.updated", created: str = "") -> bytes:
    """A body as PERSCOM writes it, with other members than the usual ones."""
    created = created or "2026-03-02T19:08:10.854257Z"
    return f'{{"event":"{event}","created":"{created}","request_id":null,"trace_id":null{"," + text if text else ""}}}'.encode()


def of_size(size: int) -> bytes:
    empty = envelope('"data":"","changes":null')
    return empty.replace(b'"data":""', b'"data":"' + b"x" * (size - len(empty)) + b'"')


def nested(levels: int) -> bytes:
    """An envelope is a level of its own."""
    return envelope('"data":' + "[" * (levels - 1) + "]" * (levels - 1))


BODY = envelope()
RIGHT = signature_of(BODY)


def _golden() -> Iterator[Case]:
    for request in GOLDEN:
        headers = []
        for name, value in request["headers"].items():
            if name not in ("Host", "Content-Length"):
                headers += [(name.encode(), one.encode()) for one in (value if isinstance(value, list) else [value])]
        yield Case(
            name=f"golden {request['name']}",
            status=202 if request["valid"] else 401 if request["method"] == "POST" else 405,
            body=base64.b64decode(request["body_base64"]),
            headers=tuple(headers),
            method=request["method"],
            query=request["path_query"].partition("?")[2].encode(),
            framing="length" if "Content-Length" in request["headers"] else "none",
        )


GENUINE = {
    "the least that is an envelope": b'{"event":"user.created","created":"2026-03-02T19:08:10Z"}',
    "members in another order, with spaces": b' { "created" : "2026-03-02T19:08:10Z", "event" : "user.created" } \n',
    "changes as an object": envelope('"data":{"id":7},"changes":{"name":"Reyes"}'),
    "changes as null": envelope('"data":{"id":7},"changes":null'),
    "changes missing": envelope('"data":{"id":7}'),
    "changes of a kind nobody sends": envelope('"data":{"id":7},"changes":"all"'),
    "data as a list": envelope('"data":[1,"two",{"three":3}],"changes":null'),
    "data as an empty list": envelope('"data":[],"changes":null'),
    "data as a number": envelope('"data":7,"changes":null'),
    "data and changes missing": envelope(""),
    "an event name of tomorrow": envelope(event="trainingrecord.created"),
    "an event name without a dot": envelope(event="ping"),
    "a member of tomorrow": envelope('"data":{},"changes":[],"delivery_id":12'),
    "created without a zone": envelope(created="2026-03-02T19:08:10"),
    "created in another zone": envelope(created="2026-03-02T21:08:10.854257+02:00"),
    "a float out of range": envelope('"data":{"hours":1e999,"deep":[-1e999]},"changes":[]'),
    "an integer of 5000 digits": envelope('"data":{"hours":' + "9" * 5000 + '},"changes":[]'),
    "text beyond ASCII, not escaped": envelope('"data":{"name":"Жуков \U0001f396"},"changes":[]'),
    "an escaped NUL and emoji": envelope('"data":{"name":"\\u0000 \\ud83c\\udf96"},"changes":[]'),
    "every member twice": envelope()[:-1] + b"," + envelope('"data":{"id":7,"id":8},"changes":{}')[1:],
    "512 levels of nesting": nested(512),
    "many brackets in a text": envelope('"data":{"text":"' + "[{" * 2000 + '"},"changes":[]'),
    "hidden columns": envelope('"data":{"id":7},"changes":{"password":"$2y$10$abc","remember_token":"tok"}'),
    "hidden columns at 512 levels": envelope('"data":' + "[" * 510 + '{"password":"x"}' + "]" * 510),
    "hidden columns in a text nested 900 levels": envelope(
        '"data":{"id":7},"changes":{"data":"' + "[" * 900 + '{\\"password\\":1}' + "]" * 900 + '"}'
    ),
    "a body of exactly the limit": of_size(MAX_BODY),
}

NO_ENVELOPE = {
    "no JSON": b"event=user.updated",
    "half a JSON text": BODY[:-1],
    "something behind the JSON text": BODY + b"x",
    "a JSON list": b"[" + BODY + b"]",
    "a JSON text": b'"user.updated"',
    "a JSON null": b"null",
    "white space only": b"  \n",
    "no event": b'{"created":"2026-03-02T19:08:10.854257Z","data":{}}',
    "event is null": BODY.replace(b'"user.updated"', b"null"),
    "event twice, the second time a number": BODY[:-1] + b',"event":5}',
    "event is a number": BODY.replace(b'"user.updated"', b"5"),
    "event is empty": BODY.replace(b"user.updated", b""),
    "no created": b'{"event":"user.updated","data":{}}',
    "created is null": BODY.replace(b'"2026-03-02T19:08:10.854257Z"', b"null"),
    "created is a number": BODY.replace(b'"2026-03-02T19:08:10.854257Z"', b"1772478490"),
    "created is a word": envelope(created="yesterday"),
    "created is a date without a time": envelope(created="2026-03-02"),
    "created is the 30th of February": envelope(created="2026-02-30T00:00:00.000000Z"),
    "created lies before all calendars": envelope(created="0001-01-01T00:00:00.000000+14:00"),
    "created lies behind all calendars": envelope(created="9999-12-31T23:59:59.000000-14:00"),
    "latin-1 instead of UTF-8": envelope('"data":{"name":"M\xfcller"},"changes":[]').decode().encode("latin-1"),
    "UTF-16": BODY.decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + BODY,
    "half of a surrogate pair": envelope('"data":{"name":"\\ud83c"},"changes":[]'),
    "an unknown escape": envelope('"data":{"name":"\\q"},"changes":[]'),
    "513 levels of nesting": nested(513),
    "600 levels of nesting": nested(600),
    "100 000 levels of nesting": nested(100_000),
    "100 000 levels that are never closed": envelope('"data":' + "[" * 100_000)[:-1],
    "NaN": envelope('"data":{"hours":NaN},"changes":[]'),
    "only NUL bytes": bytes(64),
}

WRONG_SIGNATURES: dict[str, bytes] = {
    "empty": b"",
    "of another secret": signature_of(BODY, STRANGER),
    "of another body": signature_of(BODY + b" "),
    "of nothing": signature_of(b""),
    "in upper case": RIGHT.upper(),
    "with one upper-case letter": RIGHT.replace(b"a", b"A", 1),
    "with the prefix sha256=": b"sha256=" + RIGHT,
    "with the prefix v1,": b"v1," + RIGHT,
    "in quotes": b'"' + RIGHT + b'"',
    "one digit short": RIGHT[:-1],
    "one digit short in front": RIGHT[1:],
    "one digit long": RIGHT + b"0",
    "twice in one value": RIGHT + RIGHT,
    "twice with a comma": RIGHT + b"," + RIGHT,
    "twice with a comma and a space": RIGHT + b", " + RIGHT,
    "with a comma behind": RIGHT + b",",
    "with a space in the middle": RIGHT[:32] + b" " + RIGHT[32:],
    "with a wrong last digit": RIGHT[:-1] + (b"0" if RIGHT[-1:] != b"0" else b"1"),
    "with a wrong first digit": (b"0" if RIGHT[:1] != b"0" else b"1") + RIGHT[1:],
    "in base64": base64.b64encode(bytes.fromhex(RIGHT.decode())),
    "all zeros": b"0" * 64,
    "of letters that are no hex digits": b"z" * 64,
    "with an accent, in latin-1": b"\xe9" + RIGHT[1:],
    "with an accent, in UTF-8": "é".encode() + RIGHT[2:],
    "in full-width digits": "０".encode() * 64,
    "of bytes that are no text": b"\xff\xfe\xfd" * 20,
    "of 6000 digits": b"a" * 6000,
}


def _own() -> Iterator[Case]:
    for name, body in GENUINE.items():
        yield Case(name=name, status=202, body=body, headers=signed(body))
    for name, body in NO_ENVELOPE.items():
        yield Case(name=name, status=400, body=body, headers=signed(body))
    for name, body in {"no JSON": b"x", "600 levels": nested(600), "latin-1": b'{"\xfc":1}'}.items():
        yield Case(name=f"{name}, signed by a stranger", status=401, body=body, headers=signed(body, STRANGER))
    for name, value in WRONG_SIGNATURES.items():
        yield Case(name=f"signature {name}", status=401, body=BODY, headers=((b"Signature", value),))

    def case(name: str, status: int, **more: Any) -> Case:
        return Case(**{"name": name, "status": status, "body": BODY, "headers": signed(BODY), **more})

    body = envelope('"data":{"id":8},"changes":[]')
    yield case("signed with the second secret", 202, body=body, headers=signed(body, NEW))
    body = envelope('"data":{"id":9},"changes":[]')
    yield case("header name in another case", 202, body=body, headers=((b"sIGNATURE", signature_of(body)),))
    body = envelope('"data":{"id":10},"changes":[]')
    yield case("another content type", 202, body=body, headers=((b"Content-Type", b"text/plain"), *signed(body)[1:]))
    body = envelope('"data":{"id":11},"changes":[]')
    yield case("a query", 202, body=body, headers=signed(body), query=b"token=abc&x")
    body = envelope('"data":{"id":12},"changes":[]')
    yield case("in chunks", 202, body=body, headers=signed(body), framing="chunked")
    body = of_size(MAX_BODY - 1)
    yield case("in chunks, just below the limit", 202, body=body, headers=signed(body), framing="chunked")

    yield case("no signature", 401, headers=())
    yield case("signature in a header of another name", 401, headers=((b"X-Signature", RIGHT), (b"X-Hub-Signature-256", RIGHT)))
    yield case("signature in the query", 401, headers=(), query=b"Signature=" + RIGHT)
    wrong = b"0" * 64
    yield case("signature doubled", 401, headers=((b"Signature", RIGHT), (b"Signature", RIGHT)))
    yield case("signature doubled, the first one right", 401, headers=((b"Signature", RIGHT), (b"Signature", wrong)))
    yield case("signature doubled, the second one right", 401, headers=((b"Signature", wrong), (b"Signature", RIGHT)))
    yield case("signature doubled, the first one empty", 401, headers=((b"Signature", b""), (b"Signature", RIGHT)))
    yield case("signature doubled, the second one empty", 401, headers=((b"Signature", RIGHT), (b"Signature", b"")))
    yield case("signature doubled in another case", 401, headers=((b"Signature", RIGHT), (b"signature", RIGHT)))
    yield case("empty body with the right HMAC of nothing", 401, body=b"", headers=signed(b""))
    yield case("empty body in chunks with the right HMAC of nothing", 401, body=b"", headers=signed(b""), framing="chunked")
    yield case("empty body without a signature", 401, body=b"", headers=())
    yield case("empty body of unknown length", 401, body=b"", headers=signed(b""), framing="none")

    body = of_size(MAX_BODY + 1)
    yield case("one byte over the limit", 413, body=body, headers=signed(body))
    yield case("one byte over the limit, in chunks", 413, body=body, headers=signed(body), framing="chunked")
    yield case("one byte over the limit, signed by a stranger", 413, body=body, headers=signed(body, STRANGER))
    yield case("over the limit without a signature", 401, body=body, headers=())
    yield case("a length that lies beyond the limit", 413, framing=MAX_BODY + 1)
    yield case("a length of 13 digits", 413, framing=10**12)

    query = b"event=user.updated&request_id=59&data%5Bid%5D=7"
    yield case("GET as PERSCOM sends it", 405, method="GET", body=b"", query=query, framing="none")
    yield case("GET with the HMAC of nothing", 405, method="GET", body=b"", headers=signed(b""), framing="none")
    yield case("GET without anything", 405, method="GET", body=b"", headers=(), framing="none")
    yield case("HEAD", 405, method="HEAD", body=b"", framing="none")
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
        yield case(f"{method} with a signed body", 405, method=method)


CASES = (*_golden(), *_own())
assert len({case.name for case in CASES}) == len(CASES)
assert b"a" in RIGHT, "the case with one upper-case letter needs one"


@pytest.fixture(scope="session")
def cases() -> tuple[Case, ...]:
    return CASES


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    """Each row of the table."""
    found: Case = request.param
    return found


@pytest.fixture(params=[case for case in CASES if case.of_a_verifier], ids=lambda case: case.name)
def plain_case(request: pytest.FixtureRequest) -> Case:
    """Each row that headers and body decide."""
    found: Case = request.param
    return found


@pytest.fixture(params=[case for case in CASES if not case.accepted], ids=lambda case: case.name)
def refused_case(request: pytest.FixtureRequest) -> Case:
    """Each row that is refused."""
    found: Case = request.param
    return found


@pytest.fixture(scope="session")
def golden() -> list[dict[str, Any]]:
    """The entries of the file."""
    return GOLDEN


@pytest.fixture(scope="session")
def secrets() -> tuple[str, ...]:
    """All secrets that are live in the apps under test."""
    return SECRETS


@pytest.fixture(scope="session")
def secret() -> str:
    return OWN


@pytest.fixture(scope="session")
def max_body() -> int:
    return MAX_BODY


@pytest.fixture(scope="session")
def make_body() -> Callable[..., bytes]:
    return envelope


@pytest.fixture(scope="session")
def headers_for() -> Callable[..., Pairs]:
    """The headers of a genuine request with this body."""
    return signed


@dataclass(frozen=True, slots=True)
class Answer:
    """What an app answered; ``status`` 0: nothing at all. Names of headers are in lower case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def length_headers(framing: Framing, body: bytes) -> Pairs:
    if framing == "chunked":
        return ((b"Transfer-Encoding", b"chunked"),)
    if framing == "none":
        return ()
    return ((b"Content-Length", str(len(body) if framing == "length" else framing).encode()),)


def asgi_scope(
    *,
    method: str = "POST",
    path: str = "/webhooks/perscom",
    query: bytes = b"",
    headers: Pairs = (),
    body: bytes = b"",
    framing: Framing = "length",
    root_path: str = "",
    state: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An ASGI scope as uvicorn makes it."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": root_path,
        "query_string": query,
        "headers": [(name.lower(), value) for name, value in (*headers, *length_headers(framing, body))],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }
    return scope if state is None else scope | {"state": state}


def asgi_call(app: Any, *, pieces: Iterable[bytes] | None = None, gone: bool = False, **request: Any) -> Answer:
    """Hand one request to an ASGI app, ``pieces`` as it asks for them; ``gone``: the sender leaves before the end."""
    body = request.get("body", b"")
    if pieces is None:
        pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)] if request.get("framing") == "chunked" else [body]

    def messages() -> Iterator[dict[str, Any]]:
        for piece in pieces:
            yield {"type": "http.request", "body": piece, "more_body": True}
        if not gone:
            yield {"type": "http.request"}
        while True:
            yield {"type": "http.disconnect"}

    incoming = messages()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return next(incoming)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(asgi_scope(**request), receive, send))
    return _asgi_answer(sent)


def _asgi_answer(sent: list[dict[str, Any]]) -> Answer:
    if not sent:
        return Answer(0)
    start, *rest = sent
    assert start["type"] == "http.response.start"
    assert {message["type"] for message in rest} == {"http.response.body"}
    assert not rest[-1].get("more_body", False)
    for name, value in start["headers"]:
        assert isinstance(name, bytes)
        assert isinstance(value, bytes)
        assert name == name.lower()
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in rest))


@pytest.fixture(scope="session")
def asgi() -> Callable[..., Answer]:
    return asgi_call


@pytest.fixture(scope="session")
def scope_of() -> Callable[..., dict[str, Any]]:
    return asgi_scope


def wsgi_environ(
    *,
    method: str = "POST",
    path: str = "/webhooks/perscom",
    query: bytes = b"",
    headers: Pairs = (),
    body: bytes = b"",
    framing: Framing = "length",
    script_name: str = "",
    source: Any = None,
) -> dict[str, Any]:
    """A WSGI environ as gunicorn makes it: texts are bytes read as latin-1, doubled headers are joined with a comma."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name.encode().decode("latin-1"),
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body) if source is None else source,
        "wsgi.input_terminated": True,
        "wsgi.errors": BytesIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in (*headers, *length_headers(framing, body)):
        key = name.decode().upper().replace("-", "_")
        key = key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    return environ


def wsgi_call(app: Any, **request: Any) -> Answer:
    """Hand one request to a WSGI app."""
    return run_wsgi(app, wsgi_environ(**request))


def run_wsgi(app: Any, environ: dict[str, Any]) -> Answer:
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        assert type(status) is str
        assert type(headers) is list
        started[:] = [(status, headers)]
        return lambda data: None

    chunks = app(environ, start_response)
    try:
        body = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    ((status, headers),) = started
    return Answer(int(status[:3]), {name.lower(): value for name, value in headers}, body)


@pytest.fixture(scope="session")
def wsgi() -> Callable[..., Answer]:
    return wsgi_call


@pytest.fixture(scope="session")
def environ_of() -> Callable[..., dict[str, Any]]:
    return wsgi_environ


@pytest.fixture(scope="session")
def run_environ() -> Callable[..., Answer]:
    return run_wsgi


class ListInbox:
    """An inbox in memory: each event once, as the protocol asks."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, event: Event) -> bool:
        new = event not in self.events
        if new:
            self.events.append(event)
        return new

    async def aadd(self, event: Event) -> bool:
        return self.add(event)


@pytest.fixture(scope="session")
def make_inbox() -> type[ListInbox]:
    return ListInbox
