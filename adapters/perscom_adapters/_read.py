"""Reading what may be anything: every value in ``data`` can be absent, null or of another type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from html import unescape
from types import MappingProxyType

from ._text import cut, is_blank, one_line

__all__ = ["NAME_LENGTH", "decode_entities", "flag", "line", "mapping", "moment", "text", "whole"]

NAME_LENGTH = 100
"""Characters of a name that are shown (UTF-16 units); what is longer is no name."""

# html.unescape() hands the digits to int(), which refuses more than 4300 of them.
_ENDLESS_REFERENCE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")

_BLANK_ROWS = re.compile("\n{3,}")

_NOTHING: Mapping[str, object] = MappingProxyType({})


def mapping(value: object) -> Mapping[str, object]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def whole(value: object) -> int | None:
    """A whole number, also as the decimal text that an automation makes of it; None for everything else, bool included."""
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case str() if len(value) <= 19 and value.isascii() and value.isdigit():
            return int(value)
        case _:
            return None


def flag(value: object) -> bool | None:
    """A yes or no as JSON, as a database column, or as the text an automation makes of it (``"1"`` and ``""``)."""
    if isinstance(value, bool):
        return value
    return {0: False, 1: True}.get(number) if (number := whole(value)) is not None else False if value == "" else None


def moment(value: object) -> datetime | None:
    """An ISO 8601 moment, or a database column's ``YYYY-MM-DD HH:MM:SS`` (UTC), as an aware UTC datetime; else None."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def line(value: object, limit: int = NAME_LENGTH) -> str | None:
    """A text as one line of at most ``limit`` UTF-16 units; None for what is no text or shows nothing."""
    if not isinstance(value, str):
        return None
    # A name of 100 000 characters costs no more than one of a thousand: only the beginning can be shown.
    shown = cut(one_line(" ".join(value[: 10 * limit].split())), limit)
    return None if is_blank(shown) else shown


def text(value: object, limit: int) -> str | None:
    """A text of at most ``limit`` UTF-16 units whose line breaks are kept; None for what is no text or shows nothing."""
    if not isinstance(value, str):
        return None
    rows = "\n".join(one_line(" ".join(row.split())) for row in value.splitlines())
    shown = cut(_BLANK_ROWS.sub("\n\n", rows).strip("\n"), limit)
    return None if is_blank(shown) else shown


def decode_entities(html: str) -> str:
    """Decode HTML entities once: ``&amp;lt;`` becomes ``&lt;``."""
    return unescape(_ENDLESS_REFERENCE.sub("\ufffd", html)) if "&" in html else html
