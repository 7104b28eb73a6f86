"""A long message in several: together they say all of it, each within its platform's limits."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from hostile import messages, some
from hypothesis import example, given, settings
from msgspec.structs import replace
from seen import visible as ink

from perscom_adapters import (
    Bold,
    BulletList,
    Field,
    Italic,
    Link,
    Mention,
    Message,
    Paragraph,
    Quote,
    Text,
    Time,
    continued,
    discord,
    plain,
    slack,
    telegram,
)
from perscom_adapters.testing import discord_refusal, slack_refusal, telegram_refusal

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # 100 000 characters are meant

AT = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)
PLATFORMS = pytest.mark.parametrize("platform", [discord, slack, telegram], ids=["discord", "slack", "telegram"])
REFUSALS = {discord: discord_refusal, slack: slack_refusal, telegram: telegram_refusal}
LONG = " ".join(f"Sentence {n} of what was said about it." for n in range(400))


def paragraph(text: str) -> Paragraph:
    return Paragraph((Text(text),))


def sent(platform: ModuleType, message: Message) -> tuple[Message, ...]:
    parts = continued(message, platform.is_whole)
    assert all(REFUSALS[platform](platform.payload(part)) is None for part in parts)
    return parts


def words(*parts: Message) -> str:
    """What the texts of ``parts`` say, without the ellipsis at the end of one that goes on."""
    blocks = [block for part in parts for block in part.blocks if block != paragraph("…")]
    return re.sub(r"\s+", " ", " ".join(plain(block) for block in blocks)).strip()


@PLATFORMS
def test_what_fits_stays_one_message(platform: ModuleType) -> None:
    message = Message(word="test", title="t", blocks=(paragraph("text"),), fields=(Field(name="n", value=(Text("v"),)),))
    assert sent(platform, message) == (message,)


@PLATFORMS
def test_a_long_text_goes_on_between_sentences_and_the_fields_follow_it(platform: ModuleType) -> None:
    fields = (Field(name="From", value=(Text("Corporal"),)),)
    message = Message(
        word="test",
        title="Citation",
        blocks=(paragraph("by Capt. Okafor"), Quote((Paragraph((Bold((Text(LONG),)),)),))),
        fields=fields,
        image="https://x.y/z.png",
        footer="f",
        at=AT,
        mentions=(Mention("user", "1"),),
    )
    parts = sent(platform, message)
    assert all(map(platform.is_whole, parts))
    assert 2 <= len(parts) <= 5
    assert words(*parts) == f"by Capt. Okafor {LONG}"
    assert [part.title for part in parts] == ["Citation", *["… Citation"] * (len(parts) - 1)]
    assert [part.fields for part in parts] == [*[()] * (len(parts) - 1), fields]
    assert [bool(part.mentions) for part in parts] == [True, *[False] * (len(parts) - 1)]
    assert [part.silent for part in parts] == [False, *[True] * (len(parts) - 1)]
    assert [part.image for part in parts[1:]] == [None] * (len(parts) - 1)
    for part in parts[:-1]:
        assert part.blocks[-1] == paragraph("…")
        assert plain(part.blocks[-2]).endswith("it.")


@PLATFORMS
def test_a_list_goes_on_with_its_numbers(platform: ModuleType) -> None:
    items = tuple((Text(f"Promotion {n} " + "x" * 80),) for n in range(1, 151))
    parts = sent(platform, Message(word="test", title="t", blocks=(BulletList(items, numbered=True),)))
    lists = [block for part in parts for block in part.blocks if isinstance(block, BulletList)]
    assert len(lists) == len(parts) > 1
    assert tuple(item for block in lists for item in block.items) == items
    assert [block.start for block in lists[1:]] == [
        1 + sum(len(block.items) for block in lists[:place]) for place in range(1, len(lists))
    ]
    assert all(map(platform.is_whole, parts))


@PLATFORMS
def test_an_answer_that_is_too_long_for_a_field_is_told_as_text(platform: ModuleType) -> None:
    fields = (
        Field(name="Why", value=(Text(LONG[:3000]),)),
        Field(name="Age", value=(Text("21"),)),
    )
    parts = sent(platform, Message(word="submission", title="t", fields=fields))
    assert words(*parts) == f"Why: {LONG[:3000]}".strip()
    assert parts[-1].fields == fields[1:]
    assert all(map(platform.is_whole, parts))


@PLATFORMS
def test_links_and_moments_stay_whole(platform: ModuleType) -> None:
    inlines = [part for n in range(300) for part in (Text(f" word {n} "), Time(AT), Link(f"link {n}", f"https://x.y/{n}"))]
    message = Message(word="test", title="t", blocks=(Paragraph((Italic(tuple(inlines)),)),))
    parts = sent(platform, message)
    assert len(parts) > 1
    found = [inline for part in parts for inline in walk(part) if isinstance(inline, Time | Link)]
    assert found == [inline for inline in inlines if not isinstance(inline, Text)]


def walk(part: Any) -> list[Any]:
    if isinstance(part, Message):
        return [inline for block in part.blocks for inline in walk(block)]
    return [inner for one in part.parts for inner in walk(one)] if isinstance(part, Paragraph | Italic) else [part]


@PLATFORMS
def test_five_may_follow_and_the_last_says_that_it_is_cut(platform: ModuleType) -> None:
    parts = sent(platform, Message(word="test", title="t", blocks=(paragraph(LONG * 20),)))
    assert len(parts) == 6
    assert [platform.is_whole(part) for part in parts] == [True] * 5 + [False]
    assert words(*parts) == LONG * 20


@PLATFORMS
@settings(some, max_examples=15)
@given(messages)
@example(Message(word="test", title="t", blocks=(paragraph("x" * 30_000),)))
@example(Message(word="test", title="t", blocks=(Quote((BulletList(((Text("😀" * 9000),),) * 3),)),)))
@example(Message(word="test", title="t", fields=tuple(Field(name="n", value=(Text("v" * 900),)) for _ in range(60))))
def test_every_message_is_sent_in_order_within_the_limits(platform: ModuleType, message: Message) -> None:
    parts = sent(platform, message)
    assert 1 <= len(parts) <= 6
    assert parts[0].title == message.title
    if len(parts) > 1:
        fields = [field for part in parts for field in part.fields]
        assert fields == [field for field in message.fields if field in fields]
    if all(map(platform.is_whole, parts)):
        whole = replace(message, blocks=(*message.blocks, *texts_of_long(message, parts)), fields=())
        assert ink(said(parts)) == ink(said([whole]))


def texts_of_long(message: Message, parts: tuple[Message, ...]) -> list[Paragraph]:
    kept = [field for part in parts for field in part.fields]
    told = [field for field in message.fields if field not in kept]
    return [Paragraph((Text(f"{field.name}:"), *field.value)) for field in told]


def said(parts: Any) -> str:
    """All texts, without the numbers and dots of lists, which begin anew in an item that is parted."""
    blocks = [block for part in parts for block in part.blocks if block != paragraph("…")]
    return "".join(bare(block) for block in blocks)


def bare(block: Any) -> str:
    match block:
        case BulletList(items):
            return "".join(map(plain, items))
        case Quote(blocks):
            return "".join(map(bare, blocks))
        case _:
            return plain(block)
