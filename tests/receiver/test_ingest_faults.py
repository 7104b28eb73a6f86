"""What is accepted survives: receivers, workers and NATS killed at any moment, NATS away, silent, full and wiped, and forks."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ingesting import away, eventually, rows, worked
from nats_server import STREAM, OwnNatsServer, own_nats

from perscom_receiver import Event, SQLiteInbox, Unavailable
from perscom_receiver.testing import make_event

PROGRAMS = Path(__file__).parent / "programs"
APPS = Path(__file__).parent / "apps"
SEED = int(os.environ.get("PERSCOM_KILL_SEED", "1"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnNatsServer]:
    with own_nats(tmp_path) as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inbox.db"


@pytest.fixture
def inbox(path: Path, server: OwnNatsServer) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(path, ingest=server.url)
    inbox.health()  # the file is there
    yield inbox
    inbox.close()


def problem(inbox: SQLiteInbox) -> str:
    assert inbox.ingest is not None
    return asyncio.run(inbox.ingest.ahealth(inbox.site)).problem or ""


def pending(inbox: SQLiteInbox) -> int | None:
    assert inbox.ingest is not None
    return asyncio.run(inbox.ingest.ahealth(inbox.site)).pending


def add(inbox: SQLiteInbox) -> tuple[Event, float]:
    """One more event that is accepted, and the seconds that this took."""
    event, began = make_event("user.created"), time.monotonic()
    assert inbox.add(event) is True
    return event, time.monotonic() - began


def _is_taken(inbox: SQLiteInbox) -> bool:
    try:
        return inbox.add(make_event("user.created"))
    except Unavailable:
        return False


class TestNatsAway:
    def test_without_it_events_go_to_the_store_and_with_it_they_go_there_first(
        self, inbox: SQLiteInbox, server: OwnNatsServer, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.kill()
        times = [add(inbox)[1] for _ in range(5)]
        assert max(times) < 1, "nobody waits for a server that does not answer at all"
        assert len(rows(path)) == 5
        assert "Connect call failed" in problem(inbox) or "refused" in problem(inbox)
        assert pending(inbox) is None
        server.start()
        eventually(lambda: not problem(inbox))
        add(inbox)
        assert (len(rows(path)), pending(inbox)) == (5, 1)
        assert caplog.text.count("Events go to the store directly") == 1, "told once, however often it is tried"

    def test_without_both_a_caller_is_told_in_time_to_come_again(
        self, inbox: SQLiteInbox, server: OwnNatsServer, path: Path
    ) -> None:
        server.kill()
        event = make_event("user.created")
        with away(path):
            for add in (inbox.add, lambda event: asyncio.run(inbox.aadd(event))):
                began = time.monotonic()
                with pytest.raises(Unavailable):
                    add(event)
                assert time.monotonic() - began < 2.8, "PERSCOM waits 3 s"
        eventually(lambda: inbox.add(event) is True)

    def test_one_that_says_nothing_costs_those_under_way_their_wait_and_then_nobody(
        self, inbox: SQLiteInbox, server: OwnNatsServer, path: Path
    ) -> None:
        events = [add(inbox)[0]]
        server.pause()
        first, seconds = add(inbox)
        assert 0.7 < seconds < 2.5
        for _ in range(5):
            event, seconds = add(inbox)
            events.append(event)
            assert seconds < 0.5
        assert "no acknowledgement within 0.8 s" in problem(inbox) or "no answer in time" in problem(inbox)
        server.go_on()
        eventually(lambda: not problem(inbox))
        events.append(add(inbox)[0])
        with worked(inbox) as seen:  # the first one is in the stream and in the store: it arrived late
            eventually(lambda: len(seen.ids) == 8)
            eventually(lambda: pending(inbox) == 0)
        assert Counter(rows(path)) == Counter(event.id for event in [*events, first])

    def test_without_both_also_one_that_says_nothing_leaves_time_for_the_answer(
        self, inbox: SQLiteInbox, server: OwnNatsServer, path: Path
    ) -> None:
        add(inbox)
        server.pause()
        began = time.monotonic()
        with away(path), pytest.raises(Unavailable):
            inbox.add(make_event("user.created"))
        assert time.monotonic() - began < 2.8, "PERSCOM waits 3 s"


class TestNatsInTrouble:
    def test_a_full_stream_refuses_and_what_it_refuses_goes_to_the_store(self, path: Path, server: OwnNatsServer) -> None:
        inbox = SQLiteInbox(path, ingest=f"{server.url}?max_bytes=20KB")
        events = [add(inbox)[0] for _ in range(40)]
        assert "maximum bytes exceeded" in problem(inbox)
        inside = pending(inbox)
        assert inside is not None
        assert 0 < inside < 40
        assert len(rows(path)) == 40 - inside
        with worked(inbox) as seen:
            eventually(lambda: len(seen.ids) == 40)
            eventually(lambda: pending(inbox) == 0)
            events.append(add(inbox)[0])
            assert not problem(inbox)
            eventually(lambda: len(seen.ids) == 41)
        inbox.close()
        assert Counter(rows(path)) == Counter(event.id for event in events)

    def test_a_full_stream_and_no_store_refuse(self, path: Path, server: OwnNatsServer) -> None:
        inbox = SQLiteInbox(path, ingest=f"{server.url}?max_bytes=8KB")
        inbox.health()
        with away(path):
            taken = [_is_taken(inbox) for _ in range(10)]
        inbox.close()
        assert taken == sorted(taken, reverse=True), "once full, it takes nothing more"
        assert set(taken) == {True, False}

    def test_a_stream_that_is_wiped_after_its_events_were_taken_over_loses_nothing(
        self, inbox: SQLiteInbox, server: OwnNatsServer, path: Path
    ) -> None:
        with worked(inbox) as seen:
            events = [add(inbox)[0] for _ in range(50)]
            eventually(lambda: len(seen.ids) == 50)
            server.restart(wiped=True)
            eventually(lambda: not problem(inbox) and pending(inbox) == 0)
            assert inbox.add(events[0]) is True, "the new stream does not know it"
            events.append(add(inbox)[0])
            eventually(lambda: len(seen.ids) == 51)
            eventually(lambda: pending(inbox) == 0)
        assert rows(path) == [event.id for event in events]

    def test_a_stream_that_is_deleted_is_made_anew(self, inbox: SQLiteInbox, server: OwnNatsServer, path: Path) -> None:
        with worked(inbox) as seen:
            events = [add(inbox)[0]]
            eventually(lambda: len(seen.ids) == 1)
            server.forget()
            events += [add(inbox)[0] for _ in range(3)]
            eventually(lambda: not problem(inbox))
            events.append(add(inbox)[0])
            eventually(lambda: len(seen.ids) == 5)
        assert Counter(rows(path)) == Counter(event.id for event in events)

    def test_a_stream_that_has_lost_its_newest_messages_in_a_power_cut_goes_on(
        self, inbox: SQLiteInbox, server: OwnNatsServer, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What it counts anew must not be taken for what was acknowledged under the same numbers."""
        monkeypatch.setattr("perscom_receiver._nats_pull.EXPIRES", 4.0)
        monkeypatch.setattr("perscom_receiver._nats_consumer.MEND_EVERY", 3.0)
        messages = server.store / "jetstream" / "$G" / "streams" / STREAM / "msgs"
        with worked(inbox) as seen:
            for _ in range(5):
                add(inbox)
            eventually(lambda: len(seen.ids) == 5)
            server.stop()
            shutil.copytree(messages, before := path.with_name("msgs"))
            server.start()
            eventually(lambda: not problem(inbox))
            for _ in range(30):
                add(inbox)
            eventually(lambda: len(seen.ids) == 35 and pending(inbox) == 0)
            server.stop()
            shutil.rmtree(messages)
            shutil.copytree(before, messages)
            server.start()
            eventually(lambda: not problem(inbox))
            events = [add(inbox)[0] for _ in range(3)]
            eventually(lambda: seen.ids[35:] == [event.id for event in events], 30)

    def test_messages_that_a_killed_server_believes_acknowledged_come_again_and_end_as_repeats(
        self, inbox: SQLiteInbox, server: OwnNatsServer, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It may note the acknowledgement, and not that the message has gone. Such a one would take room for ever."""
        messages = server.store / "jetstream" / "$G" / "streams" / STREAM / "msgs"
        events = [add(inbox)[0] for _ in range(3)]
        server.stop()
        shutil.copytree(messages, before := path.with_name("msgs"))
        server.start()
        eventually(lambda: not problem(inbox))
        with worked(inbox) as seen:
            eventually(lambda: len(seen.ids) == 3 and pending(inbox) == 0)
            server.stop()
            shutil.rmtree(messages)
            shutil.copytree(before, messages)
            server.start()
            eventually(lambda: not problem(inbox) and pending(inbox) == 0)
        assert "Events of default in the stream had been passed over, and come now." in caplog.text
        assert rows(path) == [event.id for event in events]

    def test_what_was_acknowledged_survives_kills_of_the_server(
        self, inbox: SQLiteInbox, server: OwnNatsServer, path: Path
    ) -> None:
        async def load() -> list[Event]:
            accepted: list[Event] = []
            end = time.monotonic() + 4

            async def call() -> None:
                while time.monotonic() < end:
                    event = make_event("user.created")
                    await inbox.aadd(event)
                    accepted.append(event)
                    await asyncio.sleep(0.005)

            calls = [asyncio.create_task(call()) for _ in range(8)]
            for _ in range(3):
                await asyncio.sleep(0.7)
                await asyncio.to_thread(server.restart)
            await asyncio.gather(*calls)
            return accepted

        with worked(inbox):
            accepted = asyncio.run(load())
            eventually(lambda: pending(inbox) == 0, 30)
        assert len(accepted) > 100
        assert Counter(rows(path)) == Counter(event.id for event in accepted)


class Side:
    """A receiver or a worker in a process of its own, that is killed and begins again."""

    def __init__(self, side: str, path: Path, url: str) -> None:
        self.command = [sys.executable, str(PROGRAMS / "ingest.py"), side, str(path), url]
        self.printed: list[str] = []
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.kill()
        self.printed += self.process.communicate()[0].decode().split("\n")[:-1]  # of a line cut off nobody was told


@pytest.mark.parametrize("round_", range(2))
def test_receivers_workers_and_the_server_killed_at_any_moment_lose_nothing(
    tmp_path: Path, server: OwnNatsServer, path: Path, round_: int
) -> None:
    chance = random.Random(f"{SEED}/{round_}")
    sides = [Side(side, path, server.url) for side in ("receive", "receive", "work", "work")]
    kills = [lambda: server.restart()]
    for side in sides:
        kills += [lambda side=side: (side.kill(), side.start())] * 2  # type: ignore[misc]
    time.sleep(1.5)
    for _ in range(10):
        time.sleep(chance.uniform(0.05, 0.9))
        chance.choice(kills)()
    for side in sides:
        side.kill()
    accepted = [line for side in sides for line in side.printed]
    assert len(accepted) == len(set(accepted)) > 100
    inbox = SQLiteInbox(path, ingest=server.url)
    with worked(inbox):
        eventually(lambda: server.waiting() == 0, 40)
    inbox.close()
    stored = rows(path)
    assert set(accepted) <= set(stored)
    assert len(stored) == len(set(stored))
    # Beyond what was told, only what was under way at a kill may be there: five callers in each receiver.
    assert len(stored) - len(accepted) <= 5 * (10 + len(sides))


def test_a_fork_leaves_both_sides_a_connection_of_their_own(tmp_path: Path, server: OwnNatsServer, path: Path) -> None:
    command = [sys.executable, "-W", "error::ResourceWarning", str(PROGRAMS / "ingest_fork.py"), str(path), server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    assert server.waiting() == 0


def test_a_worker_ends_while_nats_is_silent(inbox: SQLiteInbox, server: OwnNatsServer) -> None:
    with worked(inbox):
        add(inbox)
        eventually(lambda: pending(inbox) == 0)
        server.pause()
        began = time.monotonic()
    inbox.close()
    assert time.monotonic() - began < 8
