"""The public testing module: its samples follow PERSCOM's wire format, its requests are genuine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from perscom_receiver import EVENT_NAMES, MalformedEvent, Verifier, php_json, verify
from perscom_receiver.testing import make_event, sample, signed_request

SECRET = "0123456789abcdef"
AT = datetime(2026, 3, 2, 19, 8, 10, 854257, tzinfo=UTC)


def names(text: str) -> list[str]:
    return text.split()


# The keys of `data` that section 5 of the description of the wire format promises.
DATES = ["created_at", "updated_at", "label"]
RECORD = ["id", "user_id", "text", "document_id", "author_id", *DATES, "document_parsed", "document"]
ASSIGNMENT = ["status_id", "unit_id", "position_id", "specialty_id", "unit_slot_id", "type"]
USER = names(
    """
    id name email email_verified_at phone_number position_id rank_id specialty_id status_id unit_id unit_slot_id approved notes
    notes_updated_at profile_photo cover_photo last_seen_at facebook_user_id github_user_id google_user_id discord_user_id
    display_name last_assignment_change_date last_rank_change_date online profile_photo_url cover_photo_url
    rank position specialty unit status
    """
)
EVENT = names(
    """
    id name calendar_id description content location url author_id all_day starts ends repeats registration_enabled
    registration_deadline notifications_enabled notifications_interval notifications_channels
    """
)
COLUMNS = {
    "user": [*USER, *DATES],
    "assignmentrecord": [*RECORD, *ASSIGNMENT],
    "awardrecord": [*RECORD, "award_id"],
    "combatrecord": RECORD,
    "qualificationrecord": [*RECORD, "qualification_id"],
    "rankrecord": [*RECORD, "rank_id", "type"],
    "servicerecord": RECORD,
    "calendar": ["id", "name", "description", "color", *DATES],
    "event": [*EVENT, *DATES],
    "message": ["id", "message", "channels", "recipients", "repeats", "send_at", "sent_at", *DATES],
    "submission": ["id", "form_id", "user_id", "read_at", *DATES],
}
RELATIONS = {
    "assignmentrecord.created": {"author", "user", "position", "specialty", "unit", "status"},
    "awardrecord.created": {"author", "user", "award"},
    "combatrecord.created": {"author", "user"},
    "qualificationrecord.created": {"author", "user", "qualification"},
    "rankrecord.created": {"author", "user", "rank"},
    "servicerecord.created": {"author", "user"},
    "message.created": {"schedule"},
    "message.deleted": {"schedule"},
    "event.deleted": {"schedule"},
    "submission.created": {"form"},
    "submission.updated": {"form"},
}
ANSWERS = {"user": {"call_sign", "promotion_points", "hours"}, "submission": set(sample("submission.deleted")["data"])}

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z")
RAW_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def walk(value: object) -> Iterator[object]:
    yield value
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from walk(inner)


def rows(value: object) -> Iterator[dict[str, Any]]:
    return (part for part in walk(value) if isinstance(part, dict))


@pytest.fixture(params=EVENT_NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_request_is_genuine_and_has_the_headers_and_bytes_of_perscom(name: str) -> None:
    headers, body = signed_request(name, secret=SECRET)
    assert headers.keys() == {"User-Agent", "Content-Type", "Signature"}
    assert headers["User-Agent"] == "GuzzleHttp/7"
    assert headers["Content-Type"] == "application/json"
    verify(body, headers["Signature"], SECRET)
    event = Verifier(SECRET).event(headers, body)
    assert event.name == name
    assert list(json.loads(body)) == ["event", "created", "request_id", "trace_id", "data", "changes"]
    assert php_json(json.loads(body)) == body


def test_each_call_is_a_new_event_of_now(name: str) -> None:
    before = datetime.now(UTC)
    first, second = make_event(name), make_event(name)
    assert before <= first.created <= second.created <= datetime.now(UTC)
    assert first.body != second.body
    assert len({first.request_id, second.request_id, first.trace_id, second.trace_id}) == 4
    assert {UUID(text).version for text in (first.request_id, second.trace_id) if text} == {4}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", json.loads(first.body)["created"])


def test_a_sample_is_a_fresh_dict_that_shares_nothing(name: str) -> None:
    first = sample(name, created=AT)
    seen = [id(part) for part in walk(first) if isinstance(part, (dict, list))]
    assert len(seen) == len(set(seen))
    untouched = php_json(first["data"])
    for part in list(walk(first)):
        if isinstance(part, (dict, list)):
            part.clear()
    assert php_json(sample(name, created=AT)["data"]) == untouched


def test_an_update_and_a_delete_have_every_column_and_an_insert_only_what_was_set(name: str) -> None:
    resource, _, action = name.partition(".")
    keys = list(sample(name)["data"])
    columns, relations = set(COLUMNS.get(resource, ["status"])), RELATIONS.get(name, set())
    if action == "created":
        assert set(keys) <= columns | relations | ANSWERS.get(resource, set())
        assert columns - set(keys)
        assert keys.index("updated_at") < keys.index("created_at") < keys.index("id") < keys.index("label")
    else:
        assert columns <= set(keys)
        assert action == "test" or keys[0] == "id"
        assert action == "test" or keys.index("created_at") < keys.index("updated_at") < keys.index("label")
    assert relations <= set(keys)


def test_a_delete_and_an_insert_change_nothing_and_an_update_names_raw_columns(name: str) -> None:
    envelope = sample(name)
    data, changes = envelope["data"], envelope["changes"]
    if not name.endswith(".updated"):
        assert changes == (None if name == "webhook.test" else [])
        return
    assert len(changes) > 1
    assert RAW_DATE.fullmatch(changes["updated_at"])
    for column, raw in changes.items():
        match data[column]:
            case list() as items:
                assert json.loads(raw) == items
            case str() as text if ISO.fullmatch(text):
                assert RAW_DATE.fullmatch(raw)
                assert raw == text[:19].replace("T", " ")
            case other:
                assert raw == other


def test_dates_in_data_are_iso_in_utc_but_read_at(name: str) -> None:
    for row in rows(sample(name)["data"]):
        for key, value in row.items():
            if value is not None and (key.endswith(("_at", "_date", "_deadline")) or key in ("starts", "ends")):
                assert (RAW_DATE if key == "read_at" else ISO).fullmatch(value), key


def test_every_user_in_a_sample_has_private_data_for_leak_tests_to_find(name: str) -> None:
    users = [row for row in rows(sample(name)["data"]) if "display_name" in row]
    assert bool(users) == (name.startswith("user.") or name.endswith("record.created"))
    for user in users:
        assert all(user[column] for column in ("email", "phone_number", "notes", "discord_user_id"))


def test_nothing_in_a_sample_leads_to_a_real_person_or_host(name: str) -> None:
    for text in (part for part in walk(sample(name)) if isinstance(part, str)):
        assert all(domain.endswith("example.test") for domain in re.findall(r"\S@([\w.-]+)", text))
        for url in re.findall(r"https?://[^\s\"<]+", text):
            host = urlsplit(url).hostname or ""
            assert host.endswith(".example.test") or host == "ui-avatars.com"


def test_a_promotion_says_who_got_which_rank_from_whom() -> None:
    data = sample("rankrecord.created")["data"]
    assert data["type"] == 0
    assert data["user"]["display_name"] == "SFC Jacob Whitfield"
    assert data["user"]["unit"]["name"] == "1st Platoon, Alpha Company"
    assert data["rank"]["name"] == "Sergeant First Class"
    assert data["author"]["display_name"] == "Capt. Okafor"


@pytest.mark.parametrize("resource", sorted(COLUMNS))
def test_foreign_keys_and_relations_of_a_sample_belong_together(resource: str) -> None:
    for action in ("created", "updated", "deleted"):
        for row in rows(sample(f"{resource}.{action}")["data"]):
            for key, value in row.items():
                if isinstance(value, dict) and f"{key}_id" in row:
                    assert row[f"{key}_id"] == value["id"]
                    assert value["label"].endswith(f": {value['id']}")


def test_the_three_events_of_a_resource_are_about_the_same_thing_except_users() -> None:
    ids = {r: {sample(f"{r}.{action}")["data"]["id"] for action in ("created", "updated", "deleted")} for r in COLUMNS}
    assert {resource: len(found) for resource, found in ids.items()} == {r: 3 if r == "user" else 1 for r in COLUMNS}


def test_a_keyword_sets_one_key_of_data_even_if_it_is_called_name_or_event() -> None:
    event = make_event("calendar.updated", name="@everyone", event="x", extra={"a": []}, color=None)
    original = make_event("calendar.updated", created=event.created)
    assert isinstance(event.data, dict)
    assert isinstance(original.data, dict)
    assert event.data == original.data | {"name": "@everyone", "event": "x", "extra": {"a": []}, "color": None}


def test_members_of_the_envelope_are_replaced_by_keywords() -> None:
    members = {"request_id": None, "trace_id": "t", "data": {"id": 7}, "changes": {"text": "x"}}
    envelope = sample("rankrecord.updated", created=AT, **members)
    assert envelope == {"event": "rankrecord.updated", "created": "2026-03-02T19:08:10.854257Z", **members}


def test_a_replaced_data_takes_further_keys_without_being_changed_itself() -> None:
    data = {"id": 7}
    assert sample("rankrecord.updated", data=data, type=1)["data"] == {"id": 7, "type": 1}
    assert data == {"id": 7}


def test_created_in_any_zone_is_written_in_utc_and_the_dates_in_data_follow_it() -> None:
    envelope = sample("rankrecord.created", created=AT.astimezone(timezone(timedelta(hours=-5))))
    assert envelope["created"] == "2026-03-02T19:08:10.854257Z"
    assert envelope["data"]["created_at"] == "2026-03-02T19:08:10.000000Z"
    assert sample("rankrecord.created", created=envelope["created"])["data"] == envelope["data"]


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"])
def test_created_at_the_ends_of_time_is_possible(name: str, created: str) -> None:
    assert make_event(name, created=created).created == datetime.fromisoformat(created)


@pytest.mark.parametrize("created", ["yesterday", None, 5])
def test_created_that_is_no_date_is_taken_as_it_is_for_tests_of_bad_envelopes(created: object) -> None:
    headers, body = signed_request("event.created", SECRET, created=created)
    assert json.loads(body)["created"] == created
    with pytest.raises(MalformedEvent):
        Verifier(SECRET).event(headers, body)
    with pytest.raises(MalformedEvent):
        make_event("event.created", created=created)


def test_a_naive_created_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        sample("event.created", created=AT.replace(tzinfo=None))


@pytest.mark.parametrize("unknown", ["rankrecords.created", "rank_record.created", "RankRecord.created", "rankrecord.create"])
def test_an_unknown_name_is_refused_with_the_one_that_was_meant(unknown: str) -> None:
    with pytest.raises(ValueError, match=r"Did you mean .*'rankrecord\.created'"):
        signed_request(unknown, SECRET)


def test_an_unknown_name_that_is_close_to_none_is_refused_too() -> None:
    with pytest.raises(ValueError, match="EVENT_NAMES"):
        make_event("zzz")


def test_an_unknown_name_is_allowed_with_data_of_its_own() -> None:
    event = make_event("trainingrecord.created", data={"id": 1}, hours=2.0)
    assert (event.name, event.data, event.changes) == ("trainingrecord.created", {"id": 1, "hours": 2}, {})


def test_a_list_as_data_takes_no_further_keys() -> None:
    assert make_event("awardrecord.created", data=["New award", 1.5], changes=None).data == ["New award", 1.5]
    with pytest.raises(TypeError, match="user_id"):
        sample("awardrecord.created", data=[], user_id=7)


def test_the_module_imports_nothing_beyond_the_ground_floor_and_the_standard_library() -> None:
    program = "import sys; before = set(sys.modules); import perscom_receiver.testing; print(*set(sys.modules) - before)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    foreign = {module.partition(".")[0] for module in loaded} - sys.stdlib_module_names
    assert "perscom_receiver" in foreign
    assert foreign <= {"perscom_receiver", "msgspec", "typing_extensions"}  # the last by msgspec, where it is installed
