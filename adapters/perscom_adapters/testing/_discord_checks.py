"""What kinds of values Discord knows in a body, and what it says of a wrong one.

A check takes a value that is not null and its path, and yields what is wrong with it. The code words and sentences are those
seen in Discord's answers, without the value that some of them quote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

__all__ = [
    "UNKNOWN_KEY",
    "Check",
    "Path",
    "Problem",
    "address",
    "many",
    "moment",
    "record",
    "snowflake",
    "text",
    "truth",
    "units",
    "whole",
    "word",
]

Path = tuple[str, ...]
Problem = tuple[Path, str, str]
"""Where in the body, Discord's code word, its sentence."""
Check = Callable[[object, Path], Iterator[Problem]]

UNKNOWN_KEY: Final = "STANDIN_UNKNOWN_KEY"
_ID: Final = re.compile(r"[0-9]{1,20}")


def units(text: str) -> int:
    """The length in UTF-16 code units, as JavaScript and the strictest reading of Discord's limits have it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def text(most: int, least: int = 0) -> Check:
    """A text of ``least`` to ``most`` units, counted without the white space at its ends."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield path, "STRING_TYPE_CONVERT", "Could not interpret the value as string."
            return
        length = units(value.strip())
        if length > most and least:
            yield path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length."
        elif length > most:
            yield path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length."
        elif length < least:
            yield path, "BASE_TYPE_REQUIRED", "This field is required"

    return check


def whole(least: int, most: int) -> Check:
    """A whole number in a range."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield path, "NUMBER_TYPE_COERCE", "Value is not int."
        elif value < least:
            yield path, "NUMBER_TYPE_MIN", f"int value should be greater than or equal to {least}."
        elif value > most:
            yield path, "NUMBER_TYPE_MAX", f"int value should be less than or equal to {most}."

    return check


def truth(value: object, path: Path) -> Iterator[Problem]:
    """True or false."""
    if not isinstance(value, bool):
        yield path, "BOOLEAN_TYPE_CONVERT", "Must be either true or false."


def moment(value: object, path: Path) -> Iterator[Problem]:
    """A date and time by ISO 8601."""
    try:
        datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        yield path, "DATE_TIME_TYPE_PARSE", "Could not parse the value. Should be ISO8601."


def address(*schemes: str) -> Check:
    """A URL with one of ``schemes``."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        yield from text(2048)(value, path)
        if not isinstance(value, str) or not value.strip():
            return
        try:
            parts = urlsplit(value.strip())
            host = parts.hostname
        except ValueError:
            host = None
        else:
            if parts.scheme and parts.scheme not in schemes:
                yield path, "URL_TYPE_INVALID_SCHEME", f"Scheme must be one of {schemes}."
                return
        if not host:
            yield path, "URL_TYPE_INVALID_URL", "Not a well formed URL."

    return check


def snowflake(value: object, path: Path) -> Iterator[Problem]:
    """An id."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        yield path, "NUMBER_TYPE_COERCE", "Value is not snowflake."


def word(*words: str) -> Check:
    """One of some words."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        if value not in words:
            yield path, "BASE_TYPE_CHOICES", f"Value must be one of {words}."

    return check


def many(most: int, each: Check, *, unique: bool = False) -> Check:
    """A list of at most ``most`` things."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType."
            return
        if len(value) > most:
            yield path, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length."
        if unique and any(inner in value[:place] for place, inner in enumerate(value)):
            yield path, "SET_TYPE_ALREADY_CONTAINS_VALUE", "The set already contains this value."
        for place, inner in enumerate(value):
            yield from each(inner, (*path, str(place)))

    return check


def record(keys: Mapping[str, Check], *, required: tuple[str, ...] = ()) -> Check:
    """An object with known keys; a null is as good as nothing."""

    def check(value: object, path: Path) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType"
            return
        for key in required:
            if value.get(key) is None:
                yield (*path, key), "BASE_TYPE_REQUIRED", "This field is required"
        for key, inner in value.items():
            if key not in keys:
                yield (*path, key), UNKNOWN_KEY, "Discord knows no such key and would ignore it without a word."
            elif inner is not None:
                yield from keys[key](inner, (*path, key))

    return check
