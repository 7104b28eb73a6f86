"""The message tree as lines of runs: the flat form in which every platform writes it, and cuts it.

Cutting happens here, on the tree, before any markup exists. So no escape, link or pair of markers can be cut in two.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from ._message import (
    MORE,
    Block,
    Bold,
    BulletList,
    Inline,
    Italic,
    Link,
    Mention,
    Paragraph,
    Quote,
    Struck,
    Text,
    Time,
    plain,
)
from ._text import ELLIPSIS, clean, cut, is_blank, one_line, shortened, units

__all__ = ["Line", "Run", "fit", "lines", "missing"]


class Run(msgspec.Struct, frozen=True):
    """A stretch of one line in one style. Its text is cleaned, not escaped, and holds no line feed."""

    text: str
    bold: bool = False
    italic: bool = False
    url: str | None = None
    """The text is the label of this address."""
    time: Time | None = None
    """The text is the moment as UTC, for platforms that cannot show it in the reader's time zone."""
    struck: bool = False
    mention: Mention | None = None
    """The text is the label of whom it notifies. No text of a message makes one: they come from ``Message.mentions`` alone."""

    @property
    def is_text(self) -> bool:
        """Whether it may be cut: a link, a moment and a mention are whole or are not there."""
        return self.url is None and self.time is None and self.mention is None


class Line(msgspec.Struct, frozen=True):
    """One line. ``marker`` is ``"-"`` or ``"1."`` in a list, and ``continued`` on an item's second and later lines."""

    runs: tuple[Run, ...] = ()
    quoted: bool = False
    marker: str = ""
    continued: bool = False


Write = Callable[[Line], str]

_NOTICE_ROOM = 32  # units kept free for the line that says how much is missing
_WORTH_CUTTING = 80  # units; a shorter rest of a line says less than the notice alone


def lines(blocks: Iterable[Block], *, quoted: bool = False) -> tuple[Line, ...]:
    """All lines of ``blocks``. Blocks of the same kind have a blank line between them; blank blocks and items are left out."""
    out: list[Line] = []
    previous: type[Block] | None = None
    for block in blocks:
        rows = _block(block, quoted)
        if not rows:
            continue
        if previous is type(block):
            out.append(Line(quoted=quoted))
        out += rows
        previous = type(block)
    return tuple(out)


def fit(rows: tuple[Line, ...], limit: int, write: Write, more: str = MORE) -> tuple[Line, ...]:
    """The lines that fit into ``limit`` units when written with line feeds between them; a cut is visible as such.

    The first line that does not fit is shortened if there is room worth it. If items of lists are missing after that, a
    last line says how many, in the words of ``more``.
    """
    sizes: list[int] = []
    total = -1  # one line feed less than lines
    for row in rows:
        sizes.append(_size(row, limit, write) + 1)
        total += sizes[-1]
        if total > limit:
            break
    else:
        return rows
    room, kept = limit - _NOTICE_ROOM, 0
    while sizes[kept] <= room:
        room -= sizes[kept]
        kept += 1
    part = _shorten(rows[kept], room, write) if room >= _WORTH_CUTTING else None
    head = (*rows[:kept], part) if part else tuple(_without_blank_end(list(rows[:kept])))
    items = sum(1 for row in rows[len(head) :] if row.marker and not row.continued)
    if items:
        return (*head, Line((Run(f"{ELLIPSIS} {missing(items, more)}"),)))
    return head if part else (*head, Line((Run(ELLIPSIS),)))


def missing(count: int, more: str) -> str:
    """``(3 more)``, in the words of ``more``, which have but so much room."""
    return cut(one_line(more.replace("{count}", str(count))), _NOTICE_ROOM - len(f"{ELLIPSIS} "), _longest)


def _longest(text: str) -> int:
    """The units of ``text`` where each sign in it needs an escape."""
    return units(text) + sum(not character.isalnum() and character != " " for character in text)


def _size(row: Line, limit: int, write: Write) -> int:
    """The written length of ``row``, or any number over ``limit`` if its bare text is longer than that already."""
    bare = sum(len(run.text) for run in row.runs if run.time is None)
    return bare if bare > limit else units(write(row))


def _block(block: Block, quoted: bool) -> list[Line]:
    match block:
        case Paragraph(parts):
            return _single_blanks([Line(runs, quoted) for runs in _split(parts)])
        case BulletList(items, numbered, start):
            filled = [rows for item in items if (rows := [runs for runs in _split(item) if not _is_blank(runs)])]
            return [
                Line(runs, quoted, f"{number}." if numbered else "-", continued=index > 0)
                for number, rows in enumerate(filled, start)
                for index, runs in enumerate(rows)
            ]
        case Quote(blocks):
            return list(lines(blocks, quoted=True))


def _is_blank(runs: tuple[Run, ...]) -> bool:
    return all(is_blank(run.text) for run in runs)


def _single_blanks(rows: list[Line]) -> list[Line]:
    """No blank row at the ends and no two in a row: nobody pushes the rest of a message off the screen."""
    kept: list[Line] = []
    for row in rows:
        if not _is_blank(row.runs):
            kept.append(row)
        elif kept and kept[-1].runs:
            kept.append(Line(quoted=row.quoted))
    return _without_blank_end(kept)


def _without_blank_end(rows: list[Line]) -> list[Line]:
    return rows[:-1] if rows and not rows[-1].runs else rows


def _split(parts: tuple[Inline, ...]) -> list[tuple[Run, ...]]:
    """The runs of ``parts`` line by line; neighbours of one style are one run."""
    rows: list[list[Run]] = [[]]
    for run in _runs(parts, Run("")):
        for index, text in enumerate(run.text.split("\n")):
            if index:
                rows.append([])
            _append(rows[-1], replace(run, text=text))
    return [tuple(row) for row in rows]


def _append(row: list[Run], run: Run) -> None:
    if not run.text:
        return
    if row and run.is_text and replace(row[-1], text=run.text) == run:  # the same style: escaping must see what meets there
        run = replace(run, text=row.pop().text + run.text)
    row.append(run)


def _runs(parts: Iterable[Inline], style: Run) -> Iterator[Run]:
    for part in parts:
        match part:
            case Text(text):
                yield replace(style, text=clean(text))
            case Bold(inner):
                yield from _runs(inner, replace(style, bold=True))
            case Italic(inner):
                yield from _runs(inner, replace(style, italic=True))
            case Struck(inner):
                yield from _runs(inner, replace(style, struck=True))
            case Link(label, url):
                text = one_line(label)
                yield replace(style, text=urlsplit(url).netloc if is_blank(text) else text, url=url)
            case Time():
                yield replace(style, text=plain(part), time=part)


def _shorten(row: Line, limit: int, write: Write) -> Line | None:
    """The longest beginning of ``row`` that fits with an ellipsis; a link that does not fit whole is shown as its label.

    A moment that does not fit is left out: half of one would be another.
    """
    runs = tuple(run if run.time else replace(run, text=run.text[: limit + 1]) for run in row.runs)

    def size(runs: tuple[Run, ...]) -> int:
        return _size(replace(row, runs=runs), limit, write)

    def upto(count: int) -> tuple[Run, ...]:
        return (*runs[:count], Run(ELLIPSIS))

    whole = bisect_right(range(len(runs)), limit, key=lambda count: size(upto(count))) - 1
    if whole < 0:
        return None
    last = runs[whole]
    if last.time or last.mention:
        return replace(row, runs=upto(whole))

    def part(text: str) -> tuple[Run, ...]:
        return (*runs[:whole], replace(last, text=text, url=None))

    text = shortened(last.text, limit, lambda text: size(part(text)))
    return replace(row, runs=part(text) if text else upto(whole))
