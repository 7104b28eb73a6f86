"""Verified PERSCOM webhooks: sign, verify, read events, keep them in a durable inbox and handle them.

The frameworks are in ``perscom_receiver.starlette`` and ``perscom_receiver.flask``, the queue in ``perscom_receiver.queue``,
samples for tests in ``perscom_receiver.testing``. Importing this package loads nothing but msgspec: what needs SQLite or
asyncio is loaded when it is first named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors import (
    BodyTimeout,
    ConfigurationError,
    DeliveryError,
    DestinationError,
    EmptyBody,
    MalformedEvent,
    MalformedSignature,
    MethodRefused,
    MissingSignature,
    PayloadTooLarge,
    PerscomError,
    Refusal,
    SignatureMismatch,
    StaleEvent,
    Unavailable,
    VerificationError,
)
from ._event import EVENT_NAMES, Event
from ._hidden import HIDDEN_COLUMNS
from ._php_json import php_json
from ._receiver import Receiver
from ._retry import RetryPolicy
from ._router import Handler, Router
from ._signature import SIGNATURE_HEADER, Secret, Secrets, sign, verify
from ._verifier import Verifier

if TYPE_CHECKING:
    from ._inbox import DeadLetter, Health, SQLiteInbox
    from ._worker import Worker

__all__ = [
    "EVENT_NAMES",
    "HIDDEN_COLUMNS",
    "SIGNATURE_HEADER",
    "BodyTimeout",
    "ConfigurationError",
    "DeadLetter",
    "DeliveryError",
    "DestinationError",
    "EmptyBody",
    "Event",
    "Handler",
    "Health",
    "MalformedEvent",
    "MalformedSignature",
    "MethodRefused",
    "MissingSignature",
    "PayloadTooLarge",
    "PerscomError",
    "Receiver",
    "Refusal",
    "RetryPolicy",
    "Router",
    "SQLiteInbox",
    "Secret",
    "Secrets",
    "SignatureMismatch",
    "StaleEvent",
    "Unavailable",
    "VerificationError",
    "Verifier",
    "Worker",
    "php_json",
    "sign",
    "verify",
]

_LAZY = {"DeadLetter": "_inbox", "Health": "_inbox", "SQLiteInbox": "_inbox", "Worker": "_worker"}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    return value
