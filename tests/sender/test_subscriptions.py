"""Who gets what: subscriptions are checked, stored, listed, changed and removed."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sending import SECRET, Clock

from perscom_receiver import EVENT_NAMES, ConfigurationError
from perscom_sender import EVENT_GROUPS, PERSCOM_SCHEDULE, Sender

URL = "https://example.org/hook"


def test_what_was_added_is_there_for_every_process(sender: Sender, make: Callable[..., Sender]) -> None:
    added = sender.subscriptions.add(
        URL,
        SECRET,
        ["Records", "order.*"],
        name="shop",
        description="what the shop is told",
        schedule=PERSCOM_SCHEDULE,
        concurrency=3,
        rate=2.5,
        timeout=3.0,
        standard=True,
    )
    assert make().subscriptions.all() == [added]
    assert make().subscriptions.get(added.id) == added
    assert (added.name, added.url, added.method, added.events) == ("shop", URL, "POST", ("Records", "order.*"))
    assert (added.schedule, added.concurrency, added.rate, added.timeout) == (PERSCOM_SCHEDULE, 3, 2.5, 3.0)
    assert added.enabled
    assert added.standard


def test_groups_are_those_of_perscom() -> None:
    assert list(EVENT_GROUPS) == ["Users", "Records", "Calendars & Events", "Messages", "Submissions", "Test"]
    assert sorted(name for names in EVENT_GROUPS.values() for name in names) == sorted(EVENT_NAMES)


@pytest.mark.parametrize(
    ("events", "name", "wanted"),
    [
        (["Users"], "user.updated", True),
        (["Users"], "rankrecord.created", False),
        (["Records"], "combatrecord.deleted", True),
        (["Calendars & Events"], "event.created", True),
        (["Messages", "Submissions"], "submission.created", True),
        (["Test"], "webhook.test", True),
        (["*"], "anything.at.all", True),
        (["order.*"], "order.paid", True),
        (["order.*"], "orders.paid", False),
        (["*record.created"], "rankrecord.created", True),
        (["order.paid"], "order.paid", True),
        (["order.paid"], "Order.paid", False),
        ([], "webhook.test", False),
    ],
)
def test_a_subscription_gets_what_it_wants(sender: Sender, events: list[str], name: str, wanted: bool) -> None:
    sender.subscriptions.add(URL, SECRET, events)
    sender.subscriptions.add(URL, SECRET, ["nothing.*"])
    assert len(sender.log.deliveries(event=sender.publish_blocking(name, {}))) == wanted


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"url": "example.org/hook"}, "whole web address"),
        ({"url": "ftp://example.org/"}, "whole web address"),
        ({"url": "https://"}, "whole web address"),
        ({"url": "https://[::1"}, "whole web address"),
        ({"url": "https://example.org:99999/"}, "whole web address"),
        ({"url": "https://example.org/a b"}, "whole web address"),
        ({"url": "https://example.org/\n"}, "whole web address"),
        ({"url": "https://exämple.org/"}, "ASCII"),
        ({"url": "https://example.org/" + "a" * 2048}, "whole web address"),
        ({"url": "https://me:password@example.org/"}, "password"),
        ({"url": "https://example.org/#part"}, "fragment"),
        ({"secret": ""}, "blank"),
        ({"secret": "a" * 256}, "at most 255"),
        ({"secret": 7}, "is a text"),
        ({"secret": "whsec_no base64!", "standard": True}, "whsec_"),
        ({"events": "order.*"}, r"\['order.\*'\]"),
        ({"events": [""]}, "pattern"),
        ({"events": ["a" * 256]}, "pattern"),
        ({"events": ["\ud800"]}, "pattern"),
        ({"name": "a" * 256}, "name"),
        ({"description": "\ud800"}, "description"),
        ({"method": "PUT"}, "POST or GET"),
        ({"concurrency": 0}, "concurrency"),
        ({"rate": 0}, "rate"),
        ({"timeout": 0}, "timeout"),
    ],
)
def test_what_cannot_work_is_refused_and_stores_nothing(sender: Sender, given: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as caught:
        sender.subscriptions.add(**{"url": URL, "secret": SECRET, **given})
    assert "me:password" not in str(caught.value)
    assert sender.subscriptions.all() == []


def test_neither_a_secret_nor_a_path_is_shown(sender: Sender) -> None:
    added = sender.subscriptions.add("https://example.org/hook?token=hidden", SECRET)
    for shown in (repr(added), str([added]), repr(sender.subscriptions.all())):
        assert SECRET not in shown
        assert "hidden" not in shown
        assert "example.org" in shown


def test_a_weak_secret_and_get_are_warned_about(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        sender.subscriptions.add(URL, "short", method="GET")
    assert "can be guessed" in caplog.text
    assert "No receiver can verify" in caplog.text
    assert "short" not in caplog.text


def test_what_is_changed_is_checked_too(sender: Sender) -> None:
    number = sender.subscriptions.add(URL, SECRET, ["order.*"]).id
    changed = sender.subscriptions.edit(number, url="https://example.org/other", events=["user.*"], concurrency=9)
    assert (changed.url, changed.events, changed.concurrency) == ("https://example.org/other", ("user.*",), 9)
    assert changed == sender.subscriptions.get(number)
    for change, text in (({"url": "nothing"}, "web address"), ({"secret": "x"}, "cannot change secret"), ({"id": 7}, "cannot")):
        with pytest.raises(ConfigurationError, match=text):
            sender.subscriptions.edit(number, **change)
    with pytest.raises(ConfigurationError, match="no subscription 99"):
        sender.subscriptions.edit(99, name="x")
    assert changed == sender.subscriptions.get(number)


def test_an_old_secret_lasts_for_the_overlap_and_no_longer(sender: Sender, clock: Clock) -> None:
    number = sender.subscriptions.add(URL, SECRET).id
    sender.subscriptions.rotate(number, "the second secret of it", overlap=100)
    clock.now += 50
    third = sender.subscriptions.rotate(number, "the third secret of it", overlap=1000)
    ends = [None if one.valid_until is None else one.valid_until.timestamp() - clock.now for one in third.secrets]
    assert ends == [None, 1000, 50]
    clock.now += 60
    assert len(sender.subscriptions.rotate(number, "the fourth secret of it", overlap=1000).secrets) == 3
    assert len(sender.subscriptions.rotate(number, "the fifth secret of it", overlap=0).secrets) == 1


def test_a_removed_one_is_forgotten_with_its_secret(sender: Sender, path: Path) -> None:
    number = sender.subscriptions.add(URL, SECRET, ["order.*"]).id
    assert sender.subscriptions.remove(number)
    assert not sender.subscriptions.remove(number)
    assert sender.subscriptions.get(number) is None
    assert sender.subscriptions.add(URL, SECRET).id != number
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT secrets FROM sender_subscription WHERE id = ?", (number,)).fetchone() == ("[]",)
        assert connection.execute("SELECT count(*) FROM sender_pattern").fetchone() == (0,)


def test_senders_in_one_file_do_not_see_each_other(sender: Sender, make: Callable[..., Sender]) -> None:
    added = sender.subscriptions.add(URL, SECRET, ["*"])
    other = make(name="other")
    assert other.subscriptions.all() == []
    assert other.subscriptions.get(added.id) is None
    number = other.publish_blocking("order.paid", {})
    assert sender.log.deliveries() == other.log.deliveries(event=number) == []


def test_matching_asks_an_index_however_many_there_are(sender: Sender, path: Path) -> None:
    sender.subscriptions.add(URL, SECRET, ["*"])
    with closing(sqlite3.connect(path)) as connection:
        plans = [
            row[3]
            for sql in (
                "SELECT id FROM sender_pattern WHERE site = '' AND text = ''",
                "SELECT id FROM sender_pattern WHERE site = '' AND glob = 1",
                "SELECT lane FROM sender_wanted JOIN sender_subscription AS s ON s.id = subscription WHERE pattern IN (1, 2)",
                "SELECT task.id FROM task WHERE id > 0 AND lane = 1 ORDER BY id DESC LIMIT 5",
            )
            for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
        ]
    assert not [plan for plan in plans if plan.startswith("SCAN")]
