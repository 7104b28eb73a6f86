"""The words that people route by."""

from __future__ import annotations

import pytest

from perscom_adapters import WORDS, default_words, matches, word_of
from perscom_receiver import EVENT_NAMES, Event, php_json
from perscom_receiver.testing import make_event


def event(name: str, data: object = None, changes: object = None) -> Event:
    return Event.parse(php_json({"event": name, "created": "2026-03-02T18:20:05.201415Z", "data": data, "changes": changes}))


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_every_event_has_a_word_and_the_word_names_the_event(name: str) -> None:
    word = word_of(make_event(name))
    assert word is not None
    assert name in WORDS[word].events


def test_the_default_sets_are_those_of_the_plan() -> None:
    assert default_words("public") == ("promotion", "lateral", "transfer", "award", "qualification", "assignment", "event")
    assert default_words("staff") == ("demotion", "service", "submission", "joined", "profile", "left")
    assert default_words("none") == ("combat", "message", "calendar")
    assert default_words("every") == ("test",)


def test_each_row_of_the_table_stands_under_its_own_word_and_has_a_colour() -> None:
    for word, row in WORDS.items():
        assert row.word == word
        assert row.comes_from
        assert 0 <= row.color <= 0xFFFFFF


@pytest.mark.parametrize("action", ["created", "updated", "deleted"])
@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (0, "promotion"),
        (1, "demotion"),
        (2, "lateral"),
        (3, "transfer"),
        ("0", "promotion"),
        ("1", "demotion"),
        (1.0, "demotion"),
    ],
)
def test_the_type_of_a_rank_record_decides_its_word(action: str, kind: object, word: str) -> None:
    assert word_of(event(f"rankrecord.{action}", {"type": kind})) == word


@pytest.mark.parametrize("kind", [None, 4, -1, True, False, "promotion", "", [], {}, 0.5, 10**400, "9" * 5000, "²"])
def test_a_rank_record_of_no_known_type_is_for_the_staff(kind: object) -> None:
    found = event("rankrecord.created", {"type": str(kind) if isinstance(kind, int) and kind > 9 else kind}, [])
    assert word_of(found) == "profile"
    assert WORDS["profile"].default == "staff"


@pytest.mark.parametrize("data", [None, [], ["type"], "type", 0, True])
def test_a_rank_record_without_a_row_is_for_the_staff(data: object) -> None:
    assert word_of(event("rankrecord.created", data)) == "profile"


@pytest.mark.parametrize("changed", [1, "1"])
def test_a_rank_record_that_was_changed_into_a_demotion_is_one(changed: object) -> None:
    assert word_of(event("rankrecord.updated", {"type": 1}, {"type": changed})) == "demotion"
    assert word_of(event("rankrecord.updated", {}, {"type": changed})) == "demotion"
    assert word_of(event("rankrecord.updated", {"type": 0}, {"type": changed})) == "demotion"


@pytest.mark.parametrize(
    "name", ["rankrecord", "rankrecord.restored", "Rankrecord.created", "trainingrecord.created", ".", "x"]
)
def test_a_name_that_perscom_does_not_have_has_no_word(name: str) -> None:
    assert word_of(event(name, {"type": 0})) is None


@pytest.mark.parametrize(
    ("pattern", "name", "wanted"),
    [
        ("promotion", "rankrecord.created", True),
        ("demotion", "rankrecord.created", False),
        ("rankrecord.created", "rankrecord.created", True),
        ("rankrecord.*", "rankrecord.created", True),
        ("*record.created", "awardrecord.created", True),
        ("*", "webhook.test", True),
        ("rankrecord.*", "awardrecord.created", False),
        ("event", "event.created", True),
        ("event", "calendar.created", False),
        ("award", "awardrecord.deleted", True),
        ("Award", "awardrecord.created", False),
        ("rankrecord", "rankrecord.created", False),
        ("joined", "user.created", True),
        ("joined", "user.updated", False),
        ("trainingrecord.*", "trainingrecord.created", True),
    ],
)
def test_an_events_line_takes_words_names_and_globs(pattern: str, name: str, wanted: bool) -> None:
    assert matches(pattern, event(name, {"type": 0}, [])) is wanted
