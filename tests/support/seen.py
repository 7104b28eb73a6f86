"""What a reader sees of a text, for comparing it with what was meant."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

from perscom_adapters import Time, plain

__all__ = ["OBEYED", "assert_told", "moment", "same_up_to_the_cut", "strings", "utf16", "visible", "without"]

OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a screen obeys instead of showing it."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FILLERS = "\u115f\u1160\u17b4\u17b5\u034f\u3164\uffa0\u2800\U0001d159"


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def strings(value: object) -> Iterator[str]:
    """All texts in a body, but for the keys."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(inner)


def moment(at: datetime | int, style: Literal["date", "datetime", "time"]) -> str:
    """A point of time, or seconds since 1970, as UTC, of which a cut leaves the beginning, and to the second."""
    at = at if isinstance(at, datetime) else EPOCH + timedelta(seconds=at)
    return f"{plain(Time(at, style))}[{(at - EPOCH) // timedelta(seconds=1)}]"


@cache
def leaves_ink(character: str) -> bool:
    category, code = unicodedata.category(character), ord(character)
    return (
        category not in ("Cc", "Cf", "Zs", "Zl", "Zp")
        and character not in FILLERS
        and not 0xFE00 <= code <= 0xFE0F
        and not 0xE0000 <= code <= 0xE0FFF
        and not 0x180B <= code <= 0x180F
        and not 0xFFF0 <= code <= 0xFFFB
        and not 0x2065 <= code <= 0x206F
        and not (category == "Cn" and (code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF))
    )


def visible(text: str) -> str:
    """What is left of a text when nothing but visible characters counts."""
    return re.sub("[\ud800-\udfff]", "\ufffd", "".join(filter(leaves_ink, text)))


def same_up_to_the_cut(seen: str, wanted: str) -> bool:
    """``seen`` says all of ``wanted``, or says that it does not."""
    if seen == wanted:
        return True
    beginning = re.sub(r"…\(\d+more\)$", "", seen).removesuffix("…")
    return beginning != seen and wanted.startswith(beginning)


def without(seen: str, wanted: str) -> str:
    """What follows in ``seen`` after ``wanted``, or after as much of it as stands before an ellipsis."""
    shared = 0
    while seen[shared : shared + 1] == wanted[shared : shared + 1] != "":
        shared += 1
    if shared < len(wanted):
        assert seen[shared] == "…"
    cut = seen.startswith("…", shared) and not re.fullmatch(r"…:?\(\d+more\).*", seen[shared:])
    return seen[shared + cut :]


def assert_told(seen: str, fields: Sequence[tuple[str, str]]) -> None:
    """``seen`` says each name and value, or at its end how many of them are missing."""
    for number, (name, value) in enumerate(fields):
        if seen == f"…({len(fields) - number}more)":
            return
        seen = without(without(seen, name).removeprefix(":"), value)
    assert not seen
