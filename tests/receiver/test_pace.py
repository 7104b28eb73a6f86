"""Rests: a handler that asks for one, those that rest with it, and what is done but not as it should be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import inf, nan
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perscom_receiver import ConfigurationError, DestinationError, Done, Event, Handler, Router, SQLiteInbox, Worker
from perscom_receiver.queue import Database, State
from perscom_receiver.testing import make_event

Call = Callable[[Event], Any]
SPEED = 50.0


class Slip(msgspec.Struct, frozen=True):
    """A receipt."""

    number: int


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "inbox.db")
    yield opened
    opened.close()


def inbox_of(database: Database, site: str = "default") -> SQLiteInbox:
    return SQLiteInbox(database, site=site, now=lambda: time.time() * SPEED)


def handler(key: str, call: Call, pace: str | None = None, **settings: Any) -> Handler:
    return Handler(key=key, call=call, patterns=("*",), pace=pace, **settings)


def work(*pairs: tuple[SQLiteInbox, list[Handler]], until: Callable[[], object]) -> None:
    """Let a worker for each inbox run, with these handlers, until the condition holds."""

    async def main() -> None:
        stop, running = asyncio.Event(), []
        for inbox, handlers in pairs:
            router = Router()
            for one in handlers:
                router.add(one)
            running.append(asyncio.create_task(Worker(inbox, router, speed=SPEED).run(stop)))
        deadline = time.monotonic() + 20
        while not until():
            assert time.monotonic() < deadline, "it did not come to pass"
            await asyncio.sleep(0.005)
        stop.set()
        await asyncio.gather(*running)

    asyncio.run(main())


def called_at(now: Callable[[], float], answer: Callable[[Event], object]) -> tuple[list[float], Call]:
    moments: list[float] = []

    async def call(event: Event) -> object:
        moments.append(now())
        return answer(event)

    return moments, call


def add(inbox: SQLiteInbox, count: int) -> None:
    for _ in range(count):
        inbox.add(make_event("user.created"))


def idle(*inboxes: SQLiteInbox) -> Callable[[], bool]:
    return lambda: not any(inbox.health().waiting for inbox in inboxes)


def distances(moments: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(moments)]


def test_a_handler_that_rests_is_called_again_when_its_rest_is_over_and_not_much_later(database: Database) -> None:
    inbox = inbox_of(database)
    add(inbox, 5)
    moments, call = called_at(inbox.now, lambda event: Done(rest=5.0))
    work((inbox, [handler("slow", call)]), until=idle(inbox))
    assert all(5 <= seconds < 30 for seconds in distances(moments)), moments
    assert inbox.dead_letters() == []


def test_a_rest_of_one_is_one_of_all_whose_paces_begin_alike_in_other_sites_too(database: Database) -> None:
    inbox, elsewhere = inbox_of(database), inbox_of(database, "elsewhere")
    add(inbox, 3)
    add(elsewhere, 3)
    near, call_near = called_at(inbox.now, lambda event: Done(rest=8.0))
    same, call_same = called_at(inbox.now, lambda event: Done(rest=8.0))
    apart, call_apart = called_at(inbox.now, lambda event: None)
    work(
        (inbox, [handler("one", call_near, "chat/bot/room/"), handler("three", call_apart, "chat/bot/room2/")]),
        (elsewhere, [handler("two", call_same, "chat/bot/room/")]),
        until=idle(inbox, elsewhere),
    )
    assert len(near) == len(same) == 3
    assert all(seconds >= 8 for seconds in distances(sorted([*near, *same])))
    assert near[1] < same[2], "they take turns"
    assert same[1] < near[2], "they take turns"
    assert apart[-1] - apart[0] < 8


def test_a_wait_for_a_wider_pace_lets_all_of_it_rest_and_nobody_else(database: Database) -> None:
    inbox = inbox_of(database)
    add(inbox, 4)
    refused: list[float] = []

    async def limited(event: Event) -> None:
        if not refused:
            refused.append(inbox.now())
            raise DestinationError("Slow down.", outcome="retry", retry_after=60.0, status=429, pace="chat/bot/")

    beside, call_beside = called_at(inbox.now, lambda event: Done(rest=2.0))
    apart, call_apart = called_at(inbox.now, lambda event: Done(rest=2.0))
    handlers = [
        handler("one", limited, "chat/bot/a/", hold=True),
        handler("two", call_beside, "chat/bot/b/"),
        handler("three", call_apart, "chat/another/"),
    ]
    work((inbox, handlers), until=idle(inbox))
    assert [moment for moment in beside if refused[0] + 20 < moment < refused[0] + 60] == []
    assert beside[-1] >= refused[0] + 60
    assert apart[-1] < refused[0] + 60
    assert inbox.dead_letters() == []


def test_what_is_done_with_a_flaw_is_a_dead_letter_with_a_receipt_and_is_not_repeated(database: Database) -> None:
    inbox = inbox_of(database)
    add(inbox, 1)
    moments, call = called_at(inbox.now, lambda event: Done(receipt=Slip(7), flaw="Only half of it."))
    work((inbox, [handler("half", call)]), until=lambda: inbox.dead_letters())
    (letter,) = inbox.dead_letters()
    assert (letter.handler, letter.error, letter.attempts) == ("half", "Only half of it.", 1)
    assert database.read(lambda connection: connection.execute("SELECT state, receipt FROM task").fetchall()) == [
        (State.DEAD, '{"number":7}')
    ]
    assert database.read(lambda connection: inbox.queue.receipts(connection, "half")) == ['{"number":7}']
    assert len(moments) == 1


@pytest.mark.parametrize("rest", [-1.0, inf, nan])
def test_a_rest_that_cannot_be_one_is_refused(rest: float) -> None:
    with pytest.raises(ValueError, match="seconds"):
        Done(rest=rest)


def test_a_pace_without_its_slash_and_a_clock_that_stands_are_refused(database: Database) -> None:
    with pytest.raises(ConfigurationError, match="slash"):
        handler("one", lambda event: None, "chat/bot")
    with pytest.raises(ConfigurationError, match="speed"):
        Worker(inbox_of(database), Router(), speed=0)
