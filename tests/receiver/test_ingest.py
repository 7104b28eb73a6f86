"""A stream of JetStream in front of the store: what it acknowledged comes into the store once, whatever is away meanwhile."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ingesting import away, eventually, rows, worked
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats_server import STREAM, NatsServer, any_nats

from perscom_receiver import (
    ConfigurationError,
    Event,
    IngestHealth,
    JetStream,
    Secret,
    SQLiteInbox,
    StaleEvent,
    Verifier,
)
from perscom_receiver.queue import Connection, Database
from perscom_receiver.testing import make_event, signed_request

SUBJECT = "perscom.ingest.default"
LIVE, OLD = Secret("the live secret: 0123", name="live ü"), Secret("the one before: 0123", name="old")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with any_nats(tmp_path) as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inbox.db"


@pytest.fixture
def inbox(path: Path, server: NatsServer) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(path, ingest=server.url, endpoint="/webhooks/perscom")
    inbox.health()  # the file is there
    yield inbox
    inbox.close()


def health(inbox: SQLiteInbox) -> IngestHealth:
    assert inbox.ingest is not None
    return asyncio.run(inbox.ingest.ahealth(inbox.site))


def problem(inbox: SQLiteInbox) -> str:
    return health(inbox).problem or ""


class TestAccepting:
    def test_an_event_is_new_once_and_is_handled_once(self, inbox: SQLiteInbox, server: NatsServer, path: Path) -> None:
        event, another = make_event("user.created"), make_event("user.created")
        assert inbox.add(event) is True
        assert inbox.add(event) is False
        assert asyncio.run(inbox.aadd(another)) is True
        assert asyncio.run(inbox.aadd(event)) is False
        assert rows(path) == [], "nobody has taken it over yet"
        assert server.waiting() == 2
        assert health(inbox).pending == 2
        with worked(inbox) as seen:
            eventually(lambda: len(seen.ids) == 2)
            eventually(lambda: server.waiting() == 0)
        assert rows(path) == [event.id, another.id]
        assert seen.ids == [event.id, another.id]
        assert health(inbox) == IngestHealth(pending=0, problem=None, counts={"stored": 2})

    def test_what_the_store_keeps_beside_the_body_comes_along(self, inbox: SQLiteInbox, path: Path) -> None:
        _, body = signed_request("user.created", "unused: 0123456789", name="Zoë")
        verifier, before = Verifier(LIVE, OLD), time.time()
        new = verifier.check(LIVE.sign(body), body)
        _, body = signed_request("user.created", "unused: 0123456789")
        old = verifier.check(OLD.sign(body), body)
        for event in (new, old):
            assert inbox.add(event) is True
        after = time.time()
        with worked(inbox) as seen:
            eventually(lambda: len(seen.ids) == 2)
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute(
                "SELECT digest, body, endpoint, secret_name, old_secret, name, created, received FROM event ORDER BY id"
            ).fetchall()
        assert [row[:7] for row in found] == [
            (bytes.fromhex(new.id), new.body, "/webhooks/perscom", "live ü", None, "user.created", new.created_us),
            (bytes.fromhex(old.id), old.body, "/webhooks/perscom", "old", 1, "user.created", old.created_us),
        ]
        assert all(before <= row[7] <= after for row in found), "the time of its receipt, not of its planning"

    def test_hidden_columns_never_reach_the_stream_and_the_id_is_of_what_arrived(
        self, inbox: SQLiteInbox, server: NatsServer, path: Path
    ) -> None:
        event = make_event("user.updated", changes={"password": "$2y$10$abcdef", "name": "Reyes"})
        assert inbox.add(event) is True

        async def stored(client: Client) -> bytes:
            return (await client.jetstream().get_msg(STREAM, 1)).data or b""

        message = server.do(stored)
        assert b"Reyes" in message
        assert b"$2y$10" not in message
        with worked(inbox) as seen:
            eventually(lambda: seen.ids == [event.id])
        assert rows(path) == [event.id]

    def test_many_threads_and_many_tasks_at_once(self, inbox: SQLiteInbox, path: Path) -> None:
        events = [make_event("user.created") for _ in range(200)]

        async def add_all() -> list[bool]:
            return await asyncio.gather(*(inbox.aadd(event) for event in events))

        with worked(inbox), ThreadPoolExecutor(8) as pool:
            assert all(pool.map(inbox.add, events[:100]))
            assert asyncio.run(add_all()).count(False) == 100
            eventually(lambda: len(rows(path)) == 200)
        assert set(rows(path)) == {event.id for event in events}

    def test_one_too_large_for_nats_goes_to_the_store_directly(
        self, inbox: SQLiteInbox, path: Path, server: NatsServer
    ) -> None:
        event = make_event("user.created", notes="x" * 2**20)
        assert inbox.add(event) is True
        assert rows(path) == [event.id]
        assert inbox.add(make_event("user.created", notes="x" * (2**20 - 6000))) is True, "this one fits"
        assert server.waiting() == 1
        assert health(inbox).problem is None

    def test_names_too_long_for_a_header_go_to_the_store_directly(self, path: Path, server: NatsServer) -> None:
        inbox = SQLiteInbox(path, ingest=server.url, endpoint="/" + "é" * 1000)
        event = make_event("user.created")
        assert inbox.add(event) is True
        inbox.close()
        assert rows(path) == [event.id]


class TestStoreAway:
    def test_receiving_goes_on_and_the_order_is_kept(self, inbox: SQLiteInbox, path: Path) -> None:
        with worked(inbox) as seen:
            before = make_event("user.created")
            inbox.add(before)
            eventually(lambda: seen.ids == [before.id])
            events = [make_event("user.created") for _ in range(20)]
            with away(path):
                began = time.monotonic()
                assert all(inbox.add(event) for event in events)
                assert inbox.add(events[0]) is False
                assert time.monotonic() - began < 2, "no caller waited for the store"
                assert health(inbox).pending == 20
                eventually(lambda: "did not commit" in problem(inbox))
            eventually(lambda: len(seen.ids) == 21, 30)
            eventually(lambda: health(inbox).pending == 0)
        assert rows(path) == [before.id, *(event.id for event in events)]
        assert health(inbox).problem is None

    def test_a_worker_that_stops_meanwhile_gives_back_at_once_what_it_has(self, inbox: SQLiteInbox, path: Path) -> None:
        event = make_event("user.created")
        with worked(inbox), away(path):
            inbox.add(event)
            eventually(lambda: "did not commit" in problem(inbox))
        with worked(inbox) as seen:
            eventually(lambda: seen.ids == [event.id], 5)

    def test_one_that_the_store_chokes_on_keeps_no_other_back(
        self, inbox: SQLiteInbox, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        def choke(connection: Connection) -> None:
            connection.execute(
                "CREATE TRIGGER choke BEFORE INSERT ON event WHEN NEW.name = 'user.deleted'"
                " BEGIN SELECT RAISE(ABORT, 'cannot be swallowed'); END"
            )

        inbox.database.write(choke)
        events = [make_event(name) for name in ("user.created", "user.deleted", "user.updated")]
        for event in events:
            inbox.add(event)
        with worked(inbox) as seen:
            eventually(lambda: seen.ids == [events[0].id, events[2].id])
            eventually(lambda: health(inbox).counts.get("failed") == 1)
            assert health(inbox).pending == 1, "it was accepted, so it is kept"
        assert f"The store does not take {events[1].id[:12]}" in caplog.text


class TestReplays:
    @pytest.fixture
    def pruned(self, path: Path) -> int:
        """A store whose floor has risen; the floor, in microseconds."""
        floor = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1e6)
        database = Database(path)
        database.write(lambda connection: connection.execute("INSERT INTO floor VALUES ('default', ?)", (floor,)))
        database.close()
        return floor

    def test_one_below_the_floor_is_refused_at_receipt_once_the_floor_is_known(
        self, inbox: SQLiteInbox, pruned: int, server: NatsServer
    ) -> None:
        stale = make_event("user.created", created=datetime.fromtimestamp(pruned / 1e6, UTC) - timedelta(microseconds=1))
        edge = make_event("user.created", created=datetime.fromtimestamp(pruned / 1e6, UTC))
        inbox.add(make_event("user.created"))  # the first look at the floor follows it
        eventually(lambda: _is_refused(inbox, stale))
        assert inbox.add(edge) is True
        assert server.waiting() >= 2

    def test_one_that_nobody_could_know_as_stale_is_dropped_with_a_line_and_a_count(
        self, inbox: SQLiteInbox, pruned: int, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        stale, fresh = make_event("user.created", created=datetime(2025, 12, 1, tzinfo=UTC)), make_event("user.created")
        assert inbox.add(stale) is True, "the first event of a process, of which nothing is known"
        assert inbox.add(fresh) is True
        with worked(inbox) as seen:
            eventually(lambda: seen.ids == [fresh.id])
            eventually(lambda: health(inbox).pending == 0)
        assert health(inbox).counts == {"stored": 1, "stale": 1}
        assert rows(path) == [fresh.id]
        assert f"dropped {stale.id[:12]} 'user.created': it is older than the store remembers" in caplog.text

    def test_what_the_store_has_already_is_a_repeat_however_it_came(self, inbox: SQLiteInbox, path: Path) -> None:
        event = make_event("user.created")
        assert SQLiteInbox(inbox.database).add(event) is True
        assert inbox.add(event) is True, "the stream has not seen it"
        with worked(inbox) as seen:
            eventually(lambda: health(inbox).counts.get("repeated") == 1)
            eventually(lambda: seen.ids == [event.id])
        assert rows(path) == [event.id]


def _is_refused(inbox: SQLiteInbox, event: Event) -> bool:
    try:
        inbox.add(event)
    except StaleEvent:
        return True
    return False


class TestStrangers:
    """Whoever may publish on the subject may write what he likes; he must not stop what is genuine."""

    BODY = make_event("user.created").body
    ID = make_event("user.created").id
    MESSAGES: tuple[tuple[str, dict[str, str] | None, bytes], ...] = (
        ("no headers", None, BODY),
        ("no id", {"Perscom-Received": "1.0"}, BODY),
        ("an id that is none", {"Nats-Msg-Id": "1", "Perscom-Received": "1.0"}, BODY),
        ("an id in upper case", {"Nats-Msg-Id": f"default/{ID.upper()}", "Perscom-Received": "1.0"}, BODY),
        ("an id without a site", {"Nats-Msg-Id": ID, "Perscom-Received": "1.0"}, BODY),
        ("the id of another site", {"Nats-Msg-Id": f"elsewhere/{ID}", "Perscom-Received": "1.0"}, BODY),
        ("no time", {"Nats-Msg-Id": f"default/{2:064x}"}, BODY),
        ("a time that is none", {"Nats-Msg-Id": f"default/{3:064x}", "Perscom-Received": "nan"}, BODY),
        ("a time without end", {"Nats-Msg-Id": f"default/{4:064x}", "Perscom-Received": "1e300"}, BODY),
        ("a time before all", {"Nats-Msg-Id": f"default/{5:064x}", "Perscom-Received": "-1"}, BODY),
        ("no body", {"Nats-Msg-Id": f"default/{6:064x}", "Perscom-Received": "1.0"}, b""),
        ("no event", {"Nats-Msg-Id": f"default/{7:064x}", "Perscom-Received": "1.0"}, b'{"event":"x"}'),
        ("no end of nesting", {"Nats-Msg-Id": f"default/{8:064x}", "Perscom-Received": "1.0"}, b"[" * 100_000),
        ("what looks like a status of the server", {"Status": "409", "Description": "Consumer Deleted"}, b""),
        ("what looks like a heartbeat", {"Status": "100", "Description": "Idle Heartbeat"}, b""),
    )

    def test_strange_messages_are_dropped_and_told_and_genuine_ones_go_through(
        self, inbox: SQLiteInbox, server: NatsServer, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        first, last = make_event("user.created"), make_event("user.created")
        inbox.add(first)

        async def publish(client: Client) -> None:
            for _, headers, body in self.MESSAGES:
                await client.jetstream().publish(SUBJECT, body, headers=headers)

        server.do(publish)
        inbox.add(last)
        with worked(inbox) as seen:
            eventually(lambda: seen.ids == [first.id, last.id])
            eventually(lambda: server.waiting() == 0)
        assert rows(path) == [first.id, last.id]
        assert health(inbox).counts == {"stored": 2, "strange": len(self.MESSAGES)}
        assert f"on {SUBJECT} that no receiver wrote. It has no id of an event. (message 2)" in caplog.text
        assert caplog.text.count("that no receiver wrote") <= 3, "a flood of them is no flood of lines"

    @pytest.mark.parametrize(
        "headers",
        [
            b"\r\n",
            b"xx",
            b"NATS/1.0",
            b"NATS/1.0\r\n",
            b"NATS/1.0 \xff\xff\xff \xff\r\n\r\n",
            b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
        ],
        ids=repr,
    )
    def test_headers_that_are_none_end_no_connection(self, inbox: SQLiteInbox, server: NatsServer, headers: bytes) -> None:
        host, _, port = server.url.removeprefix("nats://").rpartition(":")
        first, last = make_event("user.created"), make_event("user.created")
        inbox.add(first)
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(b'CONNECT {"verbose":false,"headers":true,"protocol":1,"lang":"-","version":"0"}\r\n')
            raw.sendall(b"HPUB %s %d %d\r\n%s!\r\nPING\r\n" % (SUBJECT.encode(), len(headers), len(headers) + 1, headers))
            raw.settimeout(5)
            while b"PONG" not in raw.recv(4096):
                pass
        inbox.add(last)
        with worked(inbox) as seen:
            eventually(lambda: seen.ids == [first.id, last.id], 5)
            eventually(lambda: server.waiting() == 0)

    def test_a_message_for_a_site_that_nobody_works_is_kept_and_harms_nobody(
        self, inbox: SQLiteInbox, server: NatsServer
    ) -> None:
        inbox.add(make_event("user.created"))

        async def publish(client: Client) -> None:
            await client.jetstream().publish("perscom.ingest.elsewhere", b"x")

        server.do(publish)
        with worked(inbox) as seen:
            eventually(lambda: len(seen.ids) == 1)
            eventually(lambda: health(inbox).pending == 0)
        assert server.waiting() == 1
        assert inbox.ingest is not None
        assert "what waits there for 'elsewhere': no worker has begun" in asyncio.run(inbox.ingest.check())


class TestSites:
    def test_the_sites_of_one_stream_go_into_stores_of_their_own(self, tmp_path: Path, server: NatsServer) -> None:
        stream = JetStream(server.url)
        inboxes = [SQLiteInbox(tmp_path / f"{site}.db", site=site, ingest=stream) for site in ("alpha", "bravo")]
        events = [[make_event("user.created") for _ in range(30)] for _ in inboxes]
        for pair in zip(*events, strict=True):
            for inbox, event in zip(inboxes, pair, strict=True):
                assert inbox.add(event) is True
        with worked(inboxes[1]):
            eventually(lambda: health(inboxes[1]).pending == 0)
            assert health(inboxes[0]).pending == 30
        with worked(inboxes[0]):
            eventually(lambda: health(inboxes[0]).pending == 0)
        for inbox in inboxes:
            inbox.close()
        assert [rows(tmp_path / f"{site}.db") for site in ("alpha", "bravo")] == [[one.id for one in part] for part in events]

    def test_the_same_event_of_two_sites_is_in_both(self, tmp_path: Path, server: NatsServer) -> None:
        stream, event = JetStream(server.url), make_event("user.created")
        inboxes = [SQLiteInbox(tmp_path / "inbox.db", site=site, ingest=stream) for site in ("alpha", "bravo")]
        assert [inbox.add(event) for inbox in inboxes] == [True, True]
        for inbox in inboxes:
            with worked(inbox) as seen:
                eventually(lambda: seen.ids == [event.id])
            inbox.close()

    @pytest.mark.parametrize("site", ["", "a.b", "a b", ">", "*", "ä"])
    def test_a_site_that_can_be_part_of_no_subject_is_refused(self, path: Path, site: str) -> None:
        with pytest.raises(ConfigurationError, match="letters"):
            SQLiteInbox(path, site=site, ingest="nats://127.0.0.1")


SAFE = StreamConfig(
    name=STREAM,
    subjects=["perscom.ingest.*"],
    retention=RetentionPolicy.WORK_QUEUE,
    storage=StorageType.FILE,
    discard=DiscardPolicy.NEW,
)


class TestSetUp:
    def test_a_stream_is_made_as_events_need_it(self, inbox: SQLiteInbox, server: NatsServer) -> None:
        inbox.add(make_event("user.created"))
        config = server.do(_config)
        assert (config.retention, config.storage, config.discard) == ("workqueue", "file", "new")
        assert (config.max_bytes, config.num_replicas, config.duplicate_window) == (2**30, 1, 300)
        assert (config.max_age, config.max_msgs, config.no_ack, config.subjects) == (0, -1, False, ["perscom.ingest.*"])

    def test_the_address_says_how_large_it_is(self, path: Path, server: NatsServer) -> None:
        inbox = SQLiteInbox(path, ingest=f"{server.url}?max_bytes=20MB")
        inbox.add(make_event("user.created"))
        inbox.close()
        assert server.do(_config).max_bytes == 20_000_000

    def test_one_that_was_made_otherwise_and_is_safe_is_used_and_stays_as_it_is(
        self, inbox: SQLiteInbox, server: NatsServer, path: Path
    ) -> None:
        mine = SAFE.evolve(max_bytes=5_000_000, duplicate_window=30, max_msgs=1000, description="mine")
        made = server.do(_make(mine))
        event = make_event("user.created")
        assert inbox.add(event) is True
        assert rows(path) == []
        assert server.do(_config) == made

    @pytest.mark.parametrize(
        ("other", "says"),
        [
            ({"retention": RetentionPolicy.LIMITS}, "its retention is limits, not workqueue"),
            ({"storage": StorageType.MEMORY}, "its storage is memory, not file"),
            ({"discard": DiscardPolicy.OLD}, "it discards the old ones, not new ones"),
            ({"max_age": 3600.0}, "it forgets after 3600 s"),
            ({"max_msgs_per_subject": 5}, "it forgets by max_msgs_per_subject"),
            ({"no_ack": True}, "no_ack"),
            ({"subjects": ["perscom.ingest.default"]}, "its subjects lack perscom.ingest.*"),
        ],
        ids=lambda value: "" if isinstance(value, str) else str(next(iter(value))),
    )
    def test_one_that_would_lose_events_is_told_never_used_and_never_changed(
        self, inbox: SQLiteInbox, server: NatsServer, path: Path, other: dict[str, object], says: str
    ) -> None:
        made = server.do(_make(SAFE.evolve(**other)))
        event = make_event("user.created")
        assert inbox.add(event) is True
        assert rows(path) == [event.id], "it went to the store directly"
        assert says in problem(inbox)
        assert inbox.ingest is not None
        with pytest.raises(ConfigurationError, match=r"is not safe for events"):
            asyncio.run(inbox.ingest.check())
        assert server.do(_config) == made
        assert server.waiting() == 0

    def test_a_subject_that_another_stream_has_is_told(self, inbox: SQLiteInbox, server: NatsServer, path: Path) -> None:
        async def elsewhere(client: Client) -> None:
            await client.jetstream().add_stream(name="ELSEWHERE", subjects=["perscom.>"])

        async def gone(client: Client) -> None:
            await client.jetstream().delete_stream("ELSEWHERE")

        server.do(elsewhere)
        try:
            assert inbox.add(make_event("user.created")) is True
            assert "cannot be made: subjects overlap with an existing stream" in problem(inbox)
            assert len(rows(path)) == 1
        finally:
            server.do(gone)

    @pytest.mark.parametrize(
        ("other", "says"),
        [
            ({"max_deliver": 3}, "it gives up after max_deliver deliveries"),
            ({"deliver_subject": "elsewhere"}, "it pushes"),
        ],
        ids=["max_deliver", "push"],
    )
    def test_a_consumer_that_would_lose_events_is_told_and_nothing_is_taken_over(
        self, inbox: SQLiteInbox, server: NatsServer, path: Path, other: dict[str, object], says: str
    ) -> None:
        inbox.add(make_event("user.created"))
        config = ConsumerConfig(durable_name="inbox-default", filter_subject=SUBJECT, ack_policy=AckPolicy.EXPLICIT)

        async def make(client: Client) -> None:
            await client.jetstream().add_consumer(STREAM, config.evolve(**other))

        async def delete(client: Client) -> None:
            await client.jetstream().delete_consumer(STREAM, "inbox-default")

        server.do(make)
        with worked(inbox) as seen:
            eventually(lambda: says in problem(inbox))
            assert rows(path) == []
            server.do(delete)
            eventually(lambda: len(seen.ids) == 1)
            assert health(inbox).problem is None

    def test_check_tells_how_it_is_and_makes_nothing(self, inbox: SQLiteInbox, server: NatsServer) -> None:
        assert inbox.ingest is not None
        assert "there is no stream yet" in asyncio.run(inbox.ingest.check())
        assert "there is no stream yet" in asyncio.run(inbox.ingest.check())
        inbox.add(make_event("user.created"))
        told = asyncio.run(inbox.ingest.check())
        kept = "on disk, replicas 1, at most 1,074 MB, and nothing is discarded"
        nobody = "Nobody has taken over what waits there for 'default': no worker has begun, or there is no such site."
        assert told == f"{STREAM} is safe for events: {kept}. 1 events wait in it. {nobody}"


async def _config(client: Client) -> StreamConfig:
    return (await client.jetstream().stream_info(STREAM)).config


def _make(config: StreamConfig):  # type: ignore[no-untyped-def]
    async def make(client: Client) -> StreamConfig:
        return (await client.jetstream().add_stream(config)).config

    return make


def test_nothing_that_is_logged_holds_a_body(inbox: SQLiteInbox, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "perscom_receiver"):
        inbox.add(make_event("user.created", email="reyes@example.org"))
        with worked(inbox) as seen:
            eventually(lambda: len(seen.ids) == 1)
    assert "reyes@example.org" not in caplog.text
    assert "reyes@example.org" not in json.dumps(repr(inbox.ingest))
