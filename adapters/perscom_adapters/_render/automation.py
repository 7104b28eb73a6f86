"""Payloads that an automation's template made: anything, under the name of a resource's event."""

from __future__ import annotations

import msgspec

from perscom_adapters._message import Message, Paragraph, Text
from perscom_adapters._read import decode_entities, line, mapping, text
from perscom_receiver import Event

from .parts import message
from .row import Row

__all__ = ["is_template", "written"]

_BODY_KEYS = ("content", "text", "message")
_TITLE_KEY = "title"
_LONGEST = 2000
_LONGEST_TITLE = 200


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
    """The text that the template brings along, shown as text; None when it has none.

    The automation escaped what it filled in for HTML, so entities are decoded once. Nothing else of the payload is shown.
    """
    data = mapping(event.data)
    title = _unescaped(data.get(_TITLE_KEY))
    body = next((found for key in _BODY_KEYS if (found := _unescaped(data.get(key)))), None)
    if title is None and body is not None and "\n" not in body and len(body) <= _LONGEST_TITLE:
        title, body = body, None
    if title is None and body is None:
        return None
    headline = line(title, _LONGEST_TITLE) or row.say("automation.title")
    return message(row, headline, blocks=(Paragraph((Text(body),)) if body else None,))


def _unescaped(value: object) -> str | None:
    return text(decode_entities(value), _LONGEST) if isinstance(value, str) else None
