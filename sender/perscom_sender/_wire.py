"""The request that delivers an event, signed with the secrets of its subscription."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from perscom_receiver.queue import Connection

from ._rows import Row, StoredSecret, find
from .signing import SignedRequest, Signer

__all__ = ["signed", "signed_again"]

_MOST_SIGNERS = 1024
"""Subscriptions whose keys are kept prepared."""


def signed(row: Row, body: bytes, event_id: str, now: float) -> SignedRequest:
    """The request that sends an event: the same bytes in every try. ``now`` is in seconds since 1970."""
    subscription = row.subscription
    signer = _signer(row.stored, subscription.standard)
    moment = datetime.fromtimestamp(now, UTC)
    return signer.request(subscription.method, subscription.url, body, message_id=event_id, now=moment)


def signed_again(connection: Connection, site: str, delivery: int, now: float) -> SignedRequest | None:
    """The request of a delivery of the log; None when there is none, its body is gone, or its subscription is."""
    found = connection.execute(
        "SELECT subscription.id, event.body, event.digest FROM task JOIN event ON event.id = task.event"
        " JOIN sender_subscription AS subscription ON subscription.lane = task.lane"
        " WHERE task.id = ? AND subscription.site = ?",
        (delivery, site),
    ).fetchone()
    row = None if found is None else find(connection, site, found[0])
    return None if row is None or found[1] is None else signed(row, found[1], found[2].hex(), now)


@lru_cache(maxsize=_MOST_SIGNERS)
def _signer(stored: tuple[StoredSecret, ...], standard: bool) -> Signer:
    return Signer(*(one.secret() for one in stored), standard=standard)
