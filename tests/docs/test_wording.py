"""docs/wording.md: its configuration passes the check, does what the page says, and its tables are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from perscom_adapters import NAMES, plain, render
from perscom_bridge import _sandbox
from perscom_bridge._load import load
from perscom_bridge.config import Config
from perscom_bridge.quiet import quiet_until
from perscom_bridge.routing import wants
from perscom_bridge.wording import in_own_words
from perscom_receiver import Event
from perscom_receiver.testing import make_event

PAGE = "docs/wording.md"
SOURCE = (Path(__file__).resolve().parents[2] / PAGE).read_text(encoding="utf-8")
ENVIRON = {
    "PERSCOM_WEBHOOK_SECRET": "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U",
    "DISCORD_ANNOUNCEMENTS_URL": "https://discord.com/api/webhooks/1130112233445566778/Zq7xTokenOfTheChannelForEverybody",
    "TELEGRAM_TOKEN": "123456789:AAExampleExampleExampleExampleExample",
}


@pytest.fixture
def config(blocks: Any, tmp_path: Path) -> Config:
    """The example of the page."""
    path = tmp_path / "bridge.toml"
    (block,) = blocks(PAGE, "toml")
    path.write_text(block.text, encoding="utf-8")
    return load(path, ENVIRON)


def said(event: Event, config: Config) -> str:
    message = render(event)
    assert message is not None
    return plain(in_own_words(message, event, config.site))


def test_the_messages_are_those_of_the_page(blocks: Any, config: Config) -> None:
    assert said(make_event("rankrecord.created"), config) == blocks(PAGE, "text")[0].text.strip()
    assert said(make_event("event.created"), config).startswith("Mark your calendar: Operation Iron Gate\n")
    assert said(make_event("awardrecord.created"), config).splitlines()[1:3] == [
        "Cpl Noor Haddad of 1st Platoon, Alpha Company",
        "Signed: Capt. Okafor",
    ]


def test_the_condition_and_the_quiet_hours_of_the_page_do_what_it_says(config: Config) -> None:
    platoon = config.destinations[1]
    assert wants(platoon, make_event("rankrecord.created"))
    assert wants(platoon, make_event("event.created"))
    other = {"id": 2153, "display_name": "SFC Jacob Whitfield", "unit": {"id": 17, "name": "2nd Platoon"}, "unit_id": 17}
    assert not wants(platoon, make_event("rankrecord.created", user=other))
    assert platoon.quiet is not None
    assert not platoon.quiet.hold
    event = make_event("event.created", created="2026-01-10T22:30:00Z")
    end = quiet_until(event.created, platoon.quiet, config.site.zone)
    assert end is not None
    assert end.isoformat() == "2026-01-11T06:00:00+00:00"


def section(title: str) -> str:
    return SOURCE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_table_of_names_is_complete() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section("Names"), re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == [
        *("word", "member", "rank", "old_rank", "award", "qualification", "unit", "old_unit", "position", "status"),
        *("title", "text", "by", "starts", "ends", "location", "form", "changed", "link"),
    ]
    assert len(NAMES) == 19


def test_each_template_and_condition_in_the_tables_is_right() -> None:
    for title, condition in (("`[wording.WORD]`", False), ("`when`", True)):
        sources = [row.replace("\\|", "|") for row in re.findall(r"^\| `(.*?)` \|", section(title), re.MULTILINE)]
        assert len(sources) >= 5
        assert [(source, _sandbox.mistakes(source, condition=condition)) for source in sources] == [
            (source, []) for source in sources
        ]


def test_the_list_of_filters_is_complete() -> None:
    (row,) = re.findall(r"\| a filter: (.*) \|", SOURCE)
    assert set(re.findall(r"`(\w+)`", row)) == _sandbox._ENVIRONMENT.filters.keys() - {"d"}
