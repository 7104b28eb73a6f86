"""The event: the verified bytes, read only as far as somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec

from ._errors import MalformedEvent
from ._hidden import HIDDEN_COLUMNS
from ._json import DEEPEST, depth, lenient
from ._typed import Typed

__all__ = ["EVENT_NAMES", "Event"]

_RECORDS = ("assignmentrecord", "awardrecord", "combatrecord", "qualificationrecord", "rankrecord", "servicerecord")
_RESOURCES = ("user", *_RECORDS, "calendar", "event", "message", "submission")

EVENT_NAMES: Final = (*(f"{r}.{a}" for r in _RESOURCES for a in ("created", "updated", "deleted")), "webhook.test")
"""The 34 names PERSCOM knows today. Others are accepted as well: a receiver must not need a release for a new name."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class _Envelope(msgspec.Struct, frozen=True):
    """The six members that PERSCOM writes, with the two large ones left as bytes."""

    event: str
    created: datetime
    request_id: str | None = None
    trace_id: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    changes: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_value = msgspec.json.Decoder().decode


class Event(Typed):
    """One webhook event of PERSCOM. Frozen; made by :meth:`parse` or by a :class:`~perscom_receiver.Verifier`.

    Two events are equal when their ``id`` is.
    """

    __slots__ = ("_changes", "_data", "_envelope", "_id", "_old_secret", "body", "created", "secret_name")

    body: bytes
    """The bytes that were verified. An event that comes out of an inbox has lost its hidden columns."""
    created: datetime
    """When PERSCOM queued the delivery: aware, UTC, microseconds. The same in every try of one delivery."""
    secret_name: str | None
    """The name of the secret that verified this event; None when nothing verified it yet."""

    _envelope: _Envelope
    _id: str | None
    _data: object
    _changes: dict[str, object]
    _old_secret: bool

    def __init__(self) -> None:
        raise TypeError("Use Event.parse(body).")

    @classmethod
    def parse(cls, body: bytes) -> Event:
        """Read the envelope. Raises MalformedEvent, and nothing else, for bytes that are none.

        What it accepts can be read to the end: ``data``, ``changes`` and ``created`` never raise.
        """
        return cls._of(body, None)

    @classmethod
    def _of(cls, body: bytes, secret_name: str | None) -> Event:
        try:
            # PERSCOM writes ASCII. msgspec leaves the bytes of `data` unchecked, so other bodies are checked here.
            if not body.isascii():
                body.decode()
            # Each level of nesting costs a bracket, and few brackets are the rule: the exact look is for the others.
            # (replace() finds single bytes three times faster than count().)
            if len(body) - len(body.replace(b"{", b"").replace(b"[", b"")) > DEEPEST and depth(body) > DEEPEST:
                raise MalformedEvent(f"The body is nested deeper than {DEEPEST} levels.")
            envelope = _decode_envelope(body)
            created = envelope.created
            if created.tzinfo is not UTC:
                created = created.replace(tzinfo=UTC) if created.tzinfo is None else created.astimezone(UTC)
        except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError) as error:
            raise MalformedEvent(f"The body holds no event: {_reason(error)}.") from None
        if not envelope.event:
            raise MalformedEvent("The body holds no event: its name is empty.")
        self = cls.__new__(cls)
        _set_envelope(self, envelope)
        _set_body(self, body)
        _set_created(self, created)
        _set_secret_name(self, secret_name)
        _set_id(self, None)
        _set_old_secret(self, False)
        return self

    @property
    def id(self) -> str:
        """Hex SHA-256 of the bytes as they arrived: the idempotency key, the same in every try of one delivery."""
        digest = self._id
        if digest is None:
            digest = sha256(self.body).hexdigest()
            _set_id(self, digest)
        return digest

    @property
    def name(self) -> str:
        """For example ``"rankrecord.created"``; see :data:`EVENT_NAMES`."""
        return self._envelope.event

    @property
    def resource(self) -> str:
        """The part of the name in front of the dot, for example ``"rankrecord"``."""
        return self._envelope.event.partition(".")[0]

    @property
    def action(self) -> str:
        """The part of the name behind the dot: ``"created"``, ``"updated"``, ``"deleted"`` or ``"test"``."""
        return self._envelope.event.partition(".")[2]

    @property
    def request_id(self) -> str | None:
        """Shared by all events of one user action (and its automations): a key to group by, never one to tell repeats."""
        return self._envelope.request_id

    @property
    def trace_id(self) -> str | None:
        """PERSCOM's own trace of the request, shared like ``request_id``."""
        return self._envelope.trace_id

    @property
    def data(self) -> object:
        """The resource as a dict; a list or anything else where an automation or the test box sent that; None when absent.

        Expect any key to be missing. A number beyond the range of a float is given as its text.
        """
        try:
            return self._data
        except AttributeError:
            _set_data(self, _decoded(self._envelope.data))
            return self._data

    @property
    def changes(self) -> Mapping[str, object]:
        """Column to new raw value, without hidden columns. Empty for PERSCOM's ``[]`` and null, and when absent."""
        try:
            return self._changes
        except AttributeError:
            value = _decoded(self._envelope.changes)
            columns = value.items() if isinstance(value, dict) else ()
            _set_changes(self, {name: new for name, new in columns if name not in HIDDEN_COLUMNS})
            return self._changes

    @property
    def old_secret(self) -> bool:
        """Whether another secret than the first, live one verified it: a retry from before a change, or a change half done."""
        return self._old_secret

    @property
    def created_us(self) -> int:
        """``created`` in whole microseconds since 1970."""
        return (self.created - _EPOCH) // _MICROSECOND

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"An Event is frozen; {name!r} cannot be set.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"An Event is frozen; {name!r} cannot be deleted.")

    def __reduce__(self) -> tuple[object, ...]:
        return restored, (self.body, bytes.fromhex(self.id), self.secret_name, self.old_secret)

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Event) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        # No data: a repr ends up in logs.
        return f"<Event {self.name!r} {self.created:%Y-%m-%dT%H:%M:%S.%fZ} {self.id[:12]}>"


# A frozen class fills its own slots through their descriptors: a third of the price of object.__setattr__.
_set_envelope = Event.__dict__["_envelope"].__set__
_set_body = Event.__dict__["body"].__set__
_set_created = Event.__dict__["created"].__set__
_set_id = Event.__dict__["_id"].__set__
_set_data = Event.__dict__["_data"].__set__
_set_changes = Event.__dict__["_changes"].__set__
_set_secret_name = Event.__dict__["secret_name"].__set__
_set_old_secret = Event.__dict__["_old_secret"].__set__


verified = Event._of
"""The event in a body, marked with the name of the secret that verified it. Raises MalformedEvent."""


def mark_old_secret(event: Event) -> None:
    """Note that another secret than the live one verified it."""
    _set_old_secret(event, True)


def restored(body: bytes, digest: bytes, secret_name: str | None, old_secret: int | None = None) -> Event:
    """An event as it comes out of a store, which keeps the id of the bytes that arrived in a column of its own."""
    event = verified(body, secret_name)
    _set_id(event, digest.hex())
    if old_secret:
        mark_old_secret(event)
    return event


def _decoded(raw: msgspec.Raw | msgspec.UnsetType) -> object:
    if raw is msgspec.UNSET:
        return None
    try:
        return _decode_value(raw)
    except msgspec.ValidationError:
        return lenient(bytes(raw))


def _reason(error: Exception) -> str:
    """Why it failed, in words that hold nothing of the body."""
    match error:
        case UnicodeDecodeError():
            return "it is not UTF-8"
        case RecursionError():
            return "it is nested without end"
        case OverflowError():
            return "created is out of range"
        case msgspec.ValidationError():
            return "event (text) and created (a date and time) are needed"
        case _:
            return "it is not JSON"
