"""The stand-in's Telegram: it reads as Telegram's own parser reads, refuses in Telegram's words, and remembers what came."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import telegram
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter
from telegram.request import HTTPXRequest

from perscom_adapters.testing import ChatStandIn, Rate, telegram_refusal
from perscom_adapters.testing._telegram_checks import Wrong, entities, mentions
from perscom_adapters.testing._telegram_html import parse_html
from perscom_adapters.testing._telegram_rules import METHODS

SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def missing(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is not here")


@cache
def spec(name: str) -> dict[str, Any]:
    if not (SPECS / name).exists():
        missing(name)
    return json.loads((SPECS / name).read_bytes())


@cache
def tdlib() -> Any:
    try:
        library = import_module("tdjson")
    except ModuleNotFoundError:
        missing("tdjson, Telegram's own parser,")
    library.td_execute(b'{"@type":"setLogVerbosityLevel","new_verbosity_level":0}')
    return library


def ask(kind: str, **arguments: Any) -> dict[str, Any]:
    return json.loads(tdlib().td_execute(json.dumps({"@type": kind, **arguments}).encode()))


# Against Telegram's own parser.

KINDS = {
    "Bold": "bold",
    "Italic": "italic",
    "Underline": "underline",
    "Strikethrough": "strikethrough",
    "Spoiler": "spoiler",
    "BlockQuote": "blockquote",
    "ExpandableBlockQuote": "expandable_blockquote",
    "Code": "code",
    "Pre": "pre",
    "PreCode": "pre",
    "TextUrl": "text_link",
    "MentionName": "text_mention",
    "DateTime": "date_time",
    "CustomEmoji": "custom_emoji",
}


def theirs(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entities of the parser, its type beside its place or inside of it, in the Bot API's words."""
    said = []
    for entity in found:
        kind = entity["type"] if isinstance(entity["type"], dict) else {**entity, "@type": entity["type"]}
        kept = {key: kind[key] for key in ("url", "language", "custom_emoji_id", "unix_time") if kind.get(key)}
        user = {"user": {"id": kind["user_id"]}} if "user_id" in kind else {}
        place = {"offset": entity["offset"], "length": entity["length"]}
        said.append({"type": KINDS[kind["@type"].removeprefix("textEntityType")], **place, **kept, **user})
    return said


def read(html: str) -> tuple[str, list[dict[str, Any]]] | str:
    """What the stand-in reads, as the parser would tell it."""
    try:
        text, found = parse_html(html)
    except Wrong as mistake:
        return f"Can't parse entities: {mistake}"
    return text, [{key: value for key, value in entity.items() if key != "date_time_format"} for entity in found]


CASES = spec("telegram-html-oracle-cases.json")["cases"] if (SPECS / "telegram-html-oracle-cases.json").exists() else []


def test_the_cases_of_telegrams_parser_are_here() -> None:
    assert len(spec("telegram-html-oracle-cases.json")["cases"]) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["html"][:40]))
def test_html_is_read_as_telegrams_parser_reads_it(case: dict[str, Any]) -> None:
    if "error" in case:
        assert read(case["html"]) == case["error"]
        refusal = telegram_refusal({"text": case["html"], "parse_mode": "HTML"})
        assert refusal == case["error"]
        return
    found = theirs(case["entities"])
    assert read(case["html"]) == (case["text"], found)
    units = case["text"].encode("utf-16-le")
    named = {
        units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")
        for entity in case["auto"]
        if entity["type"] == "textEntityTypeMention"
    }
    users = {f"user:{entity['user']['id']}" for entity in found if entity["type"] == "text_mention"}
    assert mentions(case["text"], found) == named | users


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["html"][:40]))
def test_the_cases_are_what_the_parser_says_today(case: dict[str, Any]) -> None:
    answer = ask("parseTextEntities", text=case["html"], parse_mode={"@type": "textParseModeHTML"})
    if "error" in case:
        assert answer["message"] == case["error"]
    else:
        assert (answer["text"], theirs(answer["entities"])) == (case["text"], theirs(case["entities"]))


TAGS = [
    "b",
    "i",
    "u",
    "s",
    "code",
    "pre",
    "a",
    "blockquote",
    "span",
    "tg-spoiler",
    "tg-time",
    "tg-emoji",
    "B",
    "strong",
    "x",
    "",
]
ATTRIBUTES = [
    *("", ' href="https://x.y/a?b=1&amp;c"', " href='tg://user?id=5'", ' class="language-py"', " class='tg-spoiler'", " a=b"),
    *(" expandable", " a", " =", "  ", " unix='5'", " unix=\"99\" format='Dt'", " format='zz'", " emoji-id='53'", ' "', "/"),
    *(" href=x.y", " a='&lt;'", ' class=""', ' a="b'),
]
WORDS = [
    "a",
    "é",
    "😀",
    " ",
    "\n",
    "&lt;",
    "&amp",
    "&#65;",
    "&#x1F600;",
    "&nbsp;",
    "&",
    "<",
    ">",
    '"',
    "=",
    "</b>",
    "</>",
    "</a ",
]
elements = st.recursive(
    st.sampled_from(WORDS),
    lambda inner: st.builds(
        lambda tag, attribute, parts, end: f"<{tag}{attribute}>{''.join(parts)}{end or f'</{tag}>'}",
        st.sampled_from(TAGS),
        st.sampled_from(ATTRIBUTES),
        st.lists(inner, max_size=3),
        st.sampled_from(["", "", "", "", "</>", "</b>"]),
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(elements, max_size=3).map("".join))
def test_any_html_is_read_as_telegrams_parser_reads_it(html: str) -> None:
    answer = ask("parseTextEntities", text=html, parse_mode={"@type": "textParseModeHTML"})
    expected = answer["message"] if "message" in answer else (answer["text"], theirs(answer["entities"]))
    assert read(html) == expected


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("@ab_1é.( 😀\n"), max_size=25))
def test_whoever_is_named_is_found_as_telegram_finds_them(text: str) -> None:
    units = text.encode("utf-16-le")
    found = {
        units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")
        for entity in ask("getTextEntities", text=text)["entities"]
        if entity["type"]["@type"] == "textEntityTypeMention"
    }
    assert mentions(text, []) == found


def entity(kind: str = "bold", offset: object = 0, length: object = 1, **more: object) -> dict[str, object]:
    return {"type": kind, "offset": offset, "length": length, **more}


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        *((0, 3), (0, 4), (3, 1), (4, 1), (9, 1), (-1, 1), (0, 0), (0, -1), (1, 1), (0, 1), (2, 1), (0, 2), (3, 0)),
        *((10**6, 1), (10**6 + 1, 1), (10**6 + 1, 0), (0, 10**6), (0, 10**6 + 1)),
    ],
)
def test_a_place_is_refused_as_telegrams_parser_refuses_it(offset: int, length: int) -> None:
    place = {"@type": "textEntity", "offset": offset, "length": length, "type": {"@type": "textEntityTypeBold"}}
    answer = ask("parseMarkdown", text={"@type": "formattedText", "text": "😀b", "entities": [place]})
    try:
        said: object = entities("😀b", [entity(offset=offset, length=length)])
    except Wrong as mistake:
        said = str(mistake)
    assert said == (answer["message"] if "message" in answer else theirs(answer["entities"]))


# Against the reference of the Bot API.


@pytest.mark.parametrize("method", METHODS)
def test_the_arguments_of_a_method_are_those_of_the_reference(method: str) -> None:
    fields = spec("telegram-bot-api.min.json")["methods"][method].get("fields", [])
    played = METHODS[method]
    assert {field["name"]: (tuple(field["types"]), field["required"]) for field in fields} == {
        name: (argument.types, argument.required) for name, argument in played.items()
    }


def test_the_answers_hold_what_the_reference_requires() -> None:
    types = spec("telegram-bot-api.min.json")["types"]

    def check(kind: str, value: Any) -> None:
        known = {field["name"]: field for field in types[kind]["fields"]}
        assert {name for name, field in known.items() if field["required"]} <= set(value) <= set(known)
        for name, inner in value.items():
            if known[name]["types"][0] in types:
                check(known[name]["types"][0], inner)

    with ChatStandIn(rate=None) as chat:
        bot = Caller(chat)
        forum = chat.telegram_chat(name="forum", topics=["a"])
        place = {"chat_id": forum, "message_thread_id": chat.telegram.topic(forum, "a")}
        sent = bot("sendMessage", text="<b>a</b>", parse_mode="HTML", **place).json["result"]
        check("User", bot("getMe").json["result"])
        check("ChatFullInfo", bot("getChat", chat_id=bot.place).json["result"])
        own, channel = bot("getMe").json["result"]["id"], chat.telegram_chat(name="c", kind="channel")
        check("ChatMemberMember", bot("getChatMember", chat_id=bot.place, user_id=own).json["result"])
        check("ChatMemberAdministrator", bot("getChatMember", chat_id=channel, user_id=own).json["result"])
        chat.telegram.mute(bot.place)
        check("ChatMemberRestricted", bot("getChatMember", chat_id=bot.place, user_id=own).json["result"])
        check("ChatFullInfo", bot("getChat", chat_id=bot.place).json["result"])
        check("Message", sent)
        check("Message", bot("editMessageText", chat_id=forum, message_id=sent["message_id"], text="b").json["result"])
        assert bot("createForumTopic", chat_id=forum, name="b").said[1] == "Bad Request: not enough rights to create a topic"
        plain = chat.telegram_chat(name="plain")
        assert bot("createForumTopic", chat_id=plain, name="b").said == (400, "Bad Request: the chat is not a forum")
        chat.telegram.allow_topics(forum)
        check("ChatMemberAdministrator", bot("getChatMember", chat_id=forum, user_id=own).json["result"])
        check("ForumTopic", bot("createForumTopic", chat_id=forum, name="b").json["result"])
        assert bot("createForumTopic", chat_id=forum, name="c" * 129).said == (400, "Bad Request: TOPIC_TITLE_TOO_LONG")
        check("ResponseParameters", {"retry_after": 1, "migrate_to_chat_id": 1})
    assert sent["entities"] == [entity()]
    assert sent["is_topic_message"] is True


# Over a socket.


class Told:
    """An answer, read."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.json: Any = json.loads(body)

    @property
    def said(self) -> tuple[int, str]:
        assert self.json["error_code"] == self.status
        return self.status, self.json["description"]


class Caller:
    """A bot that calls by the standard library's client, which knows nothing of ours; and a chat for it."""

    def __init__(self, chat: ChatStandIn) -> None:
        self.api = chat.telegram_api
        self.token = chat.telegram_bot(name="Adjutant")
        self.place = chat.telegram_chat(name="announcements")

    def __call__(self, method: str, *, token: str = "", form: bool = False, **arguments: object) -> Told:
        if form:
            texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
            return self.raw(method, urlencode(texts).encode(), FORM, token=token)
        return self.raw(method, json.dumps(arguments).encode(), JSON, token=token)

    def raw(self, method: str, body: bytes, headers: Mapping[str, str], *, token: str = "", verb: str = "POST") -> Told:
        connection = http.client.HTTPConnection(urlsplit(self.api).netloc, timeout=5)
        try:
            connection.request(verb, f"/bot{token or self.token}/{method}", body=body, headers=dict(headers))
            response = connection.getresponse()
            return Told(response.status, response.headers, response.read())
        finally:
            connection.close()

    def send(self, text: str = "a", **more: object) -> Told:
        return self("sendMessage", **{"chat_id": self.place, "text": text, **more})


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"text": "a", "entities": [entity()], "link_preview_options": {"is_disabled": True}}, None),
        ({"text": "x" * 4096}, None),
        ({"text": "  " + "x" * 4096 + "\n"}, None),
        ({"text": "<b>" + "&amp;" * 4096 + "</b>", "parse_mode": "html"}, None),
        ({"text": "a", "entities": [entity("mention"), entity(length=0)]}, None),
        ({"text": "x" * 4097}, "Message is too long"),
        ({"text": "😀" * 2049}, "Message is too long"),
        ({"text": "x" * 40_000}, "Text is too long"),
        ({"text": ""}, "Message text is empty"),
        ({}, "Message text is empty"),
        ({"text": " \n\t "}, "Text must be non-empty"),
        ({"text": "<b> </b>", "parse_mode": "HTML"}, "Text must be non-empty"),
        ({"text": "a", "parse_mode": "XML"}, "Unsupported parse_mode"),
        ({"text": "*a*", "parse_mode": "MarkdownV2"}, "parse_mode STANDIN_DOES_NOT_PLAY_THIS"),
        ({"text": "a", "reply_markup": {}}, "reply_markup STANDIN_DOES_NOT_PLAY_THIS"),
        ({"text": "a", "chat": 5}, "chat STANDIN_UNKNOWN_ARGUMENT"),
        ({"text": ["a"]}, "text STANDIN_WRONG_TYPE"),
        ({"text": "a", "disable_notification": 1}, "disable_notification STANDIN_WRONG_TYPE"),
        ({"text": "a", "message_thread_id": "one"}, "message_thread_id STANDIN_WRONG_TYPE"),
        ({"text": "a", "entities": {}}, "entities STANDIN_WRONG_TYPE"),
        ({"text": "a", "link_preview_options": {"disabled": True}}, "link_preview_options STANDIN_WRONG_TYPE"),
        ({"text": "a", "entities": ["bold"]}, "Can't parse MessageEntity: expected an Object"),
        ({"text": "a", "entities": [entity("bald")]}, "Can't parse MessageEntity: Unsupported type specified"),
        (
            {"text": "a", "entities": [entity(offset="0")]},
            'Can\'t parse MessageEntity: Field "offset" must be of type Number',
        ),
        ({"text": "a", "entities": [entity("text_mention")]}, "Can't parse MessageEntity: Can't find field \"user\""),
        (
            {"text": "a", "entities": [entity("text_link", url="http://localhost")]},
            "Entity URL 'http://localhost' is invalid: Wrong HTTP URL",
        ),
        ({"text": "a", "entities": [entity("date_time", unix_time=0)]}, "Invalid date specified"),
        (
            {"text": "a", "entities": [entity(length=2)]},
            "Entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 2",
        ),
    ],
)
def test_a_wrong_message_is_refused(body: dict[str, Any], refusal: str | None) -> None:
    assert telegram_refusal(body) == refusal


def test_an_edit_knows_fewer_arguments() -> None:
    assert telegram_refusal({"text": "a", "entities": [entity()]}, edit=True) is None
    assert telegram_refusal({}, edit=True) == "Message text is empty"
    for more in ({"disable_notification": True}, {"message_thread_id": 5}):
        assert telegram_refusal({"text": "a", **more}) is None
        assert telegram_refusal({"text": "a", **more}, edit=True) == f"{next(iter(more))} STANDIN_UNKNOWN_ARGUMENT"


def test_a_message_may_come_as_a_form_or_in_json_and_its_text_is_trimmed() -> None:
    arguments = {"text": " a😀 ", "entities": [entity(offset=0, length=5)], "disable_notification": True}
    with ChatStandIn(rate=None) as chat:
        bot = Caller(chat)
        answers = [bot.send(**arguments), bot("sendMessage", form=True, chat_id=bot.place, **arguments)]
        by_query = bot.raw(f"SENDmessage?{urlencode({'chat_id': bot.place, 'text': 'b'})}", b"", {}, verb="GET")
    assert [answer.json["result"]["text"] for answer in (*answers, by_query)] == ["a😀", "a😀", "b"]
    assert [answer.json["result"]["entities"] for answer in answers] == [[entity(length=3)]] * 2
    assert chat.messages[0].payload == chat.messages[1].payload == {"chat_id": bot.place, **arguments}
    assert chat.messages[0].destination == "announcements"


def test_bots_chats_and_topics_that_are_wrong_are_told_apart() -> None:
    with ChatStandIn(rate=None) as chat:
        bot = Caller(chat)
        forum = chat.telegram_chat(name="forum", topics=["a", "b"])
        a, b = (chat.telegram.topic(forum, name) for name in "ab")
        chat.telegram.delete_topic(forum, "a")
        chat.telegram.close_topic(forum, "b")
        group = chat.telegram_chat(name="group", kind="group")
        moved = chat.telegram.upgrade(group)
        private, kicked, muted = (chat.telegram_chat(name="n", kind=kind) for kind in ("private", "supergroup", "channel"))
        for arrange, place in ((chat.telegram.kick, private), (chat.telegram.kick, kicked), (chat.telegram.mute, muted)):
            arrange(place)
        wrong = bot("getMe", token=bot.token[:-1] + ("A" if bot.token[-1] != "A" else "B"))
        assert wrong.said == (401, "Unauthorized")
        assert bot("getMe", token="token").said == (404, "Not Found")
        assert bot.send(chat_id=-5).said == (400, "Bad Request: chat not found")
        assert bot.send(chat_id="@nobody").said == (400, "Bad Request: chat not found")
        assert bot.send(chat_id="").said == (400, "Bad Request: chat_id is empty")
        assert bot.send(chat_id=forum, message_thread_id=a).said == (400, "Bad Request: message thread not found")
        assert bot.send(chat_id=forum, message_thread_id=b).said == (400, "Bad Request: TOPIC_CLOSED")
        assert bot.send(chat_id=private).said == (403, "Forbidden: bot was blocked by the user")
        assert bot.send(chat_id=kicked).said == (403, "Forbidden: bot was kicked from the supergroup chat")
        assert bot.send(chat_id=muted).said == (400, "Bad Request: need administrator rights in the channel chat")
        old = bot.send(chat_id=group)
        assert old.said == (400, "Bad Request: group chat was upgraded to a supergroup chat")
        assert old.json["parameters"] == {"migrate_to_chat_id": moved}
        assert bot.send("<b>a", chat_id=-5, parse_mode="HTML").said == (
            400,
            "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        )
        assert chat.messages == []
        assert not chat.mistakes


def test_a_message_is_edited_by_its_bot_only() -> None:
    with ChatStandIn(rate=None) as chat:
        bot, other = Caller(chat), Caller(chat)
        sent = bot.send("<b>a</b>", parse_mode="HTML").json["result"]
        place = {"chat_id": bot.place, "message_id": sent["message_id"]}
        assert other("editMessageText", text="b", **place).said == (400, "Bad Request: message can't be edited")
        assert bot("editMessageText", text="b", chat_id=bot.place, message_id=999).said == (
            400,
            "Bad Request: message to edit not found",
        )
        assert (
            bot("editMessageText", text="a", entities=[entity()], **place)
            .said[1]
            .startswith("Bad Request: message is not modified: ")
        )
        edited = bot("editMessageText", text="@somebody", **place).json["result"]
        (message,) = chat.messages
    assert (edited["text"], "entities" in edited, "edit_date" in edited) == ("@somebody", False, True)
    assert message.payload == {"chat_id": bot.place, "text": "@somebody"}
    assert message.pings == frozenset()
    assert len(message.edits) == 1


@pytest.mark.parametrize(
    ("text", "given", "pinged"),
    [
        ("@somebody and a@b.example @abc @a_b1", [], {"@somebody", "@a_b1"}),
        ("@\u2060somebody @\u200bsomebody", [], set()),
        ("@somebody", [entity("underline", length=9)], {"@somebody"}),
        ("@somebody", [entity("code", length=9)], set()),
        ("him", [entity("text_mention", length=3, user={"id": 5})], {"user:5"}),
        ("him", [entity("text_link", length=3, url="tg://user?id=5")], {"user:5"}),
    ],
)
def test_who_would_be_notified(text: str, given: list[object], pinged: set[str]) -> None:
    with ChatStandIn() as chat:
        Caller(chat).send(text, entities=given)
    assert chat.messages[0].pings == chat.arrivals[0].pings == pinged


def test_too_many_messages_are_told_with_the_time_to_wait() -> None:
    now = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)
    with ChatStandIn(now=lambda: now) as chat:
        bot = Caller(chat)
        first, second = bot.send(), bot.send()
        elsewhere = bot.send(chat_id=chat.telegram_chat(name="elsewhere"))
        for _ in range(19):
            now += timedelta(seconds=1)
            assert bot.send().status == 200
        now += timedelta(seconds=1)
        in_group = bot.send()
        private = chat.telegram_chat(name="member", kind="private")
        alone = []
        for _ in range(25):
            now += timedelta(seconds=1)
            alone.append(bot.send(chat_id=private).status)
    assert [first.status, elsewhere.status] == [200, 200]
    assert second.said == (429, "Too Many Requests: retry after 1")
    assert (second.json["parameters"], second.headers["Retry-After"]) == ({"retry_after": 1}, "1")
    assert in_group.json["parameters"] == {"retry_after": 40}
    assert set(alone) == {200}


def test_the_rate_may_be_another_one_or_none() -> None:
    with ChatStandIn(rate=Rate(2, 9.5)) as chat:
        bot = Caller(chat)
        assert [bot.send().status for _ in range(3)] == [200, 200, 429]
        assert bot.send().json["parameters"]["retry_after"] in (9, 10)


def test_what_is_not_played_is_a_mistake_and_what_is_no_body_is_refused() -> None:
    with ChatStandIn(rate=None) as chat:
        bot = Caller(chat)
        assert bot("sendPhoto", chat_id=1).status == 404
        assert bot.send(reply_markup={"inline_keyboard": []}).status == 400
        assert bot.raw("sendMessage", b"--x", {"Content-Type": "multipart/form-data; boundary=x"}).status == 400
        assert bot.raw("sendMessage", b"[1]", JSON).said == (400, "Bad Request: can't parse request JSON object")
        assert bot.raw("sendMessage", b"{", JSON).status == 400
    assert [arrival.path.rpartition("/")[2] for arrival in chat.mistakes] == ["sendPhoto", "sendMessage", "sendMessage"]


def test_a_lenient_stand_in_ignores_what_telegram_ignores() -> None:
    with ChatStandIn(rate=None, strict=False) as chat:
        assert Caller(chat).send(unknown=5, message_thread_id="x", disable_notification="maybe").status == 200
        assert chat.messages[0].payload == {"chat_id": chat.messages[0].payload["chat_id"], "text": "a"}


# With the real library, and its own way of sending.


def with_library(use: Callable[[ChatStandIn, telegram.Bot, int], Awaitable[None]], rate: Rate | None = None) -> None:
    async def main() -> None:
        async with ChatStandIn(rate=rate) as chat:
            request = HTTPXRequest(httpx_kwargs={"trust_env": False})
            bot = telegram.Bot(
                chat.telegram_bot(name="Adjutant"),
                base_url=f"{chat.telegram_api}/bot",
                request=request,
                get_updates_request=request,
            )
            async with bot:
                await use(chat, bot, chat.telegram_chat(name="announcements", topics=["a"]))

    asyncio.run(main())


def test_the_real_library_speaks_with_it() -> None:
    async def use(chat: ChatStandIn, bot: telegram.Bot, place: int) -> None:
        assert bot.first_name == "Adjutant"
        assert (await bot.get_chat(place)).title == "announcements"
        sent = await bot.send_message(
            place,
            "<b>a</b> @somebody",
            parse_mode="HTML",
            message_thread_id=chat.telegram.topic(place, "a"),
            disable_notification=True,
            link_preview_options=telegram.LinkPreviewOptions(is_disabled=True),
        )
        assert (sent.text, sent.chat_id, sent.entities[0].type) == ("a @somebody", place, "bold")
        edited = await bot.edit_message_text(
            "b", chat_id=place, message_id=sent.message_id, entities=[telegram.MessageEntity("italic", 0, 1)]
        )
        assert isinstance(edited, telegram.Message)
        assert edited.entities[0].type == "italic"
        (posted,) = chat.messages
        assert posted.pings == {"@somebody"}
        assert len(posted.edits) == 1
        assert not chat.mistakes

    with_library(use)


def test_the_real_library_understands_its_refusals() -> None:
    async def use(chat: ChatStandIn, bot: telegram.Bot, place: int) -> None:
        with pytest.raises(BadRequest, match="Can't parse entities: unsupported start tag"):
            await bot.send_message(place, "<p>", parse_mode="HTML")
        with pytest.raises(BadRequest, match="Message thread not found"):
            await bot.send_message(place, "a", message_thread_id=77)
        with pytest.raises(BadRequest, match="Chat not found"):
            await bot.send_message(5, "a")
        group = chat.telegram_chat(name="group", kind="group")
        moved = chat.telegram.upgrade(group)
        with pytest.raises(ChatMigrated) as migrated:
            await bot.send_message(group, "a")
        assert migrated.value.new_chat_id == moved
        chat.telegram.kick(place)
        with pytest.raises(Forbidden, match="kicked"):
            await bot.send_message(place, "a")
        chat.telegram.revoke(bot.token)
        with pytest.raises(InvalidToken):
            await bot.get_me()

    with_library(use)


@pytest.mark.filterwarnings("ignore:.*retry_after:DeprecationWarning")
def test_the_real_library_is_told_to_wait() -> None:
    async def use(chat: ChatStandIn, bot: telegram.Bot, place: int) -> None:
        await bot.send_message(place, "a")
        with pytest.raises(RetryAfter, match=re.escape("Retry in 30 seconds")):
            await bot.send_message(place, "a")

    with_library(use, rate=Rate(1, 30.0))
