"""A bridge.toml for tests of its keys, and what `check` says of it."""

from __future__ import annotations

from pathlib import Path

from perscom_bridge._load import Inspection, inspect

__all__ = ["DESTINATION", "GOOD", "SITE", "judge", "only_problem"]

SITE, DESTINATION = "[site]\n", "[destinations.announcements]\n"
GOOD = f"""\
{SITE}secret = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"

{DESTINATION}type = "discord"
url = "https://discord.com/api/webhooks/1130112233445566778/Zq7xTokenOfTheChannelForEverybody_-0123456789"
"""


def judge(folder: Path, text: str) -> Inspection:
    (folder / "bridge.toml").write_text(text, encoding="utf-8")
    return inspect(folder / "bridge.toml", {})


def only_problem(folder: Path, text: str) -> tuple[int | None, str, str]:
    """The line, the key and the text of the one mistake in it."""
    found = judge(folder, text)
    assert found.config is None
    assert len(found.problems) == 1, found.report()
    return found.problems[0].line, found.problems[0].key, found.problems[0].text
