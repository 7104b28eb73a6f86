"""What a worker plans: a lane for each handler, and for each new event a task in the lanes of the handlers that want it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ._errors import Unavailable
from ._event import EVENT_NAMES, Event
from ._inbox import SQLiteInbox
from ._pending import Pending
from ._router import Handler, Router
from .queue import Connection, Group

__all__ = ["AT_ONCE", "Planner"]

_log = logging.getLogger("perscom_receiver")

AT_ONCE = 200
"""Events planned, and tasks claimed, in one transaction."""
MOST_NEW_NAMES = 100
"""Names of events nobody knows that are told in the log; each is told once."""


class Planner:
    """The handlers of one router, and their lanes in one inbox."""

    def __init__(self, inbox: SQLiteInbox, router: Router) -> None:
        self.handlers: dict[str, Handler] = {}
        """Those that have a lane, by key."""
        self.lanes: dict[str, int] = {}
        """The id of the lane of each of them."""
        self._inbox = inbox
        self._router = router
        self._opened: tuple[Handler, ...] | None = None
        self._new_names: set[str] = set()

    async def open_lanes(self) -> bool:
        """Have a lane for each handler, also for those that were registered since. False when the database cannot commit."""
        handlers = self._router.handlers
        if handlers == self._opened:
            return True

        def open_lanes(connection: Connection) -> dict[str, int]:
            return {
                handler.key: self._inbox.queue.lane(
                    connection,
                    handler.key,
                    width=handler.concurrency,
                    repeat_unclear=handler.repeat_unclear,
                    fingerprint=handler.fingerprint,
                    pace=handler.pace,
                    late=handler.late,
                )
                for handler in handlers
            }

        try:
            self.lanes = await self._inbox.database.awrite(open_lanes)
            self.handlers = {handler.key: handler for handler in handlers}
            self._opened = handlers
            backlog = await self._inbox.database.aread(self._inbox.queue.backlog)
        except Unavailable as error:
            _log.error("The worker cannot begin: %s", error)
            return False
        if not handlers:
            _log.warning("The router has no handlers: events are stored and wait until it has one")
        for name, count in backlog:
            if name not in self.lanes:
                _log.warning("%d tasks wait for a handler called %r, which this worker does not have", count, name)
        return True

    def look(self, connection: Connection) -> tuple[float | None, list[Pending]]:
        """When a claim may find something at the earliest, and the events for which no tasks were made yet."""
        # Without handlers there are no plans: the events wait for a worker that has some.
        pending = self._inbox.pending(connection, AT_ONCE) if self.lanes else []
        return self._inbox.queue.next_ready(connection, self.lanes.values()), pending

    def plans(self, pending: Iterable[Pending]) -> list[tuple[Pending, dict[int, Group | None]]]:
        """Each event with the lanes of the handlers that want it and its group there, for ``SQLiteInbox.plan``."""
        return [(found, self._wanted_by(found)) for found in pending]

    def _wanted_by(self, found: Pending) -> dict[int, Group | None]:
        event = found.event
        if event is None:
            _log.error("What is stored in row %d is no event and is put aside. Is the disk well?", found.row)
            return {}
        lanes = {self.lanes[handler.key]: handler.grouped(event) for handler in self.handlers.values() if handler.wants(event)}
        if event.name not in EVENT_NAMES:
            self._tell_new_name(event)
        if not lanes:
            _log.info("no handler wants %s %s", event.id[:12], event.name)
        return lanes

    def _tell_new_name(self, event: Event) -> None:
        if event.name not in self._new_names and len(self._new_names) < MOST_NEW_NAMES:
            self._new_names.add(event.name)
            _log.warning(
                "PERSCOM sent %a, an event that this version does not know: stored, for the handlers whose patterns fit it",
                event.name[:100],
            )
