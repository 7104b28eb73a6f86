"""Why a request was refused, in the words of the one who has to mend it. For the local log only."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from hmac import compare_digest

from ._errors import MalformedSignature, MethodRefused, MissingSignature, Refusal, SignatureMismatch
from ._php_json import php_json
from ._signature import Secret

__all__ = ["likely_cause"]

LARGEST = 64 * 1024
"""Bytes of a body that is looked into. Strangers send these bodies, so the price of a look is bounded."""
PAUSE = 0.25
"""Seconds between two looks."""

_last_look = 0.0


def likely_cause(
    refusal: Refusal,
    method: str,
    query: bool,
    signature: str,
    body: bytes,
    secrets: tuple[Secret, ...],
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """One or two sentences. A cause is called certain only when the signature was reproduced."""
    match refusal:
        case MethodRefused() if method == "GET" and query:
            return "A GET webhook: what PERSCOM signed never travels. Set the method of the webhook to POST in PERSCOM."
        case MethodRefused() if method == "GET":
            return (
                "A GET without a query: probably a browser, or a POST that a redirect turned into a GET (http to https, "
                "another host). Give PERSCOM the final address."
            )
        case MissingSignature():
            return "No Signature header: not from a PERSCOM webhook, or a proxy removed it."
        case MalformedSignature():
            return f"{refusal} PERSCOM sends 64 lower-case hex digits, once, without a prefix."
        case SignatureMismatch():
            return f"Signature mismatch. {_mismatch(signature, body, secrets, clock)}"
        case _:
            return str(refusal)


def _mismatch(signature: str, body: bytes, secrets: tuple[Secret, ...], clock: Callable[[], float]) -> str:
    global _last_look
    likely = "Probably another secret than the one in PERSCOM's webhook form (or its retry from before a change)."
    if len(body) > LARGEST or clock() - _last_look < PAUSE:
        return likely
    _last_look = clock()
    for cause, variant in _variants(body):
        if any(compare_digest(secret.sign(variant), signature) for secret in secrets):
            return f"Certain: {cause}. The secret is right: let PERSCOM call this address without that step between."
    return likely


def _variants(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What PERSCOM may have signed, if something on the way changed it into ``body``."""
    if body != body.strip():
        yield "something added white space around the body on the way", body.strip()
    try:
        value = json.loads(body)
        yield "something parsed the body and wrote it again on the way", php_json(value)
    except (ValueError, TypeError, RecursionError):
        return
