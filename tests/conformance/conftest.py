"""The kinds of destinations that the suite runs on: one :class:`Kit` each, and a list of them.

A further platform is one more ``Kit``: how to make a destination in a new place of the stand-in, and in what words its platform
says the few things that every destination must understand.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import aiohttp
import pytest

from perscom_adapters import Destination, Mention, Message
from perscom_adapters import discord as discord_adapter
from perscom_adapters import slack as slack_adapter
from perscom_adapters import telegram as telegram_adapter
from perscom_adapters.testing import ChatStandIn, Say


class Kit(ABC):
    """One kind of destination."""

    name: str
    platform: str
    """As receipts have it."""
    edits: bool = True
    """Whether a message can be changed; if not, the receipt holds no id."""
    threads: bool = True
    """Whether there are threads; if not, whoever names one gets ``"rejected"``."""
    unreadable: Literal["sent", "unclear"]
    """What a success is whose body cannot be read: another success, or nothing that can be relied on."""
    retry: Say
    """Too many requests, for seven seconds."""
    trouble: Say
    """Trouble of the platform's own."""
    permanent: Say
    """The destination is gone."""
    rejected: Say
    """The message is at fault, whatever its form."""
    form: Say | None = None
    """The form of the message is at fault; None where there is none plainer."""
    mentions: tuple[Mention, ...] = ()
    """A user and, where there are such, a role; none where nobody can be mentioned."""
    elsewhere: str
    """An address where another request would be taken: where a redirect must not lead."""

    def __init__(self, chat: ChatStandIn, session: aiohttp.ClientSession) -> None:
        """In a new place of ``chat``."""
        self.chat = chat
        self.session = session

    @abstractmethod
    def make(self, **settings: Any) -> Destination:
        """A destination there."""

    @property
    @abstractmethod
    def secrets(self) -> list[str]:
        """What must never show."""

    @abstractmethod
    def payload(self, message: Message) -> Mapping[str, object]:
        """What is to be posted; more may be posted beside it."""

    async def thread(self) -> str:
        """A thread there, or what could be one elsewhere."""
        return "1"


def say(status: int, body: object = b"", **headers: str) -> Say:
    """An answer, in JSON if it is more than bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Say(status=status, body=raw, headers={key.replace("_", "-"): value for key, value in headers.items()})


class Discord(Kit):
    name = platform = "discord"
    mentions = (Mention("user", "184405311681986560", "SFC Whitfield"), Mention("role", "1130112233445566778", "HQ"))
    unreadable = "sent"
    retry = say(429, {"message": "m", "retry_after": 7.0, "global": False}, Retry_After="7")
    trouble = say(503, {"message": "m", "code": 0})
    permanent = say(404, {"message": "Unknown Webhook", "code": 10015})
    rejected = say(400, {"message": "m", "code": 200000})
    form = say(400, {"message": "Invalid Form Body", "code": 50035, "errors": {"embeds": {"_errors": [{"code": "ODD_ONE"}]}}})

    def __init__(self, chat: ChatStandIn, session: aiohttp.ClientSession) -> None:
        super().__init__(chat, session)
        self.url = chat.discord_webhook(name="announcements")
        self.elsewhere = chat.discord_webhook(name="elsewhere")

    def make(self, **settings: Any) -> Destination:
        return discord_adapter.DiscordDestination(self.url, name="announcements", session=self.session, **settings)

    @property
    def secrets(self) -> list[str]:
        return [self.url.rpartition("/")[2]]

    def payload(self, message: Message) -> Mapping[str, object]:
        return discord_adapter.payload(message)

    async def thread(self) -> str:
        return self.chat.discord.new_thread(self.url)


class SlackWebhook(Kit):
    name = "slack-webhook"
    platform = "slack"
    mentions = (Mention("user", "U024BE7LH", "SFC Whitfield"), Mention("role", "S0615G0KT", "HQ"))
    edits = False
    unreadable = "unclear"
    retry = say(429, b"rate_limited", Retry_After="7")
    trouble = say(500, b"rollup_error")
    permanent = say(404, b"no_service")
    rejected = say(400, b"no_text")
    form = say(400, b"invalid_blocks")

    def __init__(self, chat: ChatStandIn, session: aiohttp.ClientSession) -> None:
        super().__init__(chat, session)
        self.url = chat.slack_webhook(name="announcements")
        self.elsewhere = chat.slack_webhook(name="elsewhere")

    def make(self, **settings: Any) -> Destination:
        return slack_adapter.SlackWebhookDestination(self.url, name="announcements", session=self.session, **settings)

    @property
    def secrets(self) -> list[str]:
        return [self.url.rpartition("/")[2]]

    def payload(self, message: Message) -> Mapping[str, object]:
        return slack_adapter.payload(message)

    async def thread(self) -> str:
        await self.make().send(Message(word="test", title="The message that is answered"))
        return self.chat.messages[-1].message_id  # a webhook is not told


class SlackBot(Kit):
    name = "slack-bot"
    platform = "slack"
    mentions = (Mention("user", "U024BE7LH", "SFC Whitfield"), Mention("role", "S0615G0KT", "HQ"))
    unreadable = "unclear"
    retry = say(429, {"ok": False, "error": "ratelimited"}, Retry_After="7")
    trouble = say(200, {"ok": False, "error": "service_unavailable"})
    permanent = say(200, {"ok": False, "error": "token_revoked"})
    rejected = say(200, {"ok": False, "error": "no_text"})
    form = say(200, {"ok": False, "error": "invalid_blocks"})

    def __init__(self, chat: ChatStandIn, session: aiohttp.ClientSession) -> None:
        super().__init__(chat, session)
        self.channel = chat.slack_channel(name="announcements")
        self.elsewhere = f"{chat.slack_api}/auth.test"

    def make(self, **settings: Any) -> Destination:
        return slack_adapter.SlackBotDestination(
            self.chat.slack_token,
            self.channel,
            name="announcements",
            session=self.session,
            base_url=self.chat.slack_api,
            **settings,
        )

    @property
    def secrets(self) -> list[str]:
        return [self.chat.slack_token]

    def payload(self, message: Message) -> Mapping[str, object]:
        return slack_adapter.payload(message)

    async def thread(self) -> str:
        receipt = await self.make().send(Message(word="test", title="The message that is answered"))
        return receipt.message_id or ""


class Telegram(Kit):
    name = platform = "telegram"
    mentions = (Mention("user", "123456789", "SFC Whitfield"),)
    unreadable = "unclear"
    retry = say(429, {"ok": False, "error_code": 429, "description": "m", "parameters": {"retry_after": 7}})
    trouble = say(500, {"ok": False, "error_code": 500, "description": "Internal Server Error"})
    permanent = say(401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
    rejected = say(400, {"ok": False, "error_code": 400, "description": "Bad Request: message is too long"})
    form = say(400, {"ok": False, "error_code": 400, "description": "Bad Request: can't parse entities: ENTITY_ODD_ONE"})

    def __init__(self, chat: ChatStandIn, session: aiohttp.ClientSession) -> None:
        super().__init__(chat, session)
        self.token = chat.telegram_bot(name="Adjutant")
        self.chat_id = chat.telegram_chat(name="announcements", topics=["Promotions"])
        self.elsewhere = f"{chat.telegram_api}/bot{chat.telegram_bot(name='elsewhere')}/getMe"

    def make(self, **settings: Any) -> Destination:
        return telegram_adapter.TelegramDestination(
            self.token,
            self.chat_id,
            name="announcements",
            session=self.session,
            base_url=self.chat.telegram_api,
            **settings,
        )

    @property
    def secrets(self) -> list[str]:
        return [self.token, self.token.partition(":")[2]]

    def payload(self, message: Message) -> Mapping[str, object]:
        return telegram_adapter.payload(message)

    async def thread(self) -> str:
        return str(self.chat.telegram.topic(self.chat_id, "Promotions"))


KITS: tuple[type[Kit], ...] = (Discord, SlackWebhook, SlackBot, Telegram)

Use = Callable[[Kit], Awaitable[None]]
Play = Callable[..., Kit]


@pytest.fixture(params=KITS, ids=lambda kit: kit.name)
def play(request: pytest.FixtureRequest) -> Play:
    """Runs ``use(kit)`` with a kit in front of a stand-in of its own, and returns the kit to look at."""

    def run(use: Use, *, rate: Any = None, **more: Any) -> Kit:
        async def main() -> Kit:
            async with ChatStandIn(rate=rate, **more) as chat, slack_adapter.new_session() as session:
                kit: Kit = request.param(chat, session)
                await use(kit)
                return kit

        return asyncio.run(main())

    return run
