"""A disk that stands still: events wait for it within a budget, and what is refused is let go."""

from __future__ import annotations

import asyncio
import fcntl
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perscom_receiver import Event, SQLiteInbox, Unavailable
from perscom_receiver._writer import WAITING_LIMIT
from perscom_receiver.testing import make_event

MIB = 2**20


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(tmp_path / "inbox.db")
    yield inbox
    inbox.close()


@contextmanager
def standing_still(inbox: SQLiteInbox) -> Iterator[None]:
    """Nothing is committed inside the block: somebody else has the file. Nobody waits for long."""
    with Path(f"{inbox.database.path}.lock").open("wb") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("perscom_receiver._insert.COMMIT_WITHIN", 0.01)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def traced() -> Iterator[Callable[[], float]]:
    """What the program has taken since, in MiB, by a function."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[0] / MIB
    finally:
        tracemalloc.stop()


def large() -> Event:
    """An event of 5 MiB, the largest that is let in."""
    return make_event("combatrecord.created", text="x" * (5 * MIB - 16_384))


def refused(inbox: SQLiteInbox, event: Event) -> str:
    """Why the event was not stored."""
    try:
        inbox.add(event)
    except Unavailable as error:
        return str(error)
    raise AssertionError("it was stored")


async def arefused(inbox: SQLiteInbox, event: Event) -> str:
    try:
        await inbox.aadd(event)
    except Unavailable as error:
        return str(error)
    raise AssertionError("it was stored")


def one_by_one(inbox: SQLiteInbox, n: int) -> list[str]:
    return [refused(inbox, large()) for _ in range(n)]


def in_an_event_loop(inbox: SQLiteInbox, n: int) -> list[str]:
    async def main() -> list[str]:
        return [await arefused(inbox, large()) for _ in range(n)]

    return asyncio.run(main())


def held(taken: Callable[[], float]) -> float:
    """MiB that are held once the writer has come to rest."""
    deadline = time.monotonic() + 5
    while taken() > 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    return taken()


@pytest.mark.parametrize("store", [one_by_one, in_an_event_loop])
def test_what_waits_for_the_disk_is_bounded_and_let_go_when_it_goes_on(
    inbox: SQLiteInbox, store: Callable[[SQLiteInbox, int], list[str]]
) -> None:
    small = make_event("user.created")
    assert inbox.add(small)
    with traced() as taken:
        with standing_still(inbox):
            reasons = store(inbox, 16)
            assert 50 < taken() < WAITING_LIMIT / MIB + 5
            waited = sum("within" in reason for reason in reasons)
            assert waited == WAITING_LIMIT // (5 * MIB)
            assert set(reasons[waited:]) == {"Too much waits for the disk."}, "and at once, since waiting would not help"
            with pytest.raises(Unavailable, match=r"within 0\.1 s"):
                inbox.database.write(lambda connection: None, timeout=0.1)  # what holds no memory may wait
        assert held(taken) < 5
        assert inbox.add(small) is False
        assert inbox.add(large())


def test_events_without_end_that_are_refused_take_no_memory_without_end(
    inbox: SQLiteInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A captured request may be sent again thousands of times while nothing is committed."""
    event = make_event("user.created")
    assert inbox.add(event)
    monkeypatch.setattr("perscom_receiver._writer.WAITING_LIMIT", MIB // 5)
    with traced() as taken:
        with standing_still(inbox):
            for _ in range(5000):
                refused(inbox, event)
            assert taken() < 2
        inbox.database.write(lambda connection: None)
        assert inbox.add(event) is False


def test_an_event_that_was_stored_is_held_no_longer(inbox: SQLiteInbox) -> None:
    assert inbox.add(make_event("user.created"))
    with traced() as taken:
        assert inbox.add(large())
        assert held(taken) < 4


def test_events_that_pile_up_are_not_read_all_at_once(inbox: SQLiteInbox) -> None:
    for _ in range(12):
        assert inbox.add(large())
    with traced() as taken:
        found = inbox.database.read(lambda connection: inbox.pending(connection, 100))
        assert 3 <= len(found) <= 4
        assert taken() < 45, "each as bytes, and decoded"
    seen = []
    while found:
        seen += [each.row for each in found]
        inbox.database.write(lambda connection, found=found: inbox.plan(connection, [(each, {}) for each in found]))
        found = inbox.database.read(lambda connection: inbox.pending(connection, 100))
    assert seen == list(range(1, 13))
