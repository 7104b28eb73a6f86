"""Runs of equally styled text, and how a row of them becomes inlines."""

from __future__ import annotations

import re
from itertools import groupby
from typing import NamedTuple
from urllib.parse import urlsplit

from ._message import Bold, Inline, Italic, Link, Text
from ._text import is_blank

__all__ = ["Run", "Style", "inlines"]

_LOOKS_LIKE_ADDRESS = re.compile(r"(?:://|\bwww\.)([^\s/?#]*)|(?<!\S)((?:[\w-]+\.)+[^\W\d_]{2,})(?=[/:?#\s]|$)")


class Style(NamedTuple):
    """How a run of text looks. ``url`` has passed safe_url()."""

    bold: bool = False
    italic: bool = False
    url: str | None = None


class Run(NamedTuple):
    """A piece of text in one style; never empty."""

    text: str
    style: Style


def inlines(runs: list[Run]) -> tuple[Inline, ...]:
    """The inlines for one paragraph or list item, without white space at its end; empty when nothing would be seen."""
    if is_blank("".join(run.text for run in runs)):
        return ()
    merged = [Run("".join(run.text for run in group), style) for style, group in groupby(runs, key=lambda run: run.style)]
    while not (stripped := merged[-1].text.rstrip()):
        merged.pop()
    merged[-1] = Run(stripped, merged[-1].style)
    return tuple(_inline(run) for run in merged)


def _inline(run: Run) -> Inline:
    text, style = run
    part: Inline = Text(text)
    if style.url is not None and not is_blank(text):
        part = Link(_honest_label(" ".join(text.split()), style.url), style.url)
    if style.italic:
        part = Italic((part,))
    return Bold((part,)) if style.bold else part


def _honest_label(label: str, url: str) -> str:
    """The label; with the host of the address behind it where the label looks like another address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    own = {name.removeprefix("www.") for name in (host, parts.netloc.lower())}
    claims = ((found[1] or found[2] or "").lower().removeprefix("www.") for found in _LOOKS_LIKE_ADDRESS.finditer(label))
    return label if all(claim in own for claim in claims) else f"{label} ({host})"
