"""Several things in one message: how many of each, and a line or a section for each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from perscom_adapters._languages import Language
from perscom_adapters._message import Block, Bold, BulletList, Inline, Link, Message, Paragraph, Text, Time, plain
from perscom_adapters._text import ELLIPSIS, cut, one_line
from perscom_adapters._words import WORDS
from perscom_receiver import Event

from .about import RECORDS
from .parts import TITLE_LENGTH

__all__ = ["Part", "digest", "with_remarks"]

_SECTIONS = 3
"""So many things are told in full, more of them in a line each."""
_LINES = 25
_KINDS = 4
_LINE_LENGTH = 160  # UTF-16 units: most platforms then have room for all lines, and cut and count them where not

_ORDER = {word: number for number, word in enumerate(WORDS)}
_CHANGE = "change"


class Part(msgspec.Struct, kw_only=True):
    """One thing that is told."""

    event: Event
    message: Message
    names: frozenset[str]
    """The event names of the deliveries that it was told in."""
    keys: frozenset[str]
    """Their group keys."""
    remarks: list[Message] = []
    """What else is said beside it."""

    def remark(self, message: Message) -> None:
        """Say ``message`` beside it, unless that is said already."""
        known = [(self.message.title, (), (), url) for url in (None, self.message.url)]
        if _told(message) not in (*known, *map(_told, self.remarks)):
            self.remarks.append(message)


def with_remarks(part: Part) -> Message:
    """The message of a part alone."""
    rows = tuple(_remarks(part))
    return msgspec.structs.replace(part.message, blocks=(*part.message.blocks, *rows)) if rows else part.message


def digest(parts: Sequence[Part], language: Language, *, member: str | None = None, times: bool = False) -> Message:
    """One message for several ``parts``, in this order; the title counts them: ``3 promotions, 2 awards``.

    A few parts are told in full, many in a line each, and what has no room is counted. With ``times`` there are lines alone,
    and each says when it happened. ``member`` is the one person whom all of it is about. The word and the colour are those of
    the part that stands first in the table of words, the moment is that of the last part.
    """
    lead = min((part.message for part in parts), key=lambda message: _ORDER[message.word])
    counts = _counts(parts, language)
    url, *other_urls = {part.message.url for part in parts}
    image, *other_images = {part.message.image for part in parts}
    in_lines = times or len(parts) > _SECTIONS
    return msgspec.structs.replace(
        lead,
        title=cut(language.say("digest.member", member=member, counts=counts) if member else counts, TITLE_LENGTH),
        blocks=tuple(_lines(parts, times=times) if in_lines else _sections(parts, linked=bool(other_urls))),
        fields=(),
        url=None if other_urls else url,
        image=None if other_images else image,
        at=parts[-1].message.at,
        shown_at=parts[-1].message.shown_at,
    )


def _counts(parts: Iterable[Part], language: Language) -> str:
    kinds = Counter(_kind(part) for part in parts)
    found = sorted(kinds, key=lambda kind: _ORDER.get(kind, len(_ORDER)))
    shown = found if len(found) <= _KINDS + 1 else found[:_KINDS]  # one more is told as briefly as that there is one
    counts = [
        language.say(f"count.{kind}.{'one' if kinds[kind] == 1 else 'many'}", count=language.number(kinds[kind]))
        for kind in shown
    ]
    missing = kinds.total() - sum(kinds[kind] for kind in shown)
    return ", ".join(counts) + (f" {_more(missing, language.say('cut.more', count='{count}'))}" if missing else "")


def _kind(part: Part) -> str:
    """What a part counts as. A promotion that was withdrawn is no promotion."""
    return _CHANGE if part.event.resource in RECORDS and part.event.action != "created" else part.message.word


def _sections(parts: Sequence[Part], *, linked: bool) -> Iterator[Block]:
    for part in parts:
        title = Bold((_headline(part.message) if linked else Text(part.message.title),))
        blocks = _contents(part.message)
        match next(blocks, None):
            case Paragraph(parts=byline):
                yield Paragraph((title, Text("\n"), *byline))
            case None:
                yield Paragraph((title,))
            case block:
                yield from (Paragraph((title,)), block)
        yield from blocks
        yield from _remarks(part)


def _lines(parts: Sequence[Part], *, times: bool) -> Iterator[Block]:
    yield BulletList(tuple(_line(part, times=times) for part in parts[:_LINES]))
    if len(parts) > _LINES:
        yield Paragraph((Text(_more(len(parts) - _LINES, parts[0].message.more)),))


def _line(part: Part, *, times: bool) -> tuple[Inline, ...]:
    said = [part.message.title, *(one_line(plain(remark)) for remark in part.remarks)]
    text = Text(cut(" · ".join(said), _LINE_LENGTH))
    at = part.message.at if times else None
    return (text,) if at is None else (text, Text(" · "), Time(at, shown=part.message.shown_at))


def _remarks(part: Part) -> Iterator[Block]:
    for remark in part.remarks[:_LINES]:
        yield Paragraph((_headline(remark),))
        yield from _contents(remark)
    if len(part.remarks) > _LINES:
        yield Paragraph((Text(_more(len(part.remarks) - _LINES, part.message.more)),))


def _contents(message: Message) -> Iterator[Block]:
    """The blocks of a message, and its fields on one line."""
    yield from message.blocks
    facts: list[Inline] = []
    for field in message.fields:
        facts += [Text(f"{' · ' if facts else ''}{field.name}{field.colon} "), *field.value]
    if facts:
        yield Paragraph(tuple(facts))


def _headline(message: Message) -> Inline:
    return Text(message.title) if message.url is None else Link(message.title, message.url)


def _told(message: Message) -> tuple[object, ...]:
    return message.title, message.blocks, message.fields, message.url


def _more(count: int, more: str) -> str:
    return f"{ELLIPSIS} {more.replace('{count}', str(count))}"
