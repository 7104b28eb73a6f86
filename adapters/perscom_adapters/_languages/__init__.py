"""The languages that messages are written in: a module for each, all of it texts that a translator can read and correct.

A new phrase is a line under the same key, with the same places, in every one of them; a new language is a module more and a
name in the list below. A test compares them.
"""

from __future__ import annotations

from typing import Final

from .de import GERMAN
from .en import ENGLISH
from .es import SPANISH
from .fr import FRENCH
from .nl import DUTCH
from .record import Language

__all__ = ["ENGLISH", "LANGUAGES", "Language", "language_of"]

_ALL: Final = {language.code: language for language in (ENGLISH, GERMAN, FRENCH, DUTCH, SPANISH)}

LANGUAGES: Final[tuple[str, ...]] = tuple(_ALL)
"""The codes of the languages: ``"en"``, ``"de"``, ``"fr"``, ``"nl"``, ``"es"``."""


def language_of(code: str) -> Language:
    """The language with this code; ValueError, which names the known ones, for any other."""
    try:
        return _ALL[code]
    except KeyError:
        raise ValueError(f"{code!r} is no language of perscom_adapters. Take one of: {', '.join(LANGUAGES)}") from None
