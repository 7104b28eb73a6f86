"""Slack's two destinations: how they sort Slack's words, what they ask for, and what they refuse at once.

What they have in common with every destination is proven in ``tests/conformance``.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from perscom_adapters import Message, Paragraph, Receipt, Text
from perscom_adapters.slack import SlackBotDestination, SlackWebhookDestination, new_session, payload
from perscom_adapters.testing import ChatStandIn, Fault, Say
from perscom_receiver import ConfigurationError, DestinationError

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "slack-chat.postMessage-2026-08.json"
SAID = "Words-of-a-message"
MESSAGE = Message(word="promotion", title="SFC Whitfield promoted", blocks=(Paragraph((Text(SAID),)),))
EDITED = Message(word="promotion", title="SFC Whitfield promoted, again")
SECRET = "aB3" * 8
REAL = f"https://hooks.slack.com/services/T024BE7LD/B024BE91L/{SECRET}"
TOKEN = f"xoxb-123456789012-1234567890123-{SECRET}"
T = TypeVar("T")
Destination = SlackWebhookDestination | SlackBotDestination


@pytest.fixture(autouse=True)
def without_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack wants a second between a refused message and the same in plain text."""
    monkeypatch.setattr("perscom_adapters._fallback.LONGEST_REST", 0.0)


def with_slack(use: Callable[[ChatStandIn, Any, Any], Awaitable[T]]) -> T:
    """Run ``use`` with a stand-in and with ways to make destinations of both kinds, each call in a place of its own."""

    async def main() -> T:
        async with ChatStandIn(rate=None) as chat, new_session() as session:

            def webhook() -> SlackWebhookDestination:
                return SlackWebhookDestination(chat.slack_webhook(name="staff"), name="staff", session=session)

            def bot(channel: str | None = None, token: str | None = None) -> SlackBotDestination:
                return SlackBotDestination(
                    token or chat.slack_token,
                    channel or chat.slack_channel(name="board"),
                    name="board",
                    session=session,
                    base_url=chat.slack_api,
                )

            return await use(chat, webhook, bot)

    return asyncio.run(main())


async def refusal_of(destination: Destination, previous: Receipt | None = None) -> DestinationError:
    with pytest.raises(DestinationError) as caught:
        await destination.send(MESSAGE, previous=previous)
    return caught.value


def errors_of(kind: str, faults: Iterable[Fault], previous: Receipt | None = None) -> list[DestinationError]:
    """The error of one send for each of ``faults``, by a destination of one ``kind``.

    A form that is refused is tried once more, without form, and meets the same.
    """

    async def use(chat: ChatStandIn, webhook: Any, bot: Any) -> list[DestinationError]:
        errors = []
        for fault in faults:
            destination = webhook() if kind == "webhook" else bot()
            chat.script(fault, fault)
            errors.append(await refusal_of(destination, previous))
            for _ in range(len(chat.arrivals) % 2):
                await refusal_of(destination, previous)  # meets what is left
        return errors

    return with_slack(use)


def plain_answer(status: int, word: str, **headers: str) -> Say:
    return Say(status=status, body=word.encode(), headers={key.replace("_", "-"): value for key, value in headers.items()})


def api_answer(word: object, status: int = 200, **more: object) -> Say:
    return Say(status=status, body=json.dumps({"ok": False, "error": word, **more}).encode())


# Every word of the Web API.

PERMANENT = re.findall(
    r"\w+",
    """
    access_denied accesslimited account_inactive app_access_restricted channel_not_found deprecated_endpoint ekm_access_denied
    enterprise_is_restricted is_archived is_bot messages_tab_disabled method_deprecated missing_scope no_permission
    not_allowed_token_type not_authed not_in_channel restricted_action restricted_action_read_only_channel
    restricted_action_thread_only_channel team_not_found token_expired token_revoked two_factor_setup_required unknown_method
    """,
)
TOO_MANY = ["ratelimited", "rate_limited", "message_limit_exceeded"]
RETRY = [*TOO_MANY, "org_login_required", "service_unavailable", "team_added_to_org"]
UNCLEAR = ["fatal_error", "request_timeout"]
NOT_LISTED = {
    "invalid_auth": "permanent",
    "internal_error": "unclear",
    "message_not_found": "rejected",
    "cant_update_message": "rejected",
    "edit_window_closed": "rejected",
    "msg_too_long": "rejected",
    "a_word_of_next_year": "rejected",
}


def words() -> dict[str, str]:
    """Each word of Slack's own list, and some that are not on it, with what follows from it."""
    if not SPEC.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{SPEC.name} is missing")
        pytest.skip(f"{SPEC.name} is not here")
    listed = json.loads(SPEC.read_bytes())["errors"]
    assert set(listed) >= {*PERMANENT, *RETRY, *UNCLEAR}
    sorted_out = dict.fromkeys(listed, "rejected") | dict.fromkeys(PERMANENT, "permanent")
    return sorted_out | dict.fromkeys(RETRY, "retry") | dict.fromkeys(UNCLEAR, "unclear") | NOT_LISTED


def test_every_word_of_the_web_api_tells_what_follows() -> None:
    expected = words()
    errors = errors_of("bot", map(api_answer, expected))
    assert {word: error.outcome for word, error in zip(expected, errors, strict=True)} == expected
    for word, error in zip(expected, errors, strict=True):
        assert word in str(error)
        assert error.status == 200
        assert error.retry_after == (60.0 if word in TOO_MANY else None)


def test_for_an_edit_nothing_is_unclear() -> None:
    previous = Receipt(platform="slack", message_id="1.2", channel_id="C1")
    errors = errors_of("bot", [*map(api_answer, UNCLEAR), Say(status=200, body=b"<html>")], previous)
    assert {error.outcome for error in errors} == {"retry"}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (api_answer("fatal_error", 500), "unclear"),
        (api_answer("internal_error", 503), "unclear"),
        (api_answer("service_unavailable", 503), "retry"),
        (api_answer("invalid_auth", 401), "permanent"),
        (api_answer("invalid_auth", 403), "permanent"),
        (api_answer("invalid_blocks", 400), "rejected"),
        (api_answer("ratelimited", 429), "retry"),
        (api_answer(None), "rejected"),
        (api_answer(["odd"]), "rejected"),
        (api_answer(SAID), "rejected"),
        (Say(status=200, body=b'{"ok": "true"}'), "unclear"),
        (Say(status=200, body=b'{"ok": 1}'), "unclear"),
        (Say(status=204), "unclear"),
        (Say(status=302, body=b'{"ok": true}'), "retry"),
        (Say(status=500, body=b'{"ok": true}'), "retry"),
    ],
)
def test_an_odd_answer_of_the_web_api_is_taken_for_what_it_certainly_says(fault: Say, outcome: str) -> None:
    (error,) = errors_of("bot", [fault])
    assert (error.outcome, error.status) == (outcome, fault.status)
    assert SAID not in str(error)


@pytest.mark.parametrize(
    ("fault", "outcome", "told"),
    [
        (plain_answer(400, "invalid_payload"), "rejected", "invalid_payload"),
        (plain_answer(400, "invalid_blocks"), "rejected", "invalid_blocks"),
        (plain_answer(400, "no_text"), "rejected", "empty"),
        (plain_answer(400, "user_not_found"), "rejected", "user_not_found"),
        (plain_answer(400, "too_many_attachments"), "rejected", "too_many_attachments"),
        (plain_answer(400, "channel_not_found"), "rejected", "channel_not_found"),
        (plain_answer(403, "action_prohibited"), "permanent", "admin"),
        (plain_answer(403, "invalid_token"), "permanent", "Make a new one"),
        (plain_answer(403, "posting_to_general_channel_denied"), "permanent", "admin"),
        (plain_answer(403, "a_word_of_next_year"), "permanent", "a_word_of_next_year"),
        (plain_answer(404, "channel_not_found"), "permanent", "no such channel"),
        (plain_answer(404, "no_service"), "permanent", "Make a new one"),
        (plain_answer(404, "no_team"), "permanent", "workspace"),
        (plain_answer(404, "team_disabled"), "permanent", "workspace"),
        (plain_answer(404, "no_active_hooks"), "permanent", "switched off"),
        (plain_answer(404, "Not Found"), "permanent", "404"),
        (plain_answer(410, "channel_is_archived"), "permanent", "archived"),
        (plain_answer(500, "rollup_error"), "retry", "rollup_error"),
        (plain_answer(500, "no_service"), "retry", "no_service"),
        (plain_answer(503, "<html>"), "retry", "503"),
        (plain_answer(200, "no_service"), "permanent", "no_service"),
        (plain_answer(200, "invalid_payload"), "rejected", "invalid_payload"),
        (plain_answer(200, "okay"), "unclear", "200"),
        (plain_answer(200, "ok ok"), "unclear", "200"),
        (plain_answer(302, "ok"), "retry", "does not name"),
        (plain_answer(418, "teapot"), "rejected", "418"),
    ],
)
def test_of_a_webhook_the_status_decides_and_the_word_explains(fault: Say, outcome: str, told: str) -> None:
    (error,) = errors_of("webhook", [fault])
    assert (error.outcome, error.status) == (outcome, fault.status)
    assert told in str(error)
    assert error.retry_after is None


@pytest.mark.parametrize("body", [b"ok", b" ok\n", b'{"ok": true}'])
def test_ok_is_a_success_of_a_webhook(body: bytes) -> None:
    async def use(chat: ChatStandIn, webhook: Any, bot: Any) -> Receipt:
        chat.script(Say(status=200, body=body))
        return await webhook().send(MESSAGE)

    assert with_slack(use) == Receipt(platform="slack")


@pytest.mark.parametrize(
    "more", [{}, {"ts": 5, "channel": None}, {"ts": "<@U1>", "channel": "x" * 500}, {"ts": "1.2\n", "channel": "#a"}]
)
def test_a_success_of_a_bot_without_a_readable_id_is_still_a_success(more: dict[str, object]) -> None:
    async def use(chat: ChatStandIn, webhook: Any, bot: Any) -> None:
        chat.script(*[Say(status=200, body=json.dumps({"ok": True, **more}).encode())] * 2)
        destination = bot("C1")
        assert await destination.send(MESSAGE) == Receipt(platform="slack", channel_id="C1")
        previous = Receipt(platform="slack", message_id="1.2", channel_id="C2", thread_id="0.1")
        assert await destination.send(MESSAGE, previous=previous) == previous

    with_slack(use)


@pytest.mark.parametrize("kind", ["webhook", "bot"])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 30 ", 30.0),
        ("100000", 3600.0),
        ("-1", 60.0),
        ("nan", 60.0),
        ("Wed, 21 Oct", 60.0),
    ],
)
def test_the_time_to_wait_is_read_whatever_it_is(kind: str, header: str, seconds: float) -> None:
    (error,) = errors_of(kind, [plain_answer(429, "rate_limited", Retry_After=header)])
    assert (error.outcome, error.retry_after) == ("retry", seconds)


def test_a_refused_form_is_told_by_slacks_own_words_and_none_of_ours() -> None:
    messages = [
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
        f"{SAID} [json-pointer:/blocks/1/{SAID}]",
        f"{SAID} [json-pointer:/blocks/2/elements/0/elements/13/url]",
        "must be less than 151 characters [json-pointer:/blocks/0/text/text]",
    ]
    (error,) = errors_of("bot", [api_answer("invalid_blocks", errors=messages, response_metadata={"messages": messages})])
    assert str(error) == (
        "Slack refuses this message: invalid_blocks at /blocks/0/text/text, /blocks/2/elements/0/elements/13/url"
    )


def test_trouble_with_the_channel_of_an_old_message_does_not_switch_the_destination_off() -> None:
    async def use(chat: ChatStandIn, webhook: Any, bot: Any) -> None:
        old, new = bot(), bot()
        receipt = await old.send(MESSAGE)
        chat.slack.archive(receipt.channel_id or "")
        assert (await refusal_of(new, receipt)).outcome == "rejected"
        assert (await refusal_of(old, receipt)).outcome == "permanent"
        assert (await refusal_of(old)).outcome == "permanent"
        await new.send(MESSAGE)

    with_slack(use)


def test_what_the_stand_in_refuses_is_told_apart() -> None:
    async def use(chat: ChatStandIn, webhook: Any, bot: Any) -> None:
        for place, word in (
            (bot(token=TOKEN), "invalid_auth"),
            (bot("C404"), "channel_not_found"),
            (bot(chat.slack.new_channel("private", member=False)), "not_in_channel"),
        ):
            error = await refusal_of(place)
            assert (error.outcome, word in str(error)) == ("permanent", True)
        gone = Receipt(platform="slack", message_id="1.2", channel_id=chat.slack_channel(name="a"))
        assert (await refusal_of(bot(), gone)).outcome == "rejected"
        with pytest.raises(DestinationError, match="takes no replies"):
            await bot().send(MESSAGE, thread="1.2")

    with_slack(use)


def test_a_bot_edits_where_the_message_is_and_sends_what_chat_update_takes() -> None:
    async def use(chat: ChatStandIn, webhook: Any, bot: Any) -> None:
        old = bot()
        first = await old.send(MESSAGE)
        reply = await old.send(MESSAGE, thread=first.message_id)
        assert reply.thread_id == first.message_id
        assert await bot().send(EDITED, previous=reply, thread="9.9") == reply
        body = payload(EDITED)
        assert chat.arrivals[-1].payload == {
            "channel": reply.channel_id,
            "ts": reply.message_id,
            "text": body["text"],
            "blocks": body["blocks"],
        }
        assert [arrival.path for arrival in chat.arrivals] == [*["/api/chat.postMessage"] * 2, "/api/chat.update"]

    with_slack(use)


def test_a_request_carries_the_token_in_its_header_and_our_name() -> None:
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heads.append(head.lower())
        await reader.readexactly(int(re.search(r"(?i)content-length: (\d+)", head)[1]))
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{"ok":true}')
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with new_session() as session:
            bot = SlackBotDestination(TOKEN, "C1", name="a", session=session, base_url=f"{origin}/api/")
            webhook = SlackWebhookDestination(origin + "/services/T1/B1/x", name="a", session=session)
            await bot.send(MESSAGE)
            await webhook.send(MESSAGE)
        server.close()

    asyncio.run(main())
    by_bot, by_webhook = heads
    assert by_bot.startswith("post /api/chat.postmessage http/1.1")
    assert f"authorization: bearer {TOKEN.lower()}\r\n" in by_bot
    assert "authorization" not in by_webhook
    for head in heads:
        assert re.findall(r"user-agent: ([a-z-]+)/", head) == ["perscom-receiver"]
        assert re.findall("content-type: (.*)\r", head) == ["application/json;charset=utf-8"]


# Settings.


def make(kind: type[Destination], *arguments: str, **settings: Any) -> Destination:
    async def main() -> Destination:
        async with new_session() as session:
            return kind(*arguments, name="staff", session=session, **settings)

    return asyncio.run(main())


@pytest.mark.parametrize(
    "url",
    [
        REAL,
        f"  {REAL}/\n",
        REAL.replace("slack.com", "slack-gov.com"),
        REAL.replace("hooks.slack", "Hooks.Slack"),
        REAL.replace("slack.com", "slack.com:443"),
        REAL.replace("https://hooks.slack.com", "http://127.0.0.1:8080"),
        REAL.replace("https://hooks.slack.com", "http://localhost"),
        REAL.replace("https://hooks.slack.com", "https://[::1]:8080"),
    ],
)
def test_addresses_of_slack_and_of_this_machine_are_taken_and_hidden(url: str) -> None:
    destination = make(SlackWebhookDestination, url)
    assert SECRET not in repr(destination) + str(vars(destination))
    assert repr(destination).startswith("<SlackWebhookDestination 'staff' at ")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "it is empty"),
        (SECRET, 'it begins with "aB3a…"'),
        (f"hooks.slack.com/services/T1/B1/{SECRET}", 'it begins with "hook…"'),
        (f"https://hooks.slack.com:{SECRET}/services/T1/B1/x", 'it begins with "http…"'),
        (REAL.replace("https", "http"), "does not begin with https"),
        (REAL.replace("slack.com", "slack.com.evil.example"), "leads to hooks.slack.com.evil.example"),
        (REAL.replace("hooks.slack.com", "slack.com"), "leads to slack.com"),
        (f"https://discord.com/api/webhooks/1/{SECRET}", "leads to discord.com"),
        (REAL.replace("hooks.", f"user:{SECRET}@hooks."), "a user name, a password or a port"),
        (REAL.replace("slack.com", "slack.com:8443"), "a user name, a password or a port"),
        (f"https://hooks.slack.com/workflows/T1/A1/1/{SECRET}", "workflow"),
        (f"https://hooks.slack.com/triggers/T1/1/{SECRET}", "workflow"),
        (f"{REAL}?x=1", "question mark"),
        (f"{REAL}#x", "question mark"),
        (f"{REAL}/more", "its path is not"),
        (f"https://hooks.slack.com/services/T1/{SECRET}", "its path is not"),
        (f"https://hooks.slack.com/services/T1/B1/{SECRET}%2F..", "its path is not"),
    ],
)
def test_an_address_that_cannot_work_is_refused_with_the_cause_and_without_the_token(url: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match="This is no Slack webhook address") as caught:
        make(SlackWebhookDestination, url)
    assert told in str(caught.value)
    assert "Copy it again at api.slack.com/apps" in str(caught.value)
    assert SECRET[:5] not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_token_and_a_channel_are_taken_and_the_token_is_hidden() -> None:
    destination = make(SlackBotDestination, f" {TOKEN}\n", "C024BE91L")
    assert TOKEN not in repr(destination) + str(vars(destination))
    assert repr(destination) == "<SlackBotDestination 'staff' in C024BE91L>"


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("", "it is empty"),
        (f"xoxp-{SECRET}", 'it begins with "xoxp…"'),
        (f"xapp-{SECRET}", 'it begins with "xapp…"'),
        (f"xoxb-{SECRET} x", "characters in it that no token has"),
        (f"xoxb-{SECRET}\r\nX: y", "characters in it that no token has"),
        (REAL, 'it begins with "http…"'),
    ],
)
def test_what_is_no_token_of_a_bot_is_refused_without_showing_it(token: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match="This is no token of a Slack bot") as caught:
        make(SlackBotDestination, token, "C024BE91L")
    assert told in str(caught.value)
    assert SECRET[:5] not in str(caught.value)


@pytest.mark.parametrize("channel", ["", "#general", "general", "U024BE7LH", "c024be91l", "C024BE91L/x", "C"])
def test_what_is_no_id_of_a_channel_is_refused(channel: str) -> None:
    with pytest.raises(ConfigurationError, match="named by its ID"):
        make(SlackBotDestination, TOKEN, channel)


@pytest.mark.parametrize(
    "base_url",
    ["", "slack.com/api", "http://slack.com/api", "https://slack.com.evil.example/api", f"https://u:{SECRET}@slack.com/api"],
)
def test_a_token_goes_to_slack_or_to_this_machine_and_nowhere_else(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="This is no address of Slack's Web API") as caught:
        make(SlackBotDestination, TOKEN, "C1", base_url=base_url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), float("inf"), 601])
def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout of a Slack destination"):
        make(SlackWebhookDestination, REAL, timeout=timeout)
    with pytest.raises(ConfigurationError, match="timeout of a Slack destination"):
        make(SlackBotDestination, TOKEN, "C1", timeout=timeout)
