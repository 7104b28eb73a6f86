"""The lanes of a queue: what they are called, when they are ready for a claim, and what keeps them from it."""

from __future__ import annotations

from collections.abc import Collection

from ._changes import changed, refresh
from ._database import Connection
from ._statements import places
from ._tasks import LONGEST_WINDOW

__all__ = ["Lanes", "rest"]

_BEHIND = 0.001  # seconds
_LAST = "\U0010ffff"  # no text that begins as another one does lies behind that one with this character


class Lanes:
    """The lanes of one site under one name."""

    def __init__(self, site: str, name: str) -> None:
        self.site = site
        self.name = name

    def lane(
        self,
        connection: Connection,
        name: str,
        *,
        width: int = 1,
        repeat_unclear: bool = True,
        fingerprint: str | None = None,
        pace: str | None = None,
        late: float | None = None,
    ) -> int:
        """The id of the lane called ``name``, made or brought up to date. A changed ``fingerprint`` ends a pause.

        ``pace`` is a path that ends with a slash: lanes whose paths begin alike can be told to rest together. When more than
        ten tasks have waited for ``late`` seconds, all of these are claimed as one group.
        """
        row = connection.execute(
            "INSERT INTO lane (site, queue, name, width, repeat_unclear, fingerprint, pace, late)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site, queue, name) DO UPDATE"
            " SET width = excluded.width, repeat_unclear = excluded.repeat_unclear,"
            " paused = CASE WHEN coalesce(lane.fingerprint, '') = coalesce(excluded.fingerprint, '') THEN lane.paused END,"
            " fingerprint = excluded.fingerprint, pace = excluded.pace, late = excluded.late"
            " RETURNING id",
            (self.site, self.name, name, width, int(repeat_unclear), fingerprint, pace, late),
        ).fetchone()
        refresh(connection, row[0])
        return int(row[0])

    def pause(self, connection: Connection, name: str, reason: str) -> bool:
        """Pause a lane as a ``Result`` with ``pause`` does. False when it is not there, or paused already."""
        row = connection.execute(
            "UPDATE lane SET paused = ? WHERE site = ? AND queue = ? AND name = ? AND paused IS NULL RETURNING id",
            (reason, self.site, self.name, name),
        ).fetchone()
        if row is not None:
            refresh(connection, row[0])
        return row is not None

    def resume(self, connection: Connection, name: str) -> bool:
        """End the pause of a lane. False when it is not paused."""
        row = connection.execute(
            "UPDATE lane SET paused = NULL WHERE site = ? AND queue = ? AND name = ? AND paused IS NOT NULL RETURNING id",
            (self.site, self.name, name),
        ).fetchone()
        if row is not None:
            refresh(connection, row[0])
        return row is not None

    def rest(self, connection: Connection, lane: int, until: float, pace: str | None = None) -> None:
        """Give nothing of the lane with this id to anybody before ``until``, nor of others whose pace begins with ``pace``."""
        rest(connection, lane, until, pace)

    def bound(self, connection: Connection, latest: float) -> None:
        """Let nothing wait or be leased beyond ``latest``: a clock that ran ahead must not park a lane for years.

        What waits for its group may wait a day longer.
        """
        for (lane,) in connection.execute(
            "SELECT id FROM lane WHERE site = ? AND queue = ?", (self.site, self.name)
        ).fetchall():
            moved = connection.execute("UPDATE lane SET not_before = ? WHERE id = ? AND not_before > ?", (latest, lane, latest))
            moved_tasks = connection.execute(
                "UPDATE task SET due = ? WHERE lane = ? AND state = 0 AND behind IN (0, 1) AND due > ?"
                " AND (group_key IS NULL OR due > ?)",
                (latest, lane, latest, latest + LONGEST_WINDOW),
            )
            leases = connection.execute(
                "UPDATE task SET lease = ? WHERE lane = ? AND state = 1 AND lease > ?", (latest, lane, latest)
            )
            noted = connection.execute(
                "UPDATE lane_note SET due = ? WHERE site = ? AND queue = ? AND lane = ? AND due > ?",
                (latest, self.site, self.name, lane, latest),  # to look too early does no harm
            )
            if moved.rowcount + moved_tasks.rowcount + leases.rowcount + noted.rowcount:
                changed(connection, [lane], [], latest)

    def next_ready(self, connection: Connection, lanes: Collection[int] | None = None) -> float | None:
        """When a claim on one of ``lanes`` (None: all) may find something at the earliest; None when nothing waits."""
        if lanes is not None and not lanes:
            return None
        among, ids = self._among(lanes)
        noted = "lane_note AS noted CROSS JOIN lane WHERE lane.id = noted.lane AND noted.site = ? AND noted.queue = ?"
        row = connection.execute(
            f"SELECT min(moment) FROM (SELECT min(ready) AS moment FROM lane WHERE {among} AND ready IS NOT NULL UNION ALL"
            f" SELECT CASE WHEN lane.not_before > noted.due THEN lane.not_before ELSE noted.due END FROM {noted}"
            f" AND {among} AND lane.paused IS NULL) AS moments",
            (*ids, self.site, self.name, *ids),
        ).fetchone()
        return None if row[0] is None else float(row[0])

    def backlog(self, connection: Connection) -> list[tuple[str, int]]:
        """The lanes in which tasks wait or run, by name, with how many."""
        rows = connection.execute(
            "SELECT lane.name, count(*) FROM task JOIN lane ON lane.id = task.lane"
            " WHERE lane.site = ? AND lane.queue = ? AND (task.state = 0 OR task.state = 1)"
            " GROUP BY lane.name ORDER BY lane.name",
            (self.site, self.name),
        )
        return [(str(name), int(count)) for name, count in rows]

    def receipts(self, connection: Connection, lane: str, n: int = 10) -> list[str]:
        """The newest receipts of the lane called ``lane``, newest first."""
        rows = connection.execute(
            "SELECT receipt FROM task WHERE lane = (SELECT id FROM lane WHERE site = ? AND queue = ? AND name = ?)"
            " AND receipt IS NOT NULL ORDER BY id DESC LIMIT ?",
            (self.site, self.name, lane, n),
        )
        return [str(receipt) for (receipt,) in rows]

    def _among(self, lanes: Collection[int] | None) -> tuple[str, tuple[object, ...]]:
        """The condition that a lane is one of ``lanes``, or any of this site and name, and its parameters."""
        if lanes is None:
            return "lane.site = ? AND lane.queue = ?", (self.site, self.name)
        return f"lane.id IN ({places(lanes)})", (*lanes,)


def rest(connection: Connection, lane: int, until: float, pace: str | None) -> None:
    """Let the lane rest, and with it all others whose pace begins with ``pace``: a limit asks nobody for their site.

    Among those of one pace, the lane that was just at work is the last to be ready again.
    """
    among, those = ("id = ?", (lane,)) if pace is None else ("(id = ? OR pace BETWEEN ? AND ?)", (lane, pace, pace + _LAST))
    rows = connection.execute(
        f"UPDATE lane SET not_before = ? WHERE {among} AND not_before < ? RETURNING id", (until, *those, until)
    ).fetchall()
    resting = {one for (one,) in rows}
    if pace is not None:
        connection.execute("UPDATE lane SET not_before = not_before + ? WHERE id = ?", (_BEHIND, lane))
        resting.add(lane)
    refresh(connection, *resting)
