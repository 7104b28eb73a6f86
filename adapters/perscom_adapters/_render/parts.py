"""The pieces that messages of all kinds are put together from."""

from __future__ import annotations

from collections.abc import Iterable

from perscom_adapters._html import quoted
from perscom_adapters._message import Block, Field, Inline, Message, Paragraph, Quote, Text
from perscom_adapters._text import cut
from perscom_adapters._words import WORDS

from .row import Row

__all__ = ["FOOTER", "TITLE_LENGTH", "byline", "citation", "facts", "message", "paragraph", "quoted_text", "with_article"]

FOOTER = "PERSCOM"
TITLE_LENGTH = 250
"""UTF-16 units of a title, some fewer than Discord takes. Slack's headers hold fewer: there a long one stands in a text."""

_ARTICLES = ("the ", "a ", "an ")


def message(
    row: Row, title: str, *, blocks: Iterable[Block | None] = (), fields: Iterable[Field] = (), url: str | None = None
) -> Message:
    """The message of a row; blocks that are None are left out."""
    return Message(
        word=row.word,
        title=cut(title, TITLE_LENGTH),
        blocks=tuple(block for block in blocks if block is not None),
        fields=tuple(fields),
        color=WORDS[row.word].color,
        url=url,
        at=row.created,
        footer=FOOTER,
    )


def facts(*pairs: tuple[str, str | tuple[Inline, ...] | None], short: bool = True) -> tuple[Field, ...]:
    """A field for each pair whose value is known."""
    return tuple(
        Field(name=name, value=(Text(value),) if isinstance(value, str) else value, short=short)
        for name, value in pairs
        if value
    )


def paragraph(*parts: str | None) -> Paragraph | None:
    """The known parts on one line, with a dot between them."""
    known = [part for part in parts if part]
    return Paragraph((Text(" · ".join(known)),)) if known else None


def byline(row: Row, *, unit: bool = True) -> Paragraph | None:
    """``1st Platoon, Alpha Company · by Capt. Okafor``: where the member serves, and who wrote the record.

    The author of a record is not the one who changes or withdraws it, so then it says otherwise, or nothing.
    """
    verb = {"created": "by", "updated": "recorded by"}.get(row.action)
    author = row.author() if verb else None
    if author == row.member():
        author = None
    return paragraph(row.unit_of_member() if unit else None, f"{verb} {author}" if author else None)


def citation(row: Row) -> Quote | None:
    """What the author wrote in the record. Of a withdrawn one nothing is repeated."""
    return None if row.action == "deleted" else quoted_text(row, "text")


def quoted_text(row: Row, column: str) -> Quote | None:
    """A long text from the rich editor."""
    html = row.data.get(column)
    return quoted(html) if isinstance(html, str) else None


def with_article(name: str) -> str:
    """``the Bronze Star``, but ``The Iron Cross`` as it is."""
    return name if name.lower().startswith(_ARTICLES) else f"the {name}"
