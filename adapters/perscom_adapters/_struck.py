"""A message that was told, in the form it takes when what it tells of is deleted in PERSCOM."""

from __future__ import annotations

from msgspec.structs import replace

from ._message import Block, BulletList, Message, Paragraph, Quote, Struck

__all__ = ["struck"]

_GREY = 0x99AAB5


def struck(message: Message) -> Message:
    """``message`` as it stands there once it no longer holds: an edit of the first, or a message of its own.

    Title and text are struck through. What a person wrote about it, the picture and the fields are gone: they were deleted, and
    a screen of struck lines tells nobody anything. The link, the moment and the footer stay. It notifies nobody.
    """
    blocks = tuple(_struck(block) for block in message.blocks if not isinstance(block, Quote))
    return replace(
        message, struck=True, silent=True, mentions=(), blocks=blocks, fields=(), image=None, color=message.color and _GREY
    )


def _struck(block: Paragraph | BulletList) -> Block:
    if isinstance(block, Paragraph):
        return Paragraph((Struck(block.parts),))
    return replace(block, items=tuple((Struck(item),) for item in block.items))
