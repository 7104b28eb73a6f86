"""The functions of PERSCOM's conditions, and Twig's tests, loops and joining. What is not there comes as None."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ._php import Stopped, calculated, loosely_equal, number, text
from ._work import WORK, search, size, spend

__all__ = ["FUNCTIONS", "TESTS", "each", "empty", "is_in", "joined", "pairs"]


def empty(value: object) -> bool:
    """What Twig calls empty: 0 and "0" are not."""
    return value is None or value is False or (isinstance(value, str | list | tuple | Mapping) and len(value) == 0)


def joined(*values: object) -> str:
    """Twig's ``~``."""
    texts = list(map(text, values))
    spend(sum(map(len, texts)))
    return "".join(texts)


def is_in(needle: object, haystack: object) -> bool:
    """``needle in haystack``: a part of a text, or one of the values of a list or an object. In anything else is nothing."""
    if isinstance(haystack, str):
        return isinstance(needle, str | int | float) and _contains(haystack, text(needle))
    values = _values(haystack)
    spend(size(values) + len(values) * size(needle))
    return needle in values


def each(values: object, cost: int) -> Iterator[object]:
    """What ``for value in values`` goes through: the values of an object, and nothing of what is no list."""
    for _, value in pairs(values, cost):
        yield value


def pairs(values: object, cost: int) -> Iterator[tuple[object, object]]:
    """What ``for key, value in values`` goes through. Each step takes ``cost``."""
    found = values.items() if isinstance(values, Mapping) else enumerate(values) if isinstance(values, list | tuple) else ()
    for pair in found:
        spend(cost)
        yield pair


def _values(haystack: object) -> list[object]:
    if isinstance(haystack, Mapping):
        return list(haystack.values())
    return list(haystack) if isinstance(haystack, list | tuple) else []


def _both_texts(test: Callable[[str, str], bool]) -> Callable[[object, object], bool]:
    return lambda haystack, needle: isinstance(haystack, str) and isinstance(needle, str) and test(haystack, needle)


def _contains(haystack: str, needle: str) -> bool:
    search(haystack, needle)
    return needle in haystack


def _changed(key: object) -> bool:
    return key in WORK.get().changes


def _of_change(side: str) -> Callable[[object], object]:
    def value(key: object) -> object:
        change = WORK.get().changes.get(key)
        return change.get(side) if isinstance(change, Mapping) else None

    return value


def _blank(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip(" \t\n\r\0\x0b")
    return value is None or (isinstance(value, Mapping | list | tuple) and not value)


def _extreme(choose: Callable[..., Any]) -> Callable[..., object]:
    def found(*values: object) -> object:
        among = _values(values[0]) if len(values) == 1 else list(values)
        if not among:
            raise Stopped("min and max need a value")
        return choose(among) if all(isinstance(one, str) for one in among) else choose(among, key=number)

    return found


def _range(low: object, high: object, step: object = 1) -> list[int]:
    """Both ends are in it."""
    first, last, by = int(number(low)), int(number(high)), abs(int(number(step))) or 1
    spend(abs(last - first) // by + 1)
    return list(range(first, last + 1, by) if first <= last else range(first, last - 1, -by))


FUNCTIONS: Final[Mapping[str, Callable[..., object]]] = {
    "blank": _blank,
    "changed": _changed,
    "contains": _both_texts(_contains),
    "ends_with": _both_texts(str.endswith),
    "filled": lambda value: not _blank(value),
    "in_array": lambda needle, haystack: any(loosely_equal(needle, one) for one in _values(haystack)),
    "max": _extreme(max),
    "min": _extreme(min),
    "new_value": _of_change("new"),
    "old_value": _of_change("old"),
    "range": _range,
    "starts_with": _both_texts(str.startswith),
}

TESTS: Final[Mapping[str, Callable[..., bool]]] = {
    "divisibleby": lambda value, by: calculated("%", value, by) == 0,
    "empty": empty,
    "even": lambda value: calculated("%", value, 2) == 0,
    "iterable": lambda value: isinstance(value, Mapping | list | tuple),
    "none": lambda value: value is None,
    "null": lambda value: value is None,
    "odd": lambda value: calculated("%", value, 2) != 0,
}
"""All but ``defined``."""
