"""What an HTTP status means when a platform's own words add nothing. Shared by all platforms.

Each platform's table of answers looks at its own codes first and comes here with the rest.
"""

from __future__ import annotations

import math
from typing import Final
from urllib.parse import urlsplit

from perscom_receiver import DestinationError, Outcome

from ._http import Answer

__all__ = ["CODE_WORD", "DEFAULT_WAIT", "LONGEST_LIST", "LONGEST_WAIT", "by_status", "wait_seconds"]

DEFAULT_WAIT: Final = 60.0
"""Seconds to wait when a platform says "too many" and no usable time: that is what a block by its proxy looks like."""
CODE_WORD: Final = r"[A-Z]+(?:_[A-Z]+){1,8}"
"""A word of a platform's code, which may be repeated; no word of a message looks so."""
LONGEST_LIST: Final = 200
"""Characters of a list of mistakes that are repeated."""
LONGEST_WAIT: Final = 3600.0
"""Seconds; the longest wait that is believed. Whoever is still not welcome then is told so again."""


def wait_seconds(*told: object) -> float:
    """The first of ``told`` that is a usable number of seconds (a number, or the text of a header), else the default."""
    usable = (seconds for value in told if (seconds := _seconds(value)) is not None)
    return min(next(usable, DEFAULT_WAIT), LONGEST_WAIT)


def by_status(answer: Answer, platform: str, *, wait: object = None) -> DestinationError:
    """The error for an answer that is not a success, by its status alone. Quotes nothing of the body.

    ``wait`` is the time the body names, if it names one; it goes before the header ``Retry-After``.
    """
    status, header = answer.status, answer.headers.get("Retry-After")
    seconds: float | None = None
    outcome: Outcome = "retry"
    if status == 429:
        seconds = wait_seconds(wait, header)
        text = f"{platform} asks to wait {seconds:g} s: too many requests."
    elif status >= 500:
        seconds = wait_seconds(header) if header else None
        text = f"{platform} has trouble of its own ({status})."
    elif 300 <= status < 400:
        text = f"{platform} redirects to {_target(answer)} ({status}); redirects are not followed."
    elif status == 408:
        text = f"{platform} did not get the whole request in time."
    elif status in (401, 403, 404, 410):
        outcome = "permanent"
        text = f"{platform} refuses this destination ({status}). Check that it still exists and may be posted to."
    elif status >= 400:
        outcome = "rejected"
        text = f"{platform} refuses this message ({status})."
    else:
        outcome = "unclear"
        text = f"{platform} answered {status}, which says nothing here; the message may have been taken."
    return DestinationError(text, outcome=outcome, retry_after=seconds, status=status)


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _target(answer: Answer) -> str:
    """The host that a redirect names, and nothing else of it: the path may hold the token."""
    try:
        host = urlsplit(answer.headers.get("Location", "")).hostname
    except ValueError:
        host = None
    return host[:253] if host and host.isascii() else "a place it does not name"
