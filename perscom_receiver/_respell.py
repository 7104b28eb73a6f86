"""A JSON text in the spelling of PHP, token by token: what PERSCOM signed before something wrote it again.

No value is built, so any body whatever costs time in proportion to its length, and its nesting costs nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from typing import NamedTuple

import msgspec

from ._php_json import php_json

__all__ = ["Difference", "added_around", "as_php", "respelled"]

# Possessive, so that nothing is read twice: a string that never ends takes all the rest.
_STRING = r'"(?:[^"\\]++|\\.)*+"?'
_SPACE = r"[ \t\r\n]"
_token = re.compile(rf"{_STRING}|{_SPACE}++|-?[0-9][0-9.eE+-]*+|\{{{_SPACE}*+\}}", re.DOTALL)
_bracket_or_string = re.compile(rf"[{{}}\[\]]|({_STRING})({_SPACE}*+:)?", re.DOTALL)
_letter = re.compile(r"\\u[dD][89abAB]..\\u[dD]...|\\u....|\\.|.", re.DOTALL)
_is_short_integer = re.compile(r"-?[0-9]{1,18}").fullmatch

_LONGEST_NUMBER = 100
"""Characters. PHP writes 24 at most, and some readers of longer ones take more than their share of time."""
_NAMES = {
    "": "nothing",
    " ": "a space",
    "\n": "a line break",
    "\r\n": "a line break (CR LF)",
    "\t": "a tab",
    "\ufeff": "a byte order mark",
}


class Difference(msgspec.Struct, frozen=True):
    """Where the bytes that arrived begin to differ from those that were signed. Shows spellings only, never a value."""

    byte: int
    """Counted from 0, in what arrived."""
    field: str
    """The keys that lead there, with dots between; empty outside of any."""
    arrived: str
    signed: str
    total: str
    """All the differences, counted, as a sentence."""


class _Change(NamedTuple):
    """One spelling. ``start`` counts characters of the text that arrived."""

    start: int
    arrived: str
    signed: str
    kind: str
    """What happened to it, for one and for several, as ``"slash lost its backslash|slashes lost their backslash"``."""


def as_php(body: bytes) -> bytes:
    """``body`` as PHP would have written it. Raises ValueError where it could not; what is no JSON may pass as something."""
    text = _text(body)
    written, end = StringIO(), 0
    for start, token, spelled in _misspelt(text):
        written.write(text[end:start])
        written.write(spelled)
        end = start + len(token)
    written.write(text[end:])
    return written.getvalue().encode("ascii")


def respelled(body: bytes) -> Difference | None:
    """How ``body`` differs from :func:`as_php` of it; None when it does not. Raises ValueError, too."""
    text = _text(body)
    first: _Change | None = None
    kinds: Counter[str] = Counter()
    for change in _changes(text):
        first = first or change
        kinds[change.kind] += 1
    if first is None:
        return None
    total = ", ".join(f"{number} {kind.split('|')[number > 1]}" for kind, number in kinds.items())
    return Difference(
        byte=len(text[: first.start].encode(json.detect_encoding(body))),
        field=_field_at(text, first.start),
        arrived=_shown(first.arrived),
        signed=_shown(first.signed),
        total=f"In all, {total}.",
    )


def added_around(body: bytes, signed: bytes) -> Difference:
    """What stands around ``signed`` in ``body``."""
    before, _, behind = body.partition(signed)
    added = len(before) + len(behind)
    return Difference(
        byte=0 if before else len(signed),
        field="",
        arrived=_shown((before or behind).decode("utf-8", "replace")),
        signed="nothing",
        total=f"In all, {added} {'byte was' if added == 1 else 'bytes were'} added.",
    )


def _text(body: bytes) -> str:
    return body.decode(json.detect_encoding(body))


def _spelled(token: str) -> str:
    match token[0]:
        case '"':
            if token.isascii() and "/" not in token and "\\" not in token:
                return token
        case "{":
            return "[]"  # PHP's only empty array
        case " " | "\t" | "\r" | "\n":
            return ""
        case _:
            if _is_short_integer(token):
                return token  # and -0 stays itself
            if len(token) > _LONGEST_NUMBER:
                raise ValueError("no number that PHP writes is as long")
    return php_json(json.loads(token)).decode()


def _misspelt(text: str) -> Iterator[tuple[int, str, str]]:
    """The tokens that PHP spells in another way: where each begins, as it is, and as PHP has it."""
    for found in _token.finditer(text):
        spelled = _spelled(found[0])
        if spelled != found[0]:
            yield found.start(), found[0], spelled


def _changes(text: str) -> Iterator[_Change]:
    for start, token, spelled in _misspelt(text):
        match token[0]:
            case '"':
                yield from _changed_letters(start, token, spelled)
            case "{":
                yield _Change(start, token, spelled, "empty list became {}|empty lists became {}")
            case " " | "\t" | "\r" | "\n":
                kind = "piece of white space was put between|pieces of white space were put between"
                yield _Change(start, token, spelled, kind)
            case _:
                yield _Change(start, token, spelled, "number is spelled differently|numbers are spelled differently")


def _changed_letters(start: int, token: str, spelled: str) -> Iterator[_Change]:
    for arrived, signed in zip(_letter.finditer(token), _letter.finditer(spelled), strict=False):
        if arrived[0] == signed[0]:
            continue
        if arrived[0] == "/":
            kind = "slash lost its backslash|slashes lost their backslash"
        elif not arrived[0].isascii():
            kind = r"letter lost its \u spelling|letters lost their \u spelling"
        else:
            kind = "letter is spelled differently|letters are spelled differently"
        yield _Change(start + arrived.start(), arrived[0], signed[0], kind)


def _field_at(text: str, end: int) -> str:
    """The keys that lead to the character at ``end``. They are texts of the caller: shortened, and in one line."""
    keys: list[str] = []
    for found in _bracket_or_string.finditer(text):
        if found.start() > end:
            break
        if found[0] in ("{", "["):
            keys.append("")
        elif found[0] in ("}", "]"):
            del keys[-1:]
        elif found[2] is not None and keys:
            keys[-1] = found[1][1:-1]
    named = [ascii(key[:30])[1:-1] for key in keys if key]
    return ".".join(named if len(named) < 4 else [named[0], "…", *named[-2:]])


def _shown(piece: str) -> str:
    if piece in _NAMES:
        return _NAMES[piece]
    if piece.isspace():
        return "white space"
    short = piece[:24]
    return short if short.isprintable() else ascii(short)[1:-1]
