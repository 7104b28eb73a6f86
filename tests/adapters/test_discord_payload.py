"""What Discord gets: within its limits, inert, and read back as it was meant."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from hostile import (
    ADDRESSES,
    MARK,
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
from jsonschema import Draft202012Validator
from msgspec.structs import replace
from seen import OBEYED, moment, same_up_to_the_cut, strings, utf16, visible

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
    struck,
)
from perscom_adapters.discord import is_whole, payload
from perscom_adapters.testing import discord_refusal
from perscom_adapters.testing._discord_rules import pings

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # 100 000 characters are meant

SPEC = Path(__file__).resolve().parents[3] / "shared" / "specs" / "discord-openapi.json"
AT = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)


# The judge that Discord publishes.


@cache
def spec() -> dict[str, Any]:
    if not SPEC.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{SPEC.name} is missing")
        pytest.skip(f"{SPEC.name} is not here")
    return json.loads(SPEC.read_bytes())


@cache
def validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": spec()["components"]})


def unknown_keys(body: dict[str, Any], schema: str = "IncomingWebhookRequestPartial") -> set[str]:
    schemas = spec()["components"]["schemas"]
    embed = schemas["RichEmbed"]["properties"]
    found = set(body) - set(schemas[schema]["properties"])
    for shown in body["embeds"]:
        found |= set(shown) - set(embed)
        found |= {key for field in shown["fields"] for key in field} - set(schemas["RichEmbedField"]["properties"])
        found |= set(shown.get("footer", ())) - set(schemas["RichEmbedFooter"]["properties"])
        found |= set(shown.get("thumbnail", ())) - set(schemas["RichEmbedThumbnail"]["properties"])
    return found


def nulls(value: object) -> bool:
    if isinstance(value, dict):
        return any(nulls(inner) for inner in value.values())
    return value is None or (isinstance(value, list) and any(nulls(inner) for inner in value))


def assert_valid(body: dict[str, Any]) -> None:
    """By the published schema, and by the rules the schema does not know."""
    assert next(validator("IncomingWebhookRequestPartial").iter_errors(body), None) is None
    assert next(validator("IncomingWebhookUpdateRequestPartial").iter_errors(body), None) is None
    assert not unknown_keys(body)
    assert not nulls(body)
    assert discord_refusal(body) is None
    assert discord_refusal(body, edit=True) is None
    (embed,) = body["embeds"]
    counted = [embed["title"], embed.get("description", ""), embed.get("footer", {}).get("text", "")]
    counted += [text for field in embed["fields"] for text in (field["name"], field["value"])]
    assert sum(map(utf16, counted)) <= 6000
    assert ink(embed["title"])
    assert all(ink(field["name"]) and ink(field["value"]) for field in embed["fields"])
    assert "description" not in embed or ink(embed["description"])


def assert_inert(body: dict[str, Any], message: Message) -> None:
    """Pings exactly those of ``message``, and no markup where none is ours; of the rest the reader below makes sure."""
    assert set(body) <= {"embeds", "allowed_mentions", "content", "flags"}
    assert body["allowed_mentions"]["parse"] == []
    named = {(one.kind, one.id) for one in message.mentions if re.fullmatch(r"[1-9][0-9]{0,19}", one.id)}
    for kind in ("user", "role"):
        assert sorted(body["allowed_mentions"].get(f"{kind}s", [])) == sorted(key for of, key in named if of == kind)
    assert pings(body) == {f"{kind}:{key}" for kind, key in named}
    assert re.fullmatch(r"(?:<@&?\d+>(?: (?=<)|$))*", body.get("content", ""))
    assert body.get("flags") == (4096 if message.silent else None)
    (embed,) = body["embeds"]
    headline = embed["title"]
    if message.struck:
        assert re.fullmatch("~~.*~~", headline)
        headline = headline[2:-2]
    for title in (headline, *(field["name"] for field in embed["fields"])):
        bare = ESCAPE.sub("x", title)
        assert not re.search(r"[*_~|`<]|https?://|:[^\s:]+:|\]\(|@everyone|@here|^(#|-|>|\+|\d+\.)", bare)
    assert not re.search(r"https?://|<@|@everyone|@here|:[^\s:\u2060]+:", embed.get("footer", {}).get("text", ""))
    for text in strings(body):
        assert not OBEYED.search(text)
        assert text == text.strip()


# A reader of Discord's markdown, written for these tests and ignorant of how the markdown is made.

ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")
TIME = re.compile(r"<t:(-?\d{1,17}):([fDt])>")
STYLES: dict[str, Literal["date", "datetime", "time"]] = {"D": "date", "f": "datetime", "t": "time"}
LINK = re.compile(r"\[((?:\\.|[^\\\[\]])*)\]\((https?://[^\s()<>*]+)\)")
LINE_MARK = re.compile(r"(?:> )?(?:- |\d+\. )?")


def shown(markdown: str) -> str:
    """The text a reader sees. Anything that means something and is not one of the things we write is an error."""
    return "\n".join(_shown_line(line[match.end() :]) for line in markdown.split("\n") if (match := LINE_MARK.match(line)))


def _shown_line(line: str) -> str:
    out, place = "", 0
    while place < len(line):
        if match := ESCAPE.match(line, place):
            out += match[1]
        elif match := TIME.match(line, place):
            out += moment(int(match[1]), STYLES[match[2]])
        elif match := LINK.match(line, place):
            out += _shown_line(match[1])
        elif match := re.compile(r"\*{1,3}|~~").match(line, place):
            pass  # our emphasis
        else:
            assert line[place] not in "\\*_~|`[]()<>@#", f"markup at {place} in {line!r}"
            assert not re.compile(r"https?://|steam://|:[^\s:]+:").match(line, place), f"link or emoji at {place} in {line!r}"
            assert line[:place].strip() or not re.compile(r"[+>#-]|\d+\.").match(line, place), f"block in {line!r}"
            out += line[place]
            place += 1
            continue
        place = match.end()
    return out


def shown_title(markdown: str) -> str:
    markdown = re.sub("^~~(.*)~~$", r"\1", markdown)
    return ESCAPE.sub(r"\1", markdown)


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
            return moment(at, style)
        case BulletList(items):
            return "\n".join(meant(item) for item in items)
        case Quote(blocks):
            return meant(blocks)
        case tuple():
            separator = "\n" if part and isinstance(part[0], Paragraph | BulletList | Quote) else ""
            return separator.join(meant(inner) for inner in part)
    raise AssertionError(part)


def ink(text: str) -> str:
    return visible(text.replace("［", "[").replace("］", "]"))


def assert_shows(body: dict[str, Any], message: Message) -> None:
    """Title, text, fields and footer, each up to its cut."""
    (embed,) = body["embeds"]
    assert same_up_to_the_cut(ink(shown_title(embed["title"])), ink(message.title) or "—")
    assert same_up_to_the_cut(ink(shown(embed.get("description", ""))), ink(meant(message.blocks)))
    assert same_up_to_the_cut(ink(embed.get("footer", {}).get("text", "")), ink(message.footer or ""))
    told = [field for field in message.fields if ink(field.name) or ink(meant(field.value))]
    fields = list(embed["fields"])
    if len(fields) != len(told):
        missing = re.fullmatch(r"\((\d+) more\)", shown_title(fields.pop()["value"]))
        assert missing
        assert len(fields) + int(missing[1]) == len(told)
    for field, source in zip(fields, told, strict=False):
        assert same_up_to_the_cut(ink(shown_title(field["name"])), ink(source.name) or "—")
        assert same_up_to_the_cut(ink(shown(field["value"])), ink(meant(source.value)) or "—")
        assert field["inline"] == source.short


# Hostile messages and events.


@some
@given(messages)
@example(
    Message(
        word="promotion",
        title="😀" * 5000,
        blocks=tuple(Paragraph((Text("*" * 100_000),)) for _ in range(4)),
        fields=tuple(Field(name="`" * 500, value=(Text("_" * 5000),)) for _ in range(40)),
        footer="f" * 9000,
    )
)
def test_every_message_is_valid_and_inert(message: Message) -> None:
    body: Any = payload(message)
    assert_valid(body)
    assert_inert(body, message)
    assert body["embeds"][0].get("url") in (None, *ADDRESSES)


@some
@given(blocks)
def test_the_shown_text_is_the_meant_text_up_to_the_cut(tree: tuple[Block, ...]) -> None:
    message = Message(word="test", title="t", blocks=tree)
    assert_is_shown(message)
    assert not is_whole(message) or (ink(meant(tree)) in ink(shown(embeds(message)[0].get("description", ""))))


@some
@given(fields)
def test_fields_show_their_names_and_values_up_to_the_cut(given_fields: tuple[Field, ...]) -> None:
    assert_is_shown(Message(word="test", title="t", fields=given_fields))


@some
@given(titles)
def test_a_title_shows_its_text_up_to_the_cut_and_nothing_in_it_is_markup(title: str) -> None:
    assert_is_shown(Message(word="test", title=title))


@some
@given(texts)
def test_a_footer_shows_its_text_and_needs_no_backslash(footer: str) -> None:
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
    assert_inert(body, message)
    assert_shows(body, message)
    assert MARK not in json.dumps(body)


def embeds(message: Message) -> list[dict[str, Any]]:
    body: Any = payload(message)
    return body["embeds"]


def description(*tree: Block) -> str:
    return embeds(Message(word="test", title="t", blocks=tree))[0]["description"]


def paragraph(*inner: Inline | str) -> Paragraph:
    return Paragraph(tuple(Text(part) if isinstance(part, str) else part for part in inner))


# Examples a person can read.


def test_a_promotion_looks_like_this() -> None:
    message = Message(
        word="promotion",
        title="SFC Jacob Whitfield promoted to Sergeant First Class",
        blocks=(paragraph("1st Platoon, Alpha Company · by Capt. Okafor"), Quote((paragraph("For *outstanding* service."),))),
        fields=(Field(name="From", value=(Text("Staff Sergeant"),)), Field(name="On", value=(Time(AT, "date"),), short=False)),
        color=0xF1C40F,
        url="https://1st.example/soldiers/7",
        image="https://1st.example/sfc.png",
        at=AT,
        footer="1st Ranger Group",
    )
    assert payload(message) == {
        "embeds": [
            {
                "title": "SFC Jacob Whitfield promoted to Sergeant First Class",
                "description": "1st Platoon, Alpha Company · by Capt. Okafor\n> For \\*outstanding\\* service.",
                "url": "https://1st.example/soldiers/7",
                "color": 0xF1C40F,
                "timestamp": "2026-03-02T19:08:00.000+00:00",
                "fields": [
                    {"name": "From", "value": "Staff Sergeant", "inline": True},
                    {"name": "On", "value": "<t:1772478480:D>", "inline": False},
                ],
                "footer": {"text": "1st Ranger Group"},
                "thumbnail": {"url": "https://1st.example/sfc.png"},
            }
        ],
        "allowed_mentions": {"parse": []},
    }


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("@everyone", "\\@everyone"),
        ("<@1> <@&2> <#3>", "\\<\\@1\\> \\<\\@&2\\> \\<\\#3\\>"),
        ("see http://evil.example", "see http\\://evil.example"),
        (":smile: at 12:30", "\\:smile: at 12\\:30"),
        ("<t:1:R>", "\\<t\\:1\\:R\\>"),
        ("1. first", "1\\. first"),
        ("+ plus", "\\+ plus"),
        ("a\n- b\n# c\n> d", "a\n\\- b\n\\# c\n\\> d"),
        ("2.5 km", "2\\.5 km"),
        ("at 2.5 km", "at 2.5 km"),
        ("Unit: 1st", "Unit: 1st"),
        ("C:\\dir\\*", "C\\:\\\\dir\\\\\\*"),
    ],
)
def test_foreign_text_is_escaped(text: str, written: str) -> None:
    assert description(paragraph(text)) == written


def test_bold_and_italic_nest_and_close() -> None:
    assert description(paragraph("a ", Bold((Text("b "), Italic((Text("c"),)), Text(" d"))), " e")) == "a **b** ***c*** **d** e"


def test_a_full_stop_is_escaped_only_where_a_list_could_begin() -> None:
    assert description(paragraph("1. ", Bold((Text("2. a"),)), ". b")) == "1\\. **2\\. a**. b"
    assert description(paragraph(Bold((Text(" "),)), Italic((Text("\t"),)), "1. a")) == "1\\. a"


def test_emphasis_that_touches_is_kept_apart_by_a_word_joiner() -> None:
    assert description(paragraph(Bold((Text("b"),)), Italic((Text("i"),)), "p")) == "**b**\u2060*i*p"


def test_emphasis_without_text_leaves_no_markers() -> None:
    assert description(paragraph("a", Bold(()), Italic((Text("\u200b"), Bold((Text(" "),)))), "z")) == "a\u200b z"


def test_a_colon_and_what_follows_it_in_another_style_make_no_emoji() -> None:
    assert description(paragraph("a:", Bold((Text("b:"),)), " c:", Time(AT))) == "a\\:**b\\:** c\\:<t:1772478480:f>"


def test_no_invisible_mark_that_javascript_takes_for_white_space_stands_beside_a_marker() -> None:
    assert description(paragraph(Italic((Text("\ufeffi\ufeff"),)))) == "*i*"


def test_emphasis_ends_with_its_line() -> None:
    assert description(paragraph(Bold((Text("one\ntwo"),)))) == "**one**\n**two**"


def test_a_link_is_masked_and_what_would_end_it_is_encoded() -> None:
    assert description(paragraph(Link("a (b)", "https://x.y/(z)*[1]"))) == "[a \\(b\\)](https://x.y/%28z%29%2A%5B1%5D)"


def test_square_brackets_in_a_label_stay_if_they_are_paired() -> None:
    assert description(paragraph(Link("[1RG] Reyes", "https://x.y/"))) == "[\\[1RG\\] Reyes](https://x.y/)"


def test_a_label_with_a_lone_square_bracket_gets_a_wide_one() -> None:
    assert description(paragraph(Link("a [b", "https://x.y/"))) == "[a ［b](https://x.y/)"


def test_a_link_without_a_label_shows_its_host() -> None:
    assert description(paragraph(Link(" \u200b", "https://x.y/z"))) == "[x.y](https://x.y/z)"


def test_a_link_that_does_not_fit_is_shown_as_its_label() -> None:
    (embed,) = embeds(
        Message(word="test", title="t", fields=(Field(name="n", value=(Link("label", "https://x.y/" + "a" * 1500),)),))
    )
    assert embed["fields"][0]["value"] == "label…"


def test_quotes_and_lists_are_written_line_by_line() -> None:
    tree = (
        paragraph("said:"),
        Quote((paragraph("one\n\ntwo"), BulletList(((Text("a\nb"),), (Text("c"),)), numbered=True))),
        BulletList(((Text("x"),), (Text("y"),))),
        BulletList(((Text("z"),),)),
        paragraph("p"),
        paragraph("q"),
    )
    assert description(*tree) == "said:\n> one\n> \n> two\n> 1. a\n>    b\n> 2. c\n- x\n- y\n\n- z\np\n\nq"


def test_a_blank_item_leaves_no_gap_in_the_numbers() -> None:
    assert description(BulletList(((Text("a"),), (Text(" \u200b"),), (Text("b"),)), numbered=True)) == "1. a\n2. b"


def test_blank_lines_do_not_pile_up() -> None:
    assert description(paragraph("\n\na\n\n\u200b\n \nb\n\n")) == "a\n\nb"


def test_a_long_list_says_how_many_items_are_missing() -> None:
    text = description(BulletList(tuple((Text(f"{n} " + "x" * 100),) for n in range(100))))
    assert text.endswith("\n… \\(62 more\\)")
    assert text.count("\n- ") + 1 == 100 - 62


def test_an_item_of_several_lines_counts_once() -> None:
    text = description(BulletList(tuple((Text(f"{n}\n{'x' * 60}\n{'y' * 60}"),) for n in range(50))))
    shown_items = len(re.findall(r"^- ", text, re.MULTILINE))
    assert text.endswith(f"… \\({50 - shown_items} more\\)")


def test_a_long_paragraph_ends_with_an_ellipsis_and_uses_the_room() -> None:
    text = description(paragraph("y" * 5000))
    assert text.endswith("y…")
    assert 4000 < utf16(text) <= 4096


def test_no_escape_is_cut_in_two() -> None:
    for length in range(4030, 4050):
        text = description(paragraph("a" * length + "*" * 100))
        assert re.fullmatch(r"a+(\\\*)+…", text)
        assert utf16(text) <= 4096


@pytest.mark.parametrize("cluster", ["👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "e\u0301", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "한"])
def test_a_cut_does_not_split_what_a_reader_sees_as_one_character(cluster: str) -> None:
    (embed,) = embeds(Message(word="test", title=cluster * 300))
    assert embed["title"].removesuffix("…") == cluster * (len(embed["title"].removesuffix("…")) // len(cluster))
    assert utf16(embed["title"]) > 256 - 2 * utf16(cluster) - 1


def test_twenty_six_fields_become_twenty_four_and_a_count() -> None:
    (embed,) = embeds(Message(word="test", title="t", fields=tuple(Field(name=str(n), value=(Text("v"),)) for n in range(26))))
    assert len(embed["fields"]) == 25
    assert embed["fields"][-1] == {"name": "…", "value": "\\(2 more\\)", "inline": False}


def test_text_and_fields_share_the_room_when_both_are_long() -> None:
    (embed,) = embeds(
        Message(
            word="test",
            title="t",
            blocks=(paragraph("d" * 9000),),
            fields=tuple(Field(name="n", value=(Text("v" * 1000),)) for _ in range(9)),
        )
    )
    assert utf16(embed["description"]) > 2900
    assert [field["name"] for field in embed["fields"]][-1] == "…"


def test_a_blank_field_is_left_out_and_half_a_field_gets_a_dash() -> None:
    (embed,) = embeds(
        Message(
            word="test",
            title="t",
            fields=(
                Field(name="\u200b", value=(Text(" \u2800"),)),
                Field(name="By", value=()),
                Field(name=" ", value=(Text("v"),)),
            ),
        )
    )
    assert [(field["name"], field["value"]) for field in embed["fields"]] == [("By", "—"), ("—", "v")]


def test_mentions_are_the_content_and_exactly_they_may_ping() -> None:
    message = Message(
        word="test",
        title="@everyone",
        blocks=(paragraph("<@184405311681986561>"),),
        mentions=(
            Mention("user", "184405311681986560", "<@1>"),
            Mention("role", "1130112233445566778"),
            Mention("user", "184405311681986560"),
            Mention("role", "everyone"),
            Mention("user", "007"),
        ),
    )
    body = payload(message)
    assert body["content"] == "<@184405311681986560> <@&1130112233445566778>"
    assert body["allowed_mentions"] == {"parse": [], "users": ["184405311681986560"], "roles": ["1130112233445566778"]}
    assert_inert(body, message)


def test_a_crowd_is_mentioned_up_to_a_number_that_is_told() -> None:
    body: Any = payload(Message(word="test", title="t", mentions=tuple(Mention("user", str(10**19 + n)) for n in range(50))))
    assert len(pings(body)) == 30
    assert body["content"].endswith("> … (20 more)")
    assert_valid(body)


def test_an_edit_takes_away_who_is_no_longer_mentioned_and_sets_no_flag() -> None:
    message = Message(word="test", title="t", silent=True)
    assert payload(message)["flags"] == 1 << 12
    edit: Any = payload(message, edit=True)
    assert edit["content"] == ""
    assert set(edit) == {"embeds", "allowed_mentions", "content"}
    assert discord_refusal(edit, edit=True) is None


def test_what_is_struck_is_struck_and_what_a_person_wrote_is_gone() -> None:
    tree = (
        paragraph("a~ ", Bold((Link("l", "https://x.y/~~z"),)), Time(AT)),
        Quote((paragraph("private"),)),
        BulletList(((Text("~~"), Text("~")),)),
    )
    message = Message(
        word="award", title="Medal~", blocks=tree, fields=(Field(name="n", value=()),), color=1, image="https://x.y/z"
    )
    (embed,) = embeds(struck(replace(message, mentions=(Mention("user", "1"),))))
    assert embed["title"] == "~~Medal\\~\u2060~~"
    first, item = embed["description"].split("\n")
    assert first == "~~a\\~\u2060~~ ~~**[l](https://x.y/%7E%7Ez)**~~\u2060~~<t:1772478480:f>~~"
    assert item == "- ~~\\~\\~\\~\u2060~~"
    assert embed["fields"] == []
    assert "thumbnail" not in embed
    assert "content" not in payload(struck(message))


def test_a_moment_is_not_cut_in_two() -> None:
    for length in range(960, 1030):
        (embed,) = embeds(
            Message(word="test", title="t", fields=(Field(name="n", value=(Text("a" * length), Time(AT), Text("b" * 99))),))
        )
        assert re.fullmatch(r"a+(<t:1772478480:f>b*)?…", embed["fields"][0]["value"])


def test_an_invisible_title_becomes_a_dash() -> None:
    assert embeds(Message(word="test", title="\u200b"))[0]["title"] == "—"


def test_a_colour_or_an_address_that_discord_would_refuse_is_left_out() -> None:
    (embed,) = embeds(Message(word="test", title="t", color=0x1000000, url="javascript:alert(1)", image="ftp://a.b/c.png"))
    assert not {"color", "url", "thumbnail"} & set(embed)


@pytest.mark.parametrize(
    "at",
    [datetime.min.replace(tzinfo=timezone(timedelta(hours=5))), datetime.max.replace(tzinfo=timezone(-timedelta(hours=5)))],
)
def test_a_moment_without_a_utc_has_no_timestamp(at: datetime) -> None:
    assert "timestamp" not in embeds(Message(word="test", title="t", at=at))[0]


def test_the_same_message_gives_the_same_body_and_stays_as_it_is() -> None:
    message = Message(word="test", title="t", blocks=(paragraph("a"),), fields=(Field(name="n", value=(Text("v"),)),))
    first: Callable[[], object] = lambda: payload(message)  # noqa: E731
    assert first() == first()
    assert message == Message(word="test", title="t", blocks=(paragraph("a"),), fields=(Field(name="n", value=(Text("v"),)),))
