"""PERSCOM events as chat messages: rendered once, for every platform.

:func:`render` turns an event into a :class:`Message`, a small tree without markup. The modules ``discord``, ``slack`` and
``telegram`` turn that tree into what their platform takes and send it; each needs the extra of its name. This page needs none.
"""

from ._destination import Destination, Receipt
from ._directory import Directory
from ._message import (
    Block,
    Bold,
    BulletList,
    Field,
    Inline,
    Italic,
    Link,
    Message,
    Paragraph,
    Quote,
    Text,
    Time,
    plain,
    safe_url,
)
from ._render import render
from ._words import WORDS, DefaultSet, Word, default_words, matches, word_of

__all__ = [
    "WORDS",
    "Block",
    "Bold",
    "BulletList",
    "DefaultSet",
    "Destination",
    "Directory",
    "Field",
    "Inline",
    "Italic",
    "Link",
    "Message",
    "Paragraph",
    "Quote",
    "Receipt",
    "Text",
    "Time",
    "Word",
    "default_words",
    "matches",
    "plain",
    "render",
    "safe_url",
    "word_of",
]
