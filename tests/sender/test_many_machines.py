"""Several processes on one PostgreSQL: one event for a key, no subscription lost, no failure uncounted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import psycopg
import pytest
from postgres import new_schema
from sending import SECRET, running, until

from perscom_receiver._write import Cursor
from perscom_receiver.queue import Connection
from perscom_sender import Breaking, Sender
from perscom_sender._rows import find
from perscom_sender._settle import Try, settle
from perscom_sender._verdict import Verdict

URL = "https://example.org/hook"


@pytest.fixture
def address() -> Iterator[str]:
    with new_schema() as address:
        yield address


@pytest.fixture
def senders(address: str) -> Iterator[list[Sender]]:
    with ExitStack() as stack:
        yield [stack.enter_context(closing(Sender(address))) for _ in range(4)]


def test_a_key_that_several_publish_at_once_is_one_event(senders: list[Sender]) -> None:
    senders[0].subscriptions.add(URL, SECRET, ["order.*"])

    async def publish(sender: Sender, order: range) -> dict[int, int]:
        numbers = await asyncio.gather(*(sender.publish("order.paid", {"id": n}, key=f"order/{n}") for n in order))
        return dict(zip(order, numbers, strict=True))

    async def main() -> list[dict[int, int]]:
        orders = (range(30), range(29, -1, -1)) * 2  # they meet in the middle
        return await asyncio.gather(*map(publish, senders, orders))

    first, *others = asyncio.run(main())
    assert others == [first] * 3
    assert len(set(first.values())) == len(senders[0].log.deliveries(n=1000)) == 30


def test_subscriptions_that_come_and_go_at_once_all_get_what_they_want(senders: list[Sender]) -> None:
    gone = [senders[0].subscriptions.add(URL, SECRET, ["order.paid", "user.*"]).id for _ in range(12)]

    def change(sender: Sender) -> list[int]:
        added = []
        for _ in range(3):
            added.append(sender.subscriptions.add(URL, SECRET, ["order.paid", "user.*"]).id)
            assert sender.subscriptions.remove(gone.pop())
        return added

    with ThreadPoolExecutor(len(senders)) as pool:
        added = [number for numbers in pool.map(change, senders) for number in numbers]
    assert len(added) == len(set(added)) == 12
    assert sorted(one.id for one in senders[0].subscriptions.all()) == sorted(added)
    senders[0].publish_blocking("order.paid", {"id": 1})
    senders[0].publish_blocking("user.created", {"id": 1})
    assert sorted(one.subscription for one in senders[0].log.deliveries(n=100)) == sorted(added * 2)


def test_two_changes_of_one_subscription_both_hold(senders: list[Sender]) -> None:
    number = senders[0].subscriptions.add(URL, SECRET, ["*"]).id
    changes = [{"name": "shop"}, {"timeout": 3.0}, {"concurrency": 7}, {"description": "for the shop"}]
    with ThreadPoolExecutor(len(senders)) as pool:
        list(pool.map(lambda pair: pair[0].subscriptions.edit(number, **pair[1]), zip(senders, changes, strict=True)))
    found = senders[0].subscriptions.get(number)
    assert found is not None
    assert (found.name, found.timeout, found.concurrency, found.description) == ("shop", 3.0, 7, "for the shop")


def test_a_pattern_that_one_forgets_while_another_wants_it_stays(senders: list[Sender]) -> None:
    gone = senders[0].subscriptions.add(URL, SECRET, ["order.*"]).id
    removing = threading.Thread(target=lambda: senders[1].subscriptions.remove(gone))

    class Meanwhile:
        """A connection on which somebody else removes the other subscription at the worst of moments."""

        def __init__(self, connection: Connection) -> None:
            self.connection = connection
            self.executemany = connection.executemany

        def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
            if "INSERT INTO sender_wanted" in sql:
                removing.start()
                removing.join(0.3)
            return self.connection.execute(sql, parameters)

    write = senders[0]._store.write
    senders[0]._store.write = lambda work, **more: write(lambda c: work(Meanwhile(c)), **more)  # type: ignore[method-assign]
    added = senders[0].subscriptions.add(URL, SECRET, ["order.*"]).id
    removing.join(10)
    senders[1].publish_blocking("order.paid", {"id": 1})
    assert [one.subscription for one in senders[1].log.deliveries()] == [added]


def test_each_failure_counts_whichever_process_saw_it(senders: list[Sender]) -> None:
    number = senders[0].subscriptions.add(URL, SECRET, ["*"], concurrency=100).id
    for n in range(100):
        senders[0].publish_blocking("order.paid", {"id": n})
    verdict = Verdict(kind="status", status=500, error="no")

    def begin(sender: Sender) -> list[Try]:
        store = sender._store
        row = store.read(lambda c: find(c, store.site, number))
        assert row is not None
        claims = store.write(lambda c: store.queue.begin(c, store.now(), 60, 25))
        return [Try(row=row, task=task, verdict=verdict, ms=1.0, chance=0.5) for claim in claims for task in claim.tasks]

    def fail(sender: Sender, tries: list[Try]) -> None:
        store = sender._store
        for one in tries:
            store.write(lambda c, one=one: settle(c, store.queue, [one], store.now(), Breaking(after=10**6)))  # type: ignore[misc]

    begun = [begin(sender) for sender in senders]
    assert [len(tries) for tries in begun] == [25] * 4
    with ThreadPoolExecutor(len(senders)) as pool:
        list(pool.map(fail, senders, begun))
    standing = senders[0].subscriptions.standing(number)
    assert standing is not None
    assert standing.failures == 100


def test_an_event_lives_and_dies_with_a_transaction_of_somebody_else(address: str, senders: list[Sender]) -> None:
    sender = senders[0]
    sender.subscriptions.add(URL, SECRET, ["order.*"], enabled=False)
    with psycopg.connect(address) as shop:
        shop.execute("CREATE TABLE shop_order (id INT)")
        for number, end in ((1, shop.commit), (2, shop.rollback), (3, shop.commit)):
            shop.execute("INSERT INTO shop_order VALUES (%s)", (number,))
            sender.publish_in(shop, "order.paid", {"id": number}, key=f"order/{number}")
            end()

    async def main() -> None:
        async with running(sender):
            await until(lambda: len(sender.log.deliveries()) == 2)

    asyncio.run(main())
    with psycopg.connect(address) as shop:
        assert shop.execute("SELECT count(*) FROM perscom_outbox").fetchone() == (0,)
