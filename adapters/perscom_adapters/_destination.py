"""What every destination looks like to those who send."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec

from perscom_receiver import DestinationError, Event

from ._message import Message
from ._pace import Pace

__all__ = ["Asks", "Deletes", "Destination", "Forwards", "Learns", "MessageGone", "OpensThreads", "Paced", "Receipt"]


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Proof that a platform took a message; enough to edit it or to answer it later. Holds no token."""

    platform: str
    """``"discord"``, ``"slack"`` or ``"telegram"``; ``"webhook"`` for an event that was forwarded."""
    message_id: str | None = None
    """The platform's id of the message; None where the platform tells none (Slack's incoming webhooks)."""
    channel_id: str | None = None
    thread_id: str | None = None
    """The thread it is in: what ``send`` takes as ``thread`` for what follows. None where it is in none."""
    moved_from: str | None = None
    """The chat that the destination was made for, where the platform has given it the id ``channel_id`` instead."""
    refused: str | None = None
    """What the platform said against the form of the message, where it was sent as plain text instead."""
    parts: tuple[str, ...] = ()
    """The ids of the messages that go on with it, in their order, for whoever sends what is too long in several."""

    @property
    def of_parts(self) -> tuple[Receipt, ...]:
        """A receipt for each of ``parts``: they are where the message is."""
        return tuple(msgspec.structs.replace(self, message_id=part, parts=()) for part in self.parts)


class MessageGone(DestinationError):
    """The message to be changed is there no more: somebody deleted it. The outcome is ``"rejected"``."""


@runtime_checkable
class Destination(Protocol):
    """A place that messages go to. One instance may be used by many tasks of one event loop at once."""

    name: str
    """As the operator calls it, for logs; never an address."""

    async def send(self, message: Message, *, previous: Receipt | None = None, thread: str | None = None) -> Receipt:
        """Post the message once, or edit ``previous``, or post into ``thread``.

        Never retries by itself, but for a message whose form is refused: that may be sent once more as plain text. Raises
        :class:`perscom_receiver.DestinationError`, whose ``outcome`` tells what follows, and nothing else: a
        :class:`MessageGone` where ``previous`` is there no more. No text of it holds a token or an address.
        """
        ...


@runtime_checkable
class Forwards(Protocol):
    """A place that events go to as they are, instead of messages about them. May be used as a :class:`Destination` may."""

    name: str
    """As the operator calls it, for logs; never an address."""

    async def forward(self, event: Event) -> Receipt:
        """Pass ``event`` on, once. Raises :class:`perscom_receiver.DestinationError` as ``Destination.send`` does."""
        ...


@runtime_checkable
class Asks(Protocol):
    """A destination whose platform tells, without a message, whether it would take one."""

    async def ask(self) -> str:
        """Ask, and post nothing. Returns whom and what the platform has found, in words for the operator.

        The names in it are somebody's there. Raises :class:`perscom_receiver.DestinationError` as ``send`` does.
        """
        ...


@runtime_checkable
class Deletes(Protocol):
    """A destination that can take back what it posted."""

    async def delete(self, receipt: Receipt) -> None:
        """Delete the message of ``receipt``; not its ``parts``. Some platforms do so for a few days only.

        Raises :class:`perscom_receiver.DestinationError` as ``send`` does for an edit.
        """
        ...


@runtime_checkable
class OpensThreads(Protocol):
    """A destination that can begin a thread for a message and all that follows it."""

    async def open_thread(self, message: Message, *, name: str) -> Receipt:
        """Post the message as the first of a new thread, called ``name`` where threads have names; that may be any text.

        The receipt's ``thread_id`` is None where the place turns out to have no threads: the message is posted all the same.
        Raises :class:`perscom_receiver.DestinationError` as ``send`` does.
        """
        ...


@runtime_checkable
class Paced(Protocol):
    """A destination whose platform has limits: whoever sends there should rest as ``pace`` says, so that none is met."""

    pace: Pace


@runtime_checkable
class Learns(Protocol):
    """A destination that can go on where an earlier one of the same settings, perhaps in another process, has left off."""

    def learn(self, receipt: Receipt) -> None:
        """Take over what ``receipt``, a newer one of the destination, tells about the place."""
        ...
