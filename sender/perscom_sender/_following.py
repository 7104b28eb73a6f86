"""What automations send beside an event, stored in the transaction that stores the event."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

import msgspec

from perscom_receiver.queue import Connection, Queue

from . import _publish
from .automations import Automation, Context, Run, run_all

__all__ = ["Following"]

_log = logging.getLogger("perscom_sender")


class Following:
    """The runs for one event. They are tried when this is made, outside of any transaction: it may take some milliseconds."""

    def __init__(
        self, automations: Iterable[Automation], name: str, context: Context, draft: Callable[..., _publish.Draft]
    ) -> None:
        """``draft`` makes an event of its ``data`` and ``changes``."""
        self._runs = run_all(automations, name, context)
        self._drafts = {
            place: draft(run.data, run.changes) for place, run in enumerate(self._runs) if run.outcome == "executed"
        }
        self._told: list[Run] = []

    def insert(self, connection: Connection, queue: Queue, now: float) -> None:
        """Store what is to be sent, in the transaction of ``connection``, which may be tried again."""
        self._told = list(self._stored(connection, queue, now))

    def _stored(self, connection: Connection, queue: Queue, now: float) -> Iterator[Run]:
        for place, run in enumerate(self._runs):
            lanes = _lanes(connection, queue.site, run.automation.subscription) if place in self._drafts else []
            if place in self._drafts and len(lanes) != 1:
                yield msgspec.structs.replace(run, outcome="failed", data=None, changes=None, why=_WHY[bool(lanes)])
                continue
            if lanes:
                _publish.insert(connection, queue, self._drafts[place], now, lanes)
            yield run

    def tell(self, number: int) -> None:
        """Write a line into the log for each run, once the event ``number`` is committed."""
        for run in self._told:
            _log.log(logging.WARNING if run.outcome == "failed" else logging.INFO, "Event %d: %s", number, run)


_WHY = ("there is no such subscription", "several subscriptions have this name; name it by its id")


def _lanes(connection: Connection, site: str, subscription: int | str) -> list[int]:
    column = "name" if isinstance(subscription, str) else "id"
    rows = connection.execute(
        f"SELECT lane FROM sender_subscription WHERE {column} = ? AND site = ? AND removed IS NULL LIMIT 2",
        (subscription, site),
    )
    return [int(lane) for (lane,) in rows]
