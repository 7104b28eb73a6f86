"""Store events and handle them: ``crash.py FOLDER`` until somebody kills it, ``crash.py FOLDER drain`` until nothing waits.

Each event that ``aadd`` accepted is noted in FOLDER/accepted directly afterwards, each call of a handler in FOLDER/handled when
it begins. Both are appended with one system call, so a note that was begun is whole.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from perscom_receiver import Event, Handler, Router, SQLiteInbox, Worker, _worker, _writer
from perscom_receiver.testing import make_event

# A crash in each of these is wanted, so all of them happen often.
_worker.BEAT = 0.1
_writer.CHECKPOINT_EVERY = 0.05
_writer.WAL_LIMIT = 256 * 1024
LEASE = 0.5


def notes(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def routes(handled: int) -> Router:
    router = Router()

    def handler(key: str, *, concurrency: int, repeat_unclear: bool = True) -> Handler:
        async def call(event: Event) -> None:
            os.write(handled, f"{key} {event.id}\n".encode())
            await asyncio.sleep(random.random() * 0.01)

        return Handler(key=key, call=call, patterns=("*",), concurrency=concurrency, repeat_unclear=repeat_unclear)

    router.add(handler("narrow", concurrency=2))
    router.add(handler("wide", concurrency=8))
    router.add(handler("at most once", concurrency=8, repeat_unclear=False))
    return router


async def produce(inbox: SQLiteInbox, accepted: int) -> None:
    while True:
        event = make_event("user.created")
        assert await inbox.aadd(event)
        os.write(accepted, f"{event.id}\n".encode())
        await asyncio.sleep(random.random() * 0.02)


async def main(folder: Path, drain: bool) -> None:
    inbox = SQLiteInbox(folder / "inbox.db")
    stop = asyncio.Event()
    worker = asyncio.create_task(Worker(inbox, routes(notes(folder / "handled")), lease=LEASE).run(stop))
    if drain:
        while inbox.health().waiting:
            await asyncio.sleep(0.05)
        stop.set()
        await worker
        inbox.close()
        return
    accepted = notes(folder / "accepted")
    sys.stdout.write("begins\n")
    sys.stdout.flush()
    await asyncio.gather(*(produce(inbox, accepted) for _ in range(4)))


asyncio.run(main(Path(sys.argv[1]), sys.argv[2:] == ["drain"]))
