"""Destinations on Telegram: a bot's token and a chat, perhaps a topic of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from perscom_adapters.settings import (
    telegram_api_mistake,
    telegram_chat_mistake,
    telegram_mention_mistake,
    telegram_token_mistake,
    telegram_topic_mistake,
)

from .._table import Table
from ..config import HiddenToken
from ._platform import Platform, Question
from ._read import checked, needed

if TYPE_CHECKING:
    import aiohttp

    from perscom_adapters import Destination

__all__ = ["PLATFORM", "TelegramPlace"]


class TelegramPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A chat and the token of a bot that is in it. ``api`` is another server that speaks the Bot API."""

    platform: ClassVar[str] = "telegram"
    key: ClassVar[str] = "chat"

    token: HiddenToken
    chat: str
    """The number of a chat, or the ``@name`` of a public one."""
    topic: int | None = None
    silent: bool = False
    """Whether messages come without a sound."""
    api: str = "https://api.telegram.org"

    @property
    def identity(self) -> tuple[str | None, ...]:
        """Chat and topic, whichever bot posts there."""
        return (self.chat.lower(), str(self.topic))

    def open(self, name: str, session: aiohttp.ClientSession) -> Destination:
        """Ready to send."""
        from perscom_adapters.telegram import TelegramDestination

        return TelegramDestination(
            self.token.value,
            self.chat,
            name=name,
            session=session,
            topic=self.topic,
            silent=self.silent,
            base_url=self.api,
        )


def _read(table: Table) -> TelegramPlace | None:
    token = needed(table, "token", telegram_token_mistake, 'token = "${TELEGRAM_TOKEN}"')
    chat = needed(table, "chat", telegram_chat_mistake, "chat = -1001234567890")
    topic = checked(table, "topic", telegram_topic_mistake)
    silent = table.flag("silent")
    api = checked(table, "api", telegram_api_mistake)
    if token is None or chat is None or (topic is None and "topic" in table):
        return None
    place = TelegramPlace(
        token=HiddenToken(token), chat=chat, topic=int(topic) if topic is not None else None, silent=silent is True
    )
    return msgspec.structs.replace(place, api=api.rstrip("/")) if api is not None else place


def _threads(table: Table) -> None:
    if "topic" in table:
        table.note("threads", "makes no topics within a topic: what is said about a new member answers the first message.")
        return
    table.note(
        "threads",
        "makes a topic for each new member if the group has topics and the bot is an administrator who may manage them. "
        "Elsewhere what is said about a member answers the first message.",
    )


PLATFORM = Platform(
    name="Telegram",
    keys=("token", "chat", "topic", "silent", "api"),
    read=_read,
    questions=(
        Question(key="token", text="the token of your bot, from @BotFather", mistake=telegram_token_mistake, once=True),
        Question(
            key="chat",
            text="the chat for {whom}: its number (a group's begins with a minus) or @name",
            mistake=telegram_chat_mistake,
            secret=False,
        ),
    ),
    mention_mistake=telegram_mention_mistake,
    threads=_threads,
)
