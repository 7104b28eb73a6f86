"""What a language is made of, and how its texts are filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from string import Formatter
from typing import Literal, TypeVar

import msgspec

__all__ = ["Language", "Texts"]

Texts = Mapping[str, str | tuple[str, ...]]
"""Key -> text, or several of them: the first whose places are all known is taken, so what tells most comes first and what
needs nothing comes last. A place is a name in braces. A colon behind it names one of the language's ``forms``:
``received {award:the}``."""

_parse = Formatter().parse
_Value = TypeVar("_Value")


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """One language: its texts, and how it writes dates and numbers.

    Names of people, ranks, units and the like are never translated, and their grammatical gender is not known: a text must
    read well with any of them.
    """

    code: str
    """ISO 639-1."""
    date: str
    """A day, for ``strftime``. Digits alone: names of months would depend on the machine."""
    moment: str
    """A day with a time; the time zone is written behind it."""
    clock: str = "%H:%M"
    """A time alone."""
    decimal: str
    """The sign before the fraction of a number."""
    colon: str = ":"
    """What stands behind the name of a field."""
    forms: Mapping[str, Callable[[str], str]] = {}
    """How a name is written in the middle of a sentence, where that differs: with an article, for instance."""
    texts: Texts

    def say(self, key: str, /, **known: str | None) -> str:
        """The text under ``key`` that tells the most of what is known. None and ``""`` are not known.

        What is filled in stays text: braces in a name mean nothing.
        """
        return "".join(self.parts(key, **known))

    def parts(self, key: str, /, **known: _Value | None) -> Iterator[str | _Value]:
        """The same in pieces, for values that are no text."""
        filled = {place: value for place, value in known.items() if value}
        for literal, place, form, _ in self._pieces(key, filled):
            if literal:
                yield literal
            if place is not None:
                value = filled[place]
                yield self.forms[form](value) if form and isinstance(value, str) else value

    def listed(self, items: Sequence[str]) -> str:
        """``rank, unit and status``; at least one item."""
        *others, last = items
        return self.say("list.last", others=", ".join(others), last=last) if others else last

    def time(self, at: datetime, style: Literal["date", "datetime", "time"], zone: tzinfo = UTC) -> str:
        """An aware moment in ``zone``, for readers whose platform does not show them their own time.

        The time alone names no time zone: it stands behind a moment that does.
        """
        try:
            local = at.astimezone(zone)
        except OverflowError:  # the calendar ends on the way there
            local = at
        if style != "datetime":
            return f"{local:{self.date if style == 'date' else self.clock}}"
        name = local.tzname() or "UTC"
        return f"{local:{self.moment}} {f'UTC{name}' if name[0] in '+-' else name}"

    def number(self, value: float) -> str:
        """A number in digits, its thousands not grouped: it may be a year or an id."""
        return f"{value}".replace(".", self.decimal)

    def _pieces(self, key: str, known: Mapping[str, object]) -> list[tuple[str, str | None, str | None, str | None]]:
        texts = self.texts[key]
        for text in (texts,) if isinstance(texts, str) else texts:
            pieces = list(_parse(text))
            if all(place is None or place in known for _, place, _, _ in pieces):
                return pieces
        raise LookupError(f"{key!r} has no text in {self.code!r} for no more than {sorted(known)}")
