"""How a request leaves: a small protocol, so that tests and other HTTP clients can stand in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec

from .signing import SignedRequest

__all__ = ["ANSWER_HEAD", "Answer", "Transport"]

ANSWER_HEAD = 4096
"""Bytes of an answer that are kept."""


class Answer(msgspec.Struct, frozen=True):
    """What an endpoint answered. ``headers`` ignores case; ``body`` is the head of it, up to 4 KiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"<Answer {self.status}, {len(self.body)} bytes>"


class Transport(Protocol):
    """Sends one request, once, and follows no redirect."""

    async def send(self, request: SignedRequest, *, timeout: float) -> Answer:
        """What was answered within ``timeout`` seconds, connection and all.

        Raises :class:`~perscom_receiver.DeliveryError` when no whole answer came, and nothing else; its text holds no address.
        """

    async def close(self) -> None:
        """Close what is open. A later ``send`` opens it again."""
