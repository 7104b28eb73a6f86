"""Forwarding an event: what is sent, what an answer means, and where it never goes."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from perscom_adapters import Destination, Forwards, Receipt
from perscom_adapters.settings import forward_url_mistake
from perscom_adapters.webhook import WebhookDestination, new_session
from perscom_receiver import ConfigurationError, DestinationError, Verifier
from perscom_receiver.testing import make_event

SECRET = "0123456789abcdef of n8n"
EVENT = make_event("user.created")
PATH = "/webhook/5f1c9a52-token"


class Listener:
    """A server that keeps what arrives and answers what it is told to."""

    def __init__(self) -> None:
        self.arrived: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[], Awaitable[web.StreamResponse]] = self.ok

    async def ok(self) -> web.StreamResponse:
        return web.Response(status=202, text="thanks")

    def says(self, status: int, **headers: str) -> None:
        async def answer() -> web.StreamResponse:
            return web.Response(status=status, headers={key.replace("_", "-"): value for key, value in headers.items()})

        self.answer = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.arrived.append((dict(request.headers), await request.read()))
        return await self.answer()


def play(use: Callable[[Listener, str], Awaitable[None]]) -> Listener:
    async def main() -> Listener:
        listener = Listener()
        app = web.Application()
        app.router.add_post("/{path:.*}", listener.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            await use(listener, f"http://127.0.0.1:{port}{PATH}")
        finally:
            await runner.cleanup()
        return listener

    return asyncio.run(main())


async def forward(url: str, **settings: Any) -> Receipt:
    async with new_session() as session:
        destination = WebhookDestination(url, SECRET, name="n8n", session=session, **{"private": True, **settings})
        assert isinstance(destination, Forwards)
        assert not isinstance(destination, Destination)
        assert SECRET not in repr(destination)
        assert PATH not in repr(destination)
        return await destination.forward(EVENT)


async def failed(url: str, **settings: Any) -> DestinationError:
    with pytest.raises(DestinationError) as caught:
        await forward(url, **settings)
    assert caught.value.__context__ is None
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    ours = [frame for frame in frames if "perscom_adapters" in frame.filename]
    assert ours
    told = f"{caught.value!s} {caught.value!r} {vars(caught.value)} {[frame.locals for frame in ours]}"
    assert not [secret for secret in (SECRET, PATH, "token?x") if secret in told]
    return caught.value


def test_the_stored_bytes_arrive_signed_so_that_the_toolkit_verifies_them() -> None:
    async def use(listener: Listener, url: str) -> None:
        assert await forward(url) == await forward(url) == Receipt(platform="webhook")

    first, again = play(use).arrived
    headers, body = first
    assert body == EVENT.body
    assert Verifier(SECRET).event(headers, body).id == headers["Perscom-Event-Id"] == EVENT.id
    assert headers["Content-Type"] == "application/json"
    assert first[1] == again[1]
    assert first[0]["Signature"] == again[0]["Signature"]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_a_success(status: int) -> None:
    async def use(listener: Listener, url: str) -> None:
        listener.says(status)
        await forward(url)

    assert len(play(use).arrived) == 1


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "after", "words"),
    [
        (410, {}, "permanent", None, "wants no more events"),
        (302, {"Location": "https://elsewhere.example/token?x=1"}, "retry", None, "redirects to elsewhere.example (302)"),
        (308, {"Location": "/token"}, "retry", None, "redirects to a place it does not name"),
        (400, {}, "retry", None, "refuses the event (400)"),
        (401, {"Retry_After": "90"}, "retry", 90.0, "the same secret"),
        (404, {}, "retry", None, "refuses the event (404)"),
        (408, {}, "retry", None, "in time"),
        (429, {"Retry_After": "7"}, "retry", 7.0, "asks to wait 7 s"),
        (429, {}, "retry", 60.0, "asks to wait"),
        (500, {}, "retry", None, "trouble of its own (500)"),
        (503, {"Retry_After": "120"}, "retry", 120.0, "trouble of its own (503)"),
        (503, {"Retry_After": "99999999"}, "retry", 3600.0, "trouble of its own (503)"),
    ],
)
def test_what_an_answer_means(status: int, headers: dict[str, str], outcome: str, after: float | None, words: str) -> None:
    async def use(listener: Listener, url: str) -> None:
        listener.says(status, **headers)
        error = await failed(url)
        assert (error.outcome, error.retry_after, error.status) == (outcome, after, status)
        assert words in str(error)
        assert "127.0.0.1" in str(error)

    assert len(play(use).arrived) == 1


def test_an_answer_that_does_not_come_is_unclear_and_a_closed_port_is_not() -> None:
    async def use(listener: Listener, url: str) -> None:
        async def never() -> web.StreamResponse:
            await asyncio.sleep(60)
            return web.Response()

        listener.answer = never
        assert (await failed(url, timeout=0.2)).outcome == "unclear"
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            assert (await failed(f"http://127.0.0.1:{closed.getsockname()[1]}{PATH}")).outcome == "retry"

    play(use)


def test_of_an_endless_answer_a_few_kilobytes_are_read() -> None:
    async def use(listener: Listener, url: str) -> None:
        async def endless() -> web.StreamResponse:
            return web.Response(body=b"x" * 50_000_000)

        listener.answer = endless
        assert await forward(url, timeout=5.0)

    play(use)


def test_a_name_that_leads_to_this_machine_is_refused_where_the_connection_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is public when it is checked; what it leads to is asked later, and again."""

    async def use(listener: Listener, url: str) -> None:
        port = url.split(":")[2].partition("/")[0]

        async def getaddrinfo(self: Any, host: str, *args: Any, **more: Any) -> Any:
            assert host == "n8n.example.org"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))]

        monkeypatch.setattr(asyncio.get_running_loop().__class__, "getaddrinfo", getaddrinfo)
        error = await failed(f"https://n8n.example.org:{port}{PATH}", private=False)
        assert error.outcome == "permanent"
        assert "n8n.example.org leads into a private network" in str(error)

    assert play(use).arrived == []


def test_a_spelling_of_an_address_that_only_the_resolver_knows_is_refused_there() -> None:
    async def use(listener: Listener, url: str) -> None:
        port = url.split(":")[2].partition("/")[0]
        error = await failed(f"https://0x7f.1:{port}{PATH}", private=False)
        assert error.outcome in ("permanent", "retry")  # by the resolver: an address of this machine, or no name at all

    assert play(use).arrived == []


@pytest.mark.parametrize(
    ("url", "private", "words"),
    [
        ("https://n8n.example.org/webhook/x?y=1", False, None),
        (" https://n8n.example.org:5678/webhook/x\n", False, None),
        ("https://1.1.1.1/x", False, None),
        ("http://127.0.0.1:5678/webhook/x", True, None),
        ("http://n8n:5678/webhook/x", True, None),
        ("https://n8n.example.org/x", True, None),
        ("http://n8n.example.org/x", False, "private = true"),
        ("https://localhost/x", False, "private = true"),
        ("https://n8n:5678/x", False, "private = true"),
        ("https://n8n.local/x", False, "private = true"),
        ("https://N8N.HOME.ARPA./x", False, "private = true"),
        ("https://192.168.1.7/x", False, "private = true"),
        ("https://[::1]/x", False, "private = true"),
        ("https://[::ffff:10.0.0.1]/x", False, "private = true"),
        ("https://2130706433/x", False, "private = true"),
        ("https://user:word@n8n.example.org/x", True, "user name"),
        ("https://n8n.example.org/x#y", True, "Copy it again"),
        ("https://n8n.example.org/ü", True, "Copy it again"),
        ("ftp://n8n.example.org/x", True, "no web address"),
        ("n8n.example.org/x", True, "no web address"),
        ("https://", True, "no web address"),
        ("https://a:b/", True, "no web address"),
        ("", True, "no web address"),
    ],
)
def test_an_address_is_right_or_told_what_is_wrong_with_it(url: str, private: bool, words: str | None) -> None:
    mistake = forward_url_mistake(url, private=private)
    assert (mistake is None) == (words is None)
    session: Any = None
    if words is None:
        assert WebhookDestination(url, SECRET, name="n8n", session=session, private=private)
        return
    assert words in str(mistake)
    with pytest.raises(ConfigurationError):
        WebhookDestination(url, SECRET, name="n8n", session=session, private=private)
