"""Telegram: the arguments of ``sendMessage`` as a card. Lays the entities over the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from itertools import pairwise
from typing import Literal

import msgspec
from msgspec.structs import replace

from .card import Body, Card, Piece, Row, clock, day, moment

__all__ = ["card"]


class _Stretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """A stretch of the text that is special. ``offset`` and ``length`` are UTF-16 code units."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length


class _Bold(_Stretch, frozen=True, tag="bold"): ...


class _Italic(_Stretch, frozen=True, tag="italic"): ...


class _Strikethrough(_Stretch, frozen=True, tag="strikethrough"): ...


class _Quote(_Stretch, frozen=True, tag="blockquote"): ...


class _Link(_Stretch, frozen=True, tag="text_link"):
    url: str


class _Time(_Stretch, frozen=True, tag="date_time"):
    unix_time: int
    date_time_format: Literal["D", "Dt", "t"]


class _Mentioned(_Stretch, frozen=True, tag="text_mention"):
    user: dict[str, object]


_Entity = _Bold | _Italic | _Strikethrough | _Quote | _Link | _Time | _Mentioned


class _Call(msgspec.Struct, frozen=True):
    text: str
    entities: tuple[_Entity, ...] = ()
    disable_notification: bool = False


def card(payload: Mapping[str, object]) -> Card:
    """The message that Telegram makes of ``payload``. Raises msgspec.ValidationError for a payload that is none of ours."""
    call = msgspec.convert(payload, _Call)
    return Card(platform="telegram", parts=(Body(tuple(_rows(call.text, call.entities))),), silent=call.disable_notification)


def _rows(text: str, entities: tuple[_Entity, ...]) -> Iterator[Row]:
    begin = 0
    for line in text.split("\n"):
        units = line.encode("utf-16-le")  # two bytes are one of the units that offsets count
        end = begin + len(units) // 2
        quoted = any(isinstance(entity, _Quote) and entity.offset <= begin < entity.end for entity in entities)
        touching = [entity for entity in entities if entity.offset < end and entity.end > begin]
        yield Row(tuple(_pieces(units, begin, touching)), quoted)
        begin = end + 1


def _pieces(units: bytes, begin: int, entities: list[_Entity]) -> Iterator[Piece]:
    """The stretches of one line between the ends of its entities. ``begin`` is where the line begins in the text."""
    end = begin + len(units) // 2
    inside = (place for entity in entities for place in (entity.offset, entity.end) if begin < place < end)
    borders = sorted({begin, end, *inside})
    for start, stop in pairwise(borders):
        text = units[2 * (start - begin) : 2 * (stop - begin)].decode("utf-16-le")
        around = (entity for entity in entities if entity.offset <= start and stop <= entity.end)
        yield reduce(_styled, around, Piece(text))


def _styled(piece: Piece, entity: _Entity) -> Piece:
    match entity:
        case _Bold():
            return replace(piece, bold=True)
        case _Italic():
            return replace(piece, italic=True)
        case _Strikethrough():
            return replace(piece, struck=True)
        case _Mentioned():
            return replace(piece, mention=True)
        case _Link(url=url):
            return replace(piece, url=url)
        case _Time(unix_time=seconds) if at := moment(seconds):
            text = {"D": day(at), "Dt": f"{day(at)}, {clock(at)}", "t": clock(at)}[entity.date_time_format]
            return replace(piece, text=text, at=at)  # the newer apps show this in place of the text
    return piece  # a quote is a matter of whole rows
