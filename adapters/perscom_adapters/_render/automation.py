"""Payloads that an automation's template made: anything, under the name of a resource's event.

What is looked for in them is said in docs/automations.md: ``title``, ``text``, ``fields`` and ``link``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from typing import Final

import msgspec

from perscom_adapters._message import Field, Message, Paragraph, Text, safe_url
from perscom_adapters._read import decode_entities, line, mapping, text
from perscom_adapters._text import ELLIPSIS
from perscom_receiver import Event

from .parts import message
from .row import Row

__all__ = ["is_template", "written"]

_BODY_KEYS = ("content", "text", "message")
_TITLE_KEY = "title"
_LONGEST: Final = 2000  # UTF-16 units, as are the others
_LONGEST_TITLE: Final = 200
_MOST_FIELDS: Final = 25  # Discord shows no more
_LONGEST_VALUE: Final = 500
_SHORT: Final = 40  # characters of a value that others may stand beside

# With its semicolon alone: in an address "&copy=1" is a parameter.
_REFERENCE = re.compile(r"&#?\w{1,31};")


class _Changes(msgspec.Struct):
    changes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode = msgspec.json.Decoder(_Changes).decode


def is_template(event: Event) -> bool:
    """Whether ``data`` is what somebody wrote in an automation instead of a row of the resource.

    A row is an object and has ``changes``, if only an empty list. A template has null there, and every value that it fills in
    is text, the id included.
    """
    if not isinstance(event.data, dict):
        return True
    key = event.data.get("id")
    if isinstance(key, int) and not isinstance(key, bool):
        return False
    changes = _decode(event.body).changes
    return changes is not msgspec.UNSET and bytes(changes) == b"null"


def written(event: Event, row: Row) -> Message | None:
    """What the template brings along to be shown, as text: title, text, fields and a link; None with nothing but a link.

    The automation escaped what it filled in for HTML, so entities are decoded once. Nothing else of the payload is shown.
    """
    data = mapping(event.data)
    fields = _fields(row, data.get("fields"))
    title = _unescaped(data.get(_TITLE_KEY))
    body = next((found for key in _BODY_KEYS if (found := _unescaped(data.get(key)))), None)
    if title is None and body is not None and "\n" not in body and len(body) <= _LONGEST_TITLE:
        title, body = body, None
    if title is None and body is None and not fields:
        return None
    headline = line(title, _LONGEST_TITLE) or row.say("automation.title")
    blocks = (Paragraph((Text(body),)) if body else None,)
    return message(row, headline, blocks=blocks, fields=fields, url=_link(data.get("link")))


def _fields(row: Row, value: object) -> tuple[Field, ...]:
    """A field for each pair that has a name and a value, in their order; the first 25, and how many more there are.

    ``value`` is an object, or a list of objects with ``name`` and ``value``. Where it is empty PHP makes a list of either.
    """
    pairs: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = ((pair.get("name"), pair.get("value")) for pair in map(mapping, value))
    fields = [
        row.field(name, (Text(shown),), short=len(shown) <= _SHORT and "\n" not in shown)
        for key, told in pairs
        if (name := line(_unescaped(key))) and (shown := _value(row, told))
    ]
    if len(fields) <= _MOST_FIELDS:
        return tuple(fields)
    more = row.say("cut.more", count=str(len(fields) - _MOST_FIELDS + 1))
    return (*fields[: _MOST_FIELDS - 1], Field(name=ELLIPSIS, value=(Text(more),), short=False, colon=""))


def _value(row: Row, value: object) -> str | None:
    """A text, or a number that stood in the template as one: what is filled in is always a text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return row.language.number(value)
    return _unescaped(value, _LONGEST_VALUE)


def _link(value: object) -> str | None:
    return safe_url(_REFERENCE.sub(lambda found: unescape(found[0]), value.strip())) if isinstance(value, str) else None


def _unescaped(value: object, limit: int = _LONGEST) -> str | None:
    return text(decode_entities(value[: 10 * limit]), limit) if isinstance(value, str) else None
