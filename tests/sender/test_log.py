"""The log: each try with its answer, sending again, and forgetting."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from endpoints import Endpoint
from sending import SECRET, START, Clock, running, until

from perscom_receiver.queue import Connection
from perscom_sender import PERSCOM_SCHEDULE, Breaking, Schedule, Sender

Make = Callable[..., Sender]
ONCE = Schedule(())
NEVER = Breaking(after=1000, disable_after=None)
DAY = 86_400


def states(sender: Sender) -> list[str]:
    return [delivery.state for delivery in sender.log.deliveries()]


def test_each_try_tells_when_how_long_and_what_was_answered(make: Make, clock: Clock) -> None:
    sender = make(breaking=NEVER)

    async def main() -> None:
        async with Endpoint(500, 200, body="it is done\x00\n" + "x" * 5000) as endpoint, running(sender):
            number = sender.subscriptions.add(endpoint.url, SECRET, ["*"], schedule=PERSCOM_SCHEDULE).id
            event = await sender.publish("order.paid", {})
            await until(lambda: [one.attempts for one in sender.log.deliveries()] == [1])
            clock.now += 20
            await until(lambda: states(sender) == ["delivered"])
            (delivery,) = sender.log.deliveries(subscription=number, event=event, state="delivered")
            assert delivery == sender.log.delivery(delivery.id)
            assert (delivery.published, delivery.ended) == (moment(START), moment(START + 20))
            first, second = sender.log.attempts(delivery.id)
            assert (first.number, first.started, first.status, first.kind) == (1, moment(START), 500, "status")
            assert (second.number, second.started, second.status, second.kind) == (2, moment(START + 20), 200, "done")
            assert first.next is not None
            assert second.next is None
            for attempt in (first, second):
                assert attempt.ms is not None
                assert 0 < attempt.ms < 5000
                assert attempt.answer is not None
                assert attempt.answer.startswith("it is done\ufffd\nxxx")
                assert len(attempt.answer) == 1000

    asyncio.run(main())


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_an_endpoint_that_tells_the_secret_does_not_get_it_into_the_log(sender: Sender, path: Path) -> None:
    async def main() -> None:
        async with Endpoint(401, body=f"wrong: {SECRET} is not 'another secret of it'") as endpoint, running(sender):
            number = sender.subscriptions.add(endpoint.url, "another secret of it", ["*"]).id
            sender.subscriptions.rotate(number, SECRET)
            await sender.publish("order.paid", {})
            await until(lambda: [one.attempts for one in sender.log.deliveries()] == [1])
            (attempt,) = sender.log.attempts(sender.log.deliveries()[0].id)
            assert attempt.answer == "wrong: [redacted] is not '[redacted]'"
            assert endpoint.requests[0][0]["Signature"] not in str(attempt)

    asyncio.run(main())


def test_pages_go_on_where_the_last_one_ended(sender: Sender) -> None:
    number = sender.subscriptions.add("https://example.org/", SECRET, ["*"], enabled=False).id
    events = [sender.publish_blocking("order.paid", {"id": n}) for n in range(25)]
    found: list[int] = []
    page = sender.log.deliveries(subscription=number, n=10)
    while page:
        found += [one.event for one in page]
        page = sender.log.deliveries(subscription=number, n=10, before=page[-1].id)
    assert found == events[::-1]
    with pytest.raises(ValueError, match="state is one of"):
        sender.log.deliveries(state="lost")  # type: ignore[arg-type]
    assert sender.log.delivery(10_000) is None
    assert sender.log.attempts(10_000) == []


class TestResend:
    def test_one_is_sent_again_with_the_same_bytes_and_a_new_round(self, make: Make, clock: Clock) -> None:
        sender = make(breaking=NEVER)

        async def main() -> None:
            async with Endpoint(*[500] * 3, 500, 200) as endpoint, running(sender):
                sender.subscriptions.add(endpoint.url, SECRET, ["*"], schedule=PERSCOM_SCHEDULE)
                await sender.publish("order.paid", {"id": 1})
                for tries in (1, 2, 3):
                    await until(lambda tries=tries: sender.log.deliveries()[0].attempts == tries)
                    clock.now += 120
                delivery = sender.log.deliveries()[0]
                assert delivery.state == "failed"
                assert sender.log.resend(delivery.id)
                await until(lambda: sender.log.deliveries()[0].attempts == 4)
                assert states(sender) == ["waiting"]  # the fourth in all is the first of its round
                clock.now += 11
                await until(lambda: states(sender) == ["delivered"])
                assert sender.log.resend(delivery.id)  # all the same
                await until(lambda: len(endpoint.requests) == 6)
                assert len({body for _, body in endpoint.requests}) == 1
                assert not sender.log.resend(10_000)

        asyncio.run(main())

    def test_one_that_waits_goes_at_once(self, make: Make) -> None:
        sender = make(breaking=NEVER)

        async def main() -> None:
            async with Endpoint(500, 200) as endpoint, running(sender):
                sender.subscriptions.add(endpoint.url, SECRET, ["*"])
                await sender.publish("order.paid", {})
                await until(lambda: sender.log.deliveries()[0].attempts == 1)
                assert sender.log.resend(sender.log.deliveries()[0].id)
                await until(lambda: states(sender) == ["delivered"])

        asyncio.run(main())

    def test_all_failed_of_one_subscription_or_those_of_a_time(self, make: Make, clock: Clock) -> None:
        sender = make(breaking=NEVER)

        async def main() -> None:
            async with Endpoint(500) as endpoint, Endpoint(500) as other, running(sender):
                number = sender.subscriptions.add(endpoint.url, SECRET, ["*"], schedule=ONCE, concurrency=50).id
                sender.subscriptions.add(other.url, SECRET, ["*"], schedule=ONCE)
                for n in range(5):
                    await sender.publish("order.paid", {"id": n})
                    clock.now += 3600
                await until(lambda: states(sender) == ["failed"] * 10)
                endpoint.script = other.script = [200]
                begin = moment(START)
                assert (
                    sender.log.resend_all(number, since=begin + timedelta(hours=1), until=begin + timedelta(hours=2, minutes=1))
                    == 2
                )
                await until(lambda: states(sender).count("delivered") == 2)
                assert sender.log.resend_all(number) == 3
                await until(lambda: states(sender).count("delivered") == 5)
                assert sender.log.resend_all(number) == 0
                assert sender.log.resend_all(number, state=None) == 5
                assert sender.log.resend_all(10_000) == 0
                assert len(other.requests) == 5
                with pytest.raises(ValueError, match="time zone"):
                    sender.log.resend_all(number, since=datetime(2026, 3, 1))

        asyncio.run(main())

    def test_another_sender_in_the_file_cannot(self, sender: Sender, make: Make) -> None:
        sender.subscriptions.add("https://example.org/", SECRET, ["*"], enabled=False)
        sender.publish_blocking("order.paid", {})
        other = make(name="other")
        assert not other.log.resend(sender.log.deliveries()[0].id)
        assert other.curl(sender.log.deliveries()[0].id) is None


def test_a_delivery_can_be_tried_by_hand(sender: Sender) -> None:
    sender.subscriptions.add("https://example.org/hook", SECRET, ["*"], enabled=False)
    sender.publish_blocking("order.paid", {"id": 1})
    command = sender.curl(sender.log.deliveries()[0].id)
    assert command is not None
    assert "--url https://example.org/hook" in command
    assert '"data":{"id":1}' in command
    assert SECRET not in command
    assert sender.curl(10_000) is None


def test_bodies_go_first_and_the_log_later(make: Make, clock: Clock, path: Path) -> None:
    sender = make(keep_bodies=2, keep_log=10)

    async def main() -> None:
        async with Endpoint() as endpoint, running(sender):
            sender.subscriptions.add(endpoint.url, SECRET, ["*"])
            sender.subscriptions.add("https://example.org/", SECRET, ["*"], enabled=False)
            await sender.publish("order.paid", {}, key="old")
            await until(lambda: sorted(states(sender)) == ["delivered", "waiting"])

    def prune(connection: Connection) -> int:
        from perscom_sender._retention import prune

        return prune(connection, sender._store, sender._kept, 10 * DAY)

    asyncio.run(main())
    clock.now += 3 * DAY
    sender._store.write(prune)
    assert sorted(states(sender)) == ["delivered", "failed"]  # what waits that long is given up, or its body would stay
    assert not any(one.body_kept for one in sender.log.deliveries())
    assert not sender.log.resend(sender.log.deliveries()[0].id)
    clock.now += 10 * DAY
    sender.publish_blocking("order.paid", {}, key="new")  # what is newest vouches for the time
    sender._store.write(prune)
    assert len(sender.log.deliveries()) == 2
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT key FROM sender_key").fetchall() == [("new",)]
        assert connection.execute("SELECT count(*) FROM attempt").fetchone() == (0,)
