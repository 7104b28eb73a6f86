"""For tests of what you build on this: genuine requests and events, realistic, of any kind PERSCOM sends.

>>> headers, body = signed_request("rankrecord.created", secret="0123456789abcdef", user_id=7)
>>> make_event("rankrecord.created", user_id=7).data["user_id"]
7

Each call makes a new event: ``created`` is now, ``request_id`` and ``trace_id`` are new. In all three functions a keyword
replaces something: ``created`` (an aware datetime, or any text, taken as it is), ``request_id``, ``trace_id``, ``data`` and
``changes`` are the members of the envelope; every other keyword sets one key of ``data``, and nothing besides (setting
``user_id`` leaves the ``user`` relation alone). All people in the samples are invented.

For stores of queues there is a suite of tests of its own: ``perscom_receiver.testing.queue_suite``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any
from uuid import uuid4

from .. import _samples
from .._event import Event
from .._php_json import php_json
from .._signature import SIGNATURE_HEADER, sign

__all__ = ["make_event", "sample", "signed_request"]

_YEARS = range(1970, 9000)  # in which days can be added to and taken from a date at ease


def signed_request(name: str, /, secret: str | bytes, **overrides: object) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a POST as PERSCOM sends it for the event ``name``, signed with ``secret``.

    The body has the bytes PHP writes. Raises what :func:`sample` raises, and ConfigurationError for a blank secret.
    """
    body = php_json(sample(name, **overrides))
    headers = {"User-Agent": "GuzzleHttp/7", "Content-Type": "application/json", SIGNATURE_HEADER: sign(body, secret)}
    return headers, body


def make_event(name: str, /, **overrides: object) -> Event:
    """An :class:`~perscom_receiver.Event` as a verifier would hand it over, for tests that need no request.

    Raises what :func:`sample` raises, and MalformedEvent when an override leaves no envelope (``created="yesterday"``).
    """
    return Event.parse(php_json(sample(name, **overrides)))


def sample(name: str, /, **overrides: object) -> dict[str, Any]:
    """The envelope of the event ``name`` before it becomes JSON: a fresh dict, to be changed at will.

    The dates in ``data`` fit ``created``: the same call with the same ``created`` gives the same ``data``.

    Raises ValueError for a name that PERSCOM does not know, unless ``data`` is given, and for a naive ``created``; TypeError
    when keywords would set keys of a ``data`` that is no dict.
    """
    created = overrides.pop("created", datetime.now(UTC))
    data, changes = _content(name, _moment(created), own_data="data" in overrides)
    envelope: dict[str, Any] = {
        "event": name,
        "created": _spelled(created) if isinstance(created, datetime) else created,
        "request_id": overrides.pop("request_id", str(uuid4())),
        "trace_id": overrides.pop("trace_id", str(uuid4())),
        "data": overrides.pop("data", data),
        "changes": overrides.pop("changes", changes),
    }
    if overrides:
        if not isinstance(envelope["data"], dict):
            raise TypeError(f"data is no dict, so {', '.join(overrides)} cannot be set in it")
        envelope["data"] = envelope["data"] | overrides
    return envelope


def _content(name: str, at: datetime, *, own_data: bool) -> tuple[object, object]:
    if name in _samples.NAMES:
        return _samples.build(name, at)
    if own_data:
        return None, None
    close = " or ".join(map(repr, get_close_matches(name, _samples.NAMES, n=3)))
    hint = f"Did you mean {close}?" if close else "See perscom_receiver.EVENT_NAMES."
    raise ValueError(f"PERSCOM has no event {name!r}. {hint} An event of your own needs data=...")


def _moment(created: object) -> datetime:
    """The moment that the dates in ``data`` fit: ``created`` in UTC, or now where ``created`` is no moment to reckon with."""
    if isinstance(created, str):
        try:
            created = datetime.fromisoformat(created)
        except ValueError:  # such a text is wanted in a test of a bad envelope
            created = None
    elif isinstance(created, datetime) and created.utcoffset() is None:
        raise ValueError("created is naive; give it a time zone, for example datetime.now(UTC)")
    if isinstance(created, datetime) and created.utcoffset() is not None and created.year in _YEARS:
        return created.astimezone(UTC)
    return datetime.now(UTC)


def _spelled(created: datetime) -> str:
    return created.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
