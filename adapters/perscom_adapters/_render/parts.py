"""The pieces that messages of all kinds are put together from."""

from __future__ import annotations

from collections.abc import Iterable

from perscom_adapters._html import quoted
from perscom_adapters._message import Block, Field, Inline, Message, Paragraph, Quote, Text, Time
from perscom_adapters._text import cut
from perscom_adapters._words import WORDS

from .row import Row

__all__ = ["FOOTER", "TITLE_LENGTH", "byline", "citation", "facts", "message", "paragraph", "phrase", "quoted_text"]

FOOTER = "PERSCOM"
TITLE_LENGTH = 250
"""UTF-16 units of a title, some fewer than Discord takes. Slack's headers hold fewer: there a long one stands in a text."""


def message(
    row: Row,
    title: str,
    *,
    blocks: Iterable[Block | None] = (),
    fields: Iterable[Field] = (),
    url: str | None = None,
    image: str | None = None,
) -> Message:
    """The message of a row; blocks that are None are left out."""
    return Message(
        word=row.word,
        title=cut(title, TITLE_LENGTH),
        blocks=tuple(block for block in blocks if block is not None),
        fields=tuple(fields),
        color=WORDS[row.word].color,
        url=url,
        image=image,
        at=row.created,
        shown_at=row.time(row.created).shown,
        footer=FOOTER,
        more=row.say("cut.more", count="{count}"),
    )


def facts(row: Row, *pairs: tuple[str, str | tuple[Inline, ...] | None], short: bool = True) -> tuple[Field, ...]:
    """A field for each pair whose value is known. Its name is the text under ``label.`` and the first of the pair."""
    return tuple(
        row.field(row.say(f"label.{name}"), (Text(value),) if isinstance(value, str) else value, short=short)
        for name, value in pairs
        if value
    )


def phrase(row: Row, key: str, /, **known: Time | None) -> tuple[Inline, ...]:
    """The text under ``key`` with moments in it."""
    return tuple(Text(part) if isinstance(part, str) else part for part in row.language.parts(key, **known))


def paragraph(*parts: str | None) -> Paragraph | None:
    """The known parts on one line, with a dot between them."""
    known = [part for part in parts if part]
    return Paragraph((Text(" · ".join(known)),)) if known else None


def byline(row: Row, *, unit: bool = True) -> Paragraph | None:
    """``1st Platoon, Alpha Company · by Capt. Okafor``: where the member serves, and who wrote the record.

    The author of a record is not the one who changes or withdraws it, so then it says otherwise, or nothing.
    """
    author = row.author() if row.action != "deleted" else None
    if author == row.member():
        author = None
    return paragraph(row.unit_of_member() if unit else None, row.say(f"by.{row.action}", author=author) if author else None)


def citation(row: Row) -> Quote | None:
    """What the author wrote in the record. Of a withdrawn one nothing is repeated."""
    return None if row.action == "deleted" else quoted_text(row, "text")


def quoted_text(row: Row, column: str) -> Quote | None:
    """A long text from the rich editor."""
    html = row.data.get(column)
    return quoted(html, shortened=f" {row.say('cut.text')}") if isinstance(html, str) else None
