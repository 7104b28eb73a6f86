"""Text on its way to a chat platform: made harmless to look at, measured, and cut.

All lengths are UTF-16 code units. No platform says what it calls a character; by this measure a text that fits always fits.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from unicodedata import category

__all__ = ["DASH", "ELLIPSIS", "border", "clean", "cut", "is_blank", "label", "one_line", "shortened", "units"]

ELLIPSIS = "…"
"""Ends every text that was cut."""
DASH = "—"
"""Stands where a platform insists on a text and there is none."""

# Dropped: controls; marks that reorder what follows them (a name could turn the rest of the line round); the byte order
# mark, which JavaScript counts as white space and Python does not; interlinear marks and noncharacters.
_DROPPED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF))
    + "]"
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_BREAK = re.compile("[\u2028\u2029]")
# One space alone that no line may end at stays: French has them beside its marks.
_WHITE_SPACE = re.compile(r"\s{2,}|[^\S\xa0\u202f]")

# What leaves no ink: white space, format characters, fillers, variation selectors, tags.
_INVISIBLE = re.compile(
    "[\\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)

_JOINER = "\u200d"
# Characters that belong to the one before them though their category does not say so: emoji skin tones, tags of flags,
# the later letters of a Hangul syllable.
_EXTENDS = re.compile("[\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\u1160-\u11ff\u200d]")
_FLAG_LETTER = re.compile("[\U0001f1e6-\U0001f1ff]")
_LONGEST_CLUSTER = 32  # code points; a pile of a thousand accents is cut like any other text


def units(text: str) -> int:
    """The length of ``text`` in UTF-16 code units."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def clean(text: str) -> str:
    """``text`` without what a reader cannot see and a screen may obey.

    Controls other than the line feed are dropped (a tab becomes a space, so that words stay apart), as are the marks that
    override the direction of writing; a lone surrogate, which no encoder accepts, becomes U+FFFD.
    """
    text = _LINE_BREAK.sub("\n", text.replace("\t", " "))
    return _LONE_SURROGATE.sub("\ufffd", _DROPPED.sub("", text))


def one_line(text: str) -> str:
    """The same for a title or a label: every stretch of white space is one sign, none at the ends."""
    return _WHITE_SPACE.sub(" ", clean(text)).strip()


def is_blank(text: str) -> bool:
    """Whether a reader would see nothing: no text, white space, zero-width and other invisible characters."""
    return _INVISIBLE.fullmatch(text) is not None


def label(text: str, limit: int) -> str:
    """``text`` as the name of something, on one line of at most ``limit`` units; a dash if nobody would see it."""
    text = one_line(text)
    return DASH if is_blank(text) else cut(text, limit)


def cut(text: str, limit: int, measure: Callable[[str], int] = units) -> str:
    """``text`` if it fits into ``limit``, else :func:`shortened`.

    ``measure`` gives the size of a text as it will be sent, escaped. It never falls when text is added and is at least the
    number of code points.
    """
    return text if len(text) <= limit and measure(text) <= limit else shortened(text, limit, measure)


def shortened(text: str, limit: int, measure: Callable[[str], int] = units) -> str:
    """The longest beginning of ``text`` that fits into ``limit`` with an ellipsis behind it.

    No surrogate pair and, within reason, no combined character is cut in two. Empty if not even the ellipsis fits.
    """
    head = text[: max(limit, 0)]
    ends = range(len(head) + 1)
    end = bisect_right(ends, limit, key=lambda end: measure(head[:end].rstrip() + ELLIPSIS)) - 1
    return head[: border(text, end)].rstrip() + ELLIPSIS if end >= 0 else ""


def border(text: str, end: int) -> int:
    """The last place at or before ``end`` where a character that a reader sees ends."""
    for place in range(end, max(end - _LONGEST_CLUSTER, 0), -1):
        if place == len(text) or not _belong_together(text, place):
            return place
    return end


def _belong_together(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place]
    if _FLAG_LETTER.match(before) and _FLAG_LETTER.match(after):  # two letters make a flag
        letters = next((n for n in range(place) if not _FLAG_LETTER.match(text[place - 1 - n])), place)
        return letters % 2 == 1
    return before == _JOINER or category(after).startswith("M") or _EXTENDS.match(after) is not None
