"""Giving a handler what it was never given: what is found, that each comes once, and that the forgotten stays forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perscom_receiver import Event, Missed, SQLiteInbox
from perscom_receiver._replay import MOST_COUNTED
from perscom_receiver.queue import Connection, Group, State
from perscom_receiver.testing import make_event

DAY = 86_400.0
BEGAN = 1_780_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(db: str, clock: Clock) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(db, now=clock)
    yield inbox
    inbox.close()


def add(inbox: SQLiteInbox, *names: str) -> None:
    for name in names:
        assert inbox.add(make_event(name))


def plan(inbox: SQLiteInbox, *lanes: str) -> None:
    def work(connection: Connection) -> None:
        ids = dict.fromkeys(inbox.queue.lane(connection, name, width=1000) for name in lanes)
        inbox.plan(connection, [(found, ids) for found in inbox.pending(connection, 10_000)])

    inbox.database.write(work)


def everything(event: Event) -> bool:
    return True


def tasks(inbox: SQLiteInbox, lane: str) -> list[tuple[str, int]]:
    """The names of the events of a lane's tasks in the order of the claim, and their states."""
    return inbox.database.read(
        lambda connection: connection.execute(
            "SELECT event.name, task.state FROM task JOIN event ON event.id = task.event JOIN lane ON lane.id = task.lane"
            " WHERE lane.name = ? AND lane.site = ? ORDER BY task.due, task.id",
            (lane, inbox.site),
        ).fetchall()
    )


NAMES = ("rankrecord.created", "awardrecord.created", "user.updated")


def test_a_new_handler_is_given_all_that_it_wants_oldest_first_and_once(inbox: SQLiteInbox) -> None:
    add(inbox, *NAMES)
    plan(inbox, "old")
    missed = inbox.missed("new", lambda event: event.name != "awardrecord.created")
    assert missed == Missed(rows=(1, 3), gone=0)
    assert tasks(inbox, "new") == [], "to look changes nothing"
    assert inbox.replay("new", missed.rows) == 2
    assert inbox.replay("new", missed.rows) == 0
    assert tasks(inbox, "new") == [("rankrecord.created", State.WAITING), ("user.updated", State.WAITING)]
    assert inbox.missed("new", everything).rows == (2,)
    assert len(tasks(inbox, "old")) == 3


def test_what_it_was_given_is_not_missed_whatever_became_of_it(inbox: SQLiteInbox) -> None:
    add(inbox, *NAMES)
    plan(inbox, "old")
    inbox.database.write(lambda connection: inbox.queue.bury(connection, 2, BEGAN, "It was too large."))
    assert inbox.missed("old", everything) == Missed(rows=(), gone=0)


def test_what_waits_for_its_worker_is_not_missed(inbox: SQLiteInbox) -> None:
    add(inbox, *NAMES)
    assert inbox.missed("new", everything).rows == ()
    assert inbox.replay("new", [1, 2, 3]) == 0
    plan(inbox, "new")
    assert len(tasks(inbox, "new")) == 3


def test_only_what_was_received_since_then_is_found(inbox: SQLiteInbox, clock: Clock) -> None:
    for name in NAMES:
        add(inbox, name)
        clock.now += DAY
    plan(inbox, "old")
    assert inbox.missed("new", everything, since=BEGAN + DAY).rows == (2, 3)
    assert inbox.missed("new", everything, since=BEGAN + 3 * DAY) == Missed(rows=(), gone=0)


def test_bodies_that_are_gone_are_counted_and_not_given(inbox: SQLiteInbox, clock: Clock) -> None:
    add(inbox, *NAMES)
    plan(inbox)
    missed = inbox.missed("new", everything)
    clock.now += 31 * DAY
    add(inbox, "servicerecord.created")
    plan(inbox)
    inbox.database.write(inbox.prune)
    assert inbox.replay("new", missed.rows) == 0, "they were found, and are gone by now"
    assert inbox.missed("new", everything) == Missed(rows=(4,), gone=3)
    assert inbox.missed("new", everything, since=clock.now) == Missed(rows=(4,), gone=0)
    assert MOST_COUNTED > 3


def test_a_person_who_was_forgotten_between_the_look_and_the_replay_stays_forgotten(inbox: SQLiteInbox) -> None:
    inbox.add(make_event("rankrecord.created", user_id=7))
    inbox.add(make_event("rankrecord.created", user_id=8))
    plan(inbox)
    missed = inbox.missed("new", everything)
    assert len(missed.rows) == 2
    inbox.purge_user(7)
    assert inbox.replay("new", missed.rows) == 1
    assert [event.data["user_id"] for event in claimed(inbox, "new")] == [8]


def claimed(inbox: SQLiteInbox, lane: str) -> list[Event]:
    def work(connection: Connection) -> list[Event]:
        found = []
        while claim := inbox.queue.claim(connection, inbox.now(), 30, 1000):
            found += [one.event for task in claim.tasks for one in task.all if claim.lane.name == lane]
            if not claim.tasks:
                break
        return found

    return inbox.database.write(work)


def test_they_come_in_the_groups_of_the_handler(inbox: SQLiteInbox, clock: Clock) -> None:
    for number in range(4):
        inbox.add(make_event("rankrecord.created", data={"id": number}, request_id=f"click-{number // 2}"))
    plan(inbox)
    missed = inbox.missed("new", everything)
    group = lambda event: Group(event.request_id or "", window=10.0)  # noqa: E731
    assert inbox.replay("new", missed.rows, group=group) == 4
    assert claimed(inbox, "new") == []
    clock.now += 10

    def claim(connection: Connection) -> list[int]:
        lane = inbox.queue.lane(connection, "new", width=1000)
        found = inbox.queue.claim(connection, clock.now, 30, 1000, [lane])
        return [len(task.all) for task in found.tasks]

    assert inbox.database.write(claim) == [2, 2]


def test_many_are_found_and_given_in_order_and_others_may_write_meanwhile(inbox: SQLiteInbox) -> None:
    for number in range(650):
        inbox.add(make_event("rankrecord.created", data={"id": number, "text": "x" * 100}))
    plan(inbox)

    def wants(event: Event) -> bool:
        inbox.database.write(lambda connection: None)
        return bool(event.data["id"] % 2)

    missed = inbox.missed("new", wants)
    assert missed.rows == tuple(range(2, 651, 2))
    assert inbox.replay("new", missed.rows) == 325
    assert [event.data["id"] for event in claimed_all(inbox)] == list(range(1, 650, 2))


def claimed_all(inbox: SQLiteInbox) -> list[Event]:
    def work(connection: Connection) -> list[Event]:
        lane = inbox.queue.lane(connection, "new", width=1000)
        found = inbox.queue.claim(connection, inbox.now(), 30, 1000, [lane])
        return [task.event for task in found.tasks]

    return inbox.database.write(work)


def test_another_site_has_nothing_to_do_with_it(inbox: SQLiteInbox, clock: Clock) -> None:
    other = SQLiteInbox(inbox.database, site="other", now=clock)
    add(inbox, "rankrecord.created")
    add(other, "awardrecord.created")
    plan(inbox)
    plan(other)
    assert inbox.missed("new", everything).rows == (1,)
    assert other.missed("new", everything).rows == (2,)
    assert other.replay("new", [1, 2]) == 1
    assert tasks(inbox, "new") == []
