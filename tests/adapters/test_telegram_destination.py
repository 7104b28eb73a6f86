"""TelegramDestination: how it sorts Telegram's answers, what it asks for, what it follows, and what it refuses at once.

What it has in common with every destination is proven in ``tests/conformance``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from perscom_adapters import Message, Paragraph, Receipt, Text
from perscom_adapters.telegram import TelegramDestination, new_session, payload
from perscom_adapters.testing import ChatStandIn, Fault, Hang, Say
from perscom_receiver import ConfigurationError, DestinationError

SAID = "Words-of-a-message"
MESSAGE = Message(word="promotion", title="SFC Whitfield promoted", blocks=(Paragraph((Text(SAID),)),))
EDITED = Message(word="promotion", title="SFC Whitfield promoted, again")
TOKEN = "7123456789:" + "AAF-x_9" * 5
A_TOKEN = re.compile(r"[0-9]{6,}:[A-Za-z0-9_-]{30,}")
T = TypeVar("T")
Make = Callable[..., TelegramDestination]


def with_telegram(use: Callable[[ChatStandIn, Make], Awaitable[T]]) -> T:
    """Run ``use`` with a stand-in and a way to make destinations there, all of one bot, each in the chat it is given."""

    async def main() -> T:
        async with ChatStandIn(rate=None) as chat, new_session() as session:
            token = chat.telegram_bot(name="Adjutant")

            def make(chat_id: int | str | None = None, **settings: Any) -> TelegramDestination:
                place = chat.telegram_chat(name="announcements") if chat_id is None else chat_id
                given = {"name": "announcements", "session": session, "timeout": 5.0, "base_url": chat.telegram_api}
                return TelegramDestination(settings.pop("token", token), place, **{**given, **settings})

            return await use(chat, make)

    return asyncio.run(main())


async def refusal_of(destination: TelegramDestination, **more: Any) -> DestinationError:
    """The error of one send. It holds nothing secret and no word of the message."""
    with pytest.raises(DestinationError) as caught:
        await destination.send(MESSAGE, **more)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(vars(caught.value))
    assert SAID not in told
    assert not A_TOKEN.search(told)
    return caught.value


def error_of(*faults: Fault, **more: Any) -> DestinationError:
    async def use(chat: ChatStandIn, make: Make) -> DestinationError:
        destination = make(topic=more.pop("topic", None))
        chat.script(*faults)
        return await refusal_of(destination, **more)

    return with_telegram(use)


def told(status: int, description: object, **parameters: object) -> Say:
    body = {"ok": False, "error_code": status, "description": description}
    return Say(status=status, body=json.dumps(body | ({"parameters": parameters} if parameters else {})).encode())


def methods(chat: ChatStandIn) -> list[str]:
    return [arrival.path.rpartition("/")[2] for arrival in chat.arrivals]


# What it asks for.


def test_it_posts_what_payload_says_to_its_chat_and_asks_for_nothing_else() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        place = chat.telegram_chat(name="announcements")
        await make(place).send(MESSAGE)
        (posted,) = chat.messages
        assert posted.payload == {"chat_id": place, **payload(MESSAGE)}
        assert methods(chat) == ["sendMessage"]  # no getMe
        assert not chat.mistakes

    with_telegram(use)


def test_a_silent_destination_posts_without_a_sound_and_edits_all_the_same() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        destination = make(silent=True)
        receipt = await destination.send(MESSAGE)
        assert chat.messages[0].payload["disable_notification"] is True
        assert await destination.send(EDITED, previous=receipt) == receipt

    with_telegram(use)


@pytest.mark.parametrize("chat", ["@ranger_news", " @ranger_news "])
def test_a_public_chat_may_be_named(chat: str) -> None:
    async def use(standin: ChatStandIn, make: Make) -> None:
        number = standin.telegram_chat(name="news", kind="channel", username="ranger_news")
        receipt = await make(chat).send(MESSAGE)
        assert receipt.channel_id == str(number)
        assert await make(chat).send(EDITED, previous=receipt) == receipt

    with_telegram(use)


def test_a_topic_named_for_a_message_goes_before_the_own_one() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        place = chat.telegram_chat(name="forum", topics=["own", "other"])
        own, other = (chat.telegram.topic(place, name) for name in ("own", "other"))
        destination = make(place, topic=own)
        first, second = await destination.send(MESSAGE), await destination.send(MESSAGE, thread=str(other))
        assert [posted.payload["message_thread_id"] for posted in chat.messages] == [own, other]
        assert (first.thread_id, second.thread_id) == (str(own), str(other))
        assert await destination.send(EDITED, previous=second, thread=str(own)) == second

    with_telegram(use)


def test_an_edit_that_changes_nothing_is_done() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        destination = make()
        receipt = await destination.send(MESSAGE)
        assert await destination.send(MESSAGE, previous=receipt) == receipt
        assert "message is not modified" in str(chat.arrivals[-1].refusal)

    with_telegram(use)


def test_an_edit_whose_answer_says_nothing_may_be_repeated() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        destination = make()
        receipt = await destination.send(MESSAGE)
        chat.script(Say(status=200, body=b"?"))
        assert (await refusal_of(destination, previous=receipt)).outcome == "retry"

    with_telegram(use)


# A group that moves.


def test_a_group_that_became_a_supergroup_is_followed_at_once_and_from_then_on() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        group = chat.telegram_chat(name="group", kind="group")
        destination = make(group)
        moved = chat.telegram.upgrade(group)
        first, second = await destination.send(MESSAGE), await destination.send(EDITED)
        assert first.channel_id == second.channel_id == str(moved)
        assert [arrival.status for arrival in chat.arrivals] == [400, 200, 200]
        assert first.moved_from == second.moved_from == str(group)
        assert await destination.send(EDITED, previous=first) == first

    with_telegram(use)


def test_where_a_group_has_moved_is_learnt_from_an_earlier_receipt_of_the_same_group_and_of_no_other() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        group, other = (chat.telegram_chat(name=name, kind="group") for name in ("group", "other"))
        chat.telegram.upgrade(group)
        receipt = await make(group).send(MESSAGE)
        before = len(chat.arrivals)
        for told in (receipt, receipt, replace(receipt, channel_id="../x"), replace(receipt, platform="discord")):
            later = make(group)
            later.learn(receipt)
            later.learn(told)
            assert (await later.send(MESSAGE)).channel_id == receipt.channel_id
        assert [arrival.status for arrival in chat.arrivals[before:]] == [200] * 4
        unmoved = make(other)
        unmoved.learn(receipt)
        assert (await unmoved.send(MESSAGE)).channel_id == str(other)

    with_telegram(use)


def test_tasks_that_learn_of_it_at_the_same_time_all_follow() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        group = chat.telegram_chat(name="group", kind="group")
        destination = make(group)
        moved = chat.telegram.upgrade(group)
        receipts = await asyncio.gather(*(destination.send(MESSAGE) for _ in range(5)))
        assert {receipt.channel_id for receipt in receipts} == {str(moved)}
        assert len(chat.messages) == 5

    with_telegram(use)


def test_a_message_from_before_it_moved_cannot_be_edited_and_no_other_is_hit() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        group = chat.telegram_chat(name="group", kind="group")
        destination = make(group)
        receipt = await destination.send(MESSAGE)
        chat.telegram.upgrade(group)
        await destination.send(EDITED)
        error = await refusal_of(destination, previous=receipt)
        assert error.outcome == "rejected"
        assert "supergroup" in str(error)
        assert methods(chat) == ["sendMessage", "sendMessage", "sendMessage", "editMessageText"]

    with_telegram(use)


def test_a_group_that_is_said_to_move_without_end_is_not_followed_without_end() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        chat.script(*(told(400, "upgraded", migrate_to_chat_id=-100 - n) for n in range(9)))
        assert (await refusal_of(make())).outcome == "rejected"
        assert len(chat.arrivals) == 2

    with_telegram(use)


@pytest.mark.parametrize("moved", [None, 0, True, "5", 1.5, [], {}])
def test_a_new_number_that_is_none_is_not_followed(moved: object) -> None:
    assert error_of(told(400, "Bad Request: x", migrate_to_chat_id=moved)).outcome == "rejected"


# Formatting that is refused.


@pytest.mark.parametrize(
    "description",
    [
        "Bad Request: can't parse entities: Unsupported start tag",
        "Bad Request: can't parse MessageEntity: Unsupported type specified",
        "Bad Request: entity URL 'x' is invalid: Wrong HTTP URL",
        "Bad Request: ENTITY_BOUNDS_INVALID",
        "Bad Request: ENTITIES_TOO_LONG",
    ],
)
def test_a_message_whose_formatting_is_refused_is_sent_once_more_without_it(description: str) -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        destination = make()
        chat.script(told(400, description))
        receipt = await destination.send(MESSAGE)
        assert [set(posted.payload) for posted in chat.messages] == [{"chat_id", "text", "link_preview_options"}]
        assert chat.messages[0].payload["text"] == payload(MESSAGE)["text"]
        assert "refuses this message" in (receipt.refused or "")
        chat.script(told(400, description))
        assert await destination.send(EDITED, previous=receipt) == receipt
        assert "entities" not in chat.messages[0].edits[0]

    with_telegram(use)


def test_a_message_that_is_refused_without_formatting_too_is_not_sent_a_third_time() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        chat.script(*[told(400, "Bad Request: can't parse entities")] * 9)
        assert (await refusal_of(make())).outcome == "rejected"
        assert len(chat.arrivals) == 2

    with_telegram(use)


def test_a_message_whose_formatting_is_refused_in_a_group_that_moved_arrives() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        group = chat.telegram_chat(name="group", kind="group")
        moved = chat.telegram.upgrade(group)
        chat.script(told(400, "Bad Request: can't parse entities"))
        assert (await make(group).send(MESSAGE)).channel_id == str(moved)
        assert [arrival.status for arrival in chat.arrivals] == [None, 400, 200]

    with_telegram(use)


# Answers.


@pytest.mark.parametrize(
    ("fault", "outcome", "word"),
    [
        (told(401, "Unauthorized"), "permanent", "token"),
        (told(404, "Not Found"), "permanent", "token"),
        (told(403, "Forbidden: bot was kicked from the supergroup chat"), "permanent", "does not let the bot post"),
        (told(403, "Forbidden: bot was blocked by the user"), "permanent", "does not let the bot post"),
        (told(403, "Forbidden: bot is not a member of the channel chat"), "permanent", "Add the bot"),
        (told(403, "Forbidden: the group chat was deleted"), "permanent", "does not let the bot post"),
        (told(400, "Bad Request: chat not found"), "permanent", "no such chat"),
        (told(400, "Bad Request: PEER_ID_INVALID"), "permanent", "no such chat"),
        (told(400, "Bad Request: CHANNEL_PRIVATE"), "permanent", "no such chat"),
        (told(400, "Bad Request: not enough rights to send text messages to the chat"), "permanent", "no right"),
        (told(400, "Bad Request: have no rights to send a message"), "permanent", "no right"),
        (told(400, "Bad Request: need administrator rights in the channel chat"), "permanent", "administrator"),
        (told(400, "Bad Request: CHAT_WRITE_FORBIDDEN"), "permanent", "no right"),
        (told(400, "Bad Request: CHAT_RESTRICTED"), "permanent", "no right"),
        (told(400, "Bad Request: group chat was deactivated"), "permanent", "no longer exists"),
        (told(400, "Bad Request: message thread not found"), "permanent", "topic"),
        (told(400, "Bad Request: TOPIC_CLOSED"), "permanent", "topic"),
        (told(400, "Bad Request: TOPIC_DELETED"), "permanent", "topic"),
        (told(400, "Bad Request: message is too long"), "rejected", "too long"),
        (told(400, "Bad Request: MESSAGE_TOO_LONG"), "rejected", "too long"),
        (told(400, "Bad Request: text must be non-empty"), "rejected", "empty"),
        (told(400, "Bad Request: message text is empty"), "rejected", "empty"),
        (told(400, "Bad Request: message to edit not found"), "rejected", "no longer exists"),
        (told(400, "Bad Request: message can't be edited"), "rejected", "no longer lets"),
        (told(400, "Bad Request: SOMETHING_NEW"), "rejected", "SOMETHING_NEW"),
        (told(400, "Bad Request: something else"), "rejected", "refuses this message (400)"),
        (told(400, ["odd"]), "rejected", "400"),
        (told(409, "Conflict"), "rejected", "409"),
        (told(413, "Request Entity Too Large"), "rejected", "413"),
        (told(500, "Internal Server Error: restart"), "retry", "500"),
        (told(502, "Bad Gateway"), "retry", "502"),
        (Say(status=200, body=b'{"ok": false, "error_code": 403, "description": "Forbidden"}'), "permanent", "bot post"),
        (Say(status=200, body=b'{"ok": false, "error_code": 500}'), "retry", "500"),
        (Say(status=200, body=b'{"ok": false}'), "unclear", "may have been taken"),
        (Say(status=204), "unclear", "may have been taken"),
    ],
)
def test_every_answer_tells_what_follows(fault: Say, outcome: str, word: str) -> None:
    error = error_of(fault)
    assert error.outcome == outcome
    assert word in str(error)
    assert error.retry_after is None


@pytest.mark.parametrize("description", ["Bad Request: message thread not found", "Bad Request: TOPIC_CLOSED"])
def test_trouble_with_a_topic_named_for_one_message_does_not_switch_the_destination_off(description: str) -> None:
    assert error_of(told(400, description), thread="42", topic=41).outcome == "rejected"
    assert error_of(told(400, description), thread="42").outcome == "rejected"
    assert error_of(told(400, description), topic=41).outcome == "permanent"


@pytest.mark.parametrize(
    ("parameters", "header", "seconds"),
    [
        ({"retry_after": 5}, None, 5.0),
        ({"retry_after": 5}, "9", 5.0),
        ({"retry_after": 1.5}, None, 1.5),
        ({"retry_after": "7"}, None, 7.0),
        ({"retry_after": 10**9}, None, 3600.0),
        ({"retry_after": -1}, "9", 9.0),
        ({"retry_after": True}, "9", 9.0),
        ({"retry_after": []}, None, 60.0),
        ({"retry_after": None}, "9", 9.0),
        ({}, "9", 9.0),
        ({}, None, 60.0),
    ],
)
def test_every_kind_of_too_many_is_a_retry_with_a_sane_time(
    parameters: dict[str, Any], header: str | None, seconds: float
) -> None:
    fault = told(429, "Too Many Requests: retry after 5", **parameters)
    error = error_of(Say(status=429, body=fault.body, headers={"Retry-After": header} if header else {}))
    assert (error.outcome, error.retry_after, error.status) == ("retry", seconds, 429)


@pytest.mark.parametrize("result", [5, [], {}, None, {"message_id": "7"}, {"message_id": 0, "chat": 5}, {"message_id": True}])
def test_a_success_that_does_not_tell_its_message_gives_a_receipt_without_an_id(result: object) -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        place = chat.telegram_chat(name="announcements")
        chat.script(Say(status=200, body=json.dumps({"ok": True, "result": result}).encode()))
        assert await make(place).send(MESSAGE) == Receipt(platform="telegram", channel_id=str(place))

    with_telegram(use)


def test_what_the_stand_in_refuses_is_told_apart() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        forum = chat.telegram_chat(name="forum", topics=["a", "b"])
        a, b = (chat.telegram.topic(forum, name) for name in "ab")
        chat.telegram.delete_topic(forum, "a")
        chat.telegram.close_topic(forum, "b")
        assert [(await refusal_of(make(forum, topic=topic))).outcome for topic in (a, b)] == ["permanent"] * 2
        for arrange in (chat.telegram.kick, chat.telegram.mute):
            for kind in ("private", "group", "supergroup", "channel"):
                place = chat.telegram_chat(name="n", kind=kind)  # type: ignore[arg-type]
                destination = make(place)
                receipt = await destination.send(MESSAGE)
                arrange(place)
                assert (await refusal_of(destination)).outcome == "permanent"
                assert (await refusal_of(destination, previous=receipt)).outcome == "permanent"
        assert (await refusal_of(make(-5))).outcome == "permanent"
        assert (await refusal_of(make(token=TOKEN))).status == 401
        assert not chat.mistakes

    with_telegram(use)


def test_a_token_that_was_revoked_and_a_message_of_another_bot_are_told_apart() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        place = chat.telegram_chat(name="announcements")
        token = chat.telegram_bot(name="other")
        receipt = await make(place, token=token).send(MESSAGE)
        assert (await refusal_of(make(place), previous=receipt)).outcome == "rejected"
        chat.telegram.revoke(token)
        assert (await refusal_of(make(place, token=token))).outcome == "permanent"

    with_telegram(use)


def test_trouble_with_a_chat_that_is_no_longer_the_own_one_does_not_switch_the_destination_off() -> None:
    async def use(chat: ChatStandIn, make: Make) -> None:
        old = chat.telegram_chat(name="old", username="old_news")
        receipt = await make(old).send(MESSAGE)
        chat.telegram.kick(old)
        assert (await refusal_of(make(), previous=receipt)).outcome == "rejected"
        assert (await refusal_of(make(old), previous=receipt)).outcome == "permanent"
        assert (await refusal_of(make("@old_news"), previous=receipt)).outcome == "permanent"
        assert (await refusal_of(make(token=TOKEN), previous=receipt)).outcome == "permanent"

    with_telegram(use)


# What stays hidden.


def test_the_library_logs_neither_a_token_nor_a_message(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def use(chat: ChatStandIn, make: Make) -> None:
        destination = make()
        chat.script(Say(status=500, body=SAID.encode()), told(400, SAID), told(429, SAID, retry_after=SAID))
        for _ in range(3):
            await refusal_of(destination)
        await destination.send(MESSAGE)
        chat.script(Hang())
        await refusal_of(make(timeout=0.2))

    with_telegram(use)
    assert caplog.records
    assert not A_TOKEN.search(caplog.text)
    assert SAID not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith(("telegram", "httpx"))]


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt(platform="telegram"),
        Receipt(platform="telegram", message_id="7"),
        Receipt(platform="telegram", message_id="0", channel_id="-5"),
        Receipt(platform="telegram", message_id="7", channel_id="general"),
        Receipt(platform="discord", message_id="7", channel_id="5"),
    ],
)
def test_what_has_no_id_at_telegram_cannot_be_edited_and_nothing_is_sent(receipt: Receipt) -> None:
    assert error_of(previous=receipt).outcome == "rejected"


# Settings.


def make_one(token: str = TOKEN, chat: int | str = -1001234567890, **settings: Any) -> TelegramDestination:
    async def main() -> TelegramDestination:
        async with new_session() as session:
            return TelegramDestination(token, chat, name="announcements", session=session, **settings)

    return asyncio.run(main())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"token": f"  {TOKEN}\n"},
        {"chat": 5},
        {"chat": "-1001234567890"},
        {"chat": " @ranger_news"},
        {"topic": 2},
        {"base_url": "http://127.0.0.1:8081/"},
        {"base_url": "http://localhost:8081"},
        {"base_url": "https://telegram.example/api"},
    ],
)
def test_settings_that_can_work_are_taken_and_the_token_is_hidden(settings: dict[str, Any]) -> None:
    destination = make_one(**settings)
    assert TOKEN.partition(":")[2] not in repr(destination) + str(vars(destination))
    assert repr(destination).startswith("<TelegramDestination 'announcements' at ")


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("", "it is empty"),
        ("   ", "it is empty"),
        (f"bot{TOKEN}", 'take away the "bot"'),
        (TOKEN.partition(":")[2], 'it begins with "AAF-…"'),
        (f"{TOKEN}/sendMessage", 'it begins with "7123…"'),
        (TOKEN[:30], 'it begins with "7123…"'),
    ],
)
def test_a_token_that_cannot_work_is_refused_with_the_cause_and_does_not_show(token: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="This is no token of a Telegram bot") as caught:
        make_one(token)
    assert said in str(caught.value)
    assert "@BotFather" in str(caught.value)
    assert TOKEN[5:] not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "said"),
    [
        ("", "it is empty"),
        ("api.telegram.org", "not with https://"),
        ("http://api.telegram.org", "does not begin with https://"),
        ("ftp://api.telegram.org", "does not begin with https://"),
        ("https://user:pw@telegram.example", "a user name, a password or a port"),
        ("https://api.telegram.org?x=1", "question mark"),
        ("https://api.telegram.org#x", "question mark"),
        ("https://api.telegram.org:x", "not with https://"),
    ],
)
def test_an_address_of_a_server_that_cannot_work_is_refused_with_the_cause(base_url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="This is no address of a Bot API server") as caught:
        make_one(base_url=base_url)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"chat": ""},
        {"chat": 0},
        {"chat": True},
        {"chat": "ranger_news"},
        {"chat": "https://t.me/ranger_news"},
        {"chat": "@x"},
        {"topic": 0},
        {"topic": -3},
        {"topic": 1},
        {"topic": True},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
    ],
)
def test_a_setting_that_cannot_work_is_refused_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        make_one(**settings)
