"""Whether somebody delivers, and how a subscription is doing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from endpoints import Endpoint
from sending import SECRET, START, Clock, running, until

from perscom_receiver import SQLiteInbox
from perscom_receiver.testing import make_event
from perscom_sender import Breaking, Sender, Standing

URL = "https://example.org/hook"
Make = Callable[..., Sender]


def test_somebody_delivers_while_a_process_does_and_until_it_has_been_silent_for_a_while(sender: Sender, clock: Clock) -> None:
    async def main() -> None:
        assert not sender.health().delivering
        async with running(sender):
            await until(lambda: sender.health().delivering)
        assert sender.health().worker_seen is None

    asyncio.run(main())
    sender._store.write(lambda connection: sender._kept.beat(connection, "one that was killed"))
    clock.now += 14
    assert sender.health().delivering
    clock.now += 2
    assert not sender.health().delivering
    assert sender.health().worker_seen == 16


def test_what_waits_and_nobody_sends_is_told_unless_it_is_not_to_be_sent_now(sender: Sender, clock: Clock) -> None:
    subscription = sender.subscriptions.add(URL, SECRET, ["order.*"]).id
    assert sender.health().worked
    sender.publish_blocking("order.paid", {})
    clock.now += 10
    assert sender.health().worked, "whoever delivers may need a moment"
    clock.now += 10
    assert (sender.health().overdue, sender.health().worked) == (20, False)
    sender.subscriptions.disable(subscription)
    assert (sender.health().overdue, sender.health().worked) == (None, True)
    sender.subscriptions.enable(subscription)
    sender._store.write(lambda connection: sender._kept.beat(connection, "a worker"))
    assert sender.health().worked


def test_what_lies_in_the_outbox_of_the_file_waits_too(sender: Sender, path: Path, clock: Clock) -> None:
    sender.subscriptions.add(URL, SECRET, ["order.*"])
    with closing(sqlite3.connect(path)) as connection, connection:
        sender.publish_in(connection, "order.paid", {})
    clock.now += 20
    assert not sender.health().worked


def test_a_look_at_an_inbox_without_a_sender_changes_nothing_in_its_file(path: Path, make: Make) -> None:
    inbox = SQLiteInbox(path)
    inbox.add(make_event("webhook.test"))
    assert make().health().worked
    with closing(sqlite3.connect(path)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    inbox.close()
    assert "event" in tables
    assert not {name for name in tables if "sender" in name or "outbox" in name}


def test_the_standing_of_a_subscription_counts_what_waits_and_what_failed_and_tells_when_it_goes_on(make: Make) -> None:
    sender = make(breaking=Breaking(after=2, rest=60))

    async def main() -> None:
        async with Endpoint(500) as endpoint:
            subscription = sender.subscriptions.add(endpoint.url, SECRET, ["order.*"], concurrency=1).id
            assert sender.subscriptions.standing(subscription) == Standing(waiting=0, failed=0, failures=0, rests_until=None)
            for _ in range(3):
                await sender.publish("order.paid", {})
            async with running(sender):
                await until(lambda: len(endpoint.requests) == 2)
            assert sender.subscriptions.standing(subscription) == Standing(
                waiting=3, failed=0, failures=2, rests_until=datetime.fromtimestamp(START + 60, UTC)
            )
            sender._store.write(lambda connection: connection.execute("UPDATE task SET state = 3, due = 0 WHERE id = 1"))
            standing = sender.subscriptions.standing(subscription)
            assert standing is not None
            assert (standing.waiting, standing.failed) == (2, 1)
            assert sender.subscriptions.remove(subscription)
            assert sender.subscriptions.standing(subscription) is None

    asyncio.run(main())


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    "question",
    [
        lambda sender: sender.health(),
        lambda sender: sender.subscriptions.standing(1),
        lambda sender: sender.log.deliveries(state="failed"),
        lambda sender: sender.log.deliveries(state="failed", subscription=1),
        lambda sender: sender.log.deliveries(state="sending"),
        lambda sender: sender.log.deliveries(subscription=1),
        lambda sender: sender.log.deliveries(event=1),
    ],
    ids=["health", "standing", "failed", "failed of one", "sending", "of one", "of an event"],
)
def test_no_question_goes_through_the_whole_log(sender: Sender, question: Callable[[Sender], object]) -> None:
    sender.subscriptions.add(URL, SECRET, ["order.*"])
    plans: list[str] = []

    class Explained:
        """A connection that is asked for its plan before each query."""

        def __init__(self, connection: Any) -> None:
            self.connection = connection

        def execute(self, sql: str, parameters: Any = ()) -> Any:
            plans.extend(row[3] for row in self.connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters))
            return self.connection.execute(sql, parameters)

    read = sender._store.database.read
    sender._store.database.read = lambda work: read(lambda connection: work(Explained(connection)))  # type: ignore[method-assign,arg-type]
    question(sender)
    assert plans
    assert not [step for step in plans if step.startswith("SCAN") and step.split()[1] in ("task", "event", "attempt")]
