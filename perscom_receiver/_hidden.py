"""Columns that must never reach a disk, a log or a chat."""

from __future__ import annotations

import json
from typing import Final

from ._json import lenient

__all__ = ["HIDDEN_COLUMNS", "storable"]

HIDDEN_COLUMNS: Final = frozenset({"password", "remember_token", "discord_private_channel_id"})
"""Columns that PERSCOM hides in ``data`` but lets through in ``changes``: a password hash, a session token, a channel."""

_AS_BYTES = tuple(name.encode() for name in HIDDEN_COLUMNS)


def storable(body: bytes) -> bytes:
    """``body`` without the hidden columns, at any depth: what may be written to a disk.

    PERSCOM writes these names in plain ASCII. A body that escapes ASCII letters is not PERSCOM's, so it is read to be sure.
    """
    if not any(name in body for name in _AS_BYTES) and b"\\u00" not in body:
        return body
    value = lenient(body)
    cleaned = _without_hidden(value)
    return body if cleaned == value else json.dumps(cleaned, separators=(",", ":")).encode()


def _without_hidden(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_hidden(v) for k, v in value.items() if k not in HIDDEN_COLUMNS}
    if isinstance(value, list):
        return [_without_hidden(v) for v in value]
    if isinstance(value, str) and value[:1] in ("{", "[") and any(name in value for name in HIDDEN_COLUMNS):
        # `changes` holds JSON columns as text.
        try:
            inner = lenient(value)
        except (ValueError, RecursionError):
            return ""
        return json.dumps(_without_hidden(inner), separators=(",", ":"))
    return value
