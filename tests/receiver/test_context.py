"""What a handler may know besides the event: who gets it, and what is in it."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perscom_receiver import ConfigurationError, Context, Event, Handler, Router, SQLiteInbox, Worker
from perscom_receiver._migrations import MIGRATIONS
from perscom_receiver.queue import Queue
from perscom_receiver.testing import make_event


class Posted(msgspec.Struct):
    message: int


class Row(msgspec.Struct):
    row: str


@pytest.fixture
def inbox(db: str) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(db)
    yield inbox
    inbox.close()


def work(inbox: SQLiteInbox, *handlers: Handler, until: Callable[[], object] | None = None, grace: float = 10) -> None:
    """Run a worker until nothing waits any more, or until ``until`` holds."""
    enough = until or (lambda: inbox.health().waiting == 0)
    router = Router()
    for handler in handlers:
        router.add(handler)

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(Worker(inbox, router, grace=grace).run(stop))
        end = time.monotonic() + 10
        while not enough():
            assert time.monotonic() < end, "it did not come to pass"
            await asyncio.sleep(0.005)
        stop.set()
        await running

    asyncio.run(main())


def handler(call: Callable[..., object], key: str = "handler", **settings: Any) -> Handler:
    return Handler(key=key, call=call, patterns=("*",), **settings)


class Shapes:
    """Callables of every kind that note what they were called with."""

    def __init__(self) -> None:
        self.got: list[tuple[Any, ...]] = []

    def method(self, event: Event, context: Context) -> None:
        self.got.append((event, context))

    async def async_method(self, event: Event, context: Context) -> None:
        self.got.append((event, context))

    def __call__(self, event: Event, about: Context, /) -> None:
        self.got.append((event, about))

    def with_a_default(self, event: Event, context: Context | None = None) -> None:
        self.got.append((event, context))

    def of_three(self, channel: str, event: Event, context: Context) -> None:
        self.got.append((event, context))

    def one(self, event: Event) -> None:
        self.got.append((event,))

    async def async_one(self, event: Event) -> None:
        self.got.append((event,))

    def bound_early(self, event: Event, channel: str = "staff", *, name: str = "x") -> None:
        self.got.append((event, channel))

    def anything(self, *arguments: object, **more: object) -> None:
        self.got.append(arguments)


class TestWhoGetsIt:
    @pytest.mark.parametrize(
        "shape",
        [
            lambda s: s.method,
            lambda s: s.async_method,
            lambda s: s,
            lambda s: s.with_a_default,
            lambda s: functools.partial(s.of_three, "channel"),
            lambda s: lambda event, context: s.got.append((event, context)),
            lambda s: functools.wraps(s.method)(lambda *arguments: s.method(*arguments)),
        ],
        ids=["method", "async method", "object", "default called context", "partial", "lambda", "wrapper"],
    )
    def test_a_second_parameter_gets_it(self, inbox: SQLiteInbox, shape: Callable[[Shapes], Callable[..., object]]) -> None:
        shapes, event = Shapes(), make_event("user.created")
        inbox.add(event)
        work(inbox, handler(shape(shapes)))
        ((got, context),) = shapes.got
        assert got == event
        assert isinstance(context, Context)
        assert context.attempt == 1

    @pytest.mark.parametrize(
        ("shape", "got"),
        [
            (lambda s: s.one, ()),
            (lambda s: s.async_one, ()),
            (lambda s: s.bound_early, ("staff",)),
            (lambda s: lambda event, s=s: s.got.append((event,)), ()),
            (lambda s: s.anything, ()),
            (lambda s: functools.partial(s.of_three, "channel", context=None), (None,)),
        ],
        ids=["method", "async method", "bound early", "lambda bound early", "*arguments", "partial"],
    )
    def test_all_others_go_on_without_it(
        self, inbox: SQLiteInbox, shape: Callable[[Shapes], Callable[..., object]], got: tuple[object, ...]
    ) -> None:
        shapes, event = Shapes(), make_event("user.created")
        inbox.add(event)
        work(inbox, handler(shape(shapes)))
        assert shapes.got == [(event, *got)]

    def test_a_callable_that_tells_nothing_of_itself_gets_the_event(self) -> None:
        assert handler(type).takes_context is False

    @pytest.mark.parametrize(
        "call",
        [lambda: None, lambda event, context, more: None, lambda event, *, channel: None, lambda *, event: None],
        ids=["none", "three", "a keyword", "only a keyword"],
    )
    def test_what_can_be_called_in_neither_way_is_refused_where_it_is_registered(self, call: Callable[..., object]) -> None:
        router = Router()
        with pytest.raises(ConfigurationError, match=r"takes \(event\) or \(event, context\)"):
            router.on("*")(call)
        assert router.handlers == ()


class TestAttempts:
    def test_it_counts_and_keeps_one_key_for_all_of_them(self, inbox: SQLiteInbox) -> None:
        seen: list[Context] = []

        def failing(event: Event, context: Context) -> None:
            seen.append(context)
            if context.attempt < 3:
                raise ValueError

        inbox.add(make_event("user.created"))
        for _ in range(3):
            count = len(seen)
            inbox.database.write(lambda c: c.execute("UPDATE task SET due = 0").rowcount)
            inbox.database.write(lambda c: c.execute("UPDATE lane SET ready = 0").rowcount)
            work(inbox, handler(failing), until=lambda count=count: len(seen) > count)  # type: ignore[misc]
            inbox.close()
        assert [context.attempt for context in seen] == [1, 2, 3]
        assert len({context.idempotency_key for context in seen}) == 1
        assert not any(context.unclear for context in seen)

    def test_each_handler_has_a_key_of_its_own_for_each_event(self, inbox: SQLiteInbox) -> None:
        keys: list[str] = []
        for _ in range(3):
            inbox.add(make_event("user.created"))
        handlers = [handler(lambda event, context: keys.append(context.idempotency_key), key) for key in ("one", "two")]
        work(inbox, *handlers)
        assert len(set(keys)) == 6
        assert all(len(key) == 64 and set(key) <= set("0123456789abcdef") for key in keys)

    def test_one_that_was_cut_off_is_told_when_it_is_repeated(self, inbox: SQLiteInbox) -> None:
        seen: list[Context] = []

        async def hang(event: Event, context: Context) -> None:
            seen.append(context)
            await asyncio.sleep(3600 if context.attempt == 1 else 0)

        inbox.add(make_event("user.created"))
        work(inbox, handler(hang), until=lambda: seen, grace=0)
        work(inbox, handler(hang))
        assert [(context.attempt, context.unclear) for context in seen] == [(1, False), (2, True)]


class TestReceipts:
    def about(self, number: object, name: str = "rankrecord.updated") -> Event:
        return make_event(name, id=number)

    def test_a_handler_finds_what_it_returned_about_the_same_thing(self, inbox: SQLiteInbox) -> None:
        before: list[Posted | None] = []

        def post(event: Event, context: Context) -> Posted:
            before.append(context.previous(Posted))
            return Posted(len(before))

        for event in (self.about(17), self.about(18), self.about(17), self.about(17, "rankrecord.deleted")):
            inbox.add(event)
        work(inbox, handler(post))
        assert before == [None, None, Posted(1), Posted(3)]

    def test_nothing_of_other_handlers_sites_and_resources_nor_of_events_without_an_id(
        self, inbox: SQLiteInbox, tmp_path: Path
    ) -> None:
        seen: list[Context] = []

        def post(event: Event, context: Context) -> Posted:
            seen.append(context)
            return Posted(1)

        def note(event: Event) -> Posted:
            return Posted(2)

        bravo = SQLiteInbox(inbox.database, site="bravo")
        for event in (self.about(17), self.about(17, "awardrecord.updated"), *(self.about(None) for _ in range(2))):
            inbox.add(event)
        bravo.add(self.about(17))
        for each in (inbox, bravo):
            work(each, handler(post, "post"), handler(note, "note"))
        assert [context.receipts for context in seen] == [()] * 5

    def test_there_are_ten_at_most_newest_first(self, inbox: SQLiteInbox) -> None:
        seen: list[tuple[str, ...]] = []

        def post(event: Event, context: Context) -> Posted:
            seen.append(context.receipts)
            return Posted(len(seen))

        for _ in range(13):
            inbox.add(self.about(17))
        work(inbox, handler(post))
        assert seen[2] == ('{"message":2}', '{"message":1}')
        assert seen[12] == tuple(f'{{"message":{n}}}' for n in range(12, 2, -1))

    def test_the_newest_that_fits_is_taken(self) -> None:
        context = Context(
            receipts=('{"message":"a text"}', "[]", "half of {", '{"row":"B7"}', '{"message":5}', '{"message":4}')
        )
        assert context.previous(Posted) == Posted(5)
        assert context.previous(Row) == Row("B7")
        assert context.previous(dict[str, int]) == {"message": 5}
        assert Context().previous(Posted) is None

    def test_a_claim_costs_the_same_however_long_the_history_is(self) -> None:
        short, long = (steps_of_a_claim(history) for history in (20, 2000))
        assert long < 1.5 * short


def steps_of_a_claim(history: int) -> int:
    """What SQLite does for one claim, in units of ten instructions, after ``history`` events about the same thing."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for step in MIGRATIONS:
            for statement in step:
                connection.execute(statement)
        queue, body = Queue("default", "inbox"), make_event("user.updated").body
        lane = queue.lane(connection, "handler")
        for n in range(history):
            connection.execute(
                "INSERT INTO event (site, created, digest, endpoint, name, received, body)"
                " VALUES ('default', ?, ?, '', 'user.updated', 0, ?)",
                (n, n.to_bytes(32), body),
            )
            queue.enqueue(connection, lane, n + 1, due=n, entity="user/7")
        connection.execute("UPDATE task SET state = 2, receipt = CASE WHEN id = 1 THEN '{}' END WHERE id < ?", (history,))
        connection.execute("UPDATE lane SET ready = 0")
        steps = []
        connection.set_progress_handler(lambda: steps.append(1), 10)
        claim = queue.claim(connection, 1e6, 30, 1, [lane])
        assert claim is not None
        assert claim.tasks[0].receipts == ("{}",)
        return len(steps)
