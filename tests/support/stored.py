"""What somebody finds who opens the file of an inbox, and a bridge that stores events and posts none of them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bridge_process import HEAD

QUIET = f"""{HEAD}
[destinations.announcements]
type = "discord"
url = "https://discord.com/api/webhooks/1130112233445566778/NobodyIsCalledHere"
events = ["left"]
"""


def stored(database: Path) -> list[str]:
    """The ids of the events in an intact file, in the order of their arrival."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [digest.hex() for (digest,) in connection.execute("SELECT digest FROM event ORDER BY id")]
