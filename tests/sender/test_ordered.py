"""Events of one entity one after another, those of others beside them."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from endpoints import Endpoint
from sending import SECRET, Clock, running, until

from perscom_receiver import ConfigurationError
from perscom_sender import Breaking, Schedule, Sender

Make = Callable[..., Sender]
NEVER = Breaking(after=1000, disable_after=None)


def arrived(endpoint: Endpoint) -> list[tuple[int, int]]:
    """Of each request the soldier, and which of his events it was."""
    data = [json.loads(body)["data"] for _, body in endpoint.requests]
    return [(one["user_id"], one["n"]) for one in data]


def of(soldier: int, sent: list[tuple[int, int]]) -> list[int]:
    return [n for one, n in sent if one == soldier]


def test_what_follows_a_failure_waits_for_its_retry_and_others_do_not(make: Make, clock: Clock) -> None:
    sender = make(breaking=NEVER)

    async def main() -> None:
        async with Endpoint(500, 200) as endpoint, running(sender):
            sender.subscriptions.add(
                endpoint.url, SECRET, ["*"], concurrency=1, ordered=True, schedule=Schedule((60.0,)), enabled=False
            )
            for n in range(3):
                for soldier in (7, 8):
                    await sender.publish("rankrecord.created", {"id": 100 + n, "user_id": soldier, "n": n})
            sender.subscriptions.enable(1)
            await until(lambda: len(endpoint.requests) == 4)
            assert of(7, arrived(endpoint)) == [0], "the first one failed"
            assert of(8, arrived(endpoint)) == [0, 1, 2]
            await asyncio.sleep(0.1)
            assert len(endpoint.requests) == 4
            clock.now += 70
            await until(lambda: len(endpoint.requests) == 7)
            assert of(7, arrived(endpoint)) == [0, 0, 1, 2]

    asyncio.run(main())


def test_one_that_is_given_up_lets_the_next_go(make: Make, clock: Clock) -> None:
    sender = make(breaking=NEVER)

    async def main() -> None:
        async with Endpoint(500, 200) as endpoint, running(sender):
            sender.subscriptions.add(endpoint.url, SECRET, ["*"], ordered=True, schedule=Schedule(()))
            for n in range(3):
                await sender.publish("rankrecord.created", {"id": n, "user_id": 7, "n": n})
            await until(lambda: len(endpoint.requests) == 3)
            assert of(7, arrived(endpoint)) == [0, 1, 2]

    asyncio.run(main())
    assert [one.state for one in reversed(sender.log.deliveries())] == ["failed", "delivered", "delivered"]


def test_many_soldiers_with_an_endpoint_that_fails_at_random(make: Make, clock: Clock) -> None:
    """Never two requests about one soldier at once, and never a later event before an earlier one was taken."""
    sender, chance, under_way = make(breaking=NEVER), random.Random(5), list[int]()
    taken: list[tuple[int, int]] = []

    async def answer(request: web.Request) -> web.Response:
        data = json.loads(await request.read())["data"]
        assert data["user_id"] not in under_way, "two at once"
        under_way.append(data["user_id"])
        await asyncio.sleep(chance.random() * 0.01)
        under_way.remove(data["user_id"])
        if chance.random() < 0.3:
            return web.Response(status=500)
        taken.append((data["user_id"], data["n"]))
        return web.Response()

    async def main() -> None:
        async with Endpoint(answer) as endpoint, running(sender):
            sender.subscriptions.add(endpoint.url, SECRET, ["*"], concurrency=20, ordered=True, schedule=Schedule((1.0,) * 50))
            for n in range(10):
                await asyncio.gather(
                    *(sender.publish("user.updated", {"id": soldier, "user_id": soldier, "n": n}) for soldier in range(8))
                )
            while len(taken) < 80:
                clock.now += 2
                await asyncio.sleep(0.02)

    asyncio.run(main())
    assert all(of(soldier, taken) == list(range(10)) for soldier in range(8))


def test_resending_does_not_run_beside_the_one_under_way(make: Make) -> None:
    sender = make(breaking=NEVER)

    async def main() -> None:
        async with Endpoint(200, "hang", 200) as endpoint, running(sender):
            sender.subscriptions.add(endpoint.url, SECRET, ["*"], ordered=True)
            await sender.publish("rankrecord.created", {"id": 1, "user_id": 7, "n": 0})
            await until(lambda: sender.log.deliveries(state="delivered"))
            await sender.publish("rankrecord.created", {"id": 2, "user_id": 7, "n": 1})
            await until(lambda: len(endpoint.requests) == 2)
            assert sender.log.resend(1)
            await asyncio.sleep(0.1)
            assert len(endpoint.requests) == 2, "it waits for the one that hangs"
            endpoint.hanging.set()
            await until(lambda: len(endpoint.requests) == 3)
            assert of(7, arrived(endpoint)) == [0, 1, 0]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "data", "entity", "found"),
    [
        ("user.updated", {"id": 7}, None, "user/7"),
        ("rankrecord.created", {"id": 9, "user_id": 7}, None, "user/7"),
        ("calendar.created", {"id": 9}, None, "calendar/9"),
        ("order.paid", {"id": "A-17"}, None, "order/A-17"),
        ("order.paid", {"id": 17}, "customer/3", "customer/3"),
        ("order.paid", {"id": True}, None, None),
        ("order.paid", {"id": "x" * 300}, None, None),
        ("order.paid", {"id": {}}, None, None),
        ("order.paid", [1, 2], None, None),
        ("order.paid", "text", None, None),
    ],
)
def test_what_an_event_is_about(
    sender: Sender, path: Path, name: str, data: Any, entity: str | None, found: str | None
) -> None:
    for ordered in (True, False):
        sender.subscriptions.add("https://example.org/", SECRET, ["*"], ordered=ordered)
    sender.publish_blocking(name, data, entity=entity)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT chain FROM task ORDER BY lane").fetchall() == [(found,), (None,)]


@pytest.mark.parametrize("entity", ["", "x" * 256, 7])
def test_an_entity_that_is_none_is_refused(sender: Sender, entity: Any) -> None:
    with pytest.raises(ConfigurationError, match="entity"):
        sender.publish_blocking("order.paid", {"id": 1}, entity=entity)


def test_the_outbox_keeps_the_entity(make: Make, path: Path, tmp_path: Path) -> None:
    """Published in a transaction of somebody else, in their file."""
    shop = tmp_path / "shop.db"
    sender = make(outboxes=[shop])
    sender.subscriptions.add("https://example.org/", SECRET, ["*"], ordered=True, enabled=False)
    with closing(sqlite3.connect(shop)) as connection, connection:
        sender.publish_in(connection, "order.paid", {"id": 1}, entity="customer/3")

    async def main() -> None:
        async with running(sender):
            await until(sender.log.deliveries)

    asyncio.run(main())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT chain FROM task").fetchall() == [("customer/3",)]
