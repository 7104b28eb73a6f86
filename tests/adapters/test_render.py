"""Events as messages: the wording of what is only half known. What is said of all 34 events is in ``test_golden.py``."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from community import Community

from perscom_adapters import WORDS, Message, Paragraph, Quote, Text, Time, plain, render, word_of
from perscom_receiver import EVENT_NAMES, Event, php_json
from perscom_receiver.testing import make_event

REQUESTS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "requests.json"
NOW = datetime(2026, 3, 2, 18, 20, 5, 201415, tzinfo=UTC)
ACTIONS = ("created", "updated", "deleted")


def event(name: str, data: object = None, changes: object = None, created: str = "2026-03-02T18:20:05.201415Z") -> Event:
    body = {"event": name, "created": created, "request_id": None, "trace_id": None, "data": data, "changes": changes}
    return Event.parse(php_json(body))


def rendered(name: str, data: object = None, changes: object = None, *, known: bool = False) -> Message:
    message = render(event(name, data, changes), Community() if known else None)
    assert message is not None
    return message


def title(name: str, data: object = None, changes: object = (), *, known: bool = False) -> str:
    return rendered(name, data, changes, known=known).title


def dump(message: Message) -> str:
    return msgspec.json.encode(message).decode()


WHITFIELD = {
    "id": 2153,
    "display_name": "SFC Jacob Whitfield",
    "unit_id": 16,
    "unit": {"id": 16, "name": "1st Platoon, Alpha Company"},
}


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_no_title_is_an_event_name_or_an_id(name: str) -> None:
    sample = make_event(name, created=NOW)
    message = render(sample)
    assert message is not None
    assert name not in dump(message)
    assert isinstance(sample.data, dict)
    ids = [value for key, value in sample.data.items() if key.endswith("id") and isinstance(value, int)]
    assert not any(word.strip("#") == str(key) for word in message.title.split() for key in ids)


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_a_message_carries_its_word_colour_time_and_sender(name: str) -> None:
    sample = make_event(name, created=NOW)
    message = render(sample)
    assert message is not None
    assert message.word == word_of(sample)
    assert message.color == WORDS[message.word].color
    assert message.at == NOW
    assert message.footer == "PERSCOM"
    assert message.image is None


def test_a_promotion_says_who_to_what_from_what_where_and_by_whom() -> None:
    message = render(make_event("rankrecord.created", text="<p>For <b>valor</b>.</p>"), Community())
    assert message is not None
    assert message.title == "SFC Jacob Whitfield promoted to Sergeant First Class"
    assert message.blocks[0] == Paragraph((Text("1st Platoon, Alpha Company · by Capt. Okafor"),))
    assert isinstance(message.blocks[1], Quote)
    assert plain(message.blocks[1]) == "For valor."
    assert [(field.name, plain(field.value)) for field in message.fields] == [("Previous rank", "Staff Sergeant")]


RANK = {"rank_id": 8, "rank": {"id": 8, "name": "Corporal"}}


@pytest.mark.parametrize(
    ("name", "data", "wanted"),
    [
        ("rankrecord.created", {"type": 0}, "A member was promoted"),
        ("rankrecord.created", {"type": 0, **RANK}, "A member was promoted to Corporal"),
        ("rankrecord.created", {"type": 0, "user": WHITFIELD}, "SFC Jacob Whitfield was promoted"),
        ("rankrecord.created", {"type": "0", "user": WHITFIELD, **RANK}, "SFC Jacob Whitfield promoted to Corporal"),
        ("rankrecord.created", {"type": 1, "user": WHITFIELD, **RANK}, "SFC Jacob Whitfield demoted to Corporal"),
        ("rankrecord.created", {"type": 2, "user": WHITFIELD, **RANK}, "SFC Jacob Whitfield laterally appointed to Corporal"),
        (
            "rankrecord.created",
            {"type": 3, "user": WHITFIELD, **RANK},
            "SFC Jacob Whitfield transferred to the rank of Corporal",
        ),
        ("rankrecord.created", {"type": 3}, "A member was transferred"),
        ("rankrecord.created", {"user": WHITFIELD, **RANK}, "SFC Jacob Whitfield now holds the rank of Corporal"),
        ("rankrecord.created", {}, "The rank of a member was changed"),
        ("rankrecord.updated", {}, "A rank record of a member was changed"),
        ("rankrecord.updated", {"type": 1}, "The demotion of a member was changed"),
        ("rankrecord.deleted", {"type": 0, "user": WHITFIELD}, "The promotion of SFC Jacob Whitfield was withdrawn"),
        ("awardrecord.created", {}, "A member received an award"),
        ("awardrecord.created", {"award": {"name": "The Iron Shield"}}, "A member received The Iron Shield"),
        ("awardrecord.created", {"award": {"name": "A. Lee Medal"}}, "A member received the A. Lee Medal"),
        ("awardrecord.deleted", {"award": {"name": "Combat Medal"}}, "The award of the Combat Medal to a member was withdrawn"),
        ("qualificationrecord.created", {"qualification": {"name": "Expert Badge"}}, "A member earned the Expert Badge"),
        ("qualificationrecord.created", {"qualification": {"name": "EIB"}}, "A member earned the EIB qualification"),
        ("qualificationrecord.updated", {"qualification": {"name": "EIB"}}, "The EIB qualification of a member was changed"),
        ("assignmentrecord.created", {}, "A member received a new assignment"),
        ("assignmentrecord.created", {"position": {"name": "Medic"}}, "A member was assigned as Medic"),
        ("assignmentrecord.created", {"unit": {"name": "HQ"}, "user": WHITFIELD}, "SFC Jacob Whitfield assigned to HQ"),
        ("assignmentrecord.deleted", {"unit": {"name": "HQ"}}, "The assignment of a member to HQ was withdrawn"),
        ("combatrecord.created", {}, "New combat record"),
        ("combatrecord.updated", {"user": WHITFIELD}, "A combat record of SFC Jacob Whitfield was changed"),
        ("servicerecord.deleted", {}, "A service record was removed"),
        ("user.created", {}, "A new member joined"),
        ("user.deleted", {}, "A member left"),
        ("user.deleted", {"name": "Jacob Whitfield", "email": "jw@example.test"}, "A member left"),
        ("calendar.created", {}, "New calendar"),
        ("calendar.deleted", {"name": 5}, "A calendar was removed"),
        ("event.created", {}, "New event"),
        ("event.updated", {}, "An event was changed"),
        ("event.deleted", {}, "An event was cancelled"),
        ("submission.created", {}, "A person submitted a form"),
        ("submission.created", {"form_id": 5}, "A guest submitted a form"),
        ("submission.deleted", {"form_id": 5, "user_id": 412}, "A form from a member was removed"),
        ("webhook.test", {"status": "ok"}, "Test from PERSCOM: it works"),
    ],
)
def test_what_is_not_known_is_left_out_of_the_sentence(name: str, data: object, wanted: str) -> None:
    assert title(name, data) == wanted


def test_a_record_without_a_member_has_no_guest_in_its_title() -> None:
    placeholder = {"name": "Guest", "display_name": "Guest", "unit": None}
    assert title("servicerecord.created", {"text": "x", "user": placeholder}) == "New service record"
    assert title("awardrecord.created", {"user": placeholder}) == "A member received an award"
    assert title("awardrecord.created", {"user": {"id": 7, "display_name": "Pvt Guest"}}) == "Pvt Guest received an award"
    assert title("awardrecord.created", {"user": {"display_name": "Pvt Roux"}}) == "Pvt Roux received an award"


def test_the_author_is_named_only_where_that_is_true() -> None:
    author = {"author_id": 1, "user": WHITFIELD, "type": 0}
    first_lines = [plain(rendered(f"rankrecord.{action}", author, [], known=True).blocks[0]) for action in ACTIONS]
    assert first_lines == [
        "1st Platoon, Alpha Company · by Capt. Okafor",
        "1st Platoon, Alpha Company · recorded by Capt. Okafor",
        "1st Platoon, Alpha Company",
    ]
    own = {"type": 0, "user_id": 1, "author_id": 1}
    assert rendered("rankrecord.created", own, [], known=True).blocks == ()


def test_a_previous_rank_that_is_the_new_one_is_not_told() -> None:
    same = {"type": 2, "user_id": 2153, "rank": {"name": "Staff Sergeant"}}
    assert rendered("rankrecord.created", same, [], known=True).fields == ()
    assert rendered("rankrecord.updated", same | {"rank": None}, [], known=True).fields == ()


def test_a_relation_left_over_from_before_the_change_is_not_announced() -> None:
    stale = {"id": 2153, "display_name": "SFC Jacob Whitfield", "rank_id": 12, "rank": {"id": 8, "name": "Corporal"}}
    assert title("user.updated", stale, {"rank_id": 12}) == "SFC Jacob Whitfield has a new rank"
    assert title("user.updated", stale, {"rank_id": 12}, known=True) == (
        "SFC Jacob Whitfield now holds the rank of Sergeant First Class"
    )


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"rank_id": 12}, "SFC Jacob Whitfield now holds the rank of Sergeant First Class"),
        ({"rank_id": None}, "SFC Jacob Whitfield no longer holds a rank"),
        ({"unit_id": 16}, "SFC Jacob Whitfield moved to 1st Platoon, Alpha Company"),
        ({"unit_id": 99}, "SFC Jacob Whitfield moved to another unit"),
        ({"position_id": 22}, "SFC Jacob Whitfield now serves as Fire Team Leader"),
        ({"specialty_id": 6}, "SFC Jacob Whitfield now has the specialty Combat Medic"),
        ({"status_id": 3}, "SFC Jacob Whitfield now has the status Active Duty"),
        ({"approved": True}, "SFC Jacob Whitfield was approved"),
        ({"approved": 0}, "SFC Jacob Whitfield is no longer approved"),
        ({"name": "Jacob Whitfield"}, "A member is now called SFC Jacob Whitfield"),
        ({"rank_id": 12, "unit_id": 16}, "SFC Jacob Whitfield: rank and unit changed"),
        ({"name": "x", "rank_id": 12, "approved": 1}, "SFC Jacob Whitfield: name, rank and approval changed"),
    ],
)
def test_a_changed_profile_says_what_changed(changes: dict[str, object], wanted: str) -> None:
    data = {"id": 2153, "display_name": "SFC Jacob Whitfield"} | {key: new for key, new in changes.items() if key != "name"}
    assert title("user.updated", data, {**changes, "updated_at": "2026-03-02 18:20:05"}, known=True) == wanted


def test_several_changes_are_listed_with_their_new_values() -> None:
    changes = {"rank_id": 12, "unit_id": None, "status_id": 99}
    message = rendered("user.updated", {"id": 2153, **changes}, changes, known=True)
    assert message.title == "SFC Jacob Whitfield: rank, unit and status changed"
    assert [(field.name, plain(field.value)) for field in message.fields] == [
        ("Rank", "Staff Sergeant → Sergeant First Class"),
        ("Unit", "none"),
        ("Status", "changed"),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        [],
        None,
        {"updated_at": "2026-03-02 20:23:44"},
        {"notes": "<p>private</p>", "notes_updated_at": "2026-03-02 20:23:44"},
        {"password": "$2y$12$x", "remember_token": "o5Zb2v1"},
        {"profile_photo": "a.png", "cover_photo": "b.png", "last_seen_at": "2026-03-02 20:23:44"},
        {"email": "a@example.test", "phone_number": "+1", "discord_user_id": "1"},
        {"data": '{"promotion_points":42}', "unit_slot_id": 3},
        {"approved": "nonsense"},
    ],
)
def test_a_change_that_concerns_nobody_else_is_not_told(changes: object) -> None:
    assert render(event("user.updated", {"id": 2153, "display_name": "SFC Jacob Whitfield"}, changes)) is None


GATE = {
    "id": 1664,
    "name": "Operation Iron Gate",
    "starts": "2026-03-13T23:40:24.000000Z",
    "ends": "2026-03-14T01:40:24.000000Z",
    "url": "https://example.test/briefings/iron-gate",
}


@pytest.mark.parametrize(
    ("changes", "wanted", "time_label"),
    [
        ({"starts": "2026-03-13 23:40:24"}, "Operation Iron Gate was moved", "New time"),
        ({"ends": "2026-03-14 01:40:24", "name": "x"}, "Operation Iron Gate ends at another time", "New time"),
        ({"name": "x"}, "An event is now called Operation Iron Gate", "When"),
        ({"location": None, "description": "x"}, "Operation Iron Gate was changed", "When"),
        ({"registration_deadline": "2026-03-10 00:00:01"}, "Sign-up for Operation Iron Gate was changed", "When"),
        ([], "Operation Iron Gate was changed", "When"),
    ],
)
def test_a_changed_event_says_what_changed_and_when_it_is(changes: object, wanted: str, time_label: str) -> None:
    message = rendered("event.updated", GATE, changes)
    assert message.title == wanted
    assert message.url == GATE["url"]
    field = message.fields[0]
    assert field.name == time_label
    assert field.value == (
        Time(datetime(2026, 3, 13, 23, 40, 24, tzinfo=UTC), shown="2026-03-13 23:40 UTC"),
        Text(" to "),
        Time(datetime(2026, 3, 14, 1, 40, 24, tzinfo=UTC), shown="2026-03-14 01:40 UTC"),
    )


def test_an_event_of_one_day_shows_that_day_once() -> None:
    data = GATE | {"starts": "2026-03-13T19:00:00Z", "ends": "2026-03-13T23:30:00Z"}
    message = rendered("event.created", data, [])
    assert message.fields[0].value == (
        Time(datetime(2026, 3, 13, 19, tzinfo=UTC), shown="2026-03-13 19:00 UTC"),
        Text(" to "),
        Time(datetime(2026, 3, 13, 23, 30, tzinfo=UTC), "time", shown="23:30"),
    )
    berlin = render(event("event.created", data, []), timezone=ZoneInfo("Europe/Berlin"))
    assert berlin is not None
    assert plain(berlin.fields[0].value) == "2026-03-13 20:00 CET to 2026-03-14 00:30 CET"


def moved(*told: Event, changes: object = (("starts", "x"),), **data: object) -> dict[str, str]:
    """The times that are told of the event when it is moved, by what stands in front of them."""
    change = event("event.updated", GATE | data, dict(changes), created="2026-03-02T19:00:00Z")  # type: ignore[call-overload]
    message = render(change, told=told)
    assert message is not None
    return {field.name: plain(field.value) for field in message.fields if "time" in field.name}


def test_a_moved_event_tells_from_when_as_far_as_readers_were_told() -> None:
    new = "2026-03-13 23:40 UTC to 2026-03-14 01:40 UTC"
    planned = event("event.created", GATE | {"starts": "2026-03-10T19:00:00Z", "ends": None}, [])
    before = event("event.updated", {"id": 1664, "starts": "2026-03-11T19:00:00Z"}, [], created="2026-03-02T18:30:00Z")
    assert moved() == {"New time": new}
    assert moved(planned) == {"Previous time": "2026-03-10 19:00 UTC", "New time": new}
    assert moved(before, planned) == {"Previous time": "2026-03-11 19:00 UTC", "New time": new}
    assert moved(planned, changes={"ends": "x"}.items()) == {"Previous time": "2026-03-10 19:00 UTC", "New time": new}
    assert moved(planned, changes={"location": "x"}.items()) == {}


def test_what_tells_of_another_event_or_of_later_or_nothing_is_no_old_time() -> None:
    told = [
        event("event.created", GATE | {"id": 9, "starts": "2026-03-10T19:00:00Z"}, []),
        event("calendar.created", GATE | {"starts": "2026-03-10T19:00:00Z"}, []),
        event("event.updated", GATE | {"starts": "2026-03-10T19:00:00Z"}, [], created="2026-03-02T19:00:01Z"),
        event("event.created", GATE, []),
        event("event.created", {"id": "1664", "starts": "2026-03-10T19:00:00Z"}, None),
        event("event.created", {"id": 1664, "starts": ["odd"], "ends": {}}, []),
        event("event.created", [], None),
    ]
    for one in told:
        assert moved(one) == {"New time": "2026-03-13 23:40 UTC to 2026-03-14 01:40 UTC"}


def test_changed_reminders_are_not_told() -> None:
    assert (
        render(event("event.updated", GATE, {"notifications_interval": '["p1w"]', "updated_at": "2026-03-04 00:23:47"})) is None
    )


def test_an_event_that_is_over_is_removed_and_not_cancelled() -> None:
    assert title("event.deleted", GATE) == "Operation Iron Gate was cancelled"
    past = GATE | {"starts": "2026-03-01T18:00:00.000000Z"}
    assert title("event.deleted", past) == "Operation Iron Gate was removed from the calendar"


def test_an_event_of_whole_days_shows_days() -> None:
    message = rendered("event.created", GATE | {"all_day": True}, [])
    assert plain(message.fields[0].value) == "2026-03-13 to 2026-03-14"
    message = rendered("event.created", GATE | {"all_day": True, "ends": GATE["starts"]}, [])
    assert plain(message.fields[0].value) == "2026-03-13"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "/app/events/1", "https://a@b.test/", "https://x.test/ y", 5, None, ["x"]]
)
def test_an_address_that_may_not_be_linked_is_left_out(url: object) -> None:
    assert rendered("event.created", GATE | {"url": url}, []).url is None


def test_each_genuine_golden_request_is_rendered_or_has_a_reason_not_to_be() -> None:
    if not REQUESTS.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{REQUESTS} is missing")
        pytest.skip("the golden requests are not here")
    silent, told = set(), {}
    for case in json.loads(REQUESTS.read_text(encoding="utf-8")):
        body = base64.b64decode(case["body_base64"])
        if case["method"] == "POST" and case["valid"] and body:
            message = render(Event.parse(body))
            if message is None:
                silent.add(case["name"])
            else:
                told[case["name"]] = message
    assert silent == {
        "user_updated_secret_columns",
        "user_updated_custom_fields",
        "message_created",
        "message_updated",
        "message_deleted",
    }
    assert told["rankrecord_created"].title == "SFC Jacob Whitfield promoted to Sergeant First Class"
    assert plain(told["servicerecord_updated"]) == "A service record was changed\n@everyone <@123>"
    private = (
        "example.test/api",
        "whitfield@",
        "hale@",
        "koval@",
        "zoe@",
        "Ghost/",
        "$2y$",
        "184405311681986560",
        "Größ",
        "Be honest",
    )
    everything = "".join(map(dump, told.values()))
    assert [text for text in private if text in everything] == []
