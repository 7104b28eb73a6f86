"""Every key that bridge.toml may have, and every one that a later version will understand.

A key of a later version is refused by its name: whoever writes it must not believe that it does something.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "DESTINATION",
    "FORWARD",
    "LATER_SERVER",
    "PRIVACY",
    "SERVER",
    "SITE",
    "TABLES",
]

TABLES: Final = ("site", "server", "destinations", "wording", "images", "mentions", "privacy")

SITE: Final = (
    *("name", "url", "secret", "previous_secret", "previous_secret_until", "language", "timezone", "operator"),
    *("token", "perscom_id", "api"),
)
SERVER: Final = ("listen", "status", "public", "database")
LATER_SERVER: Final = ("ingest",)
DESTINATION: Final = (
    *("type", "events", "when", "language", "group", "quiet", "in_quiet", "ping", "show", "long", "threads", "unclear"),
)
"""What a destination on any platform may hold; the rest is in ``platforms``."""
FORWARD: Final = ("type", "events", "when", "unclear")
"""The same for one that gets the events themselves."""
PRIVACY: Final = ("keep_bodies", "forget_left")
