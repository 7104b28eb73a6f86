"""Fill a small file system, store events until there is no room, make room, store again: ``full_disk.py FOLDER``."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from perscom_receiver import SQLiteInbox, Unavailable
from perscom_receiver.testing import make_event


def main(folder: str) -> None:
    path, ballast = Path(folder) / "inbox.db", Path(folder) / "ballast"
    ballast.write_bytes(b"x" * 100_000)
    inbox = SQLiteInbox(path)
    accepted, refused = [], 0
    while refused < 5:
        event = make_event("user.created")
        try:
            inbox.add(event)
        except Unavailable:
            refused += 1
        else:
            accepted.append(event.id)
    sys.stdout.write("refused\n")
    ballast.unlink()
    for _ in range(5):
        event = make_event("user.created")
        assert inbox.add(event)
        accepted.append(event.id)
    sys.stdout.write("recovered\n")
    inbox.close()
    with sqlite3.connect(path) as connection:
        stored = [digest.hex() for (digest,) in connection.execute("SELECT digest FROM event ORDER BY id")]
        assert stored == accepted, (len(stored), len(accepted))
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    sys.stdout.write("intact\n")


main(*sys.argv[1:])
