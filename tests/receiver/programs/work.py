"""A worker that notes when each task begins and ends, until SIGTERM: ``work.py INBOX LOG``."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from perscom_receiver import Event, Handler, Router, SQLiteInbox, Worker


async def main(path: str, log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    router = Router()

    def handler(key: str) -> Handler:
        def note(what: str, event: Event) -> None:
            os.write(file, f"{what} {key}/{event.id} {os.getpid()}\n".encode())

        async def call(event: Event) -> None:
            note("begin", event)
            await asyncio.sleep(0.01)
            note("end", event)

        return Handler(key=key, call=call, patterns=("*",), concurrency=4)

    router.add(handler("first"))
    router.add(handler("second"))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    inbox = SQLiteInbox(path)
    await Worker(inbox, router, running=3).run(stop)  # less than its lanes allow: there is something left for others
    inbox.close()


asyncio.run(main(*sys.argv[1:]))
