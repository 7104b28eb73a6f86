"""The stand-in's Slack: it refuses what Slack refuses, in Slack's words, and the real library speaks with it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from slack_sdk import WebClient, WebhookClient
from slack_sdk.errors import SlackApiError

from perscom_adapters.testing import ChatStandIn, Rate, slack_refusal

HEADER = {"type": "header", "text": {"type": "plain_text", "text": "t", "emoji": True}}
IMAGE = {"type": "image", "image_url": "https://a.example/i.png", "alt_text": "a"}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def call(
    url: str, body: object = None, *, raw: bytes | None = None, method: str = "POST", **headers: str
) -> tuple[int, str, Mapping[str, str]]:
    """One request by the standard library's client, which knows nothing of ours."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    data = json.dumps(body).encode() if raw is None else raw
    sent = {"Content-Type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
    try:
        connection.request(method, parts.path, body=data, headers=sent)
        response = connection.getresponse()
        return response.status, response.read().decode(), response.headers
    finally:
        connection.close()


def said(url: str, body: object = None, **more: Any) -> tuple[int, str]:
    return call(url, body, **more)[:2]


def blocks(*blocks: object, **more: object) -> dict[str, object]:
    return {"text": "t", "blocks": list(blocks), **more}


def rich(*elements: object) -> dict[str, object]:
    return blocks({"type": "rich_text", "elements": list(elements)})


def inline(*elements: object) -> dict[str, object]:
    return rich({"type": "rich_text_section", "elements": list(elements)})


def plain_text(text: object, **more: object) -> dict[str, object]:
    return {"type": "plain_text", "text": text, **more}


def mrkdwn(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


WHOLE = blocks(
    {**HEADER, "block_id": "b1"},
    {"type": "section", "text": mrkdwn("*b*"), "accessory": IMAGE},
    {"type": "section", "fields": [plain_text("f")] * 10},
    {"type": "divider"},
    {**IMAGE, "title": plain_text("t")},
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "t", "style": {"bold": True, "italic": False}},
                    {"type": "link", "url": "https://a.example/", "text": "l"},
                    {"type": "date", "timestamp": 1772478480, "format": "{date}", "fallback": "f"},
                    {"type": "emoji", "name": "wave"},
                    {"type": "user", "user_id": "U1"},
                ],
            },
            {"type": "rich_text_quote", "elements": [{"type": "text", "text": "q"}]},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "p"}], "border": 0},
            {
                "type": "rich_text_list",
                "style": "ordered",
                "indent": 0,
                "border": 1,
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "i"}]}],
            },
        ],
    },
    {"type": "context", "elements": [IMAGE, plain_text("c"), mrkdwn("<!date^1^{date}|d>")]},
    mrkdwn=True,
    unfurl_links=False,
    unfurl_media=False,
)
"""As much as goes into one message."""


def test_a_whole_message_is_taken() -> None:
    assert slack_refusal(WHOLE) is None


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({}, "no_text"),
        ({"text": " \n"}, "no_text"),
        ({"text": "", "blocks": []}, "no_text"),
        ({"text": 5}, "invalid_arguments, /text must be a string"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"text": "\ud800"}, "invalid_arguments, /text must be valid Unicode"),
        ({"text": "t", "blocks": {"type": "divider"}}, "invalid_blocks_format"),
        ({"text": "t", "blocks": ["b"]}, "invalid_blocks, /blocks/0 unsupported type: None"),
        ({"text": "t", "wait": True}, "invalid_arguments, /wait unknown argument, which Slack would ignore"),
        ({"text": "t", "channel": "C1"}, "invalid_arguments, /channel unknown argument, which Slack would ignore"),
        ({"text": "t", "thread_ts": "general"}, "invalid_arguments, /thread_ts must be the ts of a message"),
        ({"text": "t", "parse": "client"}, "invalid_arguments, /parse must be one of ('none', 'full')"),
        ({"text": "t", "attachments": [{}]}, "invalid_arguments, /attachments the stand-in does not play this part of Slack"),
        (blocks(*[{"type": "divider"}] * 51), "invalid_blocks, /blocks no more than 50 items allowed"),
        (blocks({"type": "marquee"}), "invalid_blocks, /blocks/0 unsupported type: marquee"),
        (blocks({"type": "markdown", "text": "x"}), "invalid_blocks, /blocks/0 the stand-in does not play this part of Slack"),
        (blocks({"type": "divider", "text": "x"}), "invalid_blocks, /blocks/0 invalid additional property: text"),
        (inline({"type": "text", "text": "x" * 13_200}), "msg_blocks_too_long"),
    ],
)  # fmt: skip
def test_a_wrong_body_is_refused_at_its_place(body: Any, refusal: str) -> None:
    assert slack_refusal(body) == refusal


INLINE = "/blocks/0/elements/0/elements/0"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (blocks({"type": "header"}), "/blocks/0 missing required field: text"),
        (blocks({"type": "header", "text": mrkdwn("t")}), "/blocks/0/text unsupported type: mrkdwn"),
        (blocks({"type": "header", "text": "t"}), "/blocks/0/text unsupported type: None"),
        (blocks({"type": "header", "text": plain_text("")}), "/blocks/0/text/text must be more than 0 characters"),
        (blocks({"type": "header", "text": plain_text("x" * 151)}), "/blocks/0/text/text must be less than 151 characters"),
        (blocks({"type": "header", "text": plain_text("😀" * 76)}), "/blocks/0/text/text must be less than 151 characters"),
        (blocks({"type": "header", "text": plain_text("t", emoji=1)}), "/blocks/0/text/emoji must be a boolean"),
        (blocks({"type": "section"}), "/blocks/0 missing required field: text or fields"),
        (blocks({"type": "section", "text": mrkdwn("x" * 3001)}), "/blocks/0/text/text must be less than 3001 characters"),
        (blocks({"type": "section", "fields": [plain_text("f")] * 11}), "/blocks/0/fields no more than 10 items allowed"),
        (
            blocks({"type": "section", "fields": [plain_text("x" * 2001)]}),
            "/blocks/0/fields/0/text must be less than 2001 characters",
        ),
        (blocks({"type": "context", "elements": []}), "/blocks/0/elements no less than 1 items allowed"),
        (blocks({"type": "context", "elements": [plain_text("c")] * 11}), "/blocks/0/elements no more than 10 items allowed"),
        (blocks({"type": "context", "elements": {}}), "/blocks/0/elements must be an array"),
        (blocks({**IMAGE, "image_url": "ftp://a.b/c"}), "/blocks/0/image_url must be a valid URL"),
        (blocks({**IMAGE, "image_url": "https://[a"}), "/blocks/0/image_url must be a valid URL"),
        (blocks({**IMAGE, "alt_text": ""}), "/blocks/0/alt_text must be more than 0 characters"),
        (blocks({"type": "image", "image_url": IMAGE["image_url"]}), "/blocks/0 missing required field: alt_text"),
        (blocks({**HEADER, "block_id": "b"}, {"type": "divider", "block_id": "b"}), "/blocks/1/block_id must be unique"),
        (rich({"type": "rich_text_table"}), "/blocks/0/elements/0 unsupported type: rich_text_table"),
        (
            rich({"type": "rich_text_list", "elements": []}),
            "/blocks/0/elements/0 missing required field: style, /blocks/0/elements/0/elements no less than 1 items allowed",
        ),
        (
            rich({"type": "rich_text_quote", "elements": [{"type": "rich_text_list"}]}),
            f"{INLINE} unsupported type: rich_text_list",
        ),
        (inline({"type": "text"}), f"{INLINE} missing required field: text"),
        (inline({"type": "text", "text": "t", "style": {"big": True}}), f"{INLINE}/style invalid additional property: big"),
        (inline({"type": "text", "text": "t", "style": "bold"}), f"{INLINE}/style must be an object"),
        (inline({"type": "link", "url": "javascript:alert(1)"}), f"{INLINE}/url must be a valid URL"),
        (inline({"type": "date", "timestamp": -1, "format": "{date}"}), f"{INLINE}/timestamp must be a positive integer"),
        (inline({"type": "broadcast", "range": "all"}), f"{INLINE}/range must be one of ('here', 'channel', 'everyone')"),
    ],
)
def test_a_wrong_block_is_refused_at_its_place(body: Any, told: str) -> None:
    assert slack_refusal(body) == f"invalid_blocks, {told}"


def test_an_edit_knows_other_arguments() -> None:
    assert slack_refusal({"channel": "C1", "ts": "1.2", "text": "a"}, edit=True) is None
    assert slack_refusal({"text": "a", "unfurl_links": False}, edit=True) == (
        "invalid_arguments, /unfurl_links unknown argument, which Slack would ignore"
    )


@pytest.mark.parametrize(
    ("body", "pinged"),
    [
        ({"text": "<!channel> <!here|here> <!everyone>"}, {"everyone"}),
        (
            {"text": "<@U123> <@W1|x> <!subteam^S1|@x> <#C1> <!date^1^{date}|d> <https://a.b|@here>"},
            {"user:U123", "user:W1", "role:S1"},
        ),
        ({"text": "&lt;!channel&gt; @here @channel"}, set()),
        ({"text": "@here", "link_names": True}, {"everyone"}),
        ({"text": "a@here.example, @channel", "parse": "full"}, {"everyone"}),
        (blocks({"type": "section", "text": mrkdwn("<@U1>")}), {"user:U1"}),
        (blocks({"type": "section", "text": plain_text("<@U1> <!here>")}), set()),
        (inline({"type": "text", "text": "<@U1> <!here>"}), set()),
        (inline({"type": "user", "user_id": "U1"}, {"type": "usergroup", "usergroup_id": "S1"}), {"user:U1", "role:S1"}),
        (inline({"type": "broadcast", "range": "here"}), {"everyone"}),
    ],
)
def test_who_would_be_pinged(body: object, pinged: set[str]) -> None:
    with ChatStandIn() as chat:
        assert said(chat.slack_webhook(name="a"), body) == (200, "ok")
    assert chat.messages[0].pings == chat.arrivals[0].pings == pinged


def test_a_webhook_answers_in_plain_words() -> None:
    with ChatStandIn(rate=None) as chat:
        url = chat.slack_webhook(name="staff")
        assert said(url, WHOLE) == (200, "ok")
        assert said(url, {"text": ""}) == (400, "no_text")
        assert said(url, blocks({"type": "marquee"})) == (400, "invalid_blocks")
        assert said(url, {"text": "t", "channel": "C1"}) == (400, "invalid_payload")
        assert said(url, raw=b"{") == (400, "invalid_payload")
        assert said(url, raw=b"[1]") == (400, "invalid_payload")
        assert said(url, raw=b"payload=x", Content_Type="application/x-www-form-urlencoded") == (400, "invalid_payload")
        assert said(url, {"text": "t", "thread_ts": "1.2"}) == (400, "invalid_thread_ts")
        assert said(url[:-1] + ("0" if url[-1] != "0" else "1"), {"text": "t"}) == (403, "invalid_token")
        assert said(f"{chat.url}/services/T1/B1/x", {"text": "t"}) == (404, "no_team")
        other = chat.slack_webhook(name="other")
        chat.slack.archive(url)
        assert said(url, {"text": "t"}) == (410, "channel_is_archived")
        assert said(other, {"text": "t"}) == (200, "ok")
        chat.slack.delete_webhook(other)
        assert said(other, {"text": "t"}) == (404, "no_service")
        assert [posted.destination for posted in chat.messages] == ["staff", "other"]
        assert chat.messages[0].payload == WHOLE
        assert chat.arrivals[2].refusal == "400 invalid_blocks, /blocks/0 unsupported type: marquee"
        assert not chat.mistakes


def test_what_slack_has_and_the_stand_in_does_not_is_a_mistake() -> None:
    with ChatStandIn(rate=None) as chat:
        url = chat.slack_webhook(name="a")
        said(url, blocks({"type": "markdown", "text": "x"}))
        said(f"{chat.slack_api}/conversations.list", {})
        said(url, {"text": "t"}, method="GET")
        said(url, {"text": "t"})
    assert [arrival.mistake for arrival in chat.arrivals] == [True, True, True, False]


def test_a_lenient_stand_in_ignores_what_slack_ignores() -> None:
    with ChatStandIn(strict=False) as chat:
        assert said(chat.slack_webhook(name="a"), {"text": "t", "channel": "C1"}) == (200, "ok")
        assert said(chat.slack_webhook(name="b"), blocks({"type": "header"}, wait=True)) == (400, "invalid_blocks")


def test_the_rate_is_for_a_channel_and_the_time_to_wait_in_whole_seconds() -> None:
    now = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)

    with ChatStandIn(rate=Rate(1, 3.5), now=lambda: now) as chat:
        url, other = chat.slack_webhook(name="a"), chat.slack_webhook(name="b")
        assert [said(place, {"text": "a"}) for place in (url, other)] == [(200, "ok")] * 2
        status, word, headers = call(url, {"text": "a"})
        assert (status, word, headers["Retry-After"]) == (429, "rate_limited", "4")
        now += timedelta(seconds=3.5)
        assert said(url, {"text": "a"}) == (200, "ok")


# The real library.


@pytest.fixture
def chat() -> Iterator[ChatStandIn]:
    with ChatStandIn(rate=None) as chat:
        yield chat


def client_of(chat: ChatStandIn, token: str | None = None) -> WebClient:
    return WebClient(chat.slack_token if token is None else token, base_url=chat.slack_api, retry_handlers=[])


def error_of(client: WebClient, method: str, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as caught:
        client.api_call(method, json=arguments)
    answer: dict[str, Any] = caught.value.response.data
    assert answer.pop("ok") is False
    return answer


def test_the_librarys_webhook_client_speaks_with_it(chat: ChatStandIn) -> None:
    client = WebhookClient(chat.slack_webhook(name="a"), retry_handlers=[])
    assert client.send(text="t", blocks=WHOLE["blocks"]).body == "ok"
    refused = client.send(text="", blocks=[])
    assert (refused.status_code, refused.body) == (400, "no_text")


def test_the_librarys_web_client_posts_answers_and_edits(chat: ChatStandIn) -> None:
    client, channel = client_of(chat), chat.slack_channel(name="board")
    assert client.auth_test()["ok"]
    posted = client.chat_postMessage(channel=channel, text="first", blocks=[HEADER], unfurl_links=False)
    assert (posted["channel"], posted["message"]["text"], posted["message"]["blocks"]) == (channel, "first", [HEADER])
    reply = client.chat_postMessage(channel=channel, text="reply", thread_ts=posted["ts"])
    assert reply["message"]["thread_ts"] == posted["ts"] < reply["ts"]
    edited = client.chat_update(channel=channel, ts=posted["ts"], text="changed")
    assert (edited["ts"], edited["text"]) == (posted["ts"], "changed")
    first, second = chat.messages
    assert (first.payload["text"], first.payload["blocks"], len(first.edits)) == ("changed", [HEADER], 1)
    assert (first.message_id, second.message_id) == (posted["ts"], reply["ts"])
    assert first.destination == "board"
    chat.slack.delete_message(channel, posted["ts"])
    assert client.chat_postMessage(channel=channel, text="more", thread_ts=posted["ts"])["message"]["thread_ts"] == posted["ts"]
    lonely = client.chat_postMessage(channel=channel, text="second")["ts"]
    chat.slack.delete_message(channel, lonely)
    assert "thread_ts" not in client.chat_postMessage(channel=channel, text="late", thread_ts=lonely)["message"]


def test_the_librarys_web_client_is_told_who_it_is_and_where(chat: ChatStandIn) -> None:
    client, channel = client_of(chat), chat.slack_channel(name="board")
    who = client.auth_test()
    assert {"url", "team", "user", "team_id", "user_id", "bot_id", "is_enterprise_install"} < set(who.data)
    assert {name.lower(): value for name, value in who.headers.items()}["x-oauth-scopes"] == "chat:write"
    with pytest.raises(SlackApiError) as caught:
        client.conversations_info(channel=channel)
    refused = {"ok": False, "error": "missing_scope", "needed": "channels:read", "provided": "chat:write"}
    assert caught.value.response.data == refused
    chat.slack.allow(["channels:read"])
    shown = client.conversations_info(channel=channel)["channel"]
    assert (shown["id"], shown["name"], shown["is_member"], shown["is_archived"]) == (channel, "board", True, False)
    chat.slack.archive(channel)
    assert client.conversations_info(channel=channel)["channel"]["is_archived"] is True
    assert client.conversations_info(channel=chat.slack.new_channel("p", member=False))["channel"]["is_member"] is False
    assert error_of(client, "chat.postMessage", channel=channel, text="t")["error"] == "missing_scope"
    assert error_of(client, "conversations.info", channel=channel)["error"] == "invalid_arguments", "not as JSON"
    assert chat.messages == []
    assert not chat.mistakes


def test_the_web_api_refuses_with_status_200_and_a_word(chat: ChatStandIn) -> None:
    client, channel = client_of(chat), chat.slack_channel(name="board")
    post = "chat.postMessage"
    assert error_of(client_of(chat, ""), post, channel=channel, text="t") == {"error": "not_authed"}
    assert error_of(client_of(chat, "xoxb-1"), post, channel=channel, text="t") == {"error": "invalid_auth"}
    assert error_of(client, post, channel="C404", text="t") == {"error": "channel_not_found"}
    assert error_of(client, post, channel=["C404"], text="t") == {"error": "channel_not_found"}
    assert error_of(client, post, channel=chat.slack.new_channel("p", member=False), text="t") == {"error": "not_in_channel"}
    assert error_of(client, post, channel=channel, text="") == {"error": "no_text"}
    assert error_of(client, post, channel=channel, text="t", thread_ts="1.2") == {"error": "cannot_reply_to_message"}
    assert error_of(client, "chat.update", channel=channel, ts="1.2", text="t") == {"error": "message_not_found"}
    assert error_of(client, post, channel=channel, text="t", blocks=[{"type": "header"}]) == {
        "error": "invalid_blocks",
        "errors": ["missing required field: text [json-pointer:/blocks/0]"],
        "response_metadata": {"messages": ["[ERROR] missing required field: text [json-pointer:/blocks/0]"]},
    }
    assert {arrival.status for arrival in chat.arrivals} == {200}
    chat.slack.archive(channel)
    assert error_of(client, post, channel=channel, text="t") == {"error": "is_archived"}
    assert chat.messages == []


def test_what_a_webhook_posted_cannot_be_edited_by_the_bot(chat: ChatStandIn) -> None:
    call(chat.slack_webhook(name="a"), {"text": "t"})
    (posted,) = chat.messages
    assert error_of(client_of(chat), "chat.update", channel=posted.channel_id, ts=posted.message_id, text="x") == {
        "error": "cant_update_message"
    }


def test_the_web_api_says_how_long_to_wait() -> None:
    with ChatStandIn(rate=Rate(1, 30.0)) as chat:
        client, channel = client_of(chat), chat.slack_channel(name="board")
        client.chat_postMessage(channel=channel, text="t")
        with pytest.raises(SlackApiError) as caught:
            client.chat_postMessage(channel=channel, text="t")
    assert (caught.value.response.status_code, caught.value.response["error"]) == (429, "ratelimited")
    assert int(caught.value.response.headers["Retry-After"]) == 30


def test_an_address_of_no_webhook_here_is_told_at_once(chat: ChatStandIn) -> None:
    with pytest.raises(LookupError):
        chat.slack.archive("https://hooks.slack.com/services/T1/B1/x")
