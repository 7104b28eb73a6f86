"""Starting and stopping a sender."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web
from endpoints import Endpoint
from sending import SECRET, Clock, running, until

from perscom_receiver import ConfigurationError, DeliveryError, SQLiteInbox
from perscom_receiver.testing import make_event
from perscom_sender import Answer, Sender, SignedRequest

Make = Callable[..., Sender]


def test_what_is_under_way_ends_before_the_sender_does(sender: Sender) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            begun.set()
            await asyncio.sleep(0.3)
            return web.Response()

        async with Endpoint(slow) as endpoint:
            sender.subscriptions.add(endpoint.url, SECRET, ["*"])
            await sender.publish("order.paid", {})
            async with running(sender):
                await begun.wait()
            assert [one.state for one in sender.log.deliveries()] == ["delivered"]

    asyncio.run(main())


def test_what_does_not_end_is_cut_off_and_sent_again_at_once_by_the_next(sender: Sender) -> None:
    async def main() -> None:
        async with Endpoint("hang", 200) as endpoint:
            sender.subscriptions.add(endpoint.url, SECRET, ["*"])
            await sender.publish("order.paid", {})
            async with running(sender, grace=0.01):
                await until(lambda: endpoint.requests)
            async with running(sender):
                await until(lambda: [one.state for one in sender.log.deliveries()] == ["delivered"])
            first, second = sender.log.attempts(sender.log.deliveries()[0].id)
            assert (first.kind, first.status, second.kind) == ("unclear", None, "done")

    asyncio.run(main())


def test_it_can_run_again_but_not_twice_at_once(sender: Sender) -> None:
    async def main() -> None:
        for _ in range(2):
            async with running(sender):
                await asyncio.sleep(0.02)
                with pytest.raises(ConfigurationError, match="runs already"):
                    await sender.run()

    asyncio.run(main())


def test_a_transport_of_ones_own_sends_what_it_likes(make: Make) -> None:
    seen: list[SignedRequest] = []

    class Recorded:
        async def send(self, request: SignedRequest, *, timeout: float) -> Answer:
            seen.append(request)
            if len(seen) == 1:
                raise DeliveryError("no answer today", kind="closed")
            if len(seen) == 2:
                raise RuntimeError("the transport is broken")
            return Answer(202, {})

        async def close(self) -> None:
            seen.append(seen[-1])

    sender = make(transport=Recorded())

    async def main() -> None:
        async with running(sender):
            sender.subscriptions.add("https://example.org/hook", SECRET, ["*"], timeout=3, concurrency=1)
            await sender.publish("order.paid", {"id": 1})
            await until(lambda: [one.error for one in sender.log.deliveries()] == ["no answer today"])
            await sender.publish("order.paid", {"id": 2})
            await until(lambda: any("RuntimeError" in str(one.error) for one in sender.log.deliveries()))
            await sender.publish("order.paid", {"id": 3})
            await until(lambda: "delivered" in [one.state for one in sender.log.deliveries()])

    asyncio.run(main())
    assert len(seen) == 4
    assert seen[0].url == "https://example.org/hook"


def test_a_sender_and_an_inbox_share_a_file_and_nothing_else(sender: Sender, path: Path, clock: Clock) -> None:
    inbox = SQLiteInbox(path, now=clock)
    inbox.add(make_event("user.created"))
    sender.subscriptions.add("https://example.org/", SECRET, ["*"])
    sender.publish_blocking("user.created", {"id": 1})
    assert len(sender.log.deliveries()) == 1
    assert (inbox.health().stored, inbox.health().waiting, inbox.dead_letters()) == (1, 1, [])
    inbox.close()


def test_a_file_of_a_newer_program_is_left_alone(make: Make, path: Path) -> None:
    make().subscriptions.all()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE sender_schema SET version = 99")
    with pytest.raises(ConfigurationError, match="newer perscom-receiver"):
        make().subscriptions.all()


def test_a_delivery_whose_subscription_is_not_in_the_file_waits(sender: Sender, path: Path) -> None:
    """As after a restore of an older backup."""

    async def main() -> None:
        async with Endpoint() as endpoint:
            lost = sender.subscriptions.add(endpoint.url, SECRET, ["a.*"]).id
            sender.subscriptions.add(endpoint.url, SECRET, ["b.*"])
            await sender.publish("a.a", {})
            await sender.publish("b.b", {})
            sender._store.write(lambda c: c.execute("DELETE FROM sender_wanted WHERE subscription = ?", (lost,)))
            sender._store.write(lambda c: c.execute("DELETE FROM sender_subscription WHERE id = ?", (lost,)))
            async with running(sender):
                await until(lambda: endpoint.requests)
                await until(lambda: [one.state for one in sender.log.deliveries()] == ["delivered"])
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT paused FROM lane WHERE name = ?", (str(lost),)).fetchone()[0] is not None
            assert connection.execute("SELECT state FROM task ORDER BY id").fetchall() == [(0,), (2,)]

    asyncio.run(main())
