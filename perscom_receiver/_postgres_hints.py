"""Hearing of the commits of other processes: ``NOTIFY`` is a hint that may be lost, and is worth a connection of its own."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from selectors import EVENT_READ, DefaultSelector

import psycopg

from ._postgres_session import Connect

__all__ = ["Hints"]

_log = logging.getLogger("perscom_receiver")

PAUSE = 1.0
"""Seconds until a lost connection is tried again."""


class Hints:
    """A thread that calls ``call`` when a session with another token than ``own()`` has told of a commit."""

    def __init__(self, connect: Connect, own: Callable[[], str], call: Callable[[], None]) -> None:
        self._connect = connect
        self._own = own
        self._call = call
        self._hears = True
        self._ended = threading.Event()
        self._end, self._told_to_end = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="perscom-hints", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hear no more."""
        self._ended.set()
        self._end.send(b"!")
        self._thread.join()
        self._end.close()
        self._told_to_end.close()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._hear()
            except psycopg.Error as error:
                if self._hears:  # once for each time that it is away
                    why = str(error).partition("\n")[0]
                    _log.warning("Commits of other processes are not heard of for a while, and are looked for: %s", why)
                self._hears = False
                self._ended.wait(PAUSE)

    def _hear(self) -> None:
        with self._connect() as raw, DefaultSelector() as selector:
            raw.execute("LISTEN perscom")
            self._hears = True
            self._call()  # for what nobody heard before
            for file in (raw.fileno(), self._told_to_end.fileno()):
                selector.register(file, EVENT_READ)
            while not self._ended.is_set():
                selector.select()
                told = list(raw.notifies(timeout=0))
                if any(one.payload != self._own() for one in told):
                    self._call()
