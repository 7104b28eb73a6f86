"""Asking whether a destination would work: nothing is posted, and what is told agrees with what a message meets."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from perscom_adapters import Asks, Destination, Message
from perscom_adapters.discord import DiscordDestination, new_session
from perscom_adapters.slack import SlackBotDestination, SlackWebhookDestination
from perscom_adapters.telegram import TelegramDestination
from perscom_adapters.testing import ChatStandIn, Cut, Fault, Garble, Hang, Say, html_error, redirect
from perscom_receiver import DestinationError

MESSAGE = Message(word="promotion", title="SFC Whitfield promoted")


class Place:
    """A destination of one kind in a stand-in, and what may happen to it there."""

    def __init__(self, kind: str, chat: ChatStandIn, session: aiohttp.ClientSession, timeout: float = 5.0) -> None:
        self.kind, self.chat, self.session, self.timeout = kind, chat, session, timeout
        self.url = chat.discord_webhook(name="ranks")
        self.token = chat.telegram_bot(name="Adjutant")
        self.group = chat.telegram_chat(name="ranks")
        self.channel = chat.slack_channel(name="ranks")
        chat.slack.allow(["chat:write", "channels:read"])
        self.secrets = [self.url.rpartition("/")[2], self.token, chat.slack_token]

    def make(self) -> Any:
        more: dict[str, Any] = {"name": "ranks", "session": self.session, "timeout": self.timeout}
        match self.kind:
            case "discord":
                return DiscordDestination(self.url, **more)
            case "slack":
                return SlackBotDestination(self.chat.slack_token, self.channel, base_url=self.chat.slack_api, **more)
            case _:
                return TelegramDestination(self.token, self.group, base_url=self.chat.telegram_api, **more)

    async def refusal(self) -> DestinationError:
        with pytest.raises(DestinationError) as caught:
            await self.make().ask()
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert not [secret for secret in self.secrets if secret in told]
        return caught.value


Use = Callable[[Place], Awaitable[None]]


def play(kind: str, use: Use, *, timeout: float = 5.0) -> Place:
    async def main() -> Place:
        async with ChatStandIn(rate=None) as chat, new_session() as session:
            place = Place(kind, chat, session, timeout)
            await use(place)
            assert not chat.mistakes
            return place

    return asyncio.run(main())


KINDS = ("discord", "slack", "telegram")


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("discord", 'the webhook "ranks"'),
        ("slack", 'the bot "standin" in the workspace "Stand-in", the channel "ranks"'),
        ("telegram", 'the bot "standin_7000000001_bot", the chat "ranks"'),
    ],
)
def test_what_works_is_named_and_nothing_is_posted(kind: str, found: str) -> None:
    async def use(place: Place) -> None:
        destination = place.make()
        assert isinstance(destination, Asks)
        assert isinstance(destination, Destination)
        told = await destination.ask()
        assert told.startswith(found.partition("7000")[0])
        assert told.endswith('"ranks"')

    assert play(kind, use).chat.messages == []


def test_a_webhook_of_slack_has_no_such_question() -> None:
    assert not issubclass(SlackWebhookDestination, Asks)


def gone(place: Place) -> None:
    place.chat.discord.delete_webhook(place.url)


def forged(place: Place) -> None:
    place.url = f"{place.url[:-4]}AAAA"
    place.secrets[0] = place.url.rpartition("/")[2]


def archived(place: Place) -> None:
    place.chat.slack.archive(place.channel)


def uninvited(place: Place) -> None:
    place.channel = place.chat.slack.new_channel("elsewhere", member=False)


def without_scope(place: Place) -> None:
    place.chat.slack.allow(["channels:read"])


def unknown_channel(place: Place) -> None:
    place.channel = "C404"


def revoked(place: Place) -> None:
    place.chat.telegram.revoke(place.token)


def kicked(place: Place) -> None:
    place.chat.telegram.kick(place.group)


def muted(place: Place) -> None:
    place.chat.telegram.mute(place.group)


def muted_in_channel(place: Place) -> None:
    place.group = place.chat.telegram_chat(name="c", kind="channel")
    place.chat.telegram.mute(place.group)


def unknown_chat(place: Place) -> None:
    place.group = -1009999999999


def blocked(place: Place) -> None:
    place.group = place.chat.telegram_chat(name="p", kind="private")
    place.chat.telegram.kick(place.group)


@pytest.mark.parametrize(
    ("kind", "happens", "says"),
    [
        ("discord", gone, "Discord says the webhook no longer exists."),
        ("discord", forged, "Discord says the webhook's token is wrong."),
        ("slack", archived, "The Slack channel is archived."),
        ("slack", uninvited, "The bot is not in the Slack channel. Invite it there."),
        ("slack", without_scope, "The Slack app may not post. Give it the scope chat:write"),
        ("slack", unknown_channel, "Slack knows no such channel"),
        ("telegram", revoked, "Telegram does not know the bot's token."),
        ("telegram", kicked, "Telegram does not let the bot post to this chat"),
        ("telegram", muted, "The bot has no right to post texts in this Telegram chat."),
        ("telegram", muted_in_channel, "The bot has no right to post texts in this Telegram chat."),
        ("telegram", unknown_chat, "Telegram finds no such chat."),
        ("telegram", blocked, "Telegram does not let the bot post to this chat"),
    ],
)
def test_what_does_not_work_is_told_as_a_message_would_be_told(kind: str, happens: Callable[[Place], None], says: str) -> None:
    async def use(place: Place) -> None:
        happens(place)
        error = await place.refusal()
        assert str(error).startswith(says)
        assert error.outcome == "permanent"
        with pytest.raises(DestinationError) as caught:
            await place.make().send(MESSAGE)
        assert str(caught.value) == str(error)

    assert play(kind, use).chat.messages == []


def test_a_slack_app_that_may_not_look_is_told_what_it_cannot_know() -> None:
    async def use(place: Place) -> None:
        place.chat.slack.allow(["chat:write"])
        told = await place.make().ask()
        assert told.endswith("whether it may post in the channel, Slack tells only with the scope channels:read")
        place.chat.slack.allow(["chat:write", "chat:write.public", "channels:read"])
        place.channel = place.chat.slack.new_channel("elsewhere", member=False)
        assert (await place.make().ask()).endswith('the channel "elsewhere"')

    play("slack", use)


def test_a_group_that_has_moved_is_followed_and_its_number_told() -> None:
    async def use(place: Place) -> None:
        place.group = place.chat.telegram_chat(name="ranks", kind="group")
        moved = place.chat.telegram.upgrade(place.group)
        assert (await place.make().ask()).endswith(f"belongs into the configuration: {moved}")

    play("telegram", use)


def test_a_private_chat_and_a_channel_work() -> None:
    async def use(place: Place) -> None:
        for kind in ("private", "channel", "group"):
            place.group = place.chat.telegram_chat(name=kind, kind=kind)  # type: ignore[arg-type]
            assert (await place.make().ask()).endswith(f'the chat "{kind}"')

    play("telegram", use)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "fault",
    [html_error(502), html_error(200), Cut(), Garble(), redirect("https://elsewhere.example/x"), Say(status=200, body=b"[]")],
    ids=["502", "a page", "cut", "garbled", "redirect", "a list"],
)
def test_whatever_comes_instead_of_an_answer_it_is_told_and_no_message_is_spoken_of(kind: str, fault: Fault) -> None:
    async def use(place: Place) -> None:
        place.chat.script(fault, fault)  # aiohttp repeats a GET whose connection was cut
        error = await place.refusal()
        assert error.outcome == "retry"
        assert "message" not in str(error)

    assert play(kind, use).chat.messages == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_is_waited_for_no_longer_than_the_timeout(kind: str) -> None:
    async def use(place: Place) -> None:
        place.chat.script(Hang())
        assert "did not answer within 0.2 s" in str(await place.refusal())

    play(kind, use, timeout=0.2)


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        ("discord", [{"name": 7}]),
        ("discord", [{"name": "a\x1b[31m\u202e\n" + "x" * 1000}]),
        ("slack", [{"ok": True}, {"ok": True, "channel": 7}]),
        ("slack", [{"ok": True, "user": []}, {"ok": True, "channel": {"name": {}, "is_member": 3}}]),
        ("telegram", [{"ok": True, "result": {"id": "x"}}, {"ok": True, "result": {}}, {"ok": True, "result": {}}]),
        ("telegram", [{"ok": True, "result": 3}]),
        ("telegram", [{"ok": True, "result": {}}, {"ok": True, "result": {"title": "\x00"}}, {"ok": True, "result": []}]),
    ],
)
def test_odd_answers_are_names_or_refusals_and_never_tracebacks(kind: str, answers: list[object]) -> None:
    async def use(place: Place) -> None:
        place.chat.script(*(Say(status=200, body=json.dumps(one).encode()) for one in answers))
        try:
            told = await place.make().ask()
        except DestinationError as error:
            told = str(error)
        assert told.isprintable()
        assert len(told) < 400

    play(kind, use)
