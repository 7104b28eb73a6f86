"""The preview: what it shows is what was meant, in the terminal, on the page, and in the demo."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote
from urllib.request import urlopen

import msgspec
import pytest
from click import unstyle
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from playwright.async_api import Page, async_playwright
from rich.cells import cell_len

from perscom_adapters import (
    WORDS,
    Block,
    Bold,
    BulletList,
    Destination,
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
from perscom_adapters.discord import DiscordDestination, new_session
from perscom_adapters.slack import SlackBotDestination, SlackWebhookDestination
from perscom_adapters.telegram import TelegramDestination
from perscom_adapters.testing import ChatStandIn
from perscom_bridge.cli import main
from perscom_bridge.demo import demo
from perscom_bridge.platforms import PLATFORMS
from perscom_bridge.preview import Card, Piece, card_of, payload_of
from perscom_bridge.preview.card import Body, Facts, Heading, Row, Small
from perscom_bridge.preview.page import page
from perscom_bridge.preview.terminal import boxes
from perscom_bridge.service import web_url
from perscom_receiver import EVENT_NAMES, SQLiteInbox, php_json
from perscom_receiver.testing import make_event, sample

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]
AT = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)
each_platform = pytest.mark.parametrize("platform", PLATFORMS)


def card(platform: str, message: Message) -> Card:
    return card_of(platform, payload_of(platform, message))


# What a reader sees, and what was meant: characters that leave ink, each with its style.


class Stroke(NamedTuple):
    character: str
    bold: bool = False
    italic: bool = False
    url: str | None = None
    quoted: bool = False
    struck: bool = False


@cache
def leaves_ink(character: str) -> bool:
    """Not white space, not invisible, and no mark that joins its neighbour: Telegram drops three of those."""
    category, code = unicodedata.category(character), ord(character)
    return (
        category not in ("Cc", "Cf", "Zs", "Zl", "Zp", "Mn", "Mc", "Me")
        and character not in "\u115f\u1160\u3164\uffa0\u2800\U0001d159"
        and not 0xE0000 <= code <= 0xE0FFF
        and not 0xFFF0 <= code <= 0xFFFB
        and code != 0x2065
        and not (category == "Cn" and (code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF))
    )


def ink(text: str) -> str:
    text = re.sub("[\ud800-\udfff]", "\ufffd", unicodedata.normalize("NFD", text))
    text = text.replace("［", "[").replace("］", "]")  # Discord cannot have a lone square bracket in a label
    return "".join(filter(leaves_ink, text))


def strokes(pieces: Iterable[Piece], *, quoted: bool = False) -> list[Stroke]:
    found = []
    for piece in pieces:
        text, bold, italic = piece.text, piece.bold, piece.italic
        if piece.at is not None:  # each platform writes a moment its own way, and not all of them in bold
            style: Literal["date", "datetime", "time"] = "datetime" if " " in text else "time"
            text = plain(Time(piece.at, style if ":" in text else "date"))
            bold = italic = False
        url = None if piece.url is None else unquote(piece.url)
        found += [Stroke(character, bold, italic, url, quoted, piece.struck) for character in ink(text)]
    return found


def strokes_of_rows(rows: Iterable[Row]) -> list[Stroke]:
    found = []
    for row in rows:
        found += strokes([Piece("" if row.continued else row.marker)], quoted=row.quoted)
        found += strokes(row.pieces, quoted=row.quoted)
    return found


def seen(shown: Card) -> tuple[str, list[Stroke]]:
    """The title, and all that stands below it."""
    first, *rest = shown.parts
    if isinstance(first, Body):
        title, below = first.rows[0], strokes_of_rows(first.rows[1:])
    else:
        assert isinstance(first, Heading)
        title, below = Row(first.pieces), []
    for part in rest:
        match part:
            case Body(rows):
                below += strokes_of_rows(rows)
            case Small(pieces):
                below += strokes(pieces)
            case Facts(facts):
                for fact in facts:
                    below += [*strokes(fact.name), Stroke(":", bold=True), *strokes_of_rows(fact.rows)]
    return "".join(stroke.character for stroke in strokes(title.pieces)), below


def meant(message: Message, platform: str) -> tuple[str, list[Stroke]]:
    below = [stroke for block in message.blocks for stroke in meant_block(block)]
    for field in message.fields:
        name, value = ink(field.name), meant_inlines(field.value)
        if name or value:
            below += [Stroke(character, bold=True) for character in (name or "—") + ":"]
            below += value or [Stroke("—")]
    footer = ink(message.footer or "")
    moment = ink(plain(Time(message.at))) if message.at else ""
    between = {"discord": "•", "telegram": "·"}.get(platform, "") if footer and moment else ""
    if platform == "slack" and message.url:
        below += [Stroke(character, url=message.url) for character in message.url.split("/")[2]]
    return ink(message.title) or "—", [*below, *map(Stroke, footer + between + moment)]


def meant_block(block: Block, *, quoted: bool = False) -> Iterator[Stroke]:
    match block:
        case Paragraph(parts):
            yield from meant_inlines(parts, quoted=quoted)
        case Quote(inner):
            for one in inner:
                yield from meant_block(one, quoted=True)
        case BulletList(items, numbered):
            for number, item in enumerate(items, 1):
                if inside := meant_inlines(item, quoted=quoted):
                    yield from (Stroke(character, quoted=quoted) for character in (f"{number}." if numbered else "•"))
                    yield from inside


def meant_inlines(
    parts: tuple[Inline, ...], *, bold: bool = False, italic: bool = False, quoted: bool = False, struck: bool = False
) -> list[Stroke]:
    found: list[Stroke] = []
    for part in parts:
        match part:
            case Text(text):
                found += [Stroke(character, bold, italic, None, quoted, struck) for character in ink(text)]
            case Bold(inner):
                found += meant_inlines(inner, bold=True, italic=italic, quoted=quoted, struck=struck)
            case Italic(inner):
                found += meant_inlines(inner, bold=bold, italic=True, quoted=quoted, struck=struck)
            case Struck(inner):
                found += meant_inlines(inner, bold=bold, italic=italic, quoted=quoted, struck=True)
            case Link(label, url):
                text = ink(label) or url.split("/")[2]
                found += [Stroke(character, bold, italic, unquote(url), quoted, struck) for character in text]
            case Time():
                found += [Stroke(character, quoted=quoted) for character in ink(plain(part))]
    return found


# Hostile messages, small enough that nothing is cut.

ATOMS = re.findall(
    r"\S+",
    r"""
    @everyone @here <@1> <@&3> <#4> <!channel> <!here> <U1> <!date^1^{date}|x> <t:1700000000:R> <t:1:f> <a:wave:1234> :smile:
    http://evil.example/x https://a.b tg://user?id=5 evil.com /start #tag $USD +12025550123 <b> </p> <script>alert(1)</script>
    "><img src=x onerror=alert(1)> {{7*7}} {%raw%} &amp; &#60; &lt;b&gt; <!-- --> ]]> javascript:alert(1)
    [red]x[/red] [link=http://x]
    **b** *i* ***bi*** __u__ ~~s~~ ||s|| `c` ```b``` [l](http://evil.example)
    \ \\ \* # -# > >>> - + 1. 10. ( ) [ ] _ ~ | ` * ** ***
    """,
)
CONTROLS = ["\n", "\n\n\n", "\r\n", "\t", " ", "   ", "\x00", "\x1b[31m", "\x9b31m", "\x85", "\u2028", "\ud800", "\ufffe"]
UNSEEN = ["\u200b", "\u2060", "\u202e", "\u2066", "\ufeff", "\u3164"]
LIKE_OURS = ["e\u0301", "a\u030a", "👩‍👩‍👧‍👦", "🇩🇪", "שלום", "漢字", "［", "•", "> ", "- ", "1. "]
ODD = CONTROLS + UNSEEN + LIKE_OURS
hostile = st.one_of(
    st.lists(st.one_of(st.sampled_from(ATOMS), st.sampled_from(ODD)), max_size=5).map("".join),
    st.text(st.characters(exclude_categories=()), max_size=20),
)
urls = st.sampled_from(["https://1st.example/soldiers/7", "http://a.b/(x)*y_[z]?q=~a;b#c", "https://[::1]/x?a=1&b='2'"])
moments = st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))
struck_parts = st.lists(hostile.map(Text) | st.builds(Link, hostile, urls), max_size=2).map(tuple)
inlines: st.SearchStrategy[Inline] = st.recursive(
    st.one_of(
        hostile.map(Text),
        st.builds(Struck, struck_parts | struck_parts.map(lambda inner: (Bold(inner),))),
        st.builds(Link, hostile, urls),
        st.builds(Time, moments, st.sampled_from(["date", "datetime", "time"])),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda parts: Bold(tuple(parts))),
        st.lists(inner, max_size=2).map(lambda parts: Italic(tuple(parts))),
    ),
    max_leaves=3,
)
parts = st.lists(inlines, max_size=3).map(tuple)
paragraphs = parts.map(Paragraph)
bullets = st.builds(BulletList, st.lists(parts, max_size=3).map(tuple), st.booleans()).map(
    # Blank items are left out. Discord and Telegram keep the numbers of the others, and Slack counts by itself.
    lambda one: one if all(meant_inlines(item) for item in one.items) else BulletList(one.items)
)
quotes = st.lists(st.one_of(paragraphs, bullets), max_size=2).map(lambda blocks: Quote(tuple(blocks)))
messages = st.builds(
    Message,
    word=st.just("promotion"),
    title=hostile.filter(str.strip),
    blocks=st.lists(st.one_of(paragraphs, bullets, quotes), max_size=3).map(tuple),
    fields=st.lists(st.builds(Field, name=hostile, value=parts, short=st.booleans()), max_size=4).map(tuple),
    color=st.none() | st.integers(0, 0xFFFFFF),
    url=st.none() | st.just("https://1st.example/"),
    image=st.none() | st.just("https://1st.example/sfc.png"),
    at=st.none() | moments,
    footer=st.none() | hostile,
    silent=st.booleans(),
    struck=st.booleans(),
)
some = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
RICH = Message(
    word="promotion",
    title="SFC Jacob *Whitfield* <b>promoted</b>",
    blocks=(
        Paragraph((Text("by "), Link("[1RG] Okafor", "https://1st.example/(7)"), Text(" on "), Time(AT, "date"))),
        Quote(
            (
                Paragraph((Text("For *outstanding* "), Bold((Text("service"), Italic((Text(" & calm"),)))), Text("."))),
                BulletList(((Text("one"),), (Text("two\nand more"),)), numbered=True),
            )
        ),
        BulletList(((Text("- first"),), (Bold((Text("second"),)),))),
    ),
    fields=(
        Field(name="From", value=(Text("Staff Sergeant"),)),
        Field(name="Since", value=(Time(AT),)),
        Field(name="Unit", value=(Text("1st Platoon"),)),
        Field(name="Call sign", value=(Text("Ghost"),)),
        Field(name="Remarks", value=(Text("none\nat all"),), short=False),
        Field(name="No.", value=(Text("7"),)),
    ),
    color=0xF1C40F,
    url="https://1st.example/soldiers/7",
    image="https://1st.example/sfc.png",
    at=AT,
    footer="1st Ranger Group",
)


@each_platform
@some
@given(messages)
@example(RICH)
def test_the_preview_shows_every_character_as_it_was_meant_and_no_link_or_markup_that_was_not(
    platform: str, message: Message
) -> None:
    shown = card(platform, message)
    assert seen(shown) == meant(message, platform)
    assert shown.silent == (message.silent and platform in ("discord", "telegram"))
    assert any(piece.struck for piece in shown.pieces[:3]) or not message.struck
    allowed = {message.url, *(unquote(stroke.url) for stroke in meant(message, platform)[1] if stroke.url)}
    assert {unquote(url) for _, url in shown.links} <= allowed


@each_platform
@pytest.mark.parametrize("name", EVENT_NAMES)
def test_the_preview_of_every_sample_says_the_same_as_its_plain_text(platform: str, name: str) -> None:
    message = render(make_event(name, created=AT))
    assert message is not None
    title, below = seen(card(platform, message))
    text = title + "".join(stroke.character for stroke in below).replace("•", "-")
    said = ink(plain(message))
    assert text.startswith(said)
    host = ink(message.url.split("/")[2]) if message.url and platform == "slack" else ""
    assert text.removeprefix(said) in [f"{host}PERSCOM{dot}2026-03-0219:08UTC" for dot in ("-", "·", "")]


@each_platform
def test_what_was_cut_is_shown_as_cut(platform: str) -> None:
    message = Message(
        word="award",
        title="t" * 400,
        blocks=(Paragraph((Text("b" * 20_000),)),),
        fields=tuple(Field(name="n", value=(Text("v" * 3000),)) for _ in range(9)),
    )
    title, below = seen(card(platform, message))
    assert re.fullmatch("t{100,256}…", title)
    text = "".join(stroke.character for stroke in below)
    assert re.fullmatch(r"b{1500,}…(n:v+…){1,8}…:?\([1-8]more\)", text)


@each_platform
@pytest.mark.parametrize("at", [datetime(3, 2, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)])
def test_a_moment_far_away_is_shown_all_the_same(platform: str, at: datetime) -> None:
    shown = card(platform, Message(word="test", title="t", blocks=(Paragraph((Text("since "), Time(at))),)))
    assert "".join(stroke.character for stroke in seen(shown)[1]) == ink(f"since {plain(Time(at))}")


@pytest.mark.parametrize(
    ("platform", "user", "role", "told"),
    [
        ("discord", "184405311681986560", "1130112233445566778", ["@184405311681986560", "@1130112233445566778"]),
        ("slack", "U024BE7LH", "S0615G0KT", ["@U024BE7LH", "@S0615G0KT"]),
        ("telegram", "123456789", "7", ["SFC Whitfield"]),
    ],
)
def test_who_is_pinged_is_shown_and_a_silent_message_says_so(platform: str, user: str, role: str, told: list[str]) -> None:
    mentions = (Mention("user", user, "SFC Whitfield"), Mention("role", role, "HQ"))
    message = Message(word="test", title="<@1> t", mentions=mentions, silent=True)
    shown = card(platform, message)
    assert [piece.text for piece in shown.pieces if piece.mention] == told
    assert shown.title.replace("\u2060", "") == "<@1> t"
    box, page = boxes([shown], 80), page_of(message)
    for text in told:
        assert text in box
        assert f'<span class="mention">{text}</span>' in page
    assert ("(without a sound)" in box) == (platform != "slack")
    assert page.count("without a sound") == 4  # on two platforms, dark and light


@each_platform
def test_what_is_struck_is_shown_struck(platform: str) -> None:
    shown = card(platform, struck(msgspec.structs.replace(RICH, mentions=(Mention("user", "1"),))))
    text = "".join(piece.text for piece in shown.pieces if piece.struck)
    assert "promoted" in text
    assert "[1RG] Okafor" in text
    assert "second" in text
    assert not any("calm" in piece.text or piece.mention for piece in shown.pieces)


# Each platform's form, read by examples.


def body(platform: str, *blocks: Block) -> tuple[Row, ...]:
    """The rows below the title."""
    parts = card(platform, Message(word="test", title="t", blocks=blocks)).parts
    if platform == "telegram":
        (whole,) = parts
        assert isinstance(whole, Body)
        return whole.rows[1:]
    _, text = parts
    assert isinstance(text, Body)
    return text.rows


def described(markdown: str) -> tuple[Row, ...]:
    _, text = card_of("discord", {"embeds": [{"title": "t", "description": markdown}]}).parts
    assert isinstance(text, Body)
    return text.rows


@pytest.mark.parametrize(
    ("markdown", "rows"),
    [
        ("a \\*b\\* \\\\", [Row((Piece("a *b* \\"),))]),
        ("**a\\*** b", [Row((Piece("a*", bold=True), Piece(" b")))]),
        ("\\***b**", [Row((Piece("*"), Piece("b", bold=True)))]),
        ("*i*\u2060***bi***", [Row((Piece("i", italic=True), Piece("\u2060"), Piece("bi", bold=True, italic=True)))]),
        ("[a \\(b\\)](https://x.y/%28z%29) c", [Row((Piece("a (b)", url="https://x.y/%28z%29"), Piece(" c")))]),
        ("**[l](https://x.y/)**", [Row((Piece("l", bold=True, url="https://x.y/"),))]),
        ("\\[l](https://x.y/)", [Row((Piece("[l](https://x.y/)"),))]),
        ("<t:1772478480:D>", [Row((Piece("2 March 2026", at=AT),))]),
        ("<t:1772478480:f>.", [Row((Piece("2 March 2026 19:08", at=AT), Piece(".")))]),
        ("<t:99999999999999999:f>", [Row((Piece("<t:99999999999999999:f>"),))]),
        ("> q\n> - a\n>   b\n\n1. c\n   d\n   e", [
            Row((Piece("q"),), quoted=True), Row((Piece("a"),), quoted=True, marker="•"),
            Row((Piece("b"),), quoted=True, marker="•", continued=True), Row(), Row((Piece("c"),), marker="1."),
            Row((Piece("d"),), marker="1.", continued=True), Row((Piece("e"),), marker="1.", continued=True),
        ]),
        ("> - a\n  b", [Row((Piece("a"),), quoted=True, marker="•"), Row((Piece("  b"),))]),
        ("\\- a\n\\> b\n1\\. c\n   d", [
            Row((Piece("- a"),)), Row((Piece("> b"),)), Row((Piece("1. c"),)), Row((Piece("   d"),)),
        ]),
    ],
)  # fmt: skip
def test_discords_markdown_is_read_with_its_escapes(markdown: str, rows: list[Row]) -> None:
    assert described(markdown) == tuple(rows)


def test_telegrams_entities_count_utf16_units_and_lie_in_each_other() -> None:
    text = "😀 bold\nquoted\n\nend"
    entities = [
        {"type": "text_link", "offset": 3, "length": 4, "url": "https://x.y/"},
        {"type": "bold", "offset": 0, "length": 5},
        {"type": "italic", "offset": 0, "length": 7},
        {"type": "blockquote", "offset": 8, "length": 6},
        {"type": "date_time", "offset": 16, "length": 3, "unix_time": 1772478480, "date_time_format": "D"},
    ]
    (whole,) = card_of("telegram", {"text": text, "entities": entities, "chat_id": 1}).parts
    assert whole == Body(
        (
            Row(
                (
                    Piece("😀 ", bold=True, italic=True),
                    Piece("bo", bold=True, italic=True, url="https://x.y/"),
                    Piece("ld", italic=True, url="https://x.y/"),
                )
            ),
            Row((Piece("quoted"),), quoted=True),
            Row(),
            Row((Piece("2 March 2026", at=AT),)),
        )
    )


def test_slacks_blocks_become_rows() -> None:
    assert body("slack", *RICH.blocks) == (
        Row((Piece("by "), Piece("[1RG] Okafor", url="https://1st.example/(7)"), Piece(" on "), Piece("2 March 2026", at=AT))),
        Row(
            (
                Piece("For *outstanding* "),
                Piece("service", bold=True),
                Piece(" & calm", bold=True, italic=True),
                Piece("."),
            ),
            quoted=True,
        ),
        Row((Piece("one"),), quoted=True, marker="1."),
        Row((Piece("two"),), quoted=True, marker="2."),
        Row((Piece("and more"),), quoted=True, marker="2.", continued=True),
        Row((Piece("- first"),), marker="•"),
        Row((Piece("second", bold=True),), marker="•"),
    )


def test_colour_picture_and_short_facts_are_where_a_platform_shows_them() -> None:
    discord, slack, telegram = (card(platform, RICH) for platform in PLATFORMS)
    assert (discord.color, discord.image) == (0xF1C40F, "https://1st.example/sfc.png")
    assert (slack.color, slack.image) == (None, "https://1st.example/sfc.png")
    assert (telegram.color, telegram.image) == (None, None)
    (facts,) = (part for part in discord.parts if isinstance(part, Facts))
    assert [[fact.name[0].text for fact in line] for line in facts.lines] == [
        ["From", "Since", "Unit"],
        ["Call sign"],
        ["Remarks"],
        ["No."],
    ]


BOLD = {"type": "mrkdwn", "text": "*bold*", "verbatim": True}


@pytest.mark.parametrize(
    ("platform", "payload"),
    [
        ("discord", {"content": "x"}),
        ("discord", {"embeds": [{"title": "t", "author": {"name": "x"}}]}),
        ("discord", {"embeds": [{"title": "t", "url": "javascript:alert(1)"}]}),
        ("slack", {"text": "t", "blocks": [{"type": "divider"}]}),
        ("slack", {"text": "t", "blocks": [{"type": "context", "elements": [BOLD]}]}),
        ("telegram", {"text": "t", "entities": [{"type": "spoiler", "offset": 0, "length": 1}]}),
    ],
)  # fmt: skip
def test_what_a_payload_of_ours_never_holds_is_an_error_and_not_left_out(platform: str, payload: dict[str, Any]) -> None:
    with pytest.raises((msgspec.ValidationError, ValueError)):
        card_of(platform, payload)


def test_a_posted_message_is_read_from_what_the_platform_got() -> None:
    async def post() -> list[Card]:
        async with ChatStandIn() as chat, new_session() as session:
            token, channel = chat.slack_token, chat.slack_channel(name="board")
            destinations: list[Destination] = [
                DiscordDestination(chat.discord_webhook(name="a"), name="a", session=session, username="Clerk"),
                SlackWebhookDestination(chat.slack_webhook(name="b"), name="b", session=session),
                SlackBotDestination(token, channel, name="c", session=session, base_url=chat.slack_api),
                TelegramDestination(
                    chat.telegram_bot(name="d"),
                    chat.telegram_chat(name="d"),
                    name="d",
                    session=session,
                    base_url=chat.telegram_api,
                ),
            ]
            for destination in destinations:
                await destination.send(RICH)
            return [card_of(posted.platform, posted.payload) for posted in chat.messages]

    assert asyncio.run(post()) == [card(platform, RICH) for platform in ("discord", "slack", "slack", "telegram")]


# The terminal


def cards(message: Message) -> list[Card]:
    return [card(platform, message) for platform in PLATFORMS]


@some
@given(messages, st.integers(1, 220))
@example(RICH, 60)
def test_a_box_holds_together_whatever_is_in_it(message: Message, columns: int) -> None:
    text = unstyle(boxes(cards(message), columns))
    lines = text.split("\n")[:-1]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert {cell_len(line) for line in lines} == {cell_len(lines[0])}
    assert cell_len(lines[0]) <= max(columns, 36)
    assert all(line.startswith(("  | ", "  +-")) and line.endswith((" |", "-+")) for line in lines)
    assert text.count("+- Discord -") == text.count("+- Slack -") == text.count("+- Telegram -") == 1


def test_styles_are_the_terminals_bold_italic_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = boxes([card("discord", msgspec.structs.replace(RICH, color=0x123456))], 100)
    assert "\x1b[1mservice\x1b[0m" in text
    assert "\x1b[1;3m& calm\x1b[0m" in text
    assert text.startswith("  \x1b[38;2;18;52;86m+- Discord ---")


SIDE_BY_SIDE = """\
rankrecord.created (promotion), from body.json. Times are in UTC here; everybody sees them in their own time zone.

  +- Discord ----------------------------------------------------+ +- Slack ------------------------------------------------------+ +- Telegram ---------------------------------------------------+
  | SFC Jacob Whitfield promoted to Sergeant First Class         | | SFC Jacob Whitfield promoted to Sergeant First Class         | | SFC Jacob Whitfield promoted to Sergeant First Class         |
  | 1st Platoon, Alpha Company · by Capt. Okafor                 | | 1st Platoon, Alpha Company · by Capt. Okafor                 | | 1st Platoon, Alpha Company · by Capt. Okafor                 |
  | > For leading 1st Platoon.                                   | | > For leading 1st Platoon.                                   | | > For leading 1st Platoon.                                   |
  |                                                              | |                                                              | |                                                              |
  | PERSCOM • 2 Mar 2026, 19:08                                  | | PERSCOM  2 Mar 2026 19:08                                    | | PERSCOM · 2 March 2026, 19:08                                |
  +--------------------------------------------------------------+ +--------------------------------------------------------------+ +--------------------------------------------------------------+
"""  # noqa: E501
NAMES_BELOW = """
Names for [wording.promotion] and for `when`, as they are here:
  word          promotion
  member        SFC Jacob Whitfield
  rank          Sergeant First Class
  old_rank      (empty)
  unit          1st Platoon, Alpha Company
  title         (empty)
  text          For leading 1st Platoon.
  by            Capt. Okafor
  link          (empty)
Always empty for promotion: award, qualification, old_unit, position, status, starts, ends, location, form, changed
"""
ONE_BELOW_THE_OTHER = """\
rankrecord.created (promotion), from body.json. Times are in UTC here; everybody sees them in their own time zone.

  +- Discord ----------------------------------------------+
  | SFC Jacob Whitfield promoted to Sergeant First Class   |
  | <https://1st.example.org>                              |
  | 1st Platoon, Alpha Company · by Capt. Okafor           |
  | > For leading 1st Platoon.                             |
  |                                                        |
  | PERSCOM • 2 Mar 2026, 19:08                            |
  +--------------------------------------------------------+
  +- Slack ------------------------------------------------+
  | SFC Jacob Whitfield promoted to Sergeant First Class   |
  | 1st Platoon, Alpha Company · by Capt. Okafor           |
  | > For leading 1st Platoon.                             |
  |                                                        |
  | 1st.example.org <https://1st.example.org>              |
  |                                                        |
  | PERSCOM  2 Mar 2026 19:08                              |
  +--------------------------------------------------------+
  +- Telegram ---------------------------------------------+
  | SFC Jacob Whitfield promoted to Sergeant First Class   |
  | <https://1st.example.org>                              |
  | 1st Platoon, Alpha Company · by Capt. Okafor           |
  | > For leading 1st Platoon.                             |
  |                                                        |
  | PERSCOM · 2 March 2026, 19:08                          |
  +--------------------------------------------------------+
"""
CONFIGURATION = """
[site]
secret = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
url = "https://1st.example.org/"
[destinations.announcements]
type = "discord"
url = "https://discord.com/api/webhooks/1130112233445566778/Zq7xTokenOfTheChannelForEverybody"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, in front of a terminal of 200 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def captured(name: str = "rankrecord.created", **overrides: object) -> str:
    Path("body.json").write_bytes(php_json(sample(name, created=AT, **overrides)))
    return "body.json"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["preview", *arguments])


@pytest.mark.usefixtures("folder")
def test_a_captured_promotion_on_a_wide_terminal_looks_like_this() -> None:
    result = run(captured())
    assert result.exit_code == 0
    assert result.output == SIDE_BY_SIDE + NAMES_BELOW


@pytest.mark.usefixtures("folder")
def test_a_captured_promotion_on_a_narrow_terminal_with_the_address_of_perscom_looks_like_this(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    Path("bridge.toml").write_text(CONFIGURATION, encoding="utf-8")
    assert run(captured()).output == ONE_BELOW_THE_OTHER + NAMES_BELOW
    Path("bridge.toml").rename("rangers.toml")
    assert run("body.json", "--config", "rangers.toml").output == ONE_BELOW_THE_OTHER + NAMES_BELOW
    assert "1st.example.org" not in run("body.json").output


@pytest.mark.usefixtures("folder")
def test_the_wording_of_the_file_is_used_and_so_is_its_time_zone() -> None:
    wording = '[wording.event]\ntitle = "Ops: {{ title }}"\ntext = "{{ starts }}"\n'
    Path("bridge.toml").write_text(f"{CONFIGURATION}{wording}".replace("[site]", '[site]\ntimezone = "Europe/Berlin"'))
    starts = "2026-03-07T19:00:00.000000Z"
    told = run(captured("event.created", starts=starts, all_day=False), "--as", "telegram").output
    assert "| Ops: Operation Iron Gate " in told
    assert "| 2026-03-07 20:00 CET " in told
    assert "\n  starts        2026-03-07 20:00 CET\n" in told
    Path("bridge.toml").unlink()
    assert "| New event: Operation Iron Gate " in run("body.json", "--as", "telegram").output


@pytest.mark.usefixtures("folder")
def test_a_language_is_named_or_that_of_the_file_and_a_wrong_one_is_told() -> None:
    told = run(captured(), "--language", "de", "--as", "discord")
    assert "SFC Jacob Whitfield promoted" not in told.output
    Path("bridge.toml").write_text(CONFIGURATION.replace("[site]", '[site]\nlanguage = "de"'), encoding="utf-8")
    told_by_file = run("body.json", "--as", "discord")
    assert told.output.splitlines()[3] == told_by_file.output.splitlines()[3]
    wrong = run("body.json", "--language", "dee")
    assert wrong.exit_code == 1
    assert '"dee" is no language of perscom-bridge. Did you mean "de"?      Known: en, de' in wrong.output


@pytest.mark.usefixtures("folder")
def test_a_long_value_of_a_name_is_cut_where_the_terminal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    told = run(captured(text="<p>" + "For valor at Hill 402. " * 20 + "</p><p>Again.</p>"), "--as", "discord").output
    (row,) = [line for line in told.splitlines() if line.startswith("  text ")]
    assert row == "  text          For valor at Hill 402. For valo…"


@pytest.mark.usefixtures("folder")
def test_the_page_lists_the_names_under_the_messages() -> None:
    html = run(captured(text="<b>&lt;script&gt;</b>"), "--as", "html").stdout
    listed = html.partition('<h2 class="names">Names for [wording.promotion]')[2]
    assert "<tr><th>member</th><td>SFC Jacob Whitfield</td></tr>" in listed
    assert "<tr><th>text</th><td>&lt;script&gt;</td></tr>" in listed
    assert "<tr><th>old_rank</th><td>(empty)</td></tr>" in listed
    assert "Always empty for promotion: award, qualification" in listed
    assert html.count('<h2 class="names">') == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("word", WORDS)
def test_every_word_has_a_sample_of_its_own(word: str) -> None:
    result = run(word)
    assert result.exit_code == 0
    assert f" ({word}), a sample." in result.output.splitlines()[0]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", EVENT_NAMES)
def test_every_event_has_a_sample(name: str) -> None:
    result = run(name, "--as", "telegram")
    assert result.exit_code == 0
    assert result.output.startswith(f"{name} (")


@pytest.mark.usefixtures("folder")
def test_platforms_come_in_the_order_they_are_named_each_once() -> None:
    output = run("promotion", "--as", "telegram, Discord,telegram").output
    assert re.findall(r"\+- (\w+) -", output) == ["Telegram", "Discord"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["promotoin"], '"promotoin" is no word, no event and no file here. Did you mean "promotion"?      All words: '),
        (["rankrecord.create"], 'Did you mean "rankrecord.created"?'),
        (["\x1b[2J"], '"?[2J" is no word, no event and no file here.      All words: perscom-bridge events\n'),
        (["12"], "A number is that of a stored event, and nothing is stored here yet. Name the file with --config."),
        (["promotion", "--to", "staff"], 'There is no destination "staff".      There is: no configuration here'),
        (["promotion", "--as", "dicsord"], '"dicsord" is no platform. Did you mean "discord"?      Known: discord, slack,'),
        (["promotion", "--as", "slack,"], '"" is no platform.      Known: discord, slack, telegram; html makes a page of'),
        (["."], ". cannot be read: Is a directory."),
        (["/dev/zero"], "/dev/zero is larger than 5 MiB; what PERSCOM sends never is."),
        (["text.json"], "text.json holds no event as PERSCOM sends it. "),
        (["private.json"], "There is nothing to say about this message.created, so nothing would be posted."),
        (["promotion", "--config", "nothing.toml"], "There is no such file."),
        (["promotion", "--as", "html", "-o", "no/such/folder.html"], "no/such/folder.html cannot be written: No such file"),
    ],
)
def test_what_cannot_be_shown_is_told_with_what_to_do(arguments: list[str], says: str) -> None:
    Path("text.json").write_text('{"event": 1}', encoding="utf-8")
    Path("private.json").write_bytes(php_json(sample("message.created", recipients=[7])))
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert says in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("folder")
def test_a_file_for_a_page_without_a_page_is_a_mistake() -> None:
    result = run("promotion", "-o", "page.html")
    assert result.exit_code == 2
    assert "add --as html" in result.stderr
    assert not Path("page.html").exists()


# Several events, what comes later, and what is stored


def titles(output: str) -> list[str]:
    """The first line of each box, the platform's name in front."""
    return [f"{name}: {title.strip()}" for name, title in re.findall(r"\+- ([^+]+?) -+\+\n  \| (.*?) \|", output)]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("word", "about", "title"),
    [
        ("promotion", "user.updated, rankrecord.created", "SFC Jacob Whitfield promoted to Sergeant First Class"),
        ("demotion", "user.updated, rankrecord.created", "SFC Jacob Whitfield demoted to Sergeant First Class"),
        (
            "assignment",
            "5 × user.updated, assignmentrecord.created",
            "Cpl Noor Haddad assigned to 1st Platoon, Alpha Company",
        ),
    ],
)
def test_all_deliveries_of_an_action_are_one_message(word: str, about: str, title: str) -> None:
    output = run(word, "--whole", "--as", "telegram").output
    assert output.startswith(f"{about}, a sample.")
    (only,) = titles(output)
    assert only.startswith(f"Telegram: {title}")
    assert "changed" not in output.partition("Names for")[0]


@pytest.mark.usefixtures("folder")
def test_several_words_and_a_night_are_a_digest() -> None:
    assert titles(run("promotion", "award", "event", "--as", "discord").output) == ["Discord: 1 promotion, 1 award, 1 event"]
    night = run("--digest", "--as", "discord").output
    assert "2 promotions, 1 award, 1 qualification, 1 assignment" in night
    assert "• Spc Tomasz Nowak promoted" in night
    assert "3 promotions" in run("promotion", "--digest", "--as", "discord").output


@pytest.mark.usefixtures("folder")
def test_a_file_of_several_requests_is_posted_as_they_came_together() -> None:
    promotion, award = (sample(name, created=AT, request_id="one") for name in ("rankrecord.created", "awardrecord.created"))
    award |= {"data": award["data"] | {"user_id": promotion["data"]["user_id"], "user": promotion["data"]["user"]}}
    Path("list.json").write_bytes(php_json([promotion, award]))
    Path("lines.json").write_bytes(php_json(promotion) + b"\n" + php_json(award) + b"\n")
    for file in ("list.json", "lines.json"):
        assert titles(run(file, "--as", "slack").output) == ["Slack: SFC Jacob Whitfield: 1 promotion, 1 award"]
    Path("request").write_bytes(b"POST /webhooks/perscom HTTP/1.1\r\nSignature: 0\r\n\r\n" + php_json(promotion))
    assert titles(run("request", "--as", "slack").output) == ["Slack: SFC Jacob Whitfield promoted to Sergeant First Class"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("word", ["promotion", "assignment", "event", "message", "calendar"])
def test_what_is_edited_and_then_deleted_is_shown_step_by_step(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    shown = run(word, "--whole", "--then", "edited", "--then", "deleted")
    boxes = re.findall(r"\+- ([^+]+?) -+\+", shown.output)
    # That an event is moved or cancelled is news besides.
    told = ("", ", edited", "", ", edited", "") if word == "event" else ("", ", edited", ", edited")
    assert boxes == [f"{name}{became}" for became in told for name in ("Discord", "Slack", "Telegram")]
    html = run(word, "--then", "edited", "--then", "deleted", "--as", "html").stdout
    assert html.count(" · edited</span>") == 12
    assert html.count("<s>") >= 6  # the title on each platform, dark and light


@pytest.mark.usefixtures("folder")
def test_an_incoming_webhook_of_slack_says_it_in_a_further_message() -> None:
    staff = '[destinations.staff]\ntype = "slack"\nurl = "https://hooks.slack.com/services/T0123ABCD/B0123ABCD/Zq7xTokenOfTheChannel"'
    Path("bridge.toml").write_text(f"{CONFIGURATION}\n{staff}\n", encoding="utf-8")
    assert titles(run("promotion", "--then", "deleted", "--to", "staff").output) == [
        "Slack: SFC Jacob Whitfield promoted to Sergeant First Class",
        "Slack: The promotion of SFC Jacob Whitfield was withdrawn",
    ]


@pytest.mark.usefixtures("folder")
def test_what_is_too_long_goes_on_in_further_messages() -> None:
    became = re.findall(r"\+- ([^+]+?) -+\+", run("submission", "--long").output)
    assert became[:3] == ["Discord", "Slack", "Telegram"]
    assert {"Discord, continued", "Slack, continued", "Telegram, continued"} <= set(became)
    assert "long" in run("body.json", "--long").stderr


@pytest.mark.usefixtures("folder")
def test_all_languages_stand_one_below_the_other() -> None:
    output = run("award", "--language", "all", "--as", "discord").output
    assert re.findall("^[a-z]{2}$", output, re.MULTILINE) == ["en", "de", "fr", "nl", "es"]
    assert len(set(titles(output))) == 5
    html = run("award", "--language", "all", "--as", "html").stdout
    assert html.count('<h2 class="language">') == 10
    assert html.count('class="channel discord"') == 10


DESTINATIONS = """
[destinations.ranks]
type = "telegram"
token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9"
chat = -1001234567890
events = ["promotion", "joined"]
language = "de"
ping = ["member"]
quiet = "18:00-20:00"
threads = "member"
[mentions.telegram]
members = { 2153 = "123456789" }
[images.rank]
"sergeant first class" = "https://1st.example.org/sfc.png"
"""


@pytest.mark.usefixtures("folder")
def test_a_destination_shows_it_in_its_language_with_its_pings_and_its_quiet_hours() -> None:
    Path("bridge.toml").write_text(CONFIGURATION + DESTINATIONS, encoding="utf-8")
    output = run(captured(), "--to", "ranks").output
    assert "| Beförderung: SFC Jacob Whitfield ist jetzt Sergeant First " in output
    assert output.count("+- Telegram -") == 1
    assert "Discord" not in output
    assert "| SFC Jacob Whitfield  " in output  # who is pinged
    assert "(without a sound)" in output
    assert "picture <https://1st.example.org/sfc.png>" in run("promotion", "--to", "announcements").output
    assert "ranks does not ask for it" in run("award", "--to", "ranks").output
    assert "(begins a thread: Marcus Hale ist beigetreten)" in run("joined", "--to", "ranks").output
    assert "begins a thread: Marcus Hale" in run("joined", "--to", "ranks", "--as", "html").stdout
    mistaken = run("promotion", "--to", "rank")
    assert 'There is no destination "rank". Did you mean "ranks"?      There is: announcements, ranks' in mistaken.stderr
    assert run("promotion", "--to", "ranks", "--as", "discord").exit_code == 2


def test_a_stored_event_is_named_by_its_number_or_its_id_and_told_with_the_names_that_are_known(folder: Path) -> None:
    Path("bridge.toml").write_text(CONFIGURATION, encoding="utf-8")
    assert "nothing is stored here yet" in run("1").stderr
    promotion = make_event("rankrecord.created", created=AT, request_id="one", user=None, rank=None)
    profile = make_event("user.updated", created=AT - timedelta(milliseconds=5), request_id="one")
    withdrawn = make_event("rankrecord.deleted", created=AT + timedelta(days=1))
    with closing(SQLiteInbox(folder / "bridge.db")) as inbox:
        for event in (profile, promotion, withdrawn):
            inbox.add(event)
    told = "Discord: SFC Jacob Whitfield promoted to Sergeant First Class"
    for number in ("2", promotion.id[:12]):
        shown = run(number, "--as", "discord")
        assert shown.output.startswith(f"rankrecord.created (promotion), stored as {number}.")
        assert titles(shown.output) == [told]
    whole = run("2", "--whole", "--as", "discord").output
    assert whole.startswith("user.updated, rankrecord.created, stored as 2.")
    assert titles(whole) == [told]
    assert titles(run("2", "--then", "3", "--as", "discord").output) == [told, told.replace(":", ", edited:")]
    assert titles(run("1", "2", "--as", "discord").output) == [told]
    assert "Name the stored event that tells it: --then NUMBER" in run("2", "--then", "deleted").stderr
    assert "No event is stored under 77, or its body is gone." in run("77").stderr
    listed = CliRunner().invoke(main, ["inbox", "list"]).output
    assert re.search(r"^     2  \S+ \S+Z  rankrecord.created +SFC Jacob Whitfield promoted", listed, re.MULTILINE)


@pytest.mark.usefixtures("folder")
def test_a_sample_is_not_told_with_the_names_of_the_community(folder: Path) -> None:
    Path("bridge.toml").write_text(CONFIGURATION, encoding="utf-8")
    with closing(SQLiteInbox(folder / "bridge.db")) as inbox:
        inbox.add(make_event("user.updated", id=1, display_name="Gen. Nobody", name="Nobody"))
    assert "by Capt. Okafor" in run("promotion", "--as", "discord").output


@pytest.mark.usefixtures("folder")
def test_without_a_word_and_with_what_nothing_tells_it_says_what_to_name() -> None:
    assert run().exit_code == 2
    assert "a webhook was edited" in run("test", "--then", "edited").stderr


def without(library: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program where ``library`` is not installed."""
    code = f"import sys; sys.modules[{library!r}] = None; from perscom_bridge.cli import main; main()"
    command = [sys.executable, "-c", code, "preview", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.usefixtures("folder")
def test_a_platform_that_is_not_installed_is_left_out_with_a_word_and_an_error_only_when_it_was_named() -> None:
    extra = 'Slack needs the extra "slack": python -m pip install "perscom-receiver[slack]"\n'
    done = without("slack_sdk", "promotion")
    assert (done.returncode, done.stderr) == (0, f"Not shown: {extra}")
    assert re.findall(r"\+- (\w+) -", done.stdout) == ["Discord", "Telegram"]
    done = without("slack_sdk", "promotion", "--as", "discord,slack")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", extra)


# The page


class Reader(HTMLParser):
    """Elements, attributes and texts of a page, which must be in order."""

    VOID = frozenset({"meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.style = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("p", "h3", "dt", "footer"):
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.style += data
        elif {"article"} <= set(self.open) and {"p", "h3", "dt", "footer"} & set(self.open):
            self.texts[-1] += data

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


STRUCTURE = (
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "section",
    "div",
    "header",
    "article",
    "footer",
    "h1",
    "h2",
    "h3",
)
ELEMENTS = {*STRUCTURE, "p", "span", "blockquote", "dl", "dt", "dd", "a", "b", "i", "s", "time"}
HEAD = {"lang", "charset", "name", "content", "http-equiv"}
ATTRIBUTES = {*HEAD, "class", "style", "href", "title", "rel", "datetime", "aria-hidden"}


def page_of(message: Message) -> str:
    return page([("", cards(message))], note="a note", at=AT)


def texts(shown: Sequence[Card]) -> list[str]:
    """Heading, rows, names and small print, as they stand in the page."""

    def row(row: Row) -> str:
        return ("" if row.continued else row.marker) + "".join(piece.text for piece in row.pieces)

    found = []
    for part in (part for one in shown for part in one.parts):
        match part:
            case Heading(pieces) | Small(pieces):
                found.append(row(Row(pieces)))
            case Body(rows):
                found += map(row, rows)
            case Facts(facts):
                for fact in facts:
                    found += [row(Row(fact.name)), *map(row, fact.rows)]
    return found


@some
@given(messages)
@example(RICH)
def test_the_page_holds_the_texts_of_the_cards_and_nothing_that_a_text_could_have_brought(message: Message) -> None:
    html = page_of(message)
    html.encode()
    read = Reader(html)
    assert {tag for tag, _ in read.elements} <= ELEMENTS
    assert {name for _, attributes in read.elements for name in attributes} <= ATTRIBUTES
    links = [url for one in cards(message) for url in (piece.url for piece in one.pieces) if url]
    assert [attributes["href"] for tag, attributes in read.elements if tag == "a"] == links * 2  # dark and light
    assert not re.search(r"url\(|@import|expression|</", read.style)
    styles = {attributes["style"] for _, attributes in read.elements if "style" in attributes}
    assert all(re.fullmatch("--bar: #[0-9a-f]{6}", style or "") for style in styles)
    expected = texts(cards(message))
    assert list(filter(None, read.texts)) == list(filter(None, expected)) * 2


def test_the_page_of_a_file_and_that_on_standard_output_are_the_same(folder: Path) -> None:
    printed = run(captured(), "--as", "html")
    assert (printed.exit_code, printed.stderr) == (0, "")
    written = run("body.json", "--as", "html", "-o", "page.html")
    assert (written.exit_code, written.output) == (0, "Wrote page.html. Open it in a browser.\n")
    assert (folder / "page.html").read_bytes() == printed.stdout_bytes
    assert printed.stdout.startswith("<!doctype html>\n")
    assert Reader(printed.stdout).texts.count("SFC Jacob Whitfield promoted to Sergeant First Class") == 6


@pytest.mark.usefixtures("folder")
def test_a_page_can_show_one_platform_alone() -> None:
    read = Reader(run("award", "--as", "html,slack").stdout)
    classes = [attributes["class"] for _, attributes in read.elements if "class" in attributes]
    assert classes.count("channel slack") == 2
    assert not {"channel discord", "channel telegram"} & set(classes)


needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium here (Debian: apt-get install chromium)"
)


@needs_chromium
def test_a_browser_opens_the_page_as_it_was_written_and_asks_for_nothing_else(tmp_path: Path) -> None:
    hostile_text = "".join(ATOMS)
    message = msgspec.structs.replace(RICH, title=hostile_text[:200], blocks=(*RICH.blocks, Paragraph((Text(hostile_text),))))
    html = page_of(message)
    path = tmp_path / "page.html"
    path.write_text(html, encoding="utf-8")

    async def look() -> None:
        complaints: list[str] = []
        async with async_playwright() as playwright:
            chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
            tab = await chromium.new_page(viewport={"width": 1400, "height": 900})
            listen(tab, complaints)
            await tab.goto(path.as_uri())
            # Had the browser mended anything, there would be other elements than those that were written.
            assert await tab.locator("*").count() == len(Reader(html).elements)
            assert await tab.evaluate("document.compatMode") == "CSS1Compat"
            for theme, color in (("dark", "rgb(49, 51, 56)"), ("light", "rgb(255, 255, 255)")):
                channel = tab.locator(f".{theme} .channel.discord")
                assert await channel.evaluate("one => getComputedStyle(one).backgroundColor") == color
            places = [await tab.locator(f".dark .channel.{platform}").bounding_box() for platform in PLATFORMS]
            tops = {place["y"] for place in places if place}
            assert len(tops) == 1  # side by side
            await chromium.close()
        assert complaints == [f"request: {path.as_uri()}"]

    asyncio.run(look())


def listen(tab: Page, complaints: list[str]) -> None:
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    tab.on("request", lambda request: complaints.append(f"request: {request.url}"))


# The demo


def test_the_demo_shows_what_was_posted_on_each_platform_and_a_further_channel_is_a_column_more() -> None:
    async def play() -> tuple[list[Card], str]:
        async with demo() as shown, new_session() as session:
            async for sent in shown.requests():
                if sent.golden.name == "rankrecord_created":
                    break
            assert await shown.settled()
            slack = SlackWebhookDestination(shown.standin.slack_webhook(name="staff"), name="staff", session=session)
            await slack.send(RICH)
            html = await asyncio.to_thread(lambda: urlopen(web_url(shown.service.status) + "/", timeout=10).read().decode())
            discord, slack_column, staff, telegram = shown.channels()
            assert [(one.platform_name, one.name) for one in (discord, slack_column, telegram)] == [
                (name, "announcements") for name in ("Discord", "Slack", "Telegram")
            ]
            assert len(discord.said) == len(slack_column.said) == len(telegram.said)
            assert [(one, at - AT > timedelta()) for one, at in staff.said] == [(card("slack", RICH), True)]
            return [one for one, _ in discord.said], html

    posted, html = asyncio.run(play())
    titles = [part.pieces[0].text for one in posted for part in one.parts if isinstance(part, Heading)]
    assert "SFC Jacob Whitfield promoted to Sergeant First Class" in titles
    assert f"{len(posted)} messages on Discord" in html
    assert f"{len(posted)} messages on Telegram" in html
    assert f"{len(posted)} messages on Slack" in html
    assert "1 message on Slack" in html
    assert html.count('<article class="embed"') == len(posted)
    assert html.count('<article class="blocks"') == len(posted) + 1
