"""The body of a search: what it may hold, which rows it finds, and in which order."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from ._tables import Table

__all__ = ["Invalid", "ServerFault", "found", "ordered"]

Row = dict[str, Any]


class Invalid(Exception):
    """Answered with 422. The text is the part of the request that is wrong."""


class ServerFault(Exception):
    """Answered with 500, as PERSCOM does for values that its database cannot take."""


_DATES: Final = ("created_at", "updated_at", "starts", "ends", "send_at", "sent_at", "read_at", "last_seen_at")
_date = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d").fullmatch
_iso_date = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d").match
_COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "like": lambda column, value: _like(column, value),
    "not like": lambda column, value: not _like(column, value),
    "ilike": lambda column, value: _like(str(column).lower(), str(value).lower()),
    "not ilike": lambda column, value: not _like(str(column).lower(), str(value).lower()),
}
_LISTS: Final = ("in", "not in", "all in", "any in")


def found(rows: Iterable[Row], body: Mapping[str, Any], table: Table, related: Callable[[Row, str], object]) -> list[Row]:
    """The rows that the filters of ``body`` let through. ``related`` is the value of ``relation.column`` for a row."""
    filters = body.get("filters", [])
    for one in filters:
        _check(one, table, nested=False)
    return [row for row in rows if _matches(row, filters, related)]


def ordered(rows: list[Row], body: Mapping[str, Any], table: Table) -> list[Row]:
    """``rows`` as the request sorts them; what is equal stays as it came."""
    for one in reversed(body.get("sort", [])):
        field, direction = one.get("field"), one.get("direction", "asc")
        if not isinstance(field, str) or not table.filterable(field) or direction not in ("asc", "desc"):
            raise Invalid("sort")
        rows = sorted(rows, key=lambda row: (row.get(field) is not None, row.get(field)), reverse=direction == "desc")
    return rows


def _check(one: Mapping[str, Any], table: Table, *, nested: bool) -> None:
    if one.get("type", "and") not in ("and", "or"):
        raise Invalid("filters.type")
    if "nested" in one:
        if nested:
            raise Invalid("filters.nested")
        for inner in one["nested"]:
            _check(inner, table, nested=True)
        return
    field = one.get("field")
    if not isinstance(field, str) or not table.filterable(field):
        raise Invalid("filters.field")
    if one.get("operator", "=") not in (*_COMPARE, *_LISTS):
        raise Invalid("filters.operator")
    value = one.get("value")
    if "value" not in one or (field in _DATES and not isinstance(value, (str, type(None)))):
        raise ServerFault
    if field in _DATES and isinstance(value, str) and not (_date(value) or _iso_date(value) or _date(f"{value} 00:00:00")):
        raise ServerFault


def _matches(row: Row, filters: Iterable[Mapping[str, Any]], related: Callable[[Row, str], object]) -> bool:
    """AND binds tighter than OR, and each type joins a filter to the one before it, as SQL has it."""
    alternatives: list[bool] = []
    for one in filters:
        met = _matches(row, one["nested"], related) if "nested" in one else _meets(row, one, related)
        if one.get("type", "and") == "or" and alternatives:
            alternatives.append(met)
        elif alternatives:
            alternatives[-1] = alternatives[-1] and met
        else:
            alternatives = [met]
    return any(alternatives) if alternatives else True


def _meets(row: Row, one: Mapping[str, Any], related: Callable[[Row, str], object]) -> bool:
    field, how, value = one["field"], one.get("operator", "="), one["value"]
    column = related(row, field) if "." in field else row.get(field)
    if how in _LISTS:
        values = value if isinstance(value, list) else [value]
        return (column not in values) if how == "not in" else (column in values)
    if field in _DATES and isinstance(column, str) and isinstance(value, str):
        column = column[:19].replace("T", " ")
        if value.endswith(" 00:00:00") or len(value) == 10:
            column, value = column[:10], value[:10]  # a midnight makes it a comparison of days
    if column is None or value is None:
        return bool((column is value) == (how == "="))
    try:
        return bool(_COMPARE[how](column, value))
    except TypeError:  # SQL compares what it likes
        return bool(_COMPARE[how](str(column), str(value)))


def _like(column: object, value: object) -> bool:
    escaped = re.sub(r"([\[*?])", r"[\1]", str(value))
    return fnmatchcase(str(column), escaped.replace("%", "*").replace("_", "?"))
