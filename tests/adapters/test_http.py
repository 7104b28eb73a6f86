"""The transport: what it tells apart, what it limits, and that no error of it holds an address."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

import aiohttp
import pytest

from perscom_adapters._answers import DEFAULT_WAIT, LONGEST_WAIT, by_status, wait_seconds
from perscom_adapters._http import ANSWER_LIMIT, Answer, new_session, request
from perscom_adapters._secret import SecretURL, masked
from perscom_receiver import DestinationError

TOKEN = "s3cr3t-token"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve, scheme: str = "http") -> AsyncIterator[SecretURL]:
    """A bare server for one kind of behaviour, and an address on it with a token in the path."""
    handlers: list[asyncio.Task[None] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        with suppress(ConnectionError):
            await serve(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield SecretURL(f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks/{TOKEN}?also={TOKEN}")
    finally:
        server.close()
        await asyncio.gather(*filter(None, handlers))


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = re.search(r"(?i)content-length: (\d+)", head)
    return head, await reader.readexactly(int(length[1]) if length else 0)


def replying(raw: bytes, seen: list[str] | None = None) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        if seen is not None:
            seen.append(head)
        writer.write(raw)
        await writer.drain()

    return serve


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the other side has had enough


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def ask(
    url: SecretURL, *, timeout: float = 5.0, repeatable: bool = False, session: aiohttp.ClientSession | None = None
) -> Answer:
    async with session or new_session() as used:
        return await request(used, "POST", url, body=b'{"a": 1}', timeout=timeout, repeatable=repeatable)


def ask_server(serve: Serve, *, timeout: float = 5.0, scheme: str = "http", repeatable: bool = False) -> Answer:
    async def main() -> Answer:
        async with serving(serve, scheme) as url:
            return await ask(url, timeout=timeout, repeatable=repeatable)

    return asyncio.run(main())


def failing(serve: Serve, *, timeout: float = 5.0, scheme: str = "http", repeatable: bool = False) -> DestinationError:
    with pytest.raises(DestinationError) as caught:
        ask_server(serve, timeout=timeout, scheme=scheme, repeatable=repeatable)
    assert_keeps_the_secret(caught.value)
    return caught.value


def assert_keeps_the_secret(error: BaseException) -> None:
    assert error.__cause__ is None
    assert error.__context__ is None
    everything = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert TOKEN not in everything.replace(f'TOKEN = "{TOKEN}"', "")
    assert TOKEN not in f"{error!r}{error}{vars(error)}"


def test_an_answer_has_status_headers_without_case_and_body() -> None:
    answer = ask_server(replying(http(b'{"id": "7"}', "X-Thing: 1", status="201 Created")))
    assert (answer.status, answer.headers["x-thing"], answer.json()) == (201, "1", {"id": "7"})


def test_a_request_says_who_asks_and_takes_a_connection_and_no_cookie_of_its_own() -> None:
    seen: list[str] = []

    async def main() -> None:
        async with serving(replying(http(b"ok", "Set-Cookie: a=b; Path=/"), seen)) as url, new_session() as session:
            for _ in range(2):
                await request(session, "POST", url, body=b"{}", timeout=5)

    asyncio.run(main())
    assert len(seen) == 2
    for head in seen:
        assert f"User-Agent: perscom-receiver/{version('perscom-receiver')}\r\n" in head
        assert "Connection: close\r\n" in head
        assert "Content-Type: application/json\r\n" in head
        assert "Cookie" not in head


def test_the_environment_cannot_put_a_proxy_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert ask_server(replying(http(b"ok"))).body == b"ok"


def test_a_redirect_is_an_answer() -> None:
    answer = ask_server(replying(http(b"", "Location: http://127.0.0.1:1/", status="302 Found")))
    assert answer.status == 302


def test_no_more_than_the_limit_is_read_of_an_answer() -> None:
    assert len(ask_server(replying(http(b"x" * 5_000_000))).body) == ANSWER_LIMIT


def test_a_compressed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    assert ask_server(replying(http(bomb, "Content-Encoding: gzip"))).body == bomb[:ANSWER_LIMIT]


def test_an_answer_whose_body_breaks_off_is_still_an_answer() -> None:
    answer = ask_server(replying(http(b'{"id": "7', length=500)))
    assert (answer.status, answer.json()) == (200, None)


def test_an_answer_whose_body_never_ends_is_still_an_answer() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(http(b"par", length=500))
        await silent(reader, writer)

    answer = ask_server(serve, timeout=0.3)
    assert (answer.status, answer.body) == (200, b"par")


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * ANSWER_LIMIT, b'{"a": nan}', b'{"a": 1'])
def test_a_body_that_is_no_json_decodes_to_none(body: bytes) -> None:
    assert Answer(200, {}, body).json() is None


def test_a_refused_connection_was_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DestinationError) as caught:
        asyncio.run(ask(SecretURL(f"http://127.0.0.1:{port}/{TOKEN}")))
    assert caught.value.outcome == "retry"
    assert_keeps_the_secret(caught.value)


def test_an_unknown_name_was_certainly_not_sent() -> None:
    class NoNames(aiohttp.abc.AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[aiohttp.abc.ResolveResult]:
            raise OSError(f"no such name: {host}")

        async def close(self) -> None: ...

    async def main() -> None:
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=NoNames()))
        await ask(SecretURL(f"https://chat.invalid/{TOKEN}"), session=session)

    with pytest.raises(DestinationError) as caught:
        asyncio.run(main())
    assert caught.value.outcome == "retry"
    assert "chat.invalid could not be reached" in str(caught.value)
    assert_keeps_the_secret(caught.value)


def test_a_handshake_that_never_ends_was_certainly_not_sent() -> None:
    assert failing(silent, timeout=0.3, scheme="https").outcome == "retry"


def test_connecting_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perscom_adapters._http.CONNECT_TIMEOUT", 0.2)
    started = time.monotonic()
    assert failing(silent, timeout=30, scheme="https").outcome == "retry"
    assert time.monotonic() - started < 5


def test_a_handshake_that_fails_was_certainly_not_sent() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 this is no TLS\r\n\r\n")

    assert failing(serve, scheme="https").outcome == "retry"


def test_a_closed_session_sends_nothing() -> None:
    async def main() -> None:
        session = new_session()
        await session.close()
        await request(session, "POST", SecretURL(f"http://127.0.0.1:1/{TOKEN}"), body=b"{}", timeout=1)

    with pytest.raises(DestinationError) as caught:
        asyncio.run(main())
    assert caught.value.outcome == "retry"


def test_silence_after_the_request_is_unclear() -> None:
    error = failing(silent, timeout=0.3)
    assert error.outcome == "unclear"
    assert "within 0.3 s" in str(error)


def test_a_connection_that_breaks_after_the_request_is_unclear() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.transport.abort()

    assert failing(serve).outcome == "unclear"


def test_an_answer_that_is_no_http_is_unclear() -> None:
    assert failing(replying(b"\x15\x03\x01 nothing anybody could read\r\n\r\n")).outcome == "unclear"


def test_what_may_be_repeated_is_never_unclear() -> None:
    assert failing(silent, timeout=0.3, repeatable=True).outcome == "retry"


def test_being_cancelled_is_no_failure_of_the_destination() -> None:
    async def main() -> None:
        async with serving(silent) as url:
            task = asyncio.create_task(ask(url))
            await asyncio.sleep(0.1)
            task.cancel()
            await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_no_log_line_holds_the_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    failing(silent, timeout=0.3)
    failing(silent, timeout=0.3, scheme="https")
    ask_server(replying(http(b"ok", "Location: x", status="302 Found")))
    assert caplog.records
    assert TOKEN not in caplog.text


def test_a_secret_address_shows_its_host_only() -> None:
    url = SecretURL(f"https://user:{TOKEN}@discord.com/api/webhooks/1/{TOKEN}")
    assert repr(url) == str(url) == "<SecretURL at discord.com>"
    assert masked(TOKEN) == "s3cr…"


def test_an_answer_shows_its_status_only() -> None:
    assert repr(Answer(302, {"Location": TOKEN}, TOKEN.encode())) == "<Answer 302, 12 bytes>"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ((1.5, "9"), 1.5),
        ((None, "9"), 9.0),
        ((0,), 0.0),
        (("0.25",), 0.25),
        ((True, "soon", "Wed, 21 Oct 2026 07:28:00 GMT", [1], {}), DEFAULT_WAIT),
        ((float("nan"), float("inf"), -1, "-3", "nan", 10**400), DEFAULT_WAIT),
        ((10**9,), LONGEST_WAIT),
        ((), DEFAULT_WAIT),
    ],
)
def test_a_time_to_wait_is_the_first_usable_one_within_bounds(told: tuple[object, ...], seconds: float) -> None:
    assert wait_seconds(*told) == seconds


OUTCOMES = {
    "retry": (301, 302, 307, 408, 429, 500, 502, 503, 599),
    "permanent": (401, 403, 404, 410),
    "rejected": (400, 405, 413, 418, 422),
    "unclear": (100, 101, 199),
}


@pytest.mark.parametrize(
    ("status", "outcome"), [(status, outcome) for outcome, all_of in OUTCOMES.items() for status in all_of]
)
def test_a_status_tells_what_follows(status: int, outcome: str) -> None:
    error = by_status(Answer(status, {}, b"a body that is not quoted"), "Discord")
    assert (error.outcome, error.status) == (outcome, status)
    assert str(error).startswith("Discord ")
    assert "quoted" not in str(error)


def test_a_busy_server_may_say_when_to_come_back() -> None:
    assert by_status(Answer(503, {"Retry-After": "7"}, b""), "Slack").retry_after == 7
    assert by_status(Answer(503, {}, b""), "Slack").retry_after is None


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        (f"https://elsewhere.example/api/webhooks/1/{TOKEN}", "elsewhere.example"),
        (f"https://{TOKEN}@elsewhere.example/", "elsewhere.example"),
        (f"/api/{TOKEN}", "a place it does not name"),
        ("http://[broken", "a place it does not name"),
        ("", "a place it does not name"),
    ],
)
def test_a_redirect_is_told_by_the_host_it_leads_to(location: str, shown: str) -> None:
    text = str(by_status(Answer(302, {"Location": location}, b""), "Discord"))
    assert f"redirects to {shown} (302)" in text
    assert TOKEN not in text


def test_the_rules_of_the_settings_need_no_extra() -> None:
    code = "import sys, perscom_adapters.settings; print({'aiohttp', 'slack_sdk', 'telegram'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"
