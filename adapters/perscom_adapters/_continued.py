"""A long message in several: the tree is parted, so that no markup, link or moment is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from ._message import Block, Bold, BulletList, Field, Inline, Italic, Message, Paragraph, Quote, Struck, Text
from ._text import ELLIPSIS, border

__all__ = ["continued"]

IsWhole = Callable[[Message], bool]

_MOST = 5  # messages behind the first
_NEAR = 200  # characters; a line, sentence or word that ends so near to the last possible place ends there
_Blocks = tuple[Any, ...]  # those of a message or of a quote
_Parts = tuple[Inline, ...]


def continued(message: Message, is_whole: IsWhole) -> tuple[Message, ...]:
    """``message`` in as many as it takes to show all of its text and fields, in the order in which they are to be sent.

    ``is_whole`` is the platform's. All of it in one stays one. Otherwise the text goes on in further messages and the fields
    follow at its end; a field that would not fit even alone becomes a text. The title of a further message begins with an
    ellipsis, as the text before it ends with one. Those messages are silent and notify nobody: the first did. Five may follow;
    the last of them holds all that is left, and is cut.
    """
    if is_whole(message):
        return (message,)
    blocks, fields = _told(message, is_whole)
    bare = replace(message, blocks=(), fields=())
    out: list[Message] = []
    while blocks or fields or not out:
        if len(out) == _MOST:
            return (*out, replace(bare, blocks=blocks, fields=fields))
        part, blocks, fields = _part(bare, blocks, fields, is_whole)
        out.append(part)
        bare = replace(bare, title=f"{ELLIPSIS} {message.title}", mentions=(), image=None, silent=True)
    return tuple(out)


def _told(message: Message, is_whole: IsWhole) -> tuple[_Blocks, tuple[Field, ...]]:
    """Text and fields, with what is too long for a field among the text."""
    alone = replace(message, blocks=(), mentions=())
    fits = [is_whole(replace(alone, fields=(field,))) for field in message.fields]
    long = (field for field, fit in zip(message.fields, fits, strict=True) if not fit)
    texts = tuple(Paragraph((Bold((Text(f"{field.name}{field.colon}"),)), Text("\n"), *field.value)) for field in long)
    return (*message.blocks, *texts), tuple(field for field, fit in zip(message.fields, fits, strict=True) if fit)


def _part(
    bare: Message, blocks: _Blocks, fields: tuple[Field, ...], is_whole: IsWhole
) -> tuple[Message, _Blocks, tuple[Field, ...]]:
    """As much of ``blocks``, and of ``fields`` behind them, as one message shows; and what is left of both."""
    if not is_whole(replace(bare, blocks=blocks)):
        more = (Paragraph((Text(ELLIPSIS),)),)
        head, rest = _parted(blocks, lambda shown: is_whole(replace(bare, blocks=(*shown, *more))))
        if head:
            return replace(bare, blocks=(*head, *more)), rest, fields
        # A word without an end: it is cut.
        return replace(bare, blocks=blocks[:1]), blocks[1:], fields
    count = _most(fields, lambda shown: is_whole(replace(bare, blocks=blocks, fields=shown)))
    if not (blocks or count):
        count = 1  # which fitted alone, beside another title
    return replace(bare, blocks=blocks, fields=fields[:count]), (), fields[count:]


def _parted(blocks: _Blocks, fits: Callable[[_Blocks], bool]) -> tuple[_Blocks, _Blocks]:
    """The longest beginning of ``blocks`` that fits, and the rest. Lists are parted between items, paragraphs between words."""
    count = _most(blocks, fits)
    head, rest = blocks[:count], blocks[count:]
    if not rest:
        return head, rest
    first, *others = rest
    before, after = _parted_block(first, lambda shown: fits((*head, shown)), new_page=not head)
    return (head, rest) if before is None else ((*head, before), (after, *others))


def _parted_block(block: Block, fits: Callable[[Block], bool], *, new_page: bool) -> tuple[Block | None, Block]:
    """The beginning of a ``block`` that does not fit as a whole, None if it has none that does; and the rest."""
    match block:
        case Quote(blocks):
            before, after = _parted(blocks, lambda shown: fits(Quote(shown)))
            return (Quote(before), Quote(after)) if before else (None, block)
        case BulletList(items):
            count = _most(items, lambda shown: fits(replace(block, items=shown)))
            if count:
                return replace(block, items=items[:count]), replace(block, items=items[count:], start=block.start + count)
            if not new_page:
                return None, block
            said, unsaid = _parted_inlines(items[0], lambda shown: fits(replace(block, items=(shown,))))
            return (replace(block, items=(said,)), replace(block, items=(unsaid, *items[1:]))) if said else (None, block)
        case Paragraph(parts):
            said, unsaid = _parted_inlines(parts, lambda shown: fits(Paragraph(shown)))
            return (Paragraph(said), Paragraph(unsaid)) if said else (None, block)


def _parted_inlines(parts: _Parts, fits: Callable[[_Parts], bool]) -> tuple[_Parts, _Parts]:
    """The same for what stands in a paragraph or an item. Links and moments are whole."""
    count = _most(parts, fits)
    head, rest = parts[:count], parts[count:]
    match rest:
        case (Text(text), *others):
            end = _border(text, _most(text, lambda shown: fits((*head, Text(shown)))))
            if end:
                return (*head, Text(text[:end].rstrip())), (Text(text[end:].lstrip()), *others)
        case ((Bold() | Italic() | Struck()) as around, *others):
            said, unsaid = _parted_inlines(around.parts, lambda shown: fits((*head, replace(around, parts=shown))))
            if said:
                return (*head, replace(around, parts=said)), (replace(around, parts=unsaid), *others)
    return head, rest


def _most(whole: Sequence[Any], fits: Callable[[Any], bool]) -> int:
    """How many of the first of ``whole``, a text or a tuple, fit together."""
    return bisect_right(range(1, len(whole) + 1), False, key=lambda count: not fits(whole[:count]))


def _border(text: str, end: int) -> int:
    """Where ``text`` is parted, at ``end`` or before: behind a line, a sentence or a word near there, else where it must be."""
    for mark in ("\n", ". ", " "):
        place = text.rfind(mark, max(end - _NEAR, 0), end + 1)
        if place > 0:
            return place + len(mark)
    return border(text, end)
