"""HTML as a flat row of tokens, in linear time and without errors, whatever is in it.

The rules are those of a browser where they matter: comments and scripts vanish, a quoted attribute may hold ``>``, and an
unfinished tag hides the rest. But a ``<`` behind which no ``>`` follows any more is text, since people write ``a < b``.
(The standard library's parser takes quadratic time on some inputs in the Python versions we support, and can raise.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

__all__ = ["Characters", "Close", "Open", "Token", "scan"]


class Characters(msgspec.Struct, frozen=True):
    """Text between tags, entities not yet decoded."""

    raw: str


class Open(msgspec.Struct, frozen=True):
    """A start tag. ``href`` is the attribute of that name, entities not yet decoded."""

    name: str
    href: str | None = None


class Close(msgspec.Struct, frozen=True):
    """An end tag."""

    name: str


Token = Characters | Open | Close

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_BEFORE_VALUE = re.compile(r"[^>=]*")
_SPACE = re.compile(r"\s*")
_UNQUOTED = re.compile(r"[^\s>]*")

_DROPPED: Final = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE)
    for name in ("script", "style", "template", "title", "textarea", "iframe", "noembed", "noframes", "xmp")
}
"""Elements that vanish with their content, and how each ends: nothing inside them is markup or meant to be read."""


def scan(html: str) -> Iterator[Token]:
    """Yield the tokens of ``html`` in order. Never raises; each character is looked at a bounded number of times."""
    at = 0
    last_end = html.rfind(">")
    while (start := html.find("<", at, last_end + 1)) >= 0:
        if start > at:
            yield Characters(html[at:start])
        tag = _TAG.match(html, start)
        if tag is None:
            if html[start + 1] not in "!?/":
                yield Characters("<")
                at = start + 1
            else:
                at = _after_comment(html, start)
            continue
        name = tag[2].lower()
        href, at = _attributes(html, tag.end())
        if tag[1]:
            yield Close(name)
        elif name in _DROPPED:
            end = _DROPPED[name].search(html, at)
            at = end.start() if end else len(html)
        else:
            yield Open(name, href)
    if at < len(html):
        yield Characters(html[at:])


def _after_comment(html: str, start: int) -> int:
    """Where a comment ends that starts here. Declarations, CDATA and tags without a name count as comments, as in a browser."""
    if html.startswith("<!--", start):
        end = html.find("-->", start + 2)  # "<!-->" is a whole comment
        return end + 3 if end >= 0 else len(html)
    return html.find(">", start) + 1


def _attributes(html: str, at: int) -> tuple[str | None, int]:
    """The ``href`` among the attributes that start at ``at``, and where the tag ends."""
    href: str | None = None
    while True:
        end = _end(_BEFORE_VALUE, html, at)
        if html[end : end + 1] != "=":
            return href, end + 1
        name = html[at:end].split()[-1:]
        value, at = _value(html, end + 1)
        if href is None and name and name[0].lower() == "href":
            href = value


def _value(html: str, at: int) -> tuple[str, int]:
    """The attribute value behind an equals sign, and where it ends.

    The search for the closing quote fails once at most for each kind of quote: then there is none of that kind any more.
    """
    at = _end(_SPACE, html, at)
    quote = html[at : at + 1]
    if quote in ("'", '"') and (end := html.find(quote, at + 1)) >= 0:
        return html[at + 1 : end], end + 1
    end = _end(_UNQUOTED, html, at)
    return html[at:end], end


def _end(pattern: re.Pattern[str], html: str, at: int) -> int:
    found = pattern.match(html, at)
    return found.end() if found else at
