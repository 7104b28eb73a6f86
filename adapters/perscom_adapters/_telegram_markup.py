"""Telegram's formatting: lines of runs as plain text with entities beside it, and what Telegram would find made inert.

Entities say which stretch of the text is bold, a link and so on; the text holds no markup. But Telegram searches every text
for mentions, commands, tags, links, e-mail addresses and phone numbers. A word joiner, which has no width, breaks those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv6Address
from itertools import groupby
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

from ._lines import Line, Run
from ._message import unix
from ._text import is_blank, units

__all__ = ["Entity", "inert", "write", "write_all"]

Entity = dict[str, Any]
"""A ``MessageEntity`` of the Bot API. Its offset and length are in UTF-16 code units."""

_WORD_JOINER = "\u2060"
# After "@" a name notifies, after "#", "$" and "/" a word becomes a tag or a command; a colon stands in "https://", a dot in
# "evil.com" and in "127.0.0.1". "#" followed by a variation selector is an emoji.
_TRIGGER = re.compile(
    r"[@$](?=\S)|#(?![\s\ufe0f\u20e3]|\Z)|(?<![A-Za-z0-9_])/(?=[A-Za-z0-9_])|:(?=/)|\.(?=[^\s\d.]|\d+\.\d)|\+(?=\d)"
)
# Seven digits and more, however they are grouped, may be a phone number or that of a card.
_LONG_NUMBER = re.compile(r"\d(?:[\s()./\u2010-\u2015-]{0,3}\d){6,}")
_THREE_DIGITS = re.compile(r"\d(?:\D*\d){2}")
# Telegram drops these marks. Dropped here, nothing can hide behind them; an "å" of two characters becomes one of one before.
_RING = "\u030a"
_DROPPED = re.compile("[\u0333\u033f\u030a]")

_HOST = re.compile(r"[a-z0-9_-][a-z0-9._-]*\.[a-z0-9._-]*")
_BRACKETED = re.compile(r"\[(.*)\](?::[0-9]+)?")
_PLAIN = Run("")
_BULLET = {"-": "•"}
_LATEST = 2**31  # seconds; Telegram knows no later moment, and none before 1970
_TIME_FORMAT = {"date": "D", "datetime": "Dt", "time": "t"}  # long date; the same and a short time; that alone


def inert(text: str) -> str:
    """``text`` as Telegram may have it: it shows the same, and nothing is found in it."""
    if _RING in text:
        text = normalize("NFC", text)
    text = _LONG_NUMBER.sub(_in_threes, _DROPPED.sub("", text))
    return _TRIGGER.sub(rf"\g<0>{_WORD_JOINER}", text)


def write(line: Line) -> str:
    """The text of one line, without a line feed."""
    return "".join(text for text, _ in _stretches(line))


def write_all(rows: Iterable[Line]) -> tuple[str, list[Entity]]:
    """The text of all ``rows`` with line feeds between them, and its entities, outer ones before inner ones."""
    texts: list[str] = []
    entities: list[Entity] = []
    end = 0
    for quoted, group in groupby(rows, key=lambda row: row.quoted):
        begin = end
        for row in group:
            for text, run in _stretches(row):
                entities += _entities(text, run, end)
                texts.append(text)
                end += units(text)
            texts.append("\n")
            end += 1
        if quoted:
            entities.append({"type": "blockquote", "offset": begin, "length": end - 1 - begin})
    return "".join(texts[:-1]), sorted(entities, key=_place)


def _stretches(line: Line) -> Iterator[tuple[str, Run]]:
    """The text of a line piece by piece, each with the run whose formatting it has."""
    marker = f"{_BULLET.get(line.marker, line.marker)} " if line.marker else ""
    if marker:
        yield " " * len(marker) if line.continued else marker, _PLAIN
    before = ""
    previous = _PLAIN
    for run in line.runs:
        text = run.text if run.time else inert(run.text)
        if not text:
            continue
        if before and _could_join(before, previous, text, run):
            yield _WORD_JOINER, _PLAIN
        yield text, run
        before, previous = text, run


def _could_join(before: str, previous: Run, text: str, run: Run) -> bool:
    """Whether a link, a name or a number could be put together from two runs. The figures of two moments make a card's."""
    return bool(previous.time or run.time) or not (before[-1].isspace() or text[0].isspace())


def _entities(text: str, run: Run, offset: int) -> Iterator[Entity]:
    if is_blank(text):
        return
    place: Entity = {"offset": offset, "length": units(text)}
    if run.time is not None and not run.struck and 0 < unix(run.time.at) < _LATEST:
        time_format = _TIME_FORMAT[run.time.style]
        yield {"type": "date_time", **place, "unix_time": unix(run.time.at), "date_time_format": time_format}
        return  # Telegram takes a moment's other formatting away (tried), so one that is struck is a text
    if run.mention is not None:
        # Telegram looks at the id alone; by the reference a user is known by all three.
        user = {"id": int(run.mention.id), "is_bot": False, "first_name": run.text}
        yield {"type": "text_mention", **place, "user": user}
        return
    if run.url is not None and _is_taken(run.url):
        yield {"type": "text_link", **place, "url": run.url}
    if run.bold:
        yield {"type": "bold", **place}
    if run.italic:
        yield {"type": "italic", **place}
    if run.struck:
        yield {"type": "strikethrough", **place}


def _place(entity: Entity) -> tuple[int, int, bool]:
    return int(entity["offset"]), -int(entity["length"]), entity["type"] != "blockquote"


def _is_taken(url: str) -> bool:
    """Whether Telegram surely takes the safe address ``url``; one that it does not take refuses the whole message (tried)."""
    parts = urlsplit(url)
    if parts.netloc.endswith(":") or parts.port == 0:
        return False
    bracketed = _BRACKETED.fullmatch(parts.netloc)
    return _is_ipv6(bracketed[1]) if bracketed else _HOST.fullmatch(parts.hostname or "") is not None


def _is_ipv6(host: str) -> bool:
    try:
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _in_threes(number: re.Match[str]) -> str:
    return _THREE_DIGITS.sub(rf"\g<0>{_WORD_JOINER}", number[0])
