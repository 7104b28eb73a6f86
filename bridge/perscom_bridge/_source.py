"""The text of a bridge.toml: what it cannot be judged without. It is there, it is text, and the text is TOML."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from ._environment import Environment
from ._problems import Problem, hide
from ._toml import KeyPath, key_lines
from .config import SERVER_FILE

__all__ = ["LARGEST", "Unreadable", "community_files", "parse", "read", "read_environment"]

LARGEST = 1_000_000
"""Bytes. A configuration of a hundred destinations has less than a tenth of it."""

_SYNTAX = {
    "Invalid value": 'A value is missing or has no quotes. Text stands in quotes: name = "1st Ranger Group"',
    "Expected newline or end of document": 'Text stands in quotes: name = "1st Ranger Group". A date is written 2026-03-09, '
    'with a time of day 2026-03-09 18:00:00. A comment begins with "#".',
    "Unescaped '\\' in a string": r"Between double quotes a backslash has a meaning. Use single quotes: 'C:\bridge\bridge.db'",
    "Illegal character '\\n'": "A quote is opened on this line and not closed.",
    "Unterminated string": "A quote is opened and not closed.",
    'Expected "\'"': "A quote is opened and not closed.",
    "Unclosed array": 'A "[" is opened and not closed, or a comma is missing.',
    "Cannot overwrite a value": "This key has a value already, further up. Keep one of the two lines.",
    "Cannot declare": "This table stands in the file already, further up. Put all its keys into one.",
}
"""What to do about a complaint of ``tomllib`` that begins so."""
_OTHER_QUOTES = 'This line has the quotes of a text processor. Type plain ones: name = "1st Ranger Group"'
_of_other_quotes = re.compile("[=,[]\\s*[“”„«»‘’‚]").search
_ANY_SYNTAX = 'A line is KEY = VALUE, a [table], or a comment behind "#".'


class Unreadable(Exception):
    """The file cannot be judged at all; ``problem`` says why, and what to do."""

    def __init__(self, text: str, *, line: int | None = None, key: str = "") -> None:
        super().__init__(text)
        self.problem = Problem(line=line, key=key, text=text)


def community_files(folder: Path) -> list[Path]:
    """The files of the communities in ``folder``, by name. Hidden ones are an editor's."""
    files = (path for path in folder.glob("*.toml") if path.name != SERVER_FILE and not path.name.startswith("."))
    return sorted(path for path in files if not os.path.isdir(path))


def read(path: Path) -> str:
    """The text of the file ``path``. Raises :class:`Unreadable`."""
    try:
        if path.is_dir():
            names = ", ".join(str(file) for file in community_files(path)) or f"{path / 'NAME.toml'}"
            raise Unreadable(f"This is a folder, and here one community is meant. Name its file with --config: {names}")
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except FileNotFoundError:
        raise Unreadable(
            "There is no such file. Make it with perscom-bridge init, or name another one with --config."
        ) from None
    except OSError as error:
        raise Unreadable(f"This file cannot be read: {error.strerror}.") from error
    if len(raw) > LARGEST:
        raise Unreadable(
            f"This file is larger than {LARGEST // 1_000_000} MB; a bridge.toml never is. Name another one with --config."
        )
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("This is UTF-16 text. Save the file as UTF-8 in your editor.")
    if b"\0" in raw:
        raise Unreadable("This is no text file. Name another one with --config.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable("This is not UTF-8 text. Save the file as UTF-8 in your editor.", line=line) from None


def parse(text: str) -> tuple[dict[str, object], dict[KeyPath, int]]:
    """Its values, and the line of each key. Raises :class:`Unreadable`."""
    try:
        return tomllib.loads(text), key_lines(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line ([0-9]+)", str(error))
        line = int(found[1]) if found else text.rstrip("\n").count("\n") + 1
        cause = str(error).partition(" (at ")[0]
        remedy = next((sentence for start, sentence in _SYNTAX.items() if cause.startswith(start)), _ANY_SYNTAX)
        if _of_other_quotes(text.split("\n")[line - 1]):
            remedy = _OTHER_QUOTES
        text = f"This is not TOML: {hide(cause).rstrip('.')}. {remedy}\nThe rest of the file can be judged when this is mended."
        raise Unreadable(text, line=line) from None
    except RecursionError:
        raise Unreadable("The lists or tables in this file are nested too deeply.") from None


def read_environment(folder: Path, environ: Mapping[str, str]) -> Environment:
    """The variables that the file may name: those of ``environ`` and of .env beside it. Raises :class:`Unreadable`."""
    try:
        return Environment.read(folder, environ)
    except UnicodeDecodeError:
        raise Unreadable("This is not UTF-8 text. Save the file as UTF-8 in your editor.", key=".env") from None
    except OSError as error:
        raise Unreadable(f"This file cannot be read: {error.strerror}.", key=".env") from error
