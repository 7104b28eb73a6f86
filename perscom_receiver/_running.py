"""Where a worker runs: in the lifespan of an app, in a thread, or as the whole business of a process."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._worker import Worker

__all__ = ["WorkerThread", "run_until_signal", "set_when", "wait", "working"]

_log = logging.getLogger("perscom_receiver")


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    """Work inside the block; at its end let running handlers end, and close the inbox."""
    stop = asyncio.Event()
    running = asyncio.create_task(_watched(worker, stop))
    try:
        yield
    finally:
        stop.set()
        await running
        await asyncio.to_thread(worker.inbox.close)


def run_until_signal(worker: Worker) -> None:
    """Work until SIGTERM or Ctrl-C. Raises what ends the worker."""

    async def main() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        with suppress(NotImplementedError):  # Windows: there Ctrl-C cancels, and no other signal is asked to
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
        await worker.run(stop)

    with suppress(KeyboardInterrupt):
        asyncio.run(main())
    worker.inbox.close()


class WorkerThread:
    """A worker in a thread of its own."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="perscom-worker", daemon=True)
        self._thread.start()
        self._ready.wait()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await _watched(self._worker, self._stop)

    def stop(self) -> None:
        """Let running handlers end, give the rest back, and wait for that."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()


async def _watched(worker: Worker, stop: asyncio.Event) -> None:
    """The app around a worker goes on and stores when it fails, so that must be said at once."""
    try:
        await worker.run(stop)
    except Exception:  # noqa: BLE001
        if threading.main_thread().is_alive():  # else the program is ending, and nobody stopped its worker before
            _log.critical("The worker has ended by itself: events are stored, and wait until one is started.", exc_info=True)


async def set_when(stop: asyncio.Event, wake: asyncio.Event) -> None:
    """Set ``wake`` once ``stop`` is set."""
    await stop.wait()
    wake.set()


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, or for so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
