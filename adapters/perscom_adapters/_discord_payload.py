"""A message as the body of a Discord webhook: one embed, within every limit, and nobody pinged.

The figures are those of Discord's documentation (message resource, embed limits) and of its public OpenAPI document.
"""

from __future__ import annotations

from datetime import UTC, datetime

from discord_webhook import DiscordEmbed, DiscordWebhook

from ._discord_markup import escape, escape_title, inert, write
from ._lines import Line, fit, lines
from ._message import Field, Message, Paragraph, safe_url
from ._text import DASH, ELLIPSIS, cut, is_blank, one_line, units

__all__ = ["payload"]

_TITLE = 256
_DESCRIPTION = 4096
_FOOTER = 2048
_FIELDS = 25
_FIELD_NAME = 256
_FIELD_VALUE = 1024
_EMBED = 6000  # all of them together
_BRIGHTEST = 0xFFFFFF

# What we set of the platform's keys. The library would add its own settings, a proxy's password among them.
_KEYS = ("embeds", "allowed_mentions")

_NameAndValue = tuple[str, str]


def payload(message: Message) -> dict[str, object]:
    """The JSON body for ``POST /webhooks/{id}/{token}``; also for the ``PATCH`` that edits the message.

    Pure. All of it is one embed, and ``content`` is left out on purpose. What stands in ``content`` can ping, is searched
    for links and invitations to unfold, and would repeat the title above the box; nothing in an embed does any of that.
    Names and notes that strangers typed are therefore never put there. (What a phone shows of an embed in its
    notification differs between clients; no text at all is the price on the worst of them.)

    If text and fields do not fit together, the text keeps at least half of the room and the last fields are left out,
    visibly. Blank fields are left out, a missing half of a field is a dash.
    """
    title = cut(one_line(message.title), _TITLE, _size_of_title)
    title = DASH if is_blank(title) else escape_title(title)
    footer = inert(cut(one_line(message.footer or ""), _FOOTER, _size_of_footer))
    fields = [(pair, field.short) for field in message.fields if (pair := _field(field))]

    room = _EMBED - units(title) - units(footer)
    text_room = max(room - sum(_size(pair) for pair, _ in fields), room // 2)
    text = _written(fit(lines(message.blocks), min(text_room, _DESCRIPTION), write))

    embed = DiscordEmbed(
        title=title,
        description=text or None,
        url=safe_url(message.url),
        color=message.color if message.color is not None and 0 <= message.color <= _BRIGHTEST else None,
        timestamp=_timestamp(message.at),
    )
    for (name, value), short in _fitting(fields, room - units(text)):
        embed.add_embed_field(name=name, value=value, inline=short)
    if not is_blank(footer):
        embed.set_footer(text=footer)
    if image := safe_url(message.image):
        embed.set_thumbnail(url=image)  # beside the text: a badge blown up to the width of the box looks broken

    webhook = DiscordWebhook(url="", allowed_mentions={"parse": []})
    webhook.add_embed(embed)
    complete: dict[str, object] = webhook.json
    return {key: _without_nulls(complete[key]) for key in _KEYS}


def _size_of_title(text: str) -> int:
    return units(escape_title(text))


def _size_of_footer(text: str) -> int:
    return units(inert(text))


def _field(field: Field) -> _NameAndValue | None:
    name = one_line(field.name)
    value = _written(fit(lines((Paragraph(field.value),)), _FIELD_VALUE, write))
    if is_blank(name):
        return (DASH, value) if value else None
    return escape_title(cut(name, _FIELD_NAME, _size_of_title)), value or DASH


def _fitting(fields: list[tuple[_NameAndValue, bool]], room: int) -> list[tuple[_NameAndValue, bool]]:
    """All fields, or as many of the first as fit together with one that counts the missing."""
    if len(fields) <= _FIELDS and sum(_size(pair) for pair, _ in fields) <= room:
        return fields
    kept = 0
    room -= _size(_missing(len(fields)))
    while kept < min(len(fields), _FIELDS - 1) and _size(fields[kept][0]) <= room:
        room -= _size(fields[kept][0])
        kept += 1
    return [*fields[:kept], (_missing(len(fields) - kept), False)]


def _missing(count: int) -> _NameAndValue:
    return ELLIPSIS, escape(f"({count} more)")


def _size(pair: _NameAndValue) -> int:
    return units(pair[0]) + units(pair[1])


def _written(rows: tuple[Line, ...]) -> str:
    # Discord trims what it gets before it measures, so nothing is lost here.
    return "\n".join(write(row) for row in rows).strip()


def _timestamp(at: datetime | None) -> str | None:
    """ISO 8601 in UTC, as the schema wants it; None for moments at the ends of the calendar that have no UTC."""
    try:
        return at.astimezone(UTC).isoformat(timespec="milliseconds") if at else None
    except OverflowError:
        return None


def _without_nulls(value: object) -> object:
    """``value`` without the nulls that the library sets for what was not given."""
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
