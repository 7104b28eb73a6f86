"""HTML of PERSCOM's rich editor as blocks of the message tree.

Paragraphs, bold, italic, lists, links, line breaks and quotes survive; headings become bold paragraphs; other tags vanish and
leave their content. The tree is flat by construction: styles are counted, not nested, so no input can make it deep.
"""

from __future__ import annotations

import re
from typing import Final

from ._html_scan import Characters, Close, Open, Token, scan
from ._html_text import Run, Style, inlines
from ._languages.en import ENGLISH
from ._message import Block, BulletList, Inline, Paragraph, Quote, Text, safe_url
from ._read import decode_entities
from ._text import ELLIPSIS, clean, shortened

__all__ = ["MOST_CHARACTERS", "SHORTENED", "from_html", "quoted"]

MOST_CHARACTERS: Final = 2000
"""Characters that are kept. A chat message is no place for more, and the smallest platform takes 4096 in all."""
MOST_PIECES: Final = 60
"""Paragraphs and list items that are kept."""
MOST_TOKENS: Final = 20_000
"""Tags and stretches of text that are looked at: a tenth of a second. A body of 5 MiB may hold a million empty tags."""
SHORTENED: Final = f" {ENGLISH.say('cut.text')}"
"""Stands where something was left out."""

_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_LISTS = frozenset(("ul", "ol"))
_OTHER_BREAKS = """
    address article aside blockquote caption center dd details dialog div dl dt fieldset figcaption figure footer form header hr
    legend li main nav p pre section summary table tbody tfoot thead tr
"""
_BREAKS = frozenset(_OTHER_BREAKS.split()) | _HEADINGS | _LISTS
_BOLD = frozenset(("b", "strong"))
_ITALIC = frozenset(("i", "em"))
_SPACES = re.compile(r"\s+")
_LINE_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
_HAS_LAYOUT = re.compile(rf"<(?:br|{'|'.join(sorted(_BREAKS))})(?=[\s/>])", re.IGNORECASE)


def from_html(html: str, *, limit: int = MOST_CHARACTERS, shortened: str = SHORTENED) -> tuple[Block, ...]:
    """The blocks of an HTML text. In one without layout tags line breaks count, and a blank line parts two paragraphs.

    Never raises and takes linear time. Keeps about ``limit`` characters; ``shortened`` tells that there was more.
    Entities are decoded once. A link survives only if :func:`safe_url` takes its address, else its text does.
    """
    builder = _Builder(limit, shortened, keep_lines=_HAS_LAYOUT.search(html) is None)
    for count, token in enumerate(scan(html)):
        builder.take(token)
        builder.full = builder.full or count == MOST_TOKENS
        if builder.full:
            break
    return builder.finish()


def quoted(html: str, *, limit: int = MOST_CHARACTERS, shortened: str = SHORTENED) -> Quote | None:
    """The same as one quote: what a person wrote, set apart. None when there is nothing to read in it."""
    blocks: list[Paragraph | BulletList] = []
    for block in from_html(html, limit=limit, shortened=shortened):
        blocks.extend(block.blocks if isinstance(block, Quote) else (block,))
    return Quote(tuple(blocks)) if blocks else None


class _Builder:
    """Takes tokens, makes blocks. Everything that is open is a counter or a flag, so wrongly nested tags do no harm."""

    def __init__(self, limit: int, shortened: str, *, keep_lines: bool) -> None:
        self.full = False
        self._shortened = shortened
        self._room = limit
        self._pieces = 0
        self._keep_lines = keep_lines
        self._blocks: list[Block] = []
        self._quote: list[Paragraph | BulletList] = []
        self._quotes = 0
        self._lists: list[bool] = []  # numbered or not, the outermost first
        self._items: list[tuple[Inline, ...]] = []
        self._same_item = False
        self._runs: list[Run] = []
        self._bold = self._italic = self._preformatted = 0
        self._heading = False
        self._url: str | None = None

    def take(self, token: Token) -> None:
        match token:
            case Characters(raw):
                self._text(decode_entities(raw))
            case Open("br"):
                self._line_break()
            case Open(name, href):
                self._open(name, href)
            case Close(name):
                self._close(name)

    def finish(self) -> tuple[Block, ...]:
        if self.full:
            self._runs.append(Run(self._shortened if self._runs else self._shortened.lstrip(), Style()))
        self._end_piece()
        self._lists = self._lists[:1]
        self._end_list()
        self._end_quote()
        return tuple(self._blocks)

    def _open(self, name: str, href: str | None) -> None:
        if name in _BREAKS:
            self._end_piece()
        if name in _HEADINGS:
            self._heading = True
        elif name in _LISTS:
            self._lists.append(name == "ol")
        elif name == "li":
            self._same_item = False
        elif name == "blockquote" and not self._lists:
            self._quotes += 1
        elif name in _BOLD:
            self._bold += 1
        elif name in _ITALIC:
            self._italic += 1
        elif name == "a":
            self._url = safe_url(decode_entities(href.strip())) if href and len(href) <= 8192 else None
        elif name == "pre":
            self._preformatted += 1
        elif name in ("td", "th") and self._runs:
            self._text(" | ")

    def _close(self, name: str) -> None:
        if name in _BREAKS:
            self._end_piece()
        if name in _LISTS and self._lists:
            self._end_list()
        elif name == "blockquote" and not self._lists and self._quotes:
            self._quotes -= 1
            if not self._quotes:
                self._end_quote()
        elif name in _BOLD:
            self._bold = max(self._bold - 1, 0)
        elif name in _ITALIC:
            self._italic = max(self._italic - 1, 0)
        elif name == "a":
            self._url = None
        elif name == "pre":
            self._preformatted = max(self._preformatted - 1, 0)

    def _text(self, text: str) -> None:
        if not (self._keep_lines or self._preformatted):
            self._words(text)
            return
        first, *others = _LINE_ENDS.split(text)
        self._words(first)
        for line in others:
            self._line_break()
            self._words(line)

    def _words(self, text: str) -> None:
        text = clean(_SPACES.sub(" ", text))
        if not self._runs or self._runs[-1].text[-1] in " \n":
            text = text.lstrip(" ")
        if not text or self.full:
            return
        if self._pieces >= MOST_PIECES or len(text.rstrip(" ")) > self._room:
            self.full = True
            text = _whole_words(text, self._room) if self._pieces < MOST_PIECES else ""
        if text:
            self._room -= len(text)
            self._runs.append(Run(text, Style(self._bold > 0 or self._heading, self._italic > 0, self._url)))

    def _line_break(self) -> None:
        if self._runs and self._runs[-1].text.endswith(" "):
            text, style = self._runs.pop()
            if text := text.rstrip(" "):
                self._runs.append(Run(text, style))
        if not self._runs:
            return
        if self._runs[-1].text == "\n" and not self._lists:
            self._end_piece()  # a blank line parts two paragraphs
        elif self._runs[-1].text != "\n":
            self._runs.append(Run("\n", Style()))

    def _end_piece(self) -> None:
        """A piece is a paragraph, or an item of a list."""
        parts = inlines(self._runs)
        self._runs = []
        self._heading = False
        if not parts:
            return
        self._pieces += 1
        if not self._lists:
            self._place(Paragraph(parts))
        elif self._same_item:
            self._items[-1] = (*self._items[-1], Text("\n"), *parts)
        else:
            depth = min(len(self._lists), 4) - 1
            self._items.append((Text("– " * depth), *parts) if depth else parts)
            self._same_item = True

    def _end_list(self) -> None:
        numbered = self._lists.pop() if self._lists else False
        if not self._lists and self._items:
            self._place(BulletList(tuple(self._items), numbered))
            self._items = []
            self._same_item = False

    def _place(self, block: Paragraph | BulletList) -> None:
        (self._quote if self._quotes else self._blocks).append(block)

    def _end_quote(self) -> None:
        if self._quote:
            self._blocks.append(Quote(tuple(self._quote)))
            self._quote = []


def _whole_words(text: str, limit: int) -> str:
    """The beginning of ``text`` that fits, up to the end of a word where one is near."""
    head = shortened(text, limit).removesuffix(ELLIPSIS)
    words, _, rest = head.rpartition(" ")
    return words if words and len(rest) < 20 else head
