"""When a delivery that failed is tried again: arithmetic on numbers of tries. No clock, no sleep."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from perscom_receiver import ConfigurationError

__all__ = ["PERSCOM_SCHEDULE", "STANDARD_SCHEDULE", "Schedule"]

_MINUTE, _HOUR = 60.0, 3600.0


class Schedule(msgspec.Struct, frozen=True):
    """The waits after the first, second, ... failed try, in seconds. When they are used up, the delivery has failed.

    Each wait gets up to a tenth more by chance, so that what failed together does not come back together. Raises
    ConfigurationError for a wait below 1 s or above 30 days.
    """

    waits: tuple[float, ...]

    def __post_init__(self) -> None:
        if not all(1 <= wait <= 30 * 24 * _HOUR for wait in self.waits):
            raise ConfigurationError("A Schedule has waits of 1 s to 30 days, in seconds: Schedule((10, 100)).")

    @property
    def tries(self) -> int:
        """How often an event is sent at most."""
        return len(self.waits) + 1

    def delay(self, tries: int, *, chance: float) -> float | None:
        """Seconds to wait after ``tries`` failed ones, or None to give up. ``chance``: a number in [0, 1)."""
        if not 1 <= tries <= len(self.waits):
            return None
        return self.waits[tries - 1] * (1 + chance / 10)

    def times(self, start: datetime) -> list[datetime]:
        """The earliest moment of each try, the first at ``start``, if each one fails at once."""
        moments = [start]
        for wait in self.waits:
            moments.append(moments[-1] + timedelta(seconds=wait))
        return moments

    @property
    def longest(self) -> float:
        """The longest wait that it can name, in seconds."""
        return max(self.waits, default=0.0) * 1.1


PERSCOM_SCHEDULE: Final = Schedule((10.0, 100.0))
"""Three tries within two minutes, as PERSCOM itself sends."""
STANDARD_SCHEDULE: Final = Schedule(
    (5.0, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR)
)
"""Ten tries in three days, as Standard Webhooks advises: for an endpoint that is down over a weekend."""
