"""What Twig's filters do to a text. Each takes time in proportion to it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush
from typing import Final
from urllib.parse import quote

from ._php import Stopped

__all__ = ["STRATEGIES", "capitalized", "escaped", "replaced", "striptags", "title_case", "trimmed", "with_breaks"]

_line_end = re.compile(r"\r\n|\n\r|\n|\r")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#039;"})
_JAVASCRIPT = {"\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_not_in_javascript = re.compile(r"[^a-zA-Z0-9,._]")
_ATTRIBUTE = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_not_in_attributes = re.compile(r"[^a-zA-Z0-9,.\-_]")
_not_in_css = re.compile(r"[^a-zA-Z0-9]")
_NO_TAGS = (("<!--", "-->"), ("<?", "?>"), ("<!", ">"))
_WITHIN_WORDS = frozenset("'.:·‧․‘’︓﹕．＇：·")
"""Marks that Unicode lets stand inside a word: ``O'brien`` is one word to PHP."""


def escaped(text: str) -> str:
    """As PHP's ``htmlspecialchars``: ``O&#039;Brien``."""
    return text.translate(_HTML)


def _javascript(found: re.Match[str]) -> str:
    letter = found[0]
    units = letter.encode("utf-16-be", "surrogatepass").hex().upper()
    return _JAVASCRIPT.get(letter) or "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _attribute(found: re.Match[str]) -> str:
    letter = found[0]
    if (letter < " " and letter not in "\t\n\r") or letter == "\x7f":
        return "&#xFFFD;"
    return _ATTRIBUTE.get(letter) or f"&#x{ord(letter):0{2 if letter.isascii() else 4}X};"


STRATEGIES: Final[Mapping[str, Callable[[str], str]]] = {
    "css": lambda text: _not_in_css.sub(lambda found: f"\\{ord(found[0]):X} ", text),
    "html": escaped,
    "html_attr": lambda text: _not_in_attributes.sub(_attribute, text),
    "js": lambda text: _not_in_javascript.sub(_javascript, text),
    "url": lambda text: quote(text, safe=""),
}


def capitalized(text: str) -> str:
    return text[:1].upper() + text[1:].lower()


def title_case(text: str) -> str:
    """A capital where a word begins. Behind a digit begins one (``1St``), behind an apostrophe none, as PHP has it."""
    written, within = [], False
    for letter in text:
        written.append(letter.lower() if within else letter.title())
        if letter not in _WITHIN_WORDS and unicodedata.category(letter) not in ("Mn", "Me", "Cf", "Lm", "Sk"):
            within = letter.isupper() or letter.islower() or letter.istitle()
    return "".join(written)


def with_breaks(text: str) -> str:
    return _line_end.sub(r"<br />\g<0>", text)


def trimmed(text: str, letters: str | None, side: str) -> str:
    """Raises Stopped for a side that is none."""
    if side not in ("both", "left", "right"):
        raise Stopped('trim takes the side "both", "left" or "right"')
    mask = frozenset(" \t\n\r\0\x0b" if letters is None else letters)  # as a text it would be looked through for each letter
    first, end = 0, len(text)
    while side != "right" and first < end and text[first] in mask:
        first += 1
    while side != "left" and first < end and text[end - 1] in mask:
        end -= 1
    return text[first:end]


def replaced(text: str, pairs: Mapping[str, str], grown: Callable[[int], None]) -> str:
    """Each key by its value, the longest key first; what was put in is not looked at again. ``grown`` hears of each length."""
    written, at = list[str](), 0
    found = [(text.find(key), -len(key), key) for key in pairs if key and key in text]
    heapify(found)
    while found:
        place, length, key = heappop(found)
        grown(1)
        if place >= at:
            written += text[at:place], pairs[key]
            at = place - length
            grown(len(pairs[key]))
        following = text.find(key, at)
        if following >= 0:
            heappush(found, (following, length, key))
    return "".join([*written, text[at:]])


def striptags(text: str) -> str:
    """As PHP's ``strip_tags``: a ``<`` before a blank is a letter, one that is never closed takes all the rest."""
    written, depth, within, at = [], 0, "", 0
    while at < len(text):
        letter = text[at]
        if depth == 0:
            if letter != "<" or text[at + 1 : at + 2].isspace():
                written.append(letter)
            elif closing := next((end for begin, end in _NO_TAGS if text.startswith(begin, at)), ""):
                end = text.find(closing, at + 2)
                at = len(text) if end < 0 else end + len(closing) - 1
            else:
                depth = 1
        elif within:
            within = "" if letter == within else within
        elif letter in "\"'":
            within = letter
        elif letter == "<" and not text[at + 1 : at + 2].isspace():
            depth += 1
        elif letter == ">":
            depth -= 1
        at += 1
    return "".join(written)
