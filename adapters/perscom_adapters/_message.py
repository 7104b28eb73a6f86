"""The message tree: what is said, with no platform's markup in it.

A :class:`Message` is a tree of small frozen records. Text in it is text: nothing a person typed into PERSCOM can become
markup, a link or a mention, since each platform's module escapes every :class:`Text` in its own way at the last moment.
Links exist only as :class:`Link`, whose address is checked when it is made.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from ._languages.en import ENGLISH

__all__ = [
    "Block",
    "Bold",
    "BulletList",
    "Field",
    "Inline",
    "Italic",
    "Link",
    "Mention",
    "Message",
    "Paragraph",
    "Quote",
    "Struck",
    "Text",
    "Time",
    "plain",
    "safe_url",
]

MORE: Final = ENGLISH.say("cut.more", count="{count}")

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Text(msgspec.Struct, frozen=True, tag=True):
    """Literal text. Control characters other than the line feed are dropped when a platform shows it."""

    text: str


class Bold(msgspec.Struct, frozen=True, tag=True):
    """Strong text around other inlines."""

    parts: tuple[Inline, ...]


class Italic(msgspec.Struct, frozen=True, tag=True):
    """Emphasised text around other inlines."""

    parts: tuple[Inline, ...]


class Struck(msgspec.Struct, frozen=True, tag=True):
    """Text around other inlines that holds no longer, and is shown struck through."""

    parts: tuple[Inline, ...]


class Link(msgspec.Struct, frozen=True, tag=True):
    """A link. ``url`` must have passed :func:`safe_url`; the label is text, never another address in disguise."""

    label: str
    url: str

    def __post_init__(self) -> None:
        if safe_url(self.url) != self.url:
            raise ValueError("a Link needs an address that safe_url() returned")


class Time(msgspec.Struct, frozen=True, tag=True):
    """A moment, shown in each reader's own time zone where the platform can.

    ``at`` is aware. ``style`` says how much of it matters: the day, the day and the time, or the time alone. ``shown`` is the
    same in the message's language and in the community's time zone, for platforms that show nobody their own; without it
    English and UTC.
    """

    at: datetime
    style: Literal["date", "datetime", "time"] = "datetime"
    shown: str | None = None

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None:
            raise ValueError("Time needs an aware datetime")


def unix(at: datetime) -> int:
    """Whole seconds since 1970."""
    # Subtracting two aware datetimes cannot overflow, unlike a change of the time zone.
    return (at - _UNIX_EPOCH) // timedelta(seconds=1)


Inline = Text | Bold | Italic | Struck | Link | Time


class Paragraph(msgspec.Struct, frozen=True, tag=True):
    """One paragraph; a ``"\\n"`` in a Text is a line break."""

    parts: tuple[Inline, ...]


class BulletList(msgspec.Struct, frozen=True, tag=True):
    """A list with a dot, or with numbers, in front of each item; the numbers begin with ``start``, which is at least 1."""

    items: tuple[tuple[Inline, ...], ...]
    numbered: bool = False
    start: int = 1


class Quote(msgspec.Struct, frozen=True, tag=True):
    """What a person wrote (a citation, a note), set apart from what the bridge says."""

    blocks: tuple[Paragraph | BulletList, ...]


Block = Paragraph | BulletList | Quote


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A name and a value beside the text; ``short`` ones may stand side by side.

    ``colon`` stands between them where both are on one line: French puts a space in front of it.
    """

    name: str
    value: tuple[Inline, ...]
    short: bool = True
    colon: str = ":"


class Mention(msgspec.Struct, frozen=True):
    """Somebody whom a message notifies: the one thing that does.

    ``id`` is the platform's: of a user on Discord, Slack and Telegram, of a role on Discord, of a user group (which is a
    ``"role"`` here) on Slack. What is no such id there is left out. ``label`` is text, shown where a platform puts no name
    itself.
    """

    kind: Literal["user", "role"]
    id: str
    label: str = ""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message, ready for any platform. Made by :func:`perscom_adapters.render`.

    ``word`` is the word people route by (``"promotion"``, ``"award"``; see :func:`perscom_adapters.word_of`).
    ``title`` is one line of plain text and never blank: alone it must tell what happened.
    ``blocks`` and ``fields`` may be empty. ``color`` is 0xRRGGBB or None. ``url`` and ``image`` are http(s) addresses
    that passed :func:`safe_url`, or None. ``at`` is when it happened (aware), and ``shown_at`` the same as text, see
    :class:`Time`. ``footer`` is one line of plain text.

    ``mentions`` are those who are notified; nothing else in a message notifies anybody. With ``silent`` it makes no sound, on
    Discord and Telegram; Slack leaves that to its readers. With ``struck`` the title is struck through: see
    :func:`perscom_adapters.struck`. ``more`` stands behind an ellipsis where items or fields have no room, ``{count}`` of them.
    """

    word: str
    title: str
    blocks: tuple[Block, ...] = ()
    fields: tuple[Field, ...] = ()
    color: int | None = None
    url: str | None = None
    image: str | None = None
    at: datetime | None = None
    shown_at: str | None = None
    footer: str | None = None
    mentions: tuple[Mention, ...] = ()
    silent: bool = False
    struck: bool = False
    more: str = MORE

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise ValueError("a Message needs a title")


def safe_url(url: object) -> str | None:
    """The address if it may be linked to (http or https, a host, no credentials, no white space or controls), else None."""
    if not isinstance(url, str) or not 0 < len(url) <= 2048 or not url.isascii() or not url.isprintable():
        return None
    if any(c in url for c in ' "<>\\^`{|}'):
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host or "@" in parts.netloc:
        return None
    return url


def plain(part: Message | Block | Inline | tuple[Inline, ...]) -> str:
    """The same as plain text, with times as :class:`Time` has them: for terminals, notifications and platforms without any."""
    match part:
        case Text(text):
            return text
        case Bold(parts) | Italic(parts) | Struck(parts) | Paragraph(parts):
            return plain(parts)
        case Link(label, _):
            return label
        case Time(at, style, shown):
            return shown or ENGLISH.time(at, style)
        case BulletList(items, numbered, start):
            marks = (f"{n}." if numbered else "-" for n in range(start, start + len(items)))
            return "\n".join(f"{mark} {plain(item)}" for mark, item in zip(marks, items, strict=True))
        case Quote(blocks):
            return "\n".join(plain(block) for block in blocks)
        case tuple():
            return "".join(plain(inner) for inner in part)
        case Message():
            labels = [mention.label for mention in part.mentions if mention.label]
            lines = [part.title, *([" ".join(labels)] if labels else []), *(plain(block) for block in part.blocks)]
            lines += [f"{field.name}{field.colon} {plain(field.value)}" for field in part.fields]
            return "\n".join(lines)
