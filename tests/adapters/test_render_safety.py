"""What a message never holds, and that no event can break the rendering."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_adapters import LANGUAGES, Message, names, plain, render
from perscom_receiver import EVENT_NAMES, Event, MalformedEvent, php_json
from perscom_receiver.testing import make_event

NOW = datetime(2026, 3, 2, 18, 20, 5, 201415, tzinfo=UTC)
ACTIONS = ("created", "updated", "deleted")


class Namesakes:
    """A directory that has a name for everything."""

    def name(self, resource: str, key: int, /) -> str | None:
        return f"{resource} {key}"

    def old(self, kind: str, user_id: int, /) -> str | None:
        return "Private"

    def image(self, resource: str, key: int | None, name: str | None, /) -> str | None:
        return "javascript:alert(1)"


def event(name: str, data: object = None, changes: object = None, created: str = "2026-03-02T18:20:05.201415Z") -> Event:
    body = {"event": name, "created": created, "request_id": None, "trace_id": None, "data": data, "changes": changes}
    return Event.parse(php_json(body))


def rendered(name: str, data: object = None, changes: object = None) -> Message:
    message = render(event(name, data, changes))
    assert message is not None
    return message


def title(name: str, data: object = None, changes: object = ()) -> str:
    return rendered(name, data, changes).title


def dump(message: Message) -> str:
    return msgspec.json.encode(message).decode()


WHITFIELD = {
    "id": 2153,
    "display_name": "SFC Jacob Whitfield",
    "unit_id": 16,
    "unit": {"id": 16, "name": "1st Platoon, Alpha Company"},
}


MUSTER = {
    "id": 737,
    "message": "<p>Muster at 1900Z</p>",
    "channels": ["discord_public", "mail"],
    "recipients": None,
    "created_at": "2026-03-02T18:20:00.000000Z",
    "send_at": "2026-03-02T18:21:00.000000Z",
}
LATER = MUSTER | {"send_at": "2026-03-05T18:00:00.000000Z"}
SENT = MUSTER | {"sent_at": "2026-03-05T18:00:01.000000Z"}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "private",
    [
        {"recipients": [412, 7]},
        {"recipients": []},
        {"recipients": "412"},
        {"recipients": 0},
        {"channels": ["mail", "sms", "discord_private", "database"]},
        {"channels": []},
        {"channels": None},
        {"channels": "discord_public"},
        {"channels": {"discord_public": True}},
        {"channels": [["discord_public"]]},
    ],
)
def test_a_message_to_some_is_never_posted(action: str, private: dict[str, object]) -> None:
    assert render(event(f"message.{action}", MUSTER | private, {"message": "x"} if action == "updated" else [])) is None


def test_a_message_that_gets_recipients_is_not_posted() -> None:
    assert render(event("message.updated", MUSTER, {"recipients": "[3]", "message": "x"})) is None


def test_a_message_to_everyone_is_posted_when_perscom_sends_it() -> None:
    assert plain(rendered("message.created", MUSTER, [])) == "Announcement to all members\nMuster at 1900Z"
    assert "Muster" not in dump(rendered("message.created", LATER, []))
    assert "Muster" not in dump(rendered("message.updated", LATER, {"message": "x"}))
    sent = event("message.updated", LATER | {"sent_at": LATER["send_at"]}, {"sent_at": "2026-03-05 18:00:01"})
    message = render(sent)
    assert message is not None
    assert plain(message) == "Announcement to all members\nMuster at 1900Z"


def test_a_message_that_went_out_at_once_is_not_posted_again() -> None:
    assert render(event("message.updated", SENT, {"sent_at": "2026-03-02 18:21:01"})) is None
    assert render(event("message.updated", SENT, {"channels": '["discord_public"]'})) is None
    assert rendered("message.updated", SENT | {"repeats": True}, {"sent_at": "2026-03-02 18:21:01"}).title == (
        "Announcement to all members"
    )


def test_a_message_that_was_written_for_later_and_went_out_is_no_longer_planned() -> None:
    sent = LATER | {"sent_at": LATER["send_at"]}
    assert title("message.deleted", sent, []) == "An announcement to all members was withdrawn"
    assert title("message.deleted", LATER, []) == "A planned announcement to all members was withdrawn"


def test_a_withdrawn_message_is_not_repeated() -> None:
    assert plain(rendered("message.deleted", SENT, {"sent_at": "2026-03-02 18:21:01"})) == (
        "An announcement to all members was withdrawn"
    )


def test_no_answer_of_a_form_can_pose_as_a_relation() -> None:
    answers = {"user": {"display_name": "PRIVATE"}, "form": {"name": "PRIVATE"}, "text": "PRIVATE", "content": "PRIVATE"}
    assert "PRIVATE" not in dump(rendered("submission.created", {"form_id": 5, "user_id": 7, **answers}, []))
    assert "PRIVATE" not in dump(rendered("submission.created", {"form_id": 5, "user_id": None, **answers}, []))
    real = {"form_id": 5, "form": {"id": 5, "name": "Enlistment"}, "user_id": 2153, "user": WHITFIELD}
    assert title("submission.created", real) == "SFC Jacob Whitfield submitted the form “Enlistment”"


@pytest.mark.parametrize("number", ["2153", 2153.5, [2153], {"id": 2153}, True, ""])
@pytest.mark.parametrize("action", ["created", "updated", "deleted"])
def test_what_somebody_typed_as_the_number_of_a_member_names_nobody(number: object, action: str) -> None:
    data = {"form_id": 5, "user_id": number, "user": {**WHITFIELD, "id": number}, "unit_id": number, "author_id": number}
    submission = event(f"submission.{action}", data, [])
    message = render(submission, Namesakes())
    assert message is not None
    assert "Whitfield" not in dump(message)
    assert "user 2153" not in dump(message)
    assert "member" not in message.title
    assert (names(submission, Namesakes())["member"], names(submission, Namesakes())["unit"]) == ("", "")


@pytest.mark.parametrize("form", ["5", 5.5, True])
def test_what_somebody_typed_as_the_number_of_a_form_names_none(form: object) -> None:
    data = {"form_id": form, "form": {"id": form, "name": "PRIVATE"}}
    assert "PRIVATE" not in dump(rendered("submission.created", data, []))


def test_a_name_is_shown_as_it_is_spelled() -> None:
    data = {"form_id": 5, "user_id": 9, "user": {"id": 9, "display_name": "ст. серж. Коваль"}}
    assert title("submission.created", data) == "ст. серж. Коваль submitted a form"


PRIVATE = [
    "email",
    "email_verified_at",
    "phone_number",
    "notes",
    "notes_updated_at",
    "profile_photo",
    "profile_photo_url",
    "cover_photo",
    "cover_photo_url",
    "last_seen_at",
    "facebook_user_id",
    "github_user_id",
    "google_user_id",
    "discord_user_id",
    "discord_private_channel_id",
    "password",
    "remember_token",
    "document_parsed",
    "document",
    "data",
    "call_sign",
    "call_sign_url",
    "full_name",
    "why",
    "unit_slot",
    "unit_slot_id",
    "label",
]
MARK = "PRIVATE7f3a"


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("name", EVENT_NAMES)
def test_no_private_field_of_a_sample_is_shown(name: str, known: bool) -> None:
    def marked(row: dict[str, object], *, person: bool) -> dict[str, object]:
        own = {key: marked(value, person=key in ("user", "author")) for key, value in row.items() if isinstance(value, dict)}
        return row | own | dict.fromkeys(PRIVATE, MARK) | ({"name": MARK} if person else {})

    sample = make_event(name, created=NOW)
    assert isinstance(sample.data, dict)
    data = marked(sample.data, person=sample.resource == "user")
    changes = dict.fromkeys(sample.changes, MARK) | {"sent_at": None, "recipients": None}
    message = render(event(name, data, changes if name.endswith("updated") else []), Namesakes() if known else None)
    assert message is not None
    assert MARK not in dump(message)


def test_the_text_of_an_automation_is_shown_as_text_decoded_once() -> None:
    data = {"content": "O&#039;Brien &lt;b&gt; &amp;amp; co. was promoted", "id": "412", "approved": ""}
    message = rendered("user.updated", data, None)
    assert message.title == "O'Brien <b> &amp; co. was promoted"
    assert message.blocks == ()


def test_a_long_text_of_an_automation_has_a_title_of_its_own() -> None:
    message = rendered("awardrecord.created", {"text": "One\n\n\n\ntwo <p>three</p>"}, None)
    assert plain(message) == "Message from an automation\nOne\n\ntwo <p>three</p>"
    message = rendered("awardrecord.created", {"title": "Well\ndone", "message": "x" * 5000}, None)
    assert message.title == "Well done"
    assert len(plain(message)) < 2100


@pytest.mark.parametrize(
    "data", [[], ["New award", "42"], {"nested": []}, {"content": " \u200b "}, {"content": 5}, None, "x", 1.5]
)
def test_an_automation_without_text_says_what_is_certain(data: object) -> None:
    assert plain(rendered("awardrecord.created", data, None)) == "A member received an award"


def test_a_row_stays_a_row_without_changes() -> None:
    assert title("user.created", {"id": 7, "display_name": "Pvt Dale Roux", "content": "x"}, None) == "Pvt Dale Roux joined"


def test_an_automation_cannot_carry_a_message_between_people() -> None:
    for action in ACTIONS:
        assert render(event(f"message.{action}", {"content": "for two eyes", "channels": ["discord_public"]}, None)) is None


def test_an_automation_with_nothing_to_say_about_a_profile_is_silent() -> None:
    assert render(event("user.updated", {"id": "7", "rank": "12"}, None)) is None


def test_an_unknown_name_is_not_told() -> None:
    for name in ("trainingrecord.created", "rankrecord.restored", "x", "webhook.created"):
        assert render(event(name, {"id": 1, "text": "x"}, [])) is None


@pytest.mark.parametrize(
    ("huge", "language"),
    [
        ("x" * 100_000, "en"),
        ("a " * 50_000, "de"),
        ("e" + "\u0301" * 100_000, "fr"),
        ("\u200f" * 100_000, "nl"),
        ("<b>" * 33_000 + "x", "es"),
    ],
)
def test_endless_text_leaves_a_short_message(huge: str, language: str) -> None:
    data = {"id": 1, "type": 0, "name": huge, "display_name": huge, "text": huge, "description": huge, "location": huge}
    data |= {"user": {"id": 1, "display_name": huge, "unit": {"name": huge}}, "message": huge, "channels": ["broadcast"]}
    data |= {
        kind: {"name": huge} for kind in ("rank", "award", "qualification", "unit", "position", "specialty", "status", "form")
    }
    for name in EVENT_NAMES:
        changes = {"rank_id": 1, "starts": huge, "message": huge} if name.endswith("updated") else []
        message = render(event(name, data, changes), language=language)
        if message is not None:
            assert len(message.title) <= 250
            assert len(plain(message)) < 4000


def test_controls_and_tricks_with_direction_do_not_reach_a_title() -> None:
    user = {"id": 1, "display_name": "SFC\x00 \u202eJacob\r\n\tWhitfield\u2066 \u200fד"}
    assert title("user.created", user) == "SFC Jacob Whitfield \u200fד joined"


def test_a_directory_is_not_trusted_to_know_clean_names() -> None:
    class Careless(Namesakes):
        def name(self, resource: str, key: int, /) -> str | None:
            return f"{resource}\n\ud83d\u202e{key}" if resource != "unit" else " \u200b "

    message = render(
        event("rankrecord.created", {"type": 0, "user_id": 7, "rank_id": 8, "user": {"unit_id": 9}}, []), Careless()
    )
    assert message is not None
    assert plain(message) == "user \ufffd7 promoted to rank \ufffd8\nPrevious rank: Private"


@pytest.mark.parametrize(
    "starts",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-13T25:00:00Z", "", "x", 5, "2026-03-13" + "0" * 99],
)
def test_a_moment_that_is_none_is_left_out(starts: object) -> None:
    for name in ("event.created", "event.deleted", "event.updated"):
        assert rendered(name, {"name": "Muster", "starts": starts}, []).fields == ()


columns = st.sampled_from(
    [
        "id",
        "type",
        "text",
        "user",
        "user_id",
        "author",
        "author_id",
        "rank",
        "rank_id",
        "award",
        "award_id",
        "qualification",
        "qualification_id",
        "unit",
        "unit_id",
        "position",
        "position_id",
        "specialty",
        "status",
        "status_id",
        "form",
        "form_id",
        "name",
        "display_name",
        "approved",
        "description",
        "location",
        "url",
        "starts",
        "ends",
        "all_day",
        "repeats",
        "registration_enabled",
        "registration_deadline",
        "calendar_id",
        "message",
        "channels",
        "recipients",
        "send_at",
        "sent_at",
        "created_at",
        "read_at",
        "label",
        "x",
    ]
)
texts = st.sampled_from(
    ["", " ", "0", "1", "Guest", "SFC Whitfield", "<p>a</p>", "2026-03-13T23:40:24.000000Z", "2026-03-13 23:40:24", "broadcast"]
) | st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(columns, inner, max_size=5),
    max_leaves=12,
)
rows = st.dictionaries(columns, values, max_size=12)


def _planted(data: object, *, person: bool) -> object:
    if not isinstance(data, dict):
        return data
    own = {key: _planted(value, person=key in ("user", "author")) for key, value in data.items()}
    return own | dict.fromkeys(PRIVATE, MARK) | ({"name": MARK} if person else {})


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(EVENT_NAMES) | st.text(min_size=1, max_size=9).map("rankrecord.".__add__) | st.text(min_size=1, max_size=9),
    rows | values,
    st.none() | st.just([]) | st.dictionaries(columns, values, max_size=4) | values,
    st.booleans(),
    st.sampled_from(LANGUAGES),
)
def test_any_event_becomes_a_decent_message_or_none(
    name: str, data: object, changes: object, known: bool, language: str
) -> None:
    data = _planted(data, person=name.startswith("user."))
    if isinstance(changes, dict):
        changes = dict.fromkeys(changes, MARK) | dict.fromkeys(PRIVATE, MARK)
    body = json.dumps({"event": name, "created": "2026-03-02T18:20:05Z", "data": data, "changes": changes}).encode()
    try:
        parsed = Event.parse(body)
    except MalformedEvent:
        return
    message = render(parsed, Namesakes() if known else None, language=language, timezone=ZoneInfo("America/New_York"))
    if message is None:
        return
    assert name in EVENT_NAMES
    assert message.title == " ".join(message.title.split())
    assert 0 < len(message.title) <= 250
    assert MARK not in dump(message)
