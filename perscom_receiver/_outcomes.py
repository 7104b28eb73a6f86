"""What follows from the end of a call: the one place that decides what a handler's return and its errors mean.

docs/developers.md has the table of it, :class:`~perscom_receiver.Worker` the short form.
"""

from __future__ import annotations

import logging
import random

import msgspec

from ._context import Done
from ._errors import DestinationError
from ._retry import RetryPolicy
from ._router import Handler
from .queue import Result, State, Task

__all__ = ["cut_off_too_often", "done", "failed"]

_log = logging.getLogger("perscom_receiver")

LARGEST_RECEIPT = 64 * 1024
"""Bytes of a receipt that is kept. The ten newest are read again with each event about the same thing."""
_NOT_TOLD = (500, 502, 504, *range(520, 528))
"""Statuses of a server that may have done the work before it, or a proxy in front of it, failed."""
_SHORTEST = 1.0
"""Seconds between two attempts, whatever a handler says."""


def done(handler: Handler, task: Task, returned: object) -> Result:
    """The handler has returned."""
    _log.info("handled %s %s by %s", task.event.id[:12], task.event.name, handler.key)
    told = returned if isinstance(returned, Done) else Done(receipt=returned)
    if told.flaw is not None:
        _log.error("given up %s: %s %s: %s", handler.key, task.event.name, task.event.id[:12], told.flaw)
    return Result(
        state=State.DONE if told.flaw is None else State.DEAD,
        outcome="done" if told.flaw is None else "rejected",
        receipt=_receipt(handler, told.receipt),
        receipts={event: _receipt(handler, receipt) for event, receipt in told.receipts.items()},
        rest=told.rest or None,
        pace=handler.pace,
        error=told.flaw,
    )


def _receipt(handler: Handler, returned: object) -> str | None:
    """A receipt as it is stored. The work is done by now, so one that cannot be written down must not repeat it."""
    if not isinstance(returned, msgspec.Struct):
        return None
    try:
        receipt = msgspec.json.encode(returned)
    except Exception:  # noqa: BLE001 - whatever it consists of
        _log.exception("The receipt of %s cannot be kept", handler.key)
        return None
    if len(receipt) > LARGEST_RECEIPT:
        _log.error("The receipt of %s is not kept: it has %d bytes, at most %d", handler.key, len(receipt), LARGEST_RECEIPT)
        return None
    return receipt.decode()


def cut_off_too_often(handler: Handler, task: Task, retry: RetryPolicy, now: float) -> Result | None:
    """The end of a task whose attempts were cut off until the patience was over: it may be what ends the process each time."""
    # One crash with a long rest behind it proves nothing: after it the task is called again, however old it is by then.
    if not task.unclear or task.attempt <= 2 or _wait(task, None, retry, now) is not None:
        return None
    text = "Its attempts were cut off again and again (a crash, or a stop) until the patience was over."
    _log.error("given up %s: %s %s, attempt %d: %s", handler.key, task.event.name, task.event.id[:12], task.attempt, text)
    return Result(state=State.DEAD, outcome="unclear", error=text)


def failed(handler: Handler, task: Task, error: BaseException, retry: RetryPolicy, now: float) -> Result:
    """The handler has raised; with a line in the log. ``now`` is in seconds since 1970."""
    known = error if isinstance(error, DestinationError) else None
    status = known.status if known else None
    outcome = known.outcome if known else "retry"
    text = str(error) if known else f"{type(error).__name__} (see the log)"
    text = text.encode(errors="replace").decode()  # half a surrogate pair cannot be stored
    if outcome == "retry" and status in _NOT_TOLD:
        outcome = "unclear"
    who = f"{handler.key}: {task.event.name} {task.event.id[:12]}, attempt {task.attempt}"
    if known is None:
        _log.error("failed %s", who, exc_info=error)
    if outcome == "permanent":
        # Not this event but the destination is at fault: it is switched off, and its events are kept.
        _log.error("switched off %s: %s", handler.key, text)
        return Result(state=State.WAITING, outcome=outcome, pause=text, error=text, status=status)
    wait = _wait(task, known, retry, now)
    if outcome == "rejected" or wait is None or (outcome == "unclear" and not handler.repeat_unclear):
        _log.error("given up %s: %s", who, text)
        return Result(state=State.DEAD, outcome=outcome, error=text, status=status)
    _log.warning("will retry %s in %.0f s: %s", who, wait, text)
    pace = known.pace if known and known.retry_after is not None else None
    return Result(
        state=State.WAITING,
        outcome=outcome,
        at=now + wait,
        hold=handler.hold,
        rest=wait if pace else None,
        pace=pace,
        error=text,
        status=status,
    )


def _wait(task: Task, error: DestinationError | None, retry: RetryPolicy, now: float) -> float | None:
    """Seconds until the next attempt; None to give up."""
    if error is not None and error.retry_after is not None:
        return max(error.retry_after, _SHORTEST)  # a platform that names a time has not refused
    # The patience counts from the first real attempt: an event may have waited long for a destination that was off.
    age = 0.0 if task.first is None else now - task.first
    return retry.delay(task.attempt, age=age, chance=random.random())
