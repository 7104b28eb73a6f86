"""How a sender is doing, asked of indexes: what is in the log costs nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from perscom_receiver.queue import Connection, Queue

__all__ = ["SILENT_AFTER", "Health", "Standing", "read_health", "read_standing"]

# A count for each index: history has none of its own.
_TASKS = "(SELECT count(*) FROM task WHERE lane = s.lane AND state"
_STANDING = (
    f"SELECT {_TASKS} = 0 AND behind = 0) + {_TASKS} < 2 AND chain IS NOT NULL AND behind = 1) + {_TASKS} = 1),"
    f" {_TASKS} = 3), s.failures, lane.not_before FROM sender_subscription AS s JOIN lane ON lane.id = s.lane"
    " WHERE s.id = ? AND s.site = ? AND s.removed IS NULL"
)

# What waits besides deliveries: events in the outbox, and automations.
_OLDEST = (
    "SELECT CAST(created AS DOUBLE PRECISION) / 1e6 FROM perscom_outbox WHERE site = ? ORDER BY id LIMIT 1",
    "SELECT at FROM sender_run WHERE site = ? AND outcome = 'waiting' ORDER BY id LIMIT 1",
)

SILENT_AFTER = 15.0
"""Seconds without a sign of life after which whoever delivered counts as gone: its leases have run out, too."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Whether somebody delivers. Ages in seconds."""

    overdue: float | None
    """For how long there has been something to send; None: there is nothing. What rests or is disabled is not to be sent."""
    worker_seen: float | None
    """Since when nothing was seen of a process that delivers; None: none was seen, or all have ended as they should."""

    @property
    def delivering(self) -> bool:
        """Whether a process that delivers was seen just now."""
        return self.worker_seen is not None and self.worker_seen <= SILENT_AFTER

    @property
    def worked(self) -> bool:
        """False when something is to be sent and nobody sends it."""
        return self.delivering or self.overdue is None or self.overdue <= SILENT_AFTER


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one subscription is doing."""

    waiting: int
    """Deliveries that wait or are being sent."""
    failed: int
    """Deliveries that were given up."""
    failures: int
    """Failed tries in a row."""
    rests_until: datetime | None
    """Aware, in UTC: nothing is sent before, since its breaker is open, it asked for a rest, or its rate is used up."""


def read_health(connection: Connection, queue: Queue, now: float) -> Health:
    """The health of the sender that has ``queue``. ``now`` is in seconds since 1970.

    Asks for the sender's own tables only where there are any: a file with an inbox alone has none.
    """
    moments = [queue.next_ready(connection)]
    if connection.execute("SELECT 1 FROM lane WHERE site = ? AND queue = ? LIMIT 1", (queue.site, queue.name)).fetchone():
        for oldest in _OLDEST:
            left = connection.execute(oldest, (queue.site,)).fetchone()
            moments.append(None if left is None else left[0])
    since = min((moment for moment in moments if moment is not None), default=now)
    seen = connection.execute("SELECT max(seen) FROM worker WHERE site = ?", (queue.site,)).fetchone()[0]
    return Health(overdue=now - since if since < now else None, worker_seen=None if seen is None else max(0.0, now - seen))


def read_standing(connection: Connection, site: str, number: int, now: float) -> Standing | None:
    """How the subscription of this number is doing; None when there is none. ``now`` is in seconds since 1970."""
    row = connection.execute(_STANDING, (number, site)).fetchone()
    if row is None:
        return None
    waiting, failed, failures, until = row
    rests = datetime.fromtimestamp(until, UTC) if until > now else None
    return Standing(waiting=waiting, failed=failed, failures=failures, rests_until=rests)
