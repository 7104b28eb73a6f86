"""The names that a wording and a condition may use, with what they hold for one event, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from perscom_adapters import NAMES, names_of

__all__ = ["EMPTY", "never_filled", "rows", "table"]

EMPTY = "(empty)"


def rows(names: Mapping[str, str], word: str) -> list[tuple[str, str]]:
    """Each name that can hold something for ``word``, and its value on one line or :data:`EMPTY`."""
    return [(name, " ".join(names[name].split()) or EMPTY) for name in names_of(word)]


def never_filled(word: str) -> Sequence[str]:
    """The names that are empty for every event of ``word``."""
    filled = names_of(word)
    return [name for name in NAMES if name not in filled]


def table(names: Mapping[str, str], word: str, columns: int) -> str:
    """The same for a terminal of so many ``columns``: a line for each name, its value cut where there is no more room."""
    lines = [f"Names for [wording.{word}] and for `when`, as they are here:"]
    for name, value in rows(names, word):
        shown = Text(value)
        shown.truncate(max(columns - 18, 20), overflow="ellipsis")
        lines.append(f"  {name:<14}{shown.plain}")
    return "\n".join([*lines, f"Always empty for {word}: {', '.join(never_filled(word))}"])
