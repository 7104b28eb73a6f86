"""Discord: the body of a webhook call as a card. Reads the markdown that stands in it as Discord does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain

import msgspec
from msgspec.structs import replace

from .card import Body, Card, Fact, Facts, Heading, Part, Piece, Small, clock, day, moment
from .markdown import rows

__all__ = ["card"]

# What means something, of all that can stand in a payload of ours; a backslash takes the meaning from what follows it.
_TOKEN = re.compile(
    r"\\(?P<literal>[^0-9A-Za-z\s])"
    r"|<t:(?P<seconds>-?[0-9]{1,17}):(?P<style>[Dft])>"
    r"|\[(?P<label>(?:\\.|[^\\\[\]])*)\]\((?P<url>https?://[^\s()<>]+)\)"
    r"|~~(?P<struck>(?:\\.|[^\\~])+)~~"
    r"|(?P<stars>\*{1,3})(?=\S)(?P<inner>(?:\\.|[^\\*])+)(?<=\S)(?P=stars)"
)
_MENTION = re.compile(r"<@&?([0-9]+)>")
_SILENT = 1 << 12
_PLAIN = Piece("")


class _Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    value: str
    inline: bool


class _Footer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class _Thumbnail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str


class _Embed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    title: str
    description: str = ""
    url: str | None = None
    color: int | None = None
    fields: tuple[_Field, ...] = ()
    thumbnail: _Thumbnail | None = None
    footer: _Footer | None = None
    timestamp: datetime | None = None


class _Call(msgspec.Struct, frozen=True):
    embeds: tuple[_Embed]
    content: str = ""
    flags: int = 0


def card(payload: Mapping[str, object]) -> Card:
    """The message that Discord makes of ``payload``. Raises msgspec.ValidationError for a payload that is none of ours."""
    call = msgspec.convert(payload, _Call)
    (embed,) = call.embeds
    parts: list[Part] = [Heading(tuple(_pieces(embed.title, Piece("", bold=True, url=embed.url))))]
    if embed.description:
        parts.append(Body(rows(embed.description, _pieces)))
    if embed.fields:
        parts.append(Facts(tuple(_fact(field) for field in embed.fields)))
    if small := tuple(_small(embed)):
        parts.append(Small(small))
    image = embed.thumbnail.url if embed.thumbnail else None
    return Card(
        platform="discord",
        parts=tuple(parts),
        color=embed.color,
        image=image,
        silent=bool(call.flags & _SILENT),
        above=tuple(_mentions(call.content)),
    )


def _mentions(content: str) -> Iterator[Piece]:
    """Who is pinged, by the number alone: the apps put the names in its place."""
    place = 0
    for found in _MENTION.finditer(content):
        if between := content[place : found.start()]:
            yield Piece(between)
        yield Piece(f"@{found[1]}", mention=True)
        place = found.end()
    if rest := content[place:]:
        yield Piece(rest)


def _fact(field: _Field) -> Fact:
    return Fact(tuple(_pieces(field.name, Piece("", bold=True))), rows(field.value, _pieces), field.inline)


def _small(embed: _Embed) -> Iterator[Piece]:
    if embed.footer is not None:
        yield Piece(embed.footer.text)
    if embed.footer is not None and embed.timestamp is not None:
        yield Piece(" • ")
    if embed.timestamp is not None:
        yield Piece(f"{day(embed.timestamp, short=True)}, {clock(embed.timestamp)}", at=embed.timestamp)


def _pieces(markdown: str, style: Piece = _PLAIN) -> Iterator[Piece]:
    """The pieces of one line, in ``style`` where no markup says otherwise."""
    literal, place = "", 0
    for token in chain(_TOKEN.finditer(markdown), (None,)):
        literal += markdown[place : token.start() if token else None]
        if token and token["literal"]:
            literal += token["literal"]
        elif literal:
            yield replace(style, text=literal)
            literal = ""
        if token:
            yield from _marked(token, style)
            place = token.end()


def _marked(token: re.Match[str], style: Piece) -> Iterator[Piece]:
    if token["seconds"]:
        yield _time(token, style)
    elif token["url"]:
        yield from _pieces(token["label"], replace(style, url=token["url"]))
    elif token["struck"]:
        yield from _pieces(token["struck"], replace(style, struck=True))
    elif stars := token["stars"]:
        yield from _pieces(token["inner"], replace(style, bold=style.bold or len(stars) > 1, italic=len(stars) != 2))


def _time(token: re.Match[str], style: Piece) -> Piece:
    at = moment(int(token["seconds"]))
    if at is None:  # beyond the years that can be written here, though not beyond Discord's
        return replace(style, text=token[0])
    text = {"D": day(at), "f": f"{day(at)} {clock(at)}", "t": clock(at)}[token["style"]]
    return replace(style, text=text, at=at)
