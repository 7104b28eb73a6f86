"""The sender's own tables, beside those of the queue in the same file.

Events, deliveries and attempts are rows of the queue (``event``, ``task``, ``attempt``): one store, as for an inbox. What is
here is what a queue knows nothing of. The steps are numbered by themselves, since the file's own number is shared with programs
that have an inbox and no sender.
"""

from __future__ import annotations

from typing import Final

from perscom_receiver import ConfigurationError
from perscom_receiver.queue import Connection

__all__ = ["OUTBOX", "prepare"]

OUTBOX: Final = """CREATE TABLE IF NOT EXISTS perscom_outbox (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, created BIGINT NOT NULL,
    request_id TEXT, entity TEXT, body BLOB NOT NULL, told BLOB)"""
"""What others published in their own transactions, until a sender fetches it. It may stand in files that are not ours."""

_STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # `lane` is the queue's lane of the subscription; a paused lane is a disabled subscription. `secrets`, `events` and
        # `waits` are JSON. The rest is the state of the breaker: failures in a row and since when, how often it has opened in
        # a row, and until when it is open.
        """CREATE TABLE sender_subscription (
            id INTEGER PRIMARY KEY, site TEXT NOT NULL, lane INTEGER NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
            url TEXT NOT NULL, method TEXT NOT NULL, secrets TEXT NOT NULL, events TEXT NOT NULL, waits TEXT NOT NULL,
            concurrency INTEGER NOT NULL, rate DOUBLE PRECISION, timeout DOUBLE PRECISION NOT NULL, ordered INTEGER NOT NULL,
            standard INTEGER NOT NULL, removed INTEGER,
            failures INTEGER NOT NULL DEFAULT 0, failing_since DOUBLE PRECISION, trips INTEGER NOT NULL DEFAULT 0,
            open_until DOUBLE PRECISION NOT NULL DEFAULT 0)""",
        "CREATE UNIQUE INDEX sender_subscription_lane ON sender_subscription (lane)",
        "CREATE INDEX sender_subscription_site ON sender_subscription (site, id) WHERE removed IS NULL",
        # Each pattern once, however many want it: an event is compared with the few that hold a wildcard, and with itself.
        "CREATE TABLE sender_pattern (id INTEGER PRIMARY KEY, site TEXT NOT NULL, text TEXT NOT NULL, glob INTEGER)",
        "CREATE UNIQUE INDEX sender_pattern_key ON sender_pattern (site, text)",
        "CREATE INDEX sender_pattern_glob ON sender_pattern (site) WHERE glob = 1",
        """CREATE TABLE sender_wanted (
            pattern INTEGER NOT NULL REFERENCES sender_pattern (id),
            subscription INTEGER NOT NULL REFERENCES sender_subscription (id), PRIMARY KEY (pattern, subscription))""",
        "CREATE INDEX sender_wanted_subscription ON sender_wanted (subscription)",
        # The keys that callers gave, so that a repeat is told from a new event.
        """CREATE TABLE sender_key (
            site TEXT NOT NULL, key TEXT NOT NULL, event INTEGER NOT NULL, published DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (site, key))""",
        "CREATE INDEX sender_key_age ON sender_key (site, published)",
        """CREATE TABLE sender_automation (
            id INTEGER PRIMARY KEY, site TEXT NOT NULL, name TEXT NOT NULL, trigger TEXT NOT NULL, condition TEXT,
            template TEXT, subscription INTEGER NOT NULL REFERENCES sender_subscription (id), priority BIGINT NOT NULL,
            enabled INTEGER NOT NULL, removed INTEGER)""",
        "CREATE INDEX sender_automation_trigger ON sender_automation (site, trigger) WHERE enabled = 1",
        # One row for each automation that follows an event, from the transaction on that stores the event. `told` is what its
        # body does not tell, as JSON, until it has run; `sent` the event that was sent.
        """CREATE TABLE sender_run (
            id INTEGER PRIMARY KEY, site TEXT NOT NULL, automation INTEGER NOT NULL REFERENCES sender_automation (id),
            event INTEGER NOT NULL, entity TEXT, at DOUBLE PRECISION NOT NULL, outcome TEXT NOT NULL DEFAULT 'waiting',
            why TEXT NOT NULL DEFAULT '', told BLOB, sent INTEGER)""",
        "CREATE INDEX sender_run_automation ON sender_run (automation, id)",
        "CREATE INDEX sender_run_event ON sender_run (event, id)",
        "CREATE INDEX sender_run_site ON sender_run (site, id)",
        "CREATE INDEX sender_run_waiting ON sender_run (site, id) WHERE outcome = 'waiting'",
        "CREATE INDEX sender_run_failed ON sender_run (site, id) WHERE outcome = 'failed'",
        OUTBOX,
    ),
)


def prepare(connection: Connection) -> None:
    """Bring the tables up to date, for the writer of the database. Raises ConfigurationError when a newer program made them."""
    connection.execute("CREATE TABLE IF NOT EXISTS sender_schema (version INTEGER NOT NULL)")
    row = connection.execute("SELECT version FROM sender_schema /*pg FOR UPDATE*/").fetchone()
    found = 0 if row is None else row[0]
    if found > len(_STEPS):
        raise ConfigurationError(
            f"A newer perscom-receiver has sent from this file (tables {found}; here they are {len(_STEPS)}). Install it."
        )
    if found == len(_STEPS):
        return
    for step in _STEPS[found:]:
        for statement in step:
            connection.execute(statement)
    if row is None:
        connection.execute("INSERT INTO sender_schema (version) VALUES (?)", (len(_STEPS),))
    else:
        connection.execute("UPDATE sender_schema SET version = ?", (len(_STEPS),))
