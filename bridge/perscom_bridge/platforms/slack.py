"""Destinations on Slack: the address of an incoming webhook, or a bot's token and a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec

from perscom_adapters.settings import (
    slack_api_mistake,
    slack_channel_mistake,
    slack_mention_mistake,
    slack_token_mistake,
    slack_url_mistake,
)

from .._table import Table
from ..config import HiddenToken, HiddenUrl
from ._platform import Place, Platform, Question
from ._read import checked, needed, webhook_url

if TYPE_CHECKING:
    import aiohttp

    from perscom_adapters import Destination

__all__ = ["PLATFORM", "SlackBotPlace", "SlackWebhookPlace"]


class SlackWebhookPlace(msgspec.Struct, frozen=True, kw_only=True):
    """An incoming webhook. It belongs to one channel."""

    platform: ClassVar[str] = "slack"
    key: ClassVar[str] = "url"
    edits: ClassVar[bool] = False
    """It never learns the number of what it posted."""

    url: HiddenUrl

    @property
    def identity(self) -> tuple[str | None, ...]:
        """The last part of the address is its own."""
        return (self.url.value.rstrip("/").rpartition("/")[2],)

    def open(self, name: str, session: aiohttp.ClientSession) -> Destination:
        """Ready to send."""
        from perscom_adapters.slack import SlackWebhookDestination

        return SlackWebhookDestination(self.url.value, name=name, session=session)


class SlackBotPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A channel, and the token of a bot that is in it. ``api`` is where Slack's Web API is, for GovSlack."""

    platform: ClassVar[str] = "slack"
    key: ClassVar[str] = "channel"

    token: HiddenToken
    channel: str
    api: str = "https://slack.com/api"

    @property
    def identity(self) -> tuple[str | None, ...]:
        """The channel, whichever bot posts there."""
        return (self.channel,)

    def open(self, name: str, session: aiohttp.ClientSession) -> Destination:
        """Ready to send."""
        from perscom_adapters.slack import SlackBotDestination

        return SlackBotDestination(self.token.value, self.channel, name=name, session=session, base_url=self.api)


def _read(table: Table) -> Place | None:
    if not table.values.keys() & {"url", "token", "channel", "api"}:
        table.wrong("url", 'url is missing, or token and channel. Add the line: url = "${SLACK_URL}", and its value to .env.')
        return None
    if not table.values.keys() & {"token", "channel", "api"}:
        return _webhook(table)
    if "url" in table:
        table.wrong("url", "url is for a webhook; token, channel and api are for a bot. Take one or the other out.")
        return None
    return _bot(table)


def _webhook(table: Table) -> SlackWebhookPlace | None:
    url = webhook_url(table, "slack", slack_url_mistake)
    if url is None:
        return None
    table.remark("is a Slack incoming webhook. It can post, but not edit, strike or thread.")
    return SlackWebhookPlace(url=url)


def _bot(table: Table) -> SlackBotPlace | None:
    token = needed(table, "token", slack_token_mistake, 'token = "${SLACK_TOKEN}"')
    channel = needed(table, "channel", slack_channel_mistake, 'channel = "C024BE91L"')
    api = checked(table, "api", slack_api_mistake)
    if token is None or channel is None:
        return None
    place = SlackBotPlace(token=HiddenToken(token), channel=channel)
    return msgspec.structs.replace(place, api=api.rstrip("/")) if api is not None else place


def _threads(table: Table) -> None:
    if "url" in table:
        table.wrong(
            "threads",
            "An incoming webhook of Slack does not learn what it posted, so nothing can answer that.\n"
            'Put a bot in the place of url: token = "${SLACK_TOKEN}" and channel = "C024BE91L". Or take this line out.',
        )


PLATFORM = Platform(
    name="Slack",
    keys=("url", "token", "channel", "api"),
    read=_read,
    questions=(Question(key="url", text="the webhook address of the channel for {whom}", mistake=slack_url_mistake),),
    silent=False,
    mention_mistake=slack_mention_mistake,
    threads=_threads,
)
