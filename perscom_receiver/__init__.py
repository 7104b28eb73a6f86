"""Verified PERSCOM webhooks: sign, verify, read events, keep them in a durable inbox and handle them.

The frameworks are in ``perscom_receiver.starlette`` and ``perscom_receiver.flask``, the queue in ``perscom_receiver.queue``,
samples for tests in ``perscom_receiver.testing``. Importing this package loads nothing but msgspec: what needs SQLite or
asyncio is loaded when it is first named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from ._context import Context, Done
from ._errors import (
    BodyTimeout,
    ConfigurationError,
    DeliveryError,
    DestinationError,
    EmptyBody,
    ExpiredSecret,
    MalformedEvent,
    MalformedSignature,
    MethodRefused,
    MissingSignature,
    Outcome,
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
from ._tasks import Group, Told
from ._verifier import Verifier

if TYPE_CHECKING:
    from ._addresses import AddressGuard, AddressRefused, is_public_address
    from ._dead_letters import DeadLetter
    from ._explain import Difference, Explanation, explain
    from ._health import Health
    from ._inbox import SQLiteInbox
    from ._nats import IngestHealth, JetStream
    from ._purge import Purged
    from ._replay import Missed
    from ._resources import (
        AssignmentRecord,
        AwardRecord,
        Calendar,
        CalendarEvent,
        CombatRecord,
        PerscomMessage,
        QualificationRecord,
        RankRecord,
        Record,
        Related,
        ServiceRecord,
        Submission,
        User,
    )
    from ._standard import StandardSigner, StandardVerifier
    from ._worker import Worker

__all__ = [
    "EVENT_NAMES",
    "HIDDEN_COLUMNS",
    "SIGNATURE_HEADER",
    "UNSET",
    "AddressGuard",
    "AddressRefused",
    "AssignmentRecord",
    "AwardRecord",
    "BodyTimeout",
    "Calendar",
    "CalendarEvent",
    "CombatRecord",
    "ConfigurationError",
    "Context",
    "DeadLetter",
    "DeliveryError",
    "DestinationError",
    "Difference",
    "Done",
    "EmptyBody",
    "Event",
    "ExpiredSecret",
    "Explanation",
    "Group",
    "Handler",
    "Health",
    "IngestHealth",
    "JetStream",
    "MalformedEvent",
    "MalformedSignature",
    "MethodRefused",
    "Missed",
    "MissingSignature",
    "Outcome",
    "PayloadTooLarge",
    "PerscomError",
    "PerscomMessage",
    "Purged",
    "QualificationRecord",
    "RankRecord",
    "Receiver",
    "Record",
    "Refusal",
    "Related",
    "RetryPolicy",
    "Router",
    "SQLiteInbox",
    "Secret",
    "Secrets",
    "ServiceRecord",
    "SignatureMismatch",
    "StaleEvent",
    "StandardSigner",
    "StandardVerifier",
    "Submission",
    "Told",
    "Unavailable",
    "User",
    "VerificationError",
    "Verifier",
    "Worker",
    "explain",
    "is_public_address",
    "php_json",
    "sign",
    "verify",
]

_LAZY = {
    "AddressGuard": "_addresses",
    "AddressRefused": "_addresses",
    "AssignmentRecord": "_resources",
    "AwardRecord": "_resources",
    "Calendar": "_resources",
    "CalendarEvent": "_resources",
    "CombatRecord": "_resources",
    "DeadLetter": "_dead_letters",
    "Difference": "_explain",
    "Explanation": "_explain",
    "Health": "_health",
    "IngestHealth": "_nats",
    "JetStream": "_nats",
    "Missed": "_replay",
    "PerscomMessage": "_resources",
    "Purged": "_purge",
    "QualificationRecord": "_resources",
    "RankRecord": "_resources",
    "Record": "_resources",
    "Related": "_resources",
    "SQLiteInbox": "_inbox",
    "ServiceRecord": "_resources",
    "StandardSigner": "_standard",
    "StandardVerifier": "_standard",
    "Submission": "_resources",
    "User": "_resources",
    "Worker": "_worker",
    "explain": "_explain",
    "is_public_address": "_addresses",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    return value
