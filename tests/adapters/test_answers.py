"""The answers of a form: shown only to those who ask for them, short, and as what they are."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_adapters import Message, discord, plain, render, slack, telegram
from perscom_adapters.testing import discord_refusal, slack_refusal, telegram_refusal
from perscom_receiver import Event, php_json

FORM = {"id": 6627, "form_id": 5, "form": {"id": 5, "name": "Enlistment"}, "user_id": None, "label": "Submission: 6627"}


def event(name: str, data: dict[str, object], changes: object = ()) -> Event:
    return Event.parse(php_json({"event": name, "created": "2026-03-02T18:20:05Z", "data": data, "changes": changes or []}))


def submitted(
    answers: dict[str, object], *, action: str = "created", language: str = "en", show: tuple[str, ...] = ("answers",)
) -> Message:
    changes = {"read_at": "2026-03-02 18:20:05"} if action == "updated" else ()
    happened = event(f"submission.{action}", FORM | answers, changes)
    message = render(happened, language=language, timezone=ZoneInfo("Europe/Berlin"), show=show)
    assert message is not None
    return message


def shown(answers: dict[str, object], language: str = "en") -> dict[str, str]:
    return {field.name: plain(field.value) for field in submitted(answers, language=language).fields}


def test_nobody_sees_an_answer_without_asking() -> None:
    assert submitted({"why": "PRIVATE"}, show=()).fields == ()
    assert submitted({"why": "PRIVATE"}, show=("names", "answer")).fields == ()


def test_the_answers_stand_as_long_as_the_form_does() -> None:
    assert [field.name for field in submitted({"why": "x"}, action="updated").fields] == ["Why"]
    assert submitted({"why": "x"}, action="deleted").fields == ()


def test_answers_are_shown_only_of_forms() -> None:
    message = render(event("user.created", {"id": 1, "call_sign": "PRIVATE"}), show=("answers",))
    assert message is not None
    assert "PRIVATE" not in plain(message)


def test_what_stands_beside_the_answers_is_none() -> None:
    beside = {"read_at": None, "created_at": "2026-03-02T18:20:05.000000Z", "updated_at": "x", "statuses": [{"name": "x"}]}
    assert shown(
        beside | {"url": "x", "relative_url": "/x", "photo": "a.png", "photo_url": "https://files.example.test/a"}
    ) == {"Photo": "a.png"}
    assert shown({"homepage_url": "https://me.example.test"}) == {"Homepage url": "https://me.example.test"}


@pytest.mark.parametrize(
    ("answer", "english", "german"),
    [
        ("I fly", "I fly", "I fly"),
        (" \u200b ", None, None),
        ("", None, None),
        (None, None, None),
        ([], None, None),
        (True, "yes", "ja"),
        (False, "no", "nein"),
        (12, "12", "12"),
        (1.5, "1.5", "1,5"),
        ("1998-07-14", "1998-07-14", "14.07.1998"),
        ("1998-07-94", "1998-07-94", "1998-07-94"),
        ("2026-03-02T18:20:00.000000Z", "2026-03-02 19:20 CET", "02.03.2026, 19:20 Uhr CET"),
        (["Arma 3", "Squad", None, 2], "Arma 3, Squad, 2", "Arma 3, Squad, 2"),
        ({"mon": True, "tue": None, "at": ["18:00"]}, "mon: yes, at: 18:00", "mon: ja, at: 18:00"),
        ([[[["deep"]]]], "…", "…"),
        ("<p>I <b>fly</b> &amp; swim</p><ul><li>well</li></ul>", "I fly & swim\n- well", "I fly & swim\n- well"),
        ("<Viper> & <Ghost>\r\nÅsa &amp; I", "<Viper> & <Ghost>\nÅsa &amp; I", "<Viper> & <Ghost>\nÅsa &amp; I"),
        ("<script>x</script>", "<script>x</script>", "<script>x</script>"),
    ],
)
def test_an_answer_is_short_and_reads_well(answer: object, english: str | None, german: str | None) -> None:
    assert shown({"q": answer}).get("Q") == english
    assert shown({"q": answer}, language="de").get("Q") == german


def test_a_question_is_named_by_its_key() -> None:
    assert list(shown({"date_of_birth": "x", "  ": "x", "why?\nreally": "x", "élan": "x"})) == [
        "Date of birth",
        "Why? really",
        "Élan",
    ]


def test_many_answers_are_counted_and_long_ones_cut() -> None:
    answers = shown({f"q{number}": "x" * 9_000 for number in range(60)})
    assert len(answers) == 51
    assert answers["…"] == "(10 more)"
    assert len(answers["Q0"]) == 500
    assert shown({"games": [str(number) for number in range(70)]})["Games"].endswith("49, …")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
HOSTILE = [
    *("@everyone <@1> <!channel> **b** [l](http://evil.example)", "<p>&commat;everyone</p>" * 999),
    *("\u202e" * 99, "0" * 4000),
]
questions = st.text(max_size=20) | st.sampled_from(["user", "form", "data", "text"])


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(questions, values | st.sampled_from(HOSTILE)))
def test_any_answers_make_a_message_that_each_platform_takes(answers: dict[str, object]) -> None:
    body = {"event": "submission.created", "created": "2026-03-02T18:20:05Z", "data": answers | FORM, "changes": []}
    message = render(Event.parse(json.dumps(body).encode(errors="replace")), show=("answers",))
    assert message is not None
    assert len(message.fields) <= 51
    assert all(0 < len(plain(field.value)) <= 500 and field.name.strip() for field in message.fields)
    assert discord_refusal(discord.payload(message)) is None
    assert slack_refusal(slack.payload(message)) is None
    assert telegram_refusal(telegram.payload(message)) is None
