"""What every destination looks like to those who send."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec

from ._message import Message

__all__ = ["Destination", "Receipt"]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Proof that a platform took a message; enough to edit it or to answer it later. Holds no token."""

    platform: str
    """``"discord"``, ``"slack"`` or ``"telegram"``."""
    message_id: str | None = None
    """The platform's id of the message; None where the platform tells none (Slack's incoming webhooks)."""
    channel_id: str | None = None
    thread_id: str | None = None


@runtime_checkable
class Destination(Protocol):
    """A place that messages go to. One instance may be used by many tasks of one event loop at once."""

    name: str
    """As the operator calls it, for logs; never an address."""

    async def send(self, message: Message, *, previous: Receipt | None = None, thread: str | None = None) -> Receipt:
        """Post the message once, or edit ``previous``, or post into ``thread``.

        Never retries by itself. Raises :class:`perscom_receiver.DestinationError`, whose ``outcome`` tells what follows,
        and nothing else; no text of it holds a token or an address.
        """
        ...
