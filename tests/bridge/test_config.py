"""Reading bridge.toml: positions, variables, and the records that come out."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_adapters import Destination, default_words
from perscom_adapters.discord import DiscordDestination
from perscom_adapters.slack import SlackBotDestination, SlackWebhookDestination
from perscom_adapters.telegram import TelegramDestination
from perscom_bridge._load import inspect, load
from perscom_bridge._toml import KeyPath, key_lines
from perscom_bridge.config import Config, DestinationConfig, HiddenToken, HiddenUrl, ListenAddress, Site
from perscom_bridge.platforms import Place
from perscom_bridge.platforms.discord import DiscordPlace
from perscom_bridge.platforms.slack import SlackBotPlace, SlackWebhookPlace
from perscom_bridge.platforms.telegram import TelegramPlace
from perscom_bridge.routing import destination_handler
from perscom_bridge.service import destinations_of
from perscom_receiver import ConfigurationError, ExpiredSecret, Secret, Verifier
from perscom_receiver.testing import signed_request

SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
URL = "https://discord.com/api/webhooks/1130112233445566778/Zq7xTokenOfTheChannelForEverybody_-0123456789"
STAFF = "https://discord.com/api/webhooks/1130112233445566779/Kw3pTokenOfTheChannelForTheStaff_-9876543210"

SMALLEST = f"""
[site]
secret = "{SECRET}"
[destinations.announcements]
type = "discord"
url = "{URL}"
"""


def read(folder: Path, text: str, env: str | None = None, **environ: str) -> Config:
    (folder / "bridge.toml").write_text(text, encoding="utf-8")
    if env is not None:
        (folder / ".env").write_text(env, encoding="utf-8")
        (folder / ".env").chmod(0o600)
    return load(folder / "bridge.toml", environ)


# Positions

LAYOUT = """\
# a comment with [brackets] and = signs
[site]
name = "x"   # c = 3
dotted . "quoted key".'single' = 1.5
when = 1979-05-27 07:32:00.99

[destinations."first platoon"]
url = \"\"\"
[not.a.table]
not_a_key = 1
"" \\\"\"\" \"\"\"""
events = [
  "a",  # c ]
  "b", [1,
    2], { q = [
      3] },
]
inline = { x = 1, y.z = "}" }
empty = ''
[[site.people]]
name = '''
'''
[[site.people]]
[site.people.rank]
1.2 = 3
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("site",), 2),
        (("site", "name"), 3),
        (("site", "dotted"), 4),
        (("site", "dotted", "quoted key", "single"), 4),
        (("site", "when"), 5),
        (("destinations",), 7),
        (("destinations", "first platoon"), 7),
        (("destinations", "first platoon", "url"), 8),
        (("destinations", "first platoon", "events"), 12),
        (("destinations", "first platoon", "events", 0), 13),
        (("destinations", "first platoon", "events", 1), 14),
        (("destinations", "first platoon", "events", 2, 1), 15),
        (("destinations", "first platoon", "events", 3, "q"), 15),
        (("destinations", "first platoon", "events", 3, "q", 0), 16),
        (("destinations", "first platoon", "inline", "y", "z"), 18),
        (("destinations", "first platoon", "empty"), 19),
        (("site", "people", 0, "name"), 21),
        (("site", "people", 1), 23),
        (("site", "people", 1, "rank", "1", "2"), 25),
    ],
    ids=str,
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
def test_each_key_is_found_on_its_line(path: KeyPath, line: int, newline: str) -> None:
    text = LAYOUT.replace("\n", newline)
    assert tomllib.loads(text)["site"]["people"][1] == {"rank": {"1": {"2": 3}}}  # the layout is TOML at all
    assert key_lines(text)[path] == line


Shape: TypeAlias = "str | tuple[str, list[Shape]]"
SCALARS = (
    "1",
    "-1.5e3",
    "true",
    "1979-05-27 07:32:00.5",
    "1979-05-27T07:32:00-07:00",
    '""',
    "''",
    '"# [ ] { } = , \\" \\\\"',
    "'# [x] = \"'",
    '"""\n[x]\ny = 1 # \\""" "" \\\\"""',
    '"""a"""""',
    '"""a""""',
    "'''\n[[z]]\n= ''\n''''",
)
SHAPES = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.tuples(st.sampled_from(["list", "table"]), st.lists(inner, max_size=3)),
    max_leaves=6,
)
SECTIONS = st.lists(
    st.tuples(st.sampled_from(["[{}]", "[ {} . 'sub {}' ]  # [x]", "[[{}]]", '["{}"]']), st.lists(SHAPES, max_size=3)),
    max_size=4,
)


def write_value(shape: Shape, keys: Iterator[int]) -> str:
    """The shape as TOML; each table key is spelled ``key-N-`` with a number of its own."""
    if isinstance(shape, str):
        return shape
    kind, items = shape
    if kind == "list":
        return "[ # ] a comment\n" + "".join(f"  {write_value(item, keys)},\n" for item in items) + "]"
    return "{" + ", ".join(f"key-{next(keys)}- = {write_value(item, keys)}" for item in items) + "}"


def walk(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from walk(child, (*path, key))


@given(sections=SECTIONS)
@settings(max_examples=150, deadline=None)
def test_in_any_layout_all_keys_are_found_and_each_on_a_line_that_spells_it(sections: list[tuple[str, list[Shape]]]) -> None:
    keys = count()
    text = ""
    for header, shapes in sections:
        text += header.replace("{}", f"key-{next(keys)}-", 1).replace("{}", f"key-{next(keys)}-") + "\n"
        text += "".join(f"key-{next(keys)}- = {write_value(shape, keys)} # key = 1\n" for shape in shapes)
    found = key_lines(text)
    assert set(found) == set(walk(tomllib.loads(text)))
    lines = text.split("\n")
    for path, line in found.items():
        if isinstance(name := path[-1], str):
            assert name in lines[line - 1]


# Records


def test_the_smallest_file_gets_defaults_that_harm_nobody(tmp_path: Path) -> None:
    config = read(tmp_path, SMALLEST)
    assert config.site.name == "PERSCOM"
    assert config.site.secrets == (Secret(SECRET),)
    assert [secret.name for secret in config.site.secrets] == ["secret"]
    assert (config.site.url, config.site.timezone) == (None, "UTC")
    assert config.server.listen == ListenAddress("127.0.0.1", 8000)
    assert config.server.status == ListenAddress("127.0.0.1", 8001)
    assert config.server.database == tmp_path / "bridge.db"
    assert config.privacy.keep_bodies == 30
    (destination,) = config.destinations
    assert (destination.name, destination.place) == ("announcements", DiscordPlace(url=HiddenUrl(URL)))
    assert destination.events == default_words("public")
    assert "demotion" not in destination.events
    assert destination.unclear == "repeat"
    assert config.path == tmp_path / "bridge.toml"


def test_every_line_of_a_full_file_arrives_in_its_record(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    config = read(
        tmp_path,
        f"""
        [site]
        name = "1st Ranger Group"
        url = "https://1st-rangers.example.org/"
        secret = "{SECRET}"
        previous_secret = "the one before: 0123456789"
        language = "de"
        timezone = "Europe/Berlin"
        [server]
        listen = "0.0.0.0:80"
        status = "[::1]:0"
        public = "https://bridge.example.org/"
        database = "data/events.db"
        [destinations.staff]
        type = "discord"
        url = "{STAFF}"
        events = ["demotion", "rankrecord.created", "*record.deleted", "test"]
        thread = "1130112233445566778"
        language = "nl"
        show = ["answers"]
        unclear = "drop"
        [destinations.first-platoon_2]
        type = "discord"
        url = "{STAFF}"
        events = []
        [privacy]
        keep_bodies = "1 day"
        """,
    )
    assert (config.site.name, config.site.url) == ("1st Ranger Group", "https://1st-rangers.example.org")
    assert config.site.secrets == (Secret(SECRET), Secret("the one before: 0123456789"))
    assert [secret.name for secret in config.site.secrets] == ["secret", "previous_secret"]
    assert (config.site.language, config.site.timezone) == ("de", "Europe/Berlin")
    assert (str(config.server.listen), str(config.server.status)) == ("0.0.0.0:80", "[::1]:0")
    assert (config.server.public, config.server.database) == ("https://bridge.example.org", tmp_path / "data/events.db")
    staff, platoon = config.destinations
    assert (staff.language, platoon.language) == ("nl", None)
    assert (staff.show, platoon.show) == (("answers",), ())
    assert staff.events == ("demotion", "rankrecord.created", "*record.deleted", "test")
    assert (staff.place, staff.unclear) == (DiscordPlace(url=HiddenUrl(STAFF), thread="1130112233445566778"), "drop")
    assert (platoon.name, platoon.events) == ("first-platoon_2", ())
    assert config.privacy.keep_bodies == 1


UNTIL = {
    "2026-03-09": datetime(2026, 3, 9, 22, 59, 59, tzinfo=UTC),
    "2026-07-09": datetime(2026, 7, 9, 21, 59, 59, tzinfo=UTC),
    "2026-03-09T18:00:00": datetime(2026, 3, 9, 17, tzinfo=UTC),
    "2026-03-09 18:00:00+05:00": datetime(2026, 3, 9, 13, tzinfo=UTC),
    "2026-03-09T18:00:00Z": datetime(2026, 3, 9, 18, tzinfo=UTC),
}


@pytest.mark.parametrize("written", UNTIL)
def test_the_previous_secret_verifies_until_its_end_and_not_later(tmp_path: Path, written: str) -> None:
    old, end = "the one before: 0123456789", UNTIL[written]
    lines = f'timezone = "Europe/Berlin"\nprevious_secret = "{old}"\nprevious_secret_until = {written}\n[dest'
    site = read(tmp_path, SMALLEST.replace("[dest", lines, 1)).site
    headers, body = signed_request("webhook.test", old)
    assert Verifier(*site.secrets, now=lambda: end).event(headers, body).secret_name == "previous_secret"
    with pytest.raises(ExpiredSecret, match="'previous_secret', which was valid until"):
        Verifier(*site.secrets, now=lambda: end + timedelta(seconds=1)).event(headers, body)
    assert site.secrets[0].valid_until is None


@pytest.mark.parametrize(
    ("until", "told"),
    [
        ("9999-12-31", "site.previous_secret is accepted until 9999-12-31 23:59+00:00."),
        (
            "2001-02-03T04:05:06-07:00",
            "site.previous_secret ended at 2001-02-03 04:05-07:00 and verifies nothing any more. Take both of its lines out.",
        ),
    ],
)
def test_check_tells_until_when_the_previous_secret_is_accepted(tmp_path: Path, until: str, told: str) -> None:
    lines = f'previous_secret = "the one before: 0123456789"\nprevious_secret_until = {until}\n[dest'
    (tmp_path / "bridge.toml").write_text(SMALLEST.replace("[dest", lines, 1), encoding="utf-8")
    found = inspect(tmp_path / "bridge.toml", {})
    assert (found.problems, found.notes) == ((), (told,))


SLACK = "https://hooks.slack.com/services/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hook"
SLACK_TOKEN = "xoxb-123456789012-1234567890123-Zq7xTokenOfABot"
OTHER_SERVER = 'api = "http://127.0.0.1:8081"'
TELEGRAM_TOKEN = "123456789:Zq7xTokenOfTheBot_-0123456789abcdefgh"


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        (f'type = "slack"\nurl = "{SLACK}"', SlackWebhookPlace(url=HiddenUrl(SLACK))),
        (
            f'type = "slack"\ntoken = "{SLACK_TOKEN}"\nchannel = "C024BE91L"',
            SlackBotPlace(token=HiddenToken(SLACK_TOKEN), channel="C024BE91L"),
        ),
        (
            f'type = "slack"\ntoken = "{SLACK_TOKEN}"\nchannel = "C024BE91L"\napi = "https://slack-gov.com/api/"',
            SlackBotPlace(token=HiddenToken(SLACK_TOKEN), channel="C024BE91L", api="https://slack-gov.com/api"),
        ),
        (
            f'type = "telegram"\ntoken = "{TELEGRAM_TOKEN}"\nchat = -1001234567890',
            TelegramPlace(token=HiddenToken(TELEGRAM_TOKEN), chat="-1001234567890"),
        ),
        (
            f'type = "telegram"\ntoken = "{TELEGRAM_TOKEN}"\nchat = "@rangers"\ntopic = 7\nsilent = true\n{OTHER_SERVER}',
            TelegramPlace(
                token=HiddenToken(TELEGRAM_TOKEN), chat="@rangers", topic=7, silent=True, api="http://127.0.0.1:8081"
            ),
        ),
        (
            f'type = "discord"\nurl = "{STAFF}"\nthread = 1130112233445566778',
            DiscordPlace(url=HiddenUrl(STAFF), thread="1130112233445566778"),
        ),
    ],
)
def test_a_place_on_each_platform_arrives_in_its_record_and_shows_no_token(tmp_path: Path, lines: str, place: Place) -> None:
    config = read(tmp_path, f"{SMALLEST}[destinations.staff]\n{lines}\n")
    assert config.destinations[1].place == place
    assert SECRET not in f"{config!r} {config} {config.site.secrets}"
    assert "Zq7x" not in f"{config!r} {config}"
    assert "Kw3p" not in f"{config!r} {config}"


def test_what_is_hidden_shows_no_more_than_where_it_leads() -> None:
    assert str(HiddenUrl(URL)) == "https://discord.com/…"
    assert str(HiddenToken(SLACK_TOKEN)) == "…"


def test_every_place_opens_as_a_destination_of_its_name(tmp_path: Path) -> None:
    text = (
        f'{SMALLEST}[destinations.a]\ntype = "slack"\nurl = "{SLACK}"\n'
        f'[destinations.b]\ntype = "slack"\ntoken = "{SLACK_TOKEN}"\nchannel = "C024BE91L"\n'
        f'[destinations.c]\ntype = "telegram"\ntoken = "{TELEGRAM_TOKEN}"\nchat = 1\ntopic = 5\n'
    )

    async def opened() -> list[Destination]:
        async with destinations_of(read(tmp_path, text)) as pairs:
            return [destination for _, destination in pairs]

    found = asyncio.run(opened())
    assert [type(one) for one in found] == [
        DiscordDestination,
        SlackWebhookDestination,
        SlackBotDestination,
        TelegramDestination,
    ]
    assert [one.name for one in found] == ["announcements", "a", "b", "c"]


def test_another_token_or_place_is_another_fingerprint_and_the_same_is_the_same() -> None:
    places: list[Place] = [
        DiscordPlace(url=HiddenUrl(URL)),
        DiscordPlace(url=HiddenUrl(URL), thread="1130112233445566778"),
        SlackWebhookPlace(url=HiddenUrl(SLACK)),
        TelegramPlace(token=HiddenToken(TELEGRAM_TOKEN), chat="@rangers"),
        TelegramPlace(token=HiddenToken(f"{TELEGRAM_TOKEN}x"), chat="@rangers"),
    ]

    def fingerprints() -> list[str | None]:
        made = [DestinationConfig(name="a", place=place, events=("*",)) for place in places]
        return [destination_handler(one, None, SITE, lambda name, how: None).fingerprint for one in made]  # type: ignore[arg-type]

    assert len(set(fingerprints())) == len(places)
    assert fingerprints() == fingerprints()


SITE = Site(secrets=(Secret(SECRET),))


def test_the_stand_in_on_this_machine_may_be_reached_by_http(tmp_path: Path) -> None:
    address = "http://127.0.0.1:41873/api/webhooks/1130112233445566778/token"
    assert read(tmp_path, SMALLEST.replace(URL, address)).destinations[0].place == DiscordPlace(url=HiddenUrl(address))


def test_a_byte_order_mark_of_a_windows_editor_does_no_harm(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + SMALLEST.replace("\n", "\r\n")).site.secrets == (Secret(SECRET),)


# Variables

NAMED = SMALLEST.replace(SECRET, "${PERSCOM_WEBHOOK_SECRET}")


def test_a_variable_comes_from_the_environment(tmp_path: Path) -> None:
    assert read(tmp_path, NAMED, PERSCOM_WEBHOOK_SECRET=SECRET).site.secrets == (Secret(SECRET),)


@pytest.mark.parametrize(
    "line",
    [
        f"PERSCOM_WEBHOOK_SECRET={SECRET}",
        f"export PERSCOM_WEBHOOK_SECRET = {SECRET}  # from PERSCOM's form",
        f"PERSCOM_WEBHOOK_SECRET='{SECRET}'",
        f'PERSCOM_WEBHOOK_SECRET="{SECRET}"\r',
    ],
    ids=["plain", "exported", "single quotes", "double quotes and a carriage return"],
)
def test_a_variable_comes_from_the_file_beside(tmp_path: Path, line: str) -> None:
    assert read(tmp_path, NAMED, env=f"# secrets\n\n{line}\n").site.secrets == (Secret(SECRET),)


def test_the_environment_wins_over_the_file_beside(tmp_path: Path) -> None:
    env = "PERSCOM_WEBHOOK_SECRET=the other one, 0123456789\n"
    assert read(tmp_path, NAMED, env=env, PERSCOM_WEBHOOK_SECRET=SECRET).site.secrets == (Secret(SECRET),)


def test_a_dollar_sign_in_the_file_beside_is_no_variable(tmp_path: Path) -> None:
    env = "PERSCOM_WEBHOOK_SECRET='$HOME ${HOME} 0123456789'\n"
    assert read(tmp_path, NAMED, env=env, HOME="/root").site.secrets == (Secret("$HOME ${HOME} 0123456789"),)


def test_a_variable_inside_a_longer_text_is_literal(tmp_path: Path) -> None:
    text = SMALLEST.replace("[site]", '[site]\nname = "${USER} Group"')
    assert read(tmp_path, text, USER="root").site.name == "${USER} Group"


def test_any_key_may_be_a_variable(tmp_path: Path) -> None:
    text = SMALLEST + '[server]\nlisten = "${LISTEN}"'
    assert read(tmp_path, text, LISTEN="192.0.2.1:9000").server.listen == ListenAddress("192.0.2.1", 9000)


def test_load_raises_the_whole_report_as_one_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"(?s)line 2 .*site\.name.*2 mistakes; nothing was started\.") as caught:
        read(tmp_path, "[site]\nname = 1\n" + SMALLEST.partition("[site]")[2].replace("discord", "dicsord", 1))
    assert str(caught.value) == inspect(tmp_path / "bridge.toml", {}).report()


def test_the_example_reads_as_it_stands_and_is_short() -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "bridge.toml"
    environ = {
        "PERSCOM_WEBHOOK_SECRET": SECRET,
        "DISCORD_ANNOUNCEMENTS_URL": URL,
        "SLACK_STAFF_URL": SLACK,
        "TELEGRAM_TOKEN": TELEGRAM_TOKEN,
    }
    found = inspect(example, environ)
    assert found.problems == ()
    assert found.notes == ("destinations.staff is a Slack incoming webhook. It can post, but not edit, strike or thread.",)
    assert found.config is not None
    assert [(one.name, one.place.platform) for one in found.config.destinations] == [
        ("announcements", "discord"),
        ("staff", "slack"),
        ("first-platoon", "telegram"),
    ]
    assert len(example.read_text(encoding="utf-8").splitlines()) < 60
