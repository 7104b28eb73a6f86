"""Columns that must never reach a disk, a log or a chat."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ._json import lenient

__all__ = ["HIDDEN_COLUMNS", "storable"]

HIDDEN_COLUMNS: Final = frozenset({"password", "remember_token", "discord_private_channel_id"})
"""Columns that PERSCOM hides in ``data`` but lets through in ``changes``: a password hash, a session token, a channel."""

_ESCAPED_LETTER = r"\\u00[4-7]"
_escaped = re.compile(_ESCAPED_LETTER).search
_escaped_bytes = re.compile(_ESCAPED_LETTER.encode()).search
_NAMES_AS_BYTES = tuple(name.encode() for name in HIDDEN_COLUMNS)
_ENVELOPE = ("event", "created", "request_id", "trace_id")


def storable(body: bytes) -> bytes:
    """``body`` without the hidden columns, at any depth: what may be written to a disk.

    PERSCOM writes these names in plain ASCII. A body that escapes ASCII letters is not PERSCOM's, so it is read to be sure.
    """
    if not (any(name in body for name in _NAMES_AS_BYTES) or _escaped_bytes(body)):
        return body
    value = lenient(body)
    # The envelope's own texts stay as they are, or the stored body might be no envelope any more.
    own = {name: value[name] for name in _ENVELOPE if name in value} if isinstance(value, dict) else {}
    if not _clean(value):
        return body
    if isinstance(value, dict):
        value.update(own)
    return _dumped(value).encode()


def _clean(value: object) -> bool:
    """Take the hidden columns out of a decoded JSON value, in place. Whether there were any.

    A loop and no recursion: a body may be nested deeper than Python lets functions call themselves.
    """
    found = False
    waiting: list[Any] = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            for name in HIDDEN_COLUMNS & node.keys():
                del node[name]
                found = True
        elif not isinstance(node, list):
            continue
        for key, member in node.items() if isinstance(node, dict) else enumerate(node):
            if not isinstance(member, str):
                waiting.append(member)
            elif (cleaned := _cleaned_text(member)) is not member:
                node[key] = cleaned
                found = True
    return found


def _cleaned_text(text: str) -> str:
    """``text`` itself, unless it holds JSON with hidden columns in it: ``changes`` gives JSON columns as text."""
    if not (any(name in text for name in HIDDEN_COLUMNS) or _escaped(text)) or text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        value = lenient(text)
        return _dumped(value) if _clean(value) else text
    except ValueError:  # no JSON: what people write may begin with a bracket and speak of a password
        return text
    except RecursionError:  # nested beyond what can be read, so nobody can say what is in it
        return ""


def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
