"""Who is pinged: those whom the configuration names, for what is about them, and nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perscom_adapters import Mention, Message, Paragraph, Text, render
from perscom_adapters.discord import payload
from perscom_bridge._load import Inspection, inspect
from perscom_bridge.config import DestinationConfig, HiddenUrl, Site
from perscom_bridge.mentions import Mentions, mentions_for
from perscom_bridge.parts import parts_of
from perscom_bridge.platforms.discord import DiscordPlace
from perscom_receiver import EVENT_NAMES, Event, Secret, php_json
from perscom_receiver.testing import make_event

SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
ACCOUNT, ROLE = "184405311681986560", "1130112233445566778"
FILE = f"""\
[site]
secret = "{SECRET}"

[destinations.discord]
type = "discord"
url = "https://discord.com/api/webhooks/1130112233445566778/Zq7xTokenOfTheChannelForEverybody_-0123456789"
[destinations.slack]
type = "slack"
url = "https://hooks.slack.com/services/T024BE7LD/B024BE91L/TokenOfTheChannel"
[destinations.telegram]
type = "telegram"
token = "123456789:TokenOfTheBotWithThirtyFiveLetters_-"
chat = -1001234567890
"""


def judge(folder: Path, more: str, ping: str = "") -> Inspection:
    text = FILE.replace('type = "', f'{ping}\ntype = "') if ping else FILE
    (folder / "bridge.toml").write_text(text + more, encoding="utf-8")
    return inspect(folder / "bridge.toml", {})


# Reading


def test_every_form_arrives_in_its_record(tmp_path: Path) -> None:
    more = f"""
    [mentions.discord]
    members = "linked"
    units = {{ "1st  Platoon" = "{ROLE}", HQ = {ROLE} }}
    [mentions.slack.members]
    2153 = "U024BE7LH"
    [mentions.slack.units]
    HQ = "S0615G0KT"
    [mentions.telegram]
    members = {{ 2153 = 123456789 }}
    """
    found = judge(tmp_path, more, 'ping = ["member"]\nlong = "follow-up"')
    assert found.config is not None, found.report()
    assert found.config.site.mentions == {
        "discord": Mentions(linked=True, units={"1st platoon": ROLE, "hq": ROLE}),
        "slack": Mentions(members={2153: "U024BE7LH"}, units={"hq": "S0615G0KT"}),
        "telegram": Mentions(members={2153: "123456789"}),
    }
    assert {(one.ping, one.long) for one in found.config.destinations} == {(("member",), "follow-up")}


def test_without_a_line_nobody_is_pinged_and_what_is_long_is_cut(tmp_path: Path) -> None:
    found = judge(tmp_path, "")
    assert found.config is not None
    assert found.config.site.mentions == {}
    assert {(one.ping, one.long) for one in found.config.destinations} == {((), "cut")}


@pytest.mark.parametrize(
    ("more", "key", "says"),
    [
        ('[mentions.discrd]\nmembers = "linked"', "mentions.discrd", 'Did you mean "discord"?'),
        ('[mentions.discord]\nmember = "linked"', "mentions.discord.member", 'Did you mean "members"?'),
        ('[mentions.discord]\nmembers = "all"', "mentions.discord.members", "is no value of members"),
        ('[mentions.discord]\nmembers = ["1"]', "mentions.discord.members", "members should be a table"),
        ('[mentions.slack]\nmembers = "linked"', "mentions.slack.members", "Members link no Slack account in PERSCOM."),
        ('[mentions.discord.members]\nreyes = "1"', "mentions.discord.members.reyes", "This is no user of PERSCOM."),
        ('[mentions.discord.members]\n7 = "@reyes"', "mentions.discord.members.7", "A Discord user is named by its id"),
        ('[mentions.discord.members]\n7 = "<@1>"', "mentions.discord.members.7", "A Discord user is named by its id"),
        ('[mentions.slack.members]\n7 = "S0615G0KT"', "mentions.slack.members.7", "A Slack user is named by the member ID"),
        ('[mentions.slack.units]\nHQ = "U024BE7LH"', "mentions.slack.units.HQ", "A Slack user group is named by its ID"),
        ('[mentions.telegram.members]\n7 = "@reyes"', "mentions.telegram.members.7", "not by the @name"),
        ('[mentions.telegram.units]\nHQ = "7"', "mentions.telegram.units.HQ", "Telegram has no roles"),
        (f'[mentions.discord.units]\nHQ = "{ROLE}"\nhq = "{ROLE}"', "mentions.discord.units.hq", "is named already"),
        ("[mentions]\ndiscord = 7", "mentions.discord", "discord should be a table"),
    ],
)
def test_each_mistake_is_told_with_its_line_and_what_to_do(tmp_path: Path, more: str, key: str, says: str) -> None:
    found = judge(tmp_path, more)
    (problem,) = found.problems
    assert problem.key == key
    assert says in problem.text
    assert problem.line is not None
    assert key.rpartition(".")[2] in (FILE + more).splitlines()[problem.line - 1]


@pytest.mark.parametrize(("ping", "says"), [('ping = ["members"]', 'Did you mean "member"?'), ("ping = true", "Write a list")])
def test_a_ping_of_nobody_known_is_told(tmp_path: Path, ping: str, says: str) -> None:
    found = judge(tmp_path, "", ping)
    assert {problem.key.rpartition(".")[2] for problem in found.problems} == {"ping"}
    assert all(says in problem.text for problem in found.problems)


def test_a_ping_for_which_nobody_is_named_is_told_with_the_table_that_is_missing(tmp_path: Path) -> None:
    found = judge(tmp_path, '[mentions.discord]\nmembers = "linked"', 'ping = ["member", "unit"]')
    told = [(problem.key, problem.text) for problem in found.problems]
    assert [key for key, _ in told] == [
        "destinations.discord.ping",
        *["destinations.slack.ping"] * 2,
        *["destinations.telegram.ping"] * 2,
    ]
    assert "Add below [mentions.discord]: units = {" in told[0][1]
    assert "Add below [mentions.slack]: members = {" in told[1][1]


# Who is meant


def destination(*ping: Any, long: Any = "cut") -> DestinationConfig:
    place = DiscordPlace(url=HiddenUrl("https://discord.com/api/webhooks/1/x"))
    return DestinationConfig(name="announcements", place=place, events=("*",), ping=ping, long=long)


def site(**mentions: Any) -> Site:
    return Site(secrets=(Secret(SECRET),), mentions={"discord": Mentions(**mentions)})


def event_of(name: str, /, **data: Any) -> Event:
    sample = make_event(name)
    body = {"event": name, "created": "2026-03-02T19:08:00Z", "data": {**sample.data, **data}, "changes": []}
    return Event.parse(php_json(body))


PROMOTION = event_of(
    "rankrecord.created",
    user_id=7,
    user={
        "id": 7,
        "display_name": "SFC Whitfield",
        "discord_user_id": ACCOUNT,
        "unit": {"id": 1, "name": "1st Platoon"},
        "unit_id": 1,
    },
    author_id=8,
    author={"id": 8, "display_name": "Capt. Okafor", "discord_user_id": "99"},
)


def test_a_member_is_pinged_by_the_table_or_by_the_linked_account() -> None:
    for known in (site(members={7: ACCOUNT}), site(linked=True)):
        assert mentions_for([PROMOTION], destination("member"), known) == (Mention("user", ACCOUNT, "SFC Whitfield"),)


def test_a_unit_is_pinged_by_its_name_whatever_its_case() -> None:
    known = site(units={"1st platoon": ROLE}, linked=True)
    assert mentions_for([PROMOTION, PROMOTION], destination("unit"), known) == (Mention("role", ROLE, "1st Platoon"),)
    assert [one.kind for one in mentions_for([PROMOTION], destination("unit", "member"), known)] == ["user", "role"]


def test_nobody_is_pinged_unless_the_destination_and_the_table_say_so() -> None:
    assert mentions_for([PROMOTION], destination(), site(linked=True, members={7: ACCOUNT}, units={"1st platoon": ROLE})) == ()
    assert mentions_for([PROMOTION], destination("member", "unit"), Site(secrets=(Secret(SECRET),))) == ()
    assert mentions_for([PROMOTION], destination("member", "unit"), site(members={8: ACCOUNT}, units={"hq": ROLE})) == ()


@pytest.mark.parametrize(
    "data",
    [
        {"user": {"id": 9, "display_name": "Somebody else", "discord_user_id": ACCOUNT}},
        {"user": {"display_name": "No number", "discord_user_id": ACCOUNT}},
        {"user": {"id": 7, "discord_user_id": None}},
        {"user": [ACCOUNT]},
        {"user_id": "7"},
        {"user_id": True, "user": {"id": True, "discord_user_id": ACCOUNT}},
    ],
)
def test_the_account_of_another_is_not_taken(data: dict[str, Any]) -> None:
    event = event_of("rankrecord.created", **{"user_id": 7, **data})
    assert mentions_for([event], destination("member"), site(linked=True)) == ()


@pytest.mark.parametrize("number", [7, "7", 7.0, [7], {"id": 7}, True, None])
@pytest.mark.parametrize("action", ["created", "updated", "deleted"])
def test_no_answer_of_a_form_pings_anybody(number: Any, action: str) -> None:
    user = {"id": 7, "display_name": "Cpl Haddad", "discord_user_id": ACCOUNT, "unit": {"id": 1, "name": "1st Platoon"}}
    answers = {"user": user, "unit": user["unit"], "unit_id": 1, "discord_user_id": ACCOUNT, "author": user, "author_id": 7}
    event = event_of(f"submission.{action}", form_id=5, user_id=number, **answers)
    known = site(linked=True, members={7: ACCOUNT}, units={"1st platoon": ROLE})
    assert mentions_for([event], destination("member", "unit"), known) == ()


def test_a_deletion_and_the_template_of_an_automation_ping_nobody() -> None:
    known = site(linked=True, members={7: ACCOUNT})
    body = {
        "event": "rankrecord.created",
        "created": "2026-03-02T19:08:00Z",
        "data": {"user_id": 7, "title": "x"},
        "changes": None,
    }
    template = Event.parse(php_json(body))
    assert template.template is not None
    for event in (event_of("rankrecord.deleted", user_id=7), template):
        assert mentions_for([event], destination("member"), known) == ()


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_the_linked_account_is_nowhere_in_a_message_but_in_its_mention(name: str) -> None:
    user = {**make_event("user.created").data, "id": 7, "discord_user_id": ACCOUNT}
    event = event_of(name, **(user if name.startswith("user.") else {"user": user, "user_id": 7, "author": user}))
    message = render(event)
    assert message is None or ACCOUNT not in repr(message)
    assert {one.id for one in mentions_for([event], destination("member"), site(linked=True))} <= {ACCOUNT}


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "discord_user_id", "unit", "name"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(EVENT_NAMES), json, json, json)
def test_whatever_an_event_holds_nothing_raises_and_a_payload_names_ids_alone(
    name: str, user: Any, number: Any, data: Any
) -> None:
    whole = data if name.startswith("message") and isinstance(data, list) else {"user": user, "user_id": number, "id": number}
    body = {"event": name, "created": "2026-03-02T19:08:00Z", "data": whole, "changes": []}
    mentions = mentions_for(
        [Event.parse(php_json(body))], destination("member", "unit"), site(linked=True, members={1: ACCOUNT})
    )
    sent: Any = payload(Message(word="test", title="t", mentions=mentions))
    named = [*sent["allowed_mentions"].get("users", []), *sent["allowed_mentions"].get("roles", [])]
    assert all(one.isascii() and one.isdigit() for one in named)
    assert sent["allowed_mentions"]["parse"] == []


# What is long


def test_what_is_long_is_cut_or_continued_as_the_destination_wants() -> None:
    message = Message(word="message", title="t", blocks=(Paragraph((Text("A sentence of some words. " * 300),)),))
    assert parts_of(message, destination()) == (message,)
    first, second = parts_of(message, destination(long="follow-up"))
    assert (first.title, second.title, second.silent) == ("t", "… t", True)
