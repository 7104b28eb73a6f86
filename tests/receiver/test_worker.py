"""The worker: handlers of every kind, failures, hangs, stops, full disks, and other workers beside it."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from perscom_receiver import (
    ConfigurationError,
    DestinationError,
    Event,
    Handler,
    Receiver,
    RetryPolicy,
    Router,
    SQLiteInbox,
    Worker,
)
from perscom_receiver._errors import Outcome
from perscom_receiver.queue import State
from perscom_receiver.starlette import webhook_app
from perscom_receiver.testing import make_event, signed_request

PROGRAMS = Path(__file__).parent / "programs"
HOUR = 3600.0


class Clock:
    """Seconds since 1970, set by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

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


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is moved by hand makes no sound, so the worker looks at it more often than it would."""
    monkeypatch.setattr("perscom_receiver._worker.POLL", 0.02)


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    """The worker runs inside; afterwards it has stopped, within a few seconds."""
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, 15)


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.005)


def work(worker: Worker, condition: Callable[[], object]) -> None:
    """Run the worker until ``condition`` holds, then stop it."""

    async def main() -> None:
        async with working(worker):
            await until(condition)

    asyncio.run(main())


def idle(inbox: SQLiteInbox) -> Callable[[], bool]:
    """Whether nothing waits or runs any more."""
    return lambda: inbox.health().waiting == 0


def add(inbox: SQLiteInbox, count: int = 1, name: str = "user.created") -> list[Event]:
    events = [make_event(name) for _ in range(count)]
    for event in events:
        inbox.add(event)
    return events


def rows(inbox: SQLiteInbox, sql: str) -> list[tuple[Any, ...]]:
    return inbox.database.read(lambda c: c.execute(sql).fetchall())


def tasks(inbox: SQLiteInbox) -> list[tuple[str, State, int, str | None]]:
    """Handler, state, attempts and error of all tasks."""
    sql = "SELECT lane.name, state, attempt, error FROM task JOIN lane ON lane.id = task.lane ORDER BY task.id"
    return [(name, State(state), attempt, error) for name, state, attempt, error in rows(inbox, sql)]


def outcomes(inbox: SQLiteInbox) -> list[str]:
    return [outcome for (outcome,) in rows(inbox, "SELECT outcome FROM attempt ORDER BY task, n")]


class Recorder:
    """A handler that notes what it was called with, and fails as long as it is told to."""

    def __init__(self, *errors: BaseException) -> None:
        self.events: list[Event] = []
        self.errors = list(errors)

    async def __call__(self, event: Event) -> None:
        self.events.append(event)
        if self.errors:
            raise self.errors.pop(0)


def router(**handlers: Callable[[Event], object]) -> Router:
    """A router with these handlers for every event, by name."""
    made = Router()
    for name, call in handlers.items():
        made.add(Handler(key=name, call=call, patterns=("*",)))
    return made


def lane(call: Callable[[Event], object], **settings: Any) -> Router:
    """A router with one handler of these settings."""
    made = Router()
    made.add(Handler(key="handler", call=call, patterns=("*",), **settings))
    return made


class TestHandling:
    def test_sync_and_async_handlers_each_get_every_event_that_they_want(self, inbox: SQLiteInbox) -> None:
        seen: dict[str, list[str]] = {"sync": [], "async": [], "all": []}
        threads: dict[str, threading.Thread] = {}
        made = Router()

        @made.on("user.*")
        def sync_handler(event: Event) -> None:
            seen["sync"].append(event.id)
            threads["sync"] = threading.current_thread()

        @made.on("rankrecord.created")
        async def async_handler(event: Event) -> None:
            seen["async"].append(event.id)
            threads["async"] = threading.current_thread()

        @made.on("*")
        def all_events(event: Event) -> None:
            seen["all"].append(event.id)

        users, ranks = add(inbox, 3), add(inbox, 2, "rankrecord.created")
        work(Worker(inbox, made), idle(inbox))
        assert seen["sync"] == [event.id for event in users]
        assert seen["async"] == [event.id for event in ranks]
        assert seen["all"] == [event.id for event in users + ranks], "in the order of their arrival"
        assert threads["async"] is threading.main_thread()
        assert threads["sync"] is not threading.main_thread(), "what blocks must not block the event loop"

    def test_a_handler_may_be_any_callable(self, inbox: SQLiteInbox) -> None:
        seen: list[str] = []

        class Sync:
            def __call__(self, event: Event) -> None:
                seen.append("sync object")

        class Async:
            async def __call__(self, event: Event) -> None:
                seen.append("async object")

        async def named(event: Event, *, name: str) -> None:
            seen.append(name)

        add(inbox)
        handlers = router(
            a=Sync(), b=Async(), c=functools.partial(named, name="partial"), d=lambda event: seen.append("lambda")
        )
        work(Worker(inbox, handlers), idle(inbox))
        assert sorted(seen) == ["async object", "lambda", "partial", "sync object"]

    def test_events_that_arrive_while_it_works_are_handled_at_once(
        self, inbox: SQLiteInbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._worker.POLL", 60)
        handler = Recorder()

        async def main() -> None:
            async with working(Worker(inbox, router(handler=handler))):
                for n in range(5):
                    event = make_event("user.created")
                    await inbox.aadd(event)
                    await until(lambda n=n: len(handler.events) == n + 1, seconds=2)  # type: ignore[misc]

        asyncio.run(main())

    def test_an_event_that_no_handler_wants_is_kept_and_waits_for_nobody(self, inbox: SQLiteInbox) -> None:
        add(inbox)
        made = Router()
        made.on("message.*")(Recorder().__call__)
        work(Worker(inbox, made), idle(inbox))
        assert inbox.health().stored == 1

    def test_the_test_of_perscom_is_done_and_seen_though_no_handler_wants_it(
        self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        receiver, secret = Receiver("0123456789abcdef", inbox=inbox), "0123456789abcdef"
        headers, body = signed_request("webhook.test", secret)
        made = Router()
        made.on("rankrecord.*")(Recorder().__call__)
        with caplog.at_level(logging.INFO, "perscom_receiver"):
            assert TestClient(webhook_app(receiver)).post("/", content=body, headers=headers).status_code == 202
            work(Worker(inbox, made), idle(inbox))
        event = Event.parse(body)
        assert [record.getMessage() for record in caplog.records] == [
            f"stored {event.id[:12]} webhook.test",
            f"no handler wants {event.id[:12]} webhook.test",
        ]
        health = inbox.health()
        assert (health.stored, health.waiting, health.dead, health.unknown_names) == (1, 0, 0, {})

    def test_a_name_that_nobody_knows_is_handled_by_whom_it_fits_and_told_once(
        self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        seen: list[str] = []
        made = Router()
        made.on("*record.created", name="records")(lambda event: seen.append(event.name))
        names = ["trainingrecord.created"] * 3 + ["unit.moved\nforged line", "rankrecord.created"]
        for name in names:
            inbox.add(make_event(name, data={}))
        work(Worker(inbox, made), idle(inbox))
        assert seen == ["trainingrecord.created"] * 3 + ["rankrecord.created"]
        told = [record.getMessage() for record in caplog.records if "does not know" in record.getMessage()]
        assert [line.partition(",")[0] for line in told] == [
            "PERSCOM sent 'trainingrecord.created'", r"PERSCOM sent 'unit.moved\nforged line'",
        ]  # fmt: skip

    def test_names_without_end_do_not_fill_the_log(
        self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._planner.MOST_NEW_NAMES", 5)
        for n in range(20):
            inbox.add(make_event(f"made.up{n}", data={}))
        work(Worker(inbox, router(handler=Recorder())), idle(inbox))
        assert caplog.text.count("does not know") == 5
        assert len(inbox.health().unknown_names) == 20

    def test_a_worker_without_handlers_says_so_and_leaves_the_events_to_one_that_has_some(
        self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        events, handler = add(inbox), Recorder()

        async def main() -> None:
            async with working(Worker(inbox, Router())):
                await asyncio.sleep(0.2)

        asyncio.run(main())
        assert inbox.health().waiting == 1
        assert caplog.text.count("The router has no handlers") == 1
        work(Worker(inbox, router(handler=handler)), idle(inbox))
        assert handler.events == events

    def test_a_row_that_is_no_event_is_put_aside_and_stops_nobody(
        self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        add(inbox)
        inbox.database.write(lambda c: c.execute("UPDATE event SET body = ?", (b"[[[",)).rowcount)
        (good,), handler = add(inbox), Recorder()
        work(Worker(inbox, router(handler=handler)), idle(inbox))
        assert handler.events == [good]
        assert "row 1 is no event" in caplog.text

    def test_patience_counts_from_the_first_attempt_and_not_while_a_destination_was_off(
        self, inbox: SQLiteInbox, clock: Clock
    ) -> None:
        add(inbox)
        off = DestinationError("gone", outcome="permanent")
        work(Worker(inbox, lane(Recorder(off), fingerprint="old")), lambda: outcomes(inbox) == ["permanent"])
        clock.now += 30 * 24 * HOUR
        handler = Recorder(DestinationError("trouble", outcome="retry"))
        work(Worker(inbox, lane(handler, fingerprint="new")), lambda: outcomes(inbox) == ["permanent", "retry"])
        assert inbox.dead_letters() == []

    def test_a_platform_that_names_a_time_to_wait_is_never_given_up(self, inbox: SQLiteInbox, clock: Clock) -> None:
        add(inbox)
        handler = Recorder(*[DestinationError("later", outcome="retry", retry_after=1.0)] * 2)

        async def main() -> None:
            async with working(Worker(inbox, router(handler=handler), retry=RetryPolicy(give_up_after=HOUR))):
                for n in (1, 2, 3):
                    await until(lambda n=n: len(handler.events) == n)  # type: ignore[misc]
                    clock.now += 2 * HOUR
                await until(idle(inbox))

        asyncio.run(main())
        assert inbox.dead_letters() == []

    @pytest.mark.parametrize(("status", "calls"), [(502, 1), (504, 1), (503, 2)])
    def test_at_most_once_does_not_repeat_what_a_server_in_trouble_may_have_done(
        self, inbox: SQLiteInbox, clock: Clock, status: int, calls: int
    ) -> None:
        add(inbox)
        handler = Recorder(DestinationError("trouble", outcome="retry", status=status))

        async def main() -> None:
            async with working(Worker(inbox, lane(handler, repeat_unclear=False))):
                await until(lambda: handler.events)
                await until(lambda: outcomes(inbox))
                clock.now += HOUR
                await until(idle(inbox))

        asyncio.run(main())
        assert len(handler.events) == calls

    def test_a_clock_that_ran_ahead_and_was_set_right_parks_nothing_for_long(
        self, inbox: SQLiteInbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._worker.BEAT", 0.05)
        handler = Recorder(DestinationError("trouble", outcome="retry"))
        clock.now += 365 * 24 * HOUR
        add(inbox)

        async def main() -> None:
            async with working(Worker(inbox, lane(handler, hold=True))):
                await until(lambda: outcomes(inbox) == ["retry"])
                clock.now -= 365 * 24 * HOUR
                await asyncio.sleep(0.2)
                clock.now += 2 * HOUR
                await until(lambda: len(handler.events) == 2)

        asyncio.run(main())

    def test_what_a_handler_returns_is_kept_as_its_receipt_if_it_is_a_struct(self, inbox: SQLiteInbox) -> None:
        class Sent(msgspec.Struct):
            message: str

        async def receipt(event: Event) -> Sent:
            return Sent("42")

        add(inbox)
        work(Worker(inbox, router(a=receipt, b=lambda event: "not kept", c=lambda event: None)), idle(inbox))
        assert rows(inbox, "SELECT receipt FROM task ORDER BY id") == [('{"message":"42"}',), (None,), (None,)]

    def test_a_receipt_that_cannot_be_written_down_repeats_nothing(
        self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Odd(msgspec.Struct):
            connection: object

        calls: list[Event] = []

        async def odd(event: Event) -> Odd:
            calls.append(event)
            return Odd(object())

        add(inbox)
        work(Worker(inbox, router(odd=odd)), idle(inbox))
        assert (len(calls), tasks(inbox)) == (1, [("odd", State.DONE, 1, None)])
        assert "receipt" in caplog.text

    def test_no_more_tasks_of_a_handler_run_at_once_than_it_allows(self, inbox: SQLiteInbox) -> None:
        now, most = {"one": 0, "three": 0}, {"one": 0, "three": 0}

        def handler(name: str) -> Callable[[Event], object]:
            async def call(event: Event) -> None:
                now[name] += 1
                most[name] = max(most[name], now[name])
                await asyncio.sleep(0.005)
                now[name] -= 1

            return call

        made = Router()
        made.add(Handler(key="one", call=handler("one"), patterns=("*",)))
        made.add(Handler(key="three", call=handler("three"), patterns=("*",), concurrency=3))
        add(inbox, 20)
        work(Worker(inbox, made), idle(inbox))
        assert most == {"one": 1, "three": 3}

    def test_no_more_tasks_run_at_once_than_the_worker_allows(self, inbox: SQLiteInbox) -> None:
        now = most = 0

        async def call(event: Event) -> None:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1

        add(inbox, 20)
        work(Worker(inbox, lane(call, concurrency=20), running=4), idle(inbox))
        assert most == 4

    def test_one_worker_runs_once_at_a_time_and_may_run_again(self, inbox: SQLiteInbox) -> None:
        worker = Worker(inbox, router(handler=Recorder()))

        async def main() -> None:
            async with working(worker):
                await asyncio.sleep(0)
                with pytest.raises(ConfigurationError, match="runs already"):
                    await worker.run()
            async with working(worker):
                add(inbox)
                await until(idle(inbox))

        asyncio.run(main())

    def test_a_handler_registered_while_it_works_gets_what_arrives_then(self, inbox: SQLiteInbox) -> None:
        first, second = Recorder(), Recorder()
        made = router(first=first)

        async def main() -> None:
            async with working(Worker(inbox, made)):
                add(inbox)
                await until(lambda: len(first.events) == 1)
                made.on("user.*", name="second")(second)
                add(inbox)
                await until(lambda: len(first.events) == 2 and len(second.events) == 1)

        asyncio.run(main())

    def test_what_is_around_a_handler_is_opened_and_closed_where_it_runs(self, inbox: SQLiteInbox) -> None:
        where = contextvars.ContextVar("where", default="outside")
        seen: list[str] = []

        @contextmanager
        def around() -> Iterator[None]:
            token = where.set("inside")
            try:
                yield
            finally:
                where.reset(token)  # fails in another thread or task than that of the set

        def plain(event: Event) -> None:
            seen.append(where.get())

        async def later(event: Event) -> None:
            await asyncio.sleep(0)
            seen.append(where.get())

        async def fails(event: Event) -> None:
            seen.append(where.get())
            raise ValueError

        add(inbox)
        handlers = router(plain=plain, later=later, partial=functools.partial(later), fails=fails)
        work(Worker(inbox, handlers, around=around, retry=RetryPolicy(give_up_after=0)), idle(inbox))
        assert seen == ["inside"] * 4
        assert sorted(outcomes(inbox)) == ["done"] * 3 + ["retry"]
        assert "ValueError" in str(tasks(inbox))

    def test_settings_that_cannot_work_are_refused(self, inbox: SQLiteInbox) -> None:
        for settings in ({"lease": 5.0}, {"running": 0}, {"grace": -1.0}):
            with pytest.raises(ConfigurationError):
                Worker(inbox, Router(), **settings)


class TestFailures:
    def test_one_failing_handler_stops_neither_the_others_nor_its_own_next_events(self, inbox: SQLiteInbox) -> None:
        seen: list[Event] = []

        async def broken(event: Event) -> None:
            raise ValueError("broken for good")

        events = add(inbox, 3)
        work(Worker(inbox, router(broken=broken, good=seen.append)), lambda: len(outcomes(inbox)) == 6)
        assert seen == events
        assert sorted(tasks(inbox)) == [
            *[("broken", State.WAITING, 1, "ValueError (see the log)")] * 3,
            *[("good", State.DONE, 1, None)] * 3,
        ]

    def test_a_failing_handler_is_called_again_after_growing_waits(self, inbox: SQLiteInbox, clock: Clock) -> None:
        handler = Recorder(ValueError("1"), OSError("2"), RuntimeError("3"))
        add(inbox)
        waits = []

        async def main() -> None:
            async with working(Worker(inbox, router(handler=handler), retry=RetryPolicy(first=5, factor=2))):
                for n in (1, 2, 3):
                    await until(lambda n=n: len(outcomes(inbox)) == n)  # type: ignore[misc]
                    ((due,),) = rows(inbox, "SELECT due FROM task")
                    waits.append(due - clock.now)
                    clock.now = due - 0.1
                    await asyncio.sleep(0.1)
                    assert len(handler.events) == n, "not before its time"
                    clock.now = due
                await until(idle(inbox))

        asyncio.run(main())
        assert [round(wait / 1.1) <= base <= wait for wait, base in zip(waits, (5, 10, 20), strict=True)] == [True] * 3
        assert outcomes(inbox) == ["retry", "retry", "retry", "done"]
        assert len({event.id for event in handler.events}) == 1

    def test_a_handler_that_never_succeeds_ends_as_a_dead_letter_and_can_be_revived(
        self, inbox: SQLiteInbox, clock: Clock
    ) -> None:
        handler = Recorder(*[ValueError("no")] * 3)
        add(inbox)

        async def main() -> None:
            async with working(Worker(inbox, router(handler=handler), retry=RetryPolicy(give_up_after=2 * HOUR))):
                for n in (1, 2, 3):
                    await until(lambda n=n: len(outcomes(inbox)) == n)  # type: ignore[misc]
                    clock.now += HOUR
                (letter,) = inbox.dead_letters()
                assert (letter.handler, letter.attempts, letter.error) == ("handler", 3, "ValueError (see the log)")
                assert inbox.revive(letter.task)
                await until(idle(inbox))

        asyncio.run(main())
        assert len(handler.events) == 4
        assert inbox.dead_letters() == []

    def test_each_handler_may_have_its_own_patience(self, inbox: SQLiteInbox, clock: Clock) -> None:
        errors = [ValueError("no")] * 9
        made = Router()
        made.on("*", name="once", retry=RetryPolicy(give_up_after=0))(Recorder(*errors))
        made.on("*", name="slow", retry=RetryPolicy(first=600))(Recorder(*errors))
        made.on("*", name="as the worker")(Recorder(*errors))
        add(inbox)
        work(Worker(inbox, made, retry=RetryPolicy(first=7)), lambda: len(outcomes(inbox)) == 3)
        waiting = rows(inbox, "SELECT lane.name, due FROM task JOIN lane ON lane.id = task.lane WHERE state = 0")
        waits = {name: due - clock.now for name, due in waiting}
        assert waits == {"slow": pytest.approx(630, abs=30), "as the worker": pytest.approx(7.35, abs=0.35)}
        assert [letter.handler for letter in inbox.dead_letters()] == ["once"]

    def test_a_wait_of_its_own_may_be_longer_than_those_of_a_platform(
        self, inbox: SQLiteInbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._worker.BEAT", 0.01)
        patient = RetryPolicy(first=20 * HOUR, longest=20 * HOUR)
        add(inbox)

        async def main() -> None:
            async with working(Worker(inbox, lane(Recorder(ValueError("no")), retry=patient))):
                await until(lambda: outcomes(inbox))
                clock.now += 1
                await until(lambda: inbox.health().worker_seen == 0)

        asyncio.run(main())
        ((due,),) = rows(inbox, "SELECT due FROM task")
        assert due - clock.now > 19 * HOUR

    def test_the_log_has_the_traceback_and_the_database_has_nothing_of_the_event(
        self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        handler = Recorder(ValueError("the secret phone number is 555"))
        (event,) = add(inbox)
        work(Worker(inbox, router(handler=handler)), lambda: outcomes(inbox))
        (record,) = [record for record in caplog.records if record.exc_info]
        assert event.id[:12] in record.getMessage()
        assert "handler" in record.getMessage()
        assert "555" not in str(rows(inbox, "SELECT error FROM task UNION ALL SELECT error FROM attempt"))

    @pytest.mark.parametrize("kind", ["sync", "async"])
    @pytest.mark.parametrize("error", [StopIteration, SystemExit, asyncio.CancelledError, StopAsyncIteration])
    def test_whatever_a_handler_raises_is_a_failure_like_any_other(
        self, inbox: SQLiteInbox, kind: str, error: type[BaseException]
    ) -> None:
        def sync_handler(event: Event) -> None:
            raise error

        async def async_handler(event: Event) -> None:
            raise error

        seen: list[Event] = []
        add(inbox)
        handlers = router(broken=sync_handler if kind == "sync" else async_handler, good=seen.append)
        work(Worker(inbox, handlers), lambda: len(outcomes(inbox)) == 2)
        assert sorted(outcomes(inbox)) == ["done", "retry"]
        assert len(seen) == 1

    def test_a_condition_that_fails_stops_neither_the_worker_nor_other_handlers(
        self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        made, seen = Router(), list[Event]()
        made.add(Handler(key="picky", call=seen.append, patterns=("*",), when=lambda event: event.data["no such key"]))  # type: ignore[index]
        made.add(Handler(key="good", call=seen.append, patterns=("*",)))
        events = add(inbox, 2)
        work(Worker(inbox, made), idle(inbox))
        assert seen == events
        assert "picky" in caplog.text
        assert "no such key" in caplog.text

    def test_an_error_text_that_is_no_unicode_is_kept_as_well_as_can_be(self, inbox: SQLiteInbox) -> None:
        add(inbox)
        handler = Recorder(DestinationError("broken \ud800 text", outcome="rejected"))
        work(Worker(inbox, router(handler=handler)), idle(inbox))
        assert tasks(inbox) == [("handler", State.DEAD, 1, "broken ? text")]

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), BaseException("of one's own")])
    def test_whatever_a_handler_raises_is_an_outcome_and_ends_nothing_else(
        self, inbox: SQLiteInbox, error: BaseException
    ) -> None:
        bad, good = Recorder(error), Recorder()
        add(inbox)
        work(Worker(inbox, router(bad=bad, good=good), retry=RetryPolicy(give_up_after=0)), idle(inbox))
        assert [(name, state) for name, state, _, _ in tasks(inbox)] == [("bad", State.DEAD), ("good", State.DONE)]

    def test_a_generator_that_only_a_call_shows_is_a_failure(self, inbox: SQLiteInbox) -> None:
        add(inbox)
        work(Worker(inbox, lane(lambda event: (x for x in ())), retry=RetryPolicy(give_up_after=0)), idle(inbox))
        assert tasks(inbox)[0][1] is State.DEAD

    def test_a_receipt_that_is_too_large_is_not_kept_but_the_work_is_done(
        self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Text(msgspec.Struct):
            text: str

        add(inbox)
        work(Worker(inbox, lane(lambda event: Text("x" * 65536))), idle(inbox))
        assert rows(inbox, "SELECT state, receipt FROM task") == [(State.DONE, None)]
        assert "at most 65536" in caplog.text


class TestDestinationErrors:
    def failing(self, outcome: Outcome, **more: Any) -> Recorder:
        return Recorder(DestinationError("The platform said so.", outcome=outcome, **more))

    def test_retry_waits_as_long_as_the_platform_asks(self, inbox: SQLiteInbox, clock: Clock) -> None:
        handler = self.failing("retry", retry_after=123.0, status=429)
        add(inbox)

        async def main() -> None:
            async with working(Worker(inbox, router(handler=handler))):
                await until(lambda: outcomes(inbox) == ["retry"])
                assert rows(inbox, "SELECT due FROM task") == [(clock.now + 123,)]
                assert rows(inbox, "SELECT status, error FROM attempt") == [(429, "The platform said so.")]
                clock.now += 123
                await until(idle(inbox))

        asyncio.run(main())
        assert outcomes(inbox) == ["retry", "done"]

    def test_no_handler_is_called_more_than_once_a_second_about_one_event(self, inbox: SQLiteInbox, clock: Clock) -> None:
        handler = Recorder(*(DestinationError("Now!", outcome="retry", retry_after=0) for _ in range(3)))
        add(inbox)
        work(Worker(inbox, router(handler=handler)), lambda: outcomes(inbox) == ["retry"])
        assert rows(inbox, "SELECT due FROM task") == [(clock.now + 1,)]

    @pytest.mark.parametrize("more", [{"retry_after": -1}, {"retry_after": float("nan")}, {"status": 2**70}, {"status": -1}])
    def test_what_can_be_no_time_and_no_status_is_refused_where_it_is_said(self, more: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="is"):
            DestinationError("no", outcome="retry", **more)

    def test_rejected_is_a_dead_letter_at_once(self, inbox: SQLiteInbox) -> None:
        handler = self.failing("rejected", status=400)
        add(inbox, 2)
        work(Worker(inbox, router(handler=handler)), idle(inbox))
        assert tasks(inbox) == [("handler", State.DEAD, 1, "The platform said so."), ("handler", State.DONE, 1, None)]

    @pytest.mark.parametrize(("repeat", "state"), [(True, State.WAITING), (False, State.DEAD)])
    def test_unclear_is_repeated_or_put_aside_as_the_handler_says(self, inbox: SQLiteInbox, repeat: bool, state: State) -> None:
        add(inbox)
        work(Worker(inbox, lane(self.failing("unclear"), repeat_unclear=repeat)), lambda: outcomes(inbox) == ["unclear"])
        assert tasks(inbox) == [("handler", state, 1, "The platform said so.")]

    def test_permanent_switches_the_handler_off_and_keeps_its_events_in_order(
        self, inbox: SQLiteInbox, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        handler, seen = self.failing("permanent", status=404), list[Event]()
        events = add(inbox, 3)
        made = router(off=handler, good=seen.append)

        async def main() -> None:
            async with working(Worker(inbox, made)):
                await until(lambda: len(seen) == 3)
                clock.now += 10 * HOUR
                events.extend(add(inbox))
                await until(lambda: len(seen) == 4)
                assert len(handler.events) == 1, "nobody knocks at a door that is gone"
                assert rows(inbox, "SELECT paused FROM lane WHERE name = 'off'") == [("The platform said so.",)]
                assert "switched off off" in caplog.text
                # Somebody else, perhaps in another process, switches it on again.
                inbox.database.write(lambda c: inbox.queue.resume(c, "off"))
                await until(idle(inbox))

        asyncio.run(main())
        assert handler.events[1:] == events

    def test_a_handler_that_was_switched_off_is_on_again_when_its_settings_changed(self, inbox: SQLiteInbox) -> None:
        handler = self.failing("permanent")
        events = add(inbox)
        work(Worker(inbox, lane(handler, fingerprint="old")), lambda: outcomes(inbox) == ["permanent"])
        work(Worker(inbox, lane(handler, fingerprint="old")), lambda: inbox.health().worker_seen is not None)
        assert len(handler.events) == 1
        work(Worker(inbox, lane(handler, fingerprint="new")), idle(inbox))
        assert handler.events == events * 2

    @pytest.mark.parametrize("hold", [True, False])
    def test_a_failing_event_holds_those_behind_it_or_lets_them_pass(
        self, inbox: SQLiteInbox, clock: Clock, hold: bool
    ) -> None:
        handler = self.failing("retry", retry_after=60.0)
        first, second = add(inbox, 2)

        async def main() -> None:
            async with working(Worker(inbox, lane(handler, hold=hold))):
                await until(lambda: len(outcomes(inbox)) == (1 if hold else 2))
                await asyncio.sleep(0.1)
                assert handler.events == ([first] if hold else [first, second])
                clock.now += 60
                await until(idle(inbox))

        asyncio.run(main())
        assert handler.events == ([first, first, second] if hold else [first, second, first])


class TestHanging:
    def test_a_hanging_handler_delays_no_other(self, inbox: SQLiteInbox) -> None:
        release, seen = threading.Event(), list[Event]()

        async def hang(event: Event) -> None:
            await asyncio.to_thread(release.wait, 10)

        made = router(hang=hang, good=seen.append)
        made.add(Handler(key="hang in threads", call=lambda event: release.wait(10), patterns=("*",), concurrency=30))

        async def main() -> None:
            async with working(Worker(inbox, made)):
                add(inbox, 30)
                await until(lambda: len(seen) == 30, seconds=3)
                release.set()

        asyncio.run(main())

    def test_any_number_of_handlers_that_hang_delay_no_other(self, inbox: SQLiteInbox) -> None:
        good, release = Recorder(), asyncio.Event()

        async def hang(event: Event) -> None:
            await release.wait()

        made = router(**{f"bad {n}": hang for n in range(120)}, good=good)
        made.add(Handler(key="wide", call=hang, patterns=("*",), concurrency=120))

        async def main() -> None:
            async with working(Worker(inbox, made, grace=5)):
                add(inbox, 120)
                await until(lambda: len(good.events) == 120)
                release.set()

        asyncio.run(main())

    def test_one_that_is_cut_off_again_and_again_is_given_up_when_the_patience_is_over(
        self, inbox: SQLiteInbox, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        started = list[Event]()

        async def hang(event: Event) -> None:
            started.append(event)
            await asyncio.sleep(3600)

        add(inbox)
        for n in range(3):
            work(Worker(inbox, lane(hang, retry=RetryPolicy(give_up_after=HOUR)), grace=0.1), lambda n=n: len(started) > n)  # type: ignore[misc]
            clock.now += HOUR / 2 - 1
        clock.now += 2
        work(Worker(inbox, lane(hang, retry=RetryPolicy(give_up_after=HOUR))), idle(inbox))
        assert len(started) == 3
        assert "cut off again and again" in str(inbox.dead_letters()[0].error)

    def test_one_that_was_cut_off_once_is_called_again_however_long_nobody_worked(
        self, inbox: SQLiteInbox, clock: Clock
    ) -> None:
        started = list[Event]()

        async def hang(event: Event) -> None:
            started.append(event)
            await asyncio.sleep(3600)

        (event,) = add(inbox)
        work(Worker(inbox, lane(hang), grace=0.1), lambda: started)
        clock.now += 10 * 24 * HOUR
        again = Recorder()
        work(Worker(inbox, lane(again)), idle(inbox))
        assert again.events == [event]
        assert inbox.dead_letters() == []

    @pytest.mark.parametrize("repeat", [True, False])
    def test_what_hangs_is_cut_off_when_the_worker_stops_and_is_repeated_or_put_aside(
        self, inbox: SQLiteInbox, repeat: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        started, again = list[Event](), list[Event]()

        async def hang(event: Event) -> None:
            started.append(event)
            await asyncio.sleep(3600)

        (event,) = add(inbox)
        began = time.monotonic()
        work(Worker(inbox, lane(hang, repeat_unclear=repeat), grace=0.1), lambda: started)
        assert time.monotonic() - began < 2
        assert "1 handlers did not end within 0 s" in caplog.text
        work(Worker(inbox, lane(again.append, repeat_unclear=repeat)), idle(inbox))
        assert again == ([event] if repeat else [])
        assert outcomes(inbox) == (["unclear", "done"] if repeat else ["unclear"])
        assert len(inbox.dead_letters()) == (0 if repeat else 1)

    def test_what_runs_may_come_to_an_end_when_the_worker_stops(self, inbox: SQLiteInbox) -> None:
        started, ended = list[Event](), list[Event]()

        async def slow(event: Event) -> None:
            started.append(event)
            await asyncio.sleep(0.3)
            ended.append(event)

        add(inbox, 3)
        work(Worker(inbox, lane(slow)), lambda: started)
        assert (len(started), len(ended)) == (1, 1), "what has begun is finished, the rest is left for later"
        assert outcomes(inbox) == ["done"]
        assert inbox.health().waiting == 2

    def test_a_long_farewell_keeps_its_lease(self, inbox: SQLiteInbox, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("perscom_receiver._worker.BEAT", 0.02)
        started, thief = list[Event](), Recorder()

        async def slow(event: Event) -> None:
            started.append(event)
            await asyncio.sleep(0.6)

        async def main() -> None:
            add(inbox)
            async with working(Worker(inbox, lane(thief))):
                await until(lambda: len(thief.events) == 1)
            add(inbox)
            stop = asyncio.Event()
            leaving = asyncio.create_task(Worker(inbox, lane(slow), lease=30).run(stop))
            await until(lambda: started)
            stop.set()
            async with working(Worker(inbox, lane(thief))):
                while not leaving.done():
                    clock.now += 20
                    await asyncio.sleep(0.1)

        asyncio.run(main())
        assert len(thief.events) == 1
        assert outcomes(inbox) == ["done", "done"]

    def test_a_process_ends_although_a_sync_handler_hangs(self, path: Path, tmp_path: Path) -> None:
        inbox = SQLiteInbox(path)
        add(inbox)
        inbox.close()
        with program("hang.py", path, tmp_path / "log") as running:
            wait_for(lambda: (tmp_path / "log").exists())
            began = time.monotonic()
            running.send_signal(signal.SIGTERM)
            assert running.wait(10) == 0
            assert time.monotonic() - began < 2


class TestStopping:
    def test_a_restart_takes_less_than_two_seconds_and_loses_nothing(self, inbox: SQLiteInbox) -> None:
        handled: list[Event] = []

        async def handler(event: Event) -> None:
            await asyncio.sleep(0.001)
            handled.append(event)

        events = add(inbox, 60)
        longest = 0.0
        for enough in (10, 25, 40, 60):
            work(Worker(inbox, lane(handler)), lambda enough=enough: len(handled) >= enough)  # type: ignore[misc]
            began = time.monotonic()
            inbox.close()
            work(Worker(inbox, lane(handler)), lambda: True)
            longest = max(longest, time.monotonic() - began)
        assert handled == events, "each once, in order"
        assert longest < 2

    def test_a_worker_that_is_cancelled_gives_back_what_it_has_not_begun(self, inbox: SQLiteInbox) -> None:
        started, handled = list[Event](), list[Event]()

        async def hang(event: Event) -> None:
            started.append(event)
            await asyncio.sleep(3600)

        async def main() -> None:
            running = asyncio.create_task(Worker(inbox, lane(hang, concurrency=2), grace=0).run())
            await until(lambda: len(started) == 2)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

        events = add(inbox, 4)
        asyncio.run(main())
        work(Worker(inbox, lane(handled.append)), idle(inbox))
        assert handled == events

    def test_it_is_seen_while_it_works_and_not_afterwards(self, inbox: SQLiteInbox, clock: Clock) -> None:
        async def main() -> None:
            async with working(Worker(inbox, Router())):
                await until(lambda: inbox.health().worker_seen == 0)

        asyncio.run(main())
        assert inbox.health().worker_seen is None

    def test_signs_of_life_go_on_under_load(self, inbox: SQLiteInbox, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("perscom_receiver._worker.BEAT", 0.001)

        async def handler(event: Event) -> None:
            await asyncio.sleep(random.random() / 100)

        async def main() -> None:
            await asyncio.gather(*(inbox.aadd(make_event("user.created")) for _ in range(500)))
            async with working(Worker(inbox, lane(handler, concurrency=50))):
                await until(idle(inbox))
                clock.now += 5
                await until(lambda: inbox.health().worker_seen == 0, seconds=3)

        asyncio.run(main())

    def test_a_stop_is_heard_while_the_file_cannot_be_opened(self, tmp_path: Path) -> None:
        inbox = SQLiteInbox(tmp_path / "inbox.db")
        (tmp_path / "inbox.db.lock").mkdir()  # whoever wants the lock gets an error

        async def main() -> None:
            async with working(Worker(inbox, Router())):
                await asyncio.sleep(0.1)

        asyncio.run(asyncio.wait_for(main(), 5))

    def test_tasks_of_a_handler_that_was_renamed_are_named_in_the_log(
        self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture
    ) -> None:
        add(inbox, 2)
        work(Worker(inbox, router(old=Recorder(*[ValueError()] * 2))), lambda: len(outcomes(inbox)) == 2)
        new = Recorder()
        work(Worker(inbox, router(new=new)), lambda: "'old'" in caplog.text)
        assert "2 tasks wait for a handler called 'old', which this worker does not have" in caplog.text
        assert new.events == [], "a handler gets only what is new"
        assert len(tasks(inbox)) == 2


class TestClocks:
    def test_a_lease_is_renewed_as_long_as_the_handler_works(
        self, inbox: SQLiteInbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._worker.BEAT", 0.02)
        running, other = Recorder(), Recorder()

        async def long(event: Event) -> None:
            await running(event)
            for _ in range(10):
                clock.now += 20  # 200 s in all, with a lease of 30
                await asyncio.sleep(0.1)

        async def main() -> None:
            async with working(Worker(inbox, lane(long), lease=30)):
                await until(lambda: running.events)
                async with working(Worker(inbox, lane(other), lease=30)):
                    await until(idle(inbox))

        add(inbox)
        asyncio.run(main())
        assert (len(running.events), len(other.events)) == (1, 0)

    def test_a_clock_that_jumps_ahead_runs_no_task_twice_at_once(self, inbox: SQLiteInbox, clock: Clock) -> None:
        handler, release = Recorder(), asyncio.Event()

        async def slow(event: Event) -> None:
            await handler(event)
            await release.wait()

        async def main() -> None:
            async with working(Worker(inbox, lane(slow))):
                await until(lambda: handler.events)
                clock.now += 24 * HOUR  # the laptop was asleep
                await asyncio.sleep(0.2)
                release.set()
                await until(idle(inbox))

        add(inbox)
        asyncio.run(main())
        assert len(handler.events) == 1
        assert outcomes(inbox) == ["done"]

    def test_what_a_dead_worker_held_is_taken_over_when_its_lease_runs_out(self, inbox: SQLiteInbox, clock: Clock) -> None:
        handler = Recorder()
        (event,) = add(inbox)

        def die(connection: Any) -> None:
            lanes = [inbox.queue.lane(connection, "handler")]
            inbox.plan(connection, [(found, dict.fromkeys(lanes)) for found in inbox.pending(connection, 1)])
            inbox.queue.claim(connection, clock.now, 30, 1, lanes)

        inbox.database.write(die)

        async def main() -> None:
            async with working(Worker(inbox, lane(handler))):
                clock.now += 29
                await asyncio.sleep(0.1)
                assert handler.events == []
                clock.now += 1
                await until(idle(inbox))

        asyncio.run(main())
        assert handler.events == [event]


@contextmanager
def no_room() -> Iterator[None]:
    """Nothing can be written past the first page of a file, so that no commit finds room in a log that was written before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("path")
class TestFullDisk:
    def test_a_result_waits_for_room_and_is_not_repeated_even_if_its_lease_runs_out(
        self, inbox: SQLiteInbox, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        handler, full = Recorder(), asyncio.Event()

        async def slow(event: Event) -> None:
            await handler(event)
            await full.wait()

        async def main() -> None:
            async with working(Worker(inbox, lane(slow, repeat_unclear=True))):
                await until(lambda: handler.events)
                with no_room():
                    full.set()
                    await until(lambda: "could not write" in caplog.text)
                    clock.now += HOUR
                    await asyncio.sleep(0.1)
                await until(idle(inbox))

        add(inbox)
        asyncio.run(main())
        assert len(handler.events) == 1
        assert outcomes(inbox) == ["done"]

    def test_the_worker_goes_on_when_there_is_room_again(self, inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture) -> None:
        handler = Recorder()
        events = add(inbox, 5)

        async def main() -> None:
            with no_room():
                async with working(Worker(inbox, router(handler=handler))):
                    await until(lambda: "The worker cannot begin" in caplog.text)
            async with working(Worker(inbox, router(handler=handler))):
                await until(idle(inbox))
                events.extend(add(inbox, 5))
                with no_room():
                    await until(lambda: "The worker pauses" in caplog.text)
                await until(idle(inbox))

        asyncio.run(main())
        assert handler.events == events


class TestThreads:
    def test_a_worker_in_a_thread_serves_a_program_without_event_loop(self, inbox: SQLiteInbox) -> None:
        handler = Recorder()
        worker = Worker(inbox, router(handler=handler))
        for n in (1, 2):
            thread = worker.start_thread()
            events = add(inbox, 3)
            wait_for(lambda n=n: len(handler.events) == 3 * n)  # type: ignore[misc]
            thread.stop()
            thread.stop()
            assert handler.events[-3:] == events
        late = add(inbox)
        time.sleep(0.1)
        assert handler.events[-1] not in late, "it has stopped"

    def test_a_program_that_ends_without_stopping_its_worker_does_so_in_silence(self, path: Path) -> None:
        code = """
import atexit, sys, time
from perscom_receiver import Router, SQLiteInbox, Worker

router = Router()
router.on("*", name="print")(print)
Worker(SQLiteInbox(sys.argv[1]), router).start_thread()
atexit.register(time.sleep, 0.7)  # more than a look of the worker, which finds that no thread can be had any more
"""
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=20)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


@contextmanager
def program(name: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(PROGRAMS / name), *map(str, arguments)]
    with subprocess.Popen(command) as running:
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()


class TestProcesses:
    def test_two_workers_share_an_inbox_and_no_task_is_in_both_hands(self, db: str, tmp_path: Path) -> None:
        log = tmp_path / "log"
        log.touch()
        with program("work.py", db, log) as one, program("work.py", db, log) as two:
            inbox = SQLiteInbox(db)
            wait_for(lambda: rows(inbox, "SELECT count(*) FROM worker") == [(2,)])
            events = []
            for _ in range(25):  # stored by a third process: the workers find them by looking
                events += add(inbox, 4)
                time.sleep(0.04)
            wait_for(lambda: log.read_text().count("end") >= 2 * len(events), seconds=20)
            wait_for(idle(inbox))
            for running in (one, two):
                running.send_signal(signal.SIGTERM)
                assert running.wait(10) == 0
        lines = [line.split() for line in log.read_text().splitlines()]
        assert inbox.health().waiting == 0
        inbox.close()
        open_tasks: set[str] = set()
        counts: dict[str, int] = {}
        for what, task, _ in lines:
            assert (task in open_tasks) is (what == "end"), "one task in two hands"
            (open_tasks.add if what == "begin" else open_tasks.remove)(task)
            counts[task] = counts.get(task, 0) + (what == "begin")
        assert set(counts) == {f"{handler}/{event.id}" for event in events for handler in ("first", "second")}
        assert set(counts.values()) == {1}
        assert len({pid for _, _, pid in lines}) == 2, "both had their share"
