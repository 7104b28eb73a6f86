"""The verifier: headers and raw bytes in, an Event or a refusal out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from ._errors import ConfigurationError, MalformedSignature, StaleEvent
from ._event import Event, mark_old_secret, verified
from ._signature import SIGNATURE_HEADER, Secret, Secrets, match, prepare, utc_now, warn_of_weakness, well_formed

if TYPE_CHECKING:
    from ._standard import StandardVerifier

__all__ = ["AnyVerifier", "Headers", "Verifier", "utc_now", "verifier_for"]

Headers: TypeAlias = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
AnyVerifier: TypeAlias = "Verifier | StandardVerifier"

HEADERS_WANTED = (
    "headers must be a mapping, or an iterable of (name, value) pairs, of str or bytes. Give them as your framework has them, "
    "such as request.headers."
)
"""What a program is told that gives something else."""

_NAME = SIGNATURE_HEADER.lower()
_NAME_BYTES = _NAME.encode()
_NAME_LENGTH = len(_NAME)


class Verifier:
    """Checks requests against one or several secrets; the keys are prepared once. Immutable and safe for threads.

    >>> from perscom_receiver import sign
    >>> body = b'{"event":"webhook.test","created":"2026-11-24T08:00:00.000000Z"}'
    >>> Verifier("a secret of PERSCOM").event({"Signature": sign(body, "a secret of PERSCOM")}, body).name
    'webhook.test'
    """

    HEADERS: ClassVar = (SIGNATURE_HEADER,)
    """What it looks at."""
    __slots__ = ("_max_age", "_now", "secrets")

    secrets: tuple[Secret, ...]
    """In the order they are tried, the live one first. While a secret is changed the old one stands behind it, perhaps with a
    ``valid_until``; ``Event.secret_name`` tells which one fitted."""

    def __init__(self, *secrets: Secrets, max_age: timedelta | None = None, now: Callable[[], datetime] = utc_now) -> None:
        """Raises ConfigurationError for a blank secret, none at all, or a ``max_age`` that is not positive.

        ``max_age`` refuses events whose ``created`` is older (StaleEvent). PERSCOM's third try arrives two minutes after
        the event, plus its queue's lag: under five minutes genuine retries are lost. The future is never refused.
        """
        if max_age is not None and max_age <= timedelta(0):
            raise ConfigurationError("max_age must be positive; None switches it off.")
        self.secrets = prepare(secrets)
        self._max_age = max_age
        self._now = now
        warn_of_weakness(self.secrets)

    def signature(self, headers: Headers) -> str:
        """The well-formed ``Signature`` among ``headers``, found before any body is read.

        Raises MissingSignature, or MalformedSignature when it is there twice or is not 64 lower-case hex digits.
        """
        pairs = headers.items() if hasattr(headers, "items") else headers
        found: object = None
        try:
            for name, value in pairs:
                if len(name) == _NAME_LENGTH and name.lower() == (_NAME if isinstance(name, str) else _NAME_BYTES):
                    if found is not None:
                        raise MalformedSignature(f"There is more than one {SIGNATURE_HEADER} header.")
                    found = value
        except (TypeError, ValueError, AttributeError) as error:
            raise TypeError(HEADERS_WANTED) from error
        if isinstance(found, bytes):
            found = found.decode("latin-1")
        if found is None:
            return well_formed(None)
        if isinstance(found, str):
            # White space around a header's value is no part of it (RFC 9110, 5.5). Most servers take it off, some leave it.
            return well_formed(found.strip(" \t"))
        raise MalformedSignature(f"The {SIGNATURE_HEADER} header is given as {type(found).__name__}, not as one text.")

    def check(self, signature: str, body: bytes) -> Event:
        """The event in ``body`` if the well-formed ``signature`` is the one of these bytes.

        Raises EmptyBody, SignatureMismatch, ExpiredSecret or StaleEvent (all VerificationError), and MalformedEvent for
        genuine bytes that hold no event.
        """
        secret = match(body, signature, self.secrets, self._now)
        event = verified(body, secret.name)
        if secret is not self.secrets[0]:
            mark_old_secret(event)
        if self._max_age is not None and self._now() - event.created > self._max_age:
            raise StaleEvent(f"The event is older than {self._max_age}.")
        return event

    def event(self, headers: Headers, body: bytes) -> Event:
        """The verified event of one request. Raises only VerificationError and MalformedEvent, whatever a stranger sends.

        ``headers`` is a mapping (read by its items, so that doubled headers show) or an iterable of pairs, as str or bytes,
        with names in any case. ``body`` is the raw body, before anybody parsed it. Anything else is a mistake of the program,
        not of a stranger: TypeError.
        """
        return self.check(self.signature(headers), body)


def verifier_for(
    secrets: Iterable[Secrets],
    *,
    standard: bool,
    max_age: timedelta | None,
    now: Callable[[], datetime] = utc_now,
) -> AnyVerifier:
    """The verifier of an endpoint with these settings. Raises ConfigurationError."""
    if not standard:
        return Verifier(*secrets, max_age=max_age, now=now)
    from ._standard import TOLERANCE, StandardVerifier  # here, since hardly any endpoint is one of these

    return StandardVerifier(*secrets, tolerance=TOLERANCE if max_age is None else max_age, now=now)
