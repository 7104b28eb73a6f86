"""A message in words of the operator's own."""

from __future__ import annotations

from msgspec.structs import replace

from ._message import Message, Paragraph, Text
from ._read import line, text
from ._render.parts import TITLE_LENGTH
from ._text import is_blank

__all__ = ["LONGEST_TEXT", "reworded"]

LONGEST_TEXT = 2000
"""UTF-16 units."""


def reworded(message: Message, *, title: str | None = None, body: str | None = None) -> Message:
    """``message`` with another title, and with ``body`` in place of its first paragraph; what was quoted and the rest stay.

    Both are plain text: nothing in them becomes markup, a link or a mention. A ``title`` of more lines is one, of at most 250
    UTF-16 units; a blank one, and None, leave the title as it is. ``body`` has at most :data:`LONGEST_TEXT` units and no blank
    lines; None leaves the paragraph as it is, and a blank one takes it out.
    """
    headline = line(title, TITLE_LENGTH)
    if headline is not None:
        message = replace(message, title=headline)
    if body is None:
        return message
    shown = text("\n".join(row for row in body.splitlines() if not is_blank(row)), LONGEST_TEXT)
    rest = message.blocks[1:] if message.blocks and isinstance(message.blocks[0], Paragraph) else message.blocks
    return replace(message, blocks=(Paragraph((Text(shown),)), *rest) if shown else rest)
