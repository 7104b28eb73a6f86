"""What an answer means. Pure: no clock, no database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import msgspec

from perscom_receiver import DeliveryError

from .transport import Answer

__all__ = ["Verdict", "judge", "judge_failure"]

LONGEST_REST = 86_400.0
"""Seconds that an endpoint is believed when it names a time."""
LONGEST_HEAD = 1000
"""Characters of an answer that are kept."""
_REDACTED = "[redacted]"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How one try ended."""

    kind: str
    """``done``, or a word for what went wrong: see :class:`~perscom_sender.Attempt`."""
    error: str | None = None
    status: int | None = None
    answer: str | None = None
    retry_after: float | None = None
    """Seconds that the endpoint asked to be left alone."""

    @property
    def done(self) -> bool:
        """Whether the event was taken."""
        return self.kind == "done"


def judge(answer: Answer, now: float, private: Iterable[str]) -> Verdict:
    """The verdict on an answer that came at ``now`` (seconds since 1970). Texts in ``private`` are left out of what is kept."""
    head = _head(answer.body, private)
    status = answer.status
    if 200 <= status < 300:
        return Verdict(kind="done", status=status, answer=head)
    after = _retry_after(answer.headers.get("Retry-After"), now)
    if 300 <= status < 400:
        return Verdict(kind="redirect", error=_redirected(answer), status=status, answer=head)
    match status:
        case 410:
            return Verdict(kind="gone", error="it wants no more events (410)", status=status, answer=head)
        case 429:
            return Verdict(kind="busy", error="it asks for fewer requests (429)", status=status, answer=head, retry_after=after)
        case _:
            return Verdict(kind="status", error=f"it answered {status}", status=status, answer=head, retry_after=after)


def judge_failure(error: DeliveryError) -> Verdict:
    """The verdict when no answer came."""
    return Verdict(kind=error.kind, error=str(error))


def _head(body: bytes, private: Iterable[str]) -> str | None:
    text = body.decode("utf-8", "replace")
    for secret in private:  # before it is cut, or half a secret would stay
        if secret:
            text = text.replace(secret, _REDACTED)
    text = text[:LONGEST_HEAD]
    if text.isprintable():
        return text or None
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def _redirected(answer: Answer) -> str:
    """With the host of the target alone: a path or a query may hold a token."""
    try:
        host = urlsplit(answer.headers.get("Location", "")).hostname
    except ValueError:
        host = None
    where = f"to {host[:255]!a}" if host else "to another path of its own"
    return f"it redirects {where} ({answer.status}), which is not followed. Put in the final address"


def _retry_after(header: str | None, now: float) -> float | None:
    """Seconds, from a number of them or a date; None for what is neither."""
    if header is None:
        return None
    header = header.strip()[:100]
    if header.isascii() and header.isdigit():
        wait = float(header)
    else:
        try:
            moment = parsedate_to_datetime(header)
            wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(wait, 0.0), LONGEST_REST)
