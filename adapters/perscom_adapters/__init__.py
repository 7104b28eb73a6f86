"""PERSCOM events as chat messages: rendered once, for every platform.

:func:`render` turns an event into a :class:`Message`, a small tree without markup, and :func:`render_group` the events of one
action. The modules ``discord``, ``slack`` and ``telegram`` turn that tree into what their platform takes and send it; each
needs the extra of its name. The module ``webhook`` (an extra, too) forwards the events themselves. This page needs none.
"""

from ._continued import continued
from ._destination import Asks, Deletes, Destination, Forwards, Learns, MessageGone, OpensThreads, Paced, Receipt
from ._directory import Directory
from ._languages import LANGUAGES
from ._message import (
    Block,
    Bold,
    BulletList,
    Field,
    Inline,
    Italic,
    Link,
    Mention,
    Message,
    Paragraph,
    Quote,
    Struck,
    Text,
    Time,
    plain,
    safe_url,
)
from ._pace import Pace
from ._render import render
from ._render.about import GROUP_WINDOW, group_key
from ._render.group import render_digest, render_group, render_late
from ._render.names import NAMES, names, names_of
from ._reworded import reworded
from ._struck import struck
from ._words import WORDS, DefaultSet, Word, default_words, matches, word_of

__all__ = [
    "GROUP_WINDOW",
    "LANGUAGES",
    "NAMES",
    "WORDS",
    "Asks",
    "Block",
    "Bold",
    "BulletList",
    "DefaultSet",
    "Deletes",
    "Destination",
    "Directory",
    "Field",
    "Forwards",
    "Inline",
    "Italic",
    "Learns",
    "Link",
    "Mention",
    "Message",
    "MessageGone",
    "OpensThreads",
    "Pace",
    "Paced",
    "Paragraph",
    "Quote",
    "Receipt",
    "Struck",
    "Text",
    "Time",
    "Word",
    "continued",
    "default_words",
    "group_key",
    "matches",
    "names",
    "names_of",
    "plain",
    "render",
    "render_digest",
    "render_group",
    "render_late",
    "reworded",
    "safe_url",
    "struck",
    "word_of",
]
