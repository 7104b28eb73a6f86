"""Destinations on Discord: the address of a webhook, and perhaps a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from perscom_adapters.settings import discord_mention_mistake, discord_thread_mistake, discord_url_mistake

from .._table import Table
from ..config import HiddenUrl
from ._platform import Platform, Question
from ._read import checked, webhook_url

if TYPE_CHECKING:
    import aiohttp

    from perscom_adapters import Destination

__all__ = ["PLATFORM", "DiscordPlace"]


class DiscordPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, and the thread or forum post that messages go to; without one they go into the channel itself."""

    platform: ClassVar[str] = "discord"
    key: ClassVar[str] = "url"

    url: HiddenUrl
    thread: str | None = None

    @property
    def identity(self) -> tuple[str | None, ...]:
        """Number and token of the webhook, which all spellings of its address share, and the thread."""
        return (*self.url.value.rstrip("/").split("/")[-2:], self.thread)

    def open(self, name: str, session: aiohttp.ClientSession) -> Destination:
        """Ready to send."""
        from perscom_adapters.discord import DiscordDestination

        return DiscordDestination(self.url.value, name=name, session=session, thread_id=self.thread)


def _read(table: Table) -> DiscordPlace | None:
    url = webhook_url(table, "discord", discord_url_mistake)
    thread = checked(table, "thread", discord_thread_mistake)
    return DiscordPlace(url=url, thread=thread) if url is not None else None


def _threads(table: Table) -> None:
    if "thread" in table:
        table.wrong("threads", "A Discord thread holds no further threads. Take either this line out or the one with thread.")
        return
    table.note(
        "threads",
        "gives each new member a post if the webhook belongs to a forum channel. In a text channel a webhook can open no "
        "thread: there messages stand one below the other.",
    )


PLATFORM = Platform(
    name="Discord",
    keys=("url", "thread"),
    read=_read,
    questions=(Question(key="url", text="the webhook address of the channel for {whom}", mistake=discord_url_mistake),),
    mention_mistake=discord_mention_mistake,
    threads=_threads,
    linked=True,
)
