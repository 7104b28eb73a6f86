"""Databases over a fork: closed before it, and opened again by whoever uses them after it."""

from __future__ import annotations

import os
import weakref
from typing import Protocol

__all__ = ["close_before_forks"]


class _Database(Protocol):
    def _hold(self) -> None: ...
    def _resume(self, *, in_child: bool = False) -> None: ...


_databases: weakref.WeakSet[_Database] = weakref.WeakSet()
_held: list[_Database] = []


def close_before_forks(database: _Database) -> None:
    """From now on.

    SQLite keeps its locks in memory, once per file and process: a child that inherits them believes that it holds locks it does
    not hold, and what it commits is lost when the parent closes the file. And two processes cannot talk over one connection.
    """
    _databases.add(database)


def _before_fork() -> None:
    for database in sorted(_databases, key=id):
        database._hold()
        _held.append(database)


def _after_fork(*, in_child: bool = False) -> None:
    while _held:
        _held.pop()._resume(in_child=in_child)


def _after_fork_in_child() -> None:
    _after_fork(in_child=True)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
