"""GET as PERSCOM does it: the payload becomes the query, as PHP writes one.

What is signed is the JSON text all the same, with ``created`` in it, and neither of the two travels: **nobody can verify such a
request**. It is here since PERSCOM has it, for receivers that count on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

__all__ = ["get_url", "get_warning", "php_query"]

_DEEPEST: Final = 512  # as in JSON written by PHP
_DIGITS: Final = 14  # PHP's setting "precision"


def get_url(url: str, body: bytes) -> str:
    """The address of a GET that tells the event in ``body``, the JSON text that is signed.

    A query in ``url`` is replaced, ``created`` is missing, and so is what :func:`php_query` leaves out. It is encoded already:
    give it to aiohttp as ``yarl.URL(..., encoded=True)``. Raises ValueError for a body that is no JSON object.
    """
    payload = json.loads(body, parse_int=_number)
    if not isinstance(payload, dict):
        raise ValueError("The body of an event is a JSON object.")  # noqa: TRY004 - bytes have no other type
    payload.pop("created", None)  # an object without public members by then, and of such nothing is written
    parts = urlsplit(url)
    return parts._replace(path=parts.path or "/", query=php_query(payload), fragment="").geturl()


def get_warning(url: str) -> str:
    """What to tell whoever chooses GET for this address."""
    lost = " The query in the address is lost, too." if urlsplit(url).query else ""
    return (
        "No receiver can verify a GET: the JSON text that is signed does not travel, so anybody who knows the address can send "
        f"events to it. Choose POST.{lost}"
    )


def php_query(values: Mapping[Any, object]) -> str:
    """What PHP's ``http_build_query`` writes for ``values`` with PHP_QUERY_RFC3986: ``data%5Bid%5D=7&data%5Btags%5D%5B0%5D=a``.

    None and empty lists and mappings are left out, True is 1 and False 0, floats have 14 digits. Takes what
    :func:`~perscom_receiver.php_json` takes, and raises as it does.
    """
    pairs: list[str] = []
    _add(pairs, "", values, 1)
    return "&".join(pairs)


def _add(pairs: list[str], name: str, value: object, depth: int) -> None:
    match value:
        case None:
            return
        case bool() | int() | float() | str():
            pairs.append(f"{name}={_scalar(value)}")
            return
        case Mapping():
            # To PHP a key of digits and the number are the same. The first place stays and the last value wins, as in a dict.
            items = {_key(key): inner for key, inner in value.items()}
        case list() | tuple():
            items = {str(number): inner for number, inner in enumerate(value)}
        case _:
            raise TypeError(f"a query of PHP has no form for {type(value).__name__}")
    if depth > _DEEPEST:
        raise ValueError(f"PHP signs no JSON that is nested deeper than {_DEEPEST} levels")
    for key, inner in items.items():
        _add(pairs, f"{name}%5B{key}%5D" if depth > 1 else key, inner, depth + 1)


def _key(key: object) -> str:
    if isinstance(key, str):
        return _encoded(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return int.__repr__(key)
    raise TypeError(f"a PHP array has only str and int keys, not {type(key).__name__}")


def _scalar(value: bool | float | str) -> str:
    match value:
        case bool():
            return "1" if value else "0"
        case int() if -(2**63) <= value < 2**63:
            return int.__repr__(value)
        case str():
            return _encoded(value)
    return _encoded(_float(value))


def _encoded(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:  # it holds the text, so it must not be chained
        raise ValueError("a text with a lone surrogate is no UTF-8, and PHP refuses it") from None


def _float(number: float) -> str:
    """PHP's ``%.14G``: an exponent below 0.0001 and from 1.0E+14 on."""
    try:
        mantissa, exponent = f"{float(number):.{_DIGITS - 1}e}".split("e")
    except (ValueError, OverflowError):  # nan, inf, and integers beyond all floats
        raise ValueError("JSON has no NaN and no infinity, and PHP refuses them") from None
    power = int(exponent)
    if -5 < power < _DIGITS:
        text = f"{float(number):.{_DIGITS - 1 - power}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa = mantissa.rstrip("0")
    return f"{mantissa}{'0' if mantissa.endswith('.') else ''}E{power:+d}"


def _number(digits: str) -> float:
    """A whole number in JSON that PHP wrote: ``-0`` was a float."""
    return -0.0 if digits == "-0" else int(digits)
