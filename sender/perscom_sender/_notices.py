"""What a program is told while its sender works: lines in the log, and a notice when somebody should look."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from perscom_receiver.queue import State

from ._settle import Settled, Try
from .subscription import Subscription

__all__ = ["Notice", "tell"]

_log = logging.getLogger("perscom_sender")


class Notice(msgspec.Struct, frozen=True):
    """A subscription was disabled: its events are kept, and somebody should look."""

    subscription: Subscription
    reason: str


def tell(ended: Try, settled: Settled, notice: Callable[[Notice], object]) -> None:
    """Write what became of a try into the log of the program, and give notice of a subscription that it disabled."""
    row, task, verdict = ended.row, ended.task, ended.verdict
    if settled.result is not None and settled.result.state is State.DONE and not _log.isEnabledFor(logging.INFO):
        return  # what happens thousands of times a second
    who = f"{task.event.name} {task.event.id[:12]} to subscription {row.subscription.id} ({row.subscription.host})"
    result = settled.result
    if result is None:
        _log.warning("sent %s, but too late: another worker has it by now", who)
    elif result.state is State.DONE:
        _log.info("sent %s", who)
    elif result.state is State.DEAD:
        _log.error("given up %s, attempt %d: %s", who, task.attempt, verdict.error)
    else:
        _log.warning("failed %s, attempt %d: %s", who, task.attempt, verdict.error)
    if settled.disabled is not None:
        _log.error("disabled subscription %d (%s): %s", row.subscription.id, row.subscription.host, settled.disabled)
        try:
            notice(Notice(msgspec.structs.replace(row.subscription, disabled=settled.disabled), settled.disabled))
        except Exception:  # noqa: BLE001 - it is code of others
            _log.exception("The notice of a disabled subscription failed")
