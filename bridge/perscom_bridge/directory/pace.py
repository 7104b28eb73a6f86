"""When PERSCOM's API may be asked: within its limit and ours, and not for a while after it has refused or failed."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

__all__ = ["Pace"]

A_MINUTE: Final = 60
"""Requests. PERSCOM is believed to allow 100 to an address, which may be shared with others."""
THROTTLED: Final = 60.0
"""Seconds to rest after a 429, which names no time of its own."""
ALMOST_USED_UP: Final = 10.0
"""Seconds to rest when less than a tenth of PERSCOM's limit is left."""
REFUSED: Final = 900.0
"""Seconds to rest after a refusal that somebody has to mend."""
FIRST_FAILURE: Final = 30.0
LONGEST: Final = 300.0
"""Seconds to rest after the first failure, doubled with each one up to this."""


class Pace:
    """Times are seconds of any clock that never goes back, given by the caller."""

    def __init__(self) -> None:
        self._sent: deque[float] = deque()
        self._rests_until = 0.0
        self._failures = 0

    def take(self, now: float) -> bool:
        """Whether a request may go out now; then it counts."""
        while self._sent and self._sent[0] <= now - 60:
            self._sent.popleft()
        if now < self._rests_until or len(self._sent) >= A_MINUTE:
            return False
        self._sent.append(now)
        return True

    def answered(self, headers: Mapping[str, str], now: float) -> None:
        """A request was answered as it should be."""
        self._failures = 0
        left, limit = _number(headers.get("X-RateLimit-Remaining")), _number(headers.get("X-RateLimit-Limit"))
        if left is not None and limit is not None and left < limit / 10:
            self._rest(ALMOST_USED_UP if left else THROTTLED, now)

    def throttled(self, headers: Mapping[str, str], now: float, chance: float) -> None:
        """It was one request too many. ``chance`` is from 0 to 1, so that not all come back at the same moment."""
        told = _number(headers.get("Retry-After"))
        self._rest(min(told, 3600.0) if told else THROTTLED * (1 + chance / 10), now)

    def failed(self, now: float) -> None:
        """PERSCOM has trouble of its own, or cannot be reached."""
        self._rest(min(FIRST_FAILURE * 2**self._failures, LONGEST), now)
        self._failures = min(self._failures + 1, 10)

    def refused(self, now: float) -> None:
        """The token is refused, or the address is wrong."""
        self._rest(REFUSED, now)

    def _rest(self, seconds: float, now: float) -> None:
        self._rests_until = max(self._rests_until, now + seconds)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None
