"""A message as a reader sees it: cards of styled rows, the same for all platforms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from perscom_adapters import safe_url

__all__ = ["Body", "Card", "Fact", "Facts", "Heading", "Part", "Piece", "Row", "Small", "clock", "day", "moment", "rows_of"]

_SIDE_BY_SIDE = 3  # short facts in one line, as Discord places them
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Piece(msgspec.Struct, frozen=True):
    """A stretch of text in one style, without a line feed."""

    text: str
    bold: bool = False
    italic: bool = False
    struck: bool = False
    mention: bool = False
    """It notifies whom it names."""
    url: str | None = None
    """Where a click leads; an address that ``safe_url`` returned."""
    at: datetime | None = None
    """The moment that the text tells (aware, UTC). Each reader sees it in a time zone of their own; the text is that of UTC."""

    def __post_init__(self) -> None:
        if self.url is not None and safe_url(self.url) != self.url:
            raise ValueError("a payload links to an address that safe_url() does not return")


class Row(msgspec.Struct, frozen=True):
    """One line, before it is wrapped. ``marker`` stands in front of a list's item, ``continued`` on its further lines."""

    pieces: tuple[Piece, ...] = ()
    quoted: bool = False
    marker: str = ""
    continued: bool = False


class Heading(msgspec.Struct, frozen=True, tag=True):
    """The title, where a platform has one."""

    pieces: tuple[Piece, ...]


class Body(msgspec.Struct, frozen=True, tag=True):
    """Text."""

    rows: tuple[Row, ...]


class Fact(msgspec.Struct, frozen=True):
    """A name and a value. ``short`` ones may stand side by side."""

    name: tuple[Piece, ...]
    rows: tuple[Row, ...]
    short: bool


class Facts(msgspec.Struct, frozen=True, tag=True):
    """Names and values, where a platform has such fields."""

    facts: tuple[Fact, ...]

    @property
    def lines(self) -> list[list[Fact]]:
        """The facts line by line: up to three short ones side by side, each other one alone."""
        lines: list[list[Fact]] = []
        for fact in self.facts:
            if fact.short and lines and lines[-1][0].short and len(lines[-1]) < _SIDE_BY_SIDE:
                lines[-1].append(fact)
            else:
                lines.append([fact])
        return lines


class Small(msgspec.Struct, frozen=True, tag=True):
    """The small print at the end: who says it, and when it happened."""

    pieces: tuple[Piece, ...]


Part = Heading | Body | Facts | Small


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A message on the platform of that name. ``color`` is 0xRRGGBB, ``image`` the address of a small picture beside it, and a
    ``silent`` one makes no sound. ``above`` is what stands above its box. ``became`` says what it is to the one before it, if
    anything, and ``thread`` is the title of the thread that it begins."""

    platform: str
    parts: tuple[Part, ...]
    color: int | None = None
    image: str | None = None
    silent: bool = False
    above: tuple[Piece, ...] = ()
    became: Literal["posted", "continued", "edited", "deleted"] = "posted"
    thread: str | None = None

    @property
    def title(self) -> str:
        """The first line, as text."""
        first = self.parts[0]
        row = first.rows[0] if isinstance(first, Body) else Row(tuple(_pieces(first)))
        return "".join(piece.text for piece in row.pieces)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All pieces, in the order in which they are read."""
        return (*self.above, *(piece for part in self.parts for piece in _pieces(part)))

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """What can be clicked on and where it leads, each once."""
        return tuple(dict.fromkeys((piece.text, piece.url) for piece in self.pieces if piece.url is not None))


def rows_of(pieces: tuple[Piece, ...], *, quoted: bool = False, marker: str = "") -> tuple[Row, ...]:
    """``pieces`` line by line. A ``marker`` makes them one item of a list."""
    rows: list[list[Piece]] = [[]]
    for piece in pieces:
        for place, text in enumerate(piece.text.split("\n")):
            if place:
                rows.append([])
            if text:
                rows[-1].append(replace(piece, text=text))
    return tuple(Row(tuple(row), quoted, marker, continued=bool(marker and place)) for place, row in enumerate(rows))


def moment(seconds: int) -> datetime | None:
    """The moment so many seconds after 1970 began, in UTC; None where the calendar ends before."""
    try:
        return _UNIX_EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None


def day(at: datetime, *, short: bool = False) -> str:
    """``2 March 2026``, or ``2 Mar 2026``: as the apps write it in English outside of America."""
    return f"{at.day} {at:%b} {at.year}" if short else f"{at.day} {at:%B} {at.year}"


def clock(at: datetime) -> str:
    """``19:08``."""
    return f"{at:%H:%M}"


def _pieces(part: Part) -> Iterator[Piece]:
    match part:
        case Heading(pieces) | Small(pieces):
            yield from pieces
        case Body(rows):
            yield from (piece for row in rows for piece in row.pieces)
        case Facts(facts):
            for fact in facts:
                yield from fact.name
                yield from _pieces(Body(fact.rows))
