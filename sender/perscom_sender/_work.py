"""What a run of a condition and a template may cost, counted as it goes.

Each step of a loop, each filter and each letter that is written takes from one :class:`Work`: whatever a source loops over or
multiplies, it ends soon.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import Final

from ._php import Stopped

__all__ = ["BUDGET", "WORK", "Work", "search", "size", "spend"]

BUDGET: Final = 1_000_000
"""Steps of one run, about: a letter written is one. Used up in well under a second."""


class Work:
    """What one run has left, and what its functions ask for."""

    def __init__(self, now: datetime, changes: object) -> None:
        self.left = BUDGET
        self.now = now
        self.changes = changes if isinstance(changes, Mapping) else {}


WORK: ContextVar[Work] = ContextVar("WORK")


def spend(steps: int) -> None:
    """Raises Stopped when the run has no more."""
    work = WORK.get()
    work.left -= steps
    if work.left < 0:
        raise Stopped("this takes too long or makes too much; loop over less, or write less")


def search(text: str, what: str) -> None:
    """Spend what it takes to look for ``what``: with the wrong texts Python compares a hundred letters at each place."""
    spend(len(text) * min(len(what), 100) >> 5)


def size(value: object) -> int:
    """Steps that it takes to go through a value: one for 32 letters."""
    steps, waiting = 0, [value]
    while waiting and steps <= BUDGET:  # a list may hold itself a million times: [a, a] of an a that was made so
        one = waiting.pop()
        steps += 1 + (len(one) >> 5 if isinstance(one, str) else 0)
        if isinstance(one, Mapping):
            waiting.extend(one)
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
    return steps
