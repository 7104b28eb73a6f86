"""An event on its way through the stream: the body that may be stored, and headers with what the store keeps beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from ._errors import MalformedEvent
from ._event import Event, restored
from ._hidden import storable

__all__ = ["Message", "as_message", "read_message"]

ID: Final = "Nats-Msg-Id"
"""JetStream's own: what it knows repeats by, in all of the stream. So it has the site in it, too."""
_RECEIVED: Final = "Perscom-Received"
_ENDPOINT: Final = "Perscom-Endpoint"
_SECRET: Final = "Perscom-Secret-Name"  # noqa: S105 - the name of a header
_OLD_SECRET: Final = "Perscom-Old-Secret"  # noqa: S105
LARGEST_HEADERS: Final = 4096
"""Bytes that the headers take at most, as the server counts them with the body."""
LATEST: Final = 1e11
"""Seconds since 1970: no clock says more."""
_id = re.compile(r"([A-Za-z0-9_-]+)/([0-9a-f]{64})").fullmatch


class Message(msgspec.Struct, frozen=True):
    """What is published for one event."""

    body: bytes
    headers: dict[str, str]


def as_message(event: Event, *, site: str, endpoint: str, received: float) -> Message | None:
    """The message of a verified event; None where the names in it are too long for headers. Hidden columns are left out.

    ``received`` is in seconds since 1970.
    """
    headers = {ID: f"{site}/{event.id}", _RECEIVED: repr(received)}
    if endpoint:
        headers[_ENDPOINT] = quote(endpoint, errors="replace")
    if event.secret_name is not None:
        headers[_SECRET] = quote(event.secret_name, errors="replace")
    if event.old_secret:
        headers[_OLD_SECRET] = "1"
    size = sum(len(name) + len(value) + 4 for name, value in headers.items())
    return Message(storable(event.body), headers) if size < LARGEST_HEADERS // 2 else None


def read_message(body: bytes, headers: Mapping[str, str] | None, *, site: str) -> tuple[Event, str, float]:
    """The event of ``site``, its endpoint, and when it was received. Raises MalformedEvent for what no receiver wrote."""
    headers = headers or {}
    found = _id(headers.get(ID, ""))
    if not found or found[1] != site:
        raise MalformedEvent("It has no id of an event.")
    try:
        received = float(headers.get(_RECEIVED, ""))
    except ValueError:
        received = -1.0
    if not isfinite(received) or not 0 <= received <= LATEST:
        raise MalformedEvent("It does not say when it was received.")
    name = headers.get(_SECRET)
    event = restored(body, bytes.fromhex(found[2]), None if name is None else unquote(name), _OLD_SECRET in headers)
    return event, unquote(headers.get(_ENDPOINT, "")), received
