"""Who is notified by a message, for the one place on each platform where somebody can be."""

from __future__ import annotations

from collections.abc import Callable

from ._lines import Line, Run, missing
from ._message import Mention, Message
from ._text import DASH, ELLIPSIS, cut, is_blank, one_line

__all__ = ["MentionMistake", "mention_line", "mentioned"]

MentionMistake = Callable[[str, str], str | None]
"""What is wrong with the id of a mention, by its kind and the id; None when nothing is."""

_MOST = 30  # more are an announcement to everybody, and would push the message itself off the screen
_LABEL = 40  # units


def mentioned(message: Message, mistake: MentionMistake) -> tuple[list[Mention], str]:
    """Those whom ``message`` notifies, each once, and what is said of others for whom there is no room.

    Whose id is none of the platform, by ``mistake``, is not among them.
    """
    known = {(mention.kind, mention.id): mention for mention in message.mentions if mistake(mention.kind, mention.id) is None}
    found = list(known.values())
    rest = f"{ELLIPSIS} {missing(len(found) - _MOST, message.more)}" if len(found) > _MOST else ""
    return found[:_MOST], rest


def mention_line(message: Message, mistake: MentionMistake) -> tuple[Line, ...]:
    """The same as a line of labels, for platforms where a mention is a stretch of the text; no line for nobody."""
    found, rest = mentioned(message, mistake)
    runs = [Run(_label(mention), mention=mention) for mention in found] + ([Run(rest)] if rest else [])
    apart = [part for run in runs for part in (Run(" · "), run)][1:]
    return (Line(tuple(apart)),) if apart else ()


def _label(mention: Mention) -> str:
    label = one_line(mention.label)
    return DASH if is_blank(label) else cut(label, _LABEL)
