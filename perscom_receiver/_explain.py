"""Why a captured request is refused: what the log says in a line, with all there is to say."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec

from . import _causes as causes
from ._causes import Cause
from ._diagnosis import Finding, find, sent_signatures, told
from ._errors import (
    EmptyBody,
    MalformedSignature,
    MethodRefused,
    MissingSignature,
    PayloadTooLarge,
    Refusal,
    SignatureMismatch,
)
from ._gate import MAX_BODY, Gate, Intake
from ._respell import Difference, added_around, respelled
from ._signature import RAW_BODY_WANTED, Secrets, prepare
from ._verifier import HEADERS_WANTED, Headers, Verifier

__all__ = ["Difference", "Explanation", "explain"]

_OTHER_SIGNATURE = "64 hex digits, well formed, but not the one of these bytes under any live secret."


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request is refused. Holds no secret, no computed signature, and of the body how a letter or a number is spelled.

    It is for the one who runs the receiver. A caller must learn nothing of it.
    """

    cause: str
    """A short name: ``"genuine"``, ``"rewritten"``, ``"white space"``, ``"compressed"``, ``"other secret"``, ``"get"`` …"""
    certain: bool
    """Whether the signature was reproduced. Without that a cause is what is likely."""
    signature: str
    """What the Signature header is like, as a sentence. So are all texts here."""
    why: str
    """The cause, and what speaks for it."""
    difference: Difference | None = None
    """Where the bytes that arrived differ from those that were signed; None where nobody can tell."""
    secret_is_right: bool = False
    """Whether the live secret is proved to be the right one, so that it must not be changed. False: nobody knows."""
    remedy: str = ""
    """What to do; empty when nothing is wrong."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it in the order of reading."""
        secret = "The secret is right. Do not change it." if self.secret_is_right else ""
        total = self.difference.total if self.difference else ""
        return tuple(text for text in (self.signature, self.why, total, secret, self.remedy) if text)


def explain(
    headers: Headers,
    body: bytes,
    *secrets: Secrets,
    method: str = "POST",
    query: bool = False,
    known: Secrets = (),
    max_body: int = MAX_BODY,
) -> Explanation:
    """Say why a receiver with ``secrets`` refuses this request, or that it does not.

    ``headers`` and ``body`` as in :meth:`Verifier.event <perscom_receiver.Verifier.event>`; ``query`` is whether the address
    had one; ``known`` are secrets that are not live here, but which somebody may have used by mistake; ``max_body`` is the
    receiver's own, in bytes. Raises ConfigurationError where the receiver would, and TypeError for headers and bodies that are
    none. Any bytes whatever have an explanation, but it is no part of answering a request: each MiB of an ordinary document
    takes a third of a second, and up to two seconds where all of it is tiny pieces that PHP spells otherwise.

    >>> from perscom_receiver.testing import signed_request
    >>> headers, body = signed_request("user.updated", "a secret of PERSCOM")
    >>> explain(headers, body + b"\\n", "a secret of PERSCOM").cause
    'white space'
    """
    pairs = _pairs(headers)
    if not isinstance(body, bytes | bytearray):
        raise TypeError(RAW_BODY_WANTED.format(type(body).__name__))
    verifier = Verifier(*secrets)
    intake = Intake(Gate(verifier, max_body=max_body))
    try:
        intake.open(method, pairs, None)
        if len(body) > max_body:  # not told by the intake, which would take of the memory that requests share
            raise PayloadTooLarge(f"The body has {len(body)} bytes, and more than {max_body} are answered with 413.")
        event = verifier.check(intake.signature, body)
    except Refusal as refusal:
        others = tuple(one for one in prepare((known,)) if one not in verifier.secrets) if known else ()
        finding = find(refusal, method, query, pairs, body, verifier.secrets, others)
        return _explained(refusal, finding, sent_signatures(pairs), body)
    return Explanation(
        cause="genuine",
        certain=True,
        signature=f"The one of these bytes under {event.secret_name!r}.",
        why=f"Nothing is wrong with this request. It is genuine: {event.name!r} of {event.created:%Y-%m-%d %H:%M:%S} UTC.",
        secret_is_right=True,
    )


def _pairs(headers: Headers) -> list[tuple[Any, Any]]:
    try:
        pairs = [(name, value) for name, value in (headers.items() if hasattr(headers, "items") else headers)]
    except (TypeError, ValueError):
        raise TypeError(HEADERS_WANTED) from None
    if not all(isinstance(name, str | bytes) for name, _ in pairs):
        raise TypeError(HEADERS_WANTED)
    return pairs


def _explained(refusal: Refusal, finding: Finding, signatures: list[str], body: bytes) -> Explanation:
    cause, certain = finding.cause, finding.secret is not None
    return Explanation(
        cause=cause.name,
        certain=certain,
        signature=_signature(refusal, finding, signatures),
        why=f"{told(refusal, finding)} {finding.proof}".rstrip(),
        difference=_difference(cause, body),
        secret_is_right=certain and not cause.of_secret,
        remedy=f"{cause.remedy} {cause.more}".strip(),
    )


def _signature(refusal: Refusal, finding: Finding, signatures: list[str]) -> str:
    match refusal:
        case MissingSignature():
            return "There is none."
        case MethodRefused():
            return "There is one, but not of anything that is here." if any(signatures) else "There is none."
        case MalformedSignature() if len(signatures) > 1:
            return f"There are {len(signatures)} of them, and PERSCOM sends one."
        case MalformedSignature():
            return f"{len(signatures[0])} characters, and not as PERSCOM writes them."
        case SignatureMismatch():
            return _OTHER_SIGNATURE
        case EmptyBody():
            return "64 hex digits, well formed, but there is nothing they could be the signature of."
        case _ if finding.secret is not None:
            return f"The one of these bytes under {finding.secret.name!r}."
        case PayloadTooLarge():
            return _OTHER_SIGNATURE
        case _:
            return "64 hex digits, well formed."


def _difference(cause: Cause, body: bytes) -> Difference | None:
    if cause is causes.WHITE_SPACE:
        return added_around(body, body.removeprefix(b"\xef\xbb\xbf").strip())
    if cause is causes.REWRITTEN:
        with suppress(ValueError):  # an event that PHP could not have written
            return respelled(body)
    return None
