"""What follows from a try: done, another one, a rest for the endpoint, or its end. In the transaction that keeps the try."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from math import inf

import msgspec

from perscom_receiver import ConfigurationError
from perscom_receiver.queue import Connection, Queue, Result, State, Task

from ._patterns import places
from ._rows import Row, find, hold, set_width
from ._verdict import Verdict

__all__ = ["Breaking", "Settled", "Try", "settle"]

_log = logging.getLogger("perscom_sender")

LONGEST_PAUSE = 60.0
"""Seconds that an endpoint rests which asks for fewer requests and names no time."""
_DAY = 86_400.0
_GONE = "The endpoint answered 410: it wants no more events."
# A round of tries begins with the event, or with sending it again by hand; one that was cut off ends none, and an endpoint that
# asks for time has not refused.
_TRIES = (
    "SELECT count(*) FROM attempt WHERE task = ? AND outcome <> 'busy' AND n > coalesce("
    "(SELECT max(n) FROM attempt WHERE task = ? AND next IS NULL AND outcome <> 'unclear'), 0)"
)


class Breaking(msgspec.Struct, frozen=True, kw_only=True):
    """When an endpoint that fails is left alone. All times are seconds.

    After ``after`` failures in a row it rests for ``rest``, then it gets one request at a time; when that fails too it rests
    twice as long, up to ``longest``. One success ends it. After ``disable_after`` of nothing but failures (None: never) the
    subscription is disabled; its events are kept.
    """

    after: int = 5
    rest: float = 30.0
    longest: float = 900.0
    disable_after: float | None = 5 * _DAY

    def __post_init__(self) -> None:
        if self.after < 1 or not 1 <= self.rest <= self.longest < inf or (self.disable_after or 1) <= 0:
            raise ConfigurationError("Breaking needs after >= 1, 1 <= rest <= longest and disable_after > 0 or None.")


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """A request that has ended."""

    row: Row
    task: Task
    verdict: Verdict
    ms: float
    """How long it took, in milliseconds."""
    chance: float
    """A number in [0, 1) for the jitter of the next one."""


class Settled(msgspec.Struct, frozen=True):
    """What became of a try. ``result`` is None when the lease was lost: somebody else has the delivery."""

    result: Result | None
    disabled: str | None = None
    """Why the subscription was disabled by it."""


def settle(connection: Connection, queue: Queue, tries: Sequence[Try], now: float, breaking: Breaking) -> list[Settled]:
    """Keep how tries ended."""
    if not tries:
        return []
    if not all(one.verdict.done for one in tries):  # what is known of their endpoints is about to be changed
        hold(connection, {one.row.subscription.id for one in tries})
    _close_breakers(connection, queue, {one.row.subscription.id for one in tries if one.verdict.done})
    ends = [_end(connection, queue, one, now, breaking) for one in tries]
    kept = queue.settle_all(connection, [(one.task, result) for one, (result, _) in zip(tries, ends, strict=True)], now)
    for number in {one.row.subscription.id for one in tries if not one.verdict.done}:
        set_width(connection, queue, number)
    # Where the lease was lost the breaker has learned of it all the same: the try was made.
    return [Settled(*end) if held else Settled(None) for end, held in zip(ends, kept, strict=True)]


def _end(connection: Connection, queue: Queue, one: Try, now: float, breaking: Breaking) -> tuple[Result, str | None]:
    """The result of a try, and why the subscription is to be disabled, if it is."""
    verdict = one.verdict
    base = Result(
        state=State.DONE, outcome=verdict.kind, status=verdict.status, error=verdict.error, answer=verdict.answer, ms=one.ms
    )
    if verdict.done:
        return base, None
    row = find(connection, queue.site, one.row.subscription.id)
    if row is None:  # removed meanwhile
        return msgspec.structs.replace(base, state=State.DEAD), None
    result, reason = _failed(connection, row, one.task, verdict, base, now, one.chance, breaking)
    return result, reason if row.subscription.enabled else None


def _close_breakers(connection: Connection, queue: Queue, numbers: Collection[int]) -> None:
    """One success ends what failures began."""
    failing = connection.execute(
        f"SELECT id, lane, open_until FROM sender_subscription WHERE id IN ({places(numbers)}) AND failures > 0"
        " ORDER BY id /*pg FOR UPDATE*/",
        tuple(numbers),
    ).fetchall()
    for number, lane, until in failing:
        connection.execute(
            "UPDATE sender_subscription SET failures = 0, failing_since = NULL, trips = 0, open_until = 0 WHERE id = ?",
            (number,),
        )
        # A rest for no other reason.
        connection.execute("UPDATE lane SET not_before = 0 WHERE id = ? AND not_before = ?", (lane, until))
        set_width(connection, queue, number)


def _failed(
    connection: Connection,
    row: Row,
    task: Task,
    verdict: Verdict,
    base: Result,
    now: float,
    chance: float,
    breaking: Breaking,
) -> tuple[Result, str | None]:
    """The result of a failed try, and why the subscription is to be disabled, if it is."""
    tries = connection.execute(_TRIES, (task.id, task.id)).fetchone()[0] + 1
    if verdict.kind == "gone":
        return msgspec.structs.replace(base, state=State.WAITING, pause=_GONE), _GONE
    schedule = row.subscription.schedule
    if verdict.kind == "busy":
        wait = schedule.delay(min(tries, len(schedule.waits)), chance=chance)
        asked = verdict.retry_after if verdict.retry_after is not None else min(wait or LONGEST_PAUSE, LONGEST_PAUSE)
        asked = max(asked, 1.0)
        return msgspec.structs.replace(base, state=State.WAITING, at=now + asked, rest=asked), None
    rest, reason = _break(connection, row, now, breaking)
    if verdict.retry_after:
        rest = max(rest or 0.0, verdict.retry_after)
    wait = schedule.delay(tries, chance=chance)
    if wait is None:
        return msgspec.structs.replace(base, state=State.DEAD, rest=rest, pause=reason), reason
    at = now + max(wait, verdict.retry_after or 0.0)
    return msgspec.structs.replace(base, state=State.WAITING, at=at, rest=rest, pause=reason), reason


def _break(connection: Connection, row: Row, now: float, breaking: Breaking) -> tuple[float | None, str | None]:
    """Note the failure. Seconds that the endpoint rests from now on, if its breaker opens, and why it is disabled, if it is."""
    was = row.breaker
    failures, since, trips, until = was.failures + 1, was.since if was.since is not None else now, was.trips, was.open_until
    rest = None
    if failures >= breaking.after and now >= until:  # others that were on their way when it opened do not open it again
        rest = min(breaking.rest * 2 ** min(trips, 32), breaking.longest)
        trips, until = trips + 1, now + rest
        _log.warning("%s failed %d times in a row and rests for %.0f s", _who(row), failures, rest)
    connection.execute(
        "UPDATE sender_subscription SET failures = ?, failing_since = ?, trips = ?, open_until = ? WHERE id = ?",
        (failures, since, trips, until, row.subscription.id),
    )
    if breaking.disable_after is not None and now - since >= breaking.disable_after and failures >= breaking.after:
        return rest, f"Every request of the last {(now - since) / _DAY:.1f} days failed."
    return rest, None


def _who(row: Row) -> str:
    return f"subscription {row.subscription.id} ({row.subscription.host})"
