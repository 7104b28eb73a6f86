"""The sentences above a preview."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from perscom_adapters import word_of
from perscom_receiver import Event

from .._problems import hide
from ..conditions import ConditionFailed
from ..config import DestinationConfig
from ..posting import Known
from ..routing import wants
from .card import Card

__all__ = ["about", "about_times", "not_wanted"]


def about(tasks: Sequence[Sequence[Event]], origins: Iterable[str]) -> str:
    """What is shown, and where it comes from: the events of the first task, and those that come later."""
    first, *later = map(_named, tasks)
    return f"{', '.join([first, *origins])}.{''.join(f' Then {one}.' for one in later)}"


def not_wanted(destination: DestinationConfig, events: Iterable[Event], known: Known | None) -> list[str]:
    """A sentence where the destination asks for none of ``events``."""
    for event in events:
        try:
            if wants(destination, event, None if known is None else known.known([event])):
                return []
        except ConditionFailed:
            return [f"The condition of {destination.name} fails on it, so it is not posted there."]
    return [f"{destination.name} does not ask for it, so it is not posted there."]


def about_times(cards: Iterable[Card]) -> list[str]:
    """A sentence where a card shows a moment that each reader sees in another way."""
    told = any(piece.at is not None for card in cards for piece in card.pieces)
    return ["Times are in UTC here; everybody sees them in their own time zone."] if told else []


def _named(events: Sequence[Event]) -> str:
    if len(events) > 1:
        counts = Counter(hide(event.name) for event in events)
        return ", ".join(name if count == 1 else f"{count} × {name}" for name, count in counts.items())
    word = word_of(events[0])
    return f"{hide(events[0].name)}{f' ({word})' if word else ''}"
