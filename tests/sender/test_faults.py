"""Receivers that misbehave in every way there is: one failed try that says why, within its limits, and the others go on."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from endpoints import Endpoint
from faults import CHUNKED, OK, FaultServer, Misbehaving, at_once, floods, never, resets, says
from sending import SECRET, running, until

from perscom_receiver import AddressGuard, DeliveryError
from perscom_sender import Attempt, Sender, _http
from perscom_sender._http import AiohttpTransport, _Connection
from perscom_sender.signing import SignedRequest

Make = Callable[..., Sender]

WITHIN = 0.5
"""Seconds that a try has."""
PRIVATE = "token-7f3a"
"""What stands in the address, in the body and in answers, and must not stand in a log."""
CLOSED = "it closed the connection before the answer was whole"
HINTS = "it answered with 1xx again and again"
NO_HTTP = "its answer is no HTTP that can be read"
TOO_LONG = "it answered with more than 2 MiB; is it the right address?"
TOO_LATE = f"no whole answer came within {WITHIN} s"
GIGABYTE = b"Content-Length: 1000000000\r\n\r\n"
PAGE = (PRIVATE.encode() * 7000)[:65_536]
BOMB = gzip.compress(bytes(50_000_000))

FAULTS: dict[str, tuple[Misbehaving, str, str]] = {
    "takes the connection and says nothing": (never, "timeout", TOO_LATE),
    "byte by byte": (says(*[bytes([byte]) for byte in OK], pause=0.1), "timeout", TOO_LATE),
    "byte by byte in the body": (says(OK + GIGABYTE, *[b"x"] * 99, pause=0.1), "timeout", TOO_LATE),
    "half a body, and holds": (says(OK + b"Content-Length: 9\r\n\r\nhalf", holds=True), "timeout", TOO_LATE),
    "closes at once": (at_once(), "closed", CLOSED),
    "closes after the request": (says(), "closed", CLOSED),
    "closes in the status line": (says(b"HTTP/1.1 20"), "closed", CLOSED),
    "closes in the headers": (says(OK + b"Content-Le"), "closed", CLOSED),
    "closes in the body": (says(OK + b"Content-Length: 10\r\n\r\nabc"), "closed", CLOSED),
    "closes in a chunk": (says(CHUNKED + b"5\r\nab"), "closed", CLOSED),
    "closes before the last chunk": (says(CHUNKED + b"2\r\nab\r\n"), "closed", CLOSED),
    "closes after 1xx": (says(b"HTTP/1.1 102 Processing\r\n\r\n"), "closed", CLOSED),
    "resets": (resets(), "closed", CLOSED),
    "resets in the body": (resets(OK + b"Content-Length: 10\r\n\r\nabc"), "closed", CLOSED),
    "a gigabyte": (floods(OK + GIGABYTE, PAGE), "protocol", TOO_LONG),
    "a gigabyte without its length": (floods(OK + b"\r\n", PAGE), "protocol", TOO_LONG),
    "a gigabyte in chunks": (floods(CHUNKED, b"10000\r\n" + PAGE + b"\r\n"), "protocol", TOO_LONG),
    "a gigabyte that is an error": (floods(b"HTTP/1.1 500 Oh\r\n" + GIGABYTE, PAGE), "protocol", TOO_LONG),
    "endless extensions of a chunk": (floods(CHUNKED + b"1;", PAGE), "protocol", TOO_LONG),
    "endless empty lines": (floods(b"", b"\r\n" * 32_768), "protocol", TOO_LONG),
    "10 000 headers": (
        says(OK, *[b"X-%d: y\r\n" % n for n in range(10_000)], b"\r\n"), "protocol", f"{NO_HTTP}: Too many headers received",
    ),
    "endless headers": (floods(OK, b"X: y\r\n" * 10_000), "protocol", NO_HTTP),
    "an endless header": (floods(OK + b"X: ", PAGE), "protocol", NO_HTTP),
    "endless headers without a line": (floods(OK, PAGE), "protocol", NO_HTTP),
    "an endless status line": (floods(b"HTTP/1.1 200 ", PAGE), "protocol", NO_HTTP),
    "endless trailers": (floods(CHUNKED + b"0\r\n", b"X: y\r\n" * 10_000), "protocol", NO_HTTP),
    "endless noise": (floods(b"", bytes(range(256)) * 256), "protocol", NO_HTTP),
    "1xx without end": (floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "protocol", HINTS),
    "1xx without end, slowly": (says(*[b"HTTP/1.1 102 Processing\r\n\r\n"] * 99, pause=0.005), "protocol", HINTS),
    "another protocol": (says(b"220 token-7f3a ESMTP\r\n"), "protocol", NO_HTTP),
    "HTTP/0.9": (says(b"<html>hello</html>"), "protocol", NO_HTTP),
    "HTTP/2": (says(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)), "protocol", NO_HTTP),
    "HTTP/9.9": (says(b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n"), "protocol", NO_HTTP),
    "a status that is a word": (says(b"HTTP/1.1 OK\r\n\r\n"), "protocol", NO_HTTP),
    "a status of five digits": (says(b"HTTP/1.1 20000 OK\r\n\r\n"), "protocol", NO_HTTP),
    "a header without a colon": (says(OK + b"no colon\r\n\r\n"), "protocol", NO_HTTP),
    "a header with a NUL": (says(OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n"), "protocol", NO_HTTP),
    "a negative length": (says(OK + b"Content-Length: -1\r\n\r\n"), "protocol", NO_HTTP),
    "a length that is a word": (says(OK + b"Content-Length: much\r\n\r\n"), "protocol", NO_HTTP),
    "a length beyond all numbers": (says(OK + b"Content-Length: 9" + b"9" * 30 + b"\r\n\r\n"), "protocol", NO_HTTP),
    "two lengths": (says(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"), "protocol", NO_HTTP),
    "a length and chunks": (says(OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok"), "protocol", NO_HTTP),
    "more than its length": (says(OK + b"Content-Length: 2\r\n\r\nok, and more"), "protocol", NO_HTTP),
    "less than its length": (says(OK + b"Content-Length: 20\r\n\r\nok"), "closed", CLOSED),
    "204 with a body": (says(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"), "protocol", NO_HTTP),
    "a chunk without a size": (says(CHUNKED + b"nonsense\r\n"), "protocol", NO_HTTP),
    "a negative chunk": (says(CHUNKED + b"-1\r\n"), "protocol", NO_HTTP),
    "a chunk beyond all numbers": (says(CHUNKED + b"F" * 20 + b"\r\n"), "protocol", NO_HTTP),
    "a nonsense chunk later on": (says(CHUNKED + b"2\r\nab\r\n", b"nonsense\r\n", pause=0.05), "protocol", NO_HTTP),
    "another protocol from now on": (
        says(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", PAGE, holds=True), "status",
        "it answered 101",
    ),
    "a redirect to this machine": (
        says(b"HTTP/1.1 307 Over there\r\nLocation: http://127.0.0.1:1/token-7f3a\r\nContent-Length: 0\r\n\r\n"), "redirect",
        "it redirects to '127.0.0.1' (307), which is not followed",
    ),
    "a proxy's password": (says(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"), "status", "it answered 407"),
}  # fmt: skip
TAKEN: dict[str, Misbehaving] = {
    "answers before it reads, and closes": at_once(OK + b"Content-Length: 2\r\n\r\nok"),
    "answers before it reads, and holds": at_once(OK + b"Content-Length: 2\r\n\r\nok", holds=True),
    "a few 1xx before": says(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 9 + OK + b"Content-Length: 2\r\n\r\nok"),
    "a long page": says(OK + b"Content-Length: 2000000\r\n\r\nok", b"\n" * 1_999_998),
    "a page up to the end of the connection": says(OK + b"\r\nok"),
    "a bomb in gzip": says(OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB),
    "two answers": says((OK + b"Content-Length: 2\r\n\r\nok") * 2, holds=True),
    "answers without end": floods(b"", (OK + b"Content-Length: 2\r\n\r\nok") * 100),
    "an encoding that is none": says(OK + b"Content-Type: text/html; charset=none\r\nContent-Length: 2\r\n\r\n\xff\xfe"),
    "cookies of everybody": says(OK + b"Set-Cookie: a=\xff; Domain=.example; Path=\r\n" * 50 + b"Content-Length: 0\r\n\r\n"),
}


async def tried(sender: Sender, server: FaultServer, caplog: pytest.LogCaptureFixture, **more: Any) -> Attempt:
    """The one try at ``server``, beside an endpoint that is well and gets its event meanwhile."""
    caplog.set_level(logging.INFO)
    async with server, Endpoint() as well, running(sender):
        bad = sender.subscriptions.add(f"{server.url}?{PRIVATE}", SECRET, ["*"], **({"timeout": WITHIN} | more)).id
        good = sender.subscriptions.add(well.url, SECRET, ["*"]).id
        await sender.publish("order.paid", {"who": PRIVATE})
        (last,) = sender.log.deliveries(subscription=bad)
        await until(lambda: sender.log.attempts(last.id))
        await until(lambda: sender.log.deliveries(subscription=good, state="delivered"))
        (attempt,) = sender.log.attempts(last.id)
    assert server.connections <= 1
    for secret in (PRIVATE, SECRET, "127.0.0.1:"):
        assert secret not in caplog.text + str(attempt.error)
    loud = [record for record in caplog.records if record.exc_info or record.levelno > logging.WARNING]
    assert [record.getMessage() for record in loud] == []
    assert re.fullmatch(r"[a-z][^\n<>]{1,150}", attempt.error or "none")
    return attempt


@pytest.mark.parametrize(("serve", "kind", "error"), FAULTS.values(), ids=FAULTS)
def test_it_is_one_failed_try_that_says_why(
    sender: Sender, serve: Misbehaving, kind: str, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = FaultServer(serve)
    attempt = asyncio.run(tried(sender, server, caplog))
    assert attempt.kind == kind
    assert str(attempt.error).startswith(error)
    assert server.connections == 1
    assert attempt.next is not None


@pytest.mark.parametrize("serve", TAKEN.values(), ids=TAKEN)
def test_a_whole_answer_counts_whatever_comes_with_it(
    sender: Sender, serve: Misbehaving, caplog: pytest.LogCaptureFixture
) -> None:
    attempt = asyncio.run(tried(sender, FaultServer(serve), caplog))
    assert (attempt.kind, attempt.status) == ("done", 200)
    assert len(attempt.answer or "") <= 1000
    assert not set(attempt.answer or "") & set(map(chr, [*range(9), *range(11, 32), 127]))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Makes a certificate for a name, good for so many days from now on, with its key in the same file."""
    folder = tmp_path_factory.mktemp("tls")

    def make(name: str, days: int) -> Path:
        path = folder / f"{days}.pem"
        (folder / "names").write_text(f"subjectAltName={name}")
        for command in (
            f"openssl req -new -newkey rsa:2048 -nodes -subj /CN=shop -keyout {path}.key -out {path}.csr",
            f"openssl x509 -req -in {path}.csr -signkey {path}.key -days {days} -extfile {folder}/names -out {path}.crt",
        ):
            subprocess.run(command.split(), check=True, capture_output=True)
        path.write_text(Path(f"{path}.key").read_text() + Path(f"{path}.crt").read_text())
        return path

    return make


def https(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize(
    ("name", "days", "known", "error"),
    [
        ("IP:127.0.0.1", 2, False, "its certificate is signed by nobody but itself; nothing was sent"),
        ("DNS:other.example", 2, True, "its certificate is for other addresses; nothing was sent"),
        ("IP:127.0.0.1", -1, True, "its certificate has expired; nothing was sent"),
    ],
    ids=["self-signed", "of another name", "expired"],
)
def test_a_wrong_certificate_is_named_and_nothing_was_sent(
    make: Make,
    certificates: Callable[[str, int], Path],
    name: str,
    days: int,
    known: bool,
    error: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    certificate = certificates(name, days)
    ours = ssl.create_default_context(cafile=f"{certificate}.crt" if known else None)
    sender = make(transport=AiohttpTransport(AddressGuard(allow=["127.0.0.1"]), tls=ours))
    server = FaultServer(says(OK), https(certificate))
    attempt = asyncio.run(tried(sender, server, caplog))
    assert (attempt.kind, attempt.error, server.connections) == ("tls", error, 0)


def test_over_tls_that_is_right_it_is_delivered(
    make: Make, certificates: Callable[[str, int], Path], caplog: pytest.LogCaptureFixture
) -> None:
    certificate = certificates("IP:127.0.0.1", 3)
    ours = ssl.create_default_context(cafile=f"{certificate}.crt")
    sender = make(transport=AiohttpTransport(AddressGuard(allow=["127.0.0.1"]), tls=ours))
    attempt = asyncio.run(tried(sender, FaultServer(says(OK + b"Content-Length: 0\r\n\r\n"), https(certificate)), caplog))
    assert attempt.kind == "done"


class Plain(FaultServer):
    """A server without TLS that is called by https."""

    @property
    def url(self) -> str:
        return super().url.replace("http:", "https:")


@pytest.mark.parametrize(
    ("serve", "kind", "error"),
    [
        (at_once(OK + b"Content-Length: 0\r\n\r\n"), "tls", r"no TLS connection stood \([A-Z0-9_]+\); nothing was sent\."),
        (at_once(b"\x15\x03\x03\x00\x02\x02\x28"), "tls", r"no TLS connection stood \([A-Z0-9_]+\); nothing was sent\."),
        (at_once(), "connect", "it could not be reached"),
        (never, "timeout", "no connection stood within 0.2 s"),
    ],
    ids=["plain HTTP", "an alert", "closed", "silence"],
)
def test_a_handshake_that_comes_to_nothing(
    sender: Sender,
    serve: Misbehaving,
    kind: str,
    error: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_http, "CONNECT_TIMEOUT", 0.2)
    attempt = asyncio.run(tried(sender, Plain(serve), caplog, timeout=WITHIN + 0.1))
    assert attempt.kind == kind
    assert re.match(error, str(attempt.error))


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_connection_that_was_kept_and_ends_is_one_failed_try_too(sender: Sender, method: str) -> None:
    """HTTP clients like to repeat a GET by themselves, unseen."""
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        while True:
            await reader.readuntil(b"\r\n\r\n")
            requests += 1
            if requests % 2 == 0:
                return
            writer.write(OK + b"Content-Length: 0\r\n\r\n")

    async def main() -> None:
        async with FaultServer(serve) as server, running(sender):
            sender.subscriptions.add(server.url, SECRET, ["*"], method=method)
            for count in (1, 2):
                event = await sender.publish("order.paid", {"id": count})
                (delivery,) = sender.log.deliveries(event=event)
                await until(lambda delivery=delivery: sender.log.attempts(delivery.id))
            (attempt,) = sender.log.attempts(delivery.id)
            assert (attempt.kind, requests, server.connections) == ("closed", 2, 1)

    asyncio.run(main())


def test_a_limit_of_more_than_5_s_is_kept_to_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiohttp rounds those up to whole seconds of its clock, if it is let."""

    async def main() -> None:
        loop, set_for = asyncio.get_running_loop(), list[float]()
        call_at = loop.call_at

        def watched(when: float, *rest: Any, **more: Any) -> asyncio.TimerHandle:
            set_for.append(when - loop.time())
            return call_at(when, *rest, **more)

        monkeypatch.setattr(loop, "call_at", watched)
        transport = AiohttpTransport(AddressGuard(allow=["127.0.0.1"]))
        async with FaultServer(never) as server:
            request = SignedRequest(method="POST", url=server.url, headers={}, body=b"{}")
            sending = asyncio.create_task(transport.send(request, timeout=30.25))
            await until(lambda: server.connections)
            sending.cancel()
            await asyncio.wait([sending])
            await transport.close()
        assert [seconds for seconds in set_for if seconds > 30] == [pytest.approx(30.25, abs=0.05)]

    asyncio.run(main())


FLOODED = """
import asyncio, resource, sys
from perscom_receiver import AddressGuard, DeliveryError
from perscom_sender._http import AiohttpTransport, _Connection
from perscom_sender.signing import SignedRequest
from perscom_sender.signing import SignedRequest

async def main(url):
    transport = AiohttpTransport(AddressGuard(allow=["127.0.0.1"]))
    request = SignedRequest(method="POST", url=url, headers={}, body=b"{}")

    async def send():
        try:
            await transport.send(request, timeout=20)
        except DeliveryError as error:
            assert error.kind == "protocol", error

    await send()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await asyncio.gather(*(send() for _ in range(100)))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    await transport.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts in KiB")
@pytest.mark.parametrize("flood", ["a gigabyte", "a gigabyte in chunks", "1xx without end", "endless headers"])
def test_a_hundred_floods_at_once_take_little_memory(flood: str) -> None:
    async def main() -> int:
        async with FaultServer(FAULTS[flood][0]) as server:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", FLOODED, server.url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            out, error = await child.communicate()
            assert child.returncode == 0, error.decode()
            return int(out)

    assert asyncio.run(main()) / 1024 < 25


def test_of_what_comes_in_one_piece_little_is_parsed_before_it_is_enough() -> None:
    """A quarter of a megabyte, which an event loop reads at once, are 14 000 answers, and 15 MB when all are parsed."""

    async def main() -> None:
        connection = _Connection(asyncio.get_running_loop())
        connection.set_response_params()
        connection.data_received(b"HTTP/1.1 199 \r\n\r\n" * 14_000)
        assert len(connection) < 300
        while len(connection):
            await connection.read()
        with pytest.raises(DeliveryError, match="1xx again and again"):
            await connection.read()

    asyncio.run(main())
