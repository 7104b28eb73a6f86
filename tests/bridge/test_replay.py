"""``inbox replay``: a destination that came later gets the past, once, oldest first, and only when somebody asks for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bridge_process import HEAD, SECRET, bridge, run, wait_for
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from perscom_adapters.testing import ChatStandIn
from perscom_bridge._since import since
from perscom_bridge.cli import main
from perscom_receiver import SQLiteInbox
from perscom_receiver.queue import Connection
from perscom_receiver.testing import make_event

DAY = 86_400.0
STORED = ("rankrecord.created", "webhook.test", "awardrecord.created", "user.created")


@pytest.fixture
def chat() -> Iterator[ChatStandIn]:
    with ChatStandIn(rate=None) as standin:
        yield standin


@pytest.fixture
def folder(tmp_path: Path, chat: ChatStandIn) -> Path:
    """A community whose only destination is one for announcements."""
    (tmp_path / "bridge.toml").write_text(f"{HEAD}{table(chat, 'announcements')}")
    return tmp_path


def table(chat: ChatStandIn, name: str, more: str = "") -> str:
    return f'[destinations.{name}]\ntype = "discord"\nurl = "{chat.discord_webhook(name=name)}"\ngroup = "off"\n{more}\n'


def join(folder: Path, chat: ChatStandIn, name: str = "late", more: str = "") -> None:
    """Add a destination to the file."""
    with (folder / "bridge.toml").open("a") as file:
        file.write(table(chat, name, more))


def store(folder: Path, *names: str, ago: float = 0.0) -> None:
    """What a service has stored, and posted in announcements."""
    inbox = SQLiteInbox(folder / "bridge.db", now=lambda: time.time() - ago)

    def plan(connection: Connection) -> None:
        lane = inbox.queue.lane(connection, "announcements")
        inbox.plan(connection, [(found, {lane: None}) for found in inbox.pending(connection, 1000)])

    for name in names:
        assert inbox.add(make_event(name))
    inbox.database.write(plan)
    inbox.close()


def replay(folder: Path, *options: str, answer: str | None = None) -> Result:
    words = ["inbox", "replay", "--config", str(folder / "bridge.toml"), *options]
    return CliRunner().invoke(main, words, input=answer, env={"PERSCOM_WEBHOOK_SECRET": SECRET})


def waiting(folder: Path, name: str) -> list[str]:
    """The names of the events that wait for a destination, in the order in which they will be posted."""
    inbox = SQLiteInbox(folder / "bridge.db")
    rows = inbox.database.read(
        lambda connection: connection.execute(
            "SELECT event.name FROM task JOIN event ON event.id = task.event JOIN lane ON lane.id = task.lane"
            " WHERE lane.name = ? AND task.state = 0 ORDER BY task.due, task.id",
            (name,),
        ).fetchall()
    )
    inbox.close()
    return [row[0] for row in rows]


def test_a_running_service_posts_the_past_in_the_destination_that_came_later(folder: Path, chat: ChatStandIn) -> None:
    def titles(channel: str) -> list[str]:
        return [str(one.payload["embeds"][0]["title"]) for one in chat.messages if one.destination == channel]

    with bridge(folder) as running:
        for name in STORED:
            assert running.event(name) == 202
        wait_for(lambda: len(titles("announcements")) == 3)
        assert running.stop() == 0
    join(folder, chat)
    with bridge(folder) as running:
        assert running.event("qualificationrecord.created") == 202
        wait_for(lambda: len(titles("late")) == 1)
        done = run("inbox", folder, "replay", "--to", "late", "--since", "1h", "--yes")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("2 stored events were never given to late, received ")
        assert "2 events wait for late. A running service posts them within seconds" in done.stdout
        wait_for(lambda: len(titles("late")) == 3)
        assert "Nothing is stored that late wants" in run("inbox", folder, "replay", "--to", "late", "--yes").stdout
        assert running.stop() == 0
    assert titles("late")[1:] == [title for title in titles("announcements") if "Test" not in title][:2]
    assert len(titles("announcements")) == 4, "nobody else is posted to"


def test_it_asks_first_and_no_answer_is_a_no(folder: Path, chat: ChatStandIn) -> None:
    store(folder, *STORED)
    join(folder, chat)
    for answer in ("n\n", "", "\n"):
        asked = replay(folder, "--to", "late", answer=answer)
        assert asked.exit_code == 1
        assert "Post them in late? [y/N]" in asked.output
        assert waiting(folder, "late") == []
    assert replay(folder, "--to", "late", answer="y\n").exit_code == 0
    assert waiting(folder, "late") == ["rankrecord.created", "awardrecord.created"]


def test_the_destinations_own_words_and_condition_decide_unless_others_are_named(folder: Path, chat: ChatStandIn) -> None:
    store(folder, *STORED)
    join(folder, chat, "staff", 'events = ["joined"]')
    join(folder, chat, "picky", """when = 'word == "award"'""")
    for name in ("staff", "picky"):
        assert replay(folder, "--to", name, "--yes").exit_code == 0
    assert waiting(folder, "staff") == ["user.created"]
    assert waiting(folder, "picky") == ["awardrecord.created"]
    assert replay(folder, "--to", "staff", "--yes", "--events", "promotion", "--events", "webhook.*").exit_code == 0
    assert waiting(folder, "staff") == ["user.created", "rankrecord.created", "webhook.test"]


def test_only_what_came_since_then(folder: Path, chat: ChatStandIn) -> None:
    store(folder, "rankrecord.created", ago=3 * DAY)
    store(folder, "awardrecord.created", ago=3600)
    join(folder, chat)
    assert "1 stored event was never given to late" in replay(folder, "--to", "late", "--since", "2 days", "--yes").output
    assert waiting(folder, "late") == ["awardrecord.created"]
    assert replay(folder, "--to", "late", "--yes").exit_code == 0
    assert len(waiting(folder, "late")) == 2


def test_what_is_gone_is_counted(folder: Path, chat: ChatStandIn) -> None:
    store(folder, "rankrecord.created", "awardrecord.created", "user.created", ago=40 * DAY)
    inbox = SQLiteInbox(folder / "bridge.db")
    for row in (1, 2, 3):
        inbox.database.write(lambda connection, row=row: inbox.queue.bury(connection, row, time.time(), "gone"))
    inbox.database.write(inbox.prune)
    inbox.close()
    store(folder, "rankrecord.created")
    join(folder, chat)
    said = replay(folder, "--to", "late", "--yes").output
    assert "3 events cannot be posted any more, whoever they were for: contents are kept for 30 days" in said
    assert "1 event waits for late." in said


def test_it_says_what_else_is_to_be_thought_of(folder: Path, chat: ChatStandIn) -> None:
    store(folder, *STORED)
    join(folder, chat, more='ping = ["member"]\n[mentions.discord]\nmembers = "linked"')
    inbox = SQLiteInbox(folder / "bridge.db")

    def switch_off(connection: Connection) -> None:
        inbox.queue.lane(connection, "late")
        inbox.queue.pause(connection, "late", "It is gone.")

    inbox.database.write(switch_off)
    inbox.close()
    said = replay(folder, "--to", "late", "--yes").output
    assert "late pings, and would about the past, too." in said
    assert "It is off: mend it, and then perscom-bridge inbox resume late" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--to", "lete"],
            'There is no destination "lete" in bridge.toml. Did you mean "late"?      It has: announcements, late',
        ),
        (["--to", "late", "--since", "last week"], '"last week" is no time. Write yesterday, today, a date such as 2026-03-01'),
        (["--to", "late", "--since", "2999-01-01"], '"2999-01-01" is still to come.'),
        (["--to", "late", "--events", "promotions"], '"promotions" is no event word. Did you mean "promotion"?'),
    ],
)
def test_slips_are_told_and_nothing_is_done(folder: Path, chat: ChatStandIn, options: list[str], says: str) -> None:
    store(folder, *STORED)
    join(folder, chat)
    done = replay(folder, *options, "--yes")
    assert done.exit_code == 1
    assert says in done.output
    assert waiting(folder, "late") == []


BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)  # half past midnight on the 10th, there


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("today", datetime(2026, 3, 10, tzinfo=BERLIN)),
        ("Yesterday", datetime(2026, 3, 9, tzinfo=BERLIN)),
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=BERLIN)),
        (" 2026-03-01 18:00 ", datetime(2026, 3, 1, 18, tzinfo=BERLIN)),
        ("2026-03-01T18:00:05Z", datetime(2026, 3, 1, 18, 0, 5, tzinfo=UTC)),
        ("2026-03-01T18:00+05:00", datetime(2026, 3, 1, 13, tzinfo=UTC)),
        ("3h", NOW - timedelta(hours=3)),
        ("90 minutes", NOW - timedelta(minutes=90)),
        ("2 days", NOW - timedelta(days=2)),
        ("1w", NOW - timedelta(weeks=1)),
        ("2026-02-31", None),
        ("9999w", NOW - timedelta(weeks=9999)),
        ("20260301", None),
        ("h3", None),
        ("3", None),
        ("-3h", None),
        ("", None),
    ],
)
def test_moments_are_read_as_people_write_them(text: str, moment: datetime | None) -> None:
    assert since(text, NOW, BERLIN) == moment


@given(
    st.text() | st.from_regex(r"[0-9]{1,9} ?(m|h|d|w|days)|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:]{5,8})?(Z|[+-][0-9:]{4,5})?")
)
def test_whatever_is_written_it_is_a_moment_or_none(text: str) -> None:
    found = since(text, NOW, BERLIN)
    assert found is None or found.utcoffset() is not None
