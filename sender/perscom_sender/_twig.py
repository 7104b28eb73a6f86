"""The filters that PERSCOM's page offers and the functions of its conditions, with the meaning that Twig and PERSCOM give them.

What a run may cost is counted as it goes: each step of a loop, each filter and each letter that is written takes from one
:class:`Work`. A source of any kind therefore ends soon, whatever it loops over or multiplies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final

from perscom_receiver import php_json

from ._php import Stopped, is_numeric, loosely_equal, number, text, within
from ._php_date import DEFAULT_FORMAT, formatted, json_text, moment, zone
from ._twig_text import STRATEGIES, capitalized, replaced, striptags, title_case, trimmed, with_breaks

__all__ = ["FILTERS", "FUNCTIONS", "TESTS", "WORK", "Work", "calculated", "each", "empty", "joined", "pairs", "size", "spend"]

BUDGET: Final = 1_000_000
"""Steps of one run, about: a letter written is one. Used up in well under a second."""


class Work:
    """What one run has left, and what its functions ask for."""

    def __init__(self, now: datetime, changes: object) -> None:
        self.left = BUDGET
        self.now = now
        self.changes = changes if isinstance(changes, Mapping) else {}


WORK: ContextVar[Work] = ContextVar("WORK")


def spend(steps: int) -> None:
    """Raises Stopped when the run has no more."""
    work = WORK.get()
    work.left -= steps
    if work.left < 0:
        raise Stopped("this takes too long or makes too much; loop over less, or write less")


def size(value: object) -> int:
    """Steps that it takes to go through a value: one for 32 letters."""
    steps, waiting = 0, [value]
    while waiting and steps <= BUDGET:  # a list may hold itself a million times: [a, a] of an a that was made so
        one = waiting.pop()
        steps += 1 + (len(one) >> 5 if isinstance(one, str) else 0)
        if isinstance(one, Mapping):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
    return steps


def empty(value: object) -> bool:
    """What Twig calls empty: 0 and "0" are not."""
    return value is None or value is False or (isinstance(value, str | list | tuple | Mapping) and len(value) == 0)


def joined(*values: object) -> str:
    """Twig's ``~``."""
    texts = list(map(text, values))
    spend(sum(map(len, texts)))
    return "".join(texts)


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


def calculated(operator: str, left: object, right: object) -> int | float:
    """PHP's arithmetic on 64 bits. Raises Stopped for what is no number, ZeroDivisionError and OverflowError."""
    one, other = number(left), number(right)
    match operator:
        case "+":
            return within(one + other)
        case "-":
            return within(one - other)
        case "*":
            return within(one * other)
        case "/":
            result = one / other
            return int(one) // int(other) if result.is_integer() and isinstance(one, int) and isinstance(other, int) else result
        case "//":
            return math.floor(one / other)
        case "%":
            whole, by = int(one), int(other)
            return -(-whole % abs(by)) if whole < 0 else whole % abs(by)
    return _power(one, other)


def _power(base: int | float, exponent: int | float) -> int | float:
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0 and exponent * base.bit_length() < 128:
        return within(base**exponent)
    result = float(base) ** exponent
    if isinstance(result, complex):
        raise Stopped("this power is no number")
    return result


# Filters. Their parameters have Twig's names, since a template may name them.


def _of_text(change: Callable[[str], str]) -> Callable[[object], str]:
    return lambda value: change(text(value))


def _date(value: object, format: object = None, timezone: object = None) -> str:  # noqa: A002 - Twig's name
    now = WORK.get().now
    at = moment(value, now)
    if timezone is not False:
        at = at.astimezone(UTC if timezone is None else zone(text(timezone)))
    return formatted(at, DEFAULT_FORMAT if format is None else text(format))


def _increment(value: object, amount: object = 1) -> int | float:
    return calculated("+", value if is_numeric(value) else 0, amount)


def _decrement(value: object, amount: object = 1) -> int | float:
    return calculated("-", value if is_numeric(value) else 0, amount)


def _escape(value: object, strategy: object = "html") -> str:
    found = STRATEGIES.get(text(strategy))
    if found is None:
        raise Stopped(f"escape knows {', '.join(STRATEGIES)}")
    return found(text(value))


def _slice(value: object, start: object, length: object = None, preserve_keys: object = False) -> object:
    whole: Any = (
        list(value.items()) if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else text(value)
    )
    first, count = int(number(start)), len(whole)
    first = max(count + first, 0) if first < 0 else first
    many = count if length is None else int(number(length))
    part = whole[first : max(first, count + many if many < 0 else first + many)]
    return dict(part) if isinstance(value, Mapping) else part


def _first(value: object) -> object:
    return _one(_slice(value, 0, 1))


def _last(value: object) -> object:
    return _one(_slice(value, -1, 1))


def _one(part: object) -> object:
    if isinstance(part, str):
        return part
    values = part.values() if isinstance(part, Mapping) else part
    return next(iter(values), False)  # type: ignore[call-overload]


def _join(value: object, glue: object = "", last_glue: object = None) -> str:
    values = (
        value.values()
        if isinstance(value, Mapping)
        else value
        if isinstance(value, list | tuple)
        else ()
        if value is None
        else (value,)
    )
    texts, between = list(map(text, values)), text(glue)
    final = between if last_glue is None else text(last_glue)
    spend(sum(map(len, texts)) + len(texts) * len(between) + len(final))
    if len(texts) < 2:
        return "".join(texts)
    return between.join(texts[:-1]) + final + texts[-1]


def _json_encode(value: object) -> str:
    try:
        return php_json(json_text(value) if isinstance(value, datetime) else value).decode()
    except (TypeError, ValueError):
        raise Stopped("json_encode was given something that JSON cannot hold") from None


def _length(value: object) -> int:
    return len(value) if isinstance(value, Mapping | list | tuple) else len(text(value))


def _replace(value: object, pairs: object) -> str:  # noqa: A002
    if not isinstance(pairs, Mapping):
        raise Stopped('replace takes pairs: |replace({"old": "new"})')
    old, all_pairs = text(value), {text(key): text(new) for key, new in pairs.items()}
    spend(len(old) * len(all_pairs) >> 2)
    return replaced(old, all_pairs, spend)


def _round(value: object, precision: object = 0, method: object = "common") -> float:
    exact = float(number(value)) if value is None or isinstance(value, bool) or is_numeric(value) else 0.0
    places = max(-400, min(400, int(number(precision))))
    if method in ("ceil", "floor"):
        scaled = exact * 10.0**places if places < 300 else exact
        return float(math.ceil(scaled) if method == "ceil" else math.floor(scaled)) / 10.0**places if places < 300 else exact
    if method != "common":
        raise Stopped('round takes the method "common", "ceil" or "floor"')
    digits = Decimal(repr(exact))
    if not digits.is_finite() or int(digits.as_tuple().exponent) >= -places:
        return exact
    with localcontext(prec=800):
        return float(digits.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))


def _split(value: object, delimiter: object, limit: object = None) -> list[str]:
    whole, between, most = text(value), text(delimiter), None if limit is None else int(number(limit))
    if not between:
        spend(len(whole))
        each_time = max(most or 1, 1)
        return [whole[at : at + each_time] for at in range(0, len(whole), each_time)]
    spend(whole.count(between))
    if most is None or most > 0:
        return whole.split(between, -1 if most is None else most - 1)
    return [whole] if most == 0 else whole.split(between)[:most]


def _striptags(value: object) -> str:
    whole = text(value)
    spend(len(whole) >> 2)
    return striptags(whole)


def _title(value: object) -> str:
    whole = text(value)
    spend(len(whole) >> 2)
    return title_case(whole)


def _trim(value: object, character_mask: object = None, side: object = "both") -> str:
    return trimmed(text(value), None if character_mask is None else text(character_mask), text(side))


FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "capitalize": _of_text(capitalized),
    "date": _date,
    "decrement": _decrement,
    "e": _escape,
    "escape": _escape,
    "first": _first,
    "increment": _increment,
    "join": _join,
    "json_encode": _json_encode,
    "last": _last,
    "length": _length,
    "lower": _of_text(str.lower),
    "nl2br": _of_text(with_breaks),
    "raw": lambda value: value,
    "replace": _replace,
    "round": _round,
    "slice": _slice,
    "split": _split,
    "striptags": _striptags,
    "title": _title,
    "trim": _trim,
    "upper": _of_text(str.upper),
}
"""All but ``default``, which is given what is not there."""


# Functions. An argument that is not there never reaches them.


def _values(haystack: object) -> list[object]:
    if isinstance(haystack, Mapping):
        return list(haystack.values())
    return list(haystack) if isinstance(haystack, list | tuple) else []


def _both_texts(test: Callable[[str, str], bool]) -> Callable[[object, object], bool]:
    return lambda haystack, needle: isinstance(haystack, str) and isinstance(needle, str) and test(haystack, needle)


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
    "contains": _both_texts(lambda haystack, needle: needle in haystack),
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
