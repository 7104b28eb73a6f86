"""The stand-in's server: real HTTP on a free port of this machine, in front of the platforms' rules."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from aiohttp import web
from msgspec.structs import replace

from ._discord import Discord, DiscordRates
from ._faults import Fault
from ._platform import Arrival, Incoming, Platform, Posted, Reply
from ._rates import Rate
from ._slack import Slack
from ._telegram import Telegram
from ._telegram_places import Kind
from ._telegram_rates import TelegramRates

__all__ = ["ChatStandIn"]

_LARGEST_BODY: Final = 32 * 2**20  # bytes; above every platform's own limit, so that it is the platform that refuses
_DISCORD_RATES: Final = DiscordRates(Rate(5, 2.0), of_channel=Rate(30, 60.0))
_SLACK_RATE: Final = Rate(1, 1.0)
_TELEGRAM_RATES: Final = TelegramRates(Rate(1, 1.0), in_groups=Rate(20, 60.0), of_bot=Rate(30, 1.0))


def _utc_now() -> datetime:
    return datetime.now(UTC)


class ChatStandIn:
    """Chat platforms on this machine, for tests and demonstrations: the real limits and rules, and a memory.

    In asynchronous code::

        async with ChatStandIn() as chat:
            url = chat.discord_webhook(name="announcements")
            ...                                # let the code under test post to url
            assert chat.messages[0].payload["embeds"][0]["title"] == "SFC Whitfield promoted"
            assert not chat.messages[0].pings and not chat.mistakes

    In blocking code use ``with``: the server then runs in a thread of its own. ``script`` makes the next requests fail.

    ``strict`` also refuses what the platforms would ignore without a word, like an unknown key. ``rate`` is how many requests
    each webhook, channel or chat takes; ``"known"`` is what the platforms are known to allow, None allows any number.
    ``now`` is the clock of the rate limit and of the records, and returns aware datetimes.
    """

    def __init__(
        self, *, strict: bool = True, rate: Rate | Literal["known"] | None = "known", now: Callable[[], datetime] = _utc_now
    ) -> None:
        one_rate = _SLACK_RATE if rate == "known" else rate
        self.discord = Discord(strict=strict, rates=_DISCORD_RATES if rate == "known" else DiscordRates(rate))
        self.slack = Slack(strict=strict, rate=one_rate)
        rates = _TELEGRAM_RATES if rate == "known" else TelegramRates(rate)
        self.telegram = Telegram(strict=strict, rates=rates)
        self.arrivals: list[Arrival] = []
        """Every request, in the order of its end, whatever became of it."""
        self._platforms: tuple[Platform, ...] = (self.discord, self.slack, self.telegram)
        self._now = now
        self._faults: dict[str, deque[Fault]] = {}
        self._url = ""
        self._runner: web.AppRunner | None = None
        self._stopped = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None  # of the thread, when the stand-in has one
        self._thread: threading.Thread | None = None

    # What a test arranges and sees.

    @property
    def url(self) -> str:
        """Where the stand-in listens, ``http://127.0.0.1:PORT``."""
        if not self._url:
            raise RuntimeError("the stand-in is not started")
        return self._url

    def discord_webhook(self, *, name: str, forum: bool = False) -> str:
        """The address of a new Discord webhook, in a channel of its own. A forum takes messages in threads only.

        Threads and deleted webhooks: ``chat.discord.new_thread(url)`` and ``chat.discord.delete_webhook(url)``.
        """
        return self.url + self.discord.new_webhook(name, forum=forum)

    def slack_webhook(self, *, name: str) -> str:
        """The address of a new incoming webhook of Slack, in a channel of its own.

        ``chat.slack.archive(url)`` and ``chat.slack.delete_webhook(url)`` are what may happen to it.
        """
        return self.url + self.slack.new_webhook(name)

    def slack_channel(self, *, name: str) -> str:
        """The ID of a new Slack channel that the bot with :attr:`slack_token` may post to.

        ``chat.slack.archive(channel)`` archives it; ``chat.slack.new_channel(name, member=False)`` is one without the bot.
        """
        return self.slack.new_channel(name)

    @property
    def slack_token(self) -> str:
        """The token of the bot."""
        return self.slack.token

    @property
    def slack_api(self) -> str:
        """Where Slack's Web API is."""
        return f"{self.url}/api"

    def telegram_bot(self, *, name: str) -> str:
        """The token of a new Telegram bot, which is a member of every chat. ``chat.telegram.revoke(token)`` ends it."""
        return self.telegram.new_bot(name)

    def telegram_chat(self, *, name: str, kind: Kind = "supergroup", topics: Iterable[str] = (), username: str = "") -> int:
        """The id of a new Telegram chat.

        ``chat.telegram.topic(chat_id, name)`` is the id of a topic. What may happen to a chat: ``delete_topic``,
        ``close_topic``, ``kick``, ``mute`` and ``upgrade``.
        """
        return self.telegram.new_chat(name, kind=kind, topics=topics, username=username)

    @property
    def telegram_api(self) -> str:
        """Where Telegram's Bot API is."""
        return self.url

    def script(self, *faults: Fault, url: str = "") -> None:
        """Let the next requests, as many as there are ``faults``, meet these in turn; with ``url`` only those that go there."""
        self._faults.setdefault(urlsplit(url).path, deque()).extend(faults)

    @property
    def messages(self) -> list[Posted]:
        """The messages that now stand in the channels, oldest first for each platform."""
        return [posted for platform in self._platforms for posted in platform.messages()]

    @property
    def mistakes(self) -> list[Arrival]:
        """Requests for what is not played here. If there are any, the test proves less than it seems to."""
        return [arrival for arrival in self.arrivals if arrival.mistake]

    # Its life.

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # No access log: the addresses hold tokens, and those of a stand-in look like any other in a log.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(self._runner, listener).start()
        self._url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    async def stop(self) -> None:
        """Close the port and cut what still hangs. What was recorded stays."""
        self._stopped.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chat-stand-in", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        arrival = Arrival(platform="", method=request.method, path=request.path, query=dict(request.query), at=self._now())
        fault = self._next_fault(request.path)
        reply = Reply(200)
        if fault is None or fault.stage != "before_reading":
            body = await request.read()
            if fault is None or fault.stage == "after_storing":
                reply, arrival = self._ask(request, arrival, body)
        if fault is None:
            self.arrivals.append(arrival)
            return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        self.arrivals.append(replace(arrival, fault=type(fault).__name__))
        return await fault.play(request, reply, self._stopped)

    def _ask(self, request: web.Request, arrival: Arrival, body: bytes) -> tuple[Reply, Arrival]:
        """What the first platform that knows the path makes of the request."""
        incoming = Incoming(
            method=request.method,
            path=request.path,
            query=arrival.query,
            headers={key.lower(): value for key, value in request.headers.items()},
            body=body,
            at=arrival.at,
        )
        for platform in self._platforms:
            if exchange := platform.answer(incoming):
                return exchange
        refusal = "no platform knows this method and path"
        return Reply(404, refusal.encode()), replace(arrival, status=404, refusal=refusal, mistake=True)

    def _next_fault(self, path: str) -> Fault | None:
        for script in (self._faults.get(path), self._faults.get("")):
            if script:
                return script.popleft()
        return None
