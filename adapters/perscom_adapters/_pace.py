"""How fast a destination may be called: whom a limit is about, and the rest after a message so that it is never met.

A limit that is met costs an attempt and, on some platforms, everybody else's time. Where the headers tell what is left, they
are believed; where they do not, messages keep the distance that the platform is known to allow.
"""

from __future__ import annotations

from hashlib import sha256

__all__ = ["Pace", "path"]

_EASE = 0.998
"""Of the distance, after each answer: half of it is left after some 350."""
_SLOWEST = 8


def path(platform: str, *narrower: str) -> str:
    """Whom a limit is about, from wide to narrow, for :class:`perscom_receiver.Handler`: ``telegram/5c1f…/90ab…/``.

    What is ``narrower`` may be a token, so only a digest of it shows.
    """
    return "/".join((platform, *(sha256(part.encode()).hexdigest()[:16] for part in narrower), ""))


class Pace:
    """How fast one destination may be called; ``path`` is whom its limits are about.

    Platforms allow short bursts beyond their known limits, and nobody should wait for nothing. So it is ``brisk`` (seconds
    between two messages) until the platform has said that this is too fast, and from then on ``careful``: at that distance the
    known limits are not met, however many messages there are. Where others share a limit, or it is narrower than known, that
    is still too fast; then the distance doubles, and becomes smaller again little by little.
    """

    def __init__(self, path: str, *, brisk: float, careful: float) -> None:
        self.path = path
        self.rest = 0.0
        """Seconds for which nothing more should be sent, counted from the newest answer."""
        self._seconds = brisk
        self._careful = careful

    def __repr__(self) -> str:
        return f"<Pace {self._seconds:g} s at {self.path}>"

    def answered(self, told: float = 0.0) -> None:
        """The platform has answered, whatever it was; ``told`` is how long a rest the answer demands."""
        if self._seconds > self._careful:
            self._seconds = max(self._careful, self._seconds * _EASE)
        self.rest = max(self._seconds, told)

    def too_fast(self) -> None:
        """A message was not taken, since there were too many before it."""
        self._seconds = self._careful if self._seconds < self._careful else min(2 * self._seconds, _SLOWEST * self._careful)
