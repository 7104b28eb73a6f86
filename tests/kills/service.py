"""What is killed: a service that stores what it is sent, and a worker that handles it, in one process or in two."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sqlite3
from collections.abc import Collection
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvicorn

from perscom_receiver import Event, Handler, Receiver, Router, SQLiteInbox, Worker, _sqlite, _worker
from perscom_receiver.starlette import webhook_app

__all__ = ["AT_MOST_ONCE", "DATABASE", "HANDLED", "HANDLERS", "SECRET", "play"]

SECRET = "a secret of twenty-odd letters"
DATABASE = "inbox.db"
HANDLED = "handled"
"""A line for each call of a handler, written when it begins."""
AT_MOST_ONCE = "at most once"
HANDLERS = {"narrow": 2, "wide": 8, AT_MOST_ONCE: 8}
"""How many calls of each may be under way, and so may be cut off by one kill."""
LEASE = 0.5

# A kill in each of these is wanted, so all of them happen often.
_worker.BEAT = 0.1
_worker.POLL = 0.02
_sqlite.CHECKPOINT_EVERY = 0.02
_sqlite.WAL_LIMIT = 64 * 1024


def play(roles: Collection[str], folder: Path, listener: socket.socket, told: Connection) -> None:
    """Be ``service``, ``worker`` or both, until somebody kills this process.

    ``told`` gets a byte for what happens: ``(`` and ``)`` around each checkpoint, ``h`` when a handler begins.
    """
    sqlite3.connect = partial(sqlite3.connect, factory=partial(_Telling, told.fileno()))  # type: ignore[assignment]
    asyncio.run(_play(roles, folder, listener, told.fileno()))


async def _play(roles: Collection[str], folder: Path, listener: socket.socket, told: int) -> None:
    inbox = SQLiteInbox(folder / DATABASE)
    parts = []
    if "service" in roles:
        app = webhook_app(Receiver(SECRET, inbox=inbox))
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
        parts.append(uvicorn.Server(config).serve([listener]))
    if "worker" in roles:
        handled = os.open(folder / HANDLED, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        parts.append(Worker(inbox, _router(handled, told), lease=LEASE).run())
    await asyncio.gather(*parts)


def _router(handled: int, told: int) -> Router:
    router = Router()
    for key, concurrency in HANDLERS.items():

        async def call(event: Event, key: str = key) -> None:
            os.write(handled, f"{key} {event.id}\n".encode())  # one system call: a line that was begun is whole
            os.write(told, b"h")
            await asyncio.sleep(random.random() * 0.005)

        repeat = key != AT_MOST_ONCE
        router.add(Handler(key=key, call=call, patterns=("*",), concurrency=concurrency, repeat_unclear=repeat))
    return router


class _Telling(sqlite3.Connection):
    """Tells when a checkpoint begins and ends."""

    def __init__(self, told: int, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._told = told

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if "wal_checkpoint" not in sql:
            return super().execute(sql, *parameters)
        os.write(self._told, b"(")
        try:
            return super().execute(sql, *parameters)
        finally:
            os.write(self._told, b")")
