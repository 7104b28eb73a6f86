"""The names for wordings and conditions: what each holds, that none is ever an error, and that none tells too much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hostile import CREATED, MARK, Reach, on_every_event, poisoned_event, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_adapters import LANGUAGES, NAMES, WORDS, Message, Paragraph, Quote, Text, names, names_of, plain, render, reworded
from perscom_receiver import EVENT_NAMES, Event, php_json
from perscom_receiver.testing import make_event

BERLIN = ZoneInfo("Europe/Berlin")


class Everybody:
    """A directory that has a name for everything."""

    def name(self, resource: str, key: int, /) -> str | None:
        return f"{resource} {key}"

    def old(self, kind: str, user_id: int, /) -> str | None:
        return f"old {kind}"

    def image(self, resource: str, key: int | None, name: str | None, /) -> str | None:
        return None


def filled(event: Event, **options: Any) -> dict[str, str]:
    return {name: value for name, value in names(event, **options).items() if value}


def test_a_promotion_has_its_names() -> None:
    assert filled(make_event("rankrecord.created"), directory=Everybody()) == {
        "word": "promotion",
        "member": "SFC Jacob Whitfield",
        "rank": "Sergeant First Class",
        "old_rank": "old rank",
        "unit": "1st Platoon, Alpha Company",
        "text": "For leading 1st Platoon.",
        "by": "Capt. Okafor",
    }


def test_an_assignment_has_the_new_unit_and_the_old_one() -> None:
    found = filled(make_event("assignmentrecord.created"), directory=Everybody())
    assert (found["unit"], found["old_unit"], found["position"], found["status"]) == (
        "1st Platoon, Alpha Company",
        "old unit",
        "Fire Team Leader",
        "Active Duty",
    )


def test_an_event_has_its_times_in_the_time_zone_and_the_language_asked_for() -> None:
    event = make_event("event.created", starts="2026-03-07T19:00:00Z", ends="2026-03-07T21:30:00Z", all_day=False)
    assert (names(event)["starts"], names(event)["ends"]) == ("2026-03-07 19:00 UTC", "2026-03-07 21:30 UTC")
    assert names(event, timezone=BERLIN)["starts"] == "2026-03-07 20:00 CET"
    assert names(event, language="de", timezone=BERLIN)["starts"].startswith("07.03.2026, 20:00")
    assert names(make_event("event.created", starts="2026-03-07T19:00:00Z", all_day=True))["starts"] == "2026-03-07"


@pytest.mark.parametrize(
    ("name", "changes", "changed"),
    [
        ("user.updated", {"rank_id": 3, "unit_id": 4, "notes": "x"}, "rank, unit"),
        ("user.updated", {"notes": "x", "password": "y"}, ""),
        ("event.updated", {"starts": "2026-03-07 19:00:00", "ends": "2026-03-07 19:00:00", "description": "x"}, "time, text"),
        ("calendar.updated", {"name": "Training"}, "name"),
        ("message.updated", {"message": "x"}, "text"),
        ("user.created", {"rank_id": 3}, ""),
    ],
)
def test_changed_lists_what_a_reader_would_call_changed(name: str, changes: dict[str, object], changed: str) -> None:
    assert names(make_event(name, changes=changes))["changed"] == changed


@pytest.mark.parametrize("language", LANGUAGES)
def test_changed_has_a_word_for_every_column_in_every_language(language: str) -> None:
    every = ["name", "description", "content", "location", "url", "starts", "repeats", "registration_enabled", "calendar_id"]
    told = names(make_event("event.updated", changes=dict.fromkeys(every, 1)), language=language)["changed"]
    assert len(told.split(", ")) == len(every) - 1  # description and content are one


def test_what_an_automation_wrote_has_the_three_names_it_can_fill() -> None:
    data = {"title": "Drill &amp; march", "content": "At <b>dawn</b>", "user": {"display_name": "SFC Whitfield"}}
    event = make_event("rankrecord.created", data={"id": "7", "type": "0", **data}, changes=None)
    found = filled(event, directory=Everybody())
    assert (found["word"], found["title"]) == ("promotion", "Drill & march")
    assert "dawn" in found["text"]
    assert found.keys() <= {"word", "title", "text", "link"}


@pytest.mark.parametrize("name", EVENT_NAMES)
@pytest.mark.parametrize("directory", [None, Everybody()], ids=["payload", "directory"])
def test_only_names_of_the_word_have_a_value(name: str, directory: Everybody | None) -> None:
    event = make_event(name)
    found = filled(event, directory=directory)
    assert found.keys() <= set(names_of(found["word"]))


def test_every_name_of_a_word_has_a_value_in_some_event() -> None:
    seen: dict[str, set[str]] = {word: {"title", "text", "link"} for word in WORDS}
    ranks = [make_event("rankrecord.created", type=kind) for kind in (0, 1, 2, 3, 9)]
    others = [
        make_event("event.created", author_id=7),
        make_event("submission.created", user_id=7, user={"id": 7, "unit_id": 16}),
        make_event("user.created", rank_id=3, unit_id=16, position_id=22, status_id=3),
        make_event("calendar.updated", changes={"name": "Training"}),
        make_event("message.updated", changes={"message": "Muster"}),
    ]
    for event in (*map(make_event, EVENT_NAMES), *ranks, *others):
        found = filled(event, directory=Everybody())
        seen[found["word"]] |= found.keys()
    assert {word: set(names_of(word)) - found for word, found in seen.items() if set(names_of(word)) - found} == {}


@pytest.mark.parametrize(
    ("event", "hidden"),
    [
        (make_event("rankrecord.deleted"), "text"),
        (make_event("message.created", recipients=[1], message="psst"), "text"),
        (make_event("message.created", channels=["sms"], message="psst"), "text"),
        (make_event("message.created", send_at="2099-01-01T00:00:00Z", message="psst"), "text"),
        (make_event("event.created", url="javascript:alert(1)"), "link"),
        (make_event("event.created", url="https://user:pw@a.b/"), "link"),
    ],
)
def test_a_name_tells_no_more_than_the_message_does(event: Event, hidden: str) -> None:
    assert names(event)[hidden] == ""


def test_the_text_is_plain() -> None:
    html = '<p>For <b>valor</b> &amp; more.</p><ul><li>one</li><li><a href="https://a.b">two</a></li></ul><script>x</script>'
    assert names(make_event("awardrecord.created", text=html))["text"] == "For valor & more.\n- one\n- two"


def test_an_unknown_event_has_no_names_and_an_unknown_language_is_an_error() -> None:
    unknown = Event.parse(php_json({"event": "unit.exploded", "created": "2026-03-02T18:20:05Z", "data": {}, "changes": {}}))
    assert filled(unknown) == {}
    with pytest.raises(ValueError, match="'tlh' is no language"):
        names(unknown, language="tlh")
    with pytest.raises(KeyError):
        names_of("promotions")


@on_every_event
def test_on_a_hostile_event_all_names_are_short_clean_lines_and_hold_nothing_private(
    name: str, poison: str, reach: Reach
) -> None:
    event = poisoned_event(name, poison, reach)
    check(names(event))
    check(names(event, Everybody(), language="de", timezone=BERLIN))


def check(found: Mapping[str, str]) -> None:
    assert tuple(found) == NAMES
    for name, value in found.items():
        assert len(value.encode("utf-16-le")) // 2 <= {"text": 2000, "link": 2048, "title": 250}.get(name, 300)
        assert all(character.isprintable() or character in "\n\u200d\u00ad" or character > "\u00ff" for character in value)
        assert "\n" not in value or name == "text"
        assert MARK not in value
        assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\x00") & set(value)


COLUMNS = ["id", "name", "user", "user_id", "unit", "unit_id", "author", "text", "description", "url", "starts", "ends", "type"]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(COLUMNS), inner),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(EVENT_NAMES), st.dictionaries(st.sampled_from(COLUMNS), values))
def test_whatever_is_in_data_no_name_is_an_error(name: str, data: dict[str, Any]) -> None:
    check(names(make_event(name, **data), Everybody()))


# The message in other words


def message() -> Message:
    rendered = render(make_event("rankrecord.created", created=CREATED))
    assert rendered is not None
    return rendered


def test_a_reworded_message_keeps_what_is_not_said_otherwise() -> None:
    said = reworded(message(), title="SFC Whitfield is now a Sergeant First Class!", body="Signed: Capt. Okafor")
    assert plain(said).splitlines() == [
        "SFC Whitfield is now a Sergeant First Class!",
        "Signed: Capt. Okafor",
        "For leading 1st Platoon.",
    ]
    assert (said.color, said.at, said.footer) == (message().color, message().at, message().footer)
    assert reworded(message()) == message()


def test_a_blank_title_is_not_used_and_a_blank_body_takes_the_paragraph_out() -> None:
    said = reworded(message(), title=" \u200b\n", body="\u200b")
    assert said.title == message().title
    assert [type(block) for block in said.blocks] == [Quote]


def test_blank_lines_of_a_body_are_left_out() -> None:
    assert reworded(message(), body="\n Signed: \n\u200b\n\n Okafor\n").blocks[0] == Paragraph((Text("Signed:\nOkafor"),))


def test_without_a_paragraph_the_body_comes_first() -> None:
    quote = Quote((Paragraph((Text("For valor."),)),))
    said = reworded(Message(word="award", title="x", blocks=(quote,)), body="Signed")
    assert said.blocks == (Paragraph((Text("Signed"),)), quote)


@given(texts, texts)
@settings(max_examples=60, deadline=None)
def test_whatever_it_is_said_with_it_is_text_of_a_bounded_length(title: str, body: str) -> None:
    said = reworded(message(), title=title, body=body)
    assert said.title.strip()
    assert "\n" not in said.title
    assert len(said.title.encode("utf-16-le")) <= 500
    first = said.blocks[0]
    assert isinstance(first, Quote) or all(isinstance(part, Text) for part in first.parts)  # type: ignore[union-attr]
    assert len(plain(first).encode("utf-16-le")) <= 4000
