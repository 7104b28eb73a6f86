"""The slots of a worker: how many requests it makes at once.

A slot counts work, not waiting: a request that is not answered within a fraction of a second gives its slot back, so that slow
and dead endpoints never use up those of the others. How many requests one endpoint gets at once is the width of its lane.
"""

from __future__ import annotations

import time

__all__ = ["LATE", "SLOTS", "Slots"]

LATE = 0.25
"""Seconds after which a request that waits for its answer gives its slot back."""
SLOTS = 100


class Slots:
    """Which deliveries have one. Without a timer for each, of which nearly all would end before they ring."""

    def __init__(self) -> None:
        self.free = SLOTS
        self._late: dict[int, float] = {}  # in the order in which they were taken

    def take(self, delivery: int) -> None:
        """Give it a slot."""
        self.free -= 1
        self._late[delivery] = time.monotonic() + LATE

    def give_back(self, delivery: int) -> None:
        """Take its slot back, if it has one still."""
        if self._late.pop(delivery, None) is not None:
            self.free += 1

    def give_back_late(self) -> None:
        """Take the slots back of those that have waited too long."""
        while self.next_late == 0.0:
            self.give_back(next(iter(self._late)))

    @property
    def next_late(self) -> float | None:
        """Seconds until the next one has waited too long; None when nobody has a slot."""
        return max(0.0, next(iter(self._late.values())) - time.monotonic()) if self._late else None
