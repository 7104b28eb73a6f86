"""The page about all keys names each key that bridge.toml may have, and no other, with the values that it really takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perscom_adapters import LANGUAGES
from perscom_bridge._images import IMAGES
from perscom_bridge._keys import DESTINATION, FORWARD, PRIVACY, SERVER, SITE, TABLES
from perscom_bridge._mentions import MENTIONS
from perscom_bridge.mentions import PINGED
from perscom_bridge.platforms import TYPES
from perscom_bridge.wording import KEYS as WORDING

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^##+ `(.*?)`\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE))
TYPE_SECTIONS = {f'type = "{name}"': platform.keys for name, platform in TYPES.items()}
KEYS = {
    "[site]": SITE,
    "[server]": SERVER,
    "[destinations.NAME]": DESTINATION,
    "[wording.WORD]": WORDING,
    "[mentions.PLATFORM]": MENTIONS,
    "[images.KIND]": IMAGES,
    "[privacy]": PRIVACY,
    **TYPE_SECTIONS,
}


def rows(section: str) -> dict[str, str]:
    """Each key in the table of a section, and the line about it."""
    return dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", SECTIONS[section], re.MULTILINE))


@pytest.mark.parametrize("section", KEYS)
def test_each_key_has_a_line_and_each_line_has_a_key(section: str) -> None:
    assert sorted(rows(section)) == sorted(KEYS[section])


def test_no_table_is_left_out() -> None:
    assert SECTIONS.keys() == KEYS.keys()
    assert {re.split(r"[\[\].]", section)[1] for section in KEYS if section.startswith("[")} == set(TABLES)


def test_the_values_that_are_named_are_those_there_are() -> None:
    site, destination = rows("[site]"), rows("[destinations.NAME]")
    assert re.findall(r'"(\w\w)"', site["language"].partition(" | ")[0]) == list(LANGUAGES)
    assert re.findall(r'"(\w+)"', destination["type"]) == list(TYPES)
    assert re.findall(r'"(\w+)"', destination["ping"]) == list(PINGED)
    named = re.findall(r"`(\w+)`", SECTIONS['type = "webhook"'].partition(", and no other")[0])
    assert {"type", *named} == set(FORWARD)
