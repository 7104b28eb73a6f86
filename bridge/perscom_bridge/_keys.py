"""Every key that bridge.toml may have."""

from __future__ import annotations

from typing import Final

__all__ = [
    "DESTINATION",
    "FORWARD",
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
SERVER: Final = ("listen", "status", "public", "database", "ingest")
DESTINATION: Final = (
    *("type", "events", "when", "language", "group", "quiet", "in_quiet", "ping", "show", "long", "threads", "unclear"),
)
"""What a destination on any platform may hold; the rest is in ``platforms``."""
FORWARD: Final = ("type", "events", "when", "unclear")
"""The same for one that gets the events themselves."""
PRIVACY: Final = ("keep_bodies", "forget_left")
