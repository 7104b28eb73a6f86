"""By what trouble is known: what the database tells of a community, and what a witness has seen of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Final

import msgspec

from perscom_receiver import Health, Refusal, SQLiteInbox, Unavailable
from perscom_receiver.queue import Connection

from . import conditions, wording
from .overview import LaneRow, read_overview
from .recent import Burst, Recent
from .trouble import Outage

__all__ = ["SPAN", "GivenUp", "Signs", "Witness"]

SPAN: Final = 600.0
"""Seconds of calls and failures that are looked at."""
_DAY: Final = 86_400.0
_NEWEST: Final = 1000
"""Tasks of a destination that are looked at, of those that have come to an end."""
_LANE: Final = "SELECT id FROM lane WHERE site = ? AND queue = ? AND name = ?"
_GIVEN_UP: Final = (
    "SELECT count(*), max(id) FROM"
    " (SELECT id, settled FROM task WHERE lane = ? AND state = 3 ORDER BY id DESC LIMIT ?) AS newest WHERE settled > ?"
)
_OPEN: Final = "(task.state = 0 OR task.state = 1)"  # each has an index of its own
_FAILED_SINCE: Final = (  # what was switched off in between begins anew
    "SELECT min(attempt.started) FROM task CROSS JOIN attempt WHERE attempt.task = task.id"
    f" AND task.lane = ? AND {_OPEN} AND task.attempt > 0 AND attempt.outcome IN ('retry', 'unclear') AND attempt.started >"
    " (SELECT coalesce(max(started), 0) FROM attempt AS off WHERE off.task = task.id AND off.outcome = 'permanent')"
)
_DONE: Final = (
    "SELECT max(settled) FROM"
    " (SELECT settled FROM task WHERE lane = ? AND id > 0 AND state = 2 ORDER BY id DESC LIMIT ?) AS newest"
)
_WAITING: Final = (
    f"SELECT count(*), min(event.received) FROM task CROSS JOIN event WHERE event.id = task.event AND task.lane = ? AND {_OPEN}"
)
_ERROR: Final = f"SELECT error FROM task WHERE lane = ? AND {_OPEN} AND error IS NOT NULL ORDER BY due, id LIMIT 1"


class GivenUp(msgspec.Struct, frozen=True):
    """How many messages for one destination were given up in the last day, and why the newest."""

    destination: str
    count: int
    error: str


class Signs(msgspec.Struct, frozen=True, kw_only=True):
    """All that trouble is known by."""

    lanes: Collection[LaneRow]
    """The destinations of the file."""
    health: Health
    outages: Collection[Outage] = ()
    """Also those that have just begun."""
    given_up: Collection[GivenUp] = ()
    refused: Mapping[str, Burst] = {}
    """Calls that were refused in the last ten minutes, by the kind of refusal, and the cause that the log told last."""
    unstored: int = 0
    """Genuine calls of the last ten minutes that could not be stored."""
    failed: Mapping[tuple[str, str], Burst] = {}
    """Conditions and wordings that failed in the last ten minutes, by destination and outcome."""


class Witness:
    """Sees what happens in a community and is in no database; by the clock of its ``inbox``."""

    def __init__(self, inbox: SQLiteInbox) -> None:
        self._inbox = inbox
        self._began = inbox.now()
        self._refused: Recent[str] = Recent(inbox.now, SPAN)
        self._unstored: Recent[None] = Recent(inbox.now, SPAN)
        self._failed: Recent[tuple[str, str]] = Recent(inbox.now, SPAN)

    def refused(self, refusal: Refusal, cause: str) -> None:
        """A call was refused for the ``cause`` that the log tells."""
        if not isinstance(refusal, Unavailable):  # which is not about the call, and is seen by its status
            self._refused.note(type(refusal).__name__, cause)

    def unstored(self) -> None:
        """A call was answered with 503."""
        self._unstored.note(None)

    def posted(self, destination: str, outcome: str) -> None:
        """An attempt to post has ended. Of interest are those that a condition or a wording of the operator's spoiled."""
        if outcome in (conditions.FAILED, wording.FAILED):
            self._failed.note((destination, outcome))

    def signs(self, destinations: Collection[str]) -> Signs:
        """All there is to know of them, with what the database tells. Blocks for some queries."""
        overview = read_overview(self._inbox, 0)
        outages, given_up = self._inbox.database.read(partial(self._stored, destinations))
        return Signs(
            lanes=[lane for lane in overview.lanes if lane.name in destinations],
            health=overview.health,
            outages=outages,
            given_up=given_up,
            refused=self._refused.bursts(),
            unstored=self._unstored.bursts().get(None, Burst(0)).count,
            failed=self._failed.bursts(),
        )

    def _stored(self, destinations: Collection[str], connection: Connection) -> tuple[list[Outage], list[GivenUp]]:
        outages, given_up = [], []
        for name in destinations:
            lane = connection.execute(_LANE, (self._inbox.site, self._inbox.queue.name, name)).fetchone()
            if lane is not None:
                outages.append(self._outage(connection, name, lane[0]))
                given_up.append(self._given_up(connection, name, lane[0]))
        return [one for one in outages if one is not None], [one for one in given_up if one is not None]

    def _outage(self, connection: Connection, name: str, lane: int) -> Outage | None:
        """That the destination takes nothing, from the first failure on: as far as this process has lived through it, for a
        stop in the middle is no outage.
        """
        (failed,) = connection.execute(_FAILED_SINCE, (lane,)).fetchone()
        if failed is None:
            return None
        (done,) = connection.execute(_DONE, (lane, _NEWEST)).fetchone()
        waiting, oldest = connection.execute(_WAITING, (lane,)).fetchone()
        error = connection.execute(_ERROR, (lane,)).fetchone()
        now = self._inbox.now()
        return Outage(
            destination=name,
            since=now - max(failed, done or 0.0, self._began),
            waiting=waiting,
            oldest=now - oldest,
            error=error[0] if error else "Nobody knows.",
        )

    def _given_up(self, connection: Connection, name: str, lane: int) -> GivenUp | None:
        """The messages that were given up within a day, as far as the newest thousand go."""
        number, newest = connection.execute(_GIVEN_UP, (lane, _NEWEST, self._inbox.now() - _DAY)).fetchone()
        if not number:
            return None
        (error,) = connection.execute("SELECT error FROM task WHERE id = ?", (newest,)).fetchone()
        return GivenUp(name, number, error or "Nobody knows.")
