"""What Telegram gets: within its limits, inert, and read back as it was meant, by Telegram's own parser."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hostile import (
    ADDRESSES,
    MARK,
    UNTAKEN,
    Reach,
    blocks,
    fields,
    messages,
    on_every_event,
    poisoned_message,
    some,
    texts,
    titles,
)
from hypothesis import example, given
from seen import OBEYED, assert_told, same_up_to_the_cut, strings, utf16, visible, without

from perscom_adapters import (
    Block,
    Bold,
    BulletList,
    Field,
    Inline,
    Italic,
    Link,
    Mention,
    Message,
    Paragraph,
    Quote,
    Struck,
    Text,
    Time,
    plain,
    render,
    struck,
)
from perscom_adapters.telegram import is_whole, payload
from perscom_adapters.testing import telegram_refusal
from perscom_receiver import EVENT_NAMES
from perscom_receiver.testing import make_event

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # 100 000 characters are meant

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "telegram-bot-api.min.json"
AT = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)
UNIX = 1772478480


# The judges: the reference of the Bot API, and the parser that its server uses (TDLib, in the package tdjson).


def missing(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is not here")


@cache
def spec() -> dict[str, Any]:
    if not SPEC.exists():
        missing(SPEC.name)
    return json.loads(SPEC.read_bytes())


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


def found_in(text: str) -> list[tuple[str, str]]:
    """What Telegram finds in a text by itself, but for points of time in a film: those mean something below a film alone."""
    units = text.encode("utf-16-le")
    return [
        (entity["type"]["@type"], units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le"))
        for entity in ask("getTextEntities", text=text)["entities"]
        if entity["type"]["@type"] != "textEntityTypeMediaTimestamp"
    ]


KINDS = {
    "bold": "textEntityTypeBold",
    "italic": "textEntityTypeItalic",
    "strikethrough": "textEntityTypeStrikethrough",
    "text_mention": "textEntityTypeMentionName",
    "blockquote": "textEntityTypeBlockQuote",
    "text_link": "textEntityTypeTextUrl",
    "date_time": "textEntityTypeDateTime",
}


def taken(text: str, entities: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """Text and entities as they are after Telegram has put them in order.

    The one function of the library that does so without an account reads a markup too, whose marks are therefore replaced.
    """
    given = []
    for entity in entities:
        kind = {"@type": KINDS[entity["type"]], **{key: entity[key] for key in ("url", "unix_time") if key in entity}}
        if "user" in entity:
            kind["user_id"] = entity["user"]["id"]
        given.append({"@type": "textEntity", "offset": entity["offset"], "length": entity["length"], "type": kind})
    bare = re.sub(r"[_*~|`\[]", "x", text)
    answer = ask("parseMarkdown", text={"@type": "formattedText", "text": bare, "entities": given})
    assert answer["@type"] == "formattedText", answer
    assert len(answer["text"]) == len(text)
    return answer["text"], answer["entities"]


def painted(text: str, entities: list[dict[str, Any]]) -> set[tuple[int, str, Any]]:
    """Which unit of the text has which formatting. White space may lose its own."""
    units = text.encode("utf-16-le")
    found = set()
    for entity in entities:
        kind = entity["type"] if isinstance(entity["type"], dict) else {"@type": KINDS[entity["type"]], **entity}
        said = kind.get("unix_time") or kind.get("user_id") or ("link" if "url" in kind else None)
        said = entity["user"]["id"] if "user" in entity else said
        for place in range(entity["offset"], entity["offset"] + entity["length"]):
            if units[2 * place : 2 * place + 2] not in (b"\n\x00", b" \x00"):
                found.add((place, kind["@type"], said))
    return found


OUR_MOMENT = re.compile(r"\d{1,4}[./-]\d\d[./-]\d{2,4}(,?( à| om)? \d\d:\d\d( Uhr)? [A-Z]{3,4})?")


def assert_valid(body: dict[str, Any]) -> None:
    """By the reference, by the parser, and by the rules of the stand-in."""
    edit = {key: value for key, value in body.items() if key != "disable_notification"}
    for method, shown in (("sendMessage", body), ("editMessageText", edit)):
        assert set(shown) <= {field["name"] for field in spec()["methods"][method]["fields"]}
    types = {"String": str, "Integer": int, "User": dict}
    known = {field["name"]: types.get(field["types"][0]) for field in spec()["types"]["MessageEntity"]["fields"]}
    required = {field["name"] for field in spec()["types"]["User"]["fields"] if field["required"]}
    for entity in body["entities"]:
        assert all(type(value) is known[key] for key, value in entity.items())
        assert set(entity.get("user", required)) == required
    assert 0 < utf16(body["text"].strip()) <= 4096
    assert len(body["entities"]) <= 100
    assert body["link_preview_options"] == {"is_disabled": True}
    text, entities = taken(body["text"], body["entities"])
    assert painted(text, entities) == painted(body["text"], body["entities"])
    assert telegram_refusal(body) is None
    assert telegram_refusal(edit, edit=True) is None


def assert_inert(body: dict[str, Any], message: Message, *addresses: str) -> None:
    """Notifies exactly those of ``message``, and nothing can be pressed but links that are ours."""
    assert set(body) == {"text", "entities", "link_preview_options", *(["disable_notification"] if message.silent else [])}
    users = [entity["user"]["id"] for entity in body["entities"] if entity["type"] == "text_mention"]
    named = {int(one.id) for one in message.mentions if one.kind == "user" and re.fullmatch("[1-9][0-9]{0,12}", one.id)}
    named = {number for number in named if number < 2**40}
    assert len(users) == len(named)
    assert set(users) == named
    assert found_in(body["text"]) == []
    assert not re.search(r"(\d(?:[^\S\n]|[().-]){0,2}){7}", re.sub(OUR_MOMENT, "", body["text"]))  # a telephone number
    assert {entity["type"] for entity in body["entities"]} <= set(KINDS)
    assert {entity["url"] for entity in body["entities"] if entity["type"] == "text_link"} <= set(addresses)
    assert not any(map(OBEYED.search, strings(body)))


# What was meant, from the tree.


def meant(part: object) -> str:
    match part:
        case Text(text):
            return text
        case Bold(parts) | Italic(parts) | Struck(parts) | Paragraph(parts):
            return meant(parts)
        case Link(label, url):
            return label if ink(label) else urlsplit(url).netloc
        case Time():
            return plain(part)
        case BulletList(items, numbered, start):
            said = [meant(item) for item in items if ink(meant(item))]
            return "\n".join((f"{number}." if numbered else "•") + text for number, text in enumerate(said, start))
        case Quote(blocks):
            return meant(blocks)
        case tuple():
            separator = "\n" if part and isinstance(part[0], Paragraph | BulletList | Quote) else ""
            return separator.join(meant(inner) for inner in part)
    raise AssertionError(part)


LOST = "[\u030a\u0333\u033f]"  # marks that Telegram drops


def ink(text: str) -> str:
    """Of the visible characters those that Telegram leaves."""
    return visible(re.sub(LOST, "", unicodedata.normalize("NFD", text)))


def assert_shows(body: dict[str, Any], message: Message) -> None:
    """Title, text, fields and footer, each up to its cut."""
    text, foot = body["text"], ""
    if message.at is not None or ink(message.footer or ""):
        text, _, foot = text.rpartition("\n\n")
    title, _, below = text.partition("\n")
    assert same_up_to_the_cut(ink(title), ink(message.title) or "—")
    told = [(ink(field.name), ink(meant(field.value))) for field in message.fields]
    told = [(name or "—", value or "—") for name, value in told if name or value]
    # Behind a text that was cut in or before a list stands how many items are missing.
    assert_told(re.sub(r"^…?\(\D{0,8}\d+\D{0,10}\)", "", without(ink(below), ink(meant(message.blocks)))), told)
    footer = ink(message.footer or "")
    if message.at is not None:
        moment = ("·" if footer else "") + ink(plain(Time(message.at, shown=message.shown_at)))
        assert ink(foot).endswith(moment)
        foot = ink(foot).removesuffix(moment)
    assert same_up_to_the_cut(ink(foot), footer)


# Hostile messages and events.


@some
@given(messages)
@example(
    Message(
        word="promotion",
        title="😀" * 5000,
        blocks=tuple(Paragraph((Text("@" * 100_000),)) for _ in range(4)),
        fields=tuple(Field(name="$" * 500, value=(Text("1" * 5000),)) for _ in range(40)),
        footer="#" * 9000,
        at=AT,
    )
)
@example(
    Message(
        word="promotion",
        title="Many small parts",
        blocks=tuple((Paragraph((Text("a"),)), Quote((BulletList(((Text("b"),),)),)))[n % 2] for n in range(2000)),
        fields=tuple(Field(name="n", value=(Time(AT), Bold((Text("v"),)))) for _ in range(2000)),
    )
)
def test_every_message_is_taken_by_telegrams_own_parser_which_finds_nothing_in_it(message: Message) -> None:
    body: Any = payload(message)
    assert_valid(body)
    assert_inert(body, message, *ADDRESSES)
    assert ink(body["text"].split("\n")[0])


@some
@given(blocks)
def test_the_shown_text_is_the_meant_text_up_to_the_cut(tree: tuple[Block, ...]) -> None:
    message = Message(word="test", title="t", blocks=tree)
    assert_is_shown(message)
    assert not is_whole(message) or (ink(meant(tree)) in ink(text_of(message)))


@some
@given(fields)
def test_fields_show_their_names_and_values_up_to_the_cut(given_fields: tuple[Field, ...]) -> None:
    assert_is_shown(Message(word="test", title="t", fields=given_fields))


@some
@given(titles)
def test_a_title_shows_its_text_up_to_the_cut(title: str) -> None:
    assert_is_shown(Message(word="test", title=title))


@some
@given(texts)
def test_a_footer_shows_its_text_up_to_the_cut(footer: str) -> None:
    assert_is_shown(Message(word="test", title="t", footer=footer))


def assert_is_shown(message: Message) -> None:
    body: Any = payload(message)
    assert_inert(body, message, *ADDRESSES)
    assert_shows(body, message)


@on_every_event
def test_no_event_however_hostile_notifies_breaks_a_rule_or_shows_what_is_private(name: str, poison: str, reach: Reach) -> None:
    message = poisoned_message(name, poison, reach)
    if message is None:
        return
    body: Any = payload(message)
    assert_valid(body)
    assert_inert(body, message, *links_in(message))
    assert_shows(body, message)
    assert MARK not in json.dumps(body)


def links_in(part: object) -> Iterator[str]:
    match part:
        case Message():
            yield from (url for url in (part.url, *links_in((part.blocks, *(field.value for field in part.fields)))) if url)
        case Link(_, url):
            yield url
        case Bold(inner) | Italic(inner) | Struck(inner) | Paragraph(inner) | Quote(inner) | BulletList(inner):
            yield from links_in(inner)
        case tuple():
            for inner in part:
                yield from links_in(inner)


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_every_sample_event_is_shown_as_it_is(name: str) -> None:
    message = render(make_event(name, created=AT))
    assert message is not None
    body: Any = payload(message)
    assert_valid(body)
    assert_inert(body, message, *links_in(message))
    facts = "".join(f"{field.name}:{meant(field.value)}" for field in message.fields)
    assert ink(body["text"]) == ink(f"{message.title}{meant(message.blocks)}{facts}PERSCOM·2026-03-02 19:08 UTC")


def text_of(message: Message) -> str:
    return str(payload(message)["text"])


def entities_of(message: Message) -> list[dict[str, Any]]:
    body: Any = payload(message)
    return body["entities"]


def written(*tree: Block) -> str:
    """The text below the title, with ``+`` for the mark that has no width."""
    return text_of(Message(word="test", title="t", blocks=tree)).removeprefix("t\n").replace("\u2060", "+")


def paragraph(*inner: Inline | str) -> Paragraph:
    return Paragraph(tuple(Text(part) if isinstance(part, str) else part for part in inner))


# Examples a person can read.


def test_a_promotion_looks_like_this() -> None:
    message = Message(
        word="promotion",
        title="SFC Jacob Whitfield promoted",
        blocks=(paragraph("1st Platoon · by Capt. Okafor"), Quote((paragraph("For *outstanding* service.\n😀"),))),
        fields=(Field(name="From", value=(Text("Staff Sergeant"),)), Field(name="On", value=(Time(AT, "date"),), short=False)),
        color=0xF1C40F,
        url="https://1st.example/soldiers/7",
        image="https://1st.example/sfc.png",
        at=AT,
        footer="1st Ranger Group",
    )
    assert payload(message) == {
        "text": (
            "SFC Jacob Whitfield promoted\n1st Platoon · by Capt. Okafor\nFor *outstanding* service.\n😀\n\n"
            "From: Staff Sergeant\nOn: \u20602026-03-02\n\n1st Ranger Group · \u20602026-03-02 19:08 UTC"
        ),
        "entities": [
            {"type": "text_link", "offset": 0, "length": 28, "url": "https://1st.example/soldiers/7"},
            {"type": "bold", "offset": 0, "length": 28},
            {"type": "blockquote", "offset": 59, "length": 29},
            {"type": "bold", "offset": 90, "length": 5},
            {"type": "bold", "offset": 111, "length": 3},
            {"type": "date_time", "offset": 116, "length": 10, "unix_time": UNIX, "date_time_format": "D"},
            {"type": "date_time", "offset": 148, "length": 20, "unix_time": UNIX, "date_time_format": "Dt"},
        ],
        "link_preview_options": {"is_disabled": True},
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@everyone", "@+everyone"),
        ("#tag # 1 #️⃣", "#+tag # 1 #️⃣"),
        ("/start and/or 1/2", "/+start and/or 1/2"),
        ("$USD $ 5", "$+USD $ 5"),
        ("see http://evil.example/x", "see http:+//+evil.+example/x"),
        ("evil.com", "evil.+com"),
        ("127.0.0.1", "127.+0.+0.1"),
        ("Mr. Smith... 2.5 km", "Mr. Smith... 2.5 km"),
        ("a@b.com", "a@+b.+com"),
        ("call +12025550123", "call ++120+255+501+23"),
        ("202-555-0123", "202+-555+-012+3"),
        ("grid 0341 1187", "grid 034+1 11+87"),
        ("0341/1187 234", "034+1/11+87 2+34"),
        ("0341 – 1187", "034+1 – 11+87"),
        ("at 12:30, 123456", "at 12:30, 123456"),
        ("Ha\u030akan", "Håkan"),
        ("x\u030a\u0333y", "xy"),
    ],
)
def test_what_telegram_would_find_is_broken_and_looks_the_same(text: str, shown: str) -> None:
    assert written(paragraph(text)) == shown


def test_nothing_is_put_together_from_two_runs() -> None:
    assert written(paragraph("@", Bold((Text("name"),)), " evil", Italic((Text(".com"),)))) == "@+name evil+.+com"


def test_the_figures_of_two_moments_make_no_card_number() -> None:
    days = [Time(datetime(2830, 1, 4, tzinfo=UTC), "date"), Time(datetime(2001, 9, 29, tzinfo=UTC), "date")]
    assert found_in("2830-01-04 2001-09-29")
    assert written(paragraph(days[0], " ", days[1])) == "2830-01-04+ +2001-09-29"


def test_bold_and_italic_nest() -> None:
    tree = (paragraph("a ", Bold((Text("b "), Italic((Text("c"),)))), " d"),)
    assert entities_of(Message(word="test", title="t", blocks=tree))[1:] == [
        {"type": "bold", "offset": 4, "length": 2},
        {"type": "bold", "offset": 6, "length": 1},
        {"type": "italic", "offset": 6, "length": 1},
    ]


def test_a_moment_has_no_formatting_of_its_own() -> None:
    tree = paragraph(Bold((Text("b "), Time(AT), Italic((Time(AT, "date"),)))))
    assert [entity["type"] for entity in entities_of(Message(word="test", title="t", blocks=(tree,)))] == [
        "bold",
        "bold",
        "date_time",
        "date_time",
    ]


def test_formatting_without_ink_is_left_out() -> None:
    tree = (paragraph("a", Bold((Text(" \u200b"),)), "z"),)
    assert len(entities_of(Message(word="test", title="t", blocks=tree))) == 1


def test_quotes_and_lists_are_written_line_by_line() -> None:
    tree = (
        paragraph("said:"),
        Quote((paragraph("one\n\ntwo"), BulletList(((Text("a\nb"),), (Text("c"),)), numbered=True))),
        Quote((paragraph("three"),)),
        BulletList(((Text("x"),), (Text("y"),))),
    )
    assert written(*tree) == "said:\none\n\ntwo\n1. a\n   b\n2. c\n\nthree\n• x\n• y"
    quoted = [entity for entity in entities_of(Message(word="test", title="t", blocks=tree)) if entity["type"] == "blockquote"]
    assert [(entity["offset"], entity["length"]) for entity in quoted] == [(8, 23), (33, 5)]


@pytest.mark.parametrize("url", UNTAKEN)
def test_a_link_that_telegram_would_refuse_is_shown_as_its_label(url: str) -> None:
    message = Message(word="test", title="t", url=url, blocks=(paragraph(Link("label", url)),))
    assert text_of(message) == "t\nlabel"
    assert [entity["type"] for entity in entities_of(message)] == ["bold"]


def test_a_link_without_a_label_shows_its_host() -> None:
    assert written(paragraph(Link(" \u200b", "https://x.y/z"))) == "x.+y"


@pytest.mark.parametrize("at", [datetime(1969, 12, 31, tzinfo=UTC), datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC)])
def test_a_moment_that_telegram_does_not_know_is_a_text(at: datetime) -> None:
    message = Message(word="test", title="t", at=at)
    assert text_of(message).endswith(f"{at:%Y-%m-%d %H:%M} UTC")
    assert "date_time" not in [entity["type"] for entity in entities_of(message)]


@pytest.mark.parametrize(
    "at",
    [datetime.min.replace(tzinfo=timezone(timedelta(hours=5))), datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))],
)
def test_a_moment_at_the_end_of_the_calendar_breaks_nothing(at: datetime) -> None:
    assert " UTC" in text_of(Message(word="test", title="t", at=at))


def test_a_long_list_says_how_many_items_are_missing() -> None:
    text = written(BulletList(tuple((Text(f"{n} " + "x" * 100),) for n in range(100))))
    shown_items = text.count("• ")
    assert 35 < shown_items < 100
    assert text.endswith(f"\n… ({100 - shown_items} more)")


def test_a_long_paragraph_ends_with_an_ellipsis_and_uses_the_room() -> None:
    text = text_of(Message(word="test", title="t", blocks=(paragraph("y" * 5000),), footer="f", at=AT))
    assert "y…\n\nf" in text
    assert 4000 < utf16(text) <= 4096


def test_text_and_fields_share_the_room_when_both_are_long() -> None:
    text = text_of(
        Message(
            word="test",
            title="t",
            blocks=(paragraph("d" * 9000),),
            fields=tuple(Field(name="n", value=(Text("v" * 900),)) for _ in range(9)),
        )
    )
    assert text.count("d") > 2000
    assert text.count("n: v") == 2
    assert text.endswith("\n… (7 more)")
    assert utf16(text) <= 4096


def test_a_text_may_fill_the_room_but_for_a_few_units() -> None:
    facts = (Field(name="n", value=(Text("v"),)),)
    for told, lengths in (((), range(4030, 4080)), (facts, range(4030, 4080)), (facts * 700, range(1900, 1960))):
        sizes = set()
        for length in lengths:
            message = Message(word="test", title="t", blocks=(paragraph("y" * length),), fields=told, footer="f", at=AT)
            sizes.add(utf16(text_of(message)))
        assert 4090 <= max(sizes) <= 4096


def test_of_many_stretches_of_formatting_the_first_hundred_are_sent() -> None:
    tree = paragraph(*(part for n in range(150) for part in (Bold((Text(f"b{n}"),)), " ")))
    entities = entities_of(Message(word="test", title="t", blocks=(tree,)))
    assert len(entities) == 100
    assert [entity["offset"] for entity in entities] == sorted(entity["offset"] for entity in entities)


def test_a_blank_field_is_left_out_and_half_a_field_gets_a_dash() -> None:
    fields = (
        Field(name="\u200b", value=(Text(" \u2800"),)),
        Field(name="By", value=()),
        Field(name=" ", value=(Text("v\nw"),)),
    )
    assert text_of(Message(word="test", title="t", fields=fields)) == "t\n\nBy: —\n—: v\nw"


def test_mentions_stand_below_the_title_and_are_by_id() -> None:
    message = Message(
        word="test",
        title="😀",
        blocks=(paragraph("text"),),
        mentions=(
            Mention("user", "123456789", "SFC @name"),
            Mention("role", "5", "1st Platoon"),
            Mention("user", "7"),
            Mention("user", "@name"),
        ),
    )
    body: Any = payload(message)
    assert body["text"] == "😀\nSFC @\u2060name · —\ntext"
    assert body["entities"][1:] == [
        {
            "type": "text_mention",
            "offset": 3,
            "length": 10,
            "user": {"id": 123456789, "is_bot": False, "first_name": "SFC @name"},
        },
        {"type": "text_mention", "offset": 16, "length": 1, "user": {"id": 7, "is_bot": False, "first_name": "—"}},
    ]
    assert_valid(body)
    assert_inert(body, message)


def test_a_crowd_is_mentioned_up_to_a_number_that_is_told() -> None:
    crowd = tuple(Mention("user", str(n), "x" * 500) for n in range(1, 41))
    body: Any = payload(Message(word="test", title="t", mentions=crowd, blocks=(paragraph("y" * 9000),)))
    assert [entity["type"] for entity in body["entities"]].count("text_mention") == 30
    assert "… · … (10 more)\ny" in body["text"]
    assert_valid(body)


def test_a_silent_message_makes_no_sound_and_an_edit_makes_none_anyway() -> None:
    message = Message(word="test", title="t", silent=True)
    assert payload(message)["disable_notification"] is True
    assert "disable_notification" not in payload(message, edit=True)


def test_what_is_struck_is_struck_and_its_moments_are_text() -> None:
    tree = (paragraph("on ", Time(AT)), Quote((paragraph("private"),)), BulletList(((Text("i"),),)))
    message = struck(Message(word="award", title="Medal", blocks=tree, fields=(Field(name="n", value=()),)))
    body: Any = payload(message)
    assert "private" not in body["text"]
    assert [(entity["type"], entity["offset"], entity["length"]) for entity in body["entities"] if entity["offset"] < 6] == [
        ("bold", 0, 5),
        ("strikethrough", 0, 5),
    ]
    assert {entity["type"] for entity in body["entities"] if entity["offset"] > 5} == {"strikethrough"}
    assert_valid(body)


@pytest.mark.parametrize("title", ["\u200b", "\u0333"])
def test_an_invisible_title_becomes_a_dash(title: str) -> None:
    assert text_of(Message(word="test", title=title)) == "—"


def test_the_same_message_gives_the_same_body_and_stays_as_it_is() -> None:
    message = Message(word="test", title="t", blocks=(paragraph("a"),), fields=(Field(name="n", value=(Text("v"),)),))
    assert payload(message) == payload(message)
    assert message == Message(word="test", title="t", blocks=(paragraph("a"),), fields=(Field(name="n", value=(Text("v"),)),))
