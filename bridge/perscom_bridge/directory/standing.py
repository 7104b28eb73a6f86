"""What a member was, and when: the rank, unit or position as events showed it, in PERSCOM's own time.

``created`` of the events decides, never the order in which they arrived, so repeats and latecomers change nothing that was
right. A history is short, and honest about it: what is not known is None.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import inf
from typing import Final

import msgspec

from perscom_receiver import Event

__all__ = ["History", "Seen", "action_of", "observed", "value_before", "without_repeats"]

LONGEST: Final = 16
"""Sightings, two for each value. A dead letter that is tried again after more changes than that is told without an old rank."""
LATEST: Final = 3600 * 10**6
"""Microseconds by which an event may arrive behind one that was created after it. PERSCOM's retries end within minutes."""


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """One sighting."""

    at: int
    """``created`` of the event, in microseconds since 1970."""
    value: int | None
    """The id of the rank, unit or position; None: the member had none."""
    action: str | None
    """The action that set it, see :func:`action_of`; None for an event that only showed it."""


History = tuple[Seen, ...]
"""Oldest first."""


def action_of(event: Event) -> str:
    """What is common to the events of one action. Without a ``request_id`` each event is an action of its own."""
    return event.request_id or str(event.created_us)


def observed(history: History, new: Seen) -> History:
    """``history`` with one more sighting at its place."""
    if any(seen.at == new.at for seen in history):
        return history
    merged = sorted((*history, new), key=lambda seen: seen.at)
    kept = without_repeats(merged, until=merged[-1].at - LATEST)
    if len(kept) > LONGEST:
        kept = without_repeats(kept)
    return tuple(kept[-LONGEST:])


def without_repeats(history: Sequence[Seen], *, until: float = inf) -> list[Seen]:
    """``history`` without what lies between the first and the last sighting of a value, up to ``until``."""
    kept: list[Seen] = []
    for seen in history:
        if len(kept) > 1 and kept[-1].at < until and kept[-2].value == kept[-1].value == seen.value:
            kept.pop()
        kept.append(seen)
    return kept


def value_before(history: History, at: int, actions: Collection[str]) -> int | None:
    """The value before one of ``actions`` set it; where none did, the one ``at`` that moment. None when it is not known.

    A promotion saves the member first and the record second, so the record's own moment is too late: what counts is when the
    action first set the value.
    """
    begin = min((seen.at for seen in history if seen.action in actions), default=at + 1)
    return next((seen.value for seen in reversed(history) if seen.at < begin), None)
