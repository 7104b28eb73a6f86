"""Publishing: the bytes are PERSCOM's, the event and its deliveries are one commit, and a repeat by key is none."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from endpoints import Endpoint
from hypothesis import given
from hypothesis import strategies as st
from sending import SECRET, Clock, running, until

from perscom_receiver import ConfigurationError, Event
from perscom_sender import Sender, _publish

URL = "https://example.org/hook"
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "requests.json").read_bytes())
GENUINE = [one for one in VECTORS if one["valid"] and one["method"] == "POST" and one["name"] != "get_tampered"]


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def body_of(path: Path, number: int) -> bytes:
    with closing(sqlite3.connect(path)) as connection:
        return bytes(connection.execute("SELECT body FROM event WHERE id = ?", (number,)).fetchone()[0])


@pytest.mark.parametrize("vector", GENUINE, ids=lambda vector: vector["name"])
def test_what_php_wrote_is_written_again_byte_for_byte(vector: dict[str, Any]) -> None:
    body = base64.b64decode(vector["body_base64"])
    envelope, event = json.loads(body), Event.parse(body)
    draft = _publish.draft(
        envelope["event"],
        envelope.get("data", "a scalar"),
        envelope.get("changes"),
        envelope["request_id"],
        envelope["trace_id"],
        None,
        event.created_us,
    )
    assert draft.body(event.created_us) == body


def test_the_envelope_has_the_order_and_the_microseconds_of_perscom(sender: Sender, path: Path, clock: Clock) -> None:
    clock.now = 1_772_000_000.25
    number = sender.publish_blocking("order.paid", {"total": 1.0, "é": "/"}, {}, "7f1c")
    assert body_of(path, number) == (
        b'{"event":"order.paid","created":"2026-02-25T06:13:20.250000Z","request_id":"7f1c","trace_id":null,'
        b'"data":{"total":1,"\\u00e9":"\\/"},"changes":[]}'
    )


def test_what_is_published_later_is_created_later_unless_the_clock_was_set_right(
    sender: Sender, path: Path, clock: Clock
) -> None:
    def created() -> float:
        return Event.parse(body_of(path, sender.publish_blocking("order.paid", {}))).created.timestamp()

    assert created() < created() < created()
    before = clock.now
    clock.now -= 3600
    assert created() == before - 3600


@pytest.mark.parametrize("scalar", ["text", 7, 1.5, True, None])
def test_a_scalar_leaves_out_data_and_changes(sender: Sender, path: Path, scalar: object) -> None:
    assert b"data" not in body_of(path, sender.publish_blocking("webhook.test", scalar))


def test_events_alike_in_one_moment_are_two(sender: Sender, make: Callable[..., Sender], path: Path) -> None:
    """In one process by its clock, in two by the store."""
    numbers = [one.publish_blocking("order.paid", {"id": 1}) for one in (sender, sender, make(), make())]
    assert len({body_of(path, number) for number in numbers}) == len(set(numbers)) == 4


def test_a_key_makes_a_repeat_harmless(sender: Sender, make: Callable[..., Sender]) -> None:
    sender.subscriptions.add(URL, SECRET, ["*"])
    first = sender.publish_blocking("order.paid", {"id": 1}, key="order/1/paid")
    assert make().publish_blocking("order.paid", {"id": 1}, key="order/1/paid") == first
    assert sender.publish_blocking("order.paid", {"id": 2}, key="order/2/paid") != first
    assert len(sender.log.deliveries()) == 2


def test_the_event_and_its_deliveries_are_there_when_publish_returns(sender: Sender, make: Callable[..., Sender]) -> None:
    for events in (["order.*"], ["order.paid", "order.*", "*"], ["user.*"]):
        sender.subscriptions.add(URL, SECRET, events)

    async def main() -> list[int]:
        return await asyncio.gather(*(sender.publish("order.paid", {"id": n}) for n in range(50)))

    numbers = asyncio.run(main())
    other = make()
    assert len(set(numbers)) == 50
    for number in numbers:
        assert sorted(one.subscription for one in other.log.deliveries(event=number)) == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("", {}), ConfigurationError),
        (("a" * 256, {}), ConfigurationError),
        ((7, {}), ConfigurationError),
        (("\ud800", {}), ValueError),
        (("a.b", {"x": float("nan")}), ValueError),
        (("a.b", {"x": object()}), TypeError),
        (("a.b", {}, None, 7), ValueError),
        (("a.b", [[[]]] * 3 + [nested(600)]), ValueError),
        (("a.b", {}, None, None, ""), ConfigurationError),
        (("a.b", {}, None, None, "k" * 256), ConfigurationError),
    ],
)
def test_what_is_no_event_is_refused_at_once(sender: Sender, arguments: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        sender.publish_blocking(*arguments)
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(error):
        sender.publish_in(connection, *arguments)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text(min_size=1, max_size=60), st.dictionaries(st.text(), json_values), st.text() | st.none())
def test_whatever_was_written_can_be_read(name: str, data: dict[str, Any], request_id: str | None) -> None:
    event = Event.parse(_publish.draft(name, data, None, request_id, None, None, 7).body(7))
    assert (event.name, event.request_id, event.created_us) == (name, request_id, 7)


class TestOutbox:
    def test_an_event_is_there_if_the_transaction_is(self, sender: Sender, path: Path) -> None:
        sender.subscriptions.add(URL, SECRET, ["*"], enabled=False)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
            connection.execute("INSERT INTO orders VALUES (1)")
            sender.publish_in(connection, "order.paid", {"id": 1})
            connection.commit()
            connection.execute("INSERT INTO orders VALUES (2)")
            sender.publish_in(connection, "order.paid", {"id": 2})
            connection.rollback()

        async def main() -> None:
            async with running(sender):
                await until(lambda: sender.log.deliveries())

        asyncio.run(main())
        (delivery,) = sender.log.deliveries()
        assert json.loads(body_of(path, delivery.event))["data"] == {"id": 1}

    def test_a_file_of_somebody_else_is_asked_too_and_each_event_sent_once(
        self, make: Callable[..., Sender], tmp_path: Path
    ) -> None:
        shop = tmp_path / "shop.db"
        sender = make(outboxes=[shop, tmp_path / "not-there-yet.db"])

        async def main() -> None:
            async with Endpoint() as endpoint:
                sender.subscriptions.add(endpoint.url, SECRET, ["*"])
                with closing(sqlite3.connect(shop)) as connection:
                    for number in range(300):
                        sender.publish_in(connection, "order.paid", {"id": number})
                    connection.commit()
                async with running(sender):
                    await until(lambda: len(endpoint.requests) == 300)
                with closing(sqlite3.connect(shop)) as connection:
                    assert connection.execute("SELECT count(*) FROM perscom_outbox").fetchone() == (0,)
                assert sorted(json.loads(body)["data"]["id"] for _, body in endpoint.requests) == list(range(300))

        asyncio.run(main())
        assert not (tmp_path / "not-there-yet.db").exists()

    def test_what_was_fetched_and_not_deleted_is_known_by_its_key(
        self, make: Callable[..., Sender], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As after a crash between the two commits."""
        shop = tmp_path / "shop.db"
        sender = make(outboxes=[shop])
        sender.subscriptions.add(URL, SECRET, ["*"], enabled=False)
        with closing(sqlite3.connect(shop)) as connection:
            assert sender.publish_in(connection, "order.paid", {"id": 1}, key="mine") == "mine"
            sender.publish_in(connection, "order.paid", {"id": 1})
            connection.commit()

        async def main() -> None:
            with monkeypatch.context() as patched:
                patched.setattr("perscom_sender._outbox._delete", lambda path, numbers: None)
                assert [await sender._outboxes.fetch_others() for _ in range(3)] == [2, 2, 2]
            assert [await sender._outboxes.fetch_others() for _ in range(2)] == [2, 0]

        asyncio.run(main())
        assert len(sender.log.deliveries()) == 2

    def test_one_that_is_locked_delays_no_delivery(
        self, make: Callable[..., Sender], tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        shop = tmp_path / "shop.db"
        sender = make(outboxes=[shop])

        async def main() -> None:
            async with Endpoint() as endpoint:
                sender.subscriptions.add(endpoint.url, SECRET, ["*"])
                with closing(sqlite3.connect(shop, isolation_level=None)) as connection:
                    sender.publish_in(connection, "order.paid", {"id": "in the shop"})
                    connection.execute("BEGIN EXCLUSIVE")
                    async with running(sender):
                        await sender.publish("order.paid", {"id": 2})
                        await until(lambda: endpoint.requests, seconds=0.8)
                        await until(lambda: "tried again: database is locked" in caplog.text)
                        connection.execute("ROLLBACK")
                        await until(lambda: len(endpoint.requests) == 2)

        asyncio.run(main())

    def test_what_is_no_event_is_dropped_and_holds_up_nothing(
        self, sender: Sender, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        sender.subscriptions.add(URL, SECRET, ["*"], enabled=False)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(
                "INSERT INTO perscom_outbox (site, key, name, created, body) VALUES ('sender/default', 'k', 'a', 7, ?)", (b"{",)
            )
            sender.publish_in(connection, "order.paid", {})
            connection.commit()

        async def main() -> None:
            async with running(sender):
                await until(lambda: sender.log.deliveries())

        asyncio.run(main())
        assert "is no event and is dropped" in caplog.text

    def test_created_is_the_moment_of_publishing(self, sender: Sender, path: Path, clock: Clock) -> None:
        sender.subscriptions.add(URL, SECRET, ["*"], enabled=False)
        with closing(sqlite3.connect(path)) as connection:
            sender.publish_in(connection, "order.paid", {})
            connection.commit()
        before = clock.now
        clock.now += 3600

        async def main() -> None:
            async with running(sender):
                await until(lambda: sender.log.deliveries())

        asyncio.run(main())
        assert Event.parse(body_of(path, sender.log.deliveries()[0].event)).created.timestamp() == before
