"""Hundreds of events at once, against the platforms' real limits: all arrive, in order, once each, and hardly meet a limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fast_bridge import FastBridge, arrive, fast_bridge, settled

from perscom_adapters.testing import Say

HANDFUL = 3
"""How often a destination may be told to wait by its platform, for each process that works."""


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[FastBridge]:
    with fast_bridge(tmp_path) as made:
        yield made


@contextmanager
def few_refusals(bridge: FastBridge, most: int) -> Iterator[None]:
    yield
    assert max(bridge.refusals().values(), default=0) <= most, bridge.refusals()
    assert not bridge.chat.mistakes


def test_five_hundred_events_arrive_on_every_platform_in_order_and_once(bridge: FastBridge) -> None:
    names = ("discord", "slack", "telegram")
    inbox = bridge.configure(*names)
    arrive(inbox, *range(500))
    with few_refusals(bridge, HANDFUL):
        bridge.work()
        settled(inbox)
        bridge.end()
    for name in names:
        assert bridge.numbers(name) == list(range(500)), name


def test_two_processes_keep_the_order_and_the_limits_together(bridge: FastBridge) -> None:
    names = ("discord", "hook", "telegram")
    inbox = bridge.configure(*names)
    arrive(inbox, *range(120))
    with few_refusals(bridge, 2 * HANDFUL):
        bridge.work(processes=2)
        settled(inbox)
        bridge.end()
    for name in names:
        assert bridge.numbers(name) == list(range(120)), name


def test_five_chats_of_a_bot_rest_together_when_it_was_too_fast(bridge: FastBridge) -> None:
    """Each process has its own chats at work: what one was told, the others keep."""
    names = ("telegram", "second", "third", "fourth", "fifth")
    inbox = bridge.configure(*names)
    arrive(inbox, *range(40))
    with few_refusals(bridge, 2 * HANDFUL):
        bridge.work(processes=2)
        settled(inbox)
        bridge.end()
    for name in names:
        assert bridge.numbers(name) == list(range(40)), name


def test_two_topics_of_one_group_keep_its_limit_together(bridge: FastBridge) -> None:
    """Each alone is as fast as the whole group allows, so they have to take turns."""
    group = bridge.chat.telegram_chat(name="group", topics=["a", "b"])
    topics = [bridge.chat.telegram.topic(group, name) for name in "ab"]
    bridge.chats |= {name: f"{group}\ntopic = {topic}" for name, topic in zip(("telegram", "second"), topics, strict=True)}
    inbox = bridge.configure("telegram", "second")
    arrive(inbox, *range(100))
    with few_refusals(bridge, 2 * HANDFUL):
        bridge.work()
        settled(inbox)
        bridge.end()
    numbers = bridge.numbers("group")
    assert sorted(numbers) == sorted([*range(100), *range(100)])
    assert max(abs(number - place // 2) for place, number in enumerate(numbers)) < 20, "neither waits for the end of the other"


@pytest.mark.parametrize(
    ("names", "kind", "body"),
    [
        (("telegram", "second"), "telegram", {"ok": False, "error_code": 429, "parameters": {"retry_after": 150}}),
        (("discord", "elsewhere"), "discord", {"message": "m", "retry_after": 150.0, "global": True}),
        (("slack", "staff"), "slack", {"ok": False, "error": "ratelimited"}),
    ],
    ids=["a bot of Telegram", "all of Discord", "a bot of Slack"],
)
def test_a_limit_for_several_destinations_lets_all_of_them_rest_in_all_processes(
    bridge: FastBridge, names: tuple[str, ...], kind: str, body: dict[str, object]
) -> None:
    other = "hook" if kind != "slack" else "discord"
    inbox = bridge.configure(*names, other)
    limited = Say(status=429, body=json.dumps(body).encode(), headers={"Retry-After": "150"})
    bridge.chat.script(limited, url=bridge.address(names[0]))
    arrive(inbox, *range(8))
    bridge.work(processes=2)
    settled(inbox)
    bridge.end()
    (refused,) = [arrival for arrival in bridge.chat.arrivals if arrival.fault]
    after = [(arrival.at - refused.at).total_seconds() for arrival in bridge.chat.arrivals if arrival.platform == kind]
    # What was on its way at that moment may still arrive.
    assert not [seconds for seconds in after if 50 < seconds < 150]
    assert len([seconds for seconds in after if seconds >= 150]) > 8
    for name in (*names, other):
        assert bridge.numbers(name) == list(range(8)), name
