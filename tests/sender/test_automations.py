"""Automations in a sender: stored, run after what is published, each run once and in the log, whoever is killed."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from endpoints import Endpoint
from sending import SECRET, START, Clock, running, until

from perscom_receiver import ConfigurationError
from perscom_sender import Automation, Run, Sender, _following
from perscom_sender.automations import Context, dry_run

URL = "https://example.org/hook"
BY_WHOM = {"was": "{{ changes.rank_id.old }}", "by": "{{ causer.name }}", "of": "{{ model_type }} {{ model_id }}"}


@pytest.fixture
def website(sender: Sender) -> int:
    """A subscription that wants nothing, and keeps what it gets."""
    return sender.subscriptions.add(URL, SECRET, name="website", enabled=False).id


def sent(path: Path, subscription: int) -> list[dict[str, Any]]:
    """The bodies for a subscription, oldest first."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT event.body FROM task JOIN event ON event.id = task.event"
            " JOIN sender_subscription AS s ON s.lane = task.lane WHERE s.id = ? ORDER BY task.id",
            (subscription,),
        )
        return [json.loads(body) for (body,) in rows]


def run_all(*senders: Sender) -> None:
    """Let them run until no automation waits."""

    async def main() -> None:
        async with running(*senders):
            await until(lambda: not senders[0].automations.runs(outcome="waiting"))

    asyncio.run(main())


def outcomes(sender: Sender, **which: Any) -> list[tuple[int, str, str]]:
    return [(run.automation, run.outcome, run.why) for run in sender.automations.runs(**which)]


class TestStored:
    def test_what_is_added_is_there_for_every_process_and_can_be_edited_and_removed(
        self, sender: Sender, make: Callable[..., Sender], website: int
    ) -> None:
        added = sender.automations.add(
            "user.updated", subscription=website, condition='changed("rank_id")', template={"é": ["{{ model.id }}", 1.5, None]},
            priority=-3, enabled=False, name="promoted",
        )  # fmt: skip
        assert added == Automation(
            id=1, name="promoted", trigger="user.updated", condition='changed("rank_id")',
            template={"é": ["{{ model.id }}", 1.5, None]}, subscription=website, priority=-3, enabled=False,
        )  # fmt: skip
        other = make().automations
        assert other.get(1) == added
        second = other.add("order.paid", subscription=website, template='  {"b": 1, "a": 2} ')
        assert (second.id, second.template) == (2, {"b": 1, "a": 2})
        changed = other.edit(1, enabled=True, template="", condition=None, trigger="user.created", name="hired")
        assert (changed.enabled, changed.template, changed.condition, changed.trigger) == (True, None, None, "user.created")
        assert (changed.priority, changed.subscription) == (-3, website)
        assert sender.automations.all() == [changed, second]
        assert sender.automations.remove(1) is True
        assert sender.automations.remove(1) is False
        assert sender.automations.get(1) is None
        assert sender.automations.all() == [second]
        assert sender.automations.add("order.paid", subscription=website).id == 3

    def test_two_senders_in_one_file_know_nothing_of_each_other(
        self, sender: Sender, make: Callable[..., Sender], website: int
    ) -> None:
        sender.automations.add("order.paid", subscription=website)
        other = make(name="other")
        assert other.automations.all() == []
        assert other.automations.get(1) is None
        assert other.automations.remove(1) is False
        with pytest.raises(ConfigurationError, match="There is no subscription 1"):
            other.automations.add("order.paid", subscription=website)
        other.publish_blocking("order.paid", {})
        assert other.automations.runs() == sender.automations.runs() == []

    @pytest.mark.parametrize(
        ("settings", "help_"),
        [
            ({"condition": "modle.id == 7"}, "Did you mean model?"),
            ({"condition": 'model["a"] && causer'}, "Write: a and b"),
            ({"template": "{"}, "no JSON"),
            ({"trigger": "user.*"}, "several automations"),
            ({"subscription": 7}, "There is no subscription 7"),
            ({"subscription": "website"}, "the id of one"),
            ({"priority": True}, "whole number"),
        ],
    )
    def test_what_cannot_work_is_refused_and_changes_nothing(
        self, sender: Sender, website: int, settings: dict[str, Any], help_: str
    ) -> None:
        with pytest.raises(ConfigurationError) as caught:
            sender.automations.add(**{"trigger": "user.updated", "subscription": website, **settings})
        assert help_ in str(caught.value)
        before = sender.automations.add("user.updated", subscription=website)
        with pytest.raises(ConfigurationError) as caught:
            sender.automations.edit(before.id, **settings)
        assert help_ in str(caught.value)
        assert sender.automations.all() == [before]

    def test_what_is_no_setting_and_what_is_no_automation(self, sender: Sender, website: int) -> None:
        sender.automations.add("user.updated", subscription=website)
        with pytest.raises(ConfigurationError, match=r"edit\(\) cannot change id\. It takes condition, enabled"):
            sender.automations.edit(1, id=2)
        with pytest.raises(ConfigurationError, match="There is no automation 2"):
            sender.automations.edit(2, enabled=False)

    def test_a_text_that_will_go_out_unrendered_is_told_at_once(
        self, sender: Sender, website: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        sender.automations.add("user.updated", subscription=website, template={"a": ["{{ model.id|uper }}"]}, name="typo")
        assert (
            "Automation 'typo' on user.updated: a[0] goes out unrendered: \"uper\" is no filter here. Did you mean upper?"
            in caplog.text
        )


class TestRunning:
    def test_they_run_after_the_event_in_the_order_of_their_priority(
        self, sender: Sender, path: Path, website: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        sender.subscriptions.add(URL, SECRET, ["user.*"], name="all users", enabled=False)
        add = sender.automations.add
        add("user.updated", subscription=website, condition='new_value("rank_id") == 7', template=BY_WHOM, name="promoted")
        add("user.updated", subscription=2, priority=5, name="whole")
        add("user.updated", subscription=website, condition="false", priority=-1, name="not met")
        add("user.updated", subscription=website, condition='model["nothing"]', priority=9, name="fails")
        add("user.updated", subscription=website, enabled=False)
        add("user.created", subscription=website)
        number = asyncio.run(
            sender.publish(
                "user.updated",
                {"id": 7},
                {"rank_id": 7},
                "the request",
                trace_id="t",
                old={"rank_id": 6},
                causer={"name": "Okafor"},
            )
        )
        assert [run.outcome for run in sender.automations.runs()] == ["waiting"] * 4
        with caplog.at_level(logging.INFO, "perscom_sender"):
            run_all(sender)
        plain, automated = sent(path, 2)
        (templated,) = sent(path, website)
        assert (plain["data"], plain["changes"]) == ({"id": 7}, {"rank_id": 7})
        assert (automated["data"], automated["changes"]) == ({"id": 7}, [])
        assert (templated["data"], templated["changes"]) == ({"was": "6", "by": "Okafor", "of": "App\\Models\\User 7"}, None)
        assert {(one["event"], one["request_id"], one["trace_id"]) for one in (plain, automated, templated)} == {
            ("user.updated", "the request", "t")
        }
        assert plain["created"] < automated["created"] < templated["created"]
        no_such = 'in the condition there is no "nothing" in it'
        assert outcomes(sender, event=number) == [
            (3, "condition_failed", ""),
            (1, "executed", ""),
            (2, "executed", ""),
            (4, "failed", no_such),
        ]
        assert [line for line in caplog.messages if "automation" in line] == [
            f"Event {number}: automation 4 'fails' on user.updated: failed; {no_such}",
            f"Event {number}: automation 2 'whole' on user.updated: executed",
            f"Event {number}: automation 1 'promoted' on user.updated: executed",
            f"Event {number}: automation 3 'not met' on user.updated: condition_failed",
        ]
        assert [record.levelno for record in caplog.records if "automation" in record.message][:2] == [
            logging.WARNING,
            logging.INFO,
        ]

    def test_it_is_delivered_like_any_other(self, sender: Sender) -> None:
        async def main() -> None:
            async with Endpoint() as endpoint, running(sender):
                there = sender.subscriptions.add(endpoint.url, SECRET)
                sender.automations.add("order.paid", subscription=there.id, template={"paid": "{{ model.id }}"})
                await sender.publish("order.paid", {"id": 7})
                await until(lambda: sender.log.deliveries(state="delivered"))
                ((_, body),) = endpoint.requests
                assert json.loads(body)["data"] == {"paid": "7"}
                (run,) = sender.automations.runs()
                assert run.sent is not None
                assert [one.subscription for one in sender.log.deliveries(event=run.sent)] == [there.id]

        asyncio.run(main())

    def test_what_it_sends_stands_in_the_order_of_its_event(self, sender: Sender, path: Path) -> None:
        ordered = sender.subscriptions.add(URL, SECRET, ordered=True, enabled=False).id
        sender.automations.add("order.paid", subscription=ordered, template={"paid": "yes"})
        sender.publish_blocking("order.paid", {"id": 7})
        sender.publish_blocking("order.paid", {"id": 8}, entity="customer/3")
        run_all(sender)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT chain FROM task ORDER BY id").fetchall() == [("order/7",), ("customer/3",)]

    def test_one_that_waits_is_overdue_when_nobody_delivers(self, sender: Sender, clock: Clock, website: int) -> None:
        sender.automations.add("order.paid", subscription=website)
        sender.publish_blocking("order.paid", {"id": 7})
        clock.now += 60
        assert (sender.health().overdue, sender.health().worked) == (60, False)
        run_all(sender)
        assert sender.health().overdue is None

    def test_without_old_values_and_causer_they_know_what_is_published_and_when(
        self, sender: Sender, path: Path, clock: Clock, website: int
    ) -> None:
        template = BY_WHOM | {"new": "{{ changes.rank_id.new }}", "at": "{{ now|date('c') }}", "none": "{{ changes is null }}"}
        sender.automations.add("rankrecord.updated", subscription=website, template=template)
        sender.publish_blocking("rankrecord.updated", {"id": 9}, {"rank_id": 7})
        sender.publish_blocking("rankrecord.updated", {}, {}, old={}, causer={})
        at = datetime.fromtimestamp(clock.now, UTC)
        clock.now += 86_400  # nobody ran it for a day
        run_all(sender)
        first, second = (body["data"] for body in sent(path, website))
        assert first == {"was": "", "by": "", "of": "App\\Models\\RankRecord 9", "new": "7", "at": at.isoformat(), "none": ""}
        assert (second["of"], second["new"], second["none"]) == ("App\\Models\\RankRecord ", "", "1")

    def test_a_repeat_an_event_for_named_ones_and_data_that_is_no_object_run_none(self, sender: Sender, website: int) -> None:
        sender.automations.add("user.updated", subscription=website)
        for _ in range(3):
            sender.publish_blocking("user.updated", {"id": 7}, key="once")
        sender.publish_blocking("user.updated", {"id": 8}, to=[website])
        sender.publish_blocking("user.updated", [1, 2])
        sender.publish_blocking("user.updated", 7)
        assert len(sender.automations.runs()) == 1
        run_all(sender)  # and what it sends is followed by none
        assert [run.outcome for run in sender.automations.runs()] == ["executed"]

    def test_they_are_tried_neither_by_the_event_loop_nor_by_the_writer(
        self, sender: Sender, website: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        threads = set()

        def tried(*given: Any) -> Any:
            threads.add(threading.current_thread())
            return dry_run(*given)

        monkeypatch.setattr(_following, "dry_run", tried)
        sender.automations.add("user.updated", subscription=website)
        sender.publish_blocking("user.updated", {"id": 7})
        run_all(sender)
        (thread,) = threads
        assert thread is not threading.main_thread()
        assert "writer" not in thread.name

    def test_what_another_one_ran_meanwhile_is_not_kept_again(
        self, sender: Sender, make: Callable[..., Sender], path: Path, website: int
    ) -> None:
        """As after a crash, too: what was tried and not kept never happened."""
        sender.automations.add("user.updated", subscription=website)
        for number in range(3):
            sender.publish_blocking("user.updated", {"id": number})
        slow = _following.Following(make()._store)
        tried = slow._try_some()
        assert len(tried) == 3
        run_all(sender)
        assert sender._store.write(lambda connection: slow._keep(connection, tried)) == []
        assert [body["data"]["id"] for body in sent(path, website)] == [0, 1, 2]

    def test_several_processes_run_each_once(
        self, sender: Sender, make: Callable[..., Sender], path: Path, website: int
    ) -> None:
        sender.automations.add("user.updated", subscription=website)
        for number in range(50):
            sender.publish_blocking("user.updated", {"id": number})
        run_all(sender, make(), make())
        assert [body["data"]["id"] for body in sent(path, website)] == list(range(50))
        assert Counter(run.outcome for run in sender.automations.runs()) == {"executed": 50}

    @pytest.mark.parametrize("removed", [True, False])
    def test_one_that_is_removed_or_switched_off_meanwhile_is_not_run(
        self, sender: Sender, website: int, removed: bool
    ) -> None:
        sender.automations.add("user.updated", subscription=website)
        sender.publish_blocking("user.updated", {"id": 7})
        if removed:
            sender.automations.remove(1)
        else:
            sender.automations.edit(1, enabled=False)
        run_all(sender)
        assert outcomes(sender) == [(1, "failed", "it was switched off or removed before it ran")]
        assert sender.log.deliveries() == []

    def test_one_that_is_edited_meanwhile_sends_what_it_says_now_about_the_event_that_was(
        self, sender: Sender, path: Path, website: int
    ) -> None:
        sender.automations.add("user.updated", subscription=website)
        sender.publish_blocking("user.updated", {"id": 7})
        sender.automations.edit(1, trigger="order.paid", template={"of": "{{ model_type }}"})
        run_all(sender)
        (body,) = sent(path, website)
        assert (body["event"], body["data"]) == ("user.updated", {"of": "App\\Models\\User"})

    def test_one_whose_subscription_is_gone_fails(self, sender: Sender, website: int) -> None:
        sender.automations.add("user.updated", subscription=website)
        sender.subscriptions.remove(website)
        sender.publish_blocking("user.updated", {"id": 7})
        run_all(sender)
        assert outcomes(sender) == [(1, "failed", "its subscription was removed")]

    def test_one_that_makes_what_nobody_could_read_fails(self, sender: Sender, website: int) -> None:
        deep: Any = "{{ 1 }}"
        for _ in range(60):
            deep = [deep]
        sender.automations.add("user.updated", subscription=website, template=deep)
        sender.automations.add("user.updated", subscription=website)
        value: list[Any] = []
        for _ in range(490):
            value = [value]
        sender.publish_blocking("user.updated", {"id": value})
        run_all(sender)
        assert {run.outcome for run in sender.automations.runs()} == {"executed"}

    def test_a_body_that_is_not_kept_any_more(self, sender: Sender, website: int) -> None:
        sender.automations.add("user.updated", subscription=website)
        sender.publish_blocking("user.updated", {"id": 7})
        sender._store.write(lambda connection: connection.execute("UPDATE event SET body = NULL"))
        run_all(sender)
        assert outcomes(sender) == [(1, "failed", "the body of its event is not kept any more")]


class TestOutbox:
    def test_they_follow_what_is_published_in_a_transaction_of_somebody_else(
        self, make: Callable[..., Sender], path: Path, tmp_path: Path
    ) -> None:
        shop = tmp_path / "shop.db"
        sender = make(outboxes=[shop])
        website = sender.subscriptions.add(URL, SECRET, enabled=False).id
        sender.automations.add("user.updated", subscription=website, condition='old_value("rank_id") == 6', template=BY_WHOM)
        given = {"old": {"rank_id": 6}, "causer": {"id": 1, "name": "Okafor"}}
        for file in (shop, path):
            with closing(sqlite3.connect(file)) as connection:
                sender.publish_in(connection, "user.updated", {"id": 7}, {"rank_id": 7}, "the request", **given)
                sender.publish_in(connection, "user.updated", [], {"rank_id": 7})
                connection.commit()
                sender.publish_in(connection, "user.updated", {"id": 8}, {"rank_id": 7}, **given)
                connection.rollback()

        async def main() -> None:
            async with running(sender):
                await until(lambda: len(sender.automations.runs(outcome="executed")) == 2)

        asyncio.run(main())
        assert [(body["data"], body["request_id"]) for body in sent(path, website)] == [
            ({"was": "6", "by": "Okafor", "of": "App\\Models\\User 7"}, "the request")
        ] * 2
        assert len(sender.automations.runs()) == 2

    def test_rows_that_hold_something_else_are_dropped_and_hold_up_nothing(
        self, sender: Sender, path: Path, website: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Written by hand, or by a program in another language."""
        sender.automations.add("order.paid", subscription=website)
        body, told = ',"request_id":null,"trace_id":null,"data":{"id":7},"changes":null}', '{"old":null,"causer":null}'
        with closing(sqlite3.connect(path)) as connection:
            for number, row in enumerate(
                [
                    (START * 1e6, body, told),  # as texts: an event all the same
                    ("yesterday", body, told),
                    (2**62, body, told),
                    (START * 1e6, "{", told),
                    (START * 1e6, body, "{"),
                    (START * 1e6, body, '{"old":7,"causer":[]}'),
                ]
            ):
                connection.execute(
                    "INSERT INTO perscom_outbox (site, key, name, created, body, told)"
                    " VALUES ('sender/default', ?, 'order.paid', ?, ?, ?)",
                    (f"k{number}", *row),
                )
            sender.publish_in(connection, "order.paid", {"id": 8})
            connection.commit()

        async def main() -> None:
            async with running(sender):
                await until(lambda: len(sender.automations.runs(outcome="executed")) == 2)

        asyncio.run(main())
        assert caplog.text.count("is no event and is dropped") == 5
        assert [body["data"]["id"] for body in sent(path, website)] == [7, 8]

    def test_what_is_told_to_them_must_be_json(self, sender: Sender) -> None:
        with closing(sqlite3.connect(":memory:")) as connection:
            for wrong in (
                {"old": {"a": float("nan")}},
                {"causer": {"a": object()}},
                {"causer": 7},
                {"old": "text"},
                {"old": [1]},
            ):
                with pytest.raises((ValueError, TypeError)):
                    sender.publish_in(connection, "user.updated", {"id": 7}, **wrong)  # type: ignore[arg-type]
                with pytest.raises((ValueError, TypeError)):
                    sender.publish_blocking("user.updated", {"id": 7}, **wrong)  # type: ignore[arg-type]


class TestTheLog:
    def test_the_runs_of_an_event_and_of_an_automation_newest_first_in_pages(
        self, sender: Sender, clock: Clock, website: int
    ) -> None:
        sender.automations.add("user.updated", subscription=website)
        sender.automations.add("user.updated", subscription=website, condition='model["id"] > 1')
        events = [sender.publish_blocking("user.updated", {"id": number}) for number in range(4)]
        clock.now += 60
        run_all(sender)
        runs = sender.automations.runs()
        assert [run.id for run in runs] == list(range(8, 0, -1))
        at = datetime.fromtimestamp(START, UTC) + timedelta(seconds=60)
        assert runs[0] == Run(id=8, automation=2, event=events[3], at=at, outcome="executed", why="", sent=runs[0].sent)
        assert [run.id for run in sender.automations.runs(event=events[1])] == [4, 3]
        assert [run.id for run in sender.automations.runs(automation=2)] == [8, 6, 4, 2]
        assert [run.id for run in sender.automations.runs(automation=2, outcome="condition_failed")] == [4, 2]
        assert [run.id for run in sender.automations.runs(automation=2, event=events[0])] == [2]
        assert [run.id for run in sender.automations.runs(before=7, n=3)] == [6, 5, 4]
        assert [run.sent for run in sender.automations.runs(outcome="condition_failed")] == [None, None]
        with pytest.raises(ValueError, match="outcome is one of waiting, executed, condition_failed, failed"):
            sender.automations.runs(outcome="done")  # type: ignore[arg-type]

    def test_why_is_one_line_of_bounded_length_without_data(
        self, sender: Sender, website: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        private = "the-private-value"
        key = "k\n\x1b[31m" + "k" * 5000
        template = {key: "{{ model.name|date }}", "of": "{{ causer.name }}"}
        sender.automations.add("user.updated", subscription=website, template=template, priority=1)
        sender.automations.add("user.updated", subscription=website, condition='model[model["name"]] == causer["name"]')
        sender.automations.add("user.updated", subscription=website, template={key: "{{ x|nope }}", "a": "{{ model.name }}"})
        caplog.clear()
        with caplog.at_level(logging.DEBUG):
            sender.publish_blocking(
                "user.updated", {"name": private}, {"name": private}, old={"name": private}, causer={"name": private}
            )
            run_all(sender)
        third, second, first = sender.automations.runs()
        assert [first.outcome, second.outcome, third.outcome] == ["failed", "failed", "executed"]
        for run in (first, third):
            assert len(run.why) == 1000
            assert run.why.isprintable()
        assert second.why == 'in the condition there is no "this key" in it'
        assert private not in caplog.text + repr(sender.automations.runs())

    def test_they_are_kept_as_long_as_the_log(self, make: Callable[..., Sender], clock: Clock) -> None:
        sender = make(keep_bodies=1, keep_log=10)
        website = sender.subscriptions.add(URL, SECRET, enabled=False).id
        sender.automations.add("user.updated", subscription=website)
        sender.publish_blocking("user.updated", {"id": 1})
        run_all(sender)
        clock.now += 9 * 86_400
        sender.publish_blocking("user.updated", {"id": 2})
        run_all(sender)
        clock.now += 2 * 86_400

        async def main() -> None:
            async with running(sender):
                await until(lambda: len(sender.automations.runs()) == 1)

        asyncio.run(main())
        assert [run.id for run in sender.automations.runs()] == [2]

    def test_a_mistake_of_our_own_ends_one_run_and_not_the_others(
        self, sender: Sender, website: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails_once(automation: Automation, context: Context) -> Any:
            if context.model["id"] == 1:
                raise LookupError("the-private-value")
            return dry_run(automation, context)

        monkeypatch.setattr(_following, "dry_run", fails_once)
        sender.automations.add("user.updated", subscription=website)
        for number in (1, 2):
            sender.publish_blocking("user.updated", {"id": number})
        run_all(sender)
        assert outcomes(sender) == [
            (1, "executed", ""),
            (1, "failed", "the sender raised LookupError, which is a mistake in it"),
        ]

    def test_its_questions_and_the_question_which_follow_have_an_index(self, sender: Sender, path: Path, website: int) -> None:
        asked = list[str]()
        sender.automations.add("user.updated", subscription=website)
        sender.automations.runs()  # the connection is there

        def read(work: Callable[[Any], Any]) -> Any:
            class Recorder:
                def execute(self, sql: str, parameters: Any = ()) -> Any:
                    asked.append(sql)
                    return connection.execute(sql, parameters)

            with closing(sqlite3.connect(path)) as connection:
                return work(Recorder())

        sender._store.read = read  # type: ignore[method-assign]
        for which in ({"event": 1}, {"automation": 1}, {"outcome": "waiting"}, {"outcome": "failed"}, {}):
            sender.automations.runs(**which)  # type: ignore[arg-type]
        _following.Following(sender._store)._try_some()
        with closing(sqlite3.connect(path)) as connection:
            for sql in asked:
                plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("?")))
                assert "TEMP B-TREE" not in plan
                assert "SCAN" not in plan
            plan = str(
                connection.execute(
                    "EXPLAIN QUERY PLAN SELECT id FROM sender_automation WHERE site = 's' AND trigger = 't' AND enabled = 1"
                ).fetchall()
            )
            assert "sender_automation_trigger (site=? AND trigger=?)" in plan


PROGRAM = """
import asyncio, sqlite3, sys
from perscom_sender import Sender

async def main():
    sender = Sender(sys.argv[1], outboxes=[sys.argv[2]])
    running = asyncio.create_task(sender.run())
    shop = sqlite3.connect(sys.argv[2])
    number = int(sys.argv[3])
    while True:
        number += 1
        await sender.publish("order.paid", {"id": number})
        print(number, flush=True)
        number += 1
        sender.publish_in(shop, "order.paid", {"id": number}, old={"n": 1})
        shop.commit()
        print(number, flush=True)
        await asyncio.sleep(0.001)

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_killed_at_any_moment_each_ran_exactly_once(make: Callable[..., Sender], path: Path, tmp_path: Path) -> None:
    chance, shop = random.Random(2), tmp_path / "shop.db"
    sender = make(outboxes=[shop])
    website = sender.subscriptions.add(URL, SECRET, enabled=False).id
    sender.automations.add("order.paid", subscription=website, template={"paid": "{{ model.id }}"})
    acknowledged = set[int]()

    async def main() -> None:
        for turn in range(6):
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, str(path), str(shop), str(turn * 100_000), stdout=asyncio.subprocess.PIPE
            )
            assert child.stdout is not None
            acknowledged.add(int(await child.stdout.readline()))
            before = len(sender.automations.runs(outcome="executed", n=100_000))
            await until(lambda before=before: len(sender.automations.runs(outcome="executed", n=100_000)) > before)
            await asyncio.sleep(chance.random() * 0.3)
            child.kill()
            acknowledged.update(int(line) for line in (await child.stdout.read()).split(b"\n")[:-1])
            await child.wait()
        async with running(sender):
            with closing(sqlite3.connect(shop)) as connection:
                await until(lambda: connection.execute("SELECT count(*) FROM perscom_outbox").fetchone() == (0,))
            await until(lambda: not sender.automations.runs(outcome="waiting"))

    asyncio.run(main())
    runs = sender.automations.runs(n=100_000)
    assert {run.outcome for run in runs} == {"executed"}
    arrived = Counter(int(body["data"]["paid"]) for body in sent(path, website))
    assert set(arrived.values()) == {1}
    assert acknowledged <= arrived.keys()
    assert len({run.event for run in runs}) == len({run.sent for run in runs}) == len(runs) == len(arrived)
    assert len(arrived) > 100


def test_the_context_of_an_event_as_it_is_published() -> None:
    now, data = datetime(2026, 3, 5, tzinfo=UTC), {"id": 7, "name": "x"}
    made = Context.of("rankrecord.updated", data, {"rank_id": 7}, old={"rank_id": 6}, causer={"id": 1}, now=now)
    assert (made.model, made.model_type, made.model_id, made.causer_id) == (data, "App\\Models\\RankRecord", 7, 1)
    assert (made.changes, made.now) == ({"rank_id": {"old": 6, "new": 7}}, now)
    foreign = Context.of("order.paid", data)
    assert (foreign.model_type, foreign.changes, foreign.causer_id) == ("order", None, None)
    assert abs(datetime.now(UTC) - foreign.now) < timedelta(hours=1)
    assert "x" not in repr(foreign).replace("Context", "")


def test_without_jinja_those_without_condition_and_template_run_and_the_others_say_what_to_install(path: Path) -> None:
    code = """
import asyncio, sys
sys.modules["jinja2"] = None
from perscom_sender import Sender
sender = Sender(sys.argv[1])
there = sender.subscriptions.add("https://example.org/hook", "0123456789abcdef-the-secret", enabled=False).id
sender.automations.add("a.b", subscription=there, template={"a": "b"})
try:
    sender.automations.add("a.b", subscription=there, condition="1")
except Exception as error:
    print(type(error).__name__, error)
sender.automations.add("a.b", subscription=there)
sender._store.write(lambda connection: connection.execute("UPDATE sender_automation SET condition = '1' WHERE id = 2"))
sender.publish_blocking("a.b", {})

async def main():
    stop = asyncio.Event()
    running = asyncio.create_task(sender.run(stop))
    while sender.automations.runs(outcome="waiting"):
        await asyncio.sleep(0.05)
    stop.set()
    await running

asyncio.run(main())
for run in sender.automations.runs():
    print(run.outcome, run.why)
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    install = "Conditions and templates need Jinja2. Install it: pip install 'perscom-receiver[automations]'"
    assert done.stdout.splitlines() == [f"ConfigurationError {install}", f"failed {install}", "executed "]
