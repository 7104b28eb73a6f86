"""Any request whatever: it gets an answer of the table, the same one everywhere; nothing escapes, leaks or stays in memory.

The suite tries some hundreds. To search on, led by what they cover (Linux, after `pip install atheris`):

    PYTHONPATH=tests/support python tests/fuzz/test_any_request.py -max_total_time=600
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

from any_request import CANARY, LIMIT, SECRET, Draw, Request, some_request
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_receiver import HIDDEN_COLUMNS, Event, MalformedEvent, Receiver, Refusal, Verifier, _gate, asgi, explain, wsgi
from perscom_receiver._event import restored
from perscom_receiver._hidden import storable

TABLE = {200, 202, 400, 401, 405, 413}


class Seen:
    """An inbox that keeps the ids alone."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def add(self, event: Event) -> bool:
        new = event.id not in self.ids
        self.ids.add(event.id)
        return new

    async def aadd(self, event: Event) -> bool:
        return self.add(event)


class Lines(logging.Handler):
    """What this thread writes to the log inside a block."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == threading.get_ident():
            self.records.append(record)

    def __enter__(self) -> list[logging.LogRecord]:
        logging.getLogger("perscom_receiver").addHandler(self)
        return self.records

    def __exit__(self, *error: object) -> None:
        logging.getLogger("perscom_receiver").removeHandler(self)


loop = asyncio.new_event_loop()
verifier = Verifier(SECRET)
asgi_app: Any = asgi.webhook_app(Receiver(SECRET, inbox=Seen(), max_body=LIMIT))
wsgi_app: Any = wsgi.webhook_app(Receiver(SECRET, inbox=Seen(), max_body=LIMIT))


def attempt(data: bytes) -> None:
    """One request, against everything that a stranger can reach. Raises AssertionError, or what should not have escaped."""
    request = some_request(Draw(data))
    verdict = of_the_core(request)
    with Lines() as written:
        assert of_asgi(request) in allowed(request, request.body, verdict)
        assert of_wsgi(request) in allowed(request, what_wsgi_reads(request), verdict)
    assert _gate._memory.held == 0
    nothing_is_told("\n".join(explain(request.headers, request.body, SECRET, method=request.method).sentences))
    for record in written:
        assert record.exc_info is None
        assert "\n" not in record.getMessage()
        nothing_is_told(record.getMessage())


def of_the_core(request: Request) -> int:
    """The status for headers and body alone."""
    with suppress(MalformedEvent):
        is_read_to_its_end(Event.parse(request.body))
    try:
        verifier.event(request.headers, request.body)
    except Refusal as refusal:
        nothing_is_told(f"{refusal} {refusal!r}")
        return refusal.status
    return 202


def is_read_to_its_end(event: Event) -> None:
    """Every property works, and what is stored is the same event without its hidden columns."""
    assert not HIDDEN_COLUMNS & event.changes.keys()
    for name in ("resource", "action", "data", "user", "record", "calendar", "message", "submission", "template", "problems"):
        getattr(event, name)
    stored = storable(event.body)
    assert CANARY.encode() not in stored
    again = restored(stored, bytes.fromhex(event.id), None)
    assert (again.name, again.created, again.id) == (event.name, event.created, event.id)
    assert not HIDDEN_COLUMNS & set(names_in([again.data, dict(again.changes)]))
    assert storable(stored) == stored
    nothing_is_told(repr(event))


def names_in(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield from node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def allowed(request: Request, read: bytes, verdict: int) -> set[int]:
    """What the table says. ``read`` is as much of the body as reaches the app, ``verdict`` that of the whole."""
    length = request.length or b""
    if request.method != "POST":
        return {405}
    if len(read) > LIMIT or (length.isdigit() and int(length) > LIMIT):
        return {401, 413}
    if read != request.body:
        return {401}  # the beginning of what was signed, which is as good as anything else
    return {200, 202} if verdict == 202 else {verdict}


def of_asgi(request: Request) -> int:
    headers = [(name.lower(), value) for name, value in request.headers if name.lower() != b"content-length"]
    if request.length is not None:
        headers.append((b"content-length", request.length))
    scope = {"type": "http", "method": request.method, "path": "/", "query_string": b"", "headers": headers}
    pieces = [{"type": "http.request", "body": piece, "more_body": True} for piece in request.pieces]
    incoming = iter([*pieces, {"type": "http.request"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    loop.run_until_complete(asgi_app(scope, receive, send))
    start, end = sent
    return of_the_table(start["status"], dict(start["headers"])[b"content-type"].decode(), end["body"])


def what_wsgi_reads(request: Request) -> bytes:
    """As much as is announced: without a number, nothing."""
    length = request.length
    if length is None:
        return request.body
    return request.body[: int(length)] if length.isdigit() else b""


def of_wsgi(request: Request) -> int:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": "/",
        "wsgi.input": BytesIO(request.body),
        "wsgi.input_terminated": request.length is None,
    }
    signatures = [value.decode("latin-1") for name, value in request.headers if name.lower() == b"signature"]
    if signatures:
        environ["HTTP_SIGNATURE"] = ",".join(signatures)
    if request.length is not None:
        environ["CONTENT_LENGTH"] = request.length.decode("latin-1")
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], None]:
        started.append((status, headers))
        return lambda data: None

    body = b"".join(wsgi_app(environ, start_response))
    ((status, headers),) = started
    return of_the_table(int(status[:3]), {name.lower(): value for name, value in headers}["content-type"], body)


def of_the_table(status: int, content_type: str, body: bytes) -> int:
    assert status in TABLE
    assert content_type == ("application/json" if status < 300 else "application/problem+json")
    nothing_is_told(body.decode())
    return status


def nothing_is_told(text: str) -> None:
    assert SECRET not in text
    assert CANARY not in text


@settings(max_examples=600, deadline=None)
@given(st.binary(max_size=300) | st.integers(0, 2**32).map(lambda seed: random.Random(seed).randbytes(600)))
def test_any_request_gets_an_answer_of_the_table(data: bytes) -> None:
    attempt(data)


def test_the_requests_are_of_all_kinds() -> None:
    """Else the test above would try one and the same thing."""
    chance = random.Random(1)
    requests = [some_request(Draw(chance.randbytes(600))) for _ in range(600)]
    seen = Counter((of_asgi(request), request.length is None) for request in requests)
    assert {status for status, _ in seen} >= TABLE - {200}
    assert sum(n for (status, _), n in seen.items() if status == 202) > 30
    assert any(CANARY.encode() in request.body for request in requests)


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, attempt)
    atheris.Fuzz()
