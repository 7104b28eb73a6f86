"""One side of an inbox with a stream in front, until somebody kills this process: ``ingest.py receive|work INBOX ADDRESS``.

``receive`` accepts events and prints the id of each as soon as it is accepted.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import suppress

from perscom_receiver import Event, Router, SQLiteInbox, Unavailable, Worker
from perscom_receiver.testing import make_event


def say(event: Event) -> None:
    os.write(1, f"{event.id}\n".encode())


def add(inbox: SQLiteInbox) -> None:
    while True:
        event = make_event("user.created")
        with suppress(Unavailable):
            inbox.add(event)
            say(event)


async def aadd(inbox: SQLiteInbox) -> None:
    while True:
        event = make_event("user.created")
        with suppress(Unavailable):
            await inbox.aadd(event)
            say(event)
        await asyncio.sleep(0.002)  # a worker must have its chance on a small machine


async def receive(inbox: SQLiteInbox) -> None:
    threading.Thread(target=add, args=(inbox,), daemon=True).start()
    await asyncio.gather(*(aadd(inbox) for _ in range(4)))


def main(side: str, path: str, address: str) -> None:
    inbox, router = SQLiteInbox(path, ingest=address), Router()
    if side == "work":
        router.on("*", name="nothing")(lambda event: None)
        Worker(inbox, router).run_forever()
    else:
        asyncio.run(receive(inbox))


main(*sys.argv[1:])
