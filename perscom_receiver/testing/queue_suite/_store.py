"""What a store shows to the suite."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from ...queue import Connection

__all__ = ["Handle", "Store"]

_T = TypeVar("_T")


class Handle(Protocol):
    """What the suite uses of a :class:`~perscom_receiver.queue.Database`. Both raise what ``work`` raises."""

    def write(self, work: Callable[[Connection], _T], *, timeout: float | None = None) -> _T:
        """Run ``work`` in a transaction, and return what it returned once that is committed. ``timeout`` is in seconds."""

    def read(self, work: Callable[[Connection], _T]) -> _T:
        """Run ``work`` on what is committed."""

    def close(self) -> None:
        """Let go of the store."""


class Store(Protocol):
    """One store with the tables of this package, empty at first, in a place of its own."""

    def open(self) -> Handle:
        """A handle of its own, as another process has one. The suite closes it."""

    def foreign(self) -> AbstractContextManager[Connection]:
        """A connection of a program that knows nothing of queues, in a transaction that ends with COMMIT or ROLLBACK."""

    def crash(self, handle: Handle, work: Callable[[Connection], object]) -> None:
        """The machine goes down when ``handle``, one that this store opened, has done ``work`` and not committed it.

        Whatever is opened from now on finds what that leaves; what was opened before is of no further use, but is closed all
        the same.
        """
