"""Discord's markdown: lines of runs written out, with every foreign character that means something made inert.

A backslash takes the meaning from any punctuation there, and is not shown; so the shown text is the meant text.
"""

from __future__ import annotations

import re

from ._lines import Line, Run
from ._message import Time, unix
from ._text import is_blank

__all__ = ["escape", "escape_title", "inert", "struck_through", "write"]

_MARKUP = str.maketrans({mark: f"\\{mark}" for mark in "\\*_~|`[]()<>#@-"})
# A colon begins ":name:", which becomes an emoji, and stands in "https://", which becomes a link.
_COLON = re.compile(r":(?=\S)")
_COLON_OR_LAST = re.compile(r":(?!\s)")
# Titles and field names know emphasis, code, spoilers and emoji. The rest is left as it is, but for what would be a link,
# a mention or a heading if a client were to read them like a text.
_TITLE_MARKUP = str.maketrans({mark: f"\\{mark}" for mark in "\\*_~|`<"})
_TITLE_REST = re.compile(r"(?<=\])\(|@(?=everyone|here)")
_LINK_OR_EMOJI = re.compile(r"://|:[^\s:]+:")
# "1." makes a list, "+" does in other dialects; the others are marks of lists, quotes, headings and small print.
_LINE_START = re.compile(r"^(\s*\d*)([.+#>-])")
# Footers are not parsed at all: a backslash would show there. A word joiner, which has no width, breaks what looks like markup.
_FOOTER_MARKUP = re.compile(r"<(?=[@#:/\w])|@(?=everyone|here)|:(?=//)|:(?=[^\s:]+:)")
_WORD_JOINER = "\u2060"

# What ends a masked link too early, or emphasis around it. Encoded, a server reads the same address.
_IN_URL = {ord("("): "%28", ord(")"): "%29", ord("*"): "%2A"}
_HOST = re.compile(r"[^/]*//[^/?#]*")
_TIME_STYLE = {"date": "D", "datetime": "f", "time": "t"}


def escape(text: str, *, begins: bool = True, ends: bool = True) -> str:
    """``text`` (one line of it) for a description or a field's value. Discord shows it as it is.

    ``begins`` and ``ends``: nothing but white space stands before it on its line, nothing follows it.
    """
    escaped = (_COLON if ends else _COLON_OR_LAST).sub(r"\:", text.translate(_MARKUP))
    return _LINE_START.sub(r"\1\\\2", escaped) if begins else escaped


def escape_title(text: str) -> str:
    """``text`` for a title or a field's name, where less is markup and less needs escaping."""
    escaped = _TITLE_REST.sub(r"\\\g<0>", text.translate(_TITLE_MARKUP))
    if _LINK_OR_EMOJI.search(text):
        escaped = _COLON.sub(r"\:", escaped)
    return _LINE_START.sub(r"\1\\\2", escaped)


def inert(text: str) -> str:
    """``text`` for a footer, which shows everything literally."""
    return _FOOTER_MARKUP.sub(rf"\g<0>{_WORD_JOINER}", text)


def struck_through(markdown: str) -> str:
    """``markdown`` struck through. A tilde at its end, though escaped, must not be taken for one of the marks."""
    return f"~~{markdown}{_WORD_JOINER if markdown.endswith('~') else ''}~~"


def write(line: Line) -> str:
    """One line in Discord's markdown, without a line feed."""
    marker = f"{line.marker} " if line.marker else ""
    if line.continued:
        marker = " " * len(marker)
    return ("> " if line.quoted else "") + marker + _write_runs(line.runs)


def _write_runs(runs: tuple[Run, ...]) -> str:
    out = ""
    previous = ""
    for place, run in enumerate(runs, 1):
        stars = "*" * (2 * run.bold + run.italic)
        mark = "~" if run.struck else stars[:1]
        # Inside of markers Discord begins anew, as on a fresh line.
        text = _write_run(run, stars, begins=bool(mark) or not out.strip(), ends=not mark and place == len(runs))
        # "**a***b*" is read as one stretch. A word joiner keeps the two pairs of stars apart.
        if mark and previous and text.startswith(mark) and out.endswith(mark):
            out += _WORD_JOINER
        out += text
        previous = mark
    return out


def _write_run(run: Run, stars: str, *, begins: bool, ends: bool) -> str:
    if run.time is not None:
        core = _write_time(run.time)
    elif run.url is not None:
        address = _address(run.url)
        core = f"[{escape(_label(run.text), ends=False)}]({address.replace('~', '%7E') if run.struck else address})"
    else:
        core = escape(run.text, begins=begins, ends=ends)
    if not (stars or run.struck) or is_blank(run.text):
        return core
    # Emphasis must not begin or end with white space: that stays outside.
    inner = core.strip()
    before, after = core.split(inner, 1)
    marked = f"{stars}{inner}{stars}"
    return f"{before}{struck_through(marked) if run.struck else marked}{after}"


def _write_time(time: Time) -> str:
    return f"<t:{unix(time.at)}:{_TIME_STYLE[time.style]}>"


def _label(text: str) -> str:
    """A label Discord can read: it counts square brackets there without regard to backslashes, so they must come in pairs."""
    paired = re.fullmatch(r"[^\[\]]*(\[[^\[\]]*\][^\[\]]*)*", text)
    return text if paired else text.replace("[", "［").replace("]", "］")


def _address(url: str) -> str:
    host = _HOST.match(url)
    end = host.end() if host else 0  # square brackets stay in the host: there they are an IPv6 address
    return (url[:end] + url[end:].replace("[", "%5B").replace("]", "%5D")).translate(_IN_URL)
