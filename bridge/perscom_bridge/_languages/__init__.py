"""The sentences of notices in the languages of operators: a catalogue for each but English, all of it texts that a translator
can read and correct.

A catalogue has the same sentence under the English one, as the code writes it. A place is a name in braces. Beside the
sentences of the bridge stand those of the log that notices repeat; there a place takes what the log says in it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from string import Formatter

__all__ = ["log_in", "say"]

_between_sentences = re.compile(r"(?<=[.?!]) (?=[A-Z0-9(])")


def say(language: str, sentence: str, /, **known: object) -> str:
    """The English ``sentence`` in the language with that code, its places filled in. What is filled in stays text."""
    return _catalogue(language)["notices"].get(sentence, sentence).format(**known)


def log_in(language: str, text: str) -> str:
    """``text`` of the log in that language, sentence by sentence: what has no translation stays, such as a platform's words."""
    return " ".join(_translated(language, sentence) for sentence in _between_sentences.split(text))


def _translated(language: str, sentence: str) -> str:
    for matches, translation in _log(language):
        if found := matches(sentence):
            return translation.format(**found.groupdict())
    return sentence


@cache
def _log(language: str) -> list[tuple[Callable[[str], re.Match[str] | None], str]]:
    return [(re.compile(_pattern(english)).fullmatch, text) for english, text in _catalogue(language)["log"].items()]


def _pattern(english: str) -> str:
    pieces = Formatter().parse(english)
    return "".join(re.escape(literal) + (f"(?P<{place}>.+?)" if place else "") for literal, place, _, _ in pieces)


@cache
def _catalogue(language: str) -> Mapping[str, Mapping[str, str]]:
    if language == "en":
        return {"notices": {}, "log": {}}
    return tomllib.loads((files(__package__) / f"{language}.toml").read_text(encoding="utf-8"))
