"""What happened lately, counted by key: bounded memory, however often it happens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import msgspec

__all__ = ["Burst", "Recent"]

_PARTS = 20
"""Of the span, each with one number."""
_MOST_KEYS = 1000


_Key = TypeVar("_Key", bound=Hashable)


class Burst(msgspec.Struct, frozen=True):
    """How often something happened in the span, at least once, and what was said of it the last time."""

    count: int
    text: str = ""


class Recent(Generic[_Key]):
    """Counts in the last ``span`` seconds of ``now``, which may jump."""

    def __init__(self, now: Callable[[], float], span: float) -> None:
        self.span = span
        self._now = now
        self._part = span / _PARTS
        self._counts: dict[_Key, deque[tuple[int, int]]] = {}
        self._texts: dict[_Key, str] = {}

    def note(self, key: _Key, text: str = "") -> None:
        """It has happened once more."""
        if key not in self._counts and len(self._counts) >= _MOST_KEYS:
            return
        part = int(self._now() // self._part)
        counts = self._counts.setdefault(key, deque(maxlen=_PARTS))
        before = counts.pop()[1] if counts and counts[-1][0] == part else 0
        counts.append((part, before + 1))
        self._texts[key] = text

    def bursts(self) -> dict[_Key, Burst]:
        """All that happened in the span, by key."""
        last = int(self._now() // self._part)
        counts = {key: sum(n for part, n in parts if last - _PARTS < part <= last) for key, parts in self._counts.items()}
        return {key: Burst(count, self._texts[key]) for key, count in counts.items() if count}
