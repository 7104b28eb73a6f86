"""What the tests of the sender share: a clock that is moved by hand, and running a sender."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from perscom_sender import Sender

__all__ = ["SECRET", "START", "Clock", "running", "until"]

SECRET = "0123456789abcdef-the-secret"
START = 1_772_000_000.0


class Clock:
    """Seconds since 1970, until somebody moves them."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def running(*senders: Sender, grace: float = 5.0) -> AsyncIterator[None]:
    """The senders deliver inside the block."""
    stop = asyncio.Event()
    runs = [asyncio.create_task(sender.run(stop, grace=grace)) for sender in senders]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*runs)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that will be so soon; the seconds only end a test that fails."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
