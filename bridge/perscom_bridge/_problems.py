"""What is wrong with a configuration, and how it is told: where, what, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

__all__ = ["Problem", "closest", "count", "did_you_mean", "good_to_know", "hide", "report"]

# Sixteen characters with a digit among them, or more letters in a row than any word of ours has: nobody types that as a word.
_TOKEN = re.compile(
    r"(?=[A-Za-z_-]*[0-9])([A-Za-z0-9_-]{4})[A-Za-z0-9_-]{12,}|([A-Za-z]{4})[A-Za-z]{20,}|([A-Za-z_-]{4})[A-Za-z_-]{26,}"
)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake. ``text`` ends with what to do; it may have several lines and never holds a secret."""

    line: int | None = None
    """Where in the file, from 1; None when the mistake has no line of its own."""
    key: str = ""
    """The key with its tables, as people write it: ``destinations.staff.url``."""
    text: str


def report(name: str, problems: Iterable[Problem], notes: Iterable[str] = ()) -> str:
    """All ``problems`` of the file called ``name`` in file order, then the ``notes``, laid out for a terminal."""
    ordered = sorted(problems, key=lambda problem: problem.line or 0)
    blocks = [name, *(_block(problem) for problem in ordered)]
    blocks.append("\n".join([f"{count(len(ordered), 'mistake')}; nothing was started.", *good_to_know(notes)]))
    return "\n\n".join(blocks)


def good_to_know(notes: Iterable[str]) -> list[str]:
    """One line for each note, since a note is no mistake."""
    return [f"Good to know: {note}" for note in notes]


def count(number: int, thing: str, things: str = "") -> str:
    """``1 mistake``, ``2 mistakes``. ``things``: where it is not ``thing`` with an s."""
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"


def closest(word: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that was probably meant by ``word``; None when nothing is near."""
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence with the nearest of ``known`` and a leading space, or nothing."""
    near = closest(word, known)
    return f' Did you mean "{near}"?' if near else ""


def hide(text: str) -> str:
    """``text`` as it may be shown: on one line, short, and of anything that could be a token only the first four characters."""
    safe = "".join(c if c.isprintable() else "?" for c in text)
    safe = _TOKEN.sub(lambda found: f"{found[1] or found[2] or found[3]}…", safe)
    return safe if len(safe) <= 60 else f"{safe[:60]}…"


def _block(problem: Problem) -> str:
    where = problem.key if problem.line is None else f"line {problem.line:<3} {problem.key}".rstrip()
    indent = "           " if where else "  "
    lines = [f"{indent}{line}" for line in problem.text.splitlines()]
    return "\n".join([f"  {where}", *lines] if where else lines)
