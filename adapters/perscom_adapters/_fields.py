"""The fields of a message as lines, for platforms that have none of their own: a bold name, a colon and the value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain

from ._lines import Line, Run, fit, lines, missing
from ._message import MORE, Field, Paragraph
from ._text import DASH, ELLIPSIS, cut, is_blank, one_line, units

__all__ = ["field_lines", "fit_fields"]

_NAME = 256  # units, like the names of those who have fields


def field_lines(fields: Iterable[Field], limit: int, write: Callable[[Line], str], more: str = MORE) -> list[tuple[Line, ...]]:
    """The lines of each field, its value cut at ``limit`` units when written.

    Blank fields are left out, a missing half of a field is a dash.
    """
    return [rows for field in fields if (rows := _field(field, limit, write, more))]


def fit_fields(fields: list[tuple[Line, ...]], limit: int, write: Callable[[Line], str], more: str = MORE) -> tuple[Line, ...]:
    """The lines of all fields, or of as many of the first as fit together with a line that counts the missing.

    Measures no further than ``limit``: it may be asked many times for a thousand fields.
    """
    reserved = limit - units(write(_missing(len(fields), more)))
    size = kept = 0
    for number, rows in enumerate(fields, 1):
        size += sum(units(write(row)) + 1 for row in rows)
        if size > limit:
            return (*chain(*fields[:kept]), _missing(len(fields) - kept, more))
        if size <= reserved:
            kept = number
    return tuple(chain(*fields))


def _field(field: Field, limit: int, write: Callable[[Line], str], more: str) -> tuple[Line, ...]:
    name = one_line(field.name)
    rows = fit(lines((Paragraph(field.value),)), limit, write, more)
    if is_blank(name) and not rows:
        return ()
    first, *further = rows or (Line((Run(DASH),)),)
    name = DASH if is_blank(name) else cut(name, _NAME)
    return (Line((Run(one_line(f"{name}{field.colon}"), bold=True), Run(" "), *first.runs)), *further)


def _missing(count: int, more: str) -> Line:
    return Line((Run(f"{ELLIPSIS} {missing(count, more)}"),))
