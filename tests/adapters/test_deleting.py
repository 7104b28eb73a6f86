"""Taking a message back, and changing one that is there no more: the same on each platform that can."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from perscom_adapters import Deletes, Message, MessageGone, OpensThreads, Receipt
from perscom_adapters.discord import DiscordDestination, new_session
from perscom_adapters.slack import SlackBotDestination, SlackWebhookDestination
from perscom_adapters.telegram import TelegramDestination
from perscom_adapters.testing import ChatStandIn, Cut, Fault, Hang, Say, html_error
from perscom_receiver import DestinationError

FIRST, SECOND = (Message(word="promotion", title=title) for title in ("SFC Whitfield promoted", "… SFC Whitfield promoted"))
KINDS = ("discord", "forum", "slack", "telegram", "topics")


class Place:
    """A destination of one kind in a stand-in, whose clock is moved by hand."""

    def __init__(self, kind: str, chat: ChatStandIn, session: aiohttp.ClientSession, timeout: float) -> None:
        self.kind, self.chat, self.session, self.timeout = kind, chat, session, timeout
        self.webhook = chat.discord_webhook(name="ranks", forum=kind == "forum")
        self.token = chat.telegram_bot(name="Adjutant")
        self.group = chat.telegram_chat(name="ranks", topics=["news"] if kind == "topics" else ())
        chat.telegram.allow_topics(self.group)
        self.channel = chat.slack_channel(name="ranks")
        self.secrets = [self.webhook.rpartition("/")[2], self.token, chat.slack_token]

    def make(self) -> Any:
        more: dict[str, Any] = {"name": "ranks", "session": self.session, "timeout": self.timeout}
        match self.kind:
            case "discord" | "forum":
                return DiscordDestination(self.webhook, **more)
            case "slack":
                return SlackBotDestination(self.chat.slack_token, self.channel, base_url=self.chat.slack_api, **more)
            case _:
                return TelegramDestination(self.token, self.group, base_url=self.chat.telegram_api, **more)

    async def refusal(self, call: Awaitable[object]) -> DestinationError:
        with pytest.raises(DestinationError) as caught:
            await call
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert not [secret for secret in self.secrets if secret in told]
        return caught.value


def play(kind: str, use: Callable[[Place], Awaitable[None]], *, timeout: float = 5.0, now: Any = None) -> None:
    async def main() -> None:
        clock = now or (lambda: datetime(2026, 3, 2, 19, 8, tzinfo=UTC))
        async with ChatStandIn(rate=None, now=clock) as chat, new_session() as session:
            await use(Place(kind, chat, session, timeout))
            assert not chat.mistakes

    asyncio.run(main())


everywhere = pytest.mark.parametrize("kind", KINDS)


@everywhere
def test_a_part_is_deleted_and_nothing_else(kind: str) -> None:
    async def use(place: Place) -> None:
        destination = place.make()
        assert isinstance(destination, Deletes)
        assert isinstance(destination, OpensThreads)
        first = await destination.open_thread(FIRST, name="Whitfield")
        second = await destination.send(SECOND, thread=first.thread_id)
        receipt = Receipt(
            platform=first.platform,
            message_id=first.message_id,
            channel_id=first.channel_id,
            thread_id=first.thread_id,
            parts=(second.message_id or "",),
        )
        (part,) = receipt.of_parts
        assert (part.message_id, part.parts) == (second.message_id, ())
        await destination.delete(part)
        assert [posted.message_id for posted in place.chat.messages] == [first.message_id]
        gone = await place.refusal(destination.delete(part))
        assert isinstance(gone, MessageGone)
        await destination.delete(receipt)
        assert place.chat.messages == []

    play(kind, use)


@everywhere
def test_what_is_not_there_any_more_is_told_apart_from_what_cannot_be_changed(kind: str) -> None:
    async def use(place: Place) -> None:
        destination = place.make()
        receipt = await destination.send(FIRST)
        await destination.delete(receipt)
        for call in (destination.send(SECOND, previous=receipt), destination.delete(receipt)):
            error = await place.refusal(call)
            assert (type(error), error.outcome) == (MessageGone, "rejected")
            assert "no longer exists" in str(error)
        kept = await destination.send(FIRST)
        refusals = {
            "discord": Say(status=403, body=b'{"message": "Missing Permissions", "code": 50013}'),
            "slack": Say(status=200, body=b'{"ok": false, "error": "edit_window_closed"}'),
            "telegram": Say(status=400, body=b'{"ok": false, "error_code": 400, "description": "message can\'t be deleted"}'),
        }
        place.chat.script(refusals[kept.platform])
        assert not isinstance(await place.refusal(destination.delete(kept)), MessageGone)
        assert [posted.message_id for posted in place.chat.messages] == [kept.message_id]

    play(kind, use)


def test_with_its_forum_post_a_message_is_gone_but_a_new_one_there_is_only_refused() -> None:
    async def use(place: Place) -> None:
        destination = place.make()
        receipt = await destination.open_thread(FIRST, name="Whitfield")
        place.chat.discord.delete_thread(receipt.thread_id)
        assert isinstance(await place.refusal(destination.send(SECOND, previous=receipt)), MessageGone)
        assert isinstance(await place.refusal(destination.delete(receipt)), MessageGone)
        error = await place.refusal(destination.send(SECOND, thread=receipt.thread_id))
        assert (type(error), error.outcome) == (DestinationError, "rejected")

    play("forum", use)


@pytest.mark.parametrize("kind", ["discord", "slack", "telegram"])
@pytest.mark.parametrize("fault", [html_error(502), Hang(), Say(status=204)], ids=["502", "silence", "nothing"])
def test_whether_it_was_deleted_is_never_unclear(kind: str, fault: Fault) -> None:
    async def use(place: Place) -> None:
        destination = place.make()
        receipt = await destination.send(FIRST)
        place.chat.script(fault)
        if kind == "discord" and fault == Say(status=204):
            await destination.delete(receipt)  # so it says that it is done
            return
        assert (await place.refusal(destination.delete(receipt))).outcome == "retry"

    play(kind, use, timeout=0.5)


@pytest.mark.parametrize("kind", ["discord", "slack", "telegram"])
def test_a_deletion_that_is_cut_off_may_be_repeated(kind: str) -> None:
    async def use(place: Place) -> None:
        destination = place.make()
        receipt = await destination.send(FIRST)
        place.chat.script(Cut(stage="after_storing"), Cut(stage="after_storing"))
        assert (await place.refusal(destination.delete(receipt))).outcome in ("retry", "rejected")
        assert isinstance(await place.refusal(destination.delete(receipt)), DestinationError)
        assert place.chat.messages == []

    play(kind, use)


@pytest.mark.parametrize(("kind", "other"), [("discord", "slack"), ("slack", "telegram"), ("telegram", "discord")])
def test_what_has_no_id_of_the_platform_is_not_asked_for(kind: str, other: str) -> None:
    async def use(place: Place) -> None:
        for receipt in (Receipt(platform=kind), Receipt(platform=other, message_id="1", channel_id="1")):
            assert (await place.refusal(place.make().delete(receipt))).outcome == "rejected"
        assert place.chat.arrivals == []

    play(kind, use)


def test_telegram_lets_a_bot_delete_for_two_days() -> None:
    now = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)

    async def use(place: Place) -> None:
        nonlocal now
        destination = place.make()
        receipt = await destination.send(FIRST)
        now += timedelta(days=2, seconds=1)
        error = await place.refusal(destination.delete(receipt))
        assert (type(error), str(error)) == (DestinationError, "Telegram no longer lets the bot change this message.")
        await destination.send(SECOND, previous=receipt)

    play("telegram", use, now=lambda: now)


def test_an_incoming_webhook_of_slack_deletes_nothing_and_what_it_posted_nobody_can() -> None:
    with ChatStandIn(rate=None) as chat:
        url = chat.slack_webhook(name="hook")

        async def main() -> None:
            async with new_session() as session:
                destination = SlackWebhookDestination(url, name="hook", session=session)
                assert not isinstance(destination, Deletes)
                await destination.send(FIRST)

        asyncio.run(main())
        (posted,) = chat.messages
        client = WebClient(chat.slack_token, base_url=f"{chat.slack_api}/")
        with pytest.raises(SlackApiError) as caught:
            client.chat_delete(channel=posted.channel_id, ts=posted.message_id)
        assert caught.value.response["error"] == "cant_delete_message"
        channel = chat.slack_channel(name="board")
        sent = client.chat_postMessage(channel=channel, text="t")
        client.chat_delete(channel=channel, ts=str(sent["ts"]))
        again = client.chat_postMessage(channel=channel, text="t")
        client.api_call("chat.delete", json={"channel": channel, "ts": again["ts"]})
        assert chat.messages == [posted]
        assert json.dumps([arrival.refusal for arrival in chat.arrivals if arrival.refusal]) == '["cant_delete_message"]'
