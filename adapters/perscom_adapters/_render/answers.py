"""The answers of a form, for those who asked for them."""

from __future__ import annotations

import re
from typing import Final

from perscom_adapters._html import from_html
from perscom_adapters._message import Field, Inline, Text, plain
from perscom_adapters._read import line, moment, text
from perscom_adapters._text import ELLIPSIS

from .row import Row

__all__ = ["answers"]

_MOST: Final = 50
_QUESTION: Final = 100  # UTF-16 units
_LONGEST: Final = 500  # likewise, of an answer
_SHORT: Final = 40  # characters of one that others may stand beside
_MOST_PARTS: Final = 50  # of a list or an object
_DEEPEST: Final = 3

# Only some questions have a rich editor. In the answers to the others "<Viper>" is a name.
_RICH = re.compile(r"</?(?:[biu]|[ou]l|li|p|a|br|em|strong|div|span|h[1-6]|blockquote|pre)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*")


def answers(row: Row) -> tuple[Field, ...]:
    """A field for each question that was answered, in the order of the form; the first 50, and how many more there are."""
    fields = [
        row.field(question, value, short=len(shown) <= _SHORT and "\n" not in shown)
        for key, answer in row.answers.items()
        if (question := _question(key)) and (value := _answer(row, answer)) and (shown := plain(value))
    ]
    if len(fields) <= _MOST:
        return tuple(fields)
    more = row.say("cut.more", count=str(len(fields) - _MOST))
    return (*fields[:_MOST], Field(name=ELLIPSIS, value=(Text(more),), short=False, colon=""))


def _question(key: str) -> str | None:
    """``Date of birth`` for ``date_of_birth``: a form's author gave it a title, and PERSCOM sends only this."""
    shown = line(key.replace("_", " "), _QUESTION)
    return shown and shown[0].upper() + shown[1:]


def _answer(row: Row, answer: object) -> tuple[Inline, ...]:
    if isinstance(answer, str) and _MOMENT.fullmatch(answer) and (at := moment(answer)):
        return (row.time(at),)
    shown = text(_short(row, answer), _LONGEST)
    return (Text(shown),) if shown else ()


def _short(row: Row, value: object, depth: int = 0) -> str:
    """A value of any type as text; ``""`` for none."""
    match value:
        case None:
            return ""
        case bool():
            return row.say("value.yes" if value else "value.no")
        case int() | float():
            return row.language.number(value)
        case str():
            return _written(row, value)
        case _ if depth == _DEEPEST:
            return ELLIPSIS
        case list():
            return _joined([_short(row, part, depth + 1) for part in value[:_MOST_PARTS]], cut=len(value) > _MOST_PARTS)
        case dict():
            parts = [(key, _short(row, part, depth + 1)) for key, part in list(value.items())[:_MOST_PARTS]]
            return _joined([f"{key}{row.language.colon} {part}" for key, part in parts if part], cut=len(value) > _MOST_PARTS)
        case _:
            return ""


def _written(row: Row, value: str) -> str:
    if _DAY.fullmatch(value) and (at := moment(value)):
        return row.language.time(at, "date")
    if _RICH.search(value[: 20 * _LONGEST]):
        # More than is shown: it is cut once, and at one place.
        return "\n".join(plain(block) for block in from_html(value, limit=2 * _LONGEST))
    return value[: 10 * _LONGEST]


def _joined(parts: list[str], *, cut: bool) -> str:
    return ", ".join([part for part in parts if part] + [ELLIPSIS] * cut)
