"""The schema, as numbered steps. A step that was released never changes; a new one is added behind it.

Times are seconds since 1970 in UTC, except ``event.created``, which is microseconds (BIGINT) since it is part of a key.
Bodies live in ``event`` alone: a body in the row that claims and settlements rewrite would be rewritten with it.
"""

from __future__ import annotations

from typing import Final

__all__ = ["MIGRATIONS"]

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # One row for each delivery that was accepted. `created` is signed, so putting it in front of the digest refuses the
        # same repeats as the digest alone and keeps inserts nearly sequential, however many digests are kept.
        """CREATE TABLE event (
            id INTEGER PRIMARY KEY, site TEXT NOT NULL, created BIGINT NOT NULL, digest BYTEA NOT NULL, endpoint TEXT NOT NULL,
            name TEXT NOT NULL, request_id TEXT, secret_name TEXT, received DOUBLE PRECISION NOT NULL,
            body BYTEA, unplanned INTEGER)""",
        "CREATE UNIQUE INDEX event_key ON event (site, created, digest)",
        "CREATE INDEX event_unplanned ON event (site, id) WHERE unplanned = 1",
        "CREATE INDEX event_received ON event (site, received) WHERE body IS NOT NULL",
        # Events created before the floor of their site are refused: their digests are gone.
        "CREATE TABLE floor (site TEXT PRIMARY KEY, created BIGINT NOT NULL)",
        # One row for each handler, destination or endpoint. `ready`: when a claim may find something; NULL: nothing, or paused.
        """CREATE TABLE lane (
            id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, name TEXT NOT NULL, width INTEGER NOT NULL,
            repeat_unclear INTEGER NOT NULL, fingerprint TEXT, ready DOUBLE PRECISION,
            not_before DOUBLE PRECISION NOT NULL DEFAULT 0, paused TEXT)""",
        "CREATE UNIQUE INDEX lane_key ON lane (site, queue, name)",
        "CREATE INDEX lane_ready ON lane (site, queue, ready) WHERE ready IS NOT NULL",
        # state: 0 waiting, 1 leased, 2 done, 3 dead (gave up, refused or unclear). `attempt` is the fence: only its holder
        # settles.
        """CREATE TABLE task (
            id INTEGER PRIMARY KEY, lane INTEGER NOT NULL REFERENCES lane (id), event INTEGER NOT NULL REFERENCES event (id),
            group_key TEXT, state INTEGER NOT NULL DEFAULT 0, attempt INTEGER NOT NULL DEFAULT 0,
            due DOUBLE PRECISION NOT NULL,
            lease DOUBLE PRECISION, started DOUBLE PRECISION, settled DOUBLE PRECISION, receipt TEXT, error TEXT)""",
        "CREATE UNIQUE INDEX task_key ON task (event, lane)",
        "CREATE INDEX task_waiting ON task (lane, due, id) WHERE state = 0",
        "CREATE INDEX task_leased ON task (lane, lease) WHERE state = 1",
        "CREATE INDEX task_dead ON task (lane, id) WHERE state = 3",
        """CREATE TABLE attempt (
            task INTEGER NOT NULL REFERENCES task (id), n INTEGER NOT NULL, started DOUBLE PRECISION NOT NULL,
            ms DOUBLE PRECISION, status INTEGER, outcome TEXT NOT NULL, error TEXT, PRIMARY KEY (task, n))""",
        # Who works on a site's inbox, and when it was last seen doing so.
        "CREATE TABLE worker (id TEXT PRIMARY KEY, site TEXT NOT NULL, seen DOUBLE PRECISION NOT NULL)",
    ),
    (
        # Marks of an event, each 1 or NULL. `superseded`: a newer one about the same entity was planned before it.
        "ALTER TABLE event ADD COLUMN superseded INTEGER",
        "ALTER TABLE event ADD COLUMN old_secret INTEGER",
        "ALTER TABLE event ADD COLUMN unknown_name INTEGER",
        "CREATE INDEX event_old_secret ON event (site, received) WHERE old_secret = 1",
        "CREATE INDEX event_unknown_name ON event (site, name) WHERE unknown_name = 1",
        # The newest `created` that was planned about each entity (`rankrecord/17`). Nothing below the floor is accepted any
        # more, so what lies there can supersede nothing and is forgotten.
        "CREATE TABLE newest (site TEXT NOT NULL, entity TEXT NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (site, entity))",
        "CREATE INDEX newest_created ON newest (site, created)",
        # What the event of the task is about: the way from a task to the receipts of its lane about the same entity.
        "ALTER TABLE task ADD COLUMN entity TEXT",
        "CREATE INDEX task_receipt ON task (lane, entity, id) WHERE receipt IS NOT NULL",
    ),
    (
        # Tasks of a lane that are handled together have the same key and, in microseconds, the `created` of the first of them.
        "ALTER TABLE task ADD COLUMN group_first BIGINT",
        "CREATE INDEX task_group ON task (lane, group_key, group_first) WHERE group_key IS NOT NULL",
        # Whose limits hold for the lane, from wide to narrow ("telegram/BOT/CHAT/"): a rest is for all that begin alike.
        "ALTER TABLE lane ADD COLUMN pace TEXT",
        "CREATE INDEX lane_pace ON lane (pace) WHERE pace IS NOT NULL",
        # Seconds after which what waits in the lane is handled together.
        "ALTER TABLE lane ADD COLUMN late DOUBLE PRECISION",
    ),
    (
        # The head of what was answered to an attempt, and when the next one was to follow: the log of a sender.
        "ALTER TABLE attempt ADD COLUMN answer TEXT",
        "ALTER TABLE attempt ADD COLUMN next DOUBLE PRECISION",
        # The history of one lane, newest first. The condition, always met, keeps it from being taken for any other question: it
        # must be asked for by the same words.
        "CREATE INDEX task_history ON task (lane, id) WHERE id > 0",
        # Tasks of a lane with the same chain run one after another. 1: the task is behind another one of its chain.
        "ALTER TABLE task ADD COLUMN chain TEXT",
        "ALTER TABLE task ADD COLUMN behind INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX task_chain ON task (lane, chain, behind, id) WHERE chain IS NOT NULL AND state < 2",
        "DROP INDEX task_waiting",
        "CREATE INDEX task_waiting ON task (lane, behind, due, id) WHERE state = 0",
        # What the next claim must look at first: a lane that got a task, or of which one changed while somebody else had the
        # lane, and of its chains (or "") the one to be lined up.
        """CREATE TABLE lane_note (
            id INTEGER PRIMARY KEY, site TEXT NOT NULL, queue TEXT NOT NULL, lane INTEGER NOT NULL, chain TEXT NOT NULL,
            due DOUBLE PRECISION NOT NULL)""",
        "CREATE INDEX lane_note_lane ON lane_note (site, queue, lane, chain)",
    ),
)
"""Step n (counted from 1) brings the schema from version n - 1 to n."""
