"""What an automation's template brings along: the documented shape, what PERSCOM makes of it, and what else may come."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import ChainableUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from perscom_adapters import Field, Link, Message, Paragraph, plain, render, render_group, word_of
from perscom_receiver import Event
from perscom_receiver.testing import make_event, sample

AT = datetime(2026, 3, 2, 18, 20, 5, tzinfo=UTC)
PAGE = Path(__file__).resolve().parents[2] / "docs/automations.md"
TWIG = ImmutableSandboxedEnvironment(autoescape=True, undefined=ChainableUndefined)
"""Twig's sibling: it escapes what it fills in and shows nothing for what is not there, as PERSCOM does."""


def ev(name: str, ms: int = 0, **overrides: Any) -> Event:
    """The sample of ``name``, ``ms`` milliseconds into the action."""
    return make_event(name, created=AT + timedelta(milliseconds=ms), request_id="9b1d0e1c", **overrides)


def grouped(*events: Event) -> Message:
    message = render_group(events)
    assert message is not None
    return message


def template() -> dict[str, Any]:
    """The one to paste."""
    (found,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return dict(json.loads(found))


def rendered_by_perscom(value: object, **context: object) -> Any:
    """Texts with braces are rendered at any depth and are texts afterwards; keys and all else stay."""
    match value:
        case str() if "{{" in value:
            return TWIG.from_string(value).render(context)
        case dict():
            return {key: rendered_by_perscom(inner, **context) for key, inner in value.items()}
        case list():
            return [rendered_by_perscom(inner, **context) for inner in value]
    return value


def said(data: object, name: str = "awardrecord.created") -> Message:
    message = render(ev(name, 700, data=data, changes=None))
    assert message is not None
    return message


def told(fields: tuple[Field, ...]) -> list[tuple[str, str]]:
    return [(field.name, plain(field.value)) for field in fields]


@pytest.mark.parametrize("kind", ["awardrecord", "rankrecord", "servicerecord", "event"])
def test_the_template_of_the_page_joins_the_plain_webhook_of_its_action(kind: str) -> None:
    event = ev(f"{kind}.created")
    model = {**sample(event.name)["data"], "label": "Record: 17"}
    data = rendered_by_perscom(template(), model=model, causer={"display_name": "Capt. O'Brien <3"})
    written = ev(event.name, 900, data=data, changes=None)
    assert word_of(written) == word_of(event)

    message, alone = grouped(event, written), grouped(event)
    assert (message.title, message.word) == (alone.title, alone.word)
    added = message.blocks[len(alone.blocks) :]
    assert added[0] == Paragraph((Link("Drinks are on the staff on Friday", "https://1st-rangers.example.org/parade"),))
    assert [plain(block) for block in added[1:]] == [
        "Bring your boots.\nAnd a clean uniform.",
        "Signed by: Capt. O'Brien <3 · Record: Record: 17",
    ]


def test_alone_it_is_a_message_with_fields_and_a_linked_title() -> None:
    data = rendered_by_perscom(template(), model={}, causer=None)
    message = said(data)
    assert (message.word, message.title) == ("award", "Drinks are on the staff on Friday")
    assert message.url == "https://1st-rangers.example.org/parade"
    assert message.fields == ()  # neither of them has a value


def test_fields_may_be_a_list_and_numbers_may_be_numbers() -> None:
    pairs = [("Unit", "1st &amp; 2nd"), ("Hours", 7), ("Rate", 2.5), ("Long", "x" * 41), ("Lines", "a\nb")]
    listed = [{"name": name, "value": value} for name, value in pairs]
    fields = said({"title": "t", "fields": listed}).fields
    assert fields == said({"title": "t", "fields": dict(pairs)}).fields
    assert told(fields) == [("Unit", "1st & 2nd"), ("Hours", "7"), ("Rate", "2.5"), ("Long", "x" * 41), ("Lines", "a\nb")]
    assert [field.short for field in fields] == [True, True, True, False, False]


@pytest.mark.parametrize(
    "fields",
    [
        [],
        {},
        None,
        "x",
        7,
        ["x", 7, None, ["name", "value"]],
        [{"name": "a"}, {"value": "b"}, {"name": ["a"], "value": "b"}],
        {"a": None, "b": "", "c": [], "d": {"e": "f"}, "g": True, "": "h", "\u200b": "i"},
    ],
)
def test_what_is_no_pair_of_texts_is_left_out(fields: object) -> None:
    assert said({"title": "t", "fields": fields}).fields == ()


def test_fields_are_bounded_in_number_and_length_and_the_rest_is_counted() -> None:
    fields = told(said({"title": "t", "fields": {f"n{number}" * 200: "v" * 9000 for number in range(40)}}).fields)
    assert len(fields) == 25
    assert fields[-1] == ("…", "(16 more)")
    assert all(len(name) <= 100 and len(value) == 500 for name, value in fields[:-1])


def test_fields_alone_are_worth_a_message_and_a_link_alone_is_not() -> None:
    assert plain(said({"fields": {"Unit": "HQ"}})) == "Message from an automation\nUnit: HQ"
    assert said({"link": "https://a.example/"}).title == "A member received an award"


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("https://a.example/x?a=1&b=2", "https://a.example/x?a=1&b=2"),
        ("https://a.example/x?a=1&amp;copy=2&#039;", "https://a.example/x?a=1&copy=2'"),
        ("https://a.example/x?a=1&copy=2", "https://a.example/x?a=1&copy=2"),
        (" https://a.example/ \n", "https://a.example/"),
        ("javascript:alert(1)", None),
        ("java&#115;cript:alert(1)", None),
        ("https://user:word@a.example/", None),
        ("https://a.example/&lt;b&gt;", None),
        ("https://a.example/&#10;x", None),
        ("//a.example/", None),
        ("{{ model.url }}", None),
        ("", None),
        (["https://a.example/"], None),
        (None, None),
    ],
)
def test_a_link_is_safe_or_is_not_there(link: object, url: str | None) -> None:
    assert said({"title": "t", "link": link}).url == url


def test_the_same_words_with_a_link_are_said_again_and_without_one_are_not() -> None:
    event = ev("awardrecord.created", user_id=2153)
    title = grouped(event).title
    for data, added in (({}, 0), ({"link": "https://a.example/"}, 1)):
        written = ev("awardrecord.created", 9, data={"user_id": "2153", "title": title, **data}, changes=None)
        assert len(grouped(event, written).blocks) == len(grouped(event).blocks) + added


def test_in_a_digest_each_thing_keeps_its_own_link() -> None:
    linked = ev(
        "awardrecord.created", 9, data={"user_id": "2187", "title": "Bravo", "link": "https://a.example/"}, changes=None
    )
    message = grouped(ev("rankrecord.created", user_id=2153), linked)
    assert Link("Bravo", "https://a.example/") in [part for block in message.blocks for part in inlines(block)]


def inlines(block: Any) -> list[Any]:
    return [inner for part in getattr(block, "parts", ()) for inner in (part, *getattr(part, "parts", ()))]


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "value"]) | st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["id", "user_id", "title", "text", "content", "fields", "link"]), values) | values)
def test_whatever_comes_is_a_message_or_nothing_and_never_an_error(data: object) -> None:
    event = ev("awardrecord.created", 9, data=data, changes=None)
    message = grouped(ev("awardrecord.created", user_id=2153), event)
    assert message.word == "award"
