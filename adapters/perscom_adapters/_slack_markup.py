"""Slack's rich text: lines of runs as elements, whose texts Slack shows as they are.

Nothing in a text element is parsed: no mention, no link, no emphasis and no emoji can be typed there, so nothing needs a
backslash or an escape. What notifies is an element of a type of its own, and is written for ``Message.mentions`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from ._lines import Line, Run
from ._message import Time, plain, unix

__all__ = ["Element", "bold", "date_token", "escape", "timestamp", "write", "write_all"]

Element = dict[str, Any]
"""A block, or a part of one, as it is sent."""

# What mrkdwn knows beside those three, and has no escape for: emphasis, code, and emoji.
_MARKUP = re.compile(r"[*_~`]|:[^\s:]+:")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_LATEST = 253_402_300_800  # seconds; the year 10000, which has no UTC in Python. Of moments before 1970 Slack says nothing.
_TIME_FORMAT = {"date": "{date}", "datetime": "{date}, {time}", "time": "{time}"}


def escape(text: str) -> str:
    """``text`` for the places where Slack looks for mentions: they begin with ``<``, and nothing else does."""
    return text.translate(_ESCAPES)


def bold(text: str) -> str | None:
    """One line of ``text`` in bold, for a text of the type mrkdwn; None if there is anything in it that has no escape."""
    return None if _MARKUP.search(text) else f"*{escape(text)}*"


def write(line: Line) -> str:
    """What one line holds: its texts, which stand as they are, and its addresses."""
    return "".join(run.text + (run.url or "") for run in line.runs)


def write_all(rows: Iterable[Line]) -> list[Element]:
    """All ``rows`` as the elements of a rich text block: sections, quotes and lists."""
    return [element for kind, group in groupby(rows, key=_kind) for element in _grouped(*kind, tuple(group))]


def date_token(at: datetime, shown: str | None = None) -> str | None:
    """``at`` in the reader's own time zone, for a text of the type mrkdwn; None for a moment Slack cannot show.

    ``shown`` is ours: the same for clients that know no dates.
    """
    seconds = timestamp(at)
    if seconds is None:
        return None
    return f"<!date^{seconds}^{{date_short}} {{time}}|{shown or plain(Time(at))}>"


def timestamp(at: datetime) -> int | None:
    """Seconds since 1970; None for a moment Slack cannot show: before that and at the far end of the calendar."""
    seconds = unix(at)
    return seconds if 0 <= seconds < _LATEST else None


def _kind(row: Line) -> tuple[bool, str]:
    return row.quoted, ("bullet" if row.marker == "-" else "ordered") if row.marker else ""


def _grouped(quoted: bool, style: str, rows: tuple[Line, ...]) -> Iterator[Element]:
    if style == "ordered" and rows[0].marker != "1.":  # Slack's lists begin with 1; its types know no other beginning
        rows, style = tuple(replace(row, runs=(Run(f"{'' if row.continued else row.marker} "), *row.runs)) for row in rows), ""
    if style:
        listed = [{"type": "rich_text_section", "elements": _inlines(item)} for item in _items(rows)]
        border = {"border": 1} if quoted else {}  # the bar of a quote: a quote itself holds no list
        yield {"type": "rich_text_list", "style": style, "elements": listed, **border}
    elif any(row.runs for row in rows):  # a blank line keeps lists and quotes apart; here they are apart without it
        yield {"type": "rich_text_quote" if quoted else "rich_text_section", "elements": _inlines(rows)}


def _items(rows: tuple[Line, ...]) -> list[list[Line]]:
    items: list[list[Line]] = []
    for row in rows:
        if row.continued:
            items[-1].append(row)
        else:
            items.append([row])
    return items


def _inlines(rows: Iterable[Line]) -> list[Element]:
    """The elements of ``rows`` with line feeds between them; neighbours of one style are one element."""
    out: list[Element] = []
    for place, row in enumerate(rows):
        for run in (Run("\n"), *row.runs) if place else row.runs:
            element = _inline(run)
            if out and element["type"] == "text" and {**out[-1], "text": ""} == {**element, "text": ""}:
                out[-1]["text"] += element["text"]
            else:
                out.append(element)
    return out


def _inline(run: Run) -> Element:
    if run.mention is not None:
        user = run.mention.kind == "user"
        return {"type": "user", "user_id": run.mention.id} if user else {"type": "usergroup", "usergroup_id": run.mention.id}
    style = {name: True for name, given in (("bold", run.bold), ("italic", run.italic), ("strike", run.struck)) if given}
    more = {"style": style} if style else {}
    if run.time is not None and (seconds := timestamp(run.time.at)) is not None:
        shown = _TIME_FORMAT[run.time.style]
        return {"type": "date", "timestamp": seconds, "format": shown, "fallback": run.text, **more}
    if run.url is not None:
        return {"type": "link", "url": run.url, "text": run.text, **more}
    return {"type": "text", "text": run.text, **more}
