"""What a request is answered with, without a framework: a refusal, or what became of the event in the inbox."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Protocol

import msgspec

from ._errors import MethodRefused, Refusal, Unavailable
from ._event import Event

__all__ = ["Inbox", "Reply", "astore", "one_line", "refusal_reply", "store"]

_log = logging.getLogger("perscom_receiver")


class Inbox(Protocol):
    """Where a :class:`~perscom_receiver.Receiver` puts what it verified."""

    def add(self, event: Event) -> bool:
        """Store it durably. False: seen before. Raises Unavailable or StaleEvent."""
        ...

    async def aadd(self, event: Event) -> bool:
        """The same without blocking the event loop."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """An answer without a framework: status, headers and body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


_PROBLEM = ("content-type", "application/problem+json")
_JSON = ("content-type", "application/json")


def refusal_reply(refusal: Refusal) -> Reply:
    """The answer to a refused request: problem+json with one fixed sentence per kind. The reason stays in the log."""
    status = refusal.status
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": refusal.answer}
    encoded = json.dumps(body).encode()
    allow = (("allow", "POST"),) if isinstance(refusal, MethodRefused) else ()
    return Reply(status, (_PROBLEM, ("content-length", str(len(encoded))), *allow), encoded)


_STORED = Reply(202, (_JSON, ("content-length", "19")), b'{"status":"stored"}')
_SEEN_BEFORE = Reply(200, (_JSON, ("content-length", "24")), b'{"status":"seen before"}')


def one_line(text: str) -> str:
    """A text of the caller as it may stand in a log: short, and in one line."""
    return ascii(text[:100])[1:-1]


def _stored(event: Event, new: bool) -> Reply:
    _log.info("%s %s %s", "stored" if new else "seen before", event.id[:12], one_line(event.name))
    return _STORED if new else _SEEN_BEFORE


def _not_stored(event: Event, error: Exception) -> Reply:
    if isinstance(error, Refusal):
        _log.warning("not stored %s %s: %s", event.id[:12], one_line(event.name), error)
        return refusal_reply(error)
    # An inbox of somebody else's making. PERSCOM tries again after a 503; nothing is won by a traceback in its log.
    _log.error("not stored %s %s", event.id[:12], one_line(event.name), exc_info=error)
    return refusal_reply(Unavailable())


async def astore(inbox: Inbox, event: Event) -> Reply:
    """Put a verified event into the inbox; the answer to its sender, once it is committed there."""
    try:
        return _stored(event, await inbox.aadd(event))
    except Exception as error:  # noqa: BLE001 - see _not_stored
        return _not_stored(event, error)


def store(inbox: Inbox, event: Event) -> Reply:
    """Like :func:`astore`, blocking."""
    try:
        return _stored(event, inbox.add(event))
    except Exception as error:  # noqa: BLE001 - see _not_stored
        return _not_stored(event, error)
