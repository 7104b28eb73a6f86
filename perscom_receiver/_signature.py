"""Signing and checking: bytes in, 64 hex digits out. No I/O, no framework, and a clock only for secrets that run out.

PERSCOM's ``Signature`` header is the lower-case hex HMAC-SHA256 (RFC 2104) of the raw body; the key is the UTF-8 bytes of
the secret exactly as typed. There is no prefix, no timestamp and no key id.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeAlias

from ._errors import ConfigurationError, EmptyBody, ExpiredSecret, MalformedSignature, MissingSignature, SignatureMismatch

__all__ = ["SIGNATURE_HEADER", "Secret", "Secrets", "sign", "verify"]

SIGNATURE_HEADER = "Signature"
SHORTEST_SAFE_SECRET = 16
"""Characters. PERSCOM suggests 32 random letters and digits; below this a warning is logged."""

RAW_BODY_WANTED = (
    "body must be the raw bytes that arrived, not {}. Take them before anything decodes or parses them: they are what was "
    "signed."
)
"""What a program is told that gives something else."""

_BLOCK = 64  # SHA-256's block size in bytes
_INNER_PAD = bytes(b ^ 0x36 for b in range(256))
_OUTER_PAD = bytes(b ^ 0x5C for b in range(256))
_is_digest = re.compile(r"[0-9a-f]{64}").fullmatch

_log = logging.getLogger("perscom_receiver")


def utc_now() -> datetime:
    """The present moment, aware, in UTC: the default clock of everything here that asks for the time."""
    return datetime.now(UTC)


class Secret:
    """One webhook secret with a name for logs. Immutable; its text and repr never show the value."""

    __slots__ = ("_inner", "_outer", "_value", "name", "valid_until")

    name: str
    """What logs call this secret. Empty: a :class:`~perscom_receiver.Verifier` numbers it."""
    valid_until: datetime | None
    """The last moment at which it verifies anything, aware; None: it has no end. For the old one while a secret is changed."""

    def __init__(self, value: str | bytes, *, name: str = "", valid_until: datetime | None = None) -> None:
        """``value`` as it stands in PERSCOM, never trimmed or decoded.

        Raises ConfigurationError when it is blank, and for a ``valid_until`` without a time zone.
        """
        if valid_until is not None and (not isinstance(valid_until, datetime) or valid_until.utcoffset() is None):
            raise ConfigurationError(
                "valid_until needs a moment with a time zone, for example datetime(2026, 3, 9, 12, 0, tzinfo=UTC)."
            )
        if not isinstance(value, (str, bytes)):
            raise ConfigurationError(f"A secret is str or bytes, not {type(value).__name__}.")
        try:
            key = value.encode() if isinstance(value, str) else value
        except UnicodeEncodeError:
            raise ConfigurationError("The webhook secret is not valid Unicode text.") from None
        if not value.strip() or not key.strip(b"\0"):  # HMAC pads a key with zero bytes, so they count as nothing
            raise ConfigurationError("The webhook secret is blank, so anybody could sign. Copy it from PERSCOM's webhook form.")
        self.name = name
        self.valid_until = valid_until
        self._value = key
        # The two halves of HMAC that depend on the key alone are computed once: copying them is faster than hmac.digest(),
        # which looks the algorithm up in OpenSSL on every call (0.66 x at 2 KiB; benchmarks/verify.py).
        padded = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = sha256(padded.translate(_INNER_PAD))
        self._outer = sha256(padded.translate(_OUTER_PAD))

    def named(self, name: str) -> Secret:
        """The same secret under another name."""
        return Secret(self._value, name=name, valid_until=self.valid_until)

    def sign(self, body: bytes) -> str:
        """The signature of ``body`` under this secret: 64 lower-case hex digits."""
        inner = self._inner.copy()
        try:
            inner.update(body)
        except TypeError:
            raise TypeError(RAW_BODY_WANTED.format(type(body).__name__)) from None
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()

    def weakness(self) -> str | None:
        """Why this secret deserves a second look, for a log or a check; None when it looks fine."""
        if len(self._value) < SHORTEST_SAFE_SECRET:
            return f"it has fewer than {SHORTEST_SAFE_SECRET} characters and can be guessed"
        if self._value != self._value.strip():
            return "it begins or ends with white space, which is part of the key: probably a slip when it was copied"
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret(***, name={self.name!r})"

    def __reduce__(self) -> str:
        raise TypeError("A Secret is not pickled: it would be written out in plain.")


Secrets: TypeAlias = str | bytes | Secret | Iterable[str | bytes | Secret]
"""One secret or several. A lone ``str`` or ``bytes`` is one secret, never a sequence of letters."""


def prepare(secrets: Iterable[Secrets]) -> tuple[Secret, ...]:
    """All secrets as :class:`Secret`, named, without repeats, in the order given. Raises ConfigurationError for none."""
    given: list[Secret] = []
    for item in secrets:
        if isinstance(item, Secret):
            given.append(item)
        elif isinstance(item, (str, bytes)):
            given.append(Secret(item))
        elif isinstance(item, Iterable) and not isinstance(item, (bytearray, memoryview)):
            given.extend(one if isinstance(one, Secret) else Secret(one) for one in item)
        else:
            raise ConfigurationError(f"A secret is str, bytes or Secret, not {type(item).__name__}.")
    unique = tuple(dict.fromkeys(given))
    if not unique:
        raise ConfigurationError("At least one webhook secret is needed. Copy it from PERSCOM's webhook form.")
    return tuple(
        secret if secret.name else secret.named("secret" if len(unique) == 1 else f"secret {number}")
        for number, secret in enumerate(unique, 1)
    )


def respelled(secret: Secret, spelling: Callable[[bytes], bytes]) -> Secret | None:
    """What ``spelling`` makes of the key, under the same name; None when it stays the same or is blank."""
    key = spelling(secret._value)
    try:
        return None if key == secret._value else Secret(key, name=secret.name)
    except ConfigurationError:
        return None


def warn_of_weakness(secrets: Iterable[Secret]) -> None:
    """Log one warning for each secret that deserves it."""
    for secret in secrets:
        if reason := secret.weakness():
            _log.warning("The webhook secret named %r is weak: %s.", secret.name, reason)


def well_formed(signature: str | None) -> str:
    """``signature`` if it is 64 lower-case hex digits, as PERSCOM writes it; else MissingSignature or MalformedSignature."""
    if not signature:
        raise MissingSignature(f"There is no {SIGNATURE_HEADER} header.")
    if not _is_digest(signature):
        raise MalformedSignature(f"The {SIGNATURE_HEADER} header is not 64 lower-case hex digits.")
    return signature


def match(body: bytes, signature: str, secrets: tuple[Secret, ...], now: Callable[[], datetime] = utc_now) -> Secret:
    """The secret under which the well-formed ``signature`` is the one of ``body``.

    Raises EmptyBody or SignatureMismatch, and ExpiredSecret when the time of that secret is over.

    Both sides of the comparison are ASCII here, so ``compare_digest`` takes constant time and cannot raise.
    """
    if not body:
        raise EmptyBody("The body is empty: there is nothing that could have been signed.")
    for secret in secrets:
        if hmac.compare_digest(secret.sign(body), signature):
            if secret.valid_until is not None and now() > secret.valid_until:
                raise ExpiredSecret(
                    f"It is signed with the secret named {secret.name!r}, which was valid until {secret.valid_until}. "
                    "PERSCOM's webhook form still has it, or somebody else does."
                )
            return secret
    raise SignatureMismatch("The signature is not the one of these bytes under any known secret.")


def sign(body: bytes, secret: str | bytes) -> str:
    """The ``Signature`` of ``body``: the hex HMAC-SHA256 under ``secret``, 64 lower-case digits.

    Sign exactly the bytes that are sent. Raises ConfigurationError when the secret is blank.
    """
    return Secret(secret).sign(body)


def verify(body: bytes, signature: str | None, *secrets: Secrets) -> None:
    """Return if ``signature`` is the one of the raw ``body`` under one of ``secrets``; else raise VerificationError.

    Give it the bytes that arrived, never JSON that was parsed and written again. Constant time; any text whatever as
    ``signature`` ends in one of the two. An empty body is refused, since the HMAC of nothing proves nothing. To check many
    bodies make one :class:`~perscom_receiver.Verifier`, which prepares the keys once.

    >>> verify(b'{"event":"webhook.test"}', sign(b'{"event":"webhook.test"}', "a secret of PERSCOM"), "a secret of PERSCOM")
    """
    prepared = prepare(secrets)
    match(body, well_formed(signature), prepared)
