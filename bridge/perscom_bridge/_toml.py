"""On which line each key of a TOML text stands.

``tomllib`` reads the values but tells no positions, and a mistake without its line is hard to find. Two libraries were
tried: ``tomlkit`` keeps the layout but offers no line numbers; ``spanned-toml`` does, but is a fork of the parser of 2022
that has not followed its later corrections. So the values come from ``tomllib`` alone, and this scanner only looks for
keys, in a text that ``tomllib`` has already accepted: it need not judge anything.
"""

from __future__ import annotations

import re
import tomllib
from typing import NamedTuple, TypeAlias

__all__ = ["KeyPath", "key_lines"]

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys from the root of the document; a number is a place in an array, counted from 0."""

_TOKEN = re.compile(
    r'''
      (?P<text> """ (?: \\. | [^\\] )*? """ (?!")  |  \'\'\' .*? \'\'\' (?!\')  |  " (?: \\. | [^"\\] )* "  |  \' [^\']* \' )
    | (?P<comment> \# [^\n]* )
    | (?P<mark> [\[\]{}=,.\n] )
    | (?P<bare> [^\s\[\]{}=,.#"\']+ )
    ''',
    re.VERBOSE | re.DOTALL,
)
_END = "end"


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, on which each key, table and array item of ``text`` is named first.

    ``text`` must be valid TOML. A table that only its children name (``[a.b]`` names ``a``) has the line of the first of
    them.
    """
    return _Scanner(text).lines


class _Scanner:
    """Walks over the tokens once and notes the lines of keys; values are passed over."""

    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._tables_in: dict[KeyPath, int] = {}  # how many tables each [[array]] has so far
        self._tokens = _tokens(text)
        self._at = 0
        self._document()

    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _document(self) -> None:
        table: KeyPath = ()
        while self._peek().kind != _END:
            if self._peek().text == "\n":
                self._next()
            elif self._peek().text == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        line = self._next().line
        is_array = self._peek().text == "["
        if is_array:
            self._next()
        *parents, last = self._key()
        self._next()
        if is_array:
            self._next()
        table: KeyPath = ()
        for part in parents:
            table = self._note((*table, part), line)
            if table in self._tables_in:  # below an [[array]], a header means the array's newest table
                table = (*table, self._tables_in[table] - 1)
        table = self._note((*table, last), line)
        if is_array:
            number = self._tables_in.get(table, 0)
            self._tables_in[table] = number + 1
            table = self._note((*table, number), line)
        return table

    def _pair(self, table: KeyPath) -> None:
        line = self._peek().line
        for part in self._key():
            table = self._note((*table, part), line)
        self._next()
        self._value(table)

    def _key(self) -> list[str]:
        """The parts of a dotted key, up to the "=" or "]" behind it."""
        parts: list[str] = []
        while (token := self._peek()).text not in ("=", "]"):
            self._next()
            if token.kind == "text":
                parts.append(tomllib.loads(f"key = {token.text}")["key"])
            elif token.kind == "bare":
                parts.append(token.text)
        return parts

    def _value(self, path: KeyPath) -> None:
        opening = self._peek().text
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._next()  # a date or a float goes on with further tokens
            while self._peek().kind in ("text", "bare") or self._peek().text == ".":
                self._next()

    def _array(self, path: KeyPath) -> None:
        self._next()
        number = 0
        while (token := self._peek()).text != "]":
            if token.text in (",", "\n"):
                self._next()
            else:
                self._value(self._note((*path, number), token.line))
                number += 1
        self._next()

    def _inline_table(self, path: KeyPath) -> None:
        self._next()
        while (token := self._peek()).text != "}":
            if token.text in (",", "\n"):
                self._next()
            else:
                self._pair(path)
        self._next()

    def _note(self, path: KeyPath, line: int) -> KeyPath:
        self.lines.setdefault(path, line)
        return path


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    line, seen = 1, 0
    for found in _TOKEN.finditer(text):
        line += text.count("\n", seen, found.start())
        seen = found.start()
        if found.lastgroup is not None and found.lastgroup != "comment":
            tokens.append(_Token(found.lastgroup, found.group(), line))
    tokens.append(_Token(_END, "", line))
    return tokens
