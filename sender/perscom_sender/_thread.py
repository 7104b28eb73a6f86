"""A sender in a thread of its own, for programs without an event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._sender import Sender

__all__ = ["SenderThread"]

_log = logging.getLogger("perscom_sender")


class SenderThread:
    """Delivers from its construction until :meth:`stop`."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="perscom-sender", daemon=True)
        self._thread.start()
        self._ready.wait()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        try:
            await self._sender.run(self._stop)
        except Exception:  # noqa: BLE001 - the program around it goes on and publishes, so it must be said at once
            _log.critical("The sender has ended by itself: events are stored, and wait until one is started.", exc_info=True)

    def stop(self) -> None:
        """Let what is under way end, and wait for that."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
