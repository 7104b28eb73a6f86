"""A closure on its way to the writer thread, and how whoever waits for it learns what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol

from ._errors import Unavailable

__all__ = ["Connection", "Cursor", "Write", "no_commit", "resolve", "too_late"]


class Cursor(Protocol):
    """What a statement found or changed. Read it to its end, or close it."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...
    def close(self) -> None: ...


class Connection(Protocol):
    """What a closure may use of the connection it is given. Placeholders are ``?``.

    Statements are common to all stores. What stands in ``/*pg ... */`` is for PostgreSQL alone, as are the locks there: SQLite
    has one writer at a time. What stands between ``/*sqlite*/`` and ``/*pg ... */`` is for SQLite, in place of that.
    """

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...
    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Cursor: ...


class Write:
    """A closure, and the future of its committed result: one of a thread, or of the event loop ``loop``."""

    __slots__ = ("future", "loop", "size", "wake", "work")

    def __init__(
        self, work: Callable[[Connection], object], wake: bool, size: int, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self.work = work
        self.wake = wake
        self.size = size
        self.loop = loop
        self.future: Any = Future() if loop is None else loop.create_future()

    def begin(self) -> bool:
        """Whether anybody still waits for it."""
        return not self.future.done() if self.loop is not None else bool(self.future.set_running_or_notify_cancel())

    def fail(self, error: Exception) -> None:
        """Raise ``error`` where it is waited for."""
        if self.loop is None:
            self.future.set_exception(error)
        else:
            _tell(self.loop, _set_exception, self.future, error)


def resolve(writes: Iterable[Write], results: Iterable[object]) -> None:
    """Give each its committed result. One call into an event loop serves all who wait there: one for each would cost as much as
    the insert itself."""
    waiting: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[object], object]]] = {}
    for write, result in zip(writes, results, strict=True):
        if write.loop is None:
            write.future.set_result(result)
        else:
            waiting.setdefault(write.loop, []).append((write.future, result))
    for loop, settled in waiting.items():
        _tell(loop, _set_results, settled)


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *arguments: object) -> None:
    with suppress(RuntimeError):  # the loop was closed, and nobody waits there any more
        loop.call_soon_threadsafe(call, *arguments)


def _set_results(settled: list[tuple[asyncio.Future[object], object]]) -> None:
    for future, result in settled:
        if not future.done():
            future.set_result(result)


def _set_exception(future: asyncio.Future[object], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def no_commit(timeout: float | None) -> Unavailable:
    """What who waited for ``timeout`` seconds is told."""
    return Unavailable(f"The database did not commit within {timeout} s.")


def too_late(future: asyncio.Future[object], timeout: float) -> None:
    """Raise it where ``future`` is waited for."""
    if not future.done():  # now it is: what waits for its turn is dropped then
        future.set_exception(no_commit(timeout))
