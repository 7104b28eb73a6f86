"""When to try again: arithmetic on attempt numbers and ages. No clock, no sleep."""

from __future__ import annotations

from math import inf

import msgspec

from ._errors import ConfigurationError

__all__ = ["RetryPolicy"]


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential backoff with a last moment. All times are seconds.

    The wait after attempt n is ``first * factor ** (n - 1)``, at most ``longest``, plus up to a tenth of it by chance, so that
    many tasks that failed together do not come back together. Once an event is older than ``give_up_after`` it is not tried
    again: it becomes a dead letter, which is kept and can be replayed.
    """

    first: float = 5.0
    factor: float = 2.0
    longest: float = 900.0
    give_up_after: float = 3 * 86_400.0

    def __post_init__(self) -> None:
        if not (0 < self.first <= self.longest < inf and 1 <= self.factor <= 1000 and self.give_up_after >= 0):
            raise ConfigurationError("A RetryPolicy needs 0 < first <= longest, 1 <= factor <= 1000 and give_up_after >= 0.")

    def delay(self, attempt: int, *, age: float, chance: float) -> float | None:
        """Seconds to wait after the failed ``attempt`` (the first is 1), or None to give up.

        ``age`` is how old the task is, ``chance`` a number in [0, 1) such as ``random.random()``.
        """
        if age >= self.give_up_after:
            return None
        # Past some attempts the power would only overflow; the cap is reached long before.
        wait = min(self.first * self.factor ** min(attempt - 1, 64), self.longest)
        return wait * (1 + chance / 10)
