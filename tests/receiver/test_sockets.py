"""The table of cases over real sockets, byte for byte, against the servers people use, and what only a socket can do."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

from perscom_receiver import HIDDEN_COLUMNS, sign

APPS = Path(__file__).parent / "apps"
UVICORN = ["uvicorn", "asgi_app:app", "--port", "0", "--no-access-log"]
SERVERS = {
    "uvicorn": [*UVICORN, "--loop", "uvloop", "--http", "httptools"],
    "uvicorn with h11": [*UVICORN, "--http", "h11"],
    "gunicorn": [
        *("gunicorn", "wsgi_app:app", "--preload", "--workers", "4", "--worker-class", "sync"),
        *("--bind", "127.0.0.1:0", "--no-control-socket"),
    ],
    "flask run": ["flask", "--app", "wsgi_app", "run", "--port", "0"],
}
BODY = b'{"event":"user.updated","created":"2026-03-02T19:08:10.854257Z","data":{"id":%d},"changes":[]}'


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    port: int
    log: Path
    inbox: Path

    @property
    def is_wsgi(self) -> bool:
        return self.name != "uvicorn"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def send(self, *pieces: bytes, method: str = "POST", pause: float = 0) -> Reply:
        """Write the bytes, read one answer."""
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            return self.answer(connection, method)

    def answer(self, connection: socket.socket, method: str = "POST") -> Reply:
        response = HTTPResponse(connection, method=method)
        response.begin()
        body = response.read()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, headers, body, response.will_close)

    def stored(self) -> list[str]:
        """Digests of what is in the inbox."""
        connection = sqlite3.connect(f"file:{self.inbox}?mode=ro", uri=True)
        try:
            return [digest.hex() for (digest,) in connection.execute("SELECT digest FROM event")]
        finally:
            connection.close()


@pytest.fixture(scope="module", params=SERVERS.values(), ids=list(SERVERS))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, secrets: tuple[str, ...], max_body: int
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    log = folder / "log.txt"
    environment = {
        **os.environ,
        "TEST_SECRETS": json.dumps(secrets),
        "TEST_MAX_BODY": str(max_body),
        "TEST_INBOX": str(folder / "inbox.db"),
        "PYTHONUNBUFFERED": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *request.param], cwd=APPS, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Server(request.param[0], _port(process, log), log, folder / "inbox.db")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server chose, as it says in its log."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
        if found:
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")


def head(method: str, target: str, headers: list[tuple[bytes, bytes]]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1".encode(), b"Host: receiver.example.org"]
    return b"\r\n".join([*lines, *(name + b": " + value for name, value in headers), b"", b""])


def chunks(body: bytes, size: int) -> bytes:
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def raw_request(case: Any, path: str) -> bytes:
    """The bytes of a case, as PERSCOM's client writes them."""
    headers = list(case.headers)
    if case.framing == "chunked":
        headers.append((b"Transfer-Encoding", b"chunked"))
    elif case.framing != "none":
        headers.append((b"Content-Length", str(len(case.body) if case.framing == "length" else case.framing).encode()))
    target = path + ("?" + case.query.decode() if case.query else "")
    return head(case.method, target, headers) + (chunks(case.body, 8000) if case.framing == "chunked" else case.body)


def signed(body: bytes, secret: str, *more: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [(b"Content-Type", b"application/json"), (b"Signature", sign(body, secret).encode()), *more]


def length_of(body: bytes) -> tuple[bytes, bytes]:
    return (b"Content-Length", str(len(body)).encode())


def ask_all(server: Server, cases: tuple[Any, ...], path: str) -> dict[str, Reply]:
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(lambda case: server.send(raw_request(case, path), method=case.method), cases)
        return dict(zip((case.name for case in cases), replies, strict=True))


def test_a_guarded_handler_gives_every_case_its_verdict(server: Server, cases: tuple[Any, ...]) -> None:
    replies = ask_all(server, cases, "/guarded")
    wanted = {case.name: 200 if case.accepted else case.status for case in cases}
    assert {name: reply.status for name, reply in replies.items()} == wanted
    for case in cases:
        reply = replies[case.name]
        if case.accepted:
            digest = sha256(case.body).hexdigest()
            assert json.loads(reply.body) == {"id": digest, "read": digest}
        else:
            assert reply.headers["content-type"] == "application/problem+json"
            assert reply.headers.get("allow") == ("POST" if case.status == 405 else None)


def test_a_storing_endpoint_gives_every_case_its_verdict_and_keeps_each_event_once(
    server: Server, cases: tuple[Any, ...]
) -> None:
    wanted = {case.name: case.status for case in cases}
    replies = ask_all(server, cases, "/stored")
    assert {name: reply.status for name, reply in replies.items()} == wanted
    again = ask_all(server, cases, "/stored")
    assert {name: reply.status for name, reply in again.items()} == {
        name: 200 if status == 202 else status for name, status in wanted.items()
    }
    genuine = {sha256(case.body).hexdigest() for case in cases if case.accepted}
    stored = server.stored()
    assert len(stored) == len(set(stored))
    assert genuine <= set(stored)
    assert len(genuine) == sum(case.accepted for case in cases)
    if server.name == "gunicorn":
        workers = {reply.headers["x-worker"] for reply in (*replies.values(), *again.values()) if "x-worker" in reply.headers}
        assert len(workers) > 1, "one worker did it all: nothing was shown about several"
    for file in server.inbox.parent.glob("inbox.db*"):  # the write-ahead log too
        assert not [name for name in HIDDEN_COLUMNS if name.encode() in file.read_bytes()], file.name


def test_the_same_event_at_the_same_moment_is_stored_once(server: Server, secret: str) -> None:
    """PERSCOM's retry may arrive while its first try is still being written, in another worker."""
    for number in range(5):
        body = BODY % (1000 + number)
        request = head("POST", "/stored", signed(body, secret, length_of(body))) + body
        together = threading.Barrier(6)

        def call(request: bytes = request, together: threading.Barrier = together) -> int:
            with server.connect() as connection:
                together.wait()
                connection.sendall(request)
                return server.answer(connection).status

        with ThreadPoolExecutor(6) as pool:
            statuses = sorted(future.result() for future in [pool.submit(call) for _ in range(6)])
        assert statuses == [200] * 5 + [202]
        assert server.stored().count(sha256(body).hexdigest()) == 1


both = pytest.mark.parametrize("path", ["/guarded", "/stored"])


class TestLength:
    @both
    def test_a_body_longer_than_announced_is_refused(self, server: Server, secret: str, path: str) -> None:
        body = BODY % 1
        reply = server.send(head("POST", path, signed(body, secret, (b"Content-Length", b"10"))) + body)
        assert reply.status in {400, 401}  # some servers choke on the rest first

    @both
    def test_a_body_shorter_than_announced_is_never_accepted(self, server: Server, secret: str, path: str) -> None:
        """The sender goes before the end: what arrived until then is genuine by itself, but not what was announced."""
        body = BODY % 2
        before = len(server.stored())
        with server.connect() as connection:
            connection.sendall(head("POST", path, signed(body, secret, (b"Content-Length", b"500"))) + body[:50])
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        assert not answer or int(answer.split()[1]) in {400, 401, 408}
        assert len(server.stored()) == before

    @both
    def test_a_length_beyond_the_limit_is_refused_at_once_and_the_connection_closed(
        self, server: Server, secret: str, path: str, max_body: int
    ) -> None:
        length = (b"Content-Length", str(max_body + 1).encode())
        with server.connect() as connection:
            connection.sendall(head("POST", path, signed(BODY % 3, secret, length)))
            reply = server.answer(connection)
            assert (reply.status, reply.closed) == (413, True)
            assert connection.recv(10) == b""

    @both
    @pytest.mark.parametrize("length", [b"-1", b"+5", b"5, 6", b"0x10", b"1_0", b"\xb2", b"", b"abc"], ids=repr)
    def test_a_length_that_is_none_is_never_accepted(self, server: Server, secret: str, path: str, length: bytes) -> None:
        body = BODY % 4
        reply = server.send(head("POST", path, signed(body, secret, (b"Content-Length", length))) + body)
        assert reply.status in {400, 401}

    @both
    def test_a_request_without_a_length_has_no_body_and_is_refused(self, server: Server, secret: str, path: str) -> None:
        body = BODY % 5
        reply = server.send(head("POST", path, signed(body, secret)) + body)
        assert reply.status in {400, 401}  # some servers choke on the rest first

    @both
    def test_a_large_body_with_expect_100_continue_is_asked_for_and_taken(
        self, server: Server, secret: str, path: str, max_body: int
    ) -> None:
        """PERSCOM's client does so with bodies over 1 MiB."""
        body = BODY.replace(b"{", b'{"tomorrow":"' + path.encode() * 20_000 + b'",', 1) % 6
        assert len(body) < max_body
        with server.connect() as connection:
            connection.sendall(head("POST", path, signed(body, secret, length_of(body), (b"Expect", b"100-Continue"))))
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
            connection.sendall(body)
            assert server.answer(connection).status in {200, 202}

    @both
    def test_expect_100_continue_does_not_invite_a_body_that_the_head_refuses(self, server: Server, path: str) -> None:
        with server.connect() as connection:
            connection.sendall(head("POST", path, [(b"Content-Length", b"100000"), (b"Expect", b"100-Continue")]))
            answer = b""
            while b" 401 " not in answer:
                answer += (received := connection.recv(65536))
                assert received, answer
        if not server.is_wsgi:  # WSGI servers send the invitation before they call the app
            assert b" 100 " not in answer


class TestChunks:
    @both
    @pytest.mark.parametrize("size", [1, 7, 10_000])
    def test_a_body_in_chunks_of_any_size_is_taken(self, server: Server, secret: str, path: str, size: int) -> None:
        body = BODY % (20 + size)
        request = head("POST", path, signed(body, secret, (b"Transfer-Encoding", b"chunked")))
        assert server.send(request, chunks(body, size)).status in {200, 202}

    @both
    def test_a_body_that_comes_byte_by_byte_is_taken(self, server: Server, secret: str, path: str) -> None:
        body = BODY % 21
        request = head("POST", path, signed(body, secret, length_of(body)))
        pieces = [body[at : at + 1] for at in range(len(body))]
        assert server.send(request, *pieces, pause=0.001).status in {200, 202}

    @both
    def test_chunks_without_end_are_cut_off_at_the_limit(self, server: Server, secret: str, path: str, max_body: int) -> None:
        """Nothing is waited for beyond the limit: the answer comes while the sender is still sending."""
        chunk = b"%x\r\n%b\r\n" % (50_000, b"x" * 50_000)
        with server.connect() as connection:
            connection.sendall(head("POST", path, signed(BODY % 22, secret, (b"Transfer-Encoding", b"chunked"))))
            for _ in range(max_body // 50_000 + 1):
                connection.sendall(chunk)
            reply = server.answer(connection)
            assert (reply.status, reply.closed) == (413, True)

    @both
    @pytest.mark.parametrize(
        "broken",
        [
            b"zz\r\nabc\r\n0\r\n\r\n",
            b"3\r\nabcdef\r\n0\r\n\r\n",
            b"3\r\nabc\r\n0\r\nbad trailer\r\n\r\n",
            b"-1\r\na\r\n",
            b"\r\n\r\n",
        ],
        ids=repr,
    )
    def test_broken_chunks_are_refused_without_a_traceback(self, server: Server, secret: str, path: str, broken: bytes) -> None:
        request = head("POST", path, signed(b"abc", secret, (b"Transfer-Encoding", b"chunked")))
        reply = server.send(request, broken)
        assert reply.status in {400, 401, 408}

    @both
    def test_both_ways_of_telling_the_length_are_never_accepted_with_another_body(
        self, server: Server, secret: str, path: str
    ) -> None:
        """Request smuggling: proxy and server disagree on where the body ends."""
        body = BODY % 23
        headers = signed(body, secret, (b"Content-Length", b"4"), (b"Transfer-Encoding", b"chunked"))
        reply = server.send(head("POST", path, headers) + chunks(body, 1000))
        assert reply.status in {200, 202, 400, 401}
        if reply.status == 200:
            assert json.loads(reply.body)["read"] == sha256(body).hexdigest()


class TestHeaders:
    @pytest.mark.parametrize(
        "headers",
        [
            [(b"X-%d" % n, b"y") for n in range(5000)],
            [(b"X", b"y" * 1_000_000)],
            [(b"X" * 1_000_000, b"y")],
            [(b"Signature", b"0" * 64)] * 5000,
        ],
        ids=["many", "a long value", "a long name", "many signatures"],
    )
    def test_more_of_them_than_anybody_needs_are_refused_and_harm_nobody(
        self, server: Server, secret: str, headers: list[tuple[bytes, bytes]]
    ) -> None:
        body = BODY % 24
        with server.connect() as connection:
            try:
                connection.sendall(head("POST", "/stored", [*headers, length_of(body)]) + body)
                assert server.answer(connection).status in {400, 401, 413, 414, 431}
            except (ConnectionError, HTTPException):
                pass  # it did not listen to the end, and what it said went under
        body = BODY % random.randrange(10**6, 10**9)
        assert server.send(head("POST", "/stored", signed(body, secret, length_of(body))) + body).status == 202
        assert "Traceback" not in server.log.read_text()


class TestFailingOpen:
    @pytest.mark.parametrize(
        "target",
        [
            "/guarded",
            "/guarded/",
            "//guarded",
            "/guarded//",
            "/guarded%0A",
            "/guarded%20",
            "/guarded%2F",
            "/%67uarded",
            "/guarded?x=1",
        ],
    )
    def test_no_spelling_of_the_path_reaches_the_handler_unsigned(self, server: Server, target: str) -> None:
        body = BODY % 30
        reply = server.send(head("POST", target, [length_of(body)]) + body)
        assert reply.status == 401

    def test_an_absolute_target_is_guarded_too(self, server: Server) -> None:
        body = BODY % 31
        reply = server.send(head("POST", "http://receiver.example.org/guarded", [length_of(body)]) + body)
        assert reply.status in {400, 401, 404}


def test_several_requests_on_one_connection_do_not_mix(server: Server, secret: str) -> None:
    if server.is_wsgi:
        pytest.skip("these servers close the connection after each request")
    with server.connect() as connection:
        for number in range(6):
            body = BODY % (40 + number)
            good = number % 2 == 0
            signature = sign(body if good else b"x", secret).encode()
            connection.sendall(head("POST", "/guarded", [(b"Signature", signature), length_of(body)]) + body)
            reply = server.answer(connection)
            assert reply.status == (200 if good else 401)
            if good:
                assert json.loads(reply.body)["read"] == sha256(body).hexdigest()


def test_any_bytes_as_signature_and_body_get_a_documented_answer(server: Server, secret: str) -> None:
    """A stranger's hundred tries, the same ones in every run. Bytes that HTTP forbids are refused by the server itself."""
    chance = random.Random(20260302)
    alphabet = bytes(b for b in range(256) if b not in b"\r\n")
    forbidden = set(range(32)) - {9} | {127}
    stored = len(server.stored())

    def attempt(_: int) -> tuple[bytes, int]:
        signature = bytes(chance.choice(alphabet) for _ in range(chance.choice([0, 1, 63, 64, 65, 200])))
        if chance.random() < 0.3:
            digits = bytearray(sign(BODY % 50, secret).encode())
            digits[chance.randrange(64)] = chance.choice(alphabet)
            signature = bytes(digits)
        body = chance.randbytes(chance.choice([1, 10, 3000])) if chance.random() < 0.7 else b"[" * 5000
        reply = server.send(
            head("POST", chance.choice(["/guarded", "/stored"]), [(b"Signature", signature), length_of(body)]) + body
        )
        return signature, reply.status

    for signature, status in map(attempt, range(120)):
        assert status == 401 or (status == 400 and forbidden & set(signature)), (signature, status)
    assert len(server.stored()) == stored


def test_a_body_that_stops_coming_is_answered_with_408(server: Server, secret: str) -> None:
    if server.is_wsgi:
        pytest.skip("WSGI has no way to interrupt a read; the server's own timeout ends it")
    with server.connect() as connection:
        connection.sendall(head("POST", "/stored", signed(BODY % 60, secret, length_of(BODY % 60))) + b"{")
        reply = server.answer(connection)
        assert (reply.status, reply.closed) == (408, True)


def test_the_log_tells_why_and_holds_no_secret_no_signature_no_body_and_no_traceback(
    server: Server, secrets: tuple[str, ...], cases: tuple[Any, ...]
) -> None:
    ask_all(server, cases, "/guarded")
    ask_all(server, cases, "/stored")
    log = server.log.read_text()
    assert "refused POST /guarded: 401. No Signature header" in log
    assert "refused GET /stored: 405. A GET webhook" in log
    assert "Traceback" not in log
    for secret in secrets:
        assert secret not in log
    # Without the lines that Flask's server writes for each request: they hold the query, and one query holds a signature.
    log = "\n".join(line for line in log.splitlines() if not line.startswith("127.0.0.1 - - ["))
    assert log.count("refused ") > 100
    for case in cases:
        for name, value in case.headers:
            if name == b"Signature" and len(value) > 40:
                assert value.decode("latin-1") not in log
        if len(case.body) > 60:
            assert case.body[20:60].decode("latin-1") not in log
