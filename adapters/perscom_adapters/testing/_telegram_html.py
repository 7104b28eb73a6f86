"""Telegram's HTML, read as its own parser reads it: the same text, the same entities, and the same words for what is wrong.

Tried against that parser (TDLib). It is strict where browsers are not: an unknown tag, a bare ``<`` or a tag that is not closed
refuses the whole text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ._telegram_checks import Wrong, date_time, link, sort, units

__all__ = ["parse_html"]

_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    **dict.fromkeys(("span", "tg-spoiler"), "spoiler"),
    "a": "text_link",
    "blockquote": "blockquote",
    "code": "code",
    "pre": "pre",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "a": ("href",),
    "blockquote": ("expandable",),
    "code": ("class",),
    "span": ("class",),
    "tg-emoji": ("emoji-id",),
    "tg-time": ("unix", "format"),
}
_TEXT: Final = re.compile(r"[^&<]+|&")
_REFERENCE: Final = re.compile(r"&(?:#x([0-9a-fA-F]+)|#([0-9]+)|(lt|gt|amp|quot)(?![A-Za-z]));?")
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_TAG: Final = re.compile(r"</?([^\s>]*)")
_SPACE: Final = re.compile(r"\s*")
_ATTRIBUTE: Final = re.compile(r"""[^\s=>/"']*""")
_TOKEN: Final = re.compile(r"[A-Za-z0-9.-]*")


def parse_html(html: str) -> tuple[str, list[dict[str, Any]]]:
    """The text and the entities of ``html``. Raises :class:`Wrong` with what Telegram says of it."""
    reader = _Reader(html)
    reader.read()
    return reader.text, sort(reader.entities)


class _Open(msgspec.Struct, frozen=True):
    """A tag that is not closed yet, and where its text begins: as an index, and in UTF-16 code units."""

    tag: str
    attributes: Mapping[str, str]
    index: int
    offset: int


class _Reader:
    def __init__(self, html: str) -> None:
        self.text = ""
        self.entities: list[dict[str, Any]] = []
        self._html = html
        self._at = 0
        self._length = 0  # of the text, in UTF-16 code units
        self._open: list[_Open] = []
        self._languages: dict[tuple[int, int], str] = {}  # of the code at an offset with a length

    def read(self) -> None:
        while self._at < len(self._html):
            if self._html.startswith("</", self._at):
                self._end_tag()
            elif self._html.startswith("<", self._at):
                self._start_tag()
            else:
                self._append(self._reference() or self._take(_TEXT))
        if self._open:
            raise Wrong(f'Can\'t find end tag corresponding to start tag "{self._open[-1].tag}"')

    def _append(self, text: str) -> None:
        self.text += text
        self._length += units(text)

    def _take(self, pattern: re.Pattern[str]) -> str:
        """What ``pattern`` finds here; the reader goes on behind it."""
        match = pattern.match(self._html, self._at)
        assert match is not None  # noqa: S101 - each pattern given here finds something, if only nothing
        self._at = match.end()
        return match[0]

    def _ends(self) -> bool:
        return self._at >= len(self._html)

    def _byte(self, index: int) -> int:
        return len(self._html[:index].encode("utf-8", "surrogatepass"))

    def _reference(self) -> str:
        """The character that is referred to here; empty if there is no valid reference, which is a text like any other."""
        match = _REFERENCE.match(self._html, self._at)
        if match is None:
            return ""
        code = int(match[1], 16) if match[1] else int(match[2] or 0)
        if not match[3] and (not 0 < code < 0x10FFFF or len(match[0].removesuffix(";")) >= 10):
            return ""
        self._at = match.end()
        return _NAMED[match[3]] if match[3] else chr(code)

    def _start_tag(self) -> None:
        begin = self._at
        tag = self._take(_TAG)[1:].lower()
        if self._ends():
            raise Wrong(f"Unclosed start tag at byte offset {self._byte(begin)}")
        if tag not in _TYPES:
            raise Wrong(f'Unsupported start tag "{tag}" at byte offset {self._byte(begin)}')
        attributes = dict(self._attributes(tag, begin))
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise Wrong(f'Tag "span" must have class "tg-spoiler" at byte offset {self._byte(begin)}')
        known = {name: value for name, value in attributes.items() if name in _ATTRIBUTES.get(tag, ())}
        self._open.append(_Open(tag, known, len(self.text), self._length))

    def _attributes(self, tag: str, begin: int) -> Iterator[tuple[str, str]]:
        while True:
            self._take(_SPACE)
            if self._html.startswith(">", self._at):
                self._at += 1
                return
            name = self._take(_ATTRIBUTE)
            if not name:
                raise Wrong(f'Empty attribute name in the tag "{tag}" at byte offset {self._byte(begin)}')
            self._take(_SPACE)
            if not self._ends() and not self._html.startswith("=", self._at):
                yield name, ""
                continue
            self._at += 1
            self._take(_SPACE)
            if self._ends():
                raise Wrong(f'Unclosed start tag "{tag}" at byte offset {self._byte(begin)}')
            yield name, self._value(begin)

    def _value(self, begin: int) -> str:
        mark = self._html[self._at]
        if mark not in "\"'":
            start = self._at
            value = self._take(_TOKEN).lower()
            if not self._ends() and not re.match(r"[\s>]", self._html[self._at]):
                raise Wrong(f"Unexpected end of name token at byte offset {self._byte(start)}")
        else:
            self._at += 1
            value = ""
            while not self._ends() and self._html[self._at] != mark:
                character = self._reference()
                if not character:
                    character = self._html[self._at]
                    self._at += 1
                value += character
            self._at += 1
        if self._ends():
            raise Wrong(f"Unclosed start tag at byte offset {self._byte(begin)}")
        return value

    def _end_tag(self) -> None:
        begin = self._at
        if not self._open:
            raise Wrong(f"Unexpected end tag at byte offset {self._byte(begin)}")
        found = self._take(_TAG)[2:].lower()
        self._take(_SPACE)
        if not self._html.startswith(">", self._at):
            raise Wrong(f"Unclosed end tag at byte offset {self._byte(begin)}")
        self._at += 1
        opened = self._open.pop()
        if found not in ("", opened.tag):
            expected = f'expected "</{opened.tag}>", found "</{found}>"'
            raise Wrong(f"Unmatched end tag at byte offset {self._byte(begin)}, {expected}")
        if self._length > opened.offset:
            self._close(opened)

    def _close(self, opened: _Open) -> None:
        """Add the entity of a tag with text in it, if it makes one."""
        entity: dict[str, Any] = {
            "type": _TYPES[opened.tag],
            "offset": opened.offset,
            "length": self._length - opened.offset,
        }
        given = opened.attributes
        if opened.tag == "a":
            target = link(given.get("href") or self.text[opened.index :])
            if target is None:
                return
            entity |= target
        elif opened.tag == "blockquote" and "expandable" in given:
            entity["type"] = "expandable_blockquote"
        elif opened.tag == "tg-emoji":
            if not re.fullmatch("[0-9]{1,19}", given.get("emoji-id", "")):
                raise Wrong("Invalid custom emoji identifier specified")
            entity["custom_emoji_id"] = given["emoji-id"]
        elif opened.tag == "tg-time":
            moment = date_time(given.get("unix", ""), given.get("format", ""))
            if moment is None:
                return
            entity |= moment
        elif opened.tag in ("code", "pre"):
            entity = self._with_language(entity, given.get("class", ""))
        self.entities.append(entity)

    def _with_language(self, entity: dict[str, Any], given: str) -> dict[str, Any]:
        """``code`` with the class of a language and ``pre`` around the same text are one entity, whichever closes first."""
        place = entity["offset"], entity["length"]
        if given.startswith("language-"):
            self._languages[place] = given.removeprefix("language-")
        last = self.entities[-1] if self.entities else {}
        language = self._languages.get(place)
        if not language or {last.get("type"), entity["type"]} != {"code", "pre"} or (last["offset"], last["length"]) != place:
            return entity
        self.entities.pop()
        return {**entity, "type": "pre", "language": language}
