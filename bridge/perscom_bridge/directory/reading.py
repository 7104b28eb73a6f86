"""The stored events of one site, each read once: in the order of their numbers, and those that appear late all the same.

An event gets its number before it is committed. Where several processes store at once, one may appear behind another that has a
higher number and was read long since. So a number is *settled* only when all that was under way when it was seen has ended.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from perscom_receiver.queue import Connection

__all__ = ["FOLLOWING", "Reading", "Stored"]

_AT_ONCE: Final = 100
"""Rows of events in one look."""
_BYTES_AT_ONCE: Final = 4 * 2**20
"""Bytes of bodies that are read together; one alone may be larger."""
# The newest event, and at that very moment the oldest transaction that is under way, and the one that will come next.
_STATE: Final = (
    "SELECT coalesce(max(id), 0), /*sqlite*/0, 0/*pg CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT),"
    " CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS TEXT) AS BIGINT)*/ FROM event"
)
# Not "WHERE site = ?": an index over the site would be taken for it, and all its rows be sorted.
FOLLOWING: Final = "SELECT id, CASE WHEN site = ? THEN coalesce(length(body), 0) END FROM event WHERE id > ? ORDER BY id"
_BETWEEN: Final = FOLLOWING.replace("ORDER BY", "AND id <= ? ORDER BY")


class Stored(NamedTuple):
    """Events that were not read before, without those whose bodies are gone."""

    events: list[tuple[int, bytes]]
    more: bool
    """Whether there may be more."""
    mark: int
    """Up to which number all is settled, and read by now."""
    top: int
    seen: Collection[int]
    unsettled: tuple[int, int] | None


class Reading:
    """How far the events of a site were read: up to ``mark`` all, and some behind it."""

    def __init__(self, site: str, mark: int) -> None:
        self.mark = mark
        self._site = site
        self._top = mark
        self._seen: Collection[int] = frozenset()
        """What was read of the site between the two."""
        self._unsettled: tuple[int, int] | None = None
        """A number, and the first transaction that can only have higher ones."""

    def read(self, connection: Connection) -> Stored:
        """Some that are new. They count as read when :meth:`took` is told so."""
        newest, oldest, following = connection.execute(_STATE).fetchone()
        settled, unsettled = self.mark, self._unsettled
        if oldest >= following:
            settled, unsettled = newest, None
        elif unsettled is None or oldest >= unsettled[1]:
            settled, unsettled = settled if unsettled is None else unsettled[0], (newest, following)
        late = self._late(connection, min(settled, self._top))
        rows, size = list[tuple[int, int | None]](), 0
        for row, length in connection.execute(f"{FOLLOWING} LIMIT ?", (self._site, self._top, _AT_ONCE)).fetchall():
            size += length or 0
            if rows and size > _BYTES_AT_ONCE:
                break
            rows.append((row, length))
        own = [*late, *(row for row, length in rows if length is not None)]
        top = rows[-1][0] if rows else self._top
        mark = max(self.mark, min(settled, top))
        return Stored(
            events=_bodies(connection, own),
            more=bool(rows),
            mark=mark,
            top=top,
            seen=frozenset(row for row in (*self._seen, *own) if row > mark),
            unsettled=unsettled,
        )

    def _late(self, connection: Connection, settled: int) -> list[int]:
        """Those that appeared behind others that were read before."""
        if settled <= self.mark:
            return []
        rows = connection.execute(_BETWEEN, (self._site, self.mark, settled)).fetchall()
        return [row for row, length in rows if length is not None and row not in self._seen]

    def took(self, stored: Stored) -> None:
        """What :meth:`read` gave was learned from."""
        self.mark, self._top, self._seen, self._unsettled = stored.mark, stored.top, stored.seen, stored.unsettled


def _bodies(connection: Connection, rows: Collection[int]) -> list[tuple[int, bytes]]:
    if not rows:
        return []
    places = ", ".join("?" * len(rows))
    return connection.execute(
        f"SELECT id, body FROM event WHERE id IN ({places}) AND body IS NOT NULL ORDER BY id", tuple(rows)
    ).fetchall()
