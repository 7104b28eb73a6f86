"""How fast a destination may be called: whom a limit is about, and the rest after a message so that it is never met.

A limit that is met costs an attempt and, on some platforms, everybody else's time. Where the headers tell what is left, they
are believed; where they do not, messages keep the distance that the platform is known to allow.
"""

from __future__ import annotations

from hashlib import sha256

from ._answers import LONGEST_WAIT

__all__ = ["Pace", "path"]


def path(platform: str, *narrower: str) -> str:
    """Whom a limit is about, from wide to narrow, for :class:`perscom_receiver.Handler`: ``telegram/5c1f…/90ab…/``.

    What is ``narrower`` may be a token, so only a digest of it shows.
    """
    return "/".join((platform, *(sha256(part.encode()).hexdigest()[:16] for part in narrower), ""))


class Pace:
    """How fast one destination may be called; ``path`` is whom its limits are about.

    Platforms allow short bursts beyond their known limits, and nobody should wait for nothing. So it is ``brisk`` (seconds
    between two messages) until the platform has said once that this is too fast, and ``careful`` as long as the process lives:
    then the limit is not met a second time, however many messages there are.
    """

    def __init__(self, path: str, *, brisk: float, careful: float) -> None:
        self.path = path
        self.rest = 0.0
        """Seconds for which nothing more should be sent, counted from the newest answer."""
        self._seconds = brisk
        self._careful = careful

    def __repr__(self) -> str:
        return f"<Pace {self._seconds:g} s at {self.path}>"

    def taken(self, told: float = 0.0) -> None:
        """A message was taken; ``told`` is how long a rest the answer demands."""
        self.rest = min(max(self._seconds, told), LONGEST_WAIT)

    def too_fast(self) -> None:
        """A message was not taken, since there were too many before it."""
        self._seconds = self._careful
