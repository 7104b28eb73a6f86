"""The words that people route by: ``promotion`` instead of ``rankrecord.created``.

A word covers the whole life of a thing: ``award`` means awards given, changed and withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from perscom_receiver import EVENT_NAMES, Event

from ._read import mapping, whole

__all__ = ["WORDS", "DefaultSet", "Word", "default_words", "matches", "word_of"]

DefaultSet = Literal["public", "staff", "none", "every"]
"""Who gets a word without asking for it. ``public``: a destination without an ``events`` line. ``staff`` and ``none``: nobody;
the first is meant for a staff channel, the second is too much for most. ``every``: each destination, always."""


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table of words."""

    word: str
    events: tuple[str, ...]
    """The event names it can come from."""
    comes_from: str
    """The same for people, in a few words."""
    default: DefaultSet
    color: int
    """The colour of its messages, 0xRRGGBB."""


def _named(*patterns: str) -> tuple[str, ...]:
    return tuple(name for name in EVENT_NAMES if any(fnmatchcase(name, pattern) for pattern in patterns))


_RANK = _named("rankrecord.*")

_TABLE = (
    Word(word="promotion", events=_RANK, comes_from="rank record of type promotion", default="public", color=0xF1C40F),
    Word(word="lateral", events=_RANK, comes_from="rank record of type lateral", default="public", color=0xE67E22),
    Word(word="transfer", events=_RANK, comes_from="rank record of type transfer", default="public", color=0x1ABC9C),
    Word(word="demotion", events=_RANK, comes_from="rank record of type demotion", default="staff", color=0x992D22),
    Word(word="award", events=_named("awardrecord.*"), comes_from="award record", default="public", color=0x9B59B6),
    Word(
        word="qualification",
        events=_named("qualificationrecord.*"),
        comes_from="qualification record",
        default="public",
        color=0x3498DB,
    ),
    Word(
        word="assignment", events=_named("assignmentrecord.*"), comes_from="assignment record", default="public", color=0x2ECC71
    ),
    Word(word="event", events=_named("event.*"), comes_from="event of a calendar", default="public", color=0x5865F2),
    Word(word="combat", events=_named("combatrecord.*"), comes_from="combat record", default="none", color=0x95562F),
    Word(
        word="service",
        events=_named("servicerecord.*"),
        comes_from="service record (may be a reprimand)",
        default="staff",
        color=0x607D8B,
    ),
    Word(word="submission", events=_named("submission.*"), comes_from="form that was sent in", default="staff", color=0x00BCD4),
    Word(word="joined", events=("user.created",), comes_from="new user", default="staff", color=0x27AE60),
    Word(
        word="profile",
        events=("user.updated", *_RANK),
        comes_from="user: rank, unit, position, specialty, status, approval or name changed; rank record of no known type",
        default="staff",
        color=0x7F8C8D,
    ),
    Word(word="left", events=("user.deleted",), comes_from="deleted user", default="staff", color=0x34495E),
    Word(
        word="message",
        events=_named("message.*"),
        comes_from="message to everyone through a public channel",
        default="none",
        color=0xE91E63,
    ),
    Word(word="calendar", events=_named("calendar.*"), comes_from="calendar", default="none", color=0x546E7A),
    Word(word="test", events=("webhook.test",), comes_from="Test button", default="every", color=0x2ECC71),
)

WORDS: Final[Mapping[str, Word]] = MappingProxyType({row.word: row for row in _TABLE})
"""All words, in the order in which people should read them."""

_DEMOTION = 1
_RANK_TYPES = {0: "promotion", _DEMOTION: "demotion", 2: "lateral", 3: "transfer"}
_ONLY_WORD = {name: row.word for row in _TABLE for name in row.events if name not in _RANK}


def word_of(event: Event) -> str | None:
    """The word an event belongs to; None for a name that PERSCOM does not have today.

    A rank record whose type is missing or unknown is a ``profile`` change: it may be a demotion, so no public channel gets it
    unasked.
    """
    if event.name in _RANK:
        types = whole(mapping(event.data).get("type")), whole(event.changes.get("type"))
        # Both are the new type. Should they ever differ, the one that does more harm in public counts.
        kind = _DEMOTION if _DEMOTION in types else next((kind for kind in types if kind is not None), None)
        return "profile" if kind is None else _RANK_TYPES.get(kind, "profile")
    return _ONLY_WORD.get(event.name)


def matches(pattern: str, event: Event) -> bool:
    """Whether one entry of an ``events`` line wants the event: a word, a raw name or a glob such as ``rankrecord.*``."""
    if pattern in WORDS:
        return word_of(event) == pattern
    return fnmatchcase(event.name, pattern)


def default_words(default: DefaultSet) -> tuple[str, ...]:
    """The words of one default set, in the order of the table."""
    return tuple(word for word, row in WORDS.items() if row.default == default)
