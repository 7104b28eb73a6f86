"""How many requests in how much time: a window that opens with the first request and starts anew when it is over."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

__all__ = ["Rate", "Standing", "Windows"]


class Rate(msgspec.Struct, frozen=True):
    """At most ``limit`` requests in ``seconds``."""

    limit: int
    seconds: float


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a caller stands after a request. ``reset_at`` is when the window is over (aware)."""

    allowed: bool
    remaining: int
    reset_at: datetime

    def wait(self, now: datetime) -> float:
        """Seconds until the window is over."""
        return (self.reset_at - now).total_seconds()


class Windows:
    """One window for each key."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[int, datetime]] = {}  # requests so far, and when it is over

    def count(self, key: str, rate: Rate, now: datetime) -> Standing:
        """Count a request; one too many is told so and does not count."""
        used, over = self._open.get(key, (0, now))
        if now >= over:
            used, over = 0, now + timedelta(seconds=rate.seconds)
        allowed = used < rate.limit
        used += allowed
        self._open[key] = used, over
        return Standing(allowed=allowed, remaining=rate.limit - used, reset_at=over)
