"""Columns that must never reach a disk, a log or a chat."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from ._json import lenient

__all__ = ["HIDDEN_COLUMNS", "clean", "storable"]

HIDDEN_COLUMNS: Final = frozenset({"password", "remember_token", "discord_private_channel_id"})
"""Columns that PERSCOM hides in ``data`` but lets through in ``changes``: a password hash, a session token, a channel."""

_ESCAPED_LETTER = r"\\u00[4-7]|&#"
_escaped = re.compile(_ESCAPED_LETTER).search
_escaped_bytes = re.compile(_ESCAPED_LETTER.encode()).search
_NAMES_AS_BYTES = tuple(name.encode() for name in HIDDEN_COLUMNS)
_QUOTE = r"""[\\"']|u002[27]|&(?:amp;)*(?:quot|apos|#0*3[49]|#[xX]0*2[27]);"""
_member = re.compile(rf"(?:{'|'.join(sorted(HIDDEN_COLUMNS))})(?:{_QUOTE})+\s*:").search
"""A hidden name as the name of a member, however often the JSON around it was put into a text or escaped for HTML."""
_ENVELOPE = ("event", "created", "request_id", "trace_id")


def storable(body: bytes) -> bytes:
    """``body`` without the hidden columns, at any depth: what may be written to a disk.

    PERSCOM writes these names in plain ASCII. A body that may escape ASCII letters is read to be sure.
    """
    if not (any(name in body for name in _NAMES_AS_BYTES) or _may_escape_letters(body)):
        return body
    value, repeated = _read(body)
    # The envelope's own texts stay as they are, or the stored body might be no envelope any more.
    own = {name: value[name] for name in _ENVELOPE if name in value} if isinstance(value, dict) else {}
    if not (clean(value) or repeated):
        return body
    if isinstance(value, dict):
        value.update(own)
    return _dumped(value).encode()


def _may_escape_letters(body: bytes) -> bool:
    # A search for two short texts takes a tenth of the expression's time, and most bodies hold neither.
    return (b"\\u00" in body or b"&#" in body) and _escaped_bytes(body) is not None


def clean(value: object) -> bool:
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
    """``text`` itself, unless it holds JSON with hidden columns in it: ``changes`` gives JSON columns as text, and a template
    of an automation may write out whatever it likes, escaped for HTML."""
    if not (any(name in text for name in HIDDEN_COLUMNS) or _escaped(text)):
        return text
    from html import escape, unescape  # hardly ever needed

    for decoded, encoded in ((str, str), (unescape, escape)):
        try:
            cleaned = _cleaned_json(decoded(text))
        except ValueError:  # no JSON in this spelling
            continue
        except RecursionError:  # nested beyond what can be read, so nobody can say what is in it
            return ""
        return text if cleaned is None else encoded(cleaned)
    # People may speak of a password; but what stands behind the name of a member is cut off, wherever it may end.
    member = _member(text)
    return text if member is None else f"{text[: member.start()]}\N{HORIZONTAL ELLIPSIS}"


def _cleaned_json(text: str) -> str | None:
    """An object or a list without hidden columns; None when there are none in it. Raises ValueError for anything else."""
    value, repeated = _read(text)
    if not isinstance(value, (dict, list)):
        raise ValueError("neither an object nor a list")  # noqa: TRY004 - told apart from JSON, not from a wrong argument
    return _dumped(value) if clean(value) or repeated else None


def _read(text: bytes | str) -> tuple[object, bool]:
    """The value of a JSON text, and whether a name was twice in one object: what stood there first is not in the value."""
    repeated = False

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        found = dict(pairs)
        repeated = repeated or len(found) < len(pairs)
        return found

    return lenient(text, members), repeated


def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
