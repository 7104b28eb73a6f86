"""What an event is about, with types: read as far as it can be, whatever was sent, and honest about the rest."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_receiver import (
    EVENT_NAMES,
    HIDDEN_COLUMNS,
    UNSET,
    AssignmentRecord,
    AwardRecord,
    Calendar,
    CalendarEvent,
    CombatRecord,
    Event,
    PerscomMessage,
    QualificationRecord,
    RankRecord,
    Related,
    ServiceRecord,
    Submission,
    User,
)
from perscom_receiver.testing import make_event, sample

PLACES = {
    "user": ("user", User),
    "assignmentrecord": ("record", AssignmentRecord),
    "awardrecord": ("record", AwardRecord),
    "combatrecord": ("record", CombatRecord),
    "qualificationrecord": ("record", QualificationRecord),
    "rankrecord": ("record", RankRecord),
    "servicerecord": ("record", ServiceRecord),
    "calendar": ("calendar", Calendar),
    "event": ("calendar_event", CalendarEvent),
    "message": ("message", PerscomMessage),
    "submission": ("submission", Submission),
}
ACCESSORS = sorted({place for place, _ in PLACES.values()})
RESOURCE_EVENTS = [name for name in EVENT_NAMES if name != "webhook.test"]
SENTENCE = re.compile(
    r"data(\.[a-z_]+)* is not "
    r"(an object|a text|a whole number|true or false|a date and time|a list of texts|a list of whole numbers)\."
)


def about(event: Event) -> Any:
    """The one thing the event is about, under the only name that has it."""
    found = {name: value for name in ACCESSORS if (value := getattr(event, name)) is not None}
    assert len(found) <= 1
    for name, value in found.items():
        assert (name, type(value)) == PLACES[event.resource]
    return next(iter(found.values()), None)


def event_with(data: object, name: str = "user.updated", changes: object = ()) -> Event:
    return Event.parse(
        json.dumps({"event": name, "created": "2026-03-02T19:08:10Z", "data": data, "changes": changes}).encode()
    )


def assert_same(read: Any, sent: dict[str, Any]) -> None:
    """``read`` has what JSON says, member by member, and nothing else."""
    own = set(read.__struct_fields__) - {"extra"}
    assert read.extra == {name: value for name, value in sent.items() if name not in own}
    for name in own:
        value = getattr(read, name)
        if name not in sent:
            assert value is UNSET
        elif isinstance(value, msgspec.Struct):
            assert_same(value, sent[name])
        elif isinstance(value, datetime):
            assert value.tzinfo is UTC
            assert value == datetime.fromisoformat(sent[name]).replace(tzinfo=UTC)
        elif isinstance(value, tuple):
            assert list(value) == sent[name]
        else:
            assert (type(value), value) == (type(sent[name]), sent[name])


class TestWhatPerscomSends:
    def test_every_golden_resource_is_read_as_json_reads_it(self, golden: list[dict[str, Any]]) -> None:
        seen = set()
        for request in golden:
            event = Event.parse(base64.b64decode(request["body_base64"])) if request["valid"] else None
            if event is None or event.resource == "webhook" or event.template is not None:
                continue
            assert event.problems == (), request["name"]
            assert_same(about(event), json.loads(event.body)["data"])
            seen.add(event.name)
        assert seen == set(RESOURCE_EVENTS)

    @pytest.mark.parametrize("name", RESOURCE_EVENTS)
    def test_every_sample_is_read_as_json_reads_it(self, name: str) -> None:
        event = make_event(name)
        assert event.problems == ()
        assert event.template is None
        assert_same(about(event), json.loads(event.body)["data"])

    @pytest.mark.parametrize("name", [name for name in RESOURCE_EVENTS if not name.startswith("submission")])
    def test_no_column_of_a_sample_is_left_to_extra(self, name: str) -> None:
        assert set(about(make_event(name)).extra) <= {"call_sign", "promotion_points", "hours"}

    def test_relations_are_typed_as_deep_as_they_go(self) -> None:
        record = make_event("rankrecord.created").record
        assert isinstance(record, RankRecord)
        assert isinstance(record.rank, Related)
        assert (record.rank.abbreviation, record.rank.extra["paygrade"]) == ("SFC", "E-7")
        assert isinstance(record.user, User)
        assert isinstance(record.user.unit, Related)
        assert record.user.unit.name == "1st Platoon, Alpha Company"
        assert record.document is None

    def test_a_record_without_a_user_has_the_guest(self, golden: list[dict[str, Any]]) -> None:
        (request,) = (request for request in golden if request["event"] == "servicerecord.created")
        record = Event.parse(base64.b64decode(request["body_base64"])).record
        assert record is not None
        assert isinstance(record.user, User)
        assert (record.user.id, record.user.name) == (UNSET, "Guest")

    @pytest.mark.parametrize("name", ["webhook.test", "order.paid", "users.created", "User.created", "ping"])
    def test_a_name_without_a_resource_is_about_nothing_and_that_is_no_problem(self, name: str) -> None:
        event = event_with({"id": 7}, name)
        assert (about(event), event.problems, event.template) == (None, (), None)

    def test_an_action_perscom_does_not_have_today_is_about_the_same_thing(self) -> None:
        user = event_with({"id": 7}, "user.restored").user
        assert user is not None
        assert user.id == 7


class TestTolerance:
    def test_absent_is_not_null(self) -> None:
        user = event_with({"id": 7, "unit_id": None}).user
        assert user is not None
        assert user.unit_id is None
        assert user.rank_id is UNSET
        assert not user.rank_id

    @pytest.mark.parametrize(
        ("name", "member", "sent", "expected"),
        [
            ("user.updated", "rank_id", "7", 7),
            ("user.updated", "rank_id", 7.0, 7),
            ("user.updated", "rank_id", "-7", -7),
            ("user.updated", "rank_id", "", None),
            ("user.updated", "id", 2**63 - 1, 2**63 - 1),
            ("user.updated", "approved", 1, True),
            ("user.updated", "approved", "0", False),
            ("user.updated", "approved", "1", True),
            ("user.updated", "approved", "", False),
            ("user.updated", "discord_user_id", 184405311681986560, "184405311681986560"),
            ("user.updated", "name", 5, "5"),
            ("user.updated", "notes", 1.5, "1.5"),
            ("user.updated", "notes", "", ""),
            ("user.updated", "rank", [], Related()),
            ("user.updated", "rank", {}, Related()),
            ("user.updated", "rank", None, None),
            ("user.updated", "last_seen_at", "", None),
            ("user.updated", "last_seen_at", "2026-03-02 19:08:10", datetime(2026, 3, 2, 19, 8, 10, tzinfo=UTC)),
            ("user.updated", "last_seen_at", "2026-03-02T19:08:10+02:00", datetime(2026, 3, 2, 17, 8, 10, tzinfo=UTC)),
            ("submission.updated", "read_at", "2026-03-04 06:06:47", datetime(2026, 3, 4, 6, 6, 47, tzinfo=UTC)),
            ("rankrecord.updated", "type", "1", 1),
            ("rankrecord.updated", "type", 9, 9),
            ("message.updated", "channels", [], ()),
            ("message.updated", "channels", {"1": "mail", "3": "sms"}, ("mail", "sms")),
            ("message.updated", "recipients", ["7", 8], (7, 8)),
            ("message.updated", "recipients", None, None),
        ],
    )
    def test_another_spelling_of_the_same_is_read(self, name: str, member: str, sent: object, expected: object) -> None:
        event = make_event(name, **{member: sent})
        assert event.problems == ()
        assert (type(found := getattr(about(event), member)), found) == (type(expected), expected)

    @pytest.mark.parametrize(
        ("name", "member", "sent", "expected"),
        [
            ("user.updated", "rank_id", "seven", "a whole number"),
            ("user.updated", "rank_id", 7.5, "a whole number"),
            ("user.updated", "rank_id", True, "a whole number"),
            ("user.updated", "rank_id", 2**63, "a whole number"),
            ("user.updated", "rank_id", "9" * 5000, "a whole number"),
            ("user.updated", "rank_id", "\u0667", "a whole number"),
            ("user.updated", "rank_id", [], "a whole number"),
            ("user.updated", "id", None, "a whole number"),
            ("user.updated", "id", "", "a whole number"),
            ("user.updated", "name", None, "a text"),
            ("user.updated", "name", True, "a text"),
            ("user.updated", "name", {"en": "Reyes"}, "a text"),
            ("user.updated", "approved", "yes", "true or false"),
            ("user.updated", "approved", 2, "true or false"),
            ("user.updated", "approved", None, "true or false"),
            ("user.updated", "last_seen_at", "yesterday", "a date and time"),
            ("user.updated", "last_seen_at", 1772478490, "a date and time"),
            ("user.updated", "last_seen_at", "0001-01-01T00:00:00+23:00", "a date and time"),
            ("user.updated", "last_seen_at", "2026-03-02" * 1000, "a date and time"),
            ("user.updated", "rank", ["SFC"], "an object"),
            ("user.updated", "rank", "SFC", "an object"),
            ("user.updated", "rank", "", "an object"),
            ("message.updated", "channels", "mail", "a list of texts"),
            ("message.updated", "channels", [None], "a list of texts"),
            ("message.updated", "channels", {"first": "mail"}, "a list of texts"),
            ("message.updated", "recipients", "", "a list of whole numbers"),
            ("message.updated", "recipients", [7, "all"], "a list of whole numbers"),
        ],
    )
    def test_what_cannot_be_read_is_absent_and_named_and_hides_nothing_else(
        self, name: str, member: str, sent: object, expected: str
    ) -> None:
        event, usual = make_event(name, **{member: sent}), make_event(name)
        assert event.problems == (f"data.{member} is not {expected}.",)
        read = about(event)
        assert getattr(read, member) is UNSET
        others = set(read.__struct_fields__) - {member}
        assert {other for other in others if getattr(read, other) is UNSET} == {
            other for other in others if getattr(about(usual), other) is UNSET
        }
        assert isinstance(event.data, dict)
        assert event.data[member] == sent

    def test_a_problem_deep_down_is_named_with_its_path_and_leaves_the_rest_of_the_relation(self) -> None:
        user = sample("user.updated")["data"] | {"rank": {"id": 4, "name": ["SFC"]}, "email": False}
        event = make_event("awardrecord.created", user=user, document=5)
        assert sorted(event.problems) == [
            "data.document is not an object.",
            "data.user.email is not a text.",
            "data.user.rank.name is not a text.",
        ]
        assert event.record is not None
        assert isinstance(event.record.user, User)
        assert isinstance(event.record.user.rank, Related)
        assert (event.record.user.rank.id, event.record.user.name) == (4, "Jacob Whitfield")

    @pytest.mark.parametrize("data", [["New award", 7], "text", 5, 1.5, True, None], ids=json.dumps)
    def test_data_that_is_no_object_leaves_the_raw_value_and_says_so(self, data: object) -> None:
        event = event_with(data)
        assert about(event) is None
        assert event.problems == ("data is not an object.",)
        assert event.data == data

    def test_data_that_is_missing_says_so(self) -> None:
        event = Event.parse(b'{"event":"user.created","created":"2026-03-02T19:08:10Z"}')
        assert (event.user, event.problems) == (None, ("data is not an object.",))

    def test_an_empty_list_is_how_php_writes_an_empty_object(self) -> None:
        event = event_with([])
        assert (event.user, event.problems) == (User(), ())

    def test_custom_fields_of_any_type_and_name_are_in_extra(self) -> None:
        custom = {
            "extra": [1],
            "gear": {"primary": "M4"},
            "quals": ["CLS"],
            "photo_url": None,
            "0": "zero",
            "": 1.5,
            "User": [],
        }
        for resource in PLACES:
            event = make_event(f"{resource}.updated", **custom)
            assert {name: about(event).extra[name] for name in custom} == custom
            assert event.problems == ()


class TestHiddenColumns:
    @pytest.mark.parametrize("name", RESOURCE_EVENTS)
    def test_they_are_left_out_at_any_depth(self, name: str) -> None:
        hidden = dict.fromkeys(HIDDEN_COLUMNS, "$2y$10$hash")
        nested: dict[str, Any] = {"deep": [{"er": hidden | {"kept": 1}}], "as_text": json.dumps(hidden | {"kept": 1})}
        event = make_event(name, **hidden, **nested, user=sample("user.updated")["data"] | hidden, form=hidden)
        read = about(event)
        assert read.extra["deep"] == [{"er": {"kept": 1}}]
        shown = msgspec.json.encode(read).decode()
        for column in ("$2y$10$hash", *HIDDEN_COLUMNS):
            assert column not in shown

    def test_a_template_cannot_bring_them_in_as_escaped_json(self) -> None:
        event = event_with({"content": "{&quot;password&quot;:&quot;$2y$&quot;,&quot;name&quot;:&quot;x&quot;}"}, changes=None)
        assert event.template == {"content": '{"name":"x"}'}
        assert event.user is not None
        assert event.user.extra == {"content": '{"name":"x"}'}


class TestTemplates:
    def test_what_was_escaped_is_decoded_once_at_any_depth_and_keys_never(self) -> None:
        data = {"id": "412", "name": "O&#039;Brien &lt;b&gt;", "&amp;": ["&amp;lt;", {"a": "&quot;"}, 1.5, None]}
        decoded = {"id": "412", "name": "O'Brien <b>", "&amp;": ["&lt;", {"a": '"'}, 1.5, None]}
        event = event_with(data, changes=None)
        assert event.template == decoded
        assert event.data == data
        assert event.user is not None
        assert (event.user.id, event.user.name) == (412, "O'Brien <b>")
        assert event.user.extra == {"&amp;": decoded["&amp;"]}

    def test_the_golden_ones_are_known_as_such(self, golden: list[dict[str, Any]]) -> None:
        read = {
            request["name"]: Event.parse(base64.b64decode(request["body_base64"])) for request in golden if request["valid"]
        }
        templates = {name: event for name, event in read.items() if event.template is not None}
        assert set(templates) == {"automation_list_payload", "automation_map_payload"}
        assert templates["automation_list_payload"].template == templates["automation_list_payload"].data
        assert templates["automation_list_payload"].record is None
        user = templates["automation_map_payload"].user
        assert user is not None
        assert (user.id, user.approved, user.extra["content"]) == (412, False, "O'Brien <b> was promoted")

    @pytest.mark.parametrize(
        ("data", "changes", "is_one"),
        [
            ({"id": "412"}, None, True),
            ({"title": "x"}, None, True),
            ([], None, True),
            (["x"], None, True),
            ({"id": 412}, None, False),
            ({"id": True}, None, True),
            ({"id": "412"}, [], False),
            ({"id": "412"}, {"name": "x"}, False),
            ("text", None, False),
            (None, None, False),
        ],
    )
    def test_it_has_null_for_changes_and_no_number_as_id(self, data: object, changes: object, is_one: bool) -> None:
        assert (event_with(data, changes=changes).template is not None) is is_one

    @pytest.mark.parametrize("changes", [[], {"name": "x"}], ids=json.dumps)
    def test_a_resource_keeps_its_entities_since_its_texts_are_html(self, changes: object) -> None:
        user = event_with({"id": 7, "notes": "<p>cleared &amp; paid</p>"}, changes=changes).user
        assert user is not None
        assert user.notes == "<p>cleared &amp; paid</p>"

    def test_the_test_button_sends_what_somebody_typed_and_nothing_of_it_was_escaped(self) -> None:
        assert event_with({"status": "&amp;"}, "webhook.test", changes=None).template is None

    @pytest.mark.parametrize("text", ["&#" + "9" * 5000 + ";", "&#x110000;", "&#xd800;", "&;", "&#;", "&"], ids=lambda t: t[:9])
    def test_an_impossible_reference_breaks_nothing(self, text: str) -> None:
        template = event_with({"content": text}, changes=None).template
        assert isinstance(template, dict)
        assert msgspec.json.encode(template)

    def test_512_levels_are_read_to_the_ground(self) -> None:
        inner = '{"a":[' * 255 + '"&amp;"' + "]}" * 255
        event = Event.parse(
            b'{"event":"user.updated","created":"2026-03-02T19:08:10Z","data":{"a":%b},"changes":null}' % inner.encode()
        )
        assert event.user is not None
        value: Any = event.template
        for _ in range(511):
            value = value["a"] if isinstance(value, dict) else value[0]
        assert value == "&"


class TestRecords:
    def test_they_are_read_once_and_frozen(self) -> None:
        event = make_event("user.updated")
        assert event.user is event.user
        with pytest.raises(AttributeError):
            event.user.name = "x"  # type: ignore[misc, union-attr]
        with pytest.raises(AttributeError):
            event.user = None  # type: ignore[misc]

    def test_reading_them_leaves_data_as_it_came(self) -> None:
        event = event_with({"id": "7", "password": "x", "name": "&amp;"}, changes=None)
        before = event.data
        assert event.user is not None
        assert event.data is before
        assert event.data == {"id": "7", "password": "x", "name": "&amp;"}

    def test_a_repr_shows_nothing_but_the_id(self) -> None:
        user = make_event("user.updated").user
        assert user is not None
        assert (repr(user), repr(User(name="x"))) == ("<User 2153>", "<User>")
        assert user.__rich_repr__() == [("id", 2153)]

    def test_they_are_not_loaded_before_somebody_asks(self) -> None:
        code = """
import sys
from perscom_receiver import Verifier, sign
body = b'{"event":"user.updated","created":"2026-03-02T19:08:10Z","data":{"id":7},"changes":[]}'
event = Verifier("0123456789abcdef").event({"Signature": sign(body, "0123456789abcdef")}, body)
event.data, event.changes
assert not {"html", "perscom_receiver._reading", "perscom_receiver._resources"} & sys.modules.keys()
assert event.user.id == 7
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr


texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        "",
        "7",
        "-0",
        "&lt;",
        "2026-03-02 19:08:10",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        '{"password":1}',
        "[",
    ]
)
keys = st.sampled_from(
    sorted({name for _, kind in PLACES.values() for name in kind.__struct_fields__} | HIDDEN_COLUMNS | {"0", "1", "content"})
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys | texts, inner, max_size=8),
    max_leaves=20,
)


def read_to_the_end(event: Event) -> None:
    """Every property works, gives what its type promises, and shows what must not be shown to nobody."""
    before = json.dumps(event.data)
    read = about(event)
    assert (read is None) == ("data is not an object." in event.problems)
    assert len(event.problems) == len(set(event.problems))
    for problem in event.problems:
        assert SENTENCE.fullmatch(problem)
    if read is not None:
        plain = msgspec.to_builtins(read, builtin_types=(datetime,))
        assert msgspec.convert(plain, type(read)) == read
        assert not HIDDEN_COLUMNS & keys_in(plain)
    assert not HIDDEN_COLUMNS & keys_in(event.template)
    assert json.dumps(event.data) == before


def keys_in(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(keys_in, value.values()))
    return set().union(*map(keys_in, value)) if isinstance(value, (list, tuple)) else set()


class TestWhateverIsSent:
    @given(name=st.sampled_from(RESOURCE_EVENTS), data=anything, changes=anything)
    def test_any_json_is_read_as_far_as_it_can_be(self, name: str, data: object, changes: object) -> None:
        read_to_the_end(event_with(data, name, changes))

    @settings(max_examples=200)
    @given(data=st.data(), name=st.sampled_from(RESOURCE_EVENTS))
    def test_any_json_in_any_place_of_a_sample_is_read_as_far_as_it_can_be(self, data: st.DataObject, name: str) -> None:
        envelope = sample(name)
        where = envelope["data"]
        for _ in range(data.draw(st.integers(0, 2))):  # down into relations
            inner = [value for value in where.values() if isinstance(value, dict)]
            where = data.draw(st.sampled_from(inner)) if inner else where
        for key in data.draw(st.lists(st.sampled_from(sorted(where)), min_size=1, max_size=5)):
            where[key] = data.draw(anything)
        envelope["changes"] = data.draw(st.sampled_from([None, [], {"password": "x"}]))
        read_to_the_end(Event.parse(json.dumps(envelope).encode()))
