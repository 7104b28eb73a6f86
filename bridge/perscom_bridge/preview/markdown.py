"""The lines of a Markdown that platforms have in common: quotes, and the items of lists with what is indented below them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from .card import Piece, Row

__all__ = ["rows"]

_LINE = re.compile(r"^(?P<quote>> )?(?:(?P<marker>-|[0-9]+\.) |(?P<indent> +))?(?P<text>.*)$", re.MULTILINE)
_BULLET = {"-": "•"}


def rows(markdown: str, pieces: Callable[[str], Iterable[Piece]]) -> tuple[Row, ...]:
    """All lines of ``markdown``; ``pieces`` reads what stands in one of them."""
    found: list[Row] = []
    for line in _LINE.finditer(markdown):
        quoted, marker, indent = bool(line["quote"]), line["marker"] or "", line["indent"] or ""
        before = found[-1] if found else Row()
        if indent and before.marker and before.quoted == quoted:  # what is indented below an item belongs to it
            found.append(Row(tuple(pieces(line["text"])), quoted, before.marker, continued=True))
        else:
            found.append(Row(tuple(pieces(indent + line["text"])), quoted, _BULLET.get(marker, marker)))
    return tuple(found)
