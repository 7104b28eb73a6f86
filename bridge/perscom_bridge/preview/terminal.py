"""Cards for a terminal: boxes side by side where there is room for that, else one below the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import zip_longest

from rich.console import Console
from rich.text import Text

from ..platforms import PLATFORMS
from .card import Body, Card, Fact, Facts, Heading, Piece, Row, Small

__all__ = ["boxes", "shelves"]

_NARROWEST = 34  # columns, with the frame; where a box would be narrower, the next one goes below
_WIDEST = 64
_MARGIN = "  "
# The marks that keep foreign text inert have no width. Not every terminal knows that.
_WITHOUT_WIDTH = {ord("\u2060"): None}


def shelves(cards: Sequence[Card]) -> Iterator[list[Card]]:
    """The first of each platform, which stand side by side, then the second ones, and so on."""
    by_platform: dict[str, list[Card]] = {}
    for card in cards:
        by_platform.setdefault(card.platform, []).append(card)
    for beside in zip_longest(*by_platform.values()):
        yield [card for card in beside if card is not None]


def boxes(cards: Sequence[Card], columns: int) -> str:
    """The ``cards`` in boxes for a terminal of so many ``columns``, with its codes for bold and for colours.

    Behind each link stands where it leads, in angle brackets.
    """
    across = len(cards) if (columns - 1) // max(len(cards), 1) - 1 >= _NARROWEST else 1
    width = min(max((columns - 1) // across - 1, _NARROWEST), _WIDEST)
    console = Console(file=StringIO(), force_terminal=True, legacy_windows=False, highlight=False, width=columns)
    with console.capture() as captured:
        for start in range(0, len(cards), across):
            for beside in _shelf(cards[start : start + across], console, width):
                console.print(Text(_MARGIN) + Text(" ").join(beside), soft_wrap=True)
    return captured.get()


def _shelf(cards: Sequence[Card], console: Console, width: int) -> Iterator[tuple[Text, ...]]:
    """Line by line what stands side by side: boxes of one height."""
    contents = [list(_lines(card, console, width - 4)) for card in cards]
    height = max(map(len, contents))
    yield from zip(*(_box(card, lines, height, width) for card, lines in zip(cards, contents, strict=True)), strict=True)


def _box(card: Card, lines: list[Text], height: int, width: int) -> Iterator[Text]:
    """The ``lines`` in a frame of the colour of the message."""
    color = f"#{card.color:06x}" if card.color is not None else ""
    name = ", ".join((PLATFORMS[card.platform].name, *(() if card.became == "posted" else (card.became,))))
    yield Text(f"+- {name} {'-' * (width - len(name) - 5)}+", color)
    for line in (*lines, *[Text()] * (height - len(lines))):
        room = " " * (width - 4 - line.cell_len)
        yield Text.assemble(("| ", color), line, room, (" |", color))
    yield Text(f"+{'-' * (width - 2)}+", color)


def _lines(card: Card, console: Console, width: int) -> Iterator[Text]:
    for row, style in _rows(card):
        first, rest = _prefixes(row)
        text = Text.assemble(*(_piece(piece, style) for piece in row.pieces))
        for place, line in enumerate(text.wrap(console, width - len(first), overflow="fold")):
            yield Text.assemble((rest if place else first, "dim"), line)


def _rows(card: Card) -> Iterator[tuple[Row, str]]:
    """Row by row, each with its style; a blank one between parts, but not below the heading of a text."""
    above: object = None
    if card.above:
        yield Row(card.above), ""
    for part in card.parts:
        if above is not None and not (isinstance(above, Heading) and isinstance(part, Body)):
            yield Row(), ""
        match part:
            case Heading(pieces):
                yield Row(pieces), ""
            case Body(rows):
                yield from ((row, "") for row in rows)
            case Facts(facts):
                yield from ((row, "") for fact in facts for row in _fact(fact))
            case Small(pieces):
                yield Row(pieces), "dim"
        above = part
    if card.image is not None:
        yield Row((Piece("picture", url=card.image),)), "dim"
    if card.silent and card.became in ("posted", "continued"):  # what changes a message never makes one
        yield Row((Piece("(without a sound)"),)), "dim"
    if card.thread is not None:
        yield Row((Piece(f"(begins a thread: {card.thread})"),)), "dim"


def _fact(fact: Fact) -> Iterator[Row]:
    first, *rest = fact.rows
    yield Row((*fact.name, Piece(": "), *first.pieces))
    yield from rest


def _prefixes(row: Row) -> tuple[str, str]:
    """What stands before the first line of ``row``, and before those it is wrapped to."""
    quote = "> " if row.quoted else ""
    marker = f"{row.marker} " if row.marker else ""
    indent = quote + " " * len(marker)
    return (indent if row.continued else quote + marker), indent


def _piece(piece: Piece, base: str) -> Text:
    styles = ("bold" if piece.bold else "", "italic" if piece.italic else "", "strike" if piece.struck else "")
    style = " ".join(filter(None, (base, *styles, "reverse" if piece.mention else "")))
    text = Text(piece.text.translate(_WITHOUT_WIDTH), style)
    if piece.url is not None:
        text.stylize("underline")
        text.append(f" <{piece.url}>", "dim")
    return text
