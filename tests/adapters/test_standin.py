"""The stand-in: it refuses what Discord refuses, in Discord's words, and remembers what came."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from discord_webhook import DiscordEmbed, DiscordWebhook
from jsonschema import Draft202012Validator

from perscom_adapters.testing import (
    ChatStandIn,
    Cut,
    Drip,
    Garble,
    Hang,
    Rate,
    Say,
    cloudflare_block,
    discord_refusal,
    html_error,
    redirect,
)

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "discord-openapi.json"


class Told:
    """An answer, read."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    url: str, body: object = None, *, method: str = "POST", headers: Mapping[str, str] | None = None, raw: bytes | None = None
) -> Told:
    """One request by the standard library's client, which knows nothing of ours."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "User-Agent": "test/1"} if headers is None else headers
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body=data, headers=dict(sent))
        response = connection.getresponse()
        return Told(response.status, response.headers, response.read())
    finally:
        connection.close()


def embed(**parts: object) -> dict[str, object]:
    return {"embeds": [parts]}


def mentions(**allowed: object) -> dict[str, object]:
    return {"content": "a", "allowed_mentions": allowed}


def field(name: object = "n", value: object = "v", **more: object) -> dict[str, object]:
    return embed(fields=[{"name": name, "value": value, **more}])


WHOLE = {
    "content": "hello",
    "username": "1st Ranger Group",
    "avatar_url": "https://a.example/b.png",
    "tts": False,
    "flags": 4,
    "allowed_mentions": {"parse": ["roles"], "users": ["1", "2"], "replied_user": False},
    "attachments": [],
    "components": None,
    "embeds": [
        {
            "title": "t" * 256,
            "description": "d" * 4096,
            "url": "https://a.example",
            "color": 0xFFFFFF,
            "timestamp": "2026-03-02T19:08:00+00:00",
            "author": {"name": "a", "url": None},
            "footer": {"text": "f", "icon_url": "attachment://f.png"},
            "image": {"url": "https://a.example/i.png"},
            "thumbnail": None,
            "fields": [{"name": "n", "value": "v", "inline": True}] * 25,
        }
    ],
}
"""As much as goes into one message."""


def test_a_whole_message_is_taken() -> None:
    assert discord_refusal(WHOLE) is None


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"content": "x" * 2001}, "content BASE_TYPE_MAX_LENGTH"),
        ({"content": "😀" * 1001}, "content BASE_TYPE_MAX_LENGTH"),
        ({"content": 5}, "content STRING_TYPE_CONVERT"),
        (embed(title="x" * 257), "embeds.0.title BASE_TYPE_MAX_LENGTH"),
        (embed(description="x" * 4097), "embeds.0.description BASE_TYPE_MAX_LENGTH"),
        (embed(footer={"text": "x" * 2049}), "embeds.0.footer.text BASE_TYPE_MAX_LENGTH"),
        (embed(author={"name": "x" * 257}), "embeds.0.author.name BASE_TYPE_MAX_LENGTH"),
        (embed(fields=[{"name": "n", "value": "v"}] * 26), "embeds.0.fields BASE_TYPE_MAX_LENGTH"),
        (field(name="x" * 257), "embeds.0.fields.0.name BASE_TYPE_BAD_LENGTH"),
        (field(value="x" * 1025), "embeds.0.fields.0.value BASE_TYPE_BAD_LENGTH"),
        (field(value=" \n "), "embeds.0.fields.0.value BASE_TYPE_REQUIRED"),
        (field(name=""), "embeds.0.fields.0.name BASE_TYPE_REQUIRED"),
        (field(name=None), "embeds.0.fields.0.name BASE_TYPE_REQUIRED"),
        (field(inline="yes"), "embeds.0.fields.0.inline BOOLEAN_TYPE_CONVERT"),
        (embed(fields={}), "embeds.0.fields LIST_TYPE_CONVERT"),
        (embed(color=0x1000000), "embeds.0.color NUMBER_TYPE_MAX"),
        (embed(color=-1), "embeds.0.color NUMBER_TYPE_MIN"),
        (embed(color="red"), "embeds.0.color NUMBER_TYPE_COERCE"),
        (embed(timestamp="yesterday"), "embeds.0.timestamp DATE_TIME_TYPE_PARSE"),
        (embed(url="javascript:alert(1)"), "embeds.0.url URL_TYPE_INVALID_SCHEME"),
        (embed(url="no address"), "embeds.0.url URL_TYPE_INVALID_URL"),
        (embed(url="https://[broken"), "embeds.0.url URL_TYPE_INVALID_URL"),
        (embed(url="https://a.example/" + "x" * 2048), "embeds.0.url BASE_TYPE_MAX_LENGTH"),
        (embed(image={"url": "ftp://a.example/i.png"}), "embeds.0.image.url URL_TYPE_INVALID_SCHEME"),
        (embed(titel="t"), "embeds.0.titel STANDIN_UNKNOWN_KEY"),
        ({"embeds": [{"title": "t"}] * 11}, "embeds BASE_TYPE_MAX_LENGTH"),
        ({"embeds": ["t"]}, "embeds.0 DICT_TYPE_CONVERT"),
        ({"embeds": [{"description": "x" * 4096}, {"description": "x" * 1905}]}, "embeds MAX_EMBED_SIZE_EXCEEDED"),
        ({"content": "a", "proxies": {}, "wait": True}, "proxies STANDIN_UNKNOWN_KEY, wait STANDIN_UNKNOWN_KEY"),
        ({"content": "a", "username": "x" * 81}, "username BASE_TYPE_BAD_LENGTH"),
        ({"content": "a", "username": " "}, "username BASE_TYPE_REQUIRED"),
        ({"content": "a", "username": "My DiscordBot"}, "username USERNAME_INVALID_CONTAINS"),
        ({"content": "a", "username": "everyone"}, "username USERNAME_INVALID_CONTAINS"),
        (mentions(parse=["all"]), "allowed_mentions.parse.0 BASE_TYPE_CHOICES"),
        (mentions(parse=["users", "users"]), "allowed_mentions.parse SET_TYPE_ALREADY_CONTAINS_VALUE"),
        (mentions(users=["me"]), "allowed_mentions.users.0 NUMBER_TYPE_COERCE"),
        (mentions(users=[str(n) for n in range(101)]), "allowed_mentions.users BASE_TYPE_MAX_LENGTH"),
        (mentions(parse=["users"], users=["1"]), "allowed_mentions MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"),
        ({"content": "a", "flags": 1}, "flags BASE_TYPE_CHOICES"),
        ({"flags": 1 << 15}, "flags STANDIN_DOES_NOT_PLAY_THIS"),
        ({"content": "a", "components": [{"type": 1}]}, "components STANDIN_DOES_NOT_PLAY_THIS"),
        ({"content": "a", "poll": {"question": {}}}, "poll STANDIN_DOES_NOT_PLAY_THIS"),
        ({"content": " \n"}, "empty message"),
        ({"embeds": [{"color": 5}]}, "empty message"),
        ({}, "empty message"),
        ([], "body DICT_TYPE_CONVERT"),
    ],
)  # fmt: skip
def test_a_wrong_body_is_refused_at_its_place(body: Any, refusal: str) -> None:
    assert discord_refusal(body) == refusal


def test_white_space_at_the_ends_does_not_count() -> None:
    assert discord_refusal(embed(title="  " + "x" * 256 + "\n", description="x" * 4096 + " " * 4000)) is None


def test_an_edit_knows_fewer_keys_and_may_change_one_thing_only() -> None:
    assert discord_refusal({"username": "x", "content": "a"}, edit=True) == "username STANDIN_UNKNOWN_KEY"
    assert discord_refusal({"flags": 4}, edit=True) is None


def test_a_message_is_answered_as_the_published_schema_says() -> None:
    if not SPEC.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{SPEC.name} is missing")
        pytest.skip(f"{SPEC.name} is not here")
    components = json.loads(SPEC.read_bytes())["components"]
    with ChatStandIn() as chat:
        posted = call(chat.discord_webhook(name="a") + "?wait=true", WHOLE)
        unknown = call(f"{chat.url}/api/webhooks/1/token", {})
        webhook = call(chat.discord_webhook(name="a"), method="GET")
        assert not chat.mistakes
    # Not the tree of errors: there the document has numbers for codes, where Discord sends words.
    for schema, answer in (
        ("MessageResponse", posted),
        ("ErrorResponse", unknown),
        ("GuildIncomingWebhookResponse", webhook),
    ):
        judge = Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": components})
        assert [error.message for error in judge.iter_errors(answer.json)] == []


def test_waiting_gives_the_message_and_not_waiting_gives_nothing() -> None:
    with ChatStandIn() as chat:
        url = chat.discord_webhook(name="announcements")
        waited, at_once = call(f"{url}?wait=true", {"content": "a"}), call(url, {"content": "b"})
        first, second = chat.messages
    assert (waited.status, waited.json["id"], waited.json["channel_id"]) == (200, first.message_id, first.channel_id)
    assert (at_once.status, at_once.body) == (204, b"")
    assert second.payload == {"content": "b"}
    assert first.destination == second.destination == "announcements"
    assert first.channel_id == second.channel_id
    assert int(first.message_id) < int(second.message_id)


def test_a_refusal_is_a_tree_of_errors_and_is_remembered() -> None:
    with ChatStandIn() as chat:
        answer = call(chat.discord_webhook(name="a"), field(value=""))
    assert answer.status == 400
    assert answer.json == {
        "message": "Invalid Form Body",
        "code": 50035,
        "errors": {
            "embeds": {
                "0": {
                    "fields": {
                        "0": {"value": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}]}}
                    }
                }
            }
        },
    }
    (arrival,) = chat.arrivals
    assert arrival.refusal == "400 50035 embeds.0.fields.0.value BASE_TYPE_REQUIRED"
    assert (arrival.status, arrival.destination, arrival.payload, arrival.mistake) == (400, "a", field(value=""), False)
    assert chat.messages == []


def code_of(answer: Told) -> tuple[int, int]:
    return answer.status, answer.json["code"]


def test_webhooks_and_tokens_that_are_wrong_are_told_apart() -> None:
    with ChatStandIn() as chat:
        url = chat.discord_webhook(name="a")
        wrong_token = call(url[:-1] + ("A" if url[-1] != "A" else "B"), {"content": "a"})
        unknown = call(f"{chat.url}/api/webhooks/1/{'t' * 68}", {"content": "a"})
        chat.discord.delete_webhook(url)
        deleted = call(url, {"content": "a"})
    assert [code_of(answer) for answer in (wrong_token, unknown, deleted)] == [(401, 50027), (404, 10015), (404, 10015)]


def test_every_version_of_the_path_that_discord_serves_works() -> None:
    with ChatStandIn(rate=None) as chat:
        url = chat.discord_webhook(name="a")
        statuses = [call(url.replace("/api/", f"/api/v{n}/"), {"content": "a"}).status for n in (6, 9, 10, 11)]
    assert statuses == [204, 204, 204, 404]


def test_what_is_no_json_is_refused() -> None:
    with ChatStandIn(rate=None) as chat:
        url = chat.discord_webhook(name="a")
        answers = [call(url, raw=raw) for raw in (b"", b"{", b"\xff", b"[" * 100_000, b'{"content": NaN}')]
        form = call(url, raw=b"content=a", headers={"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "t"})
    assert [code_of(answer) for answer in answers] == [(400, 50109)] * 5
    assert code_of(form) == (400, 50035)


def test_a_request_without_a_user_agent_is_refused() -> None:
    with ChatStandIn() as chat:
        assert (
            call(chat.discord_webhook(name="a"), {"content": "a"}, headers={"Content-Type": "application/json"}).status == 403
        )


def test_a_body_over_discords_limit_is_refused() -> None:
    with ChatStandIn() as chat:
        answer = call(chat.discord_webhook(name="a"), raw=b" " * (25 * 2**20 + 1))
    assert code_of(answer) == (413, 40005)


@pytest.mark.parametrize(
    ("query", "status"), [("wait=True", 200), ("wait=0", 204), ("wait=maybe", 400), ("thread_id=x", 400), ("thread=1", 400)]
)
def test_parameters_are_checked(query: str, status: int) -> None:
    with ChatStandIn() as chat:
        assert call(f"{chat.discord_webhook(name='a')}?{query}", {"content": "a"}).status == status


def test_a_lenient_stand_in_ignores_what_discord_ignores() -> None:
    with ChatStandIn(strict=False) as chat:
        assert call(f"{chat.discord_webhook(name='a')}?thread=1", {"content": "a", "wait": True}).status == 204
        assert call(chat.discord_webhook(name="b"), {"content": "a" * 2001, "wait": True}).status == 400


def test_a_message_can_be_read_edited_and_deleted_by_its_webhook_only() -> None:
    with ChatStandIn(rate=None) as chat:
        url, other = chat.discord_webhook(name="a"), chat.discord_webhook(name="b")
        posted = call(f"{url}?wait=true", {"content": "a", "embeds": [{"title": "t"}]}).json
        mine = f"{url}/messages/{posted['id']}"
        assert call(mine, method="GET").json == posted
        edited = call(mine, {"content": "b"}, method="PATCH").json
        assert (edited["content"], edited["embeds"][0]["title"]) == ("b", "t")
        assert edited["edited_timestamp"]
        assert code_of(call(mine, {"content": "", "embeds": []}, method="PATCH")) == (400, 50006)
        assert code_of(call(f"{other}/messages/{posted['id']}", method="GET")) == (404, 10008)
        (message,) = chat.messages
        assert message.payload == {"content": "b", "embeds": [{"title": "t"}]}
        assert message.edits == ({"content": "b"},)
        assert call(mine, method="DELETE").status == 204
        assert code_of(call(mine, method="GET")) == (404, 10008)
        assert chat.messages == []


def test_a_forum_takes_messages_in_threads_only() -> None:
    with ChatStandIn(rate=None) as chat:
        forum, channel = chat.discord_webhook(name="forum", forum=True), chat.discord_webhook(name="channel")
        thread, archived = chat.discord.new_thread(forum), chat.discord.new_thread(forum, archived=True)
        body, named = {"content": "a"}, {"content": "a", "thread_name": "new"}
        assert code_of(call(forum, body)) == (400, 220001)
        assert code_of(call(f"{forum}?thread_id={thread}", named)) == (400, 220002)
        assert code_of(call(channel, named)) == (400, 220003)
        assert code_of(call(f"{forum}?thread_id={archived}", body)) == (400, 50083)
        assert code_of(call(f"{channel}?thread_id={thread}", body)) == (404, 10003)
        assert call(f"{forum}?thread_id={thread}&wait=true", body).json["channel_id"] == thread
        opened = call(f"{forum}?wait=true", named).json
        assert opened["channel_id"] not in (thread, archived)
        place = f"{forum}/messages/{opened['id']}"
        assert code_of(call(place, method="GET")) == (404, 10008)
        assert call(f"{place}?thread_id={opened['channel_id']}", method="GET").status == 200


@pytest.mark.parametrize(
    ("content", "allowed", "pinged"),
    [
        ("<@1> <@!2> <@&3> @everyone @here", {"parse": []}, set()),
        ("<@1> <@!2> <@&3> @everyone", None, {"user:1", "user:2"}),
        ("\\<@1>", None, {"user:1"}),
        ("<@1> <@&3> @here", {"parse": ["everyone", "roles"]}, {"everyone", "role:3"}),
        ("<@1> <@2> <@&3> <@&4>", {"users": ["2"], "roles": ["4"]}, {"user:2", "role:4"}),
        ("<#1> <:a:2>", {"parse": ["everyone", "users", "roles"]}, set()),
    ],
)
def test_who_would_be_pinged(content: str, allowed: object, pinged: set[str]) -> None:
    with ChatStandIn() as chat:
        body = {"content": content, "embeds": [{"description": "<@9> @everyone"}]}
        call(chat.discord_webhook(name="a"), body if allowed is None else {**body, "allowed_mentions": allowed})
    assert chat.messages[0].pings == chat.arrivals[0].pings == pinged


def test_too_many_requests_are_told_with_the_real_headers_and_the_window_opens_again() -> None:
    now = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)

    with ChatStandIn(rate=Rate(2, 3.5), now=lambda: now) as chat:
        url, other = chat.discord_webhook(name="a"), chat.discord_webhook(name="b")
        first, second, third = (call(url, {"content": "a"}) for _ in range(3))
        elsewhere = call(other, {"content": "a"})
        now += timedelta(seconds=3.4)
        still = call(url, {"content": "a"})
        now += timedelta(seconds=0.1)
        again = call(url, {"content": "a"})
    assert [answer.status for answer in (first, second, third, elsewhere, still, again)] == [204, 204, 429, 204, 429, 204]
    assert [first.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset-After")] == ["2", "1", "3.500"]
    assert float(first.headers["X-RateLimit-Reset"]) == datetime(2026, 3, 2, 19, 8, 3, 500_000, tzinfo=UTC).timestamp()
    assert first.headers["X-RateLimit-Bucket"] == third.headers["X-RateLimit-Bucket"] != elsewhere.headers["X-RateLimit-Bucket"]
    assert third.json == {"message": "You are being rate limited.", "retry_after": 3.5, "global": False}
    assert (third.headers["Retry-After"], third.headers["X-RateLimit-Scope"], third.headers["Via"]) == (
        "4",
        "user",
        "1.1 google",
    )
    assert still.json["retry_after"] == 0.1
    assert len(chat.messages) == 4


def test_an_unknown_path_is_a_mistake() -> None:
    with ChatStandIn() as chat:
        url = chat.discord_webhook(name="a")
        assert call(url.replace("webhooks", "webhook"), {"content": "a"}).status == 404
        assert call(url, method="PUT").status == 404
        assert call(url, {"content": "a", "components": [1]}).status == 400
        assert call(url, {"content": "a"}).status == 204
    assert [arrival.method for arrival in chat.mistakes] == ["POST", "PUT", "POST"]


def test_scripted_answers_come_in_turn_and_then_all_is_as_usual() -> None:
    with ChatStandIn() as chat:
        url = chat.discord_webhook(name="a")
        chat.script(html_error(502), cloudflare_block(), redirect("https://b.example/"), Say(status=200, body=b"\xff" * 9))
        answers = [call(url, {"content": "a"}) for _ in range(5)]
    assert [answer.status for answer in answers] == [502, 429, 302, 200, 204]
    assert answers[0].body.startswith(b"<html>")
    assert answers[1].body == b"error code: 1015"
    assert answers[2].headers["Location"] == "https://b.example/"
    assert answers[3].body == b"\xff" * 9
    assert len(chat.messages) == 1
    assert [arrival.fault for arrival in chat.arrivals] == ["Say"] * 4 + [None]


def test_a_fault_may_be_for_one_address_only() -> None:
    with ChatStandIn() as chat:
        url, other = chat.discord_webhook(name="a"), chat.discord_webhook(name="b")
        chat.script(html_error(), url=url)
        assert call(other, {"content": "a"}).status == 204
        assert call(url, {"content": "a"}).status == 502
        assert call(url, {"content": "a"}).status == 204


def test_a_fault_after_storing_leaves_the_message_and_one_before_does_not() -> None:
    with ChatStandIn() as chat:
        url = chat.discord_webhook(name="a")
        chat.script(Cut(stage="before_reading"), Cut(), Garble(), Cut(stage="after_storing"))
        for number in range(4):
            with pytest.raises((http.client.HTTPException, ConnectionError)):
                call(url, {"content": str(number)})
    assert [message.payload for message in chat.messages] == [{"content": "3"}]


def test_a_slow_answer_comes_byte_by_byte() -> None:
    with ChatStandIn() as chat:
        url = chat.discord_webhook(name="a")
        chat.script(Drip(seconds=0.001))
        assert call(f"{url}?wait=true", {"content": "a"}).json["content"] == "a"


def test_what_hangs_is_cut_when_the_stand_in_stops() -> None:
    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            chat = ChatStandIn()
            await chat.start()
            chat.script(Hang())
            hanging = asyncio.create_task(session.post(chat.discord_webhook(name="a"), json={"content": "a"}))
            while not chat.arrivals:
                await asyncio.sleep(0.01)
            await chat.stop()
            with pytest.raises(aiohttp.ClientError):
                await hanging

    asyncio.run(main())


def test_a_stand_in_that_is_not_started_says_so() -> None:
    with pytest.raises(RuntimeError, match="not started"):
        ChatStandIn().discord_webhook(name="a")


def test_an_address_of_no_webhook_here_is_told_at_once() -> None:
    with ChatStandIn() as chat, pytest.raises(LookupError):
        chat.discord.new_thread("https://discord.com/api/webhooks/1/token")


def test_the_real_library_speaks_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.delenv("http_proxy", raising=False)
    with ChatStandIn(strict=False) as chat:
        hook = DiscordWebhook(chat.discord_webhook(name="a"), content="from the library", timeout=5)
        hook.add_embed(DiscordEmbed(title="t", description="d", color="ff0000"))
        response = hook.execute()
        assert (response.status_code, hook.id) == (200, chat.messages[0].message_id)
        hook.set_content("edited")
        assert hook.edit().status_code == 200
        (message,) = chat.messages
        assert (message.payload["content"], len(message.edits)) == ("edited", 1)
        assert hook.delete().status_code == 204
        assert chat.messages == []


def test_the_real_library_is_told_to_wait_and_comes_again() -> None:
    with ChatStandIn(strict=False, rate=Rate(1, 0.3)) as chat:
        hook = DiscordWebhook(chat.discord_webhook(name="a"), content="a", timeout=5, rate_limit_retry=True)
        assert [hook.execute().status_code for _ in range(2)] == [200, 200]
    assert [arrival.status for arrival in chat.arrivals] == [200, 429, 200]


def test_what_the_real_library_posts_of_its_own_settings_is_found() -> None:
    with ChatStandIn() as chat:
        DiscordWebhook(chat.discord_webhook(name="a"), content="a", timeout=5).execute()
    assert chat.arrivals[0].refusal == "400 50035 timeout STANDIN_UNKNOWN_KEY, wait STANDIN_UNKNOWN_KEY"
