"""Forgetting what is too old: bodies first, the log after its own time. Each call does up to 1000 rows of a kind."""

from __future__ import annotations

from perscom_receiver import SQLiteInbox
from perscom_receiver.queue import Connection

from ._store import Store

__all__ = ["prune"]

_AT_ONCE = 1000


def prune(connection: Connection, store: Store, kept: SQLiteInbox, keep_log: float) -> int:
    """Forget bodies and the log as ``kept`` does with what an inbox holds, and keys and runs after ``keep_log`` seconds.

    Deliveries that still wait when their body is forgotten have failed. Returns how many rows were changed.
    """
    before = store.now() - keep_log
    keys = connection.execute(
        "DELETE FROM sender_key WHERE site = ? AND key IN"
        " (SELECT key FROM sender_key WHERE site = ? AND published < ? ORDER BY published LIMIT ?)",
        (store.site, store.site, before, _AT_ONCE),
    ).rowcount
    runs = connection.execute(
        "DELETE FROM sender_run WHERE id IN (SELECT id FROM sender_run WHERE site = ? ORDER BY id LIMIT ?) AND at < ?",
        (store.site, _AT_ONCE, before),
    ).rowcount
    return kept.prune(connection, _AT_ONCE) + keys + runs
