"""The inbox: every event once, nothing hidden on the disk, nothing lost or taken twice whatever the clocks say."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from perscom_receiver import (
    HIDDEN_COLUMNS,
    ConfigurationError,
    Event,
    Secret,
    SQLiteInbox,
    StaleEvent,
    Unavailable,
    Verifier,
    php_json,
)
from perscom_receiver._migrations import MIGRATIONS
from perscom_receiver.queue import Connection, Database, Queue, Result, State, Task
from perscom_receiver.testing import make_event, signed_request

SHARED = Path(__file__).resolve().parents[3] / "shared"
DAY = 86_400.0
START = datetime(2026, 3, 2, 19, 8, 10, 854257, tzinfo=UTC)


class Clock:
    """Seconds since 1970, set by hand."""

    def __init__(self, now: float = START.timestamp()) -> None:
        self.now = now

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


def golden(name: str) -> dict[str, Any]:
    """A request as a real PHP made it."""
    requests = SHARED / "vectors" / "requests.json"
    if not requests.exists() and not os.environ.get("CI"):
        pytest.skip(f"the golden requests are not here: {requests}")
    found: dict[str, Any] = next(request for request in json.loads(requests.read_text()) if request["name"] == name)
    return found


def at(moment: datetime, **overrides: object) -> Event:
    return make_event("user.created", created=moment, **overrides)


def pending(inbox: SQLiteInbox) -> list[Event]:
    return [found.event for found in inbox.database.read(lambda c: inbox.pending(c, 1000))]


def plan(inbox: SQLiteInbox, *lanes: str) -> None:
    """What a worker with handlers of these names does with what is new."""

    def work(connection: Connection) -> None:
        ids = [inbox.queue.lane(connection, lane, width=100) for lane in lanes]
        inbox.plan(connection, [(found, dict.fromkeys(ids)) for found in inbox.pending(connection, 1000)])

    inbox.database.write(work)


def claim(inbox: SQLiteInbox, lane: str) -> list[Task]:
    def work(connection: Connection) -> list[Task]:
        lanes = [inbox.queue.lane(connection, lane, width=100)]
        found = inbox.queue.claim(connection, inbox.now(), 30, 100, lanes)
        return list(found.tasks) if found else []

    return inbox.database.write(work)


def settle(inbox: SQLiteInbox, tasks: list[Task], result: Result) -> None:
    def work(connection: Connection) -> None:
        for task in tasks:
            assert inbox.queue.start(connection, task, inbox.now())
            assert inbox.queue.settle(connection, task, result, inbox.now())

    inbox.database.write(work)


def handle(inbox: SQLiteInbox, result: Result | None = None) -> None:
    """Plan and settle all that is new."""
    plan(inbox, "handler")
    settle(inbox, claim(inbox, "handler"), result or Result(state=State.DONE, outcome="done"))


@contextmanager
def held(inbox: SQLiteInbox) -> Iterator[None]:
    """The writer sits in a transaction of its own, so that whatever is submitted meanwhile waits together."""
    entered, leave = threading.Event(), threading.Event()

    def wait(connection: Connection) -> None:
        entered.set()
        assert leave.wait(10)

    future = inbox.database.submit(wait)
    assert entered.wait(10)
    try:
        yield
    finally:
        leave.set()
        future.result(10)


def one(inbox: SQLiteInbox, sql: str, *parameters: object) -> Any:
    return inbox.database.read(lambda c: c.execute(sql, parameters).fetchone()[0])


def prune(inbox: SQLiteInbox, n: int = 1000) -> int:
    return inbox.database.write(lambda c: inbox.prune(c, n))


class TestOnce:
    def test_an_event_is_stored_once_also_after_a_restart(self, inbox: SQLiteInbox) -> None:
        event = make_event("user.created")
        assert inbox.add(event) is True
        assert inbox.add(event) is False
        assert inbox.add(Event.parse(event.body)) is False
        inbox.close()
        assert inbox.add(event) is False
        assert pending(inbox) == [event]

    def test_aadd_does_what_add_does(self, inbox: SQLiteInbox) -> None:
        async def main() -> list[bool]:
            return [await inbox.aadd(event), await inbox.aadd(event), inbox.add(event)]

        event = make_event("user.created")
        assert asyncio.run(main()) == [True, False, False]

    def test_an_event_is_on_the_disk_when_add_returns(self, inbox: SQLiteInbox, path: Path) -> None:
        event = make_event("user.created")
        inbox.add(event)
        with closing(sqlite3.connect(path)) as stranger:
            assert stranger.execute("SELECT digest FROM event").fetchone() == (bytes.fromhex(event.id),)

    def test_of_many_tries_at_once_exactly_one_is_the_first(self, path: Path) -> None:
        event = make_event("user.created")
        inboxes = [SQLiteInbox(path, endpoint=str(n)) for n in range(4)]
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda n: inboxes[n % 4].add(event), range(64)))
        for inbox in inboxes:
            inbox.close()
        assert sorted(answers) == [False] * 63 + [True]

    def test_two_endpoints_of_one_site_share_what_was_seen(self, path: Path) -> None:
        first, second = SQLiteInbox(path, endpoint="/a"), SQLiteInbox(path, endpoint="/b")
        event = make_event("user.created")
        assert (first.add(event), second.add(event)) == (True, False)
        assert one(first, "SELECT endpoint FROM event") == "/a"
        first.close()
        second.close()

    def test_two_sites_in_one_file_stay_apart(self, path: Path) -> None:
        alpha, bravo = SQLiteInbox(path, site="alpha"), SQLiteInbox(path, site="bravo")
        event, other = make_event("user.created"), make_event("user.updated")
        assert (alpha.add(event), bravo.add(event), bravo.add(other)) == (True, True, True)
        assert (pending(alpha), pending(bravo)) == ([event], [event, other])
        plan(alpha, "handler")
        assert (pending(alpha), pending(bravo)) == ([], [event, other])
        assert (alpha.health().waiting, bravo.health().waiting) == (1, 2)
        alpha.close()
        bravo.close()

    def test_events_of_one_moment_and_one_request_are_all_stored(self, inbox: SQLiteInbox) -> None:
        events = [at(START, request_id="the same", trace_id="the same", id=n) for n in range(20)]
        assert all(inbox.add(event) for event in events)
        assert pending(inbox) == events

    def test_all_that_is_known_of_an_event_comes_back(self, path: Path) -> None:
        inbox = SQLiteInbox(path, endpoint="/webhooks/perscom")
        headers, body = signed_request("rankrecord.created", "0123456789abcdef")
        event = Verifier(Secret("0123456789abcdef", name="spring")).event(headers, body)
        inbox.add(event)
        inbox.close()
        (found,) = pending(inbox)
        for name in ("id", "name", "created", "request_id", "trace_id", "data", "changes", "body", "secret_name"):
            assert getattr(found, name) == getattr(event, name), name
        assert found.secret_name == "spring"
        inbox.close()

    def test_an_event_name_that_nobody_knows_is_stored_like_any_other(self, inbox: SQLiteInbox) -> None:
        event = Event.parse(b'{"event":"medal.polished","created":"2026-03-02T19:08:10.854257Z","data":[1,2]}')
        assert inbox.add(event)
        assert pending(inbox)[0].data == [1, 2]


class TestHiddenColumns:
    SECRETS = ("$2y$10$PlantedPasswordHash", "planted-remember-token", "1234567890987654321")

    def files(self, path: Path) -> dict[str, bytes]:
        """All that is on the disk at this moment."""
        return {file.name: file.read_bytes() for file in path.parent.iterdir()}

    def test_the_golden_event_with_secrets_leaves_none_of_them_on_the_disk(self, inbox: SQLiteInbox, path: Path) -> None:
        request = golden("user_updated_secret_columns")
        event = Event.parse(base64.b64decode(request["body_base64"]))
        changes = json.loads(event.body)["changes"]
        planted = [str(changes[name]).encode() for name in HIDDEN_COLUMNS if name in changes]
        assert planted, "the golden request carries hidden columns"
        assert inbox.add(event)
        files = self.files(path)
        assert set(files) >= {path.name, f"{path.name}-wal"}
        for name, content in files.items():
            for secret in (*planted, *(column.encode() for column in HIDDEN_COLUMNS)):
                assert secret not in content, f"{secret!r} is in {name}"

    def test_no_spelling_of_a_hidden_name_reaches_the_disk(self, inbox: SQLiteInbox, path: Path) -> None:
        password, token, channel = (secret.encode() for secret in self.SECRETS)
        bodies = [
            b'"changes":{"password":"%s","remember_token":"%s"}' % (password, token),
            b'"changes":{"\\u0070assword":"%s","remember\\u005ftoken":"%s"}' % (password, token),
            b'"changes":{"discord_private_channel_id":%s}' % channel,
            b'"data":{"user":{"password":"%s"},"list":[{"remember_token":["%s"]}]}' % (password, token),
            b'"changes":{"settings":"{\\"password\\":\\"%s\\"}"}' % password,
            b'"password":{"nested":"%s"}' % password,
        ]
        for n, body in enumerate(bodies):
            assert inbox.add(Event.parse(b'{"event":"user.updated","created":"2026-03-02T19:08:10.%06dZ",%s}' % (n, body)))
        for content in self.files(path).values():
            assert not any(secret in content for secret in (password, token, channel))
        inbox.close()
        for content in self.files(path).values():
            assert not any(secret in content for secret in (password, token, channel))

    def test_the_id_is_that_of_the_bytes_that_arrived_also_after_a_restart(self, inbox: SQLiteInbox) -> None:
        event = Event.parse(
            b'{"event":"user.updated","created":"2026-03-02T19:08:10Z","data":{"id":7},"changes":{"password":"x","name":"y"}}'
        )
        assert inbox.add(event)
        assert inbox.add(event) is False
        inbox.close()
        (found,) = pending(inbox)
        assert found.id == event.id
        assert found.body == b'{"event":"user.updated","created":"2026-03-02T19:08:10Z","data":{"id":7},"changes":{"name":"y"}}'
        assert inbox.add(event) is False

    def test_a_body_without_hidden_columns_is_kept_to_the_byte(self, inbox: SQLiteInbox) -> None:
        event = Event.parse(b' {"data": {"z": 1, "a": [1.50, "\\/"]},\n"event":"x.y","created":"2026-03-02T19:08:10Z" }\n')
        inbox.add(event)
        assert pending(inbox)[0].body == event.body

    VALUES = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(sorted(HIDDEN_COLUMNS)), inner),
        max_leaves=15,
    )

    @settings(max_examples=100, deadline=None)
    @given(data=VALUES, changes=st.dictionaries(st.sampled_from([*sorted(HIDDEN_COLUMNS), "name", "notes"]), VALUES))
    def test_whatever_is_accepted_can_be_read_again_without_what_is_hidden(self, data: object, changes: object) -> None:
        body = json.dumps({"event": "user.updated", "created": START.isoformat(), "data": data, "changes": changes}).encode()
        event = Event.parse(body)
        with tempfile.TemporaryDirectory() as folder:
            inbox = SQLiteInbox(Path(folder) / "inbox.db")
            assert inbox.add(event)
            (found,) = pending(inbox)
            inbox.close()
        assert (found.id, found.name, found.created) == (event.id, event.name, event.created)
        assert found.data == without_hidden(event.data)
        assert found.changes == without_hidden(event.changes)


def without_hidden(value: object) -> object:
    if isinstance(value, dict):
        return {name: without_hidden(inner) for name, inner in value.items() if name not in HIDDEN_COLUMNS}
    return [without_hidden(inner) for inner in value] if isinstance(value, list) else value


class TestPlans:
    def test_each_event_gets_a_task_in_each_lane_once(self, inbox: SQLiteInbox) -> None:
        inbox.add(make_event("user.created"))
        (found,) = inbox.database.read(lambda c: inbox.pending(c, 10))

        def twice(connection: Connection) -> None:
            lanes = [inbox.queue.lane(connection, name) for name in ("one", "two")]
            inbox.plan(connection, [(found, dict.fromkeys(lanes))])
            inbox.plan(connection, [(found, dict.fromkeys(lanes))])

        inbox.database.write(twice)
        inbox.database.write(twice)
        assert pending(inbox) == []
        assert inbox.database.read(inbox.queue.backlog) == [("one", 1), ("two", 1)]

    def test_an_event_that_no_handler_wants_is_kept_and_waits_no_longer(self, inbox: SQLiteInbox) -> None:
        inbox.add(make_event("user.created"))
        plan(inbox)
        assert pending(inbox) == []
        assert (inbox.health().stored, inbox.health().waiting) == (1, 0)

    def test_pending_events_come_in_the_order_of_their_arrival(self, inbox: SQLiteInbox) -> None:
        events = [at(START - timedelta(seconds=n)) for n in range(5)]
        for event in events:
            inbox.add(event)
        assert pending(inbox) == events
        assert [found.event for found in inbox.database.read(lambda c: inbox.pending(c, 2))] == events[:2]


def about(seconds: float, number: object = 7, name: str = "user.updated", **overrides: object) -> Event:
    """An event about the thing of that number, created so many seconds after START."""
    return make_event(name, created=START + timedelta(seconds=seconds), data={"id": number}, **overrides)


def superseded(inbox: SQLiteInbox) -> list[bool]:
    """The marks of all events, in the order in which they arrived."""
    return [
        mark == 1 for (mark,) in inbox.database.read(lambda c: c.execute("SELECT superseded FROM event ORDER BY id").fetchall())
    ]


class TestSuperseded:
    @pytest.fixture(autouse=True)
    def later(self, clock: Clock) -> None:
        clock.now += 1000  # all these events were created a while ago

    def arrive(self, inbox: SQLiteInbox, *events: Event) -> list[bool]:
        for event in events:
            assert inbox.add(event)
        plan(inbox, "handler")
        return superseded(inbox)

    def test_an_older_one_that_arrives_after_a_newer_one_is_marked(self, inbox: SQLiteInbox) -> None:
        assert self.arrive(inbox, about(0), about(2), about(1)) == [False, False, True]
        assert [task.superseded for task in claim(inbox, "handler")] == [False, False, True]

    def test_it_does_not_matter_whether_they_are_planned_together(self, inbox: SQLiteInbox) -> None:
        for event in (about(0), about(2), about(1), about(3), about(2.5)):
            marks = self.arrive(inbox, event)
        assert marks == [False, False, True, False, True]

    def test_one_that_waits_while_newer_ones_arrive_came_first_all_the_same(self, inbox: SQLiteInbox) -> None:
        assert self.arrive(inbox, *(about(n) for n in range(5))) == [False] * 5

    def test_created_updated_and_deleted_are_states_of_one_thing(self, inbox: SQLiteInbox) -> None:
        events = [about(n, name=f"rankrecord.{action}") for n, action in ((2, "deleted"), (1, "updated"), (0, "created"))]
        assert self.arrive(inbox, *events) == [False, True, True]

    def test_two_of_the_same_moment_do_not_supersede_each_other(self, inbox: SQLiteInbox) -> None:
        assert self.arrive(inbox, about(0, request_id="a"), about(0, request_id="b")) == [False, False]

    @pytest.mark.parametrize(
        "older",
        [
            about(0, 8),
            about(0, name="message.updated"),
            about(0, "7"),
            about(0, True),
            about(0, 7.5),
            about(0, None),
            about(0, 0),
            about(0, 2**63),
            make_event("user.updated", created=START, data=[7]),
            make_event("user.updated", created=START, data={}),
            make_event("webhook.test", created=START, data={"id": 7}),
        ],
        ids=["another number", "another resource", "text", "bool", "float", "null", "0", "huge", "list", "no id", "test"],
    )
    def test_nothing_else_is_the_same_thing(self, inbox: SQLiteInbox, older: Event) -> None:
        newer = about(1, name="webhook.test") if older.name == "webhook.test" else about(1)
        assert self.arrive(inbox, newer, older) == [False, False]

    def test_sites_in_one_file_stay_apart(self, path: Path, clock: Clock) -> None:
        alpha, bravo = (SQLiteInbox(path, site=site, now=clock) for site in ("alpha", "bravo"))
        assert self.arrive(alpha, about(1)) == [False]
        assert self.arrive(bravo, about(0)) == [False, False]
        alpha.close()
        bravo.close()

    def test_an_event_that_no_handler_wants_counts_too(self, inbox: SQLiteInbox) -> None:
        inbox.add(about(1))
        plan(inbox)
        assert self.arrive(inbox, about(0)) == [False, True]

    def test_one_from_the_future_does_not_supersede_what_follows(self, inbox: SQLiteInbox, clock: Clock) -> None:
        inbox.add(about(DAY))  # PERSCOM's clock was wrong for a moment
        clock.now += 2 * DAY  # and nobody worked for long
        marks = self.arrive(inbox, *(about(1000 + n) for n in (61, 62, 61.5)))
        assert marks == [False, False, False, True]

    def test_a_sender_a_little_ahead_is_no_trouble(self, inbox: SQLiteInbox, clock: Clock) -> None:
        now = clock.now - START.timestamp()
        assert self.arrive(inbox, about(now + 50), about(now + 49)) == [False, True]

    def test_the_mark_and_its_memory_outlive_the_bodies_and_a_restart(self, inbox: SQLiteInbox, clock: Clock) -> None:
        self.arrive(inbox, about(1), about(0))
        settle(inbox, claim(inbox, "handler"), Result(state=State.DONE, outcome="done"))
        clock.now += 31 * DAY
        assert prune(inbox) == 2
        inbox.close()
        assert self.arrive(inbox, about(0.5)) == [False, True, True]

    def test_what_is_below_the_floor_is_forgotten_and_nothing_else(self, inbox: SQLiteInbox, clock: Clock) -> None:
        clock.now += 10 * DAY
        for days, number in ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (9, 1)):
            inbox.add(about(days * DAY, number))
        handle(inbox)
        clock.now += 393 * DAY
        inbox.add(about(403 * DAY, 6))
        handle(inbox)
        while prune(inbox, 2):
            floor = one(inbox, "SELECT max(created) FROM floor") or 0
            assert one(inbox, "SELECT count(*) FROM newest WHERE created >= ?", floor) >= 4, "never too early"
        rows = inbox.database.read(lambda c: c.execute("SELECT entity FROM newest ORDER BY entity").fetchall())
        assert rows == [("user/1",), ("user/4",), ("user/5",), ("user/6",)]

    @settings(max_examples=30, deadline=None)
    @given(batches=st.lists(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 6)), max_size=6), min_size=1, max_size=5))
    def test_in_any_order_those_are_marked_that_something_newer_came_before(self, batches: list[list[tuple[int, int]]]) -> None:
        newest: dict[int, int] = {}
        expected = []
        with tempfile.TemporaryDirectory() as folder:
            inbox = SQLiteInbox(Path(folder) / "inbox.db", now=Clock(START.timestamp() + 1000))
            for batch in batches:
                for number, created in batch:
                    inbox.add(about(created, number))
                    expected.append(newest.get(number, -1) > created)
                    newest[number] = max(created, newest.get(number, -1))
                plan(inbox, "handler")
            found = superseded(inbox)
            inbox.close()
        assert found == expected

    def test_several_who_plan_at_once_mark_what_one_alone_would(self, path: Path, clock: Clock) -> None:
        """Each has a writer and a connection of its own, as a process would."""
        inboxes = [SQLiteInbox(path, now=clock) for _ in range(4)]
        moments = [(n * 7919) % 300 for n in range(300)]
        done = threading.Event()

        def plan_some(inbox: SQLiteInbox) -> None:
            found = inbox.database.read(lambda c: inbox.pending(c, 7))
            inbox.database.write(lambda c: inbox.plan(c, [(each, {}) for each in found]))

        def work(inbox: SQLiteInbox) -> None:
            while not done.is_set() or inbox.health().oldest is not None:
                plan_some(inbox)

        with ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(work, inbox) for inbox in inboxes]
            for n, moment in enumerate(moments):
                inboxes[n % 4].add(about(moment, n % 3 + 1))
            done.set()
            for worker in workers:
                worker.result(30)
        newest = [-1, -1, -1]
        for n, (moment, mark) in enumerate(zip(moments, superseded(inboxes[0]), strict=True)):
            assert mark is (newest[n % 3] > moment), n
            newest[n % 3] = max(moment, newest[n % 3])
        for inbox in inboxes:
            inbox.close()


class TestUpgrade:
    def test_a_file_of_the_first_schema_is_copied_and_goes_on(self, path: Path, clock: Clock) -> None:
        old = Database(path, migrations=MIGRATIONS[:1])
        event = about(0)
        old.write(
            lambda c: (
                c.execute(
                    "INSERT INTO event (site, created, digest, endpoint, name, received, body, unplanned)"
                    " VALUES ('default', ?, ?, '', ?, ?, ?, 1)",
                    (event.created_us, bytes.fromhex(event.id), event.name, clock.now, event.body),
                ).rowcount
            )
        )
        old.close()
        inbox = SQLiteInbox(path, now=clock)
        assert inbox.add(event) is False
        plan(inbox, "handler")
        assert [(task.event, task.superseded) for task in claim(inbox, "handler")] == [(event, False)]
        assert inbox.add(about(-1))
        plan(inbox, "handler")
        assert [task.superseded for task in claim(inbox, "handler")] == [True]
        inbox.close()
        with closing(sqlite3.connect(path.with_name(f"{path.name}.schema-1"))) as copy:
            assert copy.execute("SELECT count(*) FROM event").fetchone() == (1,)


class TestForgetting:
    def test_bodies_go_after_their_time_and_digests_stay(self, inbox: SQLiteInbox, clock: Clock) -> None:
        event = at(START)
        inbox.add(event)
        handle(inbox)
        clock.now += 30 * DAY - 1
        assert prune(inbox) == 0
        clock.now += 2
        assert prune(inbox) == 1
        assert one(inbox, "SELECT body FROM event") is None
        assert inbox.add(event) is False

    def test_a_body_that_somebody_still_needs_stays(self, inbox: SQLiteInbox, clock: Clock) -> None:
        inbox.add(at(START))
        clock.now += 500 * DAY
        assert prune(inbox) == 0
        plan(inbox, "handler")
        tasks = claim(inbox, "handler")
        assert prune(inbox) == 0
        settle(inbox, tasks, Result(state=State.DONE, outcome="done"))
        assert prune(inbox) == 1

    def test_what_waits_for_longer_than_bodies_are_kept_is_given_up_and_its_body_goes(
        self, inbox: SQLiteInbox, clock: Clock
    ) -> None:
        inbox.add(at(START))
        plan(inbox, "handler of a destination that is gone")
        clock.now += 29 * DAY
        assert prune(inbox) == 0
        clock.now += 2 * DAY
        assert prune(inbox) == 1
        assert one(inbox, "SELECT body FROM event") is None
        (letter,) = inbox.dead_letters()
        assert letter.error == "It waited longer than bodies are kept."
        assert inbox.health().waiting == 0

    def test_dead_letters_are_those_of_the_inbox_and_of_no_other_queue(self, inbox: SQLiteInbox) -> None:
        inbox.add(at(START))
        sender = Queue(inbox.site, "sender")

        def bury(connection: Connection) -> None:
            assert sender.enqueue(connection, sender.lane(connection, "endpoint"), 1, due=0)
            assert sender.bury(connection, 1, 5.0, "gone") == 1

        inbox.database.write(bury)
        assert inbox.dead_letters() == []
        assert inbox.health().dead == 0

    def test_digests_go_after_the_horizon_with_all_that_hangs_on_them(self, inbox: SQLiteInbox, clock: Clock) -> None:
        inbox.add(at(START))
        handle(inbox)
        clock.now += 401 * DAY
        inbox.add(at(START + timedelta(days=401)))
        prune(inbox)
        assert [one(inbox, f"SELECT count(*) FROM {table}") for table in ("event", "task", "attempt")] == [1, 0, 0]

    def test_a_replay_from_below_the_floor_is_stale(self, inbox: SQLiteInbox, clock: Clock) -> None:
        old = at(START)
        inbox.add(old)
        handle(inbox)
        clock.now += 401 * DAY
        inbox.add(at(START + timedelta(days=401)))
        prune(inbox)
        with pytest.raises(StaleEvent):
            inbox.add(old)
        with pytest.raises(StaleEvent):
            asyncio.run(inbox.aadd(old))
        assert inbox.add(at(START + timedelta(days=2))), "what is above the floor is welcome, however late"

    def test_the_floor_rises_in_the_transaction_that_forgets_and_in_no_other(self, inbox: SQLiteInbox, clock: Clock) -> None:
        old = at(START)
        inbox.add(old)
        handle(inbox)
        clock.now += 401 * DAY
        inbox.add(at(START + timedelta(days=401)))

        def fail(connection: Connection) -> None:
            assert inbox.prune(connection) == 3, "a body, the digest, and what was newest about that user"
            raise ValueError("the disk caught fire")

        with pytest.raises(ValueError, match="fire"):
            inbox.database.write(fail)
        assert one(inbox, "SELECT count(*) FROM floor") == 0
        assert inbox.add(old) is False, "still remembered, so not stale"

    def test_the_floor_never_falls_and_never_passes_what_is_still_remembered(self, inbox: SQLiteInbox, clock: Clock) -> None:
        for n in range(20):
            inbox.add(at(START + timedelta(days=n)))
        handle(inbox)
        inbox.add(at(START + timedelta(days=1000)))
        clock.now += 1000 * DAY
        floors = []
        while prune(inbox, 3):
            floor, oldest = one(inbox, "SELECT max(created) FROM floor"), one(inbox, "SELECT min(created) FROM event")
            if floor is not None:
                assert floor <= oldest, "what is remembered and not deleted is never below the floor"
                floors.append(floor)
        assert len(floors) > 5
        assert floors == sorted(floors)
        clock.now -= 900 * DAY
        prune(inbox)
        assert one(inbox, "SELECT created FROM floor") == floors[-1]

    def test_an_old_event_that_was_handled_late_does_not_lower_the_floor_when_it_goes(
        self, inbox: SQLiteInbox, clock: Clock
    ) -> None:
        older, newer = at(START), at(START + timedelta(days=1))
        inbox.add(newer)
        handle(inbox)
        inbox.add(older)
        clock.now += 402 * DAY
        inbox.add(at(START + timedelta(days=402)))
        prune(inbox)
        with pytest.raises(StaleEvent):
            inbox.add(newer)
        handle(inbox)
        prune(inbox)
        assert one(inbox, "SELECT count(*) FROM event") == 1, "the older one is forgotten as well"
        with pytest.raises(StaleEvent):
            inbox.add(newer)

    def test_each_site_has_a_floor_of_its_own(self, path: Path, clock: Clock) -> None:
        alpha, bravo = (SQLiteInbox(path, site=site, now=clock) for site in ("alpha", "bravo"))
        old = at(START)
        alpha.add(old)
        handle(alpha)
        clock.now += 401 * DAY
        alpha.add(at(START + timedelta(days=401)))
        prune(alpha)
        with pytest.raises(StaleEvent):
            alpha.add(old)
        assert bravo.add(old)
        assert prune(bravo) == 0
        alpha.close()
        bravo.close()

    def test_a_clock_far_ahead_cannot_raise_the_floor_past_genuine_events(self, inbox: SQLiteInbox, clock: Clock) -> None:
        for n in range(3):
            inbox.add(at(START + timedelta(minutes=n)))
        handle(inbox)
        clock.now += 50 * 365 * DAY
        prune(inbox)
        clock.now = START.timestamp()
        assert inbox.add(at(START + timedelta(minutes=9)))
        assert inbox.add(at(START - timedelta(days=300)))

    def test_an_event_from_the_future_makes_none_of_today_stale(self, inbox: SQLiteInbox, clock: Clock) -> None:
        inbox.add(at(START))
        inbox.add(at(START + timedelta(days=3650)))  # the clock of the sender was wrong for a moment
        handle(inbox)
        clock.now += 31 * DAY
        prune(inbox)
        assert inbox.add(at(START + timedelta(days=31)))
        assert inbox.add(at(START - timedelta(days=300)))

    def test_what_waits_for_a_worker_keeps_its_body_unless_there_will_be_none(self, inbox: SQLiteInbox, clock: Clock) -> None:
        event = at(START)
        inbox.add(event)
        clock.now += 31 * DAY
        assert prune(inbox) == 0
        assert inbox.health().waiting == 1
        assert inbox.database.write(lambda connection: inbox.prune(connection, unworked=True)) == 1
        assert (inbox.health().stored, inbox.health().waiting) == (0, 0)
        assert inbox.add(event) is False, "its digest stays"

    @pytest.mark.parametrize("days", [{"keep_bodies": 0}, {"keep_bodies": -1}, {"keep_bodies": 30, "horizon": 29}])
    def test_times_that_contradict_each_other_are_refused(self, path: Path, days: dict[str, float]) -> None:
        with pytest.raises(ConfigurationError, match="keep_bodies"):
            SQLiteInbox(path, **days)  # type: ignore[arg-type]


YEARS = st.sampled_from([-50 * 365 * DAY, -2 * 365 * DAY, -DAY, -60.0, 0.0, 0.0, 60.0, DAY, 2 * 365 * DAY, 50 * 365 * DAY])


class AnyClock(RuleBasedStateMachine):
    """A receiver whose clock is anything, a sender whose clock is right, and somebody who sends captured requests again.

    A genuine event is taken on its first arrival, whenever that is within PERSCOM's three tries; afterwards never again.
    """

    sent = Bundle("sent")
    undelivered = Bundle("undelivered")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.true_time = START
        self.number = 0
        self.inbox = SQLiteInbox(Path(self.folder.name) / "inbox.db", now=self.clock)
        self.accepted: set[str] = set()

    @initialize(wrong=YEARS)
    def the_clock_is_wrong_from_the_start(self, wrong: float) -> None:
        self.clock.now += wrong

    def send(self) -> Event:
        self.number += 1
        body = {"event": "user.created", "created": self.true_time.isoformat(), "data": {"n": self.number}}
        return Event.parse(php_json(body))

    @rule(target=sent)
    def a_genuine_event_arrives(self) -> Event:
        event = self.send()
        assert self.inbox.add(event) is True, "a genuine event was lost"
        self.accepted.add(event.id)
        return event

    @rule(target=sent, seconds=st.integers(0, 120), wrong=YEARS)
    def a_genuine_event_arrives_with_a_late_try_while_the_clock_jumps(self, seconds: int, wrong: float) -> Event:
        event = self.send()
        self.true_time += timedelta(seconds=seconds)
        self.clock.now += wrong
        self.events_are_handled_and_the_old_ones_forgotten(1000)
        assert self.inbox.add(event) is True, "a genuine event was lost"
        self.accepted.add(event.id)
        return event

    @rule(event=sent)
    def a_captured_request_is_sent_again(self, event: Event) -> None:
        assert event.id in self.accepted
        try:
            again = self.inbox.add(event)
        except StaleEvent:
            return
        assert again is False, "a captured request was accepted twice"

    @rule(seconds=YEARS)
    def the_clock_of_the_receiver_jumps(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def the_clock_of_the_receiver_is_set_right(self) -> None:
        self.clock.now = self.true_time.timestamp()

    @rule(days=st.sampled_from([0.01, 31, 399, 401, 900]))
    def time_goes_on(self, days: float) -> None:
        self.true_time += timedelta(days=days)
        self.clock.now += days * DAY

    @rule(n=st.sampled_from([1, 2, 1000]))
    def events_are_handled_and_the_old_ones_forgotten(self, n: int) -> None:
        plan(self.inbox)
        prune(self.inbox, n)

    @rule()
    def the_receiver_restarts(self) -> None:
        self.inbox.close()

    def teardown(self) -> None:
        self.inbox.close()
        self.folder.cleanup()


AnyClock.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyClock = AnyClock.TestCase


class TestTrouble:
    def test_an_event_that_is_not_committed_in_time_is_unavailable_and_the_next_try_is_told_the_truth(
        self, inbox: SQLiteInbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._insert.COMMIT_WITHIN", 0.1)
        event = make_event("user.created")
        with held(inbox):
            with pytest.raises(Unavailable, match=r"within 0\.1 s"):
                inbox.add(event)
            with pytest.raises(Unavailable, match=r"within 0\.1 s"):
                asyncio.run(inbox.aadd(event))
        monkeypatch.undo()
        assert inbox.add(event) is True, "it was dropped, since nobody waited for it any more"
        assert inbox.add(event) is False

    def test_a_slow_disk_commits_late_and_the_retry_of_perscom_is_seen_before(
        self, inbox: SQLiteInbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._insert.COMMIT_WITHIN", 0.2)
        event, committing, leave = make_event("user.created"), threading.Event(), threading.Event()

        def slow_commit(connection: Connection) -> None:
            committing.set()
            assert leave.wait(10)

        async def main() -> None:
            with held(inbox):  # what waits together is committed together
                adding = asyncio.create_task(inbox.aadd(event))
                await asyncio.sleep(0)
                inbox.database.submit(slow_commit)
            await asyncio.to_thread(committing.wait, 10)
            with pytest.raises(Unavailable):
                await adding

        asyncio.run(main())
        leave.set()
        monkeypatch.undo()
        assert inbox.add(event) is False


class TestHealth:
    def test_an_empty_inbox_is_well(self, inbox: SQLiteInbox) -> None:
        health = inbox.health()
        assert (health.stored, health.waiting, health.dead, health.oldest, health.worker_seen) == (0, 0, 0, None, None)
        assert health.worked

    def test_it_counts_what_waits_what_runs_and_what_is_dead(self, inbox: SQLiteInbox, clock: Clock) -> None:
        for _ in range(3):
            inbox.add(make_event("user.created"))
        clock.now += 7
        assert (inbox.health().stored, inbox.health().waiting, inbox.health().oldest) == (3, 3, 7)
        plan(inbox, "handler")
        assert (inbox.health().waiting, inbox.health().oldest) == (3, None)
        tasks = claim(inbox, "handler")
        assert inbox.health().waiting == 3
        settle(inbox, tasks[:1], Result(state=State.DONE, outcome="done"))
        settle(inbox, tasks[1:], Result(state=State.DEAD, outcome="rejected", error="No."))
        assert (inbox.health().stored, inbox.health().waiting, inbox.health().dead) == (3, 0, 2)

    def test_names_that_nobody_knows_are_counted_each_for_itself(self, inbox: SQLiteInbox) -> None:
        for name, count in (("medal.polished", 2), ("user.created", 3), ("unit.moved", 1), ("webhook.test", 1)):
            for _ in range(count):
                inbox.add(make_event(name, data={}))
        assert inbox.health().unknown_names == {"medal.polished": 2, "unit.moved": 1}
        handle(inbox)
        inbox.close()
        assert inbox.health().unknown_names == {"medal.polished": 2, "unit.moved": 1}

    def test_a_name_that_is_known_by_now_is_unknown_no_more(self, inbox: SQLiteInbox, monkeypatch: pytest.MonkeyPatch) -> None:
        inbox.add(make_event("medal.polished", data={}))
        monkeypatch.setattr("perscom_receiver._health.EVENT_NAMES", ("medal.polished",))
        assert inbox.health().unknown_names == {}

    def test_events_that_wait_while_no_worker_is_seen_are_not_worked(self, inbox: SQLiteInbox, clock: Clock) -> None:
        inbox.add(make_event("user.created"))
        clock.now += 60
        assert inbox.health().worked, "not long enough to be sure"
        clock.now += 1
        assert not inbox.health().worked
        inbox.database.write(lambda c: inbox.beat(c, "worker"))
        assert inbox.health().worked
        assert inbox.health().worker_seen == 0
        clock.now += 61
        assert not inbox.health().worked, "that worker has gone as well"
        plan(inbox, "handler")
        assert inbox.health().worked

    def test_how_far_the_clocks_are_apart_is_told_whatever_one_event_says(self, inbox: SQLiteInbox, clock: Clock) -> None:
        assert inbox.health().skew is None
        for seconds in (3600 * 24, 90, 90.5, 91, -200):  # one from the far future, one that PERSCOM had to try again
            inbox.add(about(clock.now - START.timestamp() + seconds))
            clock.now += 1
        assert inbox.health().skew == pytest.approx(90.5, abs=0.1)

    def test_a_worker_that_left_is_seen_no_more(self, inbox: SQLiteInbox) -> None:
        inbox.database.write(lambda c: inbox.beat(c, "one"))
        inbox.database.write(lambda c: inbox.beat(c, "one"))
        inbox.database.write(lambda c: inbox.leave(c, "one"))
        assert inbox.health().worker_seen is None


class TestDeadLetters:
    def test_they_are_listed_newest_first_and_can_be_revived(self, inbox: SQLiteInbox, clock: Clock) -> None:
        events = [make_event("user.created") for _ in range(3)]
        for event in events:
            inbox.add(event)
            handle(inbox, Result(state=State.DEAD, outcome="rejected", error="The platform said no."))
            clock.now += 1
        letters = inbox.dead_letters()
        assert [letter.event_id for letter in letters] == [event.id for event in reversed(events)]
        assert len(inbox.dead_letters(2)) == 2
        newest = letters[0]
        assert (newest.handler, newest.event_name, newest.attempts, newest.error, newest.settled) == (
            "handler", "user.created", 1, "The platform said no.", clock.now - 1,
        )  # fmt: skip
        assert inbox.revive(newest.task)
        assert not inbox.revive(newest.task)
        assert len(inbox.dead_letters()) == 2
        assert [task.event for task in claim(inbox, "handler")] == [events[2]]

    def test_one_whose_body_is_gone_cannot_be_revived(self, inbox: SQLiteInbox, clock: Clock) -> None:
        inbox.add(at(START))
        handle(inbox, Result(state=State.DEAD, outcome="rejected", error="No."))
        clock.now += 31 * DAY
        prune(inbox)
        (letter,) = inbox.dead_letters()
        assert not inbox.revive(letter.task)


class TestMissingWorker:
    LINE = "no worker seen for"

    def add(self, inbox: SQLiteInbox) -> None:
        inbox.add(make_event("user.created"))
        inbox.database.write(lambda connection: None)  # what the inbox has to say follows the answer

    @pytest.fixture(autouse=True)
    def listening(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.WARNING, "perscom_receiver")

    def said(self, caplog: pytest.LogCaptureFixture) -> list[str]:
        return [record.getMessage() for record in caplog.records if self.LINE in record.getMessage()]

    def test_the_log_says_how_many_events_wait_and_what_to_do(
        self, inbox: SQLiteInbox, clock: Clock, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.add(inbox)
        assert self.said(caplog) == []
        clock.now += 61
        self.add(inbox)
        (line,) = self.said(caplog)
        assert line.startswith("2 events stored, no worker seen for 61 s")
        assert "perscom-bridge work" in line

    def test_it_is_said_of_a_single_event_too_with_no_other_behind_it(
        self, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("perscom_receiver._watch.SILENT_AFTER", 0.1)
        inbox = SQLiteInbox(path)
        self.add(inbox)
        deadline = time.monotonic() + 10
        while not self.said(caplog):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        inbox.close()
        assert self.said(caplog)[0].startswith("1 events stored, no worker seen for 1 s")

    def test_nobody_looks_any_more_once_it_is_closed(self, inbox: SQLiteInbox) -> None:
        before = set(threading.enumerate())
        self.add(inbox)
        (look,) = [thread for thread in set(threading.enumerate()) - before if isinstance(thread, threading.Timer)]
        inbox.close()
        look.join(5)
        assert not look.is_alive()

    def test_it_is_said_once_a_minute_at_most(self, inbox: SQLiteInbox, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
        self.add(inbox)
        clock.now += 61
        for _ in range(120):  # two minutes
            self.add(inbox)
            clock.now += 1
        assert len(self.said(caplog)) == 2

    @pytest.mark.parametrize("what", ["a worker is seen", "nothing waits", "it is a repeat"])
    def test_it_is_not_said_when(self, inbox: SQLiteInbox, clock: Clock, caplog: pytest.LogCaptureFixture, what: str) -> None:
        event = make_event("user.created")
        inbox.add(event)
        inbox.database.write(lambda connection: None)
        clock.now += 61
        act: dict[str, Callable[[], object]] = {
            "a worker is seen": lambda: inbox.database.write(lambda c: inbox.beat(c, "worker")),
            "nothing waits": lambda: plan(inbox),
            "it is a repeat": lambda: None,
        }
        act[what]()
        inbox.add(event if what == "it is a repeat" else make_event("user.created"))
        inbox.database.write(lambda connection: None)
        assert self.said(caplog) == []
