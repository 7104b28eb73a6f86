"""The directory's own tables, beside those of the inbox in the same file.

The bridge makes them itself, at first use: the inbox knows nothing of names, and its schema has a version that other programs
share. What is in them was learned from events, but for ``directory_left``, and a backup has it all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, NamedTuple

import msgspec

from perscom_receiver.queue import Connection

from .names import MOST, Learned, Name, Names
from .standing import History

__all__ = ["Loaded", "forget_people", "left_people", "load", "prepare", "read_forgotten", "saving"]

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS directory_name (
        site TEXT NOT NULL, kind TEXT NOT NULL, number BIGINT NOT NULL, name TEXT NOT NULL, created BIGINT NOT NULL,
        PRIMARY KEY (site, kind, number))""",
    # `history` is JSON: what standing.History says.
    """CREATE TABLE IF NOT EXISTS directory_history (
        site TEXT NOT NULL, kind TEXT NOT NULL, member BIGINT NOT NULL, history TEXT NOT NULL, created BIGINT NOT NULL,
        PRIMARY KEY (site, kind, member))""",
    # Up to which event was learned, and how often people were forgotten: what another process has in memory is stale then.
    """CREATE TABLE IF NOT EXISTS directory_mark (
        site TEXT PRIMARY KEY, event BIGINT NOT NULL DEFAULT 0, forgotten BIGINT NOT NULL DEFAULT 0)""",
    # Members who were deleted in PERSCOM and are to be forgotten here, with the event that said so.
    """CREATE TABLE IF NOT EXISTS directory_left (
        site TEXT NOT NULL, event BIGINT NOT NULL, member BIGINT NOT NULL, PRIMARY KEY (site, event))""",
)
_SAVE_NAME: Final = (
    "INSERT INTO directory_name (site, kind, number, name, created) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (site, kind, number) DO UPDATE SET name = excluded.name, created = excluded.created"
    " WHERE excluded.created >= directory_name.created"
)
_SAVE_HISTORY: Final = (
    "INSERT INTO directory_history (site, kind, member, history, created) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (site, kind, member) DO UPDATE SET history = excluded.history, created = excluded.created"
)
_SAVE_LEFT: Final = "INSERT INTO directory_left (site, event, member) VALUES (?, ?, ?) ON CONFLICT (site, event) DO NOTHING"
_decode_history = msgspec.json.Decoder(History).decode


class Loaded(NamedTuple):
    """What is known at the start."""

    names: Names
    mark: int
    """The last event that was learned from."""
    forgotten: int


def prepare(connection: Connection, site: str) -> None:
    """Make what is not there yet."""
    for table in _TABLES:
        connection.execute(table)
    connection.execute("INSERT INTO directory_mark (site) VALUES (?) ON CONFLICT (site) DO NOTHING", (site,))


def load(connection: Connection, site: str) -> Loaded:
    """All that is known of a site, the newest of it where that is too much."""
    names = connection.execute(
        "SELECT kind, number, name, created FROM directory_name WHERE site = ? ORDER BY created DESC LIMIT ?", (site, MOST)
    ).fetchall()
    histories = connection.execute(
        "SELECT kind, member, history FROM directory_history WHERE site = ? ORDER BY created DESC LIMIT ?", (site, MOST)
    ).fetchall()
    mark, forgotten = connection.execute("SELECT event, forgotten FROM directory_mark WHERE site = ?", (site,)).fetchone()
    return Loaded(
        Names(
            [((kind, number), Name(name, created)) for kind, number, name, created in reversed(names)],
            [((kind, member), _history(history)) for kind, member, history in reversed(histories)],
        ),
        mark,
        forgotten,
    )


def saving(site: str, learned: Learned, mark: int, forgotten: int) -> Callable[[Connection], bool]:
    """What writes down all that was ``learned`` up to ``mark``, for the writer of the database.

    It returns False, and writes nothing, when people were forgotten since. Nor does it write where another process has learned
    more: it has all of this too. ``learned`` may change meanwhile.
    """
    names = [(site, *key, *name) for key, name in learned.names.items()]
    histories = [
        (site, *key, msgspec.json.encode(history).decode(), history[-1].at) for key, history in learned.histories.items()
    ]
    dropped = [(site, *key) for key in learned.dropped]
    dropped_histories = [(site, *key) for key in learned.dropped_histories]
    left = [(site, *one) for one in learned.left]

    def save(connection: Connection) -> bool:
        further, times = connection.execute(
            "SELECT event, forgotten FROM directory_mark WHERE site = ? /*pg FOR UPDATE*/", (site,)
        ).fetchone()
        if times != forgotten or further > mark:
            return bool(times == forgotten)
        connection.executemany(_SAVE_NAME, names)
        connection.executemany(_SAVE_HISTORY, histories)
        connection.executemany("DELETE FROM directory_name WHERE site = ? AND kind = ? AND number = ?", dropped)
        connection.executemany("DELETE FROM directory_history WHERE site = ? AND kind = ? AND member = ?", dropped_histories)
        connection.executemany(_SAVE_LEFT, left)
        connection.execute("UPDATE directory_mark SET event = ? WHERE site = ? AND event < ?", (mark, site, mark))
        return True

    return save


def forget_people(connection: Connection, site: str, members: Collection[int]) -> None:
    """Forget what is known of ``members``. Who has it in memory notices at the next look."""
    prepare(connection, site)
    # First: who learns at this moment waits from now on, and notices.
    connection.execute("UPDATE directory_mark SET forgotten = forgotten + 1 WHERE site = ?", (site,))
    for member in members:
        connection.execute("DELETE FROM directory_name WHERE site = ? AND kind = 'user' AND number = ?", (site, member))
        connection.execute("DELETE FROM directory_history WHERE site = ? AND member = ?", (site, member))
        connection.execute("DELETE FROM directory_left WHERE site = ? AND member = ?", (site, member))


def left_people(connection: Connection, site: str) -> list[int]:
    """Members to be forgotten, of whose deletion no message waits any more."""
    rows = connection.execute("SELECT event, member FROM directory_left WHERE site = ? ORDER BY event", (site,)).fetchall()
    return [member for event, member in rows if _is_settled(connection, event)]


def _is_settled(connection: Connection, event: int) -> bool:
    """Whether all that follows from an event is done, or was given up."""
    row = connection.execute(
        "SELECT 1 FROM event WHERE id = ? AND (unplanned = 1"
        " OR EXISTS (SELECT 1 FROM task WHERE task.event = event.id AND task.state IN (0, 1)))",
        (event,),
    ).fetchone()
    return row is None


def _history(text: str) -> History:
    try:
        return _decode_history(text)
    except msgspec.DecodeError:  # another version wrote it, or somebody did
        return ()


def read_forgotten(connection: Connection, site: str) -> int:
    """How often people were forgotten."""
    return int(connection.execute("SELECT forgotten FROM directory_mark WHERE site = ?", (site,)).fetchone()[0])
