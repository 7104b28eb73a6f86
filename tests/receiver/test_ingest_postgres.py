"""A stream in front of PostgreSQL: receiving goes on while that is away, and one configuration serves several machines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ingesting import eventually, worked
from nats_server import NatsServer, any_nats
from passage import Passage, passage
from postgres import new_schema

from perscom_receiver import IngestHealth, SQLiteInbox, Unavailable
from perscom_receiver.testing import make_event


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with any_nats(tmp_path) as server:
        yield server


@pytest.fixture
def way(address: str) -> Iterator[Passage]:
    """The way to PostgreSQL."""
    parts = urlsplit(address)
    with passage(parts.hostname or "127.0.0.1", parts.port or 5432) as way:
        yield way


@pytest.fixture
def address() -> Iterator[str]:
    with new_schema() as address:
        yield address


def inbox_at(address: str, way: Passage, server: NatsServer) -> SQLiteInbox:
    parts = urlsplit(address)
    netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{way.port}"
    return SQLiteInbox(parts._replace(netloc=netloc).geturl(), ingest=server.url)


def health(inbox: SQLiteInbox) -> IngestHealth:
    assert inbox.ingest is not None
    return asyncio.run(inbox.ingest.ahealth(inbox.site))


def stored(inbox: SQLiteInbox) -> list[str]:
    sql = "SELECT digest FROM event ORDER BY id"
    return inbox.database.read(lambda connection: [bytes(row[0]).hex() for row in connection.execute(sql)])


def test_receiving_goes_on_while_postgresql_is_away_and_nothing_is_lost_or_doubled(
    address: str, way: Passage, server: NatsServer
) -> None:
    inbox = inbox_at(address, way, server)
    events = [make_event("user.created") for _ in range(30)]
    with worked(inbox) as seen:
        assert all(inbox.add(event) for event in events[:10])
        eventually(lambda: len(seen.ids) == 10)
        way.shut()
        began = time.monotonic()
        assert all(inbox.add(event) for event in events[10:])
        assert time.monotonic() - began < 3
        eventually(lambda: "not taken over" in (health(inbox).problem or ""))
        assert health(inbox).pending == 20
        way.open()
        eventually(lambda: len(seen.ids) == 30, 30)
        eventually(lambda: health(inbox).pending == 0)
    assert stored(inbox) == [event.id for event in events]
    assert health(inbox).problem is None
    inbox.close()


def test_a_receiver_that_begins_while_postgresql_is_away_accepts_all_the_same(
    address: str, way: Passage, server: NatsServer
) -> None:
    way.shut()
    inbox, event = inbox_at(address, way, server), make_event("user.created")
    with worked(inbox) as seen:
        assert inbox.add(event) is True
        eventually(lambda: health(inbox).problem)
        way.open()
        eventually(lambda: seen.ids == [event.id], 30)
    inbox.close()


def test_without_both_a_caller_is_told_in_time_to_come_again(address: str, way: Passage, server: NatsServer) -> None:
    parts = urlsplit(address)
    nowhere = parts._replace(netloc=f"postgres@127.0.0.1:{way.port}").geturl()
    way.shut()
    inbox = SQLiteInbox(nowhere, ingest="nats://127.0.0.1:1")
    began = time.monotonic()
    with pytest.raises(Unavailable):
        inbox.add(make_event("user.created"))
    assert time.monotonic() - began < 2.8, "PERSCOM waits 3 s"
    inbox.close()


def test_two_machines_share_one_site(address: str, way: Passage, server: NatsServer) -> None:
    inboxes = [inbox_at(address, way, server) for _ in range(2)]
    events = [make_event("user.created") for _ in range(300)]

    async def add_all() -> list[bool]:
        return await asyncio.gather(*(inboxes[n % 2].aadd(event) for n, event in enumerate(events)))

    with worked(inboxes[0]) as one, worked(inboxes[1]) as other:
        assert all(asyncio.run(add_all()))
        eventually(lambda: len(one.ids) + len(other.ids) == 300, 30)
        eventually(lambda: health(inboxes[0]).pending == 0)
    assert sorted(one.ids + other.ids) == sorted(event.id for event in events)
    counts = [health(inbox).counts for inbox in inboxes]
    assert sum(count.get("stored", 0) for count in counts) == 300
    assert sum(count.get("repeated", 0) for count in counts) == 0
    for inbox in inboxes:
        inbox.close()
