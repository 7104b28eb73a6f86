"""What a platform is to the stand-in: requests in, answers out, and a record of each. No socket in here.

A further platform is one more module with a class of this shape; the server and the faults are the same for all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

__all__ = ["Arrival", "Incoming", "Platform", "Posted", "Refused", "Reply", "json_of"]


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it arrived. The keys of ``headers`` are in lower case; ``at`` is aware."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: datetime

    def arrival(self, platform: str, payload: object = None) -> Arrival:
        """Its record, before ``platform`` has judged it."""
        return Arrival(platform=platform, method=self.method, path=self.path, query=self.query, payload=payload, at=self.at)


class Reply(msgspec.Struct, frozen=True):
    """An answer: status, body and headers."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Refused(Exception):
    """A request that gets an error for an answer. Its text is for the record."""

    def __init__(self, reply: Reply, cause: str) -> None:
        super().__init__(cause)
        self.reply = reply


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One request that arrived, whatever became of it."""

    platform: str
    """``"discord"``, ``"slack"`` or ``"telegram"``; empty where none knows the path or a fault struck before one looked."""
    destination: str = ""
    """The name given when the webhook, the channel or the chat was made."""
    method: str
    path: str
    query: Mapping[str, str]
    payload: object = None
    """The decoded body; None if there was none, or nobody read it."""
    at: datetime
    """When it arrived (aware)."""
    status: int | None = None
    """The status of the platform's answer; None if a fault struck before it had one."""
    refusal: str | None = None
    """Why the platform did not take it; None if it did, or was not asked."""
    message_id: str | None = None
    channel_id: str | None = None
    pings: frozenset[str] = frozenset()
    """Who would be notified: ``"everyone"``, ``"user:ID"``, ``"role:ID"``, ``"@name"``."""
    fault: str | None = None
    """The scripted fault that it met."""
    mistake: bool = False
    """It asked for what is not played here: a wrong address, or a hole in the stand-in. A test should see none."""


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it now stands in a channel."""

    platform: str
    destination: str
    message_id: str
    channel_id: str
    payload: Mapping[str, object]
    at: datetime
    pings: frozenset[str]
    """Who was notified when it was posted."""
    edits: tuple[Mapping[str, object], ...] = ()
    """The bodies of the edits, oldest first; ``payload`` is what they made of the message."""
    edited_at: datetime | None = None


class Platform(Protocol):
    """One platform's rules and memory."""

    name: str

    def messages(self) -> list[Posted]:
        """The messages that stand in its channels, oldest first."""
        ...

    def answer(self, request: Incoming) -> tuple[Reply, Arrival] | None:
        """What the platform answers, after it did what was asked; None if the path is none of its own."""
        ...


def json_of(body: bytes) -> object:
    """The decoded body; None if it is no JSON."""
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no JSON")
