"""Fork around a database in use, and see that no write of anybody is lost: ``fork.py FILE CASE``."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

from perscom_receiver import _files
from perscom_receiver.queue import Connection, Database

NOTES = (("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",),)


def write(database: Database, text: str) -> None:
    database.write(lambda connection: connection.execute("INSERT INTO note (text) VALUES (?)", (text,)), timeout=5)


def write_many(database: Database, who: str, count: int = 20) -> None:
    for n in range(count):
        write(database, f"{who}/{n}")


def child(work: Callable[[], None]) -> int:
    """Fork, and do ``work`` in the child."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return pid


def join(*pids: int) -> None:
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def before(database: Database) -> int:
    children = [child(partial(write_many, database, f"child {n}")) for n in range(3)]
    write_many(database, "parent")
    join(*children)
    return 80


def after(database: Database) -> int:
    write_many(database, "first")
    database.read(lambda connection: connection.execute("SELECT count(*) FROM note").fetchone())
    return 20 + before(database)


def busy(database: Database) -> int:
    stop, written = threading.Event(), []

    def load(name: int) -> None:
        for n in range(10_000):
            if stop.is_set():
                return
            write(database, f"thread {name}/{n}")
            written.append(n)
            database.read(lambda connection: connection.execute("SELECT max(id) FROM note").fetchone())

    threads = [threading.Thread(target=load, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    children = []
    for n in range(5):
        children.append(child(partial(write_many, database, f"child {n}")))
        time.sleep(0.02)
    join(*children)
    stop.set()
    for thread in threads:
        thread.join()
    return 100 + len(written)


def parent_closes(database: Database) -> int:
    from_child, to_child = os.pipe(), os.pipe()

    def work() -> None:
        write(database, "child/before")
        os.write(from_child[1], b"x")
        os.read(to_child[0], 1)
        write_many(database, "child")

    write(database, "parent")
    pid = child(work)
    os.read(from_child[0], 1)
    database.close()
    os.write(to_child[1], b"x")
    join(pid)
    return 22


def parent_is_killed(database: Database) -> int:
    pids, to_main = os.pipe(), os.pipe()

    def parent() -> None:
        entered = threading.Event()

        def endless(connection: Connection) -> None:
            entered.set()
            time.sleep(60)

        def grandchild() -> None:
            os.read(pids[0], 1)
            write_many(database, "orphan")
            os.write(to_main[1], b"x")

        write(database, "parent")
        os.write(to_main[1], b"%10d" % child(grandchild))
        database.submit(endless)
        entered.wait()
        os.kill(os.getpid(), signal.SIGKILL)

    pid = child(parent)
    os.read(to_main[0], 10)
    os.waitpid(pid, 0)
    os.write(pids[1], b"x")
    assert os.read(to_main[0], 1) == b"x"
    return 21


def backup(database: Database) -> int:
    closed = os.pipe()
    children: list[int] = []

    def work() -> None:
        write(database, "child/before")
        os.read(closed[0], 1)
        write_many(database, "child")

    def meanwhile(done: int, total: int) -> None:
        if not forking.ident:
            forking.start()
            forking.join(0.3)

    write(database, "x" * 1_000_000)
    forking = threading.Thread(target=lambda: children.append(child(work)))
    _files.PAGES_AT_ONCE = 8
    database.backup(f"{database.path}.copy", progress=meanwhile)
    database.close()
    forking.join()
    os.write(closed[1], b"x")
    join(*children)
    return 22


def event_loop(database: Database) -> int:
    async def main() -> int:
        def work(connection: Connection, n: int) -> None:
            connection.execute("INSERT INTO note (text) VALUES (?)", (f"loop/{n}",))

        def count(connection: Connection) -> int:
            return int(connection.execute("SELECT count(*) FROM note").fetchone()[0])

        def go_on() -> None:
            write_many(database, "child")
            assert asyncio.run(database.aread(count)) >= 20

        writes = [asyncio.create_task(database.awrite(partial(work, n=n))) for n in range(50)]
        reads = [asyncio.create_task(database.aread(count)) for _ in range(3)]
        await asyncio.sleep(0)
        pid = child(go_on)
        await asyncio.gather(*writes, *reads)
        assert await database.aread(count) >= 50
        return pid

    join(asyncio.run(main()))
    return 70


CASES = {
    "children that fork before the first use": before,
    "children that fork after the first use": after,
    "a fork while threads of the parent write and read": busy,
    "a parent that closes while its child goes on": parent_closes,
    "a parent that is killed in a transaction": parent_is_killed,
    "a fork by an event loop that waits for the database": event_loop,
    "a fork while a backup is made": backup,
}


def main(path: str, case: str) -> None:
    database = Database(path, migrations=NOTES)
    expected = CASES[case](database)
    database.close()
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT count(*) FROM note").fetchone()[0]
        assert found == expected, f"{found} notes, {expected} were written"
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    sys.stdout.write("ok\n")


main(*sys.argv[1:])
