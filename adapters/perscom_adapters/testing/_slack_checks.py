"""What kinds of values Slack knows in blocks, and what it says of a wrong one.

A check takes a value and its path, and yields what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

__all__ = [
    "NOT_PLAYED",
    "Check",
    "Path",
    "Problem",
    "address",
    "many",
    "not_played",
    "number",
    "one_of",
    "record",
    "text",
    "truth",
    "units",
    "word",
]

Path = tuple[str, ...]
Problem = tuple[Path, str]
"""Where in the blocks, and Slack's sentence."""
Check = Callable[[object, Path], Iterator[Problem]]

NOT_PLAYED: Final = "the stand-in does not play this part of Slack"


def units(text: str) -> int:
    """The length in UTF-16 code units, as JavaScript and the strictest reading of Slack's limits have it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def text(most: int, least: int = 1) -> Check:
    """A text of ``least`` to ``most`` units. Slack takes white space for text; a message that shows nothing is no use here."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield path, "must be a string"
        elif units(value) > most:
            yield path, f"must be less than {most + 1} characters"
        elif units(value) < least:
            yield path, f"must be more than {least - 1} characters"
        elif any("\ud800" <= character <= "\udfff" for character in value):
            yield path, "must be valid Unicode"

    return check


def number(value: object, path: Path) -> Iterator[Problem]:
    """A whole number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        yield path, "must be a positive integer"


def truth(value: object, path: Path) -> Iterator[Problem]:
    """True or false."""
    if not isinstance(value, bool):
        yield path, "must be a boolean"


def word(*words: object) -> Check:
    """One of some values."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        if value not in words:
            yield path, f"must be one of {words}"

    return check


def address(*schemes: str) -> Check:
    """A URL with one of ``schemes``."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        yield from text(3000)(value, path)
        try:
            parts = urlsplit(value if isinstance(value, str) else "")
        except ValueError:
            yield path, "must be a valid URL"
        else:
            if parts.scheme not in schemes or not (parts.hostname or parts.scheme == "mailto"):
                yield path, "must be a valid URL"

    return check


def many(most: int, each: Check, *, least: int = 1) -> Check:
    """A list of ``least`` to ``most`` things."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield path, "must be an array"
            return
        if len(value) > most:
            yield path, f"no more than {most} items allowed"
        if len(value) < least:
            yield path, f"no less than {least} items allowed"
        for place, inner in enumerate(value):
            yield from each(inner, (*path, str(place)))

    return check


def record(keys: Mapping[str, Check], *, required: tuple[str, ...] = ()) -> Check:
    """An object with known keys, besides its ``type``."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield path, "must be an object"
            return
        for key in required:
            if key not in value:
                yield path, f"missing required field: {key}"
        for key, inner in value.items():
            if key in keys:
                yield from keys[key](inner, (*path, key))
            elif key != "type":
                yield path, f"invalid additional property: {key}"

    return check


def one_of(kinds: Mapping[str, Check]) -> Check:
    """An object of one of some types."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        kind = value.get("type") if isinstance(value, Mapping) else None
        if not isinstance(kind, str) or kind not in kinds:
            yield path, f"unsupported type: {kind}"
        else:
            yield from kinds[kind](value, path)

    return check


def not_played(value: object, path: Path) -> Iterator[Problem]:
    """Something that Slack knows and the stand-in does not."""
    if value:
        yield path, NOT_PLAYED
