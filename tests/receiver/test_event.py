"""Events: what is read out of verified bytes, whatever these bytes are, and what of them may be stored."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import escape
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from perscom_receiver import EVENT_NAMES, HIDDEN_COLUMNS, Event, MalformedEvent, Secret, Verifier, sign
from perscom_receiver._event import restored
from perscom_receiver._hidden import storable
from perscom_receiver._json import depth
from perscom_receiver.testing import make_event

CREATED = "2026-03-02T19:08:10.854257Z"


def body_with(**members: object) -> bytes:
    return json.dumps({"event": "user.updated", "created": CREATED} | members).encode()


def read_to_the_end(event: Event) -> None:
    """Every property works on whatever was accepted."""
    assert event.created.tzinfo is UTC
    assert event.created_us == round(event.created_us)
    assert event.id == sha256(event.body).hexdigest()
    assert event.name
    assert event.name.startswith(event.resource)
    assert isinstance(event.action, str)
    assert event.request_id is None or isinstance(event.request_id, str)
    assert event.trace_id is None or isinstance(event.trace_id, str)
    assert type(event.changes) is dict
    assert not HIDDEN_COLUMNS & event.changes.keys()
    json.dumps(event.data)
    json.dumps(event.changes)
    assert event.data is event.data
    assert event.changes is event.changes
    assert hash(event) == hash(Event.parse(event.body))
    assert len(repr(event)) < 200 + 4 * len(event.name)
    stored = restored(storable(event.body), bytes.fromhex(event.id), "secret")
    assert (stored.id, stored.created, stored.name) == (event.id, event.created, event.name)
    if not any(name in json.dumps([event.data, event.changes]) for name in HIDDEN_COLUMNS):
        assert (stored.data, stored.changes) == (event.data, event.changes)


DAMAGE = [
    b"",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b",",
    b":",
    b"\\ud800",
    b"\xff",
    b"\0",
    b"1e999",
    b"null",
    b"NaN",
    b"-",
    b"\\u",
]
TOKENS = [
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b'""', b'"a":', b'{"a":', b"\\", b"/", b" ", b"\n", b"\0", b"\x7f"),
    *(
        b"0",
        b"1",
        b"-",
        b"-0",
        b"01",
        b"1.",
        b".5",
        b"1e",
        b"1e5",
        b"1E+5",
        b"1e999",
        b"9" * 400,
        b"NaN",
        b"Infinity",
        b"-Infinity",
    ),
    *(b"true", b"false", b"null", b"tru", b"nul", b'"\\u0070"', b'"\\ud83c\\udf96"', b'"\\ud83c"', b'"\\udf96"', b'"\\x"'),
    *(b"\xc3\xbc", b"\xfc", b"\xed\xa0\x80", '"\u2028"'.encode(), b"// x", b"'a'", b'"password":1', b'{"password":1}'),
]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), children, max_size=4)
    ),
    max_leaves=12,
)


def accepted_to_the_end(body: bytes) -> None:
    try:
        event = Event.parse(body)
    except MalformedEvent:
        return
    read_to_the_end(event)


class TestNames:
    def test_there_are_the_34_that_perscom_knows(self) -> None:
        records = ["assignment", "award", "combat", "qualification", "rank", "service"]
        resources = ["user", *(f"{record}record" for record in records), "calendar", "event", "message", "submission"]
        expected = {f"{resource}.{action}" for resource in resources for action in ("created", "updated", "deleted")}
        assert len(EVENT_NAMES) == 34
        assert set(EVENT_NAMES) == expected | {"webhook.test"}

    def test_each_occurs_in_a_golden_request(self, golden: list[dict[str, Any]]) -> None:
        assert {request["event"] for request in golden if request["valid"]} == set(EVENT_NAMES)


class TestGolden:
    def test_every_genuine_one_is_read_as_json_reads_it(self, golden: list[dict[str, Any]]) -> None:
        for request in golden:
            if not request["valid"]:
                continue
            body = base64.b64decode(request["body_base64"])
            event, plain = Event.parse(body), json.loads(body)
            assert event.name == request["event"] == plain["event"]
            assert f"{event.resource}.{event.action}" == event.name
            assert event.created == datetime.fromisoformat(plain["created"])
            assert (event.request_id, event.trace_id) == (plain["request_id"], plain["trace_id"])
            assert event.data == plain.get("data")
            changes = plain.get("changes") or {}
            assert event.changes == {name: value for name, value in changes.items() if name not in HIDDEN_COLUMNS}
            assert event.body == body
            read_to_the_end(event)

    def test_no_hidden_column_of_a_golden_request_can_be_read(self, golden: list[dict[str, Any]]) -> None:
        (request,) = (request for request in golden if request["name"] == "user_updated_secret_columns")
        body = base64.b64decode(request["body_base64"])
        hidden = {str(value) for name, value in json.loads(body)["changes"].items() if name in HIDDEN_COLUMNS}
        assert hidden
        event = Event.parse(body)
        for value in hidden:
            assert value not in repr(event)
            assert value not in json.dumps(event.changes)
            assert value not in json.dumps(json.loads(storable(body)))


class TestShapes:
    @pytest.mark.parametrize(
        ("member", "changes"),
        [
            ({}, {}),
            ({"changes": None}, {}),
            ({"changes": []}, {}),
            ({"changes": {}}, {}),
            ({"changes": {"rank_id": 5, "channels": '["mail"]'}}, {"rank_id": 5, "channels": '["mail"]'}),
            ({"changes": ["rank_id"]}, {}),
            ({"changes": "rank_id"}, {}),
            ({"changes": 5}, {}),
            (
                {"changes": {"password": "$2y$", "remember_token": None, "discord_private_channel_id": 1, "name": "x"}},
                {"name": "x"},
            ),
        ],
        ids=["missing", "null", "[]", "{}", "an object", "a list", "a text", "a number", "hidden columns"],
    )
    def test_changes_are_always_a_dict(self, member: dict[str, object], changes: dict[str, object]) -> None:
        assert Event.parse(body_with(**member)).changes == changes

    @pytest.mark.parametrize("data", [{"id": 7}, [1, [2]], [], {}, "text", 5, 1.5, True, None], ids=json.dumps)
    def test_data_is_whatever_was_sent(self, data: object) -> None:
        event = Event.parse(body_with(data=data))
        assert event.data == data
        assert type(event.data) is type(data)

    def test_data_that_is_missing_is_none(self) -> None:
        assert Event.parse(body_with()).data is None

    @pytest.mark.parametrize(
        ("number", "value"),
        [
            ("1e999", "1e999"),
            ("-1e999", "-1e999"),
            ("1e-999", 0.0),
            ("9" * 5000, "9" * 5000),
            ("-" + "9" * 5000, "-" + "9" * 5000),
            ("9223372036854775808", 2**63),
            ("-9223372036854775809", -(2**63) - 1),
            ("1.0e+25", 1e25),
            ("0.30000000000000004", 0.30000000000000004),
            ("-0", 0),
        ],
        ids=lambda value: str(value)[:22],
    )
    def test_a_number_out_of_range_is_given_as_its_text(self, number: str, value: object) -> None:
        body = f'{{"event":"a.b","created":"{CREATED}","data":{{"n":[{number}]}},"changes":{{"n":{number}}}}}'.encode()
        event = Event.parse(body)
        assert event.data == {"n": [value]}
        assert event.changes == {"n": value}
        read_to_the_end(event)

    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-03-02T19:08:10.854257Z", datetime(2026, 3, 2, 19, 8, 10, 854257, UTC)),
            ("2026-03-02T19:08:10Z", datetime(2026, 3, 2, 19, 8, 10, 0, UTC)),
            ("2026-03-02T19:08:10", datetime(2026, 3, 2, 19, 8, 10, 0, UTC)),
            ("2026-03-02 19:08:10", datetime(2026, 3, 2, 19, 8, 10, 0, UTC)),
            ("2026-03-02T19:08:10.854257+02:00", datetime(2026, 3, 2, 17, 8, 10, 854257, UTC)),
            ("2026-01-01T00:30:00.000000+01:00", datetime(2025, 12, 31, 23, 30, 0, 0, UTC)),
            ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
            ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
        ],
    )
    def test_created_is_aware_and_utc(self, text: str, moment: datetime) -> None:
        event = Event.parse(body_with(created=text))
        assert event.created == moment
        assert event.created.tzinfo is UTC
        assert timedelta(microseconds=event.created_us) == moment - datetime(1970, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("name", "resource", "action"),
        [
            ("rankrecord.created", "rankrecord", "created"),
            ("webhook.test", "webhook", "test"),
            ("ping", "ping", ""),
            ("a.b.c", "a", "b.c"),
            (".", "", ""),
        ],
    )
    def test_a_name_is_a_resource_and_an_action(self, name: str, resource: str, action: str) -> None:
        event = Event.parse(body_with(event=name))
        assert (event.name, event.resource, event.action) == (name, resource, action)

    def test_a_member_that_occurs_twice_counts_the_last_time(self) -> None:
        body = f'{{"event":"a.b","created":"{CREATED}","data":1,"event":"c.d","data":2}}'.encode()
        event = Event.parse(body)
        assert (event.name, event.data) == ("c.d", 2)
        read_to_the_end(event)


class TestIdentity:
    def test_the_id_is_the_sha_256_of_the_bytes(self) -> None:
        body = body_with(data={"id": 7})
        assert Event.parse(body).id == sha256(body).hexdigest()
        assert Event.parse(body + b" ").id != Event.parse(body).id

    def test_events_are_equal_when_their_bytes_are(self) -> None:
        one, same, other = (Event.parse(body_with(data=data)) for data in (1, 1, 2))
        assert one == same
        assert len({one, same, other}) == 2
        assert one != other
        assert one != one.id

    @pytest.mark.parametrize("name", ["name", "body", "created", "data", "changes", "id", "secret_name", "new"])
    def test_it_is_frozen(self, name: str) -> None:
        event = Event.parse(body_with(data={"id": 7}))
        with pytest.raises(AttributeError):
            setattr(event, name, "x")
        with pytest.raises(AttributeError):
            delattr(event, name)
        assert (event.name, event.data) == ("user.updated", {"id": 7})

    def test_it_is_made_by_parse_alone(self) -> None:
        with pytest.raises(TypeError, match=r"Event\.parse"):
            Event()

    def test_its_repr_names_it_and_shows_nothing_of_its_data(self) -> None:
        event = Event.parse(body_with(data={"email": "reyes@example.org"}, changes={"notes": "private"}))
        assert repr(event) == f"<Event 'user.updated' {CREATED} {event.id[:12]}>"
        assert str(event) == repr(event)

    def test_a_stored_event_keeps_the_id_of_the_bytes_that_arrived(self) -> None:
        event = Event.parse(body_with(changes={"password": "x"}))
        stored = restored(storable(event.body), bytes.fromhex(event.id), "new")
        assert stored == event
        assert stored.body != event.body
        assert stored.secret_name == "new"


class TestParse:
    def test_the_reason_tells_nothing_of_the_body(self, cases: tuple[Any, ...]) -> None:
        malformed = [case for case in cases if case.status == 400]
        assert len(malformed) > 20
        for case in malformed:
            with pytest.raises(MalformedEvent) as refusal:
                Event.parse(case.body)
            assert len(str(refusal.value)) < 120
            assert refusal.value.__context__ is None or refusal.value.__suppress_context__, case.name
            for start in range(0, min(len(case.body), 300) - 12, 6):
                assert case.body[start : start + 12].decode("latin-1") not in str(refusal.value)

    @given(body=st.binary())
    @example(body=b"")
    @example(body=b"{}")
    @example(body=b"\xef\xbb\xbf{}")
    @example(body=b"[" * 100_000)
    @example(body=b'{"event":' * 50_000)
    def test_arbitrary_bytes_are_malformed_and_nothing_else(self, body: bytes) -> None:
        with pytest.raises(MalformedEvent):
            Event.parse(body)

    @settings(max_examples=200)
    @given(data=st.data())
    def test_what_it_accepts_of_a_damaged_golden_body_can_be_read_to_the_end(
        self, golden: list[dict[str, Any]], data: st.DataObject
    ) -> None:
        bodies = [base64.b64decode(request["body_base64"]) for request in golden if request["valid"]]
        body = bytearray(data.draw(st.sampled_from([body for body in bodies if len(body) < 3000])))
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, len(body)))
            end = data.draw(st.integers(start, min(len(body), start + 8)))
            body[start:end] = data.draw(st.sampled_from(DAMAGE) | st.binary(max_size=6))
        accepted_to_the_end(bytes(body))

    @settings(max_examples=200)
    @given(pieces=st.lists(st.sampled_from(TOKENS), max_size=14))
    def test_what_it_accepts_of_any_tokens_can_be_read_to_the_end(self, pieces: list[bytes]) -> None:
        for member in (b"data", b"changes"):
            accepted_to_the_end(b'{"event":"a.b","created":"%b","%b":%b}' % (CREATED.encode(), member, b"".join(pieces)))

    @given(value=json_values)
    def test_any_json_value_as_data_and_changes_is_accepted(self, value: object) -> None:
        for ascii_only in (True, False):
            body = json.dumps({"event": "a.b", "created": CREATED, "data": value, "changes": value}, ensure_ascii=ascii_only)
            event = Event.parse(body.encode())
            assert event.data == value
            read_to_the_end(event)

    @pytest.mark.parametrize("levels", [100, 511, 512])
    @pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")], ids=["lists", "objects", "both"])
    def test_512_levels_can_be_read_to_the_end(self, levels: int, brackets: tuple[str, str]) -> None:
        at_once = brackets[0].count("[") + brackets[0].count("{")
        count, rest = divmod(levels - 1, at_once)
        inner = brackets[0] * count + "[" * rest + '"\\u0000"' + "]" * rest + brackets[1] * count
        body = f'{{"event":"a.b","created":"{CREATED}","data":{inner},"changes":{{"a":1}}}}'.encode()
        assert depth(body) == levels
        event = Event.parse(body)
        assert isinstance(event.data, (list, dict))
        assert storable(event.body) == event.body

    @pytest.mark.parametrize("levels", [513, 600, 990, 5000, 100_000])
    @pytest.mark.parametrize("member", ["data", "changes", "event", "created", "request_id", "tomorrow"])
    def test_more_levels_are_malformed_wherever_they_are(self, levels: int, member: str) -> None:
        members = {"event": '"a.b"', "created": f'"{CREATED}"'} | {member: "[" * (levels - 1) + "]" * (levels - 1)}
        body = "{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"
        with pytest.raises(MalformedEvent):
            Event.parse(body.encode())

    @pytest.mark.parametrize(
        "text", ["[{" * 3000, '\\"[' * 3000, "\\\\[" * 3000, "]}" * 3000], ids=["plain", "quotes", "slashes", "ends"]
    )
    def test_brackets_inside_a_text_are_no_levels(self, text: str) -> None:
        body = f'{{"event":"a.b","created":"{CREATED}","data":{{"text":"{text}"}}}}'.encode()
        assert depth(body) == 2
        assert Event.parse(body).data == {"text": json.loads(f'"{text}"')}

    def test_reading_takes_no_more_stack_than_any_program_has_left(self) -> None:
        """A handler may be called from deep inside a framework."""

        def below(frames: int, call: Callable[[], object]) -> object:
            return call() if frames == 0 else below(frames - 1, call)

        body = f'{{"event":"a.b","created":"{CREATED}","data":{"[" * 300}1e999{"]" * 300}}}'.encode()
        below(sys.getrecursionlimit() // 3, lambda: read_to_the_end(Event.parse(body)))


# Spellings of a name in JSON: plain, and with one letter or all of them escaped.
def spellings(name: str) -> list[str]:
    return [
        name,
        f"\\u{ord(name[0]):04x}{name[1:]}",
        name[:-1] + f"\\u{ord(name[-1]):04X}",
        "".join(f"\\u{ord(c):04x}" for c in name),
    ]


hidden_names = st.sampled_from([spelling for name in sorted(HIDDEN_COLUMNS) for spelling in spellings(name)])


class TestStorable:
    """What the inbox may write to a disk."""

    @given(
        value=st.recursive(
            hidden_names.map(lambda name: f'{{"id":7,"{name}":"canary-7f3a"}}'),
            lambda inner: (
                inner.map(lambda text: f'["x",{text}]')
                | inner.map(lambda text: f'{{"k":{text},"z":null}}')
                | inner.map(lambda text: f'{{"k":{text},"k":null}}')
                | hidden_names.flatmap(lambda name: inner.map(lambda text: f'{{"{name}":{text},"z":null}}'))
                | inner.map(lambda text: f'{{"k":{json.dumps(text)}}}')
                | inner.map(lambda text: f'{{"k":{json.dumps(f"  {text}")}}}')
                | inner.map(lambda text: f'{{"k":{json.dumps(escape(text))}}}')
            ),
            max_leaves=5,
        ),
        member=st.sampled_from(["data", "changes", "tomorrow"]),
    )
    def test_hidden_columns_are_gone_at_any_depth_and_in_any_spelling(self, value: str, member: str) -> None:
        body = f'{{"event":"a.b","created":"{CREATED}","{member}":{value}}}'.encode()
        event = Event.parse(body)
        stored = storable(body)
        assert b"canary" not in stored
        assert b"canary" not in json.dumps(json.loads(stored)).encode()
        again = restored(stored, bytes.fromhex(event.id), None)
        assert (again.name, again.created, again.id) == (event.name, event.created, event.id)
        assert storable(stored) == stored

    @given(value=json_values.filter(lambda value: not any(name in json.dumps(value) for name in HIDDEN_COLUMNS)))
    def test_a_body_without_hidden_columns_is_stored_as_it_came(self, value: object) -> None:
        body = body_with(data=value, changes={"text": json.dumps(value)})
        assert storable(body) == body

    def test_all_else_stays(self) -> None:
        data = {"id": 7, "hours": 1.5, "tags": [], "text": 'He said: "password"', "nested": {"a": [None, True]}}
        changes = {"name": "Reyes", "password": "x", "data": json.dumps({"call_sign": "Fox", "remember_token": "x", "n": [1]})}
        stored = json.loads(storable(body_with(data=data, changes=changes, request_id="r")))
        assert stored == {
            "event": "user.updated",
            "created": CREATED,
            "request_id": "r",
            "data": data,
            "changes": {"name": "Reyes", "data": '{"call_sign":"Fox","n":[1]}'},
        }

    @pytest.mark.parametrize(
        "text",
        [
            "[Discipline] gave the TeamSpeak password to a stranger",
            "{password}",
            'password: "[x]"',
            "password",
            '["password"]',
            '{"why":"forgot the password"}',
        ],
    )
    def test_a_text_that_only_speaks_of_a_password_stays(self, text: str) -> None:
        body = body_with(data={"text": text}, changes={"text": text})
        assert storable(body) == body

    @pytest.mark.parametrize("name", sorted(HIDDEN_COLUMNS))
    @pytest.mark.parametrize(
        "spelled",
        [
            escape,
            lambda text: escape(escape(text)),
            lambda text: f"Changed: {text}",
            lambda text: f"Changed: {escape(text)}, by nobody",
            lambda text: f"<p>{escape(json.dumps({'before': text}))}</p>",
            lambda text: json.dumps(json.dumps(text)),
            lambda text: f"{text[:-20]}",
            lambda text: escape(text)[:-20],
            lambda text: escape(text).replace(text[12], f"&#{ord(text[12])};"),
            lambda text: "&#" + "9" * 5000 + ";" + text,
        ],
        ids=[
            *("for HTML", "for HTML twice", "in a sentence", "for HTML in a sentence", "in JSON in HTML"),
            *("in a text in a text", "cut off", "for HTML, cut off", "a letter as an entity", "behind an entity without end"),
        ],
    )
    def test_a_template_brings_them_to_no_disk_however_it_writes_them_out(
        self, name: str, spelled: Callable[[str], str]
    ) -> None:
        written = f'{{"rank":4,"{name}":{{"old":"canary-7f3a","new":"canary-9b1c-and-a-tail"}}}}'
        for member in ({"text": spelled(written)}, [spelled(written)], spelled(written)):
            stored = storable(body_with(data=member, changes=None))
            assert b"canary" not in stored
            assert Event.parse(stored).data
            assert storable(stored) == stored

    def test_what_a_template_writes_besides_stays_as_it_is_read(self) -> None:
        written = escape('{"name":"O\'Brien","password":"x","note":"<b>"}')
        stored = Event.parse(storable(body_with(data={"id": "7", "text": written}, changes=None)))
        assert stored.template == {"id": "7", "text": '{"name":"O\'Brien","note":"<b>"}'}

    @pytest.mark.parametrize(
        "members",
        [
            '"changes":{"password":"canary"},"changes":{"id":7}',
            '"data":{"user":{"password":"canary"},"user":null}',
            '"changes":{"password":"canary","password":"canary too"}',
            '"data":{"a":"{\\"password\\":\\"canary\\"}","a":1}',
            '"data":{"a":"{\\"b\\":{\\"password\\":\\"canary\\"},\\"b\\":1}"}',
        ],
    )
    def test_a_name_that_is_there_twice_hides_nothing(self, members: str) -> None:
        body = f'{{"event":"a.b","created":"{CREATED}",{members}}}'.encode()
        event, stored = Event.parse(body), storable(body)
        assert b"canary" not in stored
        again = Event.parse(stored)
        assert (again.name, again.created, again.changes) == (event.name, event.created, event.changes)

    @pytest.mark.parametrize("levels", [400, 480, 500, 509])
    @pytest.mark.parametrize("name", sorted(HIDDEN_COLUMNS))
    def test_they_are_gone_at_every_depth_that_is_accepted(self, levels: int, name: str) -> None:
        inner = "[" * levels + f'{{"{name}":"canary"}}' + "]" * levels
        body = f'{{"event":"a.b","created":"{CREATED}","data":{inner}}}'.encode()
        assert Event.parse(body)
        assert b"canary" not in storable(body)

    @pytest.mark.parametrize("levels", [10, 500, 800, 1000, 3000, 50_000])
    def test_they_are_gone_from_a_text_that_is_nested_as_deep_as_it_likes(self, levels: int) -> None:
        inner = "[" * levels + '{"password":"canary"}' + "]" * levels
        body = body_with(changes={"data": inner})
        stored = storable(body)
        assert b"canary" not in stored
        assert isinstance(json.loads(stored)["changes"]["data"], str)

    def test_numbers_out_of_range_do_not_keep_it_from_being_cleaned(self) -> None:
        body = f'{{"event":"a.b","created":"{CREATED}","data":[1e999,{"9" * 5000}],"changes":{{"password":1}}}}'.encode()
        event, stored = Event.parse(body), Event.parse(storable(body))
        assert stored.data == event.data == ["1e999", "9" * 5000]
        assert b"password" not in stored.body


def test_changes_cannot_be_given_back_to_perscom_by_accident() -> None:
    """The hidden columns are gone from what handlers see, also when only an escape spells them."""
    body = f'{{"event":"a.b","created":"{CREATED}","changes":{{"p\\u0061ssword":"x","name":"y"}}}}'.encode()
    changes = Event.parse(body).changes
    assert isinstance(changes, Mapping)
    assert changes == {"name": "y"}


def test_an_event_name_that_holds_json_with_a_hidden_name_stays_readable_once_stored() -> None:
    body = b'{"event":"{\\"password\\": [[","created":"2026-03-02T18:20:05.201415Z","data":{"password":"x"}}'
    stored = storable(body)
    assert Event.parse(stored).name == Event.parse(body).name
    assert Event.parse(stored).data == {}


def test_a_body_full_of_accents_is_stored_as_it_came() -> None:
    body = b'{"event":"a","created":"2026-03-02T18:20:05.201415Z","data":{"name":"Zo\\u00eb"}}'
    assert storable(body) is body


@pytest.mark.parametrize("copied", [lambda event: pickle.loads(pickle.dumps(event)), copy.copy, copy.deepcopy])  # noqa: S301
def test_an_event_can_be_handed_to_another_process(copied: Callable[[Event], Event]) -> None:
    body = make_event("rankrecord.created").body
    event = Verifier(Secret("0123456789abcdef", name="live")).event({"Signature": sign(body, "0123456789abcdef")}, body)
    other = copied(event)
    assert (other, other.data, other.secret_name, other.body) == (event, event.data, "live", body)
