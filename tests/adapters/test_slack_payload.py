"""What Slack gets: within its limits, inert, and read back as it was meant."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from hostile import MARK, Reach, blocks, fields, messages, on_every_event, poisoned_message, some, texts, titles
from hypothesis import example, given
from jsonschema import Draft7Validator
from seen import OBEYED, assert_told, moment, same_up_to_the_cut, strings, utf16
from seen import visible as ink
from slack_sdk.models.blocks import Block as SlackBlock

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
    safe_url,
    struck,
)
from perscom_adapters._lines import Line, Run
from perscom_adapters._slack_payload import _fitting
from perscom_adapters.slack import is_whole, payload
from perscom_adapters.testing import slack_refusal
from perscom_adapters.testing._slack_rules import pings

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # 100 000 characters are meant

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "slack-message-from-slack-types-3.2.0.schema.json"
AT = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# The judges that Slack publishes: the schema made of its types, and the models of its library.


@cache
def validator() -> Draft7Validator:
    if not SPEC.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{SPEC.name} is missing")
        pytest.skip(f"{SPEC.name} is not here")
    return Draft7Validator(json.loads(SPEC.read_bytes()))


def assert_valid(body: dict[str, Any]) -> None:
    assert next(validator().iter_errors(body), None) is None
    for block in body["blocks"]:
        model = SlackBlock.parse(copy.deepcopy(block))
        assert model is not None
        model.validate_json()
        assert model.to_dict() == block  # the model knows every key
    assert slack_refusal(body) is None
    assert slack_refusal({"text": body["text"], "blocks": body["blocks"]}, edit=True) is None
    for element in objects(body["blocks"]):
        if element.get("type") in ("plain_text", "link", "rich_text_section", "rich_text_quote", "rich_text_list"):
            assert ink(shown(element))
        assert "alt_text" not in element or ink(element["alt_text"])


def assert_within_limits(body: dict[str, Any]) -> None:
    assert len(body["blocks"]) <= 50
    assert 0 < utf16(body["text"]) < 4000
    assert utf16(json.dumps(body, ensure_ascii=False, separators=(",", ":"))) <= 12_000
    assert sum(map(utf16, strings(body))) < 12_000


DATE_TOKEN = re.compile(r"<!date\^\d+\^\{date_short\} \{time\}\|[\d./-]{8,10},?[a-zà ]* \d\d:\d\d[A-Za-z ]* [A-Z]{3,4}>")


TITLE = re.compile(r"\*(?:[^*_~`<>&:]|&(?:amp|lt|gt);|:(?!\S*:))+\*")


def assert_inert(body: dict[str, Any], message: Message) -> None:
    """Pings exactly those of ``message``. No mrkdwn but the date in the context and a title without markup beside a picture,
    and nothing to parse in the fallback."""
    ids = {"user": r"[UW][A-Z0-9]{1,20}", "role": r"S[A-Z0-9]{1,20}"}
    named = {f"{one.kind}:{one.id}" for one in message.mentions if re.fullmatch(ids[one.kind], one.id)}
    assert pings(body) == named
    assert set(body) == {"text", "blocks", "unfurl_links", "unfurl_media"}
    assert body["unfurl_links"] is body["unfurl_media"] is False
    assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", body["text"])
    kinds = {element["type"] for element in objects(body["blocks"]) if "type" in element}
    assert kinds <= {
        *("header", "section", "context", "image", "plain_text", "mrkdwn", "text", "link", "date"),
        *("rich_text", "rich_text_section", "rich_text_quote", "rich_text_list"),
        *(["user", "usergroup"] if named else []),
    }
    for element in objects(body["blocks"]):
        if element.get("type") == "mrkdwn":
            assert DATE_TOKEN.fullmatch(element["text"]) or TITLE.fullmatch(element["text"])
            assert element["verbatim"] is True
        if element.get("type") == "plain_text":
            assert element["emoji"] is False
    assert not any(map(OBEYED.search, strings(body)))


def objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(inner)


def unescaped(text: str) -> str:
    return re.sub("&(amp|lt|gt);", lambda found: {"amp": "&", "lt": "<", "gt": ">"}[found[1]], text)


# A reader of rich text, written for these tests.

STYLES: dict[str, Literal["date", "datetime", "time"]] = {"{date}": "date", "{date}, {time}": "datetime", "{time}": "time"}


def shown(element: dict[str, Any]) -> str:
    match element["type"]:
        case "text" | "link" | "plain_text":
            return element["text"]
        case "mrkdwn":
            return unescaped(element["text"][1:-1])
        case "user" | "usergroup":
            return "@"
        case "date":
            return moment(element["timestamp"], STYLES[element["format"]])
        case "rich_text" | "rich_text_list":
            return "\n".join(map(shown, element["elements"]))
        case _:
            return "".join(map(shown, element["elements"]))


# What was meant, from the tree.


def meant(part: object) -> str:
    match part:
        case Text(text):
            return text
        case Bold(parts) | Italic(parts) | Struck(parts) | Paragraph(parts):
            return meant(parts)
        case Link(label, url):
            return label if ink(label) else urlsplit(url).netloc
        case Time(at, style):
            return plain(part) if at < EPOCH else moment(at, style)
        case BulletList(items, numbered, start):
            said = [meant(item) for item in items if ink(meant(item))]
            written = numbered and start > 1  # Slack counts from 1 alone, so others are told as text
            return "\n".join((f"{number}." if written else "") + text for number, text in enumerate(said, start))
        case Quote(blocks):
            return meant(blocks)
        case tuple():
            separator = "\n" if part and isinstance(part[0], Paragraph | BulletList | Quote) else ""
            return separator.join(meant(inner) for inner in part)
    raise AssertionError(part)


def assert_shows(body: dict[str, Any], message: Message) -> None:
    """Title and fallback, text, fields, address and footer, each up to its cut."""
    first, *below = body["blocks"]
    title = shown(first.get("text", first))
    assert same_up_to_the_cut(ink(title), ink(message.title) or "—")
    said = unescaped(body["text"])
    line = said.split("\n")[0]
    could_fit = 5 * len(title + meant(message.blocks)) < 950  # an escape is up to five units long
    assert line == title or (same_up_to_the_cut(line, title) and not could_fit)
    assert "\n" in said or not ink(meant(message.blocks)) or said.endswith("…")

    rich = [ink(shown(block)) for block in below if block["type"] == "rich_text"]
    if message.url and safe_url(message.url):
        assert rich.pop() == meant(Link("", message.url))
    told = [(ink(field.name), ink(meant(field.value))) for field in message.fields]
    told = [(name or "—", value or "—") for name, value in told if name or value]
    assert_told(rich.pop() if told else "", told)
    assert len(rich) <= 1
    assert same_up_to_the_cut("".join(rich), ink(meant(message.blocks)))
    small = [element for block in below if block["type"] == "context" for element in block["elements"]]
    footer = "".join(element["text"] for element in small if element["type"] == "plain_text")
    assert same_up_to_the_cut(ink(footer), ink(message.footer or ""))


# Hostile messages and events.


@some
@given(messages)
@example(
    Message(
        word="promotion",
        title="😀" * 5000,
        blocks=tuple(Paragraph((Text('"\\&' * 30_000),)) for _ in range(4)),
        fields=tuple(Field(name="`" * 500, value=(Text("_" * 5000),)) for _ in range(40)),
        footer='"' * 9000,
        url="https://a.b/" + "&" * 2000,
        image="https://a.b/" + "&" * 2000,
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
def test_every_message_is_valid_by_the_published_schema_by_the_vendors_models_and_by_the_rules_they_do_not_know(
    message: Message,
) -> None:
    body: Any = payload(message)
    assert_valid(body)
    assert_within_limits(body)
    assert_inert(body, message)


@some
@given(blocks)
def test_the_shown_text_is_the_meant_text_up_to_the_cut(tree: tuple[Block, ...]) -> None:
    message = Message(word="test", title="t", blocks=tree)
    assert_is_shown(message)
    assert not is_whole(message) or (ink(meant(tree)) in "".join(ink(shown(block)) for block in rich_texts(message)))


@some
@given(fields)
def test_fields_show_their_names_and_values_up_to_the_cut(given_fields: tuple[Field, ...]) -> None:
    assert_is_shown(Message(word="test", title="t", fields=given_fields))


@some
@given(titles, blocks)
@example("<" * 300, ())
@example("t", (Paragraph((Text(" " * 3000 + "x"),)),))
def test_title_and_fallback_show_their_text_up_to_the_cut(title: str, tree: tuple[Block, ...]) -> None:
    assert_is_shown(Message(word="test", title=title, blocks=tree))


@some
@given(texts)
def test_a_footer_shows_its_text_up_to_the_cut(footer: str) -> None:
    assert_is_shown(Message(word="test", title="t", footer=footer))


def assert_is_shown(message: Message) -> None:
    body: Any = payload(message)
    assert_inert(body, message)
    assert_shows(body, message)


@on_every_event
def test_no_event_however_hostile_pings_breaks_a_rule_or_shows_what_is_private(name: str, poison: str, reach: Reach) -> None:
    message = poisoned_message(name, poison, reach)
    if message is None:
        return
    body: Any = payload(message)
    assert_valid(body)
    assert_within_limits(body)
    assert_inert(body, message)
    assert_shows(body, message)
    assert MARK not in json.dumps(body)


def rich_texts(message: Message) -> list[dict[str, Any]]:
    body: Any = payload(message)
    return [block for block in body["blocks"] if block["type"] == "rich_text"]


def elements(*tree: Block) -> list[dict[str, Any]]:
    """The elements of the text alone."""
    rich = rich_texts(Message(word="test", title="t", blocks=tree))
    return rich[0]["elements"] if rich else []


def paragraph(*inner: Inline | str) -> Paragraph:
    return Paragraph(tuple(Text(part) if isinstance(part, str) else part for part in inner))


def section(*inner: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(inner)}


def text(words: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"style": style} if style else {})}


# Examples a person can read.


def test_a_promotion_looks_like_this() -> None:
    message = Message(
        word="promotion",
        title="SFC Jacob Whitfield promoted to Sergeant First Class",
        blocks=(paragraph("1st Platoon, Alpha Company · by Capt. Okafor"), Quote((paragraph("For *outstanding* service."),))),
        fields=(Field(name="From", value=(Text("Staff Sergeant"),)), Field(name="On", value=(Time(AT, "date"),), short=False)),
        color=0xF1C40F,
        url="https://1st.example/soldiers/7",
        at=AT,
        footer="1st Ranger Group",
    )
    assert payload(message) == {
        "text": "SFC Jacob Whitfield promoted to Sergeant First Class\n1st Platoon, Alpha Company · by Capt. Okafor",
        "blocks": [
            {
                "type": "header",
                "text": {
                    "type": "plain_text",
                    "text": "SFC Jacob Whitfield promoted to Sergeant First Class",
                    "emoji": False,
                },
            },
            {
                "type": "rich_text",
                "elements": [
                    section(text("1st Platoon, Alpha Company · by Capt. Okafor")),
                    {"type": "rich_text_quote", "elements": [text("For *outstanding* service.")]},
                ],
            },
            {
                "type": "rich_text",
                "elements": [
                    section(
                        text("From:", bold=True),
                        text(" Staff Sergeant\n"),
                        text("On:", bold=True),
                        text(" "),
                        {"type": "date", "timestamp": 1772478480, "format": "{date}", "fallback": "2026-03-02"},
                    )
                ],
            },
            {
                "type": "rich_text",
                "elements": [section({"type": "link", "url": "https://1st.example/soldiers/7", "text": "1st.example"})],
            },
            {
                "type": "context",
                "elements": [
                    {"type": "plain_text", "text": "1st Ranger Group", "emoji": False},
                    {
                        "type": "mrkdwn",
                        "text": "<!date^1772478480^{date_short} {time}|2026-03-02 19:08 UTC>",
                        "verbatim": True,
                    },
                ],
            },
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def first_block(message: Message) -> dict[str, Any]:
    body: Any = payload(message)
    return body["blocks"][0]


def test_with_a_picture_the_title_stands_beside_it() -> None:
    message = Message(word="award", title="Medal", image="https://1st.example/medal.png")
    assert first_block(message) == {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "*Medal*", "verbatim": True},
        "accessory": {"type": "image", "image_url": "https://1st.example/medal.png", "alt_text": "Medal"},
    }


@pytest.mark.parametrize(("title", "written"), [("A <!here> & B", "*A &lt;!here&gt; &amp; B*"), ("at 12:30", "*at 12:30*")])
def test_a_title_beside_a_picture_is_bold_and_inert(title: str, written: str) -> None:
    message = Message(word="award", title=title, image="https://1st.example/medal.png")
    assert first_block(message)["text"] == {"type": "mrkdwn", "text": written, "verbatim": True}
    assert_inert(payload(message), message)


@pytest.mark.parametrize("title", ["2*2*2", "snake_case_", "~x~", "`x`", ":smile: x"])
def test_a_title_beside_a_picture_that_could_be_markup_is_plain(title: str) -> None:
    text = first_block(Message(word="award", title=title, image="https://1st.example/medal.png"))["text"]
    assert text == {"type": "plain_text", "text": title, "emoji": False}


def test_mentions_stand_below_the_title_and_nobody_else_is_pinged() -> None:
    message = Message(
        word="test",
        title="<@U999999>",
        mentions=(
            Mention("user", "U024BE7LH", "x"),
            Mention("role", "S0615G0KT"),
            Mention("user", "U024BE7LH"),
            Mention("user", "S1"),
        ),
    )
    body: Any = payload(message)
    assert body["blocks"][1] == {
        "type": "rich_text",
        "elements": [
            section({"type": "user", "user_id": "U024BE7LH"}, text(" · "), {"type": "usergroup", "usergroup_id": "S0615G0KT"})
        ],
    }
    assert pings(body) == {"user:U024BE7LH", "role:S0615G0KT"}


def test_a_crowd_is_mentioned_up_to_a_number_that_is_told() -> None:
    crowd = tuple(Mention("user", f"U{n}") for n in range(100, 140))
    body: Any = payload(Message(word="test", title="t", mentions=crowd))
    assert len(pings(body)) == 30
    assert shown(body["blocks"][1]).endswith(" · … (10 more)")


def test_what_is_struck_is_struck_and_its_title_is_no_header() -> None:
    tree = (paragraph("a ", Bold((Link("l", "https://x.y/"),))), Quote((paragraph("private"),)), BulletList(((Text("i"),),)))
    message = struck(
        Message(word="award", title="Medal", blocks=tree, fields=(Field(name="n", value=()),), image="https://x.y/z")
    )
    title, body = payload(message)["blocks"]  # type: ignore[misc]
    assert title == {"type": "rich_text", "elements": [section(text("Medal", bold=True, strike=True))]}
    assert body["elements"] == [
        section(
            text("a ", strike=True),
            {"type": "link", "url": "https://x.y/", "text": "l", "style": {"bold": True, "strike": True}},
        ),
        {"type": "rich_text_list", "style": "bullet", "elements": [section(text("i", strike=True))]},
    ]


def test_an_edit_has_no_argument_that_an_update_does_not_take() -> None:
    assert set(payload(Message(word="test", title="t", silent=True), edit=True)) == {"text", "blocks"}


def test_a_list_that_begins_later_is_told_as_text() -> None:
    tree = BulletList(((Text("a\nb"),), (Text("c"),)), numbered=True, start=9)
    assert elements(tree) == [section(text("9. a\n b\n10. c"))]


def test_a_title_too_long_for_a_header_is_bold_text_and_not_cut() -> None:
    assert first_block(Message(word="test", title="t" * 150))["type"] == "header"
    block = first_block(Message(word="test", title="t" * 151))
    assert block == {"type": "rich_text", "elements": [section(text("t" * 151, bold=True))]}
    assert shown(first_block(Message(word="test", title="😀" * 200))) == "😀" * 127 + "…"


def test_the_fallback_is_escaped() -> None:
    body = payload(Message(word="test", title="<!channel> & co", blocks=(paragraph("a > ", Bold((Text("b"),)), "\nsecond"),)))
    assert body["text"] == "&lt;!channel&gt; &amp; co\na &gt; b"


def test_no_escape_of_the_fallback_is_cut_in_two() -> None:
    for length in range(3):
        body: Any = payload(Message(word="test", title="t" * (length + 1), blocks=(paragraph("&" * 900),)))
        assert re.fullmatch(r"t+\n(&amp;)+…", body["text"])
        assert 990 < utf16(body["text"]) <= 1000


def test_bold_and_italic_nest() -> None:
    assert elements(paragraph("a ", Bold((Text("b "), Italic((Text("c"),)))), " d")) == [
        section(text("a "), text("b ", bold=True), text("c", bold=True, italic=True), text(" d"))
    ]


def test_a_link_keeps_its_address_and_its_label() -> None:
    assert elements(paragraph(Bold((Link("[x] <y>", "https://x.y/(z)*[1]?a&b"),)))) == [
        section({"type": "link", "url": "https://x.y/(z)*[1]?a&b", "text": "[x] <y>", "style": {"bold": True}})
    ]


def test_a_moment_before_1970_is_shown_as_text() -> None:
    old = datetime(1944, 6, 6, 6, 30, tzinfo=UTC)
    assert elements(paragraph("on ", Time(old, "date"))) == [section(text("on 1944-06-06"))]
    body: Any = payload(Message(word="test", title="t", at=old))
    assert [block["type"] for block in body["blocks"]] == ["header"]


@pytest.mark.parametrize(
    "at",
    [datetime.min.replace(tzinfo=timezone(timedelta(hours=5))), datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))],
)
def test_a_moment_without_a_utc_has_no_date(at: datetime) -> None:
    body: Any = payload(Message(word="test", title="t", at=at))
    assert [block["type"] for block in body["blocks"]] == ["header"]


def test_quotes_and_lists_have_elements_of_their_own() -> None:
    tree = (
        paragraph("said:"),
        Quote((paragraph("one\n\ntwo"), BulletList(((Text("a\nb"),), (Text("c"),)), numbered=True))),
        BulletList(((Text("x"),), (Text("y"),))),
        BulletList(((Text("z"),),)),
        paragraph("p"),
        paragraph("q"),
    )
    assert elements(*tree) == [
        section(text("said:")),
        {"type": "rich_text_quote", "elements": [text("one\n\ntwo")]},
        {"type": "rich_text_list", "style": "ordered", "elements": [section(text("a\nb")), section(text("c"))], "border": 1},
        {"type": "rich_text_list", "style": "bullet", "elements": [section(text("x")), section(text("y"))]},
        {"type": "rich_text_list", "style": "bullet", "elements": [section(text("z"))]},
        section(text("p\n\nq")),
    ]


def test_two_quotes_stay_two() -> None:
    assert elements(Quote((paragraph("a"),)), Quote((paragraph("b"),))) == [
        {"type": "rich_text_quote", "elements": [text("a")]},
        {"type": "rich_text_quote", "elements": [text("b")]},
    ]


def test_a_long_list_says_how_many_items_are_missing_and_uses_the_room() -> None:
    listed, notice = elements(BulletList(tuple((Text(f"{n} " + "x" * 100),) for n in range(200))))
    kept = len(listed["elements"])
    assert shown(notice) == f"… ({200 - kept} more)"
    assert utf16(json.dumps(listed)) > 10_500


def test_a_long_paragraph_ends_with_an_ellipsis_and_uses_the_room() -> None:
    (only,) = elements(paragraph("y" * 20_000))
    assert shown(only).endswith("y…")
    assert 10_500 < utf16(shown(only)) < 12_000


def test_many_lines_use_the_room_too() -> None:
    (only,) = elements(paragraph("\n".join("line of the text" for _ in range(2000))))
    assert utf16(shown(only)) > 10_000


def test_the_room_is_filled_in_a_few_steps() -> None:
    asked: list[int] = []

    def cut_at(limit: int) -> tuple[Line, ...]:
        asked.append(limit)
        return (Line((Run("x" * 999),)),) * (limit // 1000)

    twelve = utf16(json.dumps(_fitting(cut_at, 12_500), separators=(",", ":")))
    for room in range(twelve - 30, twelve + 30, 3):
        asked.clear()
        (block,) = _fitting(cut_at, room)
        assert shown(block).count("x" * 999) == (12 if room >= twelve else 11)
        assert len(asked) <= 16


def test_text_and_fields_share_the_room_when_both_are_long() -> None:
    long = tuple(Field(name=f"n{n}", value=(Text("v" * 900),)) for n in range(20))
    body, facts = rich_texts(Message(word="test", title="t", blocks=(paragraph("d" * 20_000),), fields=long))
    assert utf16(shown(body)) > 5000
    assert utf16(shown(facts)) > 4500
    assert re.search(r"\n… \(\d+ more\)$", shown(facts))


def test_a_blank_field_is_left_out_and_half_a_field_gets_a_dash() -> None:
    (facts,) = rich_texts(
        Message(
            word="test",
            title="t",
            fields=(
                Field(name="\u200b", value=(Text(" \u2800"),)),
                Field(name="By", value=()),
                Field(name=" ", value=(Text("v"),)),
                Field(name="Two", value=(Text("a\nb"),)),
            ),
        )
    )
    assert shown(facts) == "By: —\n—: v\nTwo: a\nb"


def test_an_invisible_title_becomes_a_dash() -> None:
    assert first_block(Message(word="test", title="\u200b"))["text"]["text"] == "—"


def test_an_address_that_nobody_should_follow_is_left_out() -> None:
    body: Any = payload(Message(word="test", title="t", url="javascript:alert(1)", image="ftp://a.b/c.png"))
    assert [block["type"] for block in body["blocks"]] == ["header"]


def test_the_same_message_gives_the_same_body_and_stays_as_it_is() -> None:
    message = Message(word="test", title="t", blocks=(paragraph("a"),), fields=(Field(name="n", value=(Text("v"),)),))
    first: Callable[[], object] = lambda: payload(message)  # noqa: E731
    assert first() == first()
    assert message == Message(word="test", title="t", blocks=(paragraph("a"),), fields=(Field(name="n", value=(Text("v"),)),))
