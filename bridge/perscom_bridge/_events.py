"""What may stand in an ``events`` line: words, event names, and globs over event names."""

from __future__ import annotations

from fnmatch import fnmatchcase

from perscom_adapters import WORDS, default_words
from perscom_receiver import EVENT_NAMES

from ._problems import did_you_mean, hide

__all__ = ["event_mistake", "public_events"]


def public_events() -> tuple[str, ...]:
    """What a destination without an ``events`` line gets: the words that harm nobody in public."""
    return default_words("public")


def event_mistake(text: str) -> str | None:
    """What is wrong with one entry of an ``events`` line; None when it can match an event."""
    if text in WORDS or any(fnmatchcase(name, text) for name in EVENT_NAMES):
        return None
    kind = "matches no event" if any(mark in text for mark in "*?[") else "is no event word"
    near = did_you_mean(text, (*WORDS, *EVENT_NAMES))
    return f'"{hide(text)}" {kind}.{near}      All of them: perscom-bridge events'
