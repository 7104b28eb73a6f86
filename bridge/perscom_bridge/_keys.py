"""Every key that bridge.toml may have, and every one that a later version will understand.

A key of a later version is refused by its name: whoever writes ``quiet`` must not believe that the night is silent.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "DESTINATION",
    "LANGUAGES",
    "LATER_DESTINATION",
    "LATER_LANGUAGES",
    "LATER_PRIVACY",
    "LATER_SERVER",
    "LATER_SITE",
    "LATER_TABLES",
    "PRIVACY",
    "SERVER",
    "SITE",
    "TABLES",
]

TABLES: Final = ("site", "server", "destinations", "privacy")
LATER_TABLES: Final = ("wording", "mentions", "images")

SITE: Final = ("name", "url", "secret", "previous_secret", "language", "timezone")
LATER_SITE: Final = ("operator",)
SERVER: Final = ("listen", "status", "public", "database")
LATER_SERVER: Final = ("ingest",)
DESTINATION: Final = ("type", "events", "language", "unclear")
"""What a destination on any platform may hold; the rest is in ``platforms``."""
LATER_DESTINATION: Final = ("ping", "show", "when", "quiet", "in_quiet")
PRIVACY: Final = ("keep_bodies",)
LATER_PRIVACY: Final = ("forget_left",)

LANGUAGES: Final = ("en",)
LATER_LANGUAGES: Final = ("de", "fr", "nl", "es")
