"""Reading JSON that msgspec leaves unchecked or refuses: numbers beyond every range, nesting without end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from math import isinf

__all__ = ["DEEPEST", "depth", "lenient"]

DEEPEST = 512
"""Levels of nesting that are read, PHP's own limit for JSON."""


def lenient(text: bytes | str, members: Callable[[list[tuple[str, object]]], object] | None = None) -> object:
    """Decode JSON whose numbers may be out of range; such a number becomes its text. Raises ValueError for what is no JSON.

    ``members`` makes an object of its names and values; without it the last one of a name counts.
    """
    return json.loads(text, parse_float=_number(float), parse_int=_number(int), object_pairs_hook=members)


def _number(convert: Callable[[str], float]) -> Callable[[str], object]:
    def parse(text: str) -> object:
        try:
            number = convert(text)
        except ValueError:  # more digits than Python turns into an int
            return text
        return text if isinstance(number, float) and isinf(number) else number

    return parse


def depth(body: bytes) -> int:
    """How deep the brackets of a JSON text are nested, without reading it otherwise."""
    deepest = depth = 0
    for char in _outside_strings(body):
        if char in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in b"]}":
            depth -= 1
    return deepest


def _outside_strings(body: bytes) -> Iterator[int]:
    in_string = escaped = False
    for char in body:
        if escaped:
            escaped = False
        elif in_string:
            if char == 0x5C:
                escaped = True
            elif char == 0x22:
                in_string = False
        elif char == 0x22:
            in_string = True
        else:
            yield char
