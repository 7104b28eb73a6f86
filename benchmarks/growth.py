"""What a store that has grown costs: a million finished deliveries (ROWS), a hundred thousand subscriptions, and one dead
endpoint for which a million are due.

In this process, without HTTP: publishing, claiming and settling as the sender does it, 100 at a time. ``ROWS=10000000`` takes
some minutes and gigabytes of the folder for temporary files.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.measure import SECRET, golden
from perscom_receiver import Event
from perscom_receiver.queue import Connection
from perscom_sender import Breaking, Sender, _publish, _rows
from perscom_sender._settle import Try, settle
from perscom_sender._verdict import Verdict

ROWS = int(os.environ.get("ROWS", "1000000"))
SUBSCRIPTIONS = 100_000
DUE = 1_000_000
EVENTS = 4_000
ROUNDS = 5
AT_ONCE = 100
TAKEN = Verdict(kind="done", status=200)


def main() -> None:
    """Print three tables and the plans."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        _compare(
            "Finished deliveries in the log",
            {f"{rows:,} rows": _with_history(folder / f"{rows}.db", rows) for rows in (0, ROWS // 10, ROWS)},
        )
        _compare(
            "Subscriptions, of which one wants the event",
            {f"{count:,}": _with_subscriptions(folder / f"of{count}.db", count) for count in (1, 100, 10_000, SUBSCRIPTIONS)},
        )
        _compare(
            "Deliveries that are due at a dead endpoint, while another one gets its own",
            {f"{due:,} due": _beside_a_dead_one(folder / f"due{due}.db", due) for due in (0, DUE)},
        )
        _plans(folder / f"{ROWS}.db")


def _compare(title: str, stores: dict[str, tuple[Sender, str]]) -> None:
    """Let the stores take turns."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in stores}
    for _ in range(ROUNDS):
        for name in random.sample(list(stores), len(stores)):
            took[name].append(_work(*stores[name]))
    print(f"{title}: {ROUNDS} x {EVENTS} events are published, claimed and settled")
    base: list[float] = []
    for name, rounds in took.items():
        publish, work = (median(column) for column in zip(*rounds, strict=True))
        base = base or [publish, work]
        print(
            f"  {name:<18} publish {publish:6.1f} us {base[0] / publish:5.2f} x"
            f"   claim and settle {work:6.1f} us {base[1] / work:5.2f} x",
            flush=True,
        )
    for sender, _ in stores.values():
        sender.close()


def _with_history(path: Path, rows: int) -> tuple[Sender, str]:
    sender = _new(path)
    _finished(path, rows)
    return sender, "of.0"


def _with_subscriptions(path: Path, count: int) -> tuple[Sender, str]:
    sender = _new(path)
    one = sender.subscriptions.get(1)
    assert one is not None
    stored = (_rows.StoredSecret(SECRET),)
    for first in range(1, count, 1000):

        def add(connection: Connection, first: int = first) -> None:
            for n in range(first, min(count, first + 1000)):
                _rows.save(connection, sender._store.queue, msgspec.structs.replace(one, id=0, events=(f"of.{n}",)), stored)

        sender._store.write(add)
    return sender, f"of.{count - 1}"


def _beside_a_dead_one(path: Path, due: int) -> tuple[Sender, str]:
    sender = _new(path)
    sender.subscriptions.add("https://dead.example.org/", SECRET, ["dead"], concurrency=AT_ONCE)
    _finished(path, due)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE task SET state = 0, settled = NULL, due = 1, lane = 2 WHERE lane = 1")
        connection.execute("UPDATE lane SET not_before = 1e12, ready = 1e12 WHERE id = 2")  # its breaker is open
    return sender, "of.0"


def _new(path: Path) -> Sender:
    sender = Sender(path)
    sender.subscriptions.add("https://example.org/", SECRET, ["of.0"], concurrency=AT_ONCE)
    return sender


def _finished(path: Path, rows: int) -> None:
    """So many deliveries that ended in the last year, with an attempt each and without their bodies."""
    now = time.time()
    step = 365 * 86_400 / max(1, rows)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF").fetchall()
        for first in range(0, rows, 500_000):
            last = min(rows, first + 500_000)
            numbers = f"WITH RECURSIVE n(i) AS (SELECT {first + 1} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
            with connection:
                connection.execute(
                    f"INSERT INTO event (id, site, created, digest, endpoint, name, received, body) {numbers}"
                    " SELECT i, 'sender/default', CAST((? - (? - i) * ?) * 1e6 AS INTEGER), randomblob(32), '', 'of.0',"
                    " ? - (? - i) * ?, NULL FROM n",
                    (now, rows, step, now, rows, step),
                )
                connection.execute(
                    f"INSERT INTO task (id, lane, event, state, attempt, due, settled) {numbers}"
                    " SELECT i, 1, i, 2, 1, 1, ? - (? - i) * ? FROM n",
                    (now, rows, step),
                )
                connection.execute(
                    f"INSERT INTO attempt (task, n, started, ms, status, outcome) {numbers}"
                    " SELECT i, 1, ?, 12, 200, 'done' FROM n",
                    (now,),
                )


def _work(sender: Sender, name: str) -> tuple[float, float]:
    """Microseconds to publish one event, and to claim and settle its delivery."""
    _, body = golden("rankrecord_created")
    event, queue, store = Event.parse(body), sender._store.queue, sender._store
    drafts = [_publish.draft(name, event.data, event.changes, None, None, None, store.tick()) for _ in range(EVENTS)]
    publishing = working = 0.0
    for first in range(0, EVENTS, AT_ONCE):

        def publish(connection: Connection, some: list[_publish.Draft] = drafts[first : first + AT_ONCE]) -> None:
            for draft in some:
                _publish.insert(connection, queue, draft, store.now())

        def work(connection: Connection) -> int:
            (claim,) = queue.begin(connection, store.now(), 15, AT_ONCE)
            row = _rows.find(connection, queue.site, int(claim.lane.name))
            assert row is not None
            tries = [Try(row=row, task=task, verdict=TAKEN, ms=12.0, chance=0.5) for task in claim.tasks]
            return len(settle(connection, queue, tries, store.now(), Breaking()))

        began = time.perf_counter()
        store.write(publish)
        between = time.perf_counter()
        assert store.write(work) == AT_ONCE
        publishing += between - began
        working += time.perf_counter() - between
    return publishing / EVENTS * 1e6, working / EVENTS * 1e6


def _plans(path: Path) -> None:
    """How SQLite finds what is claimed, in the largest store."""
    print("Plans, with the largest log")
    seen: dict[str, list[str]] = {}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        sender = Sender(path)
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        connection.execute("BEGIN")
        _publish.insert(
            connection, sender._store.queue, _publish.draft("of.0", {"id": 1}, None, None, None, None, 1), time.time()
        )
        (claim,) = sender._store.queue.begin(connection, time.time(), 15, 10)
        row = _rows.find(connection, sender._store.site, 1)
        assert row is not None
        tries = [Try(row=row, task=task, verdict=TAKEN, ms=12.0, chance=0.5) for task in claim.tasks]
        settle(connection, sender._store.queue, tries, time.time(), Breaking())
        connection.set_trace_callback(None)
        for statement in statements:
            if not statement.startswith(("BEGIN", "INSERT INTO task", "INSERT INTO attempt")):
                steps = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
                seen.setdefault(statement.split(" WHERE ")[0][:60], steps)
        connection.execute("ROLLBACK")
    for statement, steps in seen.items():
        print(f"  {statement}")
        for step in steps:
            print(f"      {step}")
