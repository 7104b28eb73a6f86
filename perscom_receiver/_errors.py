"""Every error of the house, in one tree.

    PerscomError
    ├── Refusal                      an answer to a caller; .status is the HTTP status
    │   ├── VerificationError  401   not proven to come from PERSCOM
    │   │   ├── MissingSignature     no header, or an empty one
    │   │   ├── MalformedSignature   more than one header, or not 64 lower-case hex digits
    │   │   ├── EmptyBody            nothing was signed that could be checked
    │   │   ├── SignatureMismatch    well formed, but not of these bytes under any known secret
    │   │   ├── ExpiredSecret        of these bytes, but under a secret whose time is over
    │   │   └── StaleEvent           genuine, but too old to be told from a replay
    │   ├── MalformedEvent     400   genuine, but no envelope
    │   ├── MethodRefused      405   GET cannot be verified; nothing but POST is taken
    │   ├── BodyTimeout        408   the body did not arrive in time
    │   ├── PayloadTooLarge    413   the body is over the limit
    │   └── Unavailable        503   no room or no commit; PERSCOM will try again
    ├── ConfigurationError           ours to mend; raised when an object is made (also a ValueError)
    ├── DestinationError             a chat platform did not take a message; .outcome says what follows
    └── DeliveryError                a subscribed URL did not take an event

A refusal has two texts. ``str(error)`` is for the local log and may name a cause; ``error.answer`` is the fixed sentence
that goes to the caller, who learns nothing else. Neither ever holds a secret, a token, a computed signature or a body.
"""

from __future__ import annotations

from math import inf
from typing import ClassVar, Literal

__all__ = [
    "BodyTimeout",
    "ConfigurationError",
    "DeliveryError",
    "DestinationError",
    "EmptyBody",
    "ExpiredSecret",
    "MalformedEvent",
    "MalformedSignature",
    "MethodRefused",
    "MissingSignature",
    "Outcome",
    "PayloadTooLarge",
    "PerscomError",
    "Refusal",
    "SignatureMismatch",
    "StaleEvent",
    "Unavailable",
    "VerificationError",
]

Outcome = Literal["retry", "permanent", "rejected", "unclear"]


class PerscomError(Exception):
    """Base of all errors raised by this project on purpose."""


class Refusal(PerscomError):
    """A request that is not taken. Catch this to answer a caller.

    ``status`` is the HTTP status to answer with, ``answer`` the only sentence the caller gets.
    """

    status: ClassVar[int] = 400
    answer: ClassVar[str] = "The request was refused."

    def __init__(self, cause: str | None = None) -> None:
        super().__init__(cause or self.answer)


class VerificationError(Refusal):
    """The request is not proven to come from PERSCOM (401)."""

    status = 401
    answer = "The request could not be verified."


class MissingSignature(VerificationError):
    """There is no ``Signature`` header, or it is empty; of Standard Webhooks, one of the three headers."""


class MalformedSignature(VerificationError):
    """The ``Signature`` header is not exactly one value of 64 lower-case hex digits; or those of Standard Webhooks are none."""


class EmptyBody(VerificationError):
    """The body is empty. The HMAC of nothing is a constant that anybody may replay, so it proves nothing."""


class SignatureMismatch(VerificationError):
    """The signature is well formed, but not the one of these bytes under any known secret."""


class ExpiredSecret(VerificationError):
    """The signature is the one of these bytes, but the time of its secret is over (``Secret.valid_until``)."""


class StaleEvent(VerificationError):
    """The event is genuine but older than ``max_age`` or than the inbox remembers: it may be a replay. Also a timestamp of
    Standard Webhooks that is too far from now, genuine or not."""


class MalformedEvent(Refusal):
    """The body is genuine but holds no envelope: no JSON object with ``event`` and ``created``."""

    status = 400
    answer = "The body is not a PERSCOM event."


class MethodRefused(Refusal):
    """Only POST is taken: what PERSCOM signs for a GET never travels, so a GET cannot be verified."""

    status = 405
    answer = (
        "Only POST is accepted. A GET webhook cannot be verified: PERSCOM signs a JSON text that a GET never carries. "
        "Set the method of the webhook to POST."
    )


class BodyTimeout(Refusal):
    """The body did not arrive completely within the deadline."""

    status = 408
    answer = "The body did not arrive in time."


class PayloadTooLarge(Refusal):
    """The body is larger than the limit."""

    status = 413
    answer = "The body is too large."


class Unavailable(Refusal):
    """The event cannot be taken right now: too many bodies in memory, or no commit in time. PERSCOM will try again."""

    status = 503
    answer = "The event cannot be stored right now. Try again later."


class ConfigurationError(PerscomError, ValueError):
    """A setting is wrong. Raised when the object is made, with what to do about it."""


class DestinationError(PerscomError):
    """A destination did not take a message.

    ``outcome`` says what follows:

    * ``"retry"``: not taken, worth another try, after ``retry_after`` seconds if the platform named a time;
    * ``"permanent"``: the destination itself is gone (deleted webhook, wrong token): stop calling it;
    * ``"rejected"``: this one message will never be taken (our fault): do not repeat it;
    * ``"unclear"``: it may have been taken (the answer was lost): repeating it may show it twice.
    """

    def __init__(
        self,
        message: str,
        *,
        outcome: Outcome,
        retry_after: float | None = None,
        status: int | None = None,
        pace: str | None = None,
    ) -> None:
        """Raises ValueError for a time or a status that cannot be one."""
        super().__init__(message)
        if retry_after is not None and not 0 <= retry_after < inf:
            raise ValueError("retry_after is a number of seconds from 0, or None.")
        if status is not None and not 0 <= status <= 999:
            raise ValueError("status is that of an HTTP answer, or None.")
        if pace is not None and not isinstance(pace, str):
            raise ValueError("pace is a path such as that of a Handler, or None.")
        self.outcome: Outcome = outcome
        self.retry_after = retry_after
        """Seconds to wait, as named by the platform; None when it named none."""
        self.status = status
        """The HTTP status of the platform's answer; None when there was no answer."""
        self.pace = pace
        """With ``retry_after``: each handler whose own ``pace`` begins with this has to wait, too; None for this one alone."""


class DeliveryError(PerscomError):
    """A subscribed URL did not take an event: no answer came that could be judged.

    ``kind`` is a word for the log: ``address`` (not a public one), ``dns``, ``connect``, ``tls``, ``timeout``, ``protocol``.
    """

    def __init__(self, message: str, *, kind: str = "connect") -> None:
        super().__init__(message)
        self.kind = kind
