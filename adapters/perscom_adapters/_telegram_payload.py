"""A message as the arguments of Telegram's ``sendMessage``: one text within every limit, nobody notified but by ``mentions``.

The figures are those of the Bot API; what is said to be tried was run through Telegram's own parser.
"""

from __future__ import annotations

from itertools import chain

from ._fields import field_lines, fit_fields
from ._lines import Line, Run, fit, lines
from ._mentions import mention_line
from ._message import Message, Time, plain, safe_url
from ._telegram_markup import inert, write, write_all
from ._telegram_settings import telegram_mention_mistake
from ._text import DASH, cut, is_blank, one_line, units

__all__ = ["is_whole", "payload"]

_TEXT = 4096
_ENTITIES = 100  # the first ones take effect, further ones would be ignored without a word
_TITLE = 256
_FOOTER = 256
_FIELD_VALUE = 1024

_BLANK = Line()

_Rows = tuple[Line, ...]


def payload(message: Message, *, edit: bool = False) -> dict[str, object]:
    """The arguments of ``sendMessage`` without the chat; with ``edit`` those of ``editMessageText`` without chat and message.

    Pure. The formatting is in ``entities`` and not in markup, for the text is foreign and one slip in an escape would refuse
    the whole message. There is nothing to escape here, nothing that a cut could break, and the plain text is there for the
    day when Telegram does not like an entity. (Its one trap: a link to what Telegram knows as no address is refused, where
    HTML would show its label. Such a link is shown as its label here, too.)

    Title, mentions, text, fields and footer stand one below the other, 4096 units in all. If they do not fit together, the
    text keeps at least half of the room and the last fields are left out, visibly. Blank fields are left out, a missing half of
    a field is a dash. There is no place for the colour and the image. A mention is by id, and is a mere name where the bot does
    not know the user.
    """
    rows, _ = _shown(message)
    text, entities = write_all(rows)
    body: dict[str, object] = {"text": text, "entities": entities[:_ENTITIES], "link_preview_options": {"is_disabled": True}}
    return {**body, "disable_notification": True} if message.silent and not edit else body


def is_whole(message: Message) -> bool:
    """Whether ``payload`` shows all of the text and the fields."""
    return _shown(message)[1]


def _shown(message: Message) -> tuple[_Rows, bool]:
    """All lines, and whether they show all of the text and the fields."""
    head = (_title(message), *mention_line(message, telegram_mention_mistake))
    foot = _footer(message)
    text = lines(message.blocks)
    fields = field_lines(message.fields, _FIELD_VALUE, write, message.more)

    room = _TEXT - _size((*head, _BLANK, _BLANK, *foot))
    text_room = max(room - sum(map(_size, fields)), room // 2)
    body = fit(text, text_room - 1, write, message.more)
    below = fit_fields(fields, room - _size(body), write, message.more)

    rows = (*head, *body)
    for section in filter(None, (below, foot)):
        rows = (*rows, _BLANK, *section)
    uncut = field_lines(message.fields, _TEXT, write, message.more)
    return rows, body == text and below == tuple(chain(*uncut))


def _title(message: Message) -> Line:
    text = _one_line(message.title, _TITLE) or DASH
    return Line((Run(text, bold=True, url=safe_url(message.url), struck=message.struck),))


def _footer(message: Message) -> _Rows:
    """``1st Ranger Group · 2026-03-02 19:08 UTC``, or the half of it that there is."""
    text = _one_line(message.footer or "", _FOOTER)
    if message.at is None:
        return (Line((Run(text),)),) if text else ()
    time = Time(message.at, shown=message.shown_at)  # Telegram's newer apps show it in the reader's own time zone
    return (Line((Run(f"{text} · " if text else ""), Run(plain(time), time=time))),)


def _one_line(text: str, limit: int) -> str:
    """``text`` on one line, cut at ``limit`` units; empty if nobody would see it."""
    text = one_line(text)
    return "" if is_blank(inert(text)) else cut(text, limit, _size_of_text)


def _size(rows: _Rows) -> int:
    """The units of ``rows`` with a line feed behind each."""
    return sum(units(write(row)) + 1 for row in rows)


def _size_of_text(text: str) -> int:
    return units(inert(text))
