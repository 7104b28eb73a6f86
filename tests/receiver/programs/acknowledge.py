"""Store events, print the id of each as soon as it is accepted, until somebody kills this process: ``acknowledge.py INBOX``."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

from perscom_receiver import SQLiteInbox
from perscom_receiver.testing import make_event


def say(event_id: str) -> None:
    os.write(1, f"{event_id}\n".encode())


def add(inbox: SQLiteInbox) -> None:
    while True:
        event = make_event("user.created")
        inbox.add(event)
        say(event.id)


async def aadd(inbox: SQLiteInbox) -> None:
    while True:
        event = make_event("user.created")
        await inbox.aadd(event)
        say(event.id)


async def main(inbox: SQLiteInbox) -> None:
    for _ in range(2):
        threading.Thread(target=add, args=(inbox,), daemon=True).start()
    await asyncio.gather(aadd(inbox), aadd(inbox))


asyncio.run(main(SQLiteInbox(sys.argv[1])))
