"""The demo: the real service between PERSCOM's golden requests and a stand-in for the chat platforms, all on this machine."""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from msgspec import structs

from perscom_adapters import render
from perscom_adapters.testing import ChatStandIn, Posted
from perscom_receiver import Event, Secret
from perscom_receiver.queue import Connection, State
from perscom_receiver.testing import signed_request

from ..config import Config, DestinationConfig, HiddenToken, HiddenUrl, ListenAddress, Privacy, Server, Site
from ..golden import Golden, golden_requests
from ..platforms import Place
from ..platforms.discord import DiscordPlace
from ..platforms.slack import SlackBotPlace
from ..platforms.telegram import TelegramPlace
from ..preview import card_of
from ..preview.page import Channel
from ..public import WEBHOOK_PATH
from ..service import Service, destinations_of, running
from ..status import page_environment
from .sent import Sent

__all__ = ["Became", "Demo", "demo"]

REPEATED = "awardrecord_created"
"""The request that is sent twice, as PERSCOM does when an answer was lost."""
PROMOTED = "rankrecord_created"
"""The request before which another one of the same action is sent: PERSCOM saves the new rank in the profile first."""
SPEED = 20.0
"""How fast the clocks of service and stand-in run, so that nobody waits a minute for a demo with the platforms' real limits."""
GROUP = 10.0
"""Seconds of that clock that the rest of an action is waited for, as in a configuration without a word about it."""
HANDLED_WITHIN = 120.0
"""Seconds after which the demo gives up waiting for the messages."""


class Became(msgspec.Struct, frozen=True):
    """What became of an event at one destination."""

    state: State
    message_id: str | None
    error: str | None


class Demo:
    """A running demo: what was sent, and what the stand-in got."""

    def __init__(self, service: Service, standin: ChatStandIn) -> None:
        self.service = service
        (self.community,) = service.communities
        self.standin = standin
        self.sent: list[Sent] = []

    async def requests(self) -> AsyncIterator[Sent]:
        """Send the golden requests one after the other, over HTTP, and yield each with its answer."""
        for golden in golden_requests():
            if golden.name == PROMOTED:
                yield await self._send(_profile_before(golden), again=False, beside=True)
            yield await self._send(golden, again=False)
            if golden.name == REPEATED:
                repeated = golden
        yield await self._send(repeated, again=True)

    async def _send(self, golden: Golden, *, again: bool, beside: bool = False) -> Sent:
        began = time.perf_counter()
        status = await _exchange(self.service.public, golden.wire(WEBHOOK_PATH))
        ms = (time.perf_counter() - began) * 1000
        message = render(Event.parse(golden.body)) if golden.valid and not beside else None
        self.sent.append(Sent(golden=golden, again=again, status=status, ms=ms, message=message, beside=beside))
        return self.sent[-1]

    async def settled(self) -> bool:
        """Wait until every stored event was handled. False when that takes too long."""
        deadline = time.monotonic() + HANDLED_WITHIN
        while (await asyncio.to_thread(self.community.inbox.health)).waiting:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True

    def posted(self) -> list[Posted]:
        """The messages that stand in the stand-in's channels, oldest first."""
        return self.standin.messages

    def channels(self) -> list[Channel]:
        """The same as a reader sees them, channel by channel."""
        by_channel: dict[tuple[str, str], list[Posted]] = {}
        for posted in self.posted():
            by_channel.setdefault((posted.platform, posted.destination), []).append(posted)
        return [
            Channel(platform, name, tuple((card_of(platform, one.payload), one.at) for one in all_posted))
            for (platform, name), all_posted in by_channel.items()
        ]

    def receipts(self) -> dict[str, dict[str, Became]]:
        """For each event id, what became of it at each destination."""
        return self.community.inbox.database.read(_receipts)


def _receipts(connection: Connection) -> dict[str, dict[str, Became]]:
    found: dict[str, dict[str, Became]] = {}
    rows = connection.execute(
        "SELECT event.digest, lane.name, task.state, task.receipt, task.error FROM event"
        " JOIN task ON task.event = event.id JOIN lane ON lane.id = task.lane"
    )
    for digest, lane, state, receipt, error in rows:
        message_id = None if receipt is None else msgspec.json.decode(receipt).get("message_id")
        found.setdefault(digest.hex(), {})[lane] = Became(State(state), message_id, error)
    return found


@asynccontextmanager
async def demo() -> AsyncIterator[Demo]:
    """Start the service on free ports, with a temporary database and the stand-in as every platform."""
    goldens = golden_requests()
    clock = _clock(max(Event.parse(g.body).created.timestamp() for g in goldens if g.valid))
    with TemporaryDirectory(prefix="perscom-demo-") as folder:
        async with ChatStandIn(now=lambda: datetime.fromtimestamp(clock(), UTC)) as standin:
            config = _config(Path(folder), goldens, _places(standin))
            template = page_environment().get_template("demo.html")
            running_demo: Demo

            async def page() -> str:
                return template.render(demo=running_demo)

            async with (
                destinations_of(config) as destinations,
                running([(config, destinations)], now=clock, speed=SPEED, page=page) as service,
            ):
                running_demo = Demo(service, standin)
                yield running_demo


def _profile_before(golden: Golden) -> Golden:
    """What PERSCOM sends before ``golden``, of the same click: the changed profile of the member who is promoted."""
    event = Event.parse(golden.body)
    created = event.created - timedelta(milliseconds=5)
    headers, body = signed_request("user.updated", golden.secret, created=created, request_id=event.request_id)
    return structs.replace(
        golden,
        name="user_updated_beside",
        event="user.updated",
        headers={**golden.headers, **headers, "Content-Length": str(len(body))},
        body_base64=b64encode(body).decode(),
    )


def _clock(start: float) -> Callable[[], float]:
    """A clock that was right when the golden requests were made, and runs on from there, faster than others."""
    began = time.monotonic()
    return lambda: start + (time.monotonic() - began) * SPEED


def _places(standin: ChatStandIn) -> list[Place]:
    """A channel for everybody on each platform."""
    name = "announcements"
    return [
        DiscordPlace(url=HiddenUrl(standin.discord_webhook(name=name))),
        SlackBotPlace(token=HiddenToken(standin.slack_token), channel=standin.slack_channel(name=name), api=standin.slack_api),
        TelegramPlace(
            token=HiddenToken(standin.telegram_bot(name="PERSCOM")),
            chat=str(standin.telegram_chat(name=name, kind="channel")),
            api=standin.telegram_api,
        ),
    ]


def _config(folder: Path, goldens: list[Golden], places: list[Place]) -> Config:
    anywhere = ListenAddress("127.0.0.1", 0)
    secrets = dict.fromkeys(golden.secret for golden in goldens)
    return Config(
        site=Site(
            name="1st Ranger Group", secrets=tuple(Secret(secret, name=f"demo {n}") for n, secret in enumerate(secrets, 1))
        ),
        server=Server(listen=anywhere, status=anywhere, database=folder / "demo.db"),
        destinations=tuple(DestinationConfig(name=place.platform, place=place, events=("*",), group=GROUP) for place in places),
        privacy=Privacy(),
        path=folder / "bridge.toml",
    )


async def _exchange(address: ListenAddress, request: bytes) -> int:
    """Send one HTTP request exactly as it is; the status of the answer."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(request)
        await writer.drain()
        status_line = await reader.readline()
        await reader.read()
        return int(status_line.split()[1])
    finally:
        writer.close()
        await writer.wait_closed()
