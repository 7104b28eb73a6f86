"""The request that delivers an event, signed with the secrets of its subscription."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from ._rows import Row, StoredSecret
from .signing import SignedRequest, Signer

__all__ = ["signed"]

_MOST_SIGNERS = 1024
"""Subscriptions whose keys are kept prepared."""


def signed(row: Row, body: bytes, event_id: str, now: float) -> SignedRequest:
    """The request that sends an event: the same bytes in every try. ``now`` is in seconds since 1970."""
    subscription = row.subscription
    signer = _signer(row.stored, subscription.standard)
    moment = datetime.fromtimestamp(now, UTC)
    return signer.request(subscription.method, subscription.url, body, message_id=event_id, now=moment)


@lru_cache(maxsize=_MOST_SIGNERS)
def _signer(stored: tuple[StoredSecret, ...], standard: bool) -> Signer:
    return Signer(*(one.secret() for one in stored), standard=standard)
