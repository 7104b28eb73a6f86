"""When a platform refuses the form of a message: the same once more as plain text, so that what happened is told all the same.

A form that is refused is a mistake of ours, or a rule that is new. Nobody should miss a promotion for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from perscom_receiver import DestinationError

from ._http import Answer
from ._lines import Line, fit, lines
from ._message import Message, Paragraph, Text, plain
from ._text import DASH

__all__ = ["Body", "in_form_or_plain", "plain_text"]

_log = logging.getLogger("perscom_adapters")

Body = dict[str, Any]
LONGEST_REST = 5.0
"""Seconds between the two requests at most: then the destination is busy, and the answer may say so."""


def plain_text(message: Message, limit: int, write: Callable[[Line], str]) -> str:
    """All of ``message`` without formatting, each line made inert by ``write``, in at most ``limit`` units."""
    rows = fit(lines((Paragraph((Text(plain(message)),)),)), limit, write, message.more)
    return "\n".join(write(row) for row in rows).strip() or DASH


async def in_form_or_plain(
    call: Callable[[Body], Awaitable[Answer]],
    body: Body,
    plain_body: Callable[[], Body],
    *,
    refuses_form: Callable[[Answer], bool],
    failure: Callable[[Answer], DestinationError],
    rest: Callable[[Answer], float],
    name: str,
) -> tuple[Answer, str | None]:
    """The answer to ``body`` and None; if its form is refused, the one to the plain body and the platform's words on the form.

    ``rest`` is how long the platform wants to be left alone after an answer. If the plain one is refused as well, its refusal
    adds nothing: then the first answer comes back.
    """
    answer = await call(body)
    if not refuses_form(answer):
        return answer, None
    refused = str(failure(answer))
    _log.error("The form of a message for %s was refused, so it is sent as plain text: %s", name, refused)
    await asyncio.sleep(min(rest(answer), LONGEST_REST))
    second = await call(plain_body())
    return (answer, None) if refuses_form(second) else (second, refused)
