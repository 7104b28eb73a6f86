"""DiscordDestination against the stand-in, over sockets: what it sends, how it sorts answers, and that it keeps the token."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from perscom_adapters import Destination, Message, Paragraph, Receipt, Text
from perscom_adapters.discord import DiscordDestination, new_session, payload
from perscom_adapters.testing import (
    ChatStandIn,
    Fault,
    Say,
    cloudflare_block,
    html_error,
    redirect,
)
from perscom_receiver import ConfigurationError, DestinationError

SAID = "Words-of-a-message"
MESSAGE = Message(word="promotion", title="SFC Whitfield promoted", blocks=(Paragraph((Text(SAID),)),))
EDITED = Message(word="promotion", title="SFC Whitfield promoted, again")
TOKEN = "aB3-_" * 13 + "xyz"
REAL = f"https://discord.com/api/webhooks/123456789012345678/{TOKEN}"
T = TypeVar("T")
Use = Callable[[ChatStandIn, str, Callable[..., DiscordDestination]], Awaitable[T]]


def with_discord(use: Use[T], *, forum: bool = False) -> T:
    """Run ``use`` with a stand-in, the address of a webhook there, and a way to make destinations for it."""

    async def main() -> T:
        async with ChatStandIn() as chat, new_session() as session:
            url = chat.discord_webhook(name="announcements", forum=forum)

            def make(url: str = url, **settings: Any) -> DiscordDestination:
                return DiscordDestination(url, **{"name": "announcements", "session": session, "timeout": 5.0, **settings})

            return await use(chat, url, make)

    return asyncio.run(main())


def error_of(fault: Fault, **more: Any) -> DestinationError:
    """The error of one send that meets ``fault``; it must not hold anything secret."""
    token = ""

    async def use(chat: ChatStandIn, url: str, make: Callable[..., DiscordDestination]) -> None:
        nonlocal token
        token = url.rpartition("/")[2]
        chat.script(fault, fault)  # a form that is refused is tried once more, without form
        await make().send(MESSAGE, **more)

    with pytest.raises(DestinationError) as caught:
        with_discord(use)
    assert_keeps(caught.value, token, SAID)
    return caught.value


def assert_keeps(error: BaseException, *secrets: str) -> None:
    assert error.__cause__ is None
    assert error.__context__ is None
    everything = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    assert not [secret for secret in secrets if secret in everything]


def answer(status: int, body: object = b"", **headers: str) -> Say:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Say(status=status, body=raw, headers={key.replace("_", "-"): value for key, value in headers.items()})


def test_a_message_is_posted_once_and_gives_a_receipt() -> None:
    async def use(chat: ChatStandIn, url: str, make: Callable[..., DiscordDestination]) -> None:
        destination = make(username="1st Ranger Group")
        assert isinstance(destination, Destination)
        receipt = await destination.send(MESSAGE)
        (posted,) = chat.messages
        assert receipt == Receipt(platform="discord", message_id=posted.message_id, channel_id=posted.channel_id)
        assert posted.payload == {**payload(MESSAGE), "username": "1st Ranger Group"}
        assert posted.pings == frozenset()
        assert chat.arrivals[0].query == {"wait": "true"}
        assert not chat.mistakes

    with_discord(use)


def test_an_edit_changes_the_message_and_keeps_its_receipt() -> None:
    async def use(chat: ChatStandIn, url: str, make: Callable[..., DiscordDestination]) -> None:
        destination = make(username="1st Ranger Group")
        receipt = await destination.send(MESSAGE)
        assert await destination.send(EDITED, previous=receipt) == receipt
        (posted,) = chat.messages
        assert posted.payload["embeds"] == payload(EDITED)["embeds"]
        assert len(posted.edits) == 1
        assert [arrival.method for arrival in chat.arrivals] == ["POST", "PATCH"]

    with_discord(use)


def test_a_thread_named_for_a_message_goes_before_the_own_one_and_an_edit_finds_it_again() -> None:
    async def use(chat: ChatStandIn, url: str, make: Callable[..., DiscordDestination]) -> None:
        own, other = chat.discord.new_thread(url), chat.discord.new_thread(url)
        destination = make(thread_id=own)
        first, second = await destination.send(MESSAGE), await destination.send(MESSAGE, thread=other)
        assert (first.thread_id, first.channel_id) == (own, own)
        assert (second.thread_id, second.channel_id) == (other, other)
        assert await destination.send(EDITED, previous=second, thread=own) == second

    with_discord(use, forum=True)


def test_in_a_forum_what_names_no_thread_begins_a_post_and_one_refusal_is_enough_to_know() -> None:
    async def use(chat: ChatStandIn, url: str, make: Callable[..., DiscordDestination]) -> None:
        destination = make()
        first, second = await destination.send(MESSAGE), await destination.send(MESSAGE)
        assert [posted.payload["thread_name"] for posted in chat.messages] == [MESSAGE.title] * 2
        assert [arrival.status for arrival in chat.arrivals] == [400, 200, 200]
        assert (first.thread_id, second.thread_id) == tuple(posted.channel_id for posted in chat.messages)
        assert await destination.send(EDITED, previous=first) == first
        reply = await destination.send(MESSAGE, thread=second.thread_id)
        assert reply.channel_id == second.channel_id

    with_discord(use, forum=True)


@pytest.mark.parametrize(
    "fault",
    [
        answer(204),
        answer(200, {"id": 5, "channel_id": None}),
        answer(200, {"id": "<@1>", "channel_id": "x" * 500}),
        answer(202, {}),
    ],
    ids=lambda fault: f"{fault.status} {fault.body[:12]!r}",
)
def test_a_success_without_a_readable_message_is_still_a_success(fault: Say) -> None:
    async def use(chat: ChatStandIn, url: str, make: Callable[..., DiscordDestination]) -> Receipt:
        chat.script(fault)
        return await make().send(MESSAGE)

    assert with_discord(use) == Receipt(platform="discord")


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (answer(429, {"message": "m", "retry_after": 1.337, "global": False}, Retry_After="2"), 1.337),
        (answer(429, {"message": "m", "retry_after": 5, "global": True}), 5.0),
        (answer(429, {"message": "m", "code": 0}), 60.0),
        (answer(429, {"message": "m", "code": 0}, Retry_After="17"), 17.0),
        (answer(429, {"retry_after": "soon"}, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), 60.0),
        (answer(429, {"retry_after": -5}, Retry_After="3"), 3.0),
        (answer(429, b'{"retry_after": NaN}'), 60.0),
        (answer(429, b'{"retry_after": 1e400}'), 60.0),
        (answer(429, {"retry_after": 10**9}), 3600.0),
        (answer(429, {"retry_after": True}), 60.0),
        (answer(429, ["no object"], Retry_After="4"), 4.0),
        (answer(429, b"<html>429</html>", Retry_After="120"), 120.0),
        (answer(429, {"code": 10015, "retry_after": 9}), 9.0),
        (cloudflare_block(), 60.0),
    ],
)
def test_every_kind_of_too_many_is_a_retry_with_a_sane_time(fault: Say, seconds: float) -> None:
    error = error_of(fault)
    assert (error.outcome, error.retry_after, error.status) == ("retry", seconds, 429)


def coded(status: int, code: object, **more: object) -> Say:
    return answer(status, {"message": f"{SAID} {TOKEN}", "code": code, **more})


@pytest.mark.parametrize(
    ("fault", "outcome", "word"),
    [
        (html_error(500), "retry", "500"),
        (html_error(502), "retry", "502"),
        (coded(503, 0), "retry", "503"),
        (html_error(504), "retry", "504"),
        (coded(500, 10015), "retry", "500"),
        (coded(404, 10015), "permanent", "Make a new one in Discord"),
        (coded(401, 50027), "permanent", "token is wrong"),
        (coded(403, 50013), "permanent", "403"),
        (coded(401, 0), "permanent", "401"),
        (coded(404, 0), "permanent", "404"),
        (html_error(403), "permanent", "403"),
        (html_error(404), "permanent", "404"),
        (coded(400, 220001), "permanent", "Set thread_id"),
        (coded(400, 220003), "permanent", "Set thread_id"),
        (coded(400, 50083), "permanent", "archived"),
        (coded(404, 10003), "permanent", "no longer exists"),
        (coded(400, 50006), "rejected", "empty"),
        (coded(404, 10008), "rejected", "no longer exists"),
        (coded(413, 40005), "rejected", "too large"),
        (html_error(413), "rejected", "413"),
        (coded(400, 200000), "rejected", "AutoMod"),
        (coded(400, 50035), "rejected", "50035"),
        (html_error(400), "rejected", "400"),
        (coded(400, ["odd"]), "rejected", "400"),
        (coded(405, 0), "rejected", "405"),
        (coded(408, 0), "retry", "in time"),
        (redirect("https://elsewhere.example/" + TOKEN), "retry", "elsewhere.example"),
        (redirect("//elsewhere.example/" + TOKEN, 308), "retry", "elsewhere.example"),
        (redirect("/api/" + TOKEN, 307), "retry", "does not name"),
    ],
)
def test_every_refusal_tells_what_follows(fault: Say, outcome: str, word: str) -> None:
    error = error_of(fault)
    assert (error.outcome, error.status) == (outcome, fault.status)
    assert word in str(error)
    assert TOKEN not in str(error)
    assert error.retry_after is None


@pytest.mark.parametrize(("code", "status"), [(10003, 404), (50083, 400), (160005, 400)])
def test_trouble_with_a_thread_named_for_one_message_does_not_switch_the_destination_off(code: int, status: int) -> None:
    assert error_of(coded(status, code), thread="42").outcome == "rejected"
    assert error_of(coded(status, code)).outcome == "permanent"


def test_a_refused_form_is_told_by_discords_own_words_and_none_of_ours() -> None:
    errors = {
        "embeds": {"0": {"fields": {"3": {"name": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": SAID}]}}}}},
        SAID: {"_errors": [{"code": SAID, "message": SAID}]},
        TOKEN: {"deep": {"_errors": [{"code": TOKEN.upper()}]}},
    }
    error = error_of(coded(400, 50035, errors=errors))
    assert str(error) == (
        "Discord refuses this message (400). Code 50035: embeds.0.fields.3.name BASE_TYPE_REQUIRED; ? ?; ?.? ?"
    )


@pytest.mark.parametrize(
    "errors",
    [
        None,
        [],
        {"embeds": ["0"]},
        {"_errors": "x"},
        {"_errors": [None, {"code": None}, {"code": {}}]},
        {str(n): {"_errors": [{"code": "A_B"}]} for n in range(500)},
        {
            "embeds": {
                "embeds": {"embeds": {"embeds": {"embeds": {"embeds": {"embeds": {"embeds": {"embeds": {"embeds": {}}}}}}}}}
            }
        },
    ],
)
def test_a_tree_of_errors_of_any_shape_gives_a_short_text(errors: object) -> None:
    error = error_of(coded(400, 50035, errors=errors))
    assert error.outcome == "rejected"
    assert len(str(error)) < 300


def make_one(url: str, **settings: Any) -> DiscordDestination:
    async def main() -> DiscordDestination:
        async with new_session() as session:
            return DiscordDestination(url, name="announcements", session=session, **settings)

    return asyncio.run(main())


@pytest.mark.parametrize(
    "url",
    [
        REAL,
        f"  {REAL}/\n",
        REAL.replace("/api/", "/api/v10/"),
        REAL.replace("discord.com", "discordapp.com"),
        REAL.replace("discord.com", "canary.discord.com"),
        REAL.replace("discord.com", "PTB.Discord.com"),
        REAL.replace("discord.com", "discord.com:443"),
        REAL.replace("https://discord.com", "http://127.0.0.1:8080"),
        REAL.replace("https://discord.com", "http://localhost"),
        REAL.replace("https://discord.com", "https://[::1]:8080"),
    ],
)
def test_addresses_of_discord_and_of_this_machine_are_taken_and_hidden(url: str) -> None:
    destination = make_one(url)
    assert TOKEN not in repr(destination)
    assert TOKEN not in str(vars(destination))
    assert repr(destination).startswith("<DiscordDestination 'announcements' at ")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "it is empty"),
        ("   ", "it is empty"),
        (TOKEN, 'it begins with "aB3-…"'),
        (f"discord.com/api/webhooks/1/{TOKEN}", 'it begins with "disc…"'),
        (f"https://{TOKEN}:x@[discord.com", 'it begins with "http…"'),
        (f"https://discord.com:{TOKEN}/api/webhooks/1/2", 'it begins with "http…"'),
        (REAL.replace("https", "http"), "does not begin with https"),
        (REAL.replace("https", "ftp"), "does not begin with https"),
        (REAL.replace("discord.com", "discord.com.evil.example"), "leads to discord.com.evil.example"),
        (REAL.replace("discord.com", "127.0.0.1.evil.example"), "leads to 127.0.0.1.evil.example"),
        (f"https://hooks.slack.com/services/T/B/{TOKEN}", "leads to hooks.slack.com"),
        (REAL.replace("discord.com", f"user:{TOKEN}@discord.com"), "a user name, a password or a port"),
        (REAL.replace("discord.com", "discord.com:8443"), "a user name, a password or a port"),
        (REAL.replace("/webhooks/", "/webhook/"), "/api/webhook/"),
        (f"{REAL}/slack", "another service"),
        (f"{REAL}/github", "another service"),
        (f"{REAL}?wait=true", "question mark"),
        (f"{REAL}#x", "question mark"),
        (f"{REAL}/messages/1", "its path is not"),
        (REAL.replace("123456789012345678", "12345678901234567x"), "its path is not"),
        (f"https://discord.com/api/webhooks/1/{TOKEN}%2F..", "its path is not"),
        (f"https://discord.com/channels/1/{TOKEN}", "the link to a channel"),
        (f"https://discord.com/invite/{TOKEN}", "an invitation"),
        (f"https://discord.gg/{TOKEN}", "an invitation"),
        (REAL.partition(TOKEN)[0], "the token behind its number is missing"),
        (REAL.partition(f"/{TOKEN}")[0], "the token behind its number is missing"),
        (f"https://{TOKEN}/api/webhooks/1/2", "it leads to ab3-…"),
        (REAL.replace("/api/webhooks/", "/api/webhooks/ "), "white space"),
    ],
)
def test_an_address_that_cannot_work_is_refused_with_the_cause_and_without_the_token(url: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match="This is no Discord webhook address") as caught:
        make_one(url)
    assert told in str(caught.value)
    assert "Copy it again in Discord" in str(caught.value)
    assert_keeps(caught.value, TOKEN, TOKEN[:5])


@pytest.mark.parametrize(
    "settings",
    [
        {"thread_id": "general"},
        {"thread_id": ""},
        {"username": ""},
        {"username": " \u200b"},
        {"username": "x" * 81},
        {"username": "😀" * 41},
        {"username": "Clyde"},
        {"username": "our Discord bot"},
        {"username": "Everyone"},
        {"timeout": 0},
        {"timeout": -1.0},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
    ],
)
def test_a_setting_that_cannot_work_is_refused_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        make_one(REAL, **settings)
