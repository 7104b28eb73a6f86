"""One action, one message: what several deliveries become together, in whatever order and company they come."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hostile import MARK, WORST, poisoned, some, texts
from hypothesis import example, given, settings
from hypothesis import strategies as st
from seen import OBEYED, strings

from perscom_adapters import (
    GROUP_WINDOW,
    LANGUAGES,
    WORDS,
    BulletList,
    Message,
    Time,
    discord,
    group_key,
    plain,
    render,
    render_digest,
    render_group,
    render_late,
    slack,
    telegram,
    word_of,
)
from perscom_adapters.testing import discord_refusal, slack_refusal, telegram_refusal
from perscom_receiver import EVENT_NAMES, Event, php_json
from perscom_receiver.testing import make_event, sample

REQUESTS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "requests.json"
REQUEST = "9b1d0e1c-53d0-4a5e-9a0c-0e8d1b1f7c11"
AT = datetime(2026, 3, 2, 18, 20, 5, tzinfo=UTC)
RECORDS = ("assignmentrecord", "awardrecord", "combatrecord", "qualificationrecord", "rankrecord", "servicerecord")


def ev(name: str, ms: int = 0, **overrides: object) -> Event:
    """The sample of ``name``, ``ms`` milliseconds into the action."""
    return make_event(name, created=AT + timedelta(milliseconds=ms), **({"request_id": REQUEST} | overrides))


def text(name: str, ms: int = 0, **data: object) -> Event:
    """What an automation's template made."""
    return ev(name, ms, data=data, changes=None)


def profile(ms: int, changes: Mapping[str, object], **overrides: object) -> Event:
    """Cpl Noor Haddad's profile is changed."""
    user = {"id": 2187, "display_name": "Cpl Noor Haddad", **changes, **overrides}
    return ev("user.updated", ms, data=user, changes={**changes, "updated_at": "2026-03-02 18:20:05"})


def grouped(*events: Event, **options: Any) -> Message:
    message = render_group(events, **options)
    assert message is not None
    return message


def lines(message: Message) -> list[str]:
    return [plain(item) for block in message.blocks if isinstance(block, BulletList) for item in block.items]


SOLDIER = sample("rankrecord.created")["data"]["user"]
PROMOTION = ev("rankrecord.created", 5)
AWARD = ev("awardrecord.created", 7, user_id=2153, user=SOLDIER)
RANK = ev("user.updated")
"""What PERSCOM saves before the promotion."""
ASSIGNMENT = ev("assignmentrecord.created", 90)
TRANSFER = [
    profile(10, {"position_id": 22}),
    profile(20, {"specialty_id": 6}),
    profile(30, {"unit_id": 16}),
    profile(40, {"status_id": 3}),
    profile(50, {"unit_slot_id": 4}),
    ASSIGNMENT,
]


# Which events belong together.


def test_a_key_has_the_action_and_the_person() -> None:
    assert {group_key(event) for event in TRANSFER} == {f"{REQUEST} user 2187"}
    assert group_key(PROMOTION) == group_key(RANK) == group_key(AWARD) == f"{REQUEST} user 2153"
    assert GROUP_WINDOW.total_seconds() == 10


def test_people_things_and_actions_are_kept_apart() -> None:
    assert group_key(ev("awardrecord.created", user_id=3)) != group_key(AWARD)
    assert group_key(ev("rankrecord.created", request_id="another")) != group_key(PROMOTION)
    assert group_key(ev("event.created")) == group_key(ev("event.updated")) == f"{REQUEST} event 1664"
    assert len({group_key(ev(f"{thing}.created", id=7)) for thing in ("calendar", "event", "message", "submission")}) == 4


def test_an_automations_own_payload_joins_by_the_id_that_it_brings_along() -> None:
    assert group_key(text("rankrecord.created", user_id="2153", title="x")) == group_key(PROMOTION)
    assert group_key(text("user.updated", id="2153", title="x")) == group_key(RANK)
    assert group_key(text("event.created", id="1664")) == group_key(ev("event.created"))


@pytest.mark.parametrize(
    "event",
    [
        ev("webhook.test"),
        ev("rankrecord.created", request_id=None),
        ev("rankrecord.created", request_id=""),
        ev("rankrecord.created", request_id="x" * 101),
        ev("rankrecord.created", request_id="a\x00b"),
        ev("rankrecord.created", request_id="ä"),
        ev("rankrecord.created", user_id=None),
        ev("rankrecord.created", user_id=True),
        ev("rankrecord.created", user_id=-1),
        ev("rankrecord.created", user_id=2**70),
        text("awardrecord.created", id="1900", title="no person"),
        ev("awardrecord.created", data=["x"], changes=None),
        ev("awardrecord.created", data=None),
        ev("trainingrecord.created", data={"id": 1, "user_id": 2}),
    ],
)
def test_what_never_groups_has_no_key(event: Event) -> None:
    assert group_key(event) is None


# Alone.


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_one_event_alone_is_what_render_makes_of_it(name: str) -> None:
    event = ev(name)
    assert render_group([event]) == render_group([event, event]) == render_digest([event]) == render(event)


def test_no_event_is_no_message() -> None:
    assert render_group([]) is render_digest([]) is None


# One action, one message.


def test_a_transfer_is_one_message_and_not_six() -> None:
    assert grouped(*TRANSFER) == render(ASSIGNMENT)


def test_a_promotion_is_one_message_and_not_two() -> None:
    assert grouped(RANK, PROMOTION) == render(PROMOTION)


def test_what_the_record_does_not_say_is_said_beside_it() -> None:
    message = grouped(*TRANSFER, profile(60, {"approved": True, "rank_id": 8}))
    alone = render(ASSIGNMENT)
    assert alone is not None
    assert (message.word, message.title, message.fields) == (alone.word, alone.title, alone.fields)
    said = "\n".join(plain(block) for block in message.blocks[len(alone.blocks) :])
    assert said == "Cpl Noor Haddad: rank and approval changed\nRank: changed · Approval: approved"


def test_another_value_than_the_records_is_said() -> None:
    assert "moved to another unit" in plain(grouped(profile(0, {"unit_id": 99}), ASSIGNMENT))


def test_what_a_record_said_of_the_profile_is_not_said_again_once_the_record_is_changed() -> None:
    promoted = [profile(0, {"rank_id": 12}), ev("rankrecord.created", 5, user_id=2187)]
    changed = ev("rankrecord.updated", 9, user_id=2187, rank_id=8, rank={"id": 8, "name": "Corporal"}, changes={"rank_id": 8})
    assert sample("rankrecord.created")["data"]["rank_id"] == 12
    assert grouped(*promoted, changed) == grouped(*promoted[1:], changed)
    assert grouped(*promoted, changed).title.endswith("promoted to Corporal")


def test_several_changes_of_a_profile_are_one_message() -> None:
    message = grouped(*TRANSFER[:-1])
    assert message.title == "Cpl Noor Haddad: unit, position, specialty and status changed"
    assert message.word == "profile"


def test_changes_that_concern_nobody_are_no_message() -> None:
    noise = [profile(n, {column: "x"}) for n, column in enumerate(("notes", "password", "unit_slot_id"))]
    assert render_group(noise) is None
    assert grouped(*noise, AWARD) == render(AWARD)


def test_a_new_member_who_is_approved_at_once_is_one_message() -> None:
    joined = ev("user.created")
    approved = ev("user.updated", 9, data={**sample("user.created")["data"], "approved": 1}, changes={"approved": 1})
    assert plain(grouped(joined, approved)) == "Marcus Hale joined\nMarcus Hale was approved"


def test_changes_that_linger_with_another_event_are_not_told() -> None:
    joined = [ev("user.created", ms, changes={"approved": True}) for ms in (0, 5)]
    assert grouped(*joined) == render(joined[0])


def test_a_thing_that_was_made_and_changed_is_shown_as_it_is_now() -> None:
    message = grouped(ev("event.created"), ev("event.updated", 8, location="Hill 402"))
    assert message.title == "New event: Operation Iron Gate"
    shown = {field.name: plain(field.value) for field in message.fields}
    assert shown["Where"] == "Hill 402"
    assert shown["When"].startswith("2026-03-07 20:00")  # an hour later than it was made with


def test_a_relation_left_over_from_before_a_change_is_not_shown() -> None:
    changed = ev("rankrecord.updated", 9, rank_id=8, changes={"rank_id": 8})
    assert grouped(PROMOTION, changed).title == "SFC Jacob Whitfield was promoted"


def test_the_same_event_told_again_by_an_automation_is_one_message() -> None:
    again = ev("awardrecord.created", 900, user_id=2153, data=json.loads(AWARD.body)["data"] | {"text": "<p>Newer.</p>"})
    message = grouped(AWARD, again)
    assert message.title == "SFC Jacob Whitfield received the Combat Medal"
    assert "Newer." in plain(message)
    assert grouped(
        ev("event.updated", 1, changes={"notifications_interval": "[]"}), ev("event.updated", changes={"starts": "x"})
    )
    reminders = ev("event.updated", 1, changes={"notifications_interval": "[]"}), ev("event.updated", 900, changes=[])
    assert render_group(reminders) is None


def test_what_was_made_and_deleted_is_not_told_and_what_was_deleted_is() -> None:
    gone = ev("awardrecord.deleted", 900, user_id=2153)
    assert render_group([AWARD, gone]) is None
    assert grouped(AWARD, gone, PROMOTION) == render(PROMOTION)
    assert grouped(ev("awardrecord.updated"), ev("awardrecord.deleted", 5)).title.endswith("was withdrawn")


def test_a_profile_is_not_silenced_by_a_record_that_is_gone() -> None:
    assert grouped(RANK, PROMOTION, ev("rankrecord.deleted", 50)) == render(RANK)


@pytest.mark.parametrize("private", [{"recipients": [412]}, {"recipients": []}])
def test_a_message_that_was_between_people_at_any_time_is_not_told(private: dict[str, object]) -> None:
    public, to_some = ev("message.created"), ev("message.created", 9, **private)
    assert render_group([public]) is not None
    opened = ev("message.updated", 20, changes={"recipients": None, "message": "x"})
    for events in ([public, to_some], [to_some, opened], [to_some, public, opened]):
        assert render_group(events) is None
    assert render_group([public, ev("message.updated", 20, changes={"recipients": "[3]"})]) is None


def test_of_a_form_only_what_is_asked_for_is_shown() -> None:
    sent_in = ev("submission.created"), ev("submission.updated", 5)
    assert "Mina" not in plain(grouped(*sent_in))
    assert "Mina" in plain(grouped(*sent_in, show={"answers"}))


# Automations.


def test_what_an_automation_wrote_stands_in_the_one_message() -> None:
    written = text("rankrecord.created", 700, user_id="2153", title="Well done, O&#039;Brien &lt;3", content="Drinks\nat 20")
    message, alone = grouped(RANK, written, PROMOTION), render(PROMOTION)
    assert alone is not None
    assert message.title == alone.title
    assert [plain(block) for block in message.blocks] == [
        *(plain(block) for block in alone.blocks),
        "Well done, O'Brien <3",
        "Drinks\nat 20",
    ]


def test_an_automation_without_words_of_its_own_or_with_the_same_ones_adds_nothing() -> None:
    silent = text("rankrecord.created", 700, user_id="2153", rank="12")
    same = text("rankrecord.created", 800, user_id="2153", title="SFC Jacob Whitfield promoted to Sergeant First Class")
    assert grouped(PROMOTION, silent, same) == render(PROMOTION)


def test_two_endpoints_that_hear_the_same_automation_show_it_once() -> None:
    twice = [text("awardrecord.created", ms, user_id="2153", title="Bravo") for ms in (600, 601)]
    assert plain(grouped(AWARD, *twice)).count("Bravo") == 1


def test_words_of_an_automation_alone_are_the_message_and_say_what_the_profile_says() -> None:
    written = text("rankrecord.created", 700, user_id="2153", title="Whitfield is SFC now")
    assert grouped(RANK, written) == render(written)


def test_words_about_a_profile_stand_beside_the_record_that_says_the_rest() -> None:
    message = grouped(RANK, PROMOTION, text("user.updated", 700, id="2153", title="Roster updated"))
    assert message.title == "SFC Jacob Whitfield promoted to Sergeant First Class"
    assert plain(message.blocks[-1]) == "Roster updated"


def test_words_stand_beside_the_record_that_they_name() -> None:
    other = ev("awardrecord.created", 8, user_id=2153, user=SOLDIER, id=77, award={"id": 5, "name": "Purple Heart"})
    message = grouped(AWARD, other, text("awardrecord.created", 700, id="77", user_id="2153", title="For the wound"))
    assert plain(message).index("Purple Heart") < plain(message).index("For the wound")
    assert plain(message.blocks[-1]) == "For the wound"


def test_words_about_what_is_gone_are_gone() -> None:
    written = text("awardrecord.created", 700, user_id="2153", title="Bravo")
    assert render_group([AWARD, ev("awardrecord.deleted", 900, user_id=2153), written]) is None


def test_words_about_what_is_gone_do_not_move_to_what_is_there() -> None:
    mistake = [ev("awardrecord.created", 8, user_id=2153, id=77), ev("awardrecord.deleted", 900, user_id=2153, id=77)]
    written = text("awardrecord.created", 700, user_id="2153", id="77", title="Bravo")
    assert grouped(AWARD, *mistake, written) == render(AWARD)


# Several records.


def test_an_award_and_a_promotion_at_once_are_told_in_full_in_one_message() -> None:
    message = grouped(RANK, PROMOTION, AWARD)
    assert message.title == "SFC Jacob Whitfield: 1 promotion, 1 award"
    assert (message.word, message.color) == ("promotion", WORDS["promotion"].color)
    assert message.at == AWARD.created
    assert plain(message).splitlines()[1:] == [
        "SFC Jacob Whitfield promoted to Sergeant First Class",
        "1st Platoon, Alpha Company · by Capt. Okafor",
        "For leading 1st Platoon.",
        "SFC Jacob Whitfield received the Combat Medal",
        "1st Platoon, Alpha Company · by Capt. Okafor",
        "For valor at Hill 402 🎖️",
    ]


def test_a_digest_about_nobody_in_particular_names_nobody() -> None:
    nameless = [ev("awardrecord.created", n, id=n + 1, user_id=None) for n in range(2)]
    assert grouped(*nameless).title == "2 awards"
    assert grouped(PROMOTION, ASSIGNMENT).title == "1 promotion, 1 assignment"


def test_things_are_told_in_the_order_in_which_they_happened() -> None:
    early = ev("servicerecord.created", 1, user_id=2153, user=SOLDIER)
    told = plain(grouped(PROMOTION, AWARD, early)).splitlines()
    assert told[0] == "SFC Jacob Whitfield: 1 promotion, 1 award, 1 service record"
    assert [row for row in told[1:] if row.startswith(("SFC", "New"))] == [
        "New service record for SFC Jacob Whitfield",
        "SFC Jacob Whitfield promoted to Sergeant First Class",
        "SFC Jacob Whitfield received the Combat Medal",
    ]


def promotions(count: int) -> list[Event]:
    people = [{"id": 3000 + n, "display_name": f"Pvt Number{n}"} for n in range(count)]
    return [ev("rankrecord.created", n, id=100 + n, user_id=user["id"], user=user) for n, user in enumerate(people)]


def test_a_mass_promotion_is_many_groups_by_the_rule_and_a_digest_for_who_groups_it_all_the_same() -> None:
    events = promotions(12)
    assert len({group_key(event) for event in events}) == 12
    message = grouped(*events)
    assert message.title == "12 promotions"
    assert lines(message) == [f"Pvt Number{n} promoted to Sergeant First Class" for n in range(12)]


def test_more_records_than_there_is_room_for_are_counted() -> None:
    message = grouped(*promotions(40))
    assert message.title == "40 promotions"
    assert len(lines(message)) == 25
    assert plain(message.blocks[-1]) == "… (15 more)"


def test_what_was_withdrawn_is_not_counted_as_given() -> None:
    withdrawn = ev("awardrecord.deleted", 9, id=3, user_id=2153)
    assert grouped(PROMOTION, AWARD, withdrawn).title == "SFC Jacob Whitfield: 1 promotion, 1 award, 1 change"
    assert grouped(ev("awardrecord.deleted", id=3), ev("awardrecord.deleted", id=4)).title.endswith("2 changes")


def test_more_kinds_than_a_title_has_room_for_are_counted_together() -> None:
    events = [ev(f"{record}.created", n, user_id=2153, user=SOLDIER) for n, record in enumerate(RECORDS)]
    assert grouped(*events).title == "SFC Jacob Whitfield: 1 promotion, 1 award, 1 qualification, 1 assignment … (2 more)"


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("name", EVENT_NAMES)
def test_each_word_can_be_counted_in_each_language(name: str, count: int) -> None:
    events = [ev(name, n, id=n + 1) for n in range(count)] + [ev("webhook.test")]
    for language in LANGUAGES:
        assert re.search(rf"\b{count + (name == 'webhook.test')} \w", grouped(*events, language=language).title)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_digest_is_in_the_language_asked_for(language: str) -> None:
    message = grouped(PROMOTION, AWARD, language=language)
    assert re.search(r"SFC Jacob Whitfield\xa0?: 1 .+, 1 .+", message.title)


# A digest of what nobody heard of in time.


def test_a_long_silence_is_one_digest_with_the_time_of_each_line() -> None:
    hour = 3_600_000
    events = [
        *promotions(5),
        AWARD,
        RANK,
        ev("awardrecord.created", 2 * hour, id=7, request_id=None),
        ev("event.created", hour),
    ]
    message = render_digest(events)
    assert message is not None
    assert message.title == "5 promotions, 2 awards, 1 event"
    assert message.word == "promotion"
    assert message.at == AT + timedelta(hours=2)
    assert lines(message)[-2:] == [
        "New event: Operation Iron Gate · 2026-03-02 19:20 UTC",
        "Cpl Noor Haddad received the Combat Medal · 2026-03-02 20:20 UTC",
    ]
    assert all(isinstance(item[-1], Time) for block in message.blocks if isinstance(block, BulletList) for item in block.items)


def test_a_digest_tells_the_state_things_have_come_to() -> None:
    night = [ev("event.created", 0, request_id="a"), ev("event.updated", 60_000, request_id="b"), AWARD]
    message = render_digest(night)
    assert message is not None
    assert message.title == "1 award, 1 event"
    assert render_digest([*night, ev("event.deleted", 90_000, request_id="c")]) == render(AWARD)


# Late members.


def test_a_late_member_that_says_nothing_new_adds_nothing() -> None:
    assert render_late([PROMOTION], RANK) is None
    assert render_late(TRANSFER[1:], TRANSFER[0]) is None
    assert render_late([PROMOTION], PROMOTION) is None


def test_a_late_record_makes_the_whole_message_anew() -> None:
    assert render_late([RANK], PROMOTION) == render(PROMOTION)
    assert render_late([RANK, PROMOTION], AWARD) == grouped(RANK, PROMOTION, AWARD)
    assert render_late([TRANSFER[4]], ASSIGNMENT) == render(ASSIGNMENT)


def test_what_was_told_and_is_deleted_now_is_told_as_deleted() -> None:
    gone = ev("awardrecord.deleted", 9000, user_id=2153)
    message = render_late([AWARD], gone)
    assert message is not None
    assert message.title == "The award of the Combat Medal to SFC Jacob Whitfield was withdrawn"
    assert render_late([AWARD, gone], PROMOTION) == render(PROMOTION)


def test_words_of_an_operators_own_are_given_to_each_thing() -> None:
    seen = []

    def reword(message: Message, event: Event) -> Message:
        seen.append((message.word, event.name))
        return Message(word=message.word, title=f"<{message.title}>", at=message.at)

    message = grouped(RANK, PROMOTION, AWARD, reword=reword)
    assert seen == [("promotion", "rankrecord.created"), ("award", "awardrecord.created")]
    assert "<SFC Jacob Whitfield received the Combat Medal>" in plain(message)


# Any mix.

IDS = (1, 2)
members = st.builds(
    lambda name, ms, key, user, form: (name, ms, key, user, form),
    st.sampled_from(EVENT_NAMES),
    st.integers(0, 9),
    st.sampled_from(IDS),
    st.sampled_from((2153, 2187)),
    st.sampled_from(("plain", "again", "text", "mute")),
)


def member(name: str, ms: int, key: int, user: int, form: str) -> Event:
    """One delivery: plain, of an automation without a template, or of one with a template, which has words or none."""
    identity = {"id": user if name.startswith("user.") else key, "user_id": user}
    match form:
        case "text" | "mute":
            return text(
                name, ms, **{k: str(v) for k, v in identity.items()}, **({"title": f"Said {ms}!"} if form == "text" else {})
            )
        case "again" if name != "webhook.test":
            return ev(name, ms, changes=[], **identity)
        case _:
            return ev(name, ms, **identity)


def live_records(events: Iterable[Event]) -> set[tuple[str, object]]:
    """The records that were told as rows and are not both made and deleted."""
    actions: dict[tuple[str, object], set[str]] = {}
    for event in events:
        data: Any = event.data
        if event.resource in RECORDS and isinstance(data.get("id"), int):
            actions.setdefault((event.resource, data["id"]), set()).add(event.action)
    return {record for record, done in actions.items() if not done >= {"created", "deleted"}}


@some
@given(st.lists(members, max_size=9), st.randoms(use_true_random=False), st.sampled_from((render_group, render_digest)))
def test_any_mix_in_any_order_is_one_message_that_loses_no_record(
    parts: list[tuple[str, int, int, int, str]], random: Any, tell: Any
) -> None:
    events = [member(*part) for part in parts]
    message = tell(events)
    shuffled = [*events, *events[:2]]
    random.shuffle(shuffled)
    assert tell(shuffled) == message
    records = live_records(events)
    if message is None:
        assert not records
        return
    assert 0 < len(message.title) <= 250
    assert message.word in {word_of(event) for event in events}
    if len(records) > 1:
        assert sum(map(int, re.findall(r"\d+", message.title))) >= len(records)
    for event in events:
        data: Any = event.data
        if "title" in data and event.resource not in ("message", "webhook") and not _deleted_with(event, events):
            assert data["title"] in plain(message)


def _deleted_with(event: Event, events: list[Event]) -> bool:
    """Whether a thing of the kind was made and deleted, so that words about it may be gone with it."""
    actions = {other.action for other in events if other.resource == event.resource}
    return actions >= {"created", "deleted"}


@some
@given(st.lists(members, min_size=1, max_size=5))
def test_a_late_member_leads_where_all_at_once_would_have_led(parts: list[tuple[str, int, int, int, str]]) -> None:
    *told, late = [member(*part) for part in parts]
    message = render_late(told, late)
    if message is None or "deleted" in {event.action for event in (*told, late)}:
        return
    assert message == render_group([*told, late])


@cache
def golden() -> list[Event]:
    if not REQUESTS.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{REQUESTS.name} is missing")
        pytest.skip(f"{REQUESTS.name} is not here")
    found = []
    for case in json.loads(REQUESTS.read_text(encoding="utf-8")):
        body = base64.b64decode(case["body_base64"])
        if case["method"] == "POST" and case["valid"] and body:
            envelope = json.loads(body)
            found.append(Event.parse(php_json(envelope | {"request_id": REQUEST})))
    return found


@some
@given(st.data())
def test_any_golden_requests_of_one_action_are_a_message_for_every_platform(data: st.DataObject) -> None:
    events = data.draw(st.lists(st.sampled_from(golden()), max_size=12))
    message = render_group(events)
    assert render_group(reversed(events)) == message
    assert message is not None or not live_records(event for event in events if isinstance(event.data, dict))
    if message is not None:
        taken_everywhere(message)


def test_all_golden_requests_at_once_show_nothing_private() -> None:
    private = ("example.test/api", "whitfield@", "hale@", "koval@", "zoe@", "Ghost/", "$2y$", "184405311681986560", "Be honest")
    for message in (render_group(golden()), render_digest(golden())):
        assert message is not None
        assert [secret for secret in private if secret in plain(message)] == []


def taken_everywhere(message: Message) -> None:
    for payload, refusal in (
        (discord.payload, discord_refusal),
        (slack.payload, slack_refusal),
        (telegram.payload, telegram_refusal),
    ):
        body: Any = payload(message)
        assert refusal(body) is None
        assert MARK not in json.dumps(body)
        for shown in strings(body):
            assert not OBEYED.search(shown)


NAMES = st.lists(st.sampled_from(EVENT_NAMES), min_size=2, max_size=8)


@settings(some, max_examples=30)
@given(NAMES, texts, st.sampled_from(["texts", "moments", "everything"]), st.sampled_from((render_group, render_digest)))
@example(list(EVENT_NAMES), WORST[0], "texts", render_group)
@example(list(EVENT_NAMES), WORST[1], "texts", render_digest)
@example(list(EVENT_NAMES), WORST[2], "texts", render_digest)
@example(["rankrecord.created", "awardrecord.created", "user.updated"], WORST[3], "texts", render_group)
@example(list(EVENT_NAMES), WORST[3], "moments", render_group)
def test_no_group_however_hostile_breaks_a_rule_or_shows_what_is_private(
    names: list[str], poison: str, reach: Any, tell: Any
) -> None:
    poison = poison.encode(errors="replace").decode()
    events = []
    for number, name in enumerate(names):
        known = sample(name, created=AT)
        changes = poisoned(known["changes"], poison, reach) if name.endswith("updated") else []
        events.append(ev(name, number, data=poisoned(known["data"], poison, reach), changes=changes))
        events.append(text(name, 500 + number, user_id="2153", id="2153", title=poison, content=poison))
    message = tell(events)
    if message is not None:
        taken_everywhere(message)
