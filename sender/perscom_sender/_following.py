"""Runs the automations that wait: tried one by one outside of any transaction, and kept with what they send in one.

A run waits from the transaction on that stored its event. What came of it is kept only while it still waits, so that whoever is
killed, or comes second, has done nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec

from perscom_receiver import Unavailable
from perscom_receiver.queue import Connection

from . import _publish
from ._automations import COLUMNS, as_automation
from ._patterns import Recipient
from ._rows import find
from ._store import Store
from .automations import Automation, Context, Outcome, dry_run

__all__ = ["Following"]

_log = logging.getLogger("perscom_sender")

SLICE: Final = 0.05
"""Seconds after which what was tried is kept, before more is."""
LONGEST_WHY: Final = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Envelope(msgspec.Struct, frozen=True):
    trace_id: str | None = None
    data: Any = None
    changes: Any = None


_decode = msgspec.json.Decoder(_Envelope).decode


class _Waiting(msgspec.Struct, frozen=True):
    id: int
    event: int
    entity: str | None
    told: bytes
    name: str | None
    """Of the event; None: it is not there any more."""
    created: int | None
    """In microseconds since 1970."""
    request_id: str | None
    body: bytes | None
    automation: Automation


class _Tried(msgspec.Struct, frozen=True):
    run: _Waiting
    outcome: Outcome
    why: str = ""
    event: _publish.Draft | None = None
    """What is to be sent."""

    def __str__(self) -> str:
        automation = self.run.automation
        end = f"; {self.why}" if self.why else ""
        return f"automation {automation.id} {automation.name!r} on {automation.trigger}: {self.outcome}{end}"


class Following:
    """The chore of a sender that runs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep_running(self, pause: float) -> None:
        """Run what waits again and again, ``pause`` seconds after each look that found nothing.

        A task of its own, and its work in a thread: it delays no delivery.
        """
        while True:
            ran = 0
            try:
                ran = await self.run_some()
            except Unavailable as error:
                _log.error("Automations could not be run, and are tried again: %s", error)
            if not ran:
                await asyncio.sleep(pause)

    async def run_some(self) -> int:
        """Run some of what waits, oldest first. Returns how many there were. Raises Unavailable."""
        tried = await asyncio.to_thread(self._try_some)
        if tried:
            for kept in await self._store.awrite(partial(self._keep, tried=tried)):
                level = logging.WARNING if kept.outcome == "failed" else logging.INFO
                _log.log(level, "Event %d: %s", kept.run.event, kept)
        return len(tried)

    def _try_some(self) -> list[_Tried]:
        until, tried, after = time.monotonic() + SLICE, list[_Tried](), 0
        while time.monotonic() < until:
            run = self._store.read(partial(_next, site=self._store.site, after=after))
            if run is None:
                break
            try:
                tried.append(self._try(run))
            except Exception as error:  # noqa: BLE001 - our own fault, for which the others must not wait
                # Without its text, which may hold a value.
                tried.append(_Tried(run, "failed", f"the sender raised {type(error).__name__}, which is a mistake in it"))
            after = run.id
        return tried

    def _try(self, run: _Waiting) -> _Tried:
        automation = run.automation
        if not automation.enabled:
            return _Tried(run, "failed", "it was switched off or removed before it ran")
        if run.name is None or run.created is None or run.body is None:
            return _Tried(run, "failed", "the body of its event is not kept any more")
        envelope, told = _decode(run.body), _publish.decode_told(run.told)
        now = _EPOCH + timedelta(microseconds=run.created)
        data, changes = _object(envelope.data), _object(envelope.changes or {})
        context = Context.of(run.name, data, changes, old=told.old, causer=told.causer, now=now)
        result = dry_run(automation, context)
        why = _line("; ".join(filter(None, (result.why, *result.unrendered))))
        if result.outcome != "executed":
            return _Tried(run, result.outcome, why)
        try:
            event = _publish.draft(
                run.name,
                result.data,
                result.changes,
                run.request_id,
                envelope.trace_id,
                None,
                max(self._store.tick(), run.created + 1),  # behind it, whichever process published it
                entity=run.entity,
            )
        except (ValueError, TypeError):
            return _Tried(run, "failed", "no receiver could read what would be sent")
        return _Tried(run, "executed", why, event)

    def _keep(self, connection: Connection, tried: list[_Tried]) -> list[_Tried]:
        """Those that still waited, in the transaction of ``connection``, with what became of them."""
        now, kept = self._store.now(), []
        for one in tried:
            recipient = None if one.event is None else _recipient(connection, self._store.site, one.run.automation.subscription)
            if one.event is not None and recipient is None:
                one = _Tried(one.run, "failed", "its subscription was removed")
            if connection.execute(
                "UPDATE sender_run SET outcome = ?, why = ?, at = ?, told = NULL WHERE id = ? AND outcome = 'waiting'",
                (one.outcome, one.why, now, one.run.id),
            ).rowcount:
                kept.append(one)
                if one.event is not None and recipient is not None:
                    sent = _publish.insert(connection, self._store.queue, one.event, now, [recipient])
                    connection.execute("UPDATE sender_run SET sent = ? WHERE id = ?", (sent, one.run.id))
        return kept


def _object(value: Any) -> Mapping[Any, Any]:
    """What was published as an object: PHP writes one with the keys 0 to n-1, or none, as a list."""
    return value if isinstance(value, dict) else dict(enumerate(value))


def _line(text: str) -> str:
    """One line of text: keys of a template may stand in it, as long as they are and with whatever is in them."""
    kept = text if len(text) <= LONGEST_WHY else f"{text[: LONGEST_WHY - 1]}…"
    return "".join(letter if letter.isprintable() else " " for letter in kept)


def _next(connection: Connection, site: str, after: int) -> _Waiting | None:
    row = connection.execute(
        f"SELECT run.id, run.event, run.entity, run.told, event.name, event.created, event.request_id, event.body, {COLUMNS}"
        " FROM sender_run AS run JOIN sender_automation AS a ON a.id = run.automation LEFT JOIN event ON event.id = run.event"
        " WHERE run.site = ? AND run.outcome = 'waiting' AND run.id > ? ORDER BY run.id LIMIT 1",
        (site, after),
    ).fetchone()
    if row is None:
        return None
    number, event, entity, told, name, created, request_id, body, *rest = row
    return _Waiting(number, event, entity, told, name, created, request_id, body, as_automation(rest))


def _recipient(connection: Connection, site: str, subscription: int) -> Recipient | None:
    row = find(connection, site, subscription)
    return None if row is None else row.recipient
