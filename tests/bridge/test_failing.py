"""What follows from each kind of failure, on every kind of destination, from the event to the chat and over a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fast_bridge import KINDS, FastBridge, arrive, fast_bridge, settled

from perscom_adapters.testing import Cut, Fault, Say, html_error
from perscom_bridge.overview import read_overview
from perscom_receiver import SQLiteInbox

FORMS = {
    "discord": Say(status=400, body=b'{"message": "Invalid Form Body", "code": 50035}'),
    "hook": Say(status=400, body=b"invalid_blocks"),
    "slack": Say(status=200, body=b'{"ok": false, "error": "invalid_blocks"}'),
    "telegram": Say(status=400, body=b'{"ok":false,"error_code":400,"description":"Bad Request: can\'t parse entities"}'),
}


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[FastBridge]:
    with fast_bridge(tmp_path) as made:
        yield made


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def switched_off(inbox: SQLiteInbox) -> list[str]:
    return [lane.name for lane in read_overview(inbox).lanes if lane.paused]


def script(bridge: FastBridge, fault: Fault) -> None:
    """Let the first request of each kind meet ``fault``."""
    for kind in KINDS:
        bridge.chat.script(fault, url=bridge.address(kind))


@pytest.mark.parametrize("fault", [Cut(stage="after_storing"), Cut(), html_error(502)], ids=["swallowed", "cut", "502"])
@pytest.mark.parametrize(("unclear", "again"), [("repeat", True), ("drop", False)])
def test_nobody_knows_whether_it_was_taken_and_the_operator_has_chosen_what_follows(
    bridge: FastBridge, fault: Fault, unclear: str, again: bool
) -> None:
    inbox = bridge.configure(*KINDS, more=f'unclear = "{unclear}"')
    script(bridge, fault)
    arrive(inbox, 0, 1)
    bridge.work()
    settled(inbox)
    bridge.end()
    taken = fault.stage == "after_storing"
    for kind in KINDS:
        assert bridge.numbers(kind) == [*[0] * (again + taken), 1], kind
    assert sorted(letter.handler for letter in inbox.dead_letters()) == ([] if again else sorted(KINDS))


@pytest.mark.parametrize(
    "fault",
    [
        Say(status=429, body=b"error code: 1015"),
        Say(status=429, body=b"<html>", headers={"Retry-After": "7"}),
        html_error(503),
        html_error(500),
        Cut(stage="before_reading"),
    ],
    ids=["429 without a time", "429 with a time", "503", "500", "cut"],
)
def test_what_passes_is_waited_out_and_the_order_stays(bridge: FastBridge, fault: Fault) -> None:
    inbox = bridge.configure(*KINDS)
    script(bridge, fault)
    arrive(inbox, 0, 1, 2, 3)
    bridge.work()
    settled(inbox)
    bridge.end()
    for kind in KINDS:
        assert bridge.numbers(kind) == [0, 1, 2, 3], kind
    assert inbox.dead_letters() == []


def test_a_place_that_is_gone_is_switched_off_and_a_new_address_brings_what_waited(bridge: FastBridge) -> None:
    chat = bridge.chat
    inbox = bridge.configure(*KINDS)
    chat.discord.delete_webhook(bridge.webhooks["discord"])
    chat.slack.delete_webhook(bridge.webhooks["hook"])
    chat.slack.archive(bridge.channels["slack"])
    chat.telegram.kick(bridge.chats["telegram"])
    arrive(inbox, 0, 1, 2)
    bridge.work()
    until(lambda: switched_off(inbox) == sorted(KINDS))
    bridge.end()
    assert len(chat.arrivals) == len(KINDS), "none is called again"
    assert [lane.waiting for lane in read_overview(inbox).lanes] == [3] * 4
    inbox.close()
    bridge.webhooks |= {"discord": chat.discord_webhook(name="new d"), "hook": chat.slack_webhook(name="new h")}
    bridge.channels["slack"] = chat.slack_channel(name="new s")
    bridge.chats["telegram"] = chat.telegram_chat(name="new t")
    inbox = bridge.configure(*KINDS)
    bridge.work()
    settled(inbox)
    bridge.end()
    for name in ("new d", "new h", "new s", "new t"):
        assert bridge.numbers(name) == [0, 1, 2], name
    assert switched_off(inbox) == []


def test_a_message_whose_form_is_refused_is_told_in_plain_text_and_the_page_says_so(bridge: FastBridge) -> None:
    inbox = bridge.configure(*KINDS)
    for kind, refusal in FORMS.items():
        bridge.chat.script(refusal, url=bridge.address(kind))
    arrive(inbox, 0, 1)
    bridge.work()
    settled(inbox)
    bridge.end()
    newest, oldest = (event.tasks for event in read_overview(inbox).events)
    for number, kind in enumerate(sorted(KINDS)):
        assert bridge.numbers(kind) == [0, 1], kind
        assert (newest[number].state, newest[number].error) == ("sent", None)
        assert oldest[number].state == "sent as plain text"
        assert "refuses this message" in (oldest[number].error or "")
    letters = inbox.dead_letters()
    assert sorted(letter.handler for letter in letters) == sorted(KINDS)
    assert all(letter.error.startswith("Sent as plain text. ") for letter in letters)


def test_where_a_group_has_moved_is_kept_over_a_restart_and_shown(bridge: FastBridge) -> None:
    chat = bridge.chat
    bridge.chats["telegram"] = chat.telegram_chat(name="telegram", kind="group")
    inbox = bridge.configure("telegram")
    moved = chat.telegram.upgrade(bridge.chats["telegram"])
    for numbers, statuses in (((0, 1), [400, 200, 200]), ((2, 3), [200, 200])):
        before = len(chat.arrivals)
        arrive(inbox, *numbers)
        bridge.work()
        settled(inbox)
        bridge.end()
        assert [arrival.status for arrival in chat.arrivals[before:]] == statuses
    assert {message.channel_id for message in chat.messages} == {str(moved)}
    assert read_overview(inbox).lanes[0].moved == str(moved)
