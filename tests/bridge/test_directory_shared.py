"""The directory where several processes store and learn at once: on PostgreSQL, since a file has one writer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from postgres import new_schema

from perscom_bridge.directory import SiteDirectory, forget, store
from perscom_bridge.directory.names import Learned
from perscom_receiver import Event, SQLiteInbox
from perscom_receiver.queue import Connection, foreign
from perscom_receiver.testing import make_event


@pytest.fixture
def address() -> Iterator[str]:
    with new_schema() as address:
        yield address


@pytest.fixture
def inbox(address: str) -> Iterator[SQLiteInbox]:
    with closing(SQLiteInbox(address)) as inbox:
        yield inbox


def calendar(number: int, name: str) -> Event:
    return make_event("calendar.created", data={"id": number, "name": name}, changes=[])


def insert(connection: Connection, event: Event) -> None:
    connection.execute(
        "INSERT INTO event (site, created, digest, endpoint, name, received, body) VALUES ('default', ?, ?, '', ?, 5, ?)",
        (event.created_us, bytes.fromhex(event.id), event.name, event.body),
    )


def learned(inbox: SQLiteInbox, *numbers: int) -> list[str | None]:
    """What somebody who begins anew knows."""
    directory = asyncio.run(SiteDirectory(inbox).before([]))
    return [directory.name("calendar", number) for number in numbers]


def test_an_event_that_appears_behind_a_later_one_is_learned_from(inbox: SQLiteInbox, address: str) -> None:
    inbox.add(calendar(1, "one"))

    async def main() -> None:
        directory = SiteDirectory(inbox)
        with psycopg.connect(address) as slow:
            slow.execute("SELECT pg_current_xact_id()")
            insert(foreign(slow), calendar(2, "slow"))
            await asyncio.to_thread(inbox.add, calendar(3, "three"))
            for _ in range(3):
                view = await directory.before([])
            assert [view.name("calendar", number) for number in (1, 2, 3)] == ["one", None, "three"]
            assert await asyncio.to_thread(learned, inbox, 1, 3) == ["one", "three"]
        view = await directory.before([])
        assert [view.name("calendar", number) for number in (1, 2, 3)] == ["one", "slow", "three"]

    asyncio.run(main())


def test_who_begins_anew_learns_what_appeared_late(inbox: SQLiteInbox, address: str) -> None:
    with psycopg.connect(address) as slow:
        inbox.add(calendar(1, "one"))
        slow.execute("SELECT pg_current_xact_id()")
        insert(foreign(slow), calendar(2, "slow"))
        inbox.add(calendar(3, "three"))
        assert learned(inbox, 1, 3) == ["one", "three"]
    inbox.add(calendar(4, "four"))
    assert learned(inbox, 1, 2, 3, 4) == ["one", "slow", "three", "four"]


def test_a_mark_settles_once_nothing_of_that_time_is_under_way(inbox: SQLiteInbox, address: str) -> None:
    def mark() -> int:
        return inbox.database.read(lambda c: store.load(c, "default")).mark

    with psycopg.connect(address) as slow:
        slow.execute("SELECT pg_current_xact_id()")
        inbox.add(calendar(1, "one"))
        assert learned(inbox, 1) == ["one"]
        assert mark() == 0

    async def main() -> None:
        directory = SiteDirectory(inbox)
        for number in range(2, 6):  # there is always something under way, and never the same for long
            with psycopg.connect(address) as other:
                other.execute("SELECT pg_current_xact_id()")
                await asyncio.to_thread(inbox.add, calendar(number, "more"))
                await directory.before([])

    asyncio.run(main())
    assert mark() >= 3


def test_one_who_has_learned_less_writes_over_nothing(inbox: SQLiteInbox) -> None:
    inbox.database.write(lambda c: store.prepare(c, "default"))
    inbox.database.write(lambda c: c.execute("UPDATE directory_mark SET event = 9"))
    behind = Learned()
    behind.dropped.add(("calendar", 1))
    inbox.database.write(
        lambda c: c.execute("INSERT INTO directory_name VALUES ('default', 'calendar', 1, 'known', 1)").rowcount
    )
    assert inbox.database.write(store.saving("default", behind, 8, 0)), "that is no reason to begin anew"
    assert inbox.database.write(store.saving("default", Learned(), 9, 1)) is False
    assert inbox.database.read(lambda c: c.execute("SELECT name FROM directory_name").fetchall()) == [("known",)]
    assert inbox.database.write(store.saving("default", behind, 9, 0))
    assert inbox.database.read(lambda c: c.execute("SELECT name FROM directory_name").fetchall()) == []


def test_who_is_forgotten_while_something_is_learned_stays_forgotten(inbox: SQLiteInbox, address: str) -> None:
    inbox.add(make_event("user.updated", id=7, name="Late Whitfield"))
    inbox.database.write(lambda c: store.prepare(c, "default"))
    loaded = inbox.database.read(lambda c: store.load(c, "default"))
    directory = SiteDirectory(inbox)
    asyncio.run(directory.before([]))
    with psycopg.connect(address) as purging:
        store.forget_people(foreign(purging), "default", [7])
        saved = inbox.database.submit(store.saving("default", directory._unsaved, loaded.mark + 9, loaded.forgotten))
        with pytest.raises(TimeoutError):
            saved.result(0.3)
        purging.commit()
        assert saved.result(5) is False
    assert forget(inbox, [7]).events == 1
    assert inbox.database.read(lambda c: c.execute("SELECT name FROM directory_name WHERE kind = 'user'").fetchall()) == []
