"""Which events subscriptions want: names and globs, each stored once, however many want it."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from fnmatch import fnmatchcase
from typing import NamedTuple

from perscom_receiver.queue import Connection

__all__ = ["Recipient", "places", "want", "wanting"]


class Recipient(NamedTuple):
    """Where an event goes."""

    lane: int
    ordered: bool


def want(connection: Connection, site: str, number: int, patterns: Iterable[str]) -> None:
    """Let a subscription want exactly these patterns; a pattern that nobody wants any more is forgotten."""
    before = connection.execute("DELETE FROM sender_wanted WHERE subscription = ? RETURNING pattern", (number,)).fetchall()
    for pattern in patterns:
        glob = 1 if set(pattern) & set("*?[") else None
        connection.execute(
            "INSERT INTO sender_pattern (site, text, glob) VALUES (?, ?, ?)"
            " ON CONFLICT (site, text) DO UPDATE SET glob = excluded.glob",  # so that nobody forgets it meanwhile
            (site, pattern, glob),
        )
        connection.execute(
            "INSERT INTO sender_wanted (pattern, subscription) SELECT id, ? FROM sender_pattern WHERE site = ? AND text = ?",
            (number, site, pattern),
        )
    connection.execute(
        f"SELECT id FROM sender_pattern WHERE id IN ({places(before)}) ORDER BY id /*pg FOR UPDATE*/",
        [pattern for (pattern,) in before],
    ).fetchall()
    for (pattern,) in before:
        connection.execute(
            "DELETE FROM sender_pattern WHERE id = ? AND NOT EXISTS"
            " (SELECT 1 FROM sender_wanted WHERE pattern = sender_pattern.id)",
            (pattern,),
        )


def wanting(connection: Connection, site: str, name: str) -> list[Recipient]:
    """The subscriptions that want events called ``name``: also the disabled ones, where they wait."""
    patterns = connection.execute(
        "SELECT id, text FROM sender_pattern WHERE site = ? AND text = ?"
        " UNION SELECT id, text FROM sender_pattern WHERE site = ? AND glob = 1",
        (site, name, site),
    ).fetchall()
    fitting = [number for number, text in patterns if text == name or fnmatchcase(name, text)]
    if not fitting:
        return []
    found = connection.execute(
        "SELECT DISTINCT s.lane, s.ordered FROM sender_wanted"
        " JOIN sender_subscription AS s ON s.id = sender_wanted.subscription"
        f" WHERE sender_wanted.pattern IN ({places(fitting)}) AND s.removed IS NULL",
        fitting,
    )
    return [Recipient(lane, bool(ordered)) for lane, ordered in found]


def places(values: Sized) -> str:
    """So many placeholders, for ``IN``; for nothing what nothing is equal to."""
    return ", ".join("?" * len(values)) or "NULL"
