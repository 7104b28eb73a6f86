"""Why a request was refused. For the local log and for ``explain``, never for an answer.

A cause is certain only when the signature was reproduced: from other bytes, from another spelling of it, or under another
spelling of the secret.
"""

from __future__ import annotations

import re
import time
from binascii import a2b_base64
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from hmac import compare_digest

import msgspec

from . import _causes as causes
from ._causes import Cause
from ._errors import (
    ExpiredSecret,
    MalformedEvent,
    MalformedSignature,
    MethodRefused,
    MissingSignature,
    PayloadTooLarge,
    Refusal,
    SignatureMismatch,
    StaleEvent,
)
from ._event import Event
from ._respell import as_php
from ._signature import SIGNATURE_HEADER, Secret, respelled
from ._verifier import Headers

__all__ = ["Finding", "find", "likely_cause", "sent_signatures", "told"]

LARGEST = 64 * 1024
"""Bytes of a body that is looked into for the log. Strangers send these bodies, so the price of a look is bounded."""
PAUSE = 0.25
"""Seconds between two looks for the log."""
UNPACKED = 2 * 2**20
"""Bytes that a compressed body may grow to."""

_last_look = 0.0


class Finding(msgspec.Struct, frozen=True):
    """The cause of one refusal, and what speaks for it."""

    cause: Cause
    proof: str = ""
    """A sentence; empty where the cause speaks for itself."""
    secret: Secret | None = None
    """The one under which the signature was reproduced. With it the cause is certain."""


def likely_cause(
    refusal: Refusal,
    method: str,
    query: bool,
    headers: Headers,
    body: bytes,
    secrets: tuple[Secret, ...],
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """One to three sentences for the log. Bodies are looked into now and then only, and only small ones."""
    mismatch = isinstance(refusal, SignatureMismatch)
    if mismatch and not _may_look(body, clock):
        finding = Finding(causes.OTHER_SECRET)
    else:
        finding = find(refusal, method, query, headers, body if mismatch else b"", secrets)
    right = "The secret is right." if finding.secret and not finding.cause.of_secret else ""
    texts = ("Signature mismatch." if mismatch else "", told(refusal, finding), right, finding.cause.remedy)
    return " ".join(filter(None, texts))


def _may_look(body: bytes, clock: Callable[[], float]) -> bool:
    global _last_look
    if len(body) > LARGEST or clock() - _last_look < PAUSE:
        return False
    _last_look = clock()
    return True


def told(refusal: Refusal, finding: Finding) -> str:
    """The cause as a sentence, with how sure it is."""
    text = finding.cause.text
    if isinstance(refusal, SignatureMismatch | MalformedSignature) and finding.secret is not None:
        text = f"certain: {text}"
    elif isinstance(refusal, SignatureMismatch):
        text = f"probably {text}"
    return f"{text[0].upper()}{text[1:].removesuffix('.')}."


def find(
    refusal: Refusal,
    method: str,
    query: bool,
    headers: Headers,
    body: bytes,
    secrets: tuple[Secret, ...],
    known: tuple[Secret, ...] = (),
) -> Finding:
    """The cause of ``refusal``. ``known`` are secrets that are not live here, but may have been used by mistake."""
    match refusal:
        case MethodRefused() if method == "GET":
            return Finding(causes.GET if query else causes.REDIRECTED if any(sent_signatures(headers)) else causes.VISIT)
        case MissingSignature():
            return Finding(causes.UNSIGNED)
        case MalformedSignature():
            return _misspelt(sent_signatures(headers), body, secrets)
        case SignatureMismatch():
            (signature,) = sent_signatures(headers)
            found = next(_reproduced(signature, body, secrets, known), None)
            return found or _probable(body)
        case ExpiredSecret() | StaleEvent() | MalformedEvent():
            return Finding(_own_cause(refusal), secret=_fitting(sent_signatures(headers), body, secrets))
        case PayloadTooLarge():
            fitting = _fitting(sent_signatures(headers), body, secrets) if body else None  # the log has none of it
            return Finding(msgspec.structs.replace(causes.TOO_LARGE, text=str(refusal)), secret=fitting)
        case _:
            return Finding(_own_cause(refusal))


def _own_cause(refusal: Refusal) -> Cause:
    """That of a refusal which says all there is to say."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(refusal).__name__).lower()
    return Cause(name, str(refusal), of_secret=isinstance(refusal, ExpiredSecret))


def sent_signatures(headers: Headers) -> list[str]:
    """The values of all Signature headers, without white space around them."""
    pairs = headers.items() if hasattr(headers, "items") else headers
    return [_text(value).strip(" \t") for name, value in pairs if _text(name).lower() == SIGNATURE_HEADER.lower()]


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _fitting(signatures: Collection[str], body: bytes, secrets: tuple[Secret, ...]) -> Secret | None:
    """The secret under which one of ``signatures`` (all of them hex digits) is the one of ``body``."""
    for secret in secrets:
        right = secret.sign(body)
        if any(compare_digest(signature, right) for signature in signatures):
            return secret
    return None


def _misspelt(values: list[str], body: bytes, secrets: tuple[Secret, ...]) -> Finding:
    cause, signatures = _spelled_right(values)
    secret = _fitting(signatures, body, secrets) if body else None
    if secret is None:
        return Finding(cause)
    return Finding(cause, f"Written as PERSCOM writes it, it is the signature of this body under {secret.name!r}.", secret)


_any_hex = re.compile("[0-9a-fA-F]{64}").fullmatch
_any_base64 = re.compile("[0-9a-zA-Z+/_-]{43}=?").fullmatch
_prefixed = re.compile("[0-9a-zA-Z_-]{1,20}[=:, ] ?(.+)").fullmatch
_quoted = re.compile("[\"'](.+)[\"']").fullmatch


def _spelled_right(values: list[str]) -> tuple[Cause, set[str]]:
    """What is odd about Signature headers, and the digits that they may stand for."""
    text = values[0]
    parts = {part.strip() for value in values for part in value.split(",")}
    if len(values) > 1 or ("," in text and all(map(_any_hex, parts))):
        return causes.DOUBLED, {part.lower() for part in parts if _any_hex(part)}
    for form, cause in ((_quoted, causes.QUOTED), (_prefixed, causes.PREFIXED)):
        if found := form(text):
            return cause, _digits(found[1])
    if digits := _digits(text):
        return causes.CAPITALS if _any_hex(text) else causes.BASE64, digits
    return causes.MISSPELT, set()


def _digits(text: str) -> set[str]:
    if _any_hex(text):
        return {text.lower()}
    if _any_base64(text):
        return {a2b_base64(text.replace("-", "+").replace("_", "/").ljust(44, "=")).hex()}
    return set()


def _reproduced(signature: str, body: bytes, secrets: tuple[Secret, ...], known: tuple[Secret, ...]) -> Iterator[Finding]:
    """The ways in which this very signature comes about."""
    for cause, proof, signed in _other_bytes(body):
        if secret := _fitting([signature], signed, secrets):
            yield Finding(cause, f"{proof}, it carries exactly this signature under {secret.name!r}.", secret)
    if secret := _fitting([signature], body, known):
        yield Finding(causes.KNOWN_SECRET, f"Under {secret.name!r} the body carries exactly this signature.", secret)
    for secret in secrets:
        for cause, spelling in _SPELLINGS:
            other = respelled(secret, spelling)
            if other and compare_digest(other.sign(body), signature):
                yield Finding(cause, f"With that mended in {secret.name!r}, the body carries exactly this signature.", secret)


def _other_bytes(body: bytes) -> Iterator[tuple[Cause, str, bytes]]:
    """What PERSCOM may have signed, if something on the way changed it into ``body``."""
    stripped = body.removeprefix(b"\xef\xbb\xbf").strip()
    if stripped != body:
        yield causes.WHITE_SPACE, "Without that", stripped
    with suppress(ValueError):
        yield causes.COMPRESSED, "Unpacked", _unpacked(body)
    with suppress(ValueError):
        yield causes.REWRITTEN, "Written the way PHP writes JSON", as_php(body)


def _unpacked(body: bytes) -> bytes:
    """The content of gzip or zlib, and no more of it than is looked into. Raises ValueError when it is none."""
    import zlib  # hardly ever needed

    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, UNPACKED)
    except zlib.error as error:
        raise ValueError(str(error)) from None


_SPELLINGS: tuple[tuple[Cause, Callable[[bytes], bytes]], ...] = (
    (causes.SPACED_HERE, lambda key: key.strip().strip(b"\"'").strip()),
    (causes.SPACED_HERE, lambda key: b"".join(key.split())),
    *((causes.SPACED_THERE, lambda key, space=space: key + space) for space in (b" ", b"\n", b"\r\n", b"\t", b"\xc2\xa0")),
    *((causes.SPACED_THERE, lambda key, space=space: space + key) for space in (b" ", b"\n", b"\t", b"\xc2\xa0")),
)
"""Slips in copying a secret, and the spelling that they may come from."""


def _probable(body: bytes) -> Finding:
    """What is likely when nothing gives the signature. How the body is written tells whether PERSCOM wrote it."""
    try:
        Event.parse(body)
        untouched = _begins_as_in_perscom(body) and as_php(body) == body
    except (MalformedEvent, ValueError):
        return Finding(causes.NO_EVENT)
    if untouched:
        return Finding(causes.OTHER_SECRET, "The body is written just as PERSCOM writes, so it probably came untouched.")
    return Finding(
        causes.REWRITTEN, "PERSCOM writes JSON in another way. What it was cannot be told, so the secret may be wrong, too."
    )


_begins_as_in_perscom = re.compile(rb'\{"event":"[^"]*","created":"[^"]*","request_id":').match
