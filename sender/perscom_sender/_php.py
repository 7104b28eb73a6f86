"""How PHP turns values into text, numbers, true or false, and calculates. Conditions and templates go by these rules."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

__all__ = ["Stopped", "calculated", "is_numeric", "loosely_equal", "number", "text", "truth", "within"]

_SPACE = " \t\n\r\v\f"
_is_number = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1


class Stopped(Exception):
    """A template or a condition cannot go on. Its text says why and never holds a value."""


def text(value: object) -> str:
    """What PHP prints. Raises Stopped for an array, which cannot be printed."""
    if isinstance(value, str):
        return str.__str__(value)
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, int):
        return int.__str__(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    raise Stopped("a list or an object is printed as text; name one of its values, or join them")


def _float_text(value: float) -> str:
    """14 digits, as PHP's ``precision`` says; the exponent in PHP's layout."""
    digits, mark, exponent = f"{value:.14G}".partition("E")
    if not mark:
        return digits
    return f"{digits if '.' in digits else digits + '.0'}E{exponent[0]}{exponent[1:].lstrip('0')}"


def is_numeric(value: object) -> bool:
    """Whether it is a number or a text that is nothing but one."""
    return _parsed(value) is not None


def number(value: object) -> int | float:
    """The operand of a calculation. Raises Stopped for what PHP does not calculate with."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return int(value)
    found = _parsed(value)
    if found is None:
        raise Stopped("something that is no number is calculated with; texts are joined with ~")
    return found


def _parsed(value: object) -> int | float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return within(value)
    if not isinstance(value, str) or len(value) > 400:
        return None
    stripped = value.strip(_SPACE)
    if _is_number(stripped) is None:
        return None
    try:
        return within(int(stripped))
    except ValueError:
        return float(stripped)


def within(value: int | float) -> int | float:
    """An int beyond 64 bits is a float, which also keeps every calculation short. Raises OverflowError beyond all floats."""
    return value if isinstance(value, float) or _INT_MIN <= value <= _INT_MAX else float(value)


def truth(value: object) -> bool:
    """PHP's true and false: "0" is false, too."""
    return bool(value) and not (isinstance(value, str) and value == "0")


def loosely_equal(one: Any, other: Any) -> bool:
    """PHP's ``==``, for what JSON holds."""
    if isinstance(one, bool) or isinstance(other, bool):
        return truth(one) == truth(other)
    if one is None or other is None:
        return not truth(one) and not truth(other) and one != "0" and other != "0"
    if isinstance(one, str) and isinstance(other, str):
        first, second = _parsed(one), _parsed(other)
        return one == other or (first is not None and first == second)
    if isinstance(one, int | float) and isinstance(other, str):
        one, other = other, one
    if isinstance(one, str) and isinstance(other, int | float):
        found = _parsed(one)
        return one == text(other) if found is None else found == other
    return bool(one == other)


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
            return one // other if isinstance(one, int) and isinstance(other, int) and one % other == 0 else one / other
        case "//":
            return _whole(math.floor(one / other))
        case "%":
            whole, by = _whole(one), _whole(other)
            return -(-whole % abs(by)) if whole < 0 else whole % abs(by)
    return _power(one, other)


def _whole(value: int | float) -> int:
    """PHP's ``(int)``."""
    return int(value) if _INT_MIN <= value <= _INT_MAX else 0


def _power(base: int | float, exponent: int | float) -> int | float:
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0 and exponent * base.bit_length() < 128:
        return within(base**exponent)
    result = float(base) ** exponent
    if isinstance(result, complex):
        raise Stopped("this power is no number")
    return result
