"""A worker whose only handler blocks its thread for ever, until SIGTERM: ``hang.py INBOX LOG``."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from pathlib import Path

from perscom_receiver import Event, Router, SQLiteInbox, Worker


async def main(path: str, log: str) -> None:
    router = Router()

    @router.on("*")
    def hang(event: Event) -> None:
        Path(log).touch()
        threading.Event().wait()

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    inbox = SQLiteInbox(path)
    await Worker(inbox, router, grace=0.1).run(stop)
    inbox.close()


asyncio.run(main(*sys.argv[1:]))
