"""What Symfony's conditions and Twig spell in another way than Jinja2, and how it is written here."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["FORMS", "Mistake", "other_spelling", "sentence"]

FORMS: Final = {
    "&&": "a and b",
    "||": "a or b",
    "!": "not a",
    "!==": "a != b",
    "===": "a == b",
    "??": "a|default(b)",
    "?.": 'a["key"]',
    "?:": "a or b",
    "?": "b if a else c",
    "..": "range(a, b)",
    "=>": "a for loop with an if in it",
    "contains": "contains(a, b)",
    "starts with": "starts_with(a, b)",
    "ends with": "ends_with(a, b)",
    "matches": "contains(a, b), starts_with(a, b) or ends_with(a, b); there are no regular expressions",
    "xor": "(a and not b) or (b and not a)",
    "same as": "a == b",
    "divisible by": "a is divisibleby(b)",
    "elseif": "elif",
    "constant()": "the value itself; there are no constants of PHP",
    "enum()": "the value itself; there are no enumerations of PHP",
    "[a:b]": "a|slice(start, length)",
}
"""Spelling to form. ``constant()``, ``enum()`` and ``[a:b]`` are valid Jinja2 and found in its tree."""


class Mistake(Exception):
    """A condition or a template that is refused. Its text says what to write."""


_TEXT = r'"(?:[^"\\]++|\\.)*+"?|' + r"'(?:[^'\\]++|\\.)*+'?"
_WORDS = r"(?:contains|starts\s+with|ends\s+with|matches|xor)\b(?!\()|(?:same\s+as|divisible\s+by|elseif)\b"
# Behind an operand and a blank, so that neither the function contains() nor a key of this name is taken for one.
_spelling = re.compile(
    rf"{_TEXT}|&&|\|\||!==|===|!=|!|\?\?|\?\.|\?:|\?|\.\.|=>|(?<=[\w\])\"'%\s])\s(?P<word>{_WORDS})", re.DOTALL
)
_code = re.compile(r"\{\{(.*?)(?:\}\}|\Z)|\{%(.*?)(?:%\}|\Z)", re.DOTALL)  # to the end: else each {{ would look for it anew


def other_spelling(source: str, *, condition: bool) -> str | None:
    """What to write in place of the first spelling that is not Jinja2's, for a source that Jinja2 does not take; a sentence."""
    pieces = [source] if condition else [found[1] or found[2] or "" for found in _code.finditer(source)]
    for piece in pieces:
        for found in _spelling.finditer(f" {piece}"):
            name = " ".join((found["word"] or found[0]).split())
            if name in FORMS:
                return sentence(name)
    return None


def sentence(name: str) -> str:
    """What is said about the spelling ``name``, which is one of :data:`FORMS`."""
    return f'"{name}" is not understood here. Write: {FORMS[name]}'
