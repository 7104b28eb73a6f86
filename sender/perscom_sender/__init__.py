"""Signed events for subscribed URLs: stored in one file, delivered, tried again and logged.

    sender = Sender("sender.db")
    sender.subscriptions.add("https://example.org/webhooks", "a secret for both sides", ["Records", "order.*"])
    await sender.publish("order.paid", {"id": 17})
    await sender.run(stop)

And by themselves: how PERSCOM writes and signs a body (``php_json``, ``sign``), and one signed request (``Signer``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from perscom_receiver import is_public_address, php_json, sign

if TYPE_CHECKING:
    from ._automations import Automations, Run
    from ._health import Health, Standing
    from ._notices import Notice
    from ._sender import Sender
    from ._settle import Breaking
    from ._subscriptions import Subscriptions
    from ._thread import SenderThread
    from .automations import Automation
    from .log import Attempt, Delivery, Log
    from .schedule import PERSCOM_SCHEDULE, STANDARD_SCHEDULE, Schedule
    from .signing import SignedRequest, Signer, new_secret
    from .subscription import EVENT_GROUPS, Subscription
    from .transport import Answer, Transport

__all__ = [
    "EVENT_GROUPS",
    "PERSCOM_SCHEDULE",
    "STANDARD_SCHEDULE",
    "Answer",
    "Attempt",
    "Automation",
    "Automations",
    "Breaking",
    "Delivery",
    "Health",
    "Log",
    "Notice",
    "Run",
    "Schedule",
    "Sender",
    "SenderThread",
    "SignedRequest",
    "Signer",
    "Standing",
    "Subscription",
    "Subscriptions",
    "Transport",
    "is_public_address",
    "new_secret",
    "php_json",
    "sign",
]

_LAZY = {
    "EVENT_GROUPS": "subscription",
    "PERSCOM_SCHEDULE": "schedule",
    "STANDARD_SCHEDULE": "schedule",
    "Answer": "transport",
    "Attempt": "log",
    "Automation": "automations",
    "Automations": "_automations",
    "Breaking": "_settle",
    "Delivery": "log",
    "Health": "_health",
    "Log": "log",
    "Notice": "_notices",
    "Run": "_automations",
    "Schedule": "schedule",
    "Sender": "_sender",
    "SenderThread": "_thread",
    "SignedRequest": "signing",
    "Signer": "signing",
    "Standing": "_health",
    "Subscription": "subscription",
    "Subscriptions": "_subscriptions",
    "Transport": "transport",
    "new_secret": "signing",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    return value
