"""One table of bridge.toml, read key by key. What is wrong goes to a list, with its line, and reading goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, tzinfo
from typing import TypeVar

from ._environment import Environment
from ._problems import Problem, did_you_mean, hide
from ._toml import KeyPath

__all__ = ["UNTYPED", "Document", "Table", "dotted"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_OPENING = re.compile(r"= *(?:\"{3}|'{3})(.*)")
UNTYPED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Controls, and the halves of characters that an environment in another encoding ends up as."""
_TYPE_NAMES = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "a table"}

_T = TypeVar("_T")


class Document:
    """What all tables of one file share: the lines, the variables, and the lists of what was found.

    ``homes`` are the keys that may stand under each header, for a key found in the wrong place. ``source`` is the whole text.
    """

    def __init__(
        self,
        lines: Mapping[KeyPath, int],
        environment: Environment,
        homes: Mapping[str, tuple[str, ...]] = {},
        source: str = "",
    ) -> None:
        self.lines = lines
        self._rows = source.split("\n")
        self.environment = environment
        self.homes = homes
        self.problems: list[Problem] = []
        self.notes: list[str] = list(environment.notes)

    def wrong(self, path: KeyPath, text: str, *, key: str | None = None, row: int | None = None) -> None:
        """Note a mistake at ``path``; a path that is not in the file has the line of the nearest table that is.

        ``key`` is shown in place of the path. ``row`` is the one of a text with several lines, from 1.
        """
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        line = self.lines.get(known, 1)
        if row is not None and (opening := _OPENING.search(self._rows[line - 1])):
            line += row - 1 if opening[1].strip() else row  # TOML leaves out a line break right behind the quotes
        self.problems.append(Problem(line=line, key=key or dotted(path), text=text))


class Table:
    """The keys of one table. Each getter returns None for a key that is missing or wrong; a wrong one has been noted."""

    def __init__(self, document: Document, path: KeyPath, values: Mapping[str, object]) -> None:
        self.document = document
        self.path = path
        self.values = values

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def wrong(self, key: str, text: str, *, row: int | None = None) -> None:
        """Note a mistake at ``key``, and where its value is if it stands in a variable; ``row`` is that of a long text."""
        raw = self.values.get(key)
        if isinstance(raw, str) and (named := _VARIABLE.fullmatch(raw)) and (found := self.document.environment.get(named[1])):
            text += f"\nThe value is the one of {named[1]} in {found.place}."
        self.document.wrong((*self.path, key), text, row=row)

    def note(self, key: str, text: str) -> None:
        """Note something at ``key`` that is no mistake."""
        self.document.notes.append(f"{dotted((*self.path, key))} {text}")

    def remark(self, text: str) -> None:
        """Note something about the whole table that is no mistake."""
        self.document.notes.append(f"{dotted(self.path)} {text}")

    def text(self, key: str, *, long: bool = False) -> str | None:
        """The text under ``key``, with ``${NAME}`` replaced by the variable; never blank, one line unless it is ``long``."""
        value = self._typed(key, str, f'Write it in quotes: {key} = "…"')
        if value is None:
            return None
        if named := _VARIABLE.fullmatch(value):
            value = self._variable(key, named[1])
        elif not value.strip():
            self.wrong(key, f"{key} is blank. Give it a value, or take the line out.")
            return None
        if value is not None and UNTYPED.search(value.replace("\n", " ").replace("\t", " ") if long else value):
            self.wrong(
                key, f"{key} holds a line break or another control character, perhaps at its end. Copy it again without."
            )
            return None
        return value

    def text_or_number(self, key: str) -> str | None:
        """The text under ``key``, or the digits of a whole number, which people write without quotes."""
        value = self.values.get(key)
        if isinstance(value, float):
            self.wrong(key, f"{key} is a whole number. Write it without a point.")
            return None
        return str(value) if type(value) is int else self.text(key)

    def flag(self, key: str) -> bool | None:
        """True or false."""
        return self._typed(key, bool, f"Write it without quotes: {key} = true")

    def moment(self, key: str, zone: tzinfo) -> datetime | None:
        """The moment under ``key``, aware: a day lasts to its end, and what names no offset is meant in ``zone``."""
        value = self.values.get(key)
        if type(value) is date:
            value = datetime.combine(value, time(23, 59, 59))
        if isinstance(value, datetime):
            return value if value.tzinfo is not None else value.replace(tzinfo=zone)
        if value is not None:
            kind = "a time without a date" if isinstance(value, time) else _type_name(value)
            self.wrong(key, f"{key} should be a date, but this is {kind}. Write it without quotes: {key} = 2026-03-09")
        return None

    def texts(self, key: str) -> list[tuple[KeyPath, str]] | None:
        """The list of texts under ``key``, each with its own path."""
        items = self._typed(key, list, f'Write a list, even for one: {key} = ["…"]')
        if items is None:
            return None
        found: list[tuple[KeyPath, str]] = []
        for number, item in enumerate(items):
            path = (*self.path, key, number)
            if isinstance(item, str):
                found.append((path, item))
            else:
                self.document.wrong(path, f'{key} is a list of texts, but this is {_type_name(item)}. Write it in quotes: "…"')
        return found

    def choice(self, key: str, known: tuple[str, ...]) -> str | None:
        """The text under ``key`` if it is one of ``known``."""
        value = self.text(key)
        if value is None or value in known:
            return value
        self.wrong(
            key, f'"{self.shown(key)}" is no value of {key}.{did_you_mean(value, known)}      It knows: {", ".join(known)}'
        )
        return None

    def table(self, key: str, header: str) -> Table:
        """The table under ``key``, which people write as ``header``; one without keys when it is missing or wrong."""
        values = self._typed(key, dict, f"Write {header} on a line of its own and the keys below it.")
        return Table(self.document, (*self.path, key), values or {})

    def shown(self, key: str) -> str:
        """The value as it stands in the file (never the one of a variable), safe to show."""
        return hide(str(self.values[key]))

    def check_keys(self, known: Iterable[str], elsewhere: Mapping[str, str] = {}) -> None:
        """Note every key that is not known. ``elsewhere`` says of some of them where they would be right."""
        known = tuple(known)
        for key in self.values:
            if key not in known:
                self._unknown(key, known, elsewhere.get(key))

    def _unknown(self, key: str, known: tuple[str, ...], place: str | None) -> None:
        where = f"of [{dotted(self.path)}]" if self.path else "at the top of the file"
        place = place or " or ".join(header for header, keys in self.document.homes.items() if key in keys)
        hint = f" It belongs under {place}." if place else did_you_mean(key, known)
        text = f'"{hide(key)}" is no key {where}.{hint}\nKnown: {", ".join(known)}'
        # A value without its key is a key to TOML, and may be a secret.
        self.document.wrong((*self.path, key), text, key=dotted((*self.path, hide(key))))

    def _typed(self, key: str, kind: type[_T], remedy: str) -> _T | None:
        value = self.values.get(key)
        if value is None:
            return None
        if type(value) is kind:  # not isinstance: true is an int to Python, but not to people
            return value
        self.wrong(key, f"{key} should be {_TYPE_NAMES[kind]}, but this is {_type_name(value)}. {remedy}")
        return None

    def _variable(self, key: str, name: str) -> str | None:
        found = self.document.environment.get(name)
        path = (*self.path, key)
        shown = name if name.isupper() else hide(name)  # somebody may have put the secret itself between the braces
        if found is None:
            near = did_you_mean(name, self.document.environment.variables)
            self.document.wrong(
                path,
                f"The variable {shown} is neither in the environment nor in .env.{near}\n"
                f"Add the line {shown}=… to the file .env beside this one.",
            )
        elif not found.value.strip():
            self.document.wrong(path, f"The variable {shown} is empty in {found.place}. Give it a value there.")
        else:
            return found.value
        return None


def dotted(path: KeyPath) -> str:
    """``path`` as people write it; places in a list are left out."""
    parts = (part for part in path if isinstance(part, str))
    return ".".join(part if _BARE_KEY.fullmatch(part) else json.dumps(hide(part), ensure_ascii=False) for part in parts)


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), "a date or time")
