"""Standard Webhooks, version 1 of their specification: the symmetric form, signed and checked.

What is signed is the text ``id.timestamp.body``, with HMAC-SHA256, in base64. Unlike PERSCOM's own form it holds the moment of
the attempt, so a captured call is worth nothing after some minutes. A secret that begins with ``whsec_`` is base64 behind that;
of any other the UTF-8 bytes are the key.
"""

from __future__ import annotations

import hmac
import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar, Final

from ._errors import (
    ConfigurationError,
    EmptyBody,
    ExpiredSecret,
    MalformedSignature,
    MissingSignature,
    SignatureMismatch,
    StaleEvent,
)
from ._event import Event, mark_old_secret, verified
from ._signature import RAW_BODY_WANTED, Secret, Secrets, prepare, respelled, utc_now, warn_of_weakness
from ._verifier import HEADERS_WANTED, Headers

__all__ = ["StandardSigner", "StandardVerifier"]

_ID, _TIMESTAMP, _SIGNATURE = _NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")
_PREFIX: Final = b"whsec_"
TOLERANCE: Final = timedelta(minutes=5)
"""What the specification's own libraries take."""

# Without a dot in the first two there is one way only to take the signed text apart.
_is_id = re.compile(r"[!-\-/-~]{1,255}").fullmatch
_is_timestamp = re.compile(r"[1-9][0-9]{0,11}").fullmatch
_are_signatures = re.compile(r"v[0-9a-z]+,[A-Za-z0-9+/=]+( v[0-9a-z]+,[A-Za-z0-9+/=]+)*").fullmatch
_is_signature = re.compile(r"v1,[A-Za-z0-9+/]{43}=").fullmatch


class StandardSigner:
    """Makes the three headers of Standard Webhooks. The keys are prepared once; immutable and safe for threads.

    >>> signer = StandardSigner("whsec_c2VjcmV0IG9mIHRoaXMgZXhhbXBsZSBhbG9uZQ==")
    >>> signer.headers(b"{}", message_id="msg_1", now=datetime.fromisoformat("2026-03-02T18:20:05Z"))["webhook-timestamp"]
    '1772475605'
    """

    __slots__ = ("_keys",)

    def __init__(self, *secrets: Secrets) -> None:
        """The newest secret first. Those behind it sign too, until their ``valid_until``, so that a receiver may change later.

        Raises ConfigurationError for a blank secret, ``whsec_`` without base64 behind it, and an end of the first one.
        """
        prepared = prepare(secrets)
        if prepared[0].valid_until is not None:
            raise ConfigurationError(
                "The first secret is the one to go on with, so it has no valid_until. Put the old one behind it."
            )
        self._keys = tuple((_key(secret), secret.valid_until) for secret in prepared)

    def headers(self, body: bytes, *, message_id: str, now: datetime) -> dict[str, str]:
        """The headers of one attempt to deliver exactly these bytes.

        ``message_id`` is the same in every attempt, up to 255 visible ASCII characters without a dot; ``now`` is the moment of
        this one, aware. Raises ValueError for others.
        """
        if not _is_id(message_id):
            raise ValueError("message_id is 1 to 255 visible ASCII characters, and no dot.")
        if now.utcoffset() is None:
            raise ValueError("now needs a time zone.")
        timestamp = str(int(now.timestamp()))
        signed = _signed(message_id, timestamp, body)
        signatures = [_sign(key, signed) for key, end in self._keys if end is None or now <= end]
        return {_ID: message_id, _TIMESTAMP: timestamp, _SIGNATURE: " ".join(signatures)}


class StandardVerifier:
    """Like :class:`~perscom_receiver.Verifier`, for senders that sign as Standard Webhooks say and send PERSCOM's envelope, as
    ``perscom_sender`` does. Immutable and safe for threads.

    It looks at ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature`` alone: whoever strips them from a captured call
    wins nothing, even if there is a ``Signature`` beside them. Middlewares and receivers make one when they are told to:

        app.add_middleware(SignatureMiddleware, secrets=os.environ["SHOP_SECRET"], standard=True, path="/webhooks/shop")
    """

    HEADERS: ClassVar = _NAMES
    """What it looks at."""
    __slots__ = ("_keys", "_now", "_tolerance", "secrets")

    secrets: tuple[Secret, ...]
    """In the order they are tried, the live one first; see :class:`~perscom_receiver.Verifier`."""

    def __init__(self, *secrets: Secrets, tolerance: timedelta = TOLERANCE, now: Callable[[], datetime] = utc_now) -> None:
        """``tolerance`` is how far the sender's clock may be from ours, in both directions. Each attempt has a timestamp of its
        own, so a late retry is no reason for a larger one. Raises ConfigurationError.
        """
        if tolerance <= timedelta(0):
            raise ConfigurationError("The tolerance of timestamps must be positive; five minutes are usual.")
        self.secrets = prepare(secrets)
        self._keys = tuple(map(_key, self.secrets))
        self._tolerance = tolerance
        self._now = now
        warn_of_weakness(self.secrets)

    def signature(self, headers: Headers) -> str:
        """The three headers in one text, as :meth:`check` takes it, found before any body is read.

        Raises MissingSignature, MalformedSignature when one of them is there twice or is none, and StaleEvent for a timestamp
        that is too far from now.
        """
        message_id, timestamp, signatures = _found(headers)
        if not _is_id(message_id) or not _is_timestamp(timestamp):
            raise MalformedSignature(f"{_ID} is visible ASCII without a dot, and {_TIMESTAMP} whole seconds since 1970.")
        known = " ".join(filter(_is_signature, signatures.split(" ")))  # others may be of a later version
        if not known or not _are_signatures(signatures):
            raise MalformedSignature(f"There is no v1 signature in {_SIGNATURE}: v1, a comma, and 44 characters of base64.")
        late = self._now().timestamp() - int(timestamp)
        if abs(late) > self._tolerance.total_seconds():
            what = "It is a replay" if late > 0 else "It is dated in the future"
            raise StaleEvent(f"{what}, or one of the two clocks is wrong: {_TIMESTAMP} is {abs(late):.0f} s away from now.")
        return f"{message_id}.{timestamp}.{known}"

    def check(self, signature: str, body: bytes) -> Event:
        """The event in ``body`` if one of the signatures is the one of these bytes. Raises as :meth:`Verifier.check` does."""
        if not body:
            raise EmptyBody("The body is empty: there is nothing that could have been signed.")
        message_id, timestamp, known = signature.split(".", 2)
        secret = self._match(_signed(message_id, timestamp, body), known.split(" "))
        if secret.valid_until is not None and self._now() > secret.valid_until:
            raise ExpiredSecret(
                f"It is signed with the secret named {secret.name!r}, which was valid until {secret.valid_until}."
            )
        event = verified(body, secret.name)
        if secret is not self.secrets[0]:
            mark_old_secret(event)
        return event

    def _match(self, signed: bytes, signatures: list[str]) -> Secret:
        for secret, key in zip(self.secrets, self._keys, strict=True):
            right = _sign(key, signed)
            if any(hmac.compare_digest(right, one) for one in signatures):
                return secret
        raise SignatureMismatch("None of the signatures is the one of id, timestamp and these bytes under any known secret.")

    def event(self, headers: Headers, body: bytes) -> Event:
        """The verified event of one request. Raises only VerificationError and MalformedEvent, whatever a stranger sends.

        ``headers`` and ``body`` as for :meth:`Verifier.event <perscom_receiver.Verifier.event>`.
        """
        return self.check(self.signature(headers), body)


def _key(secret: Secret) -> Secret:
    """The secret whose bytes are the key."""
    return respelled(secret, _decoded) or secret


def _decoded(value: bytes) -> bytes:
    if not value.startswith(_PREFIX):
        return value
    text = value.removeprefix(_PREFIX).rstrip(b"=")
    try:
        key = a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except Error:
        key = b""
    if not key.strip().strip(b"\0"):
        raise ConfigurationError("Behind whsec_ a secret is base64, and this one is not. Copy it again, whole.") from None
    return key


def _signed(message_id: str, timestamp: str, body: bytes) -> bytes:
    try:
        return b"".join((f"{message_id}.{timestamp}.".encode(), body))
    except TypeError:
        raise TypeError(RAW_BODY_WANTED.format(type(body).__name__)) from None


def _sign(key: Secret, signed: bytes) -> str:
    return f"v1,{b2a_base64(bytes.fromhex(key.sign(signed)), newline=False).decode()}"


def _found(headers: Headers) -> tuple[str, str, str]:
    """The values of the three, each there once. Raises MissingSignature or MalformedSignature."""
    pairs = headers.items() if hasattr(headers, "items") else headers
    found: dict[str, str] = {}
    try:
        for name, value in pairs:
            key = (name if isinstance(name, str) else name.decode("latin-1")).lower()
            if key not in _NAMES:
                continue
            if key in found:
                raise MalformedSignature(f"There is more than one {key} header.")
            if isinstance(value, bytes):
                value = value.decode("latin-1")
            if not isinstance(value, str):
                raise MalformedSignature(f"The {key} header is given as {type(value).__name__}, not as one text.")
            found[key] = value.strip(" \t")
    except (TypeError, ValueError, AttributeError) as error:
        raise TypeError(HEADERS_WANTED) from error
    if missing := [name for name in _NAMES if not found.get(name)]:
        raise MissingSignature(f"There is no {' and no '.join(missing)} header.")
    return found[_ID], found[_TIMESTAMP], found[_SIGNATURE]
