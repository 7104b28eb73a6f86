"""A message as the body of a Discord webhook: one embed, within every limit, and nobody pinged but by ``mentions``.

The figures are those of Discord's documentation (message resource, embed limits) and of its public OpenAPI document.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from discord_webhook import DiscordEmbed, DiscordWebhook

from ._discord_markup import escape, escape_title, inert, struck_through, write
from ._discord_settings import discord_mention_mistake
from ._lines import Line, fit, lines, missing
from ._mentions import mentioned
from ._message import Field, Mention, Message, Paragraph, safe_url
from ._text import DASH, ELLIPSIS, cut, is_blank, one_line, units

__all__ = ["is_whole", "payload"]

_TITLE = 256
_DESCRIPTION = 4096
_FOOTER = 2048
_FIELDS = 25
_FIELD_NAME = 256
_FIELD_VALUE = 1024
_EMBED = 6000  # all of them together
_BRIGHTEST = 0xFFFFFF
_SILENT = 1 << 12  # SUPPRESS_NOTIFICATIONS

# What we set of the platform's keys. The library would add its own settings, a proxy's password among them.
_KEYS = ("embeds", "allowed_mentions")


class _Field(NamedTuple):
    name: str
    value: str
    short: bool
    whole: bool = True

    @property
    def size(self) -> int:
        return units(self.name) + units(self.value)


class _Shown(NamedTuple):
    title: str
    text: str
    fields: list[_Field]
    footer: str
    whole: bool


def payload(message: Message, *, edit: bool = False) -> dict[str, object]:
    """The JSON body for ``POST /webhooks/{id}/{token}``; with ``edit`` that for the ``PATCH`` that changes the message into it.

    Pure. All of it is one embed, and ``content`` holds ``mentions`` and nothing else on purpose. What stands in ``content``
    can ping, is searched for links and invitations to unfold, and would repeat the title above the box; nothing in an embed
    does any of that. Names and notes that strangers typed are therefore never put there. (What a phone shows of an embed in
    its notification differs between clients; no text at all is the price on the worst of them.)

    If text and fields do not fit together, the text keeps at least half of the room and the last fields are left out,
    visibly. Blank fields are left out, a missing half of a field is a dash.
    """
    title, text, fields, footer, _ = _shown(message)
    embed = DiscordEmbed(
        title=title,
        description=text or None,
        url=safe_url(message.url),
        color=message.color if message.color is not None and 0 <= message.color <= _BRIGHTEST else None,
        timestamp=_timestamp(message.at),
    )
    for field in fields:
        embed.add_embed_field(name=field.name, value=field.value, inline=field.short)
    if not is_blank(footer):
        embed.set_footer(text=footer)
    if image := safe_url(message.image):
        embed.set_thumbnail(url=image)  # beside the text: a badge blown up to the width of the box looks broken

    found, rest = mentioned(message, discord_mention_mistake)
    webhook = DiscordWebhook(url="", allowed_mentions=_allowed(found))
    webhook.add_embed(embed)
    complete: dict[str, object] = webhook.json
    body = {key: _without_nulls(complete[key]) for key in _KEYS}
    if found or edit:  # in an edit, what is not named stays as it is
        body["content"] = " ".join([*map(_mention, found), *filter(None, (rest,))])
    if message.silent and not edit:
        body["flags"] = _SILENT
    return body


def is_whole(message: Message) -> bool:
    """Whether ``payload`` shows all of the text and the fields."""
    return _shown(message).whole


def _shown(message: Message) -> _Shown:
    title = _title(message)
    footer = inert(cut(one_line(message.footer or ""), _FOOTER, _size_of_footer))
    fields = [told for field in message.fields if (told := _field(field, message.more))]

    room = _EMBED - units(title) - units(footer)
    text_room = max(room - sum(field.size for field in fields), room // 2)
    rows = lines(message.blocks)
    kept = fit(rows, min(text_room, _DESCRIPTION), write, message.more)
    text = _written(kept)
    fitting = _fitting(fields, room - units(text), message.more)
    whole = kept == rows and fitting == fields and all(field.whole for field in fields)
    return _Shown(title, text, fitting, footer, whole)


def _title(message: Message) -> str:
    marks = units(struck_through("~")) if message.struck else 0
    title = cut(one_line(message.title), _TITLE - marks, _size_of_title)
    title = DASH if is_blank(title) else escape_title(title)
    return struck_through(title) if message.struck else title


def _mention(mention: Mention) -> str:
    return f"<@{'&' if mention.kind == 'role' else ''}{mention.id}>"


def _allowed(found: list[Mention]) -> dict[str, list[str]]:
    """Who may be pinged: exactly these, whatever else the message says."""
    named = {f"{kind}s": [mention.id for mention in found if mention.kind == kind] for kind in ("user", "role")}
    return {"parse": [], **{kind: ids for kind, ids in named.items() if ids}}


def _size_of_title(text: str) -> int:
    return units(escape_title(text))


def _size_of_footer(text: str) -> int:
    return units(inert(text))


def _field(field: Field, more: str) -> _Field | None:
    name = one_line(field.name)
    rows = lines((Paragraph(field.value),))
    kept = fit(rows, _FIELD_VALUE, write, more)
    value = _written(kept)
    if is_blank(name):
        return _Field(DASH, value, field.short, kept == rows) if value else None
    return _Field(escape_title(cut(name, _FIELD_NAME, _size_of_title)), value or DASH, field.short, kept == rows)


def _fitting(fields: list[_Field], room: int, more: str) -> list[_Field]:
    """All fields, or as many of the first as fit together with one that counts the missing."""
    if len(fields) <= _FIELDS and sum(field.size for field in fields) <= room:
        return fields
    kept = 0
    room -= _missing(len(fields), more).size
    while kept < min(len(fields), _FIELDS - 1) and fields[kept].size <= room:
        room -= fields[kept].size
        kept += 1
    return [*fields[:kept], _missing(len(fields) - kept, more)]


def _missing(count: int, more: str) -> _Field:
    return _Field(ELLIPSIS, escape(missing(count, more)), short=False)


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
