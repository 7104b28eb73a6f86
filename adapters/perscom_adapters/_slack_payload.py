"""A message as Slack's blocks: a header, rich text and a context line, within every limit; nobody pinged but by ``mentions``.

The figures are those of Slack's documentation (Block Kit), but for the sum, which is not documented.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import NamedTuple

import msgspec

from ._fields import field_lines, fit_fields
from ._lines import Line, Run, fit, lines
from ._mentions import mention_line
from ._message import Link, Message, Paragraph, safe_url
from ._slack_markup import Element, bold, date_token, escape, write, write_all
from ._slack_settings import slack_mention_mistake
from ._text import DASH, cut, is_blank, one_line, units

__all__ = ["is_whole", "payload"]

_HEADER = 150
_TITLE = 256  # a title that is too long for a header stands in a text
_TEXT = 1000  # of the fallback; Slack wants less than 4000, and notifications show much less
_FIELD_VALUE = 1000
_FOOTER = 300
# Slack refuses blocks that are "too long" and does not say by what measure. It was seen from 13 200 characters
# (slackapi/bolt-js#2509) and, with rich text, at 11 341 characters of text alone (slackapi/bolt-js#2867): what stands around
# the text counts too. The whole body is the largest measure there can be.
_WHOLE = 12_000
_UNFURLING = {"unfurl_links": False, "unfurl_media": False}  # the links are ours and need no preview


class _Parts(NamedTuple):
    fallback: str
    above: list[Element]
    text: tuple[Line, ...]
    fields: list[tuple[Line, ...]]
    below: list[Element]
    room: int
    """Units for text and fields."""


def payload(message: Message, *, edit: bool = False) -> dict[str, object]:
    """The JSON body for an incoming webhook, and the arguments for ``chat.postMessage`` but for the channel; with ``edit``
    those for ``chat.update`` but for channel and ``ts``.

    Pure. Foreign text stands in ``rich_text`` and ``plain_text``, which show every character as it is. Two places are searched
    for mentions, and there it is escaped: the fallback ``text``, and the title beside a picture, which is bold where nothing in
    it could be markup. Dates are shown in the reader's own time zone. A message's colour is left out: Slack has one for
    attachments only, and advises against those. So is ``silent``: whom a message rings for, Slack leaves to its readers.

    If text and fields do not fit together, the text keeps at least half of the room and the last fields are left out,
    visibly. Blank fields are left out, a missing half of a field is a dash.
    """
    fallback, above, text, fields, below, room = _parts(message)
    facts = _rich_text(fit_fields(fields, room, write, message.more))
    shown = _fitting(partial(fit, text, write=write, more=message.more), max(room - _size(facts), room // 2))
    facts = _fitting(partial(fit_fields, fields, write=write, more=message.more), room - _size(shown))
    body: dict[str, object] = {"text": fallback, "blocks": [*above, *shown, *facts, *below]}
    return body if edit else {**body, **_UNFURLING}


def is_whole(message: Message) -> bool:
    """Whether ``payload`` shows all of the text and the fields."""
    parts = _parts(message)
    if parts.fields != field_lines(message.fields, _WHOLE, write, message.more):
        return False  # a value is cut
    return _size(_rich_text(parts.text)) + _size(_rich_text(tuple(chain(*parts.fields)))) <= parts.room


def _parts(message: Message) -> _Parts:
    title = cut(one_line(message.title), _TITLE)
    title = DASH if is_blank(title) else title
    text = lines(message.blocks)
    above = [_title(title, message), *_rich_text(mention_line(message, slack_mention_mistake))]
    below = [*_rich_text(_link(message)), *_context(message)]
    fallback = _fallback(title, text)
    room = _WHOLE - _size({"text": fallback, "blocks": [*above, *below], **_UNFURLING})
    return _Parts(fallback, above, text, field_lines(message.fields, _FIELD_VALUE, write, message.more), below, room)


def _title(title: str, message: Message) -> Element:
    image = safe_url(message.image)
    if message.struck:  # a header shows no markup; and no picture of what is no more
        return _rich_text((Line((Run(title, bold=True, struck=True),)),))[0]
    if image is not None:
        # A thumbnail beside a section. An image of its own that Slack cannot fetch would cost the whole message
        # ("downloading image failed", slackapi/java-slack-sdk#1396), and a badge as wide as the message looks broken.
        picture = {"type": "image", "image_url": image, "alt_text": title}
        marked = bold(title)
        text = _plain_text(title) if marked is None else {"type": "mrkdwn", "text": marked, "verbatim": True}
        return {"type": "section", "text": text, "accessory": picture}
    if units(title) <= _HEADER:
        return {"type": "header", "text": _plain_text(title)}
    return _rich_text((Line((Run(title, bold=True),)),))[0]


def _fallback(title: str, rows: tuple[Line, ...]) -> str:
    """The title and the first line: what a notification shows and a screen reader says."""
    first = "".join(run.text for run in next((row.runs for row in rows if row.runs), ()))
    return escape(cut(f"{title}\n{first}".strip(), _TEXT, _size_of_fallback))


def _size_of_fallback(text: str) -> int:
    return units(escape(text))


def _link(message: Message) -> tuple[Line, ...]:
    """The address of the message, shown by its host: a header takes no link."""
    url = safe_url(message.url)
    return lines((Paragraph((Link("", url),)),)) if url else ()


def _context(message: Message) -> list[Element]:
    """The small line at the end: the footer, and when it happened."""
    footer = cut(one_line(message.footer or ""), _FOOTER)
    elements = [] if is_blank(footer) else [_plain_text(footer)]
    if message.at is not None and (date := date_token(message.at, message.shown_at)):
        elements.append({"type": "mrkdwn", "text": date, "verbatim": True})  # all of it is ours
    return [{"type": "context", "elements": elements}] if elements else []


def _plain_text(text: str) -> Element:
    return {"type": "plain_text", "text": text, "emoji": False}


def _rich_text(rows: tuple[Line, ...]) -> list[Element]:
    return [{"type": "rich_text", "elements": write_all(rows)}] if rows else []


def _fitting(cut_at: Callable[[int], tuple[Line, ...]], room: int) -> list[Element]:
    """The block of the lines that fit into ``room`` units together with the sections, quotes and lists around them."""

    def size(limit: int) -> int:
        return _size(_rich_text(cut_at(limit)))

    # A larger limit may make a slightly smaller block, so this need not be the largest that fits. But it fits.
    limit = room if size(room) <= room else bisect_right(range(room), room, key=size) - 1
    return _rich_text(cut_at(limit))


def _size(value: object) -> int:
    return units(msgspec.json.encode(value).decode())
