"""The fields of a message as lines, for platforms that have none of their own: a bold name, a colon and the value."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate, chain

from ._lines import Line, Run, fit, lines
from ._message import Field, Paragraph
from ._text import DASH, ELLIPSIS, cut, is_blank, one_line, units

__all__ = ["field_lines", "fit_fields"]

_NAME = 256  # units, like the names of those who have fields


def field_lines(fields: Iterable[Field], limit: int, write: Callable[[Line], str]) -> list[tuple[Line, ...]]:
    """The lines of each field, its value cut at ``limit`` units when written.

    Blank fields are left out, a missing half of a field is a dash.
    """
    return [rows for field in fields if (rows := _field(field, limit, write))]


def fit_fields(fields: list[tuple[Line, ...]], limit: int, write: Callable[[Line], str]) -> tuple[Line, ...]:
    """The lines of all fields, or of as many of the first as fit together with a line that counts the missing."""
    ends = list(accumulate(sum(units(write(row)) + 1 for row in rows) for rows in fields))
    if not ends or ends[-1] <= limit:
        return tuple(chain(*fields))
    kept = bisect_right(ends, limit - units(write(_missing(len(fields)))))
    return (*chain(*fields[:kept]), _missing(len(fields) - kept))


def _field(field: Field, limit: int, write: Callable[[Line], str]) -> tuple[Line, ...]:
    name = one_line(field.name)
    rows = fit(lines((Paragraph(field.value),)), limit, write)
    if is_blank(name) and not rows:
        return ()
    first, *more = rows or (Line((Run(DASH),)),)
    name = DASH if is_blank(name) else cut(name, _NAME)
    return (Line((Run(f"{name}:", bold=True), Run(" "), *first.runs)), *more)


def _missing(count: int) -> Line:
    return Line((Run(f"{ELLIPSIS} ({count} more)"),))
