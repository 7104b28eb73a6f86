"""Slack: the body of a webhook call, or the arguments of ``chat.postMessage``, as a card. Walks the blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from .card import Body, Card, Heading, Part, Piece, Row, Small, clock, day, moment, rows_of

__all__ = ["card"]

_BOLD = re.compile(r"\*([^*_~`<>]+)\*")
_ESCAPES = {"amp": "&", "lt": "<", "gt": ">"}
_DATE = re.compile(r"<!date\^(?P<seconds>[0-9]+)\^(?P<format>[^|<>]*)\|(?P<fallback>[^|<>]*)>")


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """An object whose ``type`` says what it is. What is not known here is an error: a preview leaves nothing out."""


class _Style(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bold: bool = False
    italic: bool = False
    strike: bool = False


class _Text(_Strict, frozen=True, tag="text"):
    text: str
    style: _Style = _Style()


class _Link(_Strict, frozen=True, tag="link"):
    url: str
    text: str
    style: _Style = _Style()


class _Date(_Strict, frozen=True, tag="date"):
    timestamp: int
    format: str
    fallback: str
    style: _Style = _Style()


class _User(_Strict, frozen=True, tag="user"):
    user_id: str


class _UserGroup(_Strict, frozen=True, tag="usergroup"):
    usergroup_id: str


_Inline = _Text | _Link | _Date | _User | _UserGroup


class _Section(_Strict, frozen=True, tag="rich_text_section"):
    elements: tuple[_Inline, ...]


class _Quote(_Strict, frozen=True, tag="rich_text_quote"):
    elements: tuple[_Inline, ...]


class _List(_Strict, frozen=True, tag="rich_text_list"):
    style: Literal["bullet", "ordered"]
    elements: tuple[_Section, ...]
    border: int = 0


class _PlainText(_Strict, frozen=True, tag="plain_text"):
    text: str
    emoji: bool


class _Mrkdwn(_Strict, frozen=True, tag="mrkdwn"):
    text: str
    verbatim: bool


class _Image(_Strict, frozen=True, tag="image"):
    image_url: str
    alt_text: str


class _HeaderBlock(_Strict, frozen=True, tag="header"):
    text: _PlainText


class _SectionBlock(_Strict, frozen=True, tag="section"):
    text: _PlainText | _Mrkdwn
    accessory: _Image


class _RichTextBlock(_Strict, frozen=True, tag="rich_text"):
    elements: tuple[_Section | _Quote | _List, ...]


class _ContextBlock(_Strict, frozen=True, tag="context"):
    elements: tuple[_PlainText | _Mrkdwn, ...]


_Block = _HeaderBlock | _SectionBlock | _RichTextBlock | _ContextBlock


class _Call(msgspec.Struct, frozen=True):
    text: str
    blocks: tuple[_Block, ...]


def card(payload: Mapping[str, object]) -> Card:
    """The message that Slack makes of ``payload``. Raises msgspec.ValidationError for a payload that is none of ours."""
    blocks = msgspec.convert(payload, _Call).blocks
    images = [block.accessory.image_url for block in blocks if isinstance(block, _SectionBlock)]
    return Card(platform="slack", parts=tuple(map(_part, blocks)), image=images[0] if images else None)


def _part(block: _Block) -> Part:
    match block:
        case _HeaderBlock(text):
            return Heading((Piece(text.text, bold=True),))
        case _SectionBlock(text):
            return Body(rows_of((_title(text),)))
        case _RichTextBlock(elements):
            return Body(tuple(row for element in elements for row in _rows(element)))
        case _ContextBlock(elements):
            return Small(tuple(_spaced(elements)))


def _title(text: _PlainText | _Mrkdwn) -> Piece:
    if isinstance(text, _PlainText):
        return Piece(text.text)
    found = _BOLD.fullmatch(text.text)
    if found is None:
        raise ValueError("the title in a payload of ours is plain, or all of it is bold")
    return Piece(re.sub("&(amp|lt|gt);", lambda escape: _ESCAPES[escape[1]], found[1]), bold=True)


def _rows(element: _Section | _Quote | _List) -> Iterator[Row]:
    match element:
        case _Section(inlines):
            yield from rows_of(_pieces(inlines))
        case _Quote(inlines):
            yield from rows_of(_pieces(inlines), quoted=True)
        case _List(style, items, border):
            for number, item in enumerate(items, 1):
                marker = f"{number}." if style == "ordered" else "•"
                yield from rows_of(_pieces(item.elements), quoted=border > 0, marker=marker)


def _pieces(inlines: tuple[_Inline, ...]) -> tuple[Piece, ...]:
    return tuple(map(_piece, inlines))


def _piece(inline: _Inline) -> Piece:
    match inline:
        case _User(mentioned) | _UserGroup(mentioned):  # the apps put the name in its place
            return Piece(f"@{mentioned}", mention=True)
        case _Text(text, style):
            return Piece(text, style.bold, style.italic, style.strike)
        case _Link(url, text, style):
            return Piece(text, style.bold, style.italic, style.strike, url=url)
        case _Date(seconds, shown, fallback, style):
            date = _date(seconds, shown, fallback)
            return Piece(date.text, style.bold, style.italic, style.strike, at=date.at)


def _spaced(elements: tuple[_PlainText | _Mrkdwn, ...]) -> Iterator[Piece]:
    for place, element in enumerate(elements):
        if place:
            yield Piece("  ")
        yield Piece(element.text) if isinstance(element, _PlainText) else _date_in(element.text)


def _date_in(mrkdwn: str) -> Piece:
    match = _DATE.fullmatch(mrkdwn)
    if match is None:
        raise ValueError("a payload of ours holds no other mrkdwn in a context than a date")
    return _date(int(match["seconds"]), match["format"], match["fallback"])


def _date(seconds: int, shown: str, fallback: str) -> Piece:
    at = moment(seconds)
    if at is None:
        return Piece(fallback)
    values = {"{date}": day(at), "{date_short}": day(at, short=True), "{time}": clock(at)}
    return Piece(re.sub(r"\{[a-z_]+\}", lambda token: values[token[0]], shown), at=at)
