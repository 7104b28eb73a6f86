"""``language``, ``timezone`` and ``show``: from the file to the chat."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from bridge_toml import judge

from perscom_adapters.testing import ChatStandIn
from perscom_bridge.config import Config
from perscom_bridge.routing import destination_handler
from perscom_bridge.service import destinations_of
from perscom_receiver import Context, Event
from perscom_receiver.testing import make_event

FILE = """\
[site]
secret = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
language = "de"
timezone = "Europe/Berlin"

[destinations.here]
type = "slack"
url = "{here}"

[destinations.abroad]
type = "slack"
url = "{abroad}"
language = "fr"
show = ["answers"]
"""


async def post(config: Config, event: Event) -> None:
    async with destinations_of(config) as pairs:
        for entry, destination in pairs:
            handler = destination_handler(entry, destination, config.site, lambda name, how: None)
            await handler.call(event, Context())  # type: ignore[call-arg,misc]


def shown(folder: Path, event: Event) -> dict[str, str]:
    """What each channel was sent."""
    with ChatStandIn(rate=None) as chat:
        addresses = {name: chat.slack_webhook(name=name) for name in ("here", "abroad")}
        found = judge(folder, FILE.format(**addresses))
        assert found.config is not None, found.report()
        asyncio.run(post(found.config, event))
        return {message.destination: json.dumps(message.payload, ensure_ascii=False) for message in chat.messages}


def test_each_destination_speaks_its_language_in_the_time_of_the_site(tmp_path: Path) -> None:
    told = shown(tmp_path, make_event("event.created", starts="2026-03-07T19:00:00.000000Z"))
    assert "Neuer Termin: Operation Iron Gate" in told["here"]
    assert "07.03.2026, 20:00 Uhr CET" in told["here"]
    assert "Nouvel événement\xa0: Operation Iron Gate" in told["abroad"]
    assert "07/03/2026 à 20:00 CET" in told["abroad"]


def test_answers_go_only_where_they_are_asked_for(tmp_path: Path) -> None:
    told = shown(tmp_path, make_event("submission.created", why="because"))
    assert "because" not in told["here"]
    assert "because" in told["abroad"]
