"""The filters that PERSCOM's page offers, with the meaning that Twig gives them.

Their parameters have Twig's names, since a template may name them. What is not there comes as None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final

from perscom_receiver import php_json

from ._php import Stopped, calculated, is_numeric, number, text
from ._php_date import DEFAULT_FORMAT, LONGEST_PART, formatted, json_text, moment, zone
from ._twig_text import STRATEGIES, capitalized, replaced, striptags, title_case, trimmed, with_breaks
from ._work import WORK, search, spend

__all__ = ["FILTERS"]


def _slowly(value: object) -> str:
    """The text of what is gone through letter by letter."""
    whole = text(value)
    spend(len(whole) >> 2)
    return whole


def _of_text(change: Callable[[str], str]) -> Callable[[object], str]:
    return lambda value: change(text(value))


def _date(value: object, format: object = None, timezone: object = None) -> str:  # noqa: A002 - Twig's name
    now = WORK.get().now
    at = moment(value, now)
    pattern = DEFAULT_FORMAT if format is None else text(format)
    spend(100 + len(pattern) * LONGEST_PART)
    if timezone is not False:
        at = at.astimezone(UTC if timezone is None else zone(text(timezone)))
    return formatted(at, pattern)


def _increment(value: object, amount: object = 1) -> int | float:
    return calculated("+", value if is_numeric(value) else 0, amount)


def _decrement(value: object, amount: object = 1) -> int | float:
    return calculated("-", value if is_numeric(value) else 0, amount)


def _escape(value: object, strategy: object = "html") -> str:
    found = STRATEGIES.get(text(strategy))
    if found is None:
        raise Stopped(f"escape knows {', '.join(STRATEGIES)}")
    return found(_slowly(value))


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


def _replace(value: object, pairs: object) -> str:
    if not isinstance(pairs, Mapping):
        raise Stopped('replace takes pairs: |replace({"old": "new"})')
    old, all_pairs = text(value), {text(key): text(new) for key, new in pairs.items()}
    for key in all_pairs:
        search(old, key)
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
        return [""] if not whole else [whole[at : at + each_time] for at in range(0, len(whole), each_time)]
    search(whole, between)
    spend(whole.count(between))
    if most is None or most > 0:
        return whole.split(between, -1 if most is None else most - 1)
    return [whole] if most == 0 else whole.split(between)[:most]


def _trim(value: object, character_mask: object = None, side: object = "both") -> str:
    return trimmed(_slowly(value), None if character_mask is None else _slowly(character_mask), text(side))


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
    "striptags": lambda value: striptags(_slowly(value)),
    "title": lambda value: title_case(_slowly(value)),
    "trim": _trim,
    "upper": _of_text(str.upper),
}
"""All but ``default``, which is given what is not there."""
