"""The operator hears of trouble in the destination of their choice: once, once more when it is over, and never too often."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bridge_process import HEAD, SECRET
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_adapters.testing import ChatStandIn, Cut, Say, html_error
from perscom_bridge import conditions, wording
from perscom_bridge._load import Inspection, inspect, load
from perscom_bridge._send import post
from perscom_bridge.notices import EVERY, GRACE, MOST, Notices
from perscom_bridge.overview import LaneRow
from perscom_bridge.recent import Burst, Recent
from perscom_bridge.sentences import HELD_UP, Sentences
from perscom_bridge.service import destinations_of, running
from perscom_bridge.signs import GivenUp, Signs, Witness
from perscom_bridge.trouble import Outage, Told, Trouble, compare
from perscom_receiver import Health, Secret, SignatureMismatch, SQLiteInbox, Verifier
from perscom_receiver.queue import Result, State
from perscom_receiver.testing import make_event, signed_request

HOUR, DAY = 3600.0, 86_400.0
BEGAN = 1_780_000_000.0
HEALTH = Health(stored=0, waiting=0, dead=0, oldest=None, worker_seen=1.0, unknown_names={}, old_secret=0, skew=None)
GONE = (
    "Discord says the webhook no longer exists. Make a new one in Discord (channel settings, Integrations, Webhooks), put its"
    " URL into the configuration and restart."
)
CAUSE = "Signature mismatch. Probably another secret than the one in PERSCOM's webhook form."
UNREACHED = "discord.com could not be reached (ClientConnectorDNSError); nothing was sent."
RESUME = "Once it works again with the same settings: perscom-bridge inbox resume"
CHECK = "It is tried again and again. To see what is wrong: perscom-bridge check --live"


class Clock:
    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> float:
        return self.now


class Unit:
    """A community with announcements and a staff channel whose bridge is not running, so that each look is made by hand."""

    def __init__(self, folder: Path, chat: ChatStandIn, more: str = "") -> None:
        self.chat, self.clock = chat, Clock()
        self.urls = {name: chat.discord_webhook(name=name) for name in ("announcements", "staff")}
        self.path = folder / "bridge.toml"
        tables = "".join(f'[destinations.{name}]\ntype = "discord"\nurl = "{url}"\n' for name, url in self.urls.items())
        self.path.write_text(HEAD.replace("[server]", 'operator = "staff"\n[server]') + tables + more)
        self.config = load(self.path, {"PERSCOM_WEBHOOK_SECRET": SECRET})
        self.inbox = SQLiteInbox(self.config.server.database, now=self.clock)
        self.witness = Witness(self.inbox)
        for name in self.urls:
            self.write(lambda connection, name=name: self.inbox.queue.lane(connection, name))

    def write(self, work: Callable[[Any], Any]) -> Any:
        return self.inbox.database.write(work)

    @asynccontextmanager
    async def notices(self) -> AsyncIterator[Notices]:
        """What a start of the service makes: nothing is left in memory of an earlier one."""
        async with destinations_of(self.config) as pairs:
            staff = next(destination for one, destination in pairs if one.name == "staff")
            yield Notices(self.inbox, Witness(self.inbox), self.config, staff)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Notices]:
        async with destinations_of(self.config) as pairs:
            staff = next(destination for one, destination in pairs if one.name == "staff")
            yield Notices(self.inbox, self.witness, self.config, staff)

    def off(self, name: str, reason: str = GONE) -> None:
        assert self.write(lambda connection: self.inbox.queue.pause(connection, name, reason))

    def on(self, name: str) -> None:
        assert self.inbox.resume(name)

    def wait_for(self, name: str, n: int) -> None:
        """Let ``n`` events wait for a destination."""
        for number in range(n):
            self.inbox.add(make_event("rankrecord.created", data={"id": number}))

        def plan(connection: Any) -> None:
            lane = self.inbox.queue.lane(connection, name)
            self.inbox.plan(connection, [(found, {lane: None}) for found in self.inbox.pending(connection, 1000)])

        self.write(plan)

    def give_up(self, name: str, n: int, error: str) -> None:
        self.wait_for(name, n)

        def settle(connection: Any) -> None:
            lane = self.inbox.queue.lane(connection, name, width=100)
            claim = self.inbox.queue.claim(connection, self.clock(), 30, 1000, [lane])
            for task in claim.tasks:
                result = Result(state=State.DEAD, outcome="rejected", error=error)
                assert self.inbox.queue.settle(connection, task, result, self.clock())

        self.write(settle)

    def attempt(self, name: str, outcome: str, wait: float = 900) -> None:
        """Let the oldest event that waits for a destination be tried, as the worker does it; again after ``wait`` seconds."""
        results = {
            "done": Result(state=State.DONE, outcome="done"),
            "retry": Result(state=State.WAITING, outcome="retry", at=self.clock() + wait, hold=True, error=UNREACHED),
            "permanent": Result(state=State.WAITING, outcome="permanent", pause=GONE, error=GONE),
        }

        def work(connection: Any) -> None:
            lane = self.inbox.queue.lane(connection, name)
            claim = self.inbox.queue.claim(connection, self.clock(), 30, 1, [lane])
            assert claim is not None
            (task,) = claim.tasks
            assert self.inbox.queue.start(connection, task, self.clock())
            assert self.inbox.queue.settle(connection, task, results[outcome], self.clock())

        self.write(work)

    def fail(self, *names: str, minutes: int) -> None:
        """Let destinations fail once every five minutes for so long; then they are due again."""
        for minute in range(0, minutes, 5):
            for name in names:
                self.attempt(name, "retry", wait=300)
            self.clock.now += min(5, minutes - minute) * 60

    def refuse(self, n: int) -> None:
        for _ in range(n):
            self.witness.refused(SignatureMismatch(), CAUSE)

    @property
    def said(self) -> list[tuple[str, list[str]]]:
        """The notices in the staff channel: the title and the sentences of each."""
        embeds = [message.payload["embeds"][0] for message in self.chat.messages if message.destination == "staff"]
        embeds = [embed for embed in embeds if embed["title"].startswith("perscom-bridge")]
        return [(embed["title"], embed["description"].replace("\\", "").split("\n\n")) for embed in embeds]


Use = Callable[[Unit], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Unit]:
    def run(use: Use, more: str = "") -> Unit:
        async def main() -> Unit:
            async with ChatStandIn(rate=None) as chat:
                unit = Unit(tmp_path, chat, more)
                try:
                    await use(unit)
                finally:
                    unit.inbox.close()
                assert not chat.mistakes
                return unit

        return asyncio.run(main())

    return run


def test_a_destination_that_is_off_is_told_once_and_once_when_it_is_on_again_also_over_restarts(play: Any) -> None:
    async def use(unit: Unit) -> None:
        unit.wait_for("announcements", 12)
        async with unit.notices() as notices:
            await notices.look()
        assert unit.said == []
        unit.off("announcements")
        for _ in range(3):
            async with unit.notices() as notices:
                await notices.look()
                await notices.look()
            unit.clock.now += DAY
        assert len(unit.said) == 1
        unit.on("announcements")
        for _ in range(3):
            async with unit.notices() as notices:
                await notices.look()
                await notices.look()

    assert play(use).said == [
        ("perscom-bridge: trouble", [f"announcements is off: {GONE} 12 events are waiting. {RESUME} announcements"]),
        ("perscom-bridge: mended", ["announcements is no longer off."]),
    ]


def test_what_comes_back_is_told_anew(play: Any) -> None:
    async def use(unit: Unit) -> None:
        async with unit.notices() as notices:
            for _ in range(2):
                unit.off("announcements")
                await notices.look()
                unit.on("announcements")
                await notices.look()

    assert [title for title, _ in play(use).said] == ["perscom-bridge: trouble", "perscom-bridge: mended"] * 2


def test_nothing_is_told_of_the_operators_own_channel_and_the_rest_waits_until_it_is_on_again(play: Any) -> None:
    async def use(unit: Unit) -> None:
        async with unit.watched() as notices:
            unit.off("staff")
            unit.off("announcements")
            unit.refuse(5)
            for _ in range(3):
                await notices.look()
                unit.clock.now += 60
            assert unit.chat.arrivals == []
            unit.on("staff")
            await notices.look()
            await notices.look()

    unit = play(use)
    ((title, sentences),) = unit.said
    assert title == "perscom-bridge: trouble"
    assert [sentence.split(" ", 2)[:2] for sentence in sentences] == [["announcements", "is"], ["5", "calls"]]
    assert not [sentence for sentence in sentences if "staff" in sentence]


def test_a_channel_that_turns_out_to_be_gone_is_switched_off_and_not_called_again(
    play: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(unit: Unit) -> None:
        unit.chat.discord.delete_webhook(unit.urls["staff"])
        unit.off("announcements")
        async with unit.notices() as notices:
            for _ in range(5):
                await notices.look()
                unit.clock.now += HOUR
        assert len(unit.chat.arrivals) == 1
        assert unit.inbox.queue.name == "inbox"
        paused = unit.inbox.database.read(lambda c: c.execute("SELECT paused FROM lane WHERE name = 'staff'").fetchone())
        assert paused == (GONE,)

    unit = play(use)
    assert "staff was not told of trouble: Discord says the webhook no longer exists." in caplog.text
    assert "announcements is off" in caplog.text, "the log alone says so now"
    assert not [url for url in unit.urls.values() if url.rpartition("/")[2] in caplog.text]


@pytest.mark.parametrize(
    ("fault", "messages"),
    [
        (html_error(503), 1),
        (Say(status=429, body=b'{"retry_after": 40.0, "global": false}'), 1),
        (Cut(), 0),
        (Cut(stage="after_storing"), 1),
        (Say(status=400, body=b'{"code": 50006, "message": "Cannot send an empty message"}'), 0),
    ],
    ids=["503", "429", "unclear, lost", "unclear, taken", "rejected"],
)
def test_a_notice_that_is_not_taken_is_tried_again_and_never_stands_there_twice(play: Any, fault: Any, messages: int) -> None:
    async def use(unit: Unit) -> None:
        unit.off("announcements")
        unit.chat.script(fault)
        async with unit.notices() as notices:
            for _ in range(40):
                await notices.look()
                unit.clock.now += EVERY

    unit = play(use)
    assert len(unit.said) == messages
    assert len(unit.chat.arrivals) <= 2


def test_refused_calls_are_one_trouble_that_is_over_after_a_quiet_hour(play: Any) -> None:
    async def use(unit: Unit) -> None:
        async with unit.watched() as notices:
            unit.refuse(2)
            await notices.look()
            assert unit.said == []
            for _ in range(7):
                unit.refuse(5)
                unit.clock.now += 40
            await notices.look()
            told = [f"37 calls were refused in the last 10 minutes. {CAUSE} The log says more."]
            assert unit.said == [("perscom-bridge: trouble", told)]
            for _ in range(3):  # now and then another one: it is not over
                unit.clock.now += 50 * 60
                unit.refuse(1)
                await notices.look()
            unit.clock.now += 58 * 60
            await notices.look()
            assert len(unit.said) == 1
            unit.clock.now += 13 * 60
            await notices.look()
            await notices.look()

    over = "No call was refused for an hour (signature mismatch)."
    assert play(use).said[1:] == [("perscom-bridge: mended", [over])]


def test_a_stranger_is_told_of_once_a_day_at_most(play: Any) -> None:
    async def use(unit: Unit) -> None:
        async with unit.watched() as notices:
            for _ in range(24 * 3):
                unit.refuse(1000)
                await notices.look()
                unit.clock.now += 2 * HOUR
                await notices.look()

    titles = [title for title, _ in play(use).said]
    assert titles == ["perscom-bridge: trouble", "perscom-bridge: mended"] * 6


def test_there_are_few_messages_in_an_hour_and_in_the_end_all_is_told(play: Any) -> None:
    names = [f"channel-{number:02}" for number in range(20)]
    url = "https://discord.com/api/webhooks/11301122334455667{:02}/Zq7xTokenOfTheChannelForEverybody_-0123456789"
    more = "".join(
        f'[destinations.{name}]\ntype = "discord"\nurl = "{url.format(number)}"\n' for number, name in enumerate(names)
    )

    async def use(unit: Unit) -> None:
        async with unit.notices() as notices:
            for name in names:
                unit.write(lambda connection, name=name: unit.inbox.queue.lane(connection, name))
                unit.off(name, "It is gone.")
                await notices.look()
                unit.clock.now += 60
            assert len(unit.said) == MOST
            unit.clock.now += HOUR
            await notices.look()

    unit = play(use, more)
    assert len(unit.said) == MOST + 1
    told = [sentence for _, sentences in unit.said for sentence in sentences]
    assert told[:-1] == [f"{name} is off: It is gone. Nothing is waiting. {RESUME} {name}" for name in names[:16]]
    assert told[-1] == "And 4 more: the status page has them all."


def test_what_was_given_up_is_told_with_the_newest_reason(play: Any) -> None:
    async def use(unit: Unit) -> None:
        async with unit.notices() as notices:
            unit.give_up("announcements", 2, "Discord calls this message empty.")
            await notices.look()
            unit.give_up("announcements", 1, "Discord says this message is too large.")
            await notices.look()
            unit.clock.now += DAY
            await notices.look()
            unit.give_up("announcements", 1, "Discord says this message is too large.")
            await notices.look()

    reason = "within a day, the newest for this reason:"
    end = "All of them: perscom-bridge inbox dead"
    once, look = "within a day, for this reason:", "See: perscom-bridge inbox dead"
    assert [sentences for _, sentences in play(use).said] == [
        [f"2 messages were given up for announcements {reason} Discord calls this message empty. {end}"],
        ["No message was given up for announcements for a day."],
        [f"1 message was given up for announcements {once} Discord says this message is too large. {look}"],
    ]


def test_failing_conditions_and_wordings_are_told_and_a_restart_alone_does_not_end_them(play: Any) -> None:
    async def use(unit: Unit) -> None:
        async with unit.watched() as notices:
            unit.witness.posted("announcements", "sent")
            unit.witness.posted("announcements", conditions.FAILED)
            unit.witness.posted("staff", wording.FAILED)
            await notices.look()
        unit.clock.now += HOUR
        async with unit.notices() as notices:
            await notices.look()
            assert len(unit.said) == 1
            unit.clock.now += DAY
            await notices.look()

    (_, told), (_, over) = play(use).said
    assert told[0].startswith(
        "announcements: its condition failed on 1 event in the last 10 minutes, so that it was not posted."
    )
    assert told[1].startswith("staff: a wording failed on 1 message in the last 10 minutes")
    assert over == ["announcements: its condition has not failed for a day.", "staff: no wording has failed for a day."]


def test_an_old_secret_that_is_still_used_is_told(play: Any) -> None:
    async def use(unit: Unit) -> None:
        old = Secret("the secret of the year before", name="previous_secret")
        verifier = Verifier(Secret(SECRET, name="secret"), old)
        unit.inbox.add(verifier.event(*signed_request("rankrecord.created", "the secret of the year before")))
        unit.wait_for("announcements", 0)
        async with unit.notices() as notices:
            await notices.look()
            unit.clock.now += DAY + 1
            await notices.look()

    (_, told), (_, over) = play(use).said
    assert told == [
        "1 event was signed with an old secret in the last 24 hours. Look into PERSCOM's webhook form before you take it out."
    ]
    assert over == ["The old secret was not used for a day: its lines can be taken out."]


def test_a_destination_that_takes_nothing_for_long_is_told_once_and_once_when_it_takes_messages_again(play: Any) -> None:
    async def use(unit: Unit) -> None:
        unit.wait_for("announcements", 3)
        async with unit.watched() as notices:
            unit.fail("announcements", minutes=14)
            await notices.look()
            assert unit.said == [], "it may be over soon"
            unit.clock.now += 2 * 60
            await notices.look()
        for _ in range(5):  # hours later, and over restarts
            unit.fail("announcements", minutes=60)
            async with unit.notices() as notices:
                await notices.look()
                await notices.look()
        assert len(unit.said) == 1
        async with unit.notices() as notices:
            for _ in range(3):
                unit.attempt("announcements", "done")
                await notices.look()
            assert len(unit.said) == 1
            unit.clock.now += 3 * 60
            await notices.look()
            await notices.look()

    told = f"Nothing has got through to announcements for 16 minutes. {UNREACHED} 3 events are waiting, the oldest for"
    assert play(use).said == [
        ("perscom-bridge: trouble", [f"{told} 16 minutes. {CHECK}"]),
        ("perscom-bridge: mended", ["Nothing is held up for announcements any more."]),
    ]


def test_nothing_is_told_of_hiccups_of_a_busy_day_or_of_a_night_without_the_service(play: Any) -> None:
    async def use(unit: Unit) -> None:
        unit.wait_for("announcements", 20)
        async with unit.watched() as notices:
            for _ in range(20):  # each needs three attempts
                unit.fail("announcements", minutes=10)
                await notices.look()
                unit.attempt("announcements", "done")
                await notices.look()
            unit.wait_for("announcements", 1)
            unit.attempt("announcements", "retry")
        unit.clock.now += DAY
        async with unit.notices() as notices:
            await notices.look()
            unit.attempt("announcements", "retry")
            await notices.look()

    assert play(use).said == []


def test_what_many_places_take_and_one_event_meets_alone_is_no_outage(play: Any) -> None:
    async def use(unit: Unit) -> None:
        unit.wait_for("announcements", 5)

        def work(connection: Any) -> None:
            lane = unit.inbox.queue.lane(connection, "announcements", width=5)
            claim = unit.inbox.queue.claim(connection, unit.clock(), 3600, 5, [lane])
            assert claim is not None
            refused, *others = claim.tasks
            result = Result(state=State.WAITING, outcome="retry", at=unit.clock() + HOUR, error="n8n refuses the event (500).")
            assert unit.inbox.queue.start(connection, refused, unit.clock())
            assert unit.inbox.queue.settle(connection, refused, result, unit.clock())
            for other in others:
                unit.clock.now += 10 * 60
                done = Result(state=State.DONE, outcome="done")
                assert unit.inbox.queue.settle(connection, other, done, unit.clock())

        unit.write(work)
        async with unit.watched() as notices:
            await notices.look()
            (found,) = unit.witness.signs(["announcements"]).outages
            assert (found.since, found.waiting, found.oldest) == (0, 1, 40 * 60)
            assert unit.said == []

    play(use)


SEVERAL = "".join(
    f'[destinations.{name}]\ntype = "discord"\nurl = "https://discord.com/api/webhooks/11301122334455667{number}/{"x" * 60}"\n'
    for number, name in enumerate(("alpha", "bravo"), 10)
)


def test_a_network_that_is_away_is_one_sentence_however_many_destinations_it_leads_to(play: Any) -> None:
    async def use(unit: Unit) -> None:
        for name in ("announcements", "alpha", "bravo"):
            unit.wait_for(name, 2)
        async with unit.watched() as notices:
            unit.fail("announcements", "alpha", "bravo", minutes=20)
            await notices.look()
            for name in ("announcements", "alpha", "bravo"):
                unit.attempt(name, "done")
                unit.attempt(name, "done")
            unit.clock.now += 3 * 60
            await notices.look()

    told = (
        "Nothing has got through to announcements, alpha and bravo for 20 minutes. 6 events are waiting, the oldest for 20"
        " minutes. They are tried again and again. Can this machine reach the internet? To see which of them answer:"
        " perscom-bridge check --live"
    )
    assert play(use, SEVERAL).said == [
        ("perscom-bridge: trouble", [told]),
        ("perscom-bridge: mended", ["Nothing is held up for announcements, alpha and bravo any more."]),
    ]


def test_an_outage_of_the_operators_own_channel_is_waited_out_and_never_told_there(play: Any) -> None:
    async def use(unit: Unit) -> None:
        unit.wait_for("staff", 1)
        unit.wait_for("announcements", 1)
        async with unit.watched() as notices:
            unit.fail("staff", "announcements", minutes=20)
            unit.attempt("staff", "retry", wait=900)
            for _ in range(28):
                await notices.look()
                unit.clock.now += EVERY
            assert unit.chat.arrivals == [], "a call would meet what the last one met"
            unit.clock.now += 60
            unit.attempt("staff", "done")
            await notices.look()
            await notices.look()

    ((title, (sentence,)),) = play(use).said
    assert title == "perscom-bridge: trouble"
    assert sentence.startswith("Nothing has got through to announcements for 3")


def test_where_a_notice_gets_through_it_does_not_say_that_nothing_does(play: Any) -> None:
    async def use(unit: Unit) -> None:
        unit.wait_for("staff", 1)
        unit.wait_for("announcements", 1)
        async with unit.watched() as notices:
            unit.fail("staff", "announcements", minutes=20)
            await notices.look()

    ((_, (sentence,)),) = play(use).said
    assert sentence.startswith("Nothing has got through to announcements for 20 minutes.")


def test_the_time_that_a_destination_is_off_is_no_outage(play: Any) -> None:
    async def use(unit: Unit) -> None:
        unit.wait_for("announcements", 1)
        async with unit.watched() as notices:
            unit.fail("announcements", minutes=10)
            unit.attempt("announcements", "permanent")
            await notices.look()
            unit.clock.now += DAY
            unit.on("announcements")
            unit.fail("announcements", minutes=14)
            await notices.look()
            assert [title for title, _ in unit.said] == ["perscom-bridge: trouble", "perscom-bridge: mended"]
            unit.clock.now += 60
            await notices.look()

    (_, (told,)) = play(use).said[2]
    assert told.startswith("Nothing has got through to announcements for 15 minutes.")


def test_an_outage_that_ends_with_a_destination_that_is_gone_is_not_over(play: Any) -> None:
    async def use(unit: Unit) -> None:
        unit.wait_for("announcements", 1)
        async with unit.watched() as notices:
            unit.fail("announcements", minutes=20)
            await notices.look()
            unit.attempt("announcements", "permanent")
            for _ in range(5):
                await notices.look()
                unit.clock.now += HOUR
            assert [sentences[0].split()[0] for _, sentences in unit.said] == ["Nothing", "announcements"]
            unit.on("announcements")
            unit.attempt("announcements", "done")
            unit.clock.now += HOUR
            await notices.look()

    assert play(use).said[2:] == [
        ("perscom-bridge: mended", ["Nothing is held up for announcements any more.", "announcements is no longer off."])
    ]


def test_a_limit_that_a_notice_meets_holds_for_the_messages_of_events_and_the_other_way_round(play: Any) -> None:
    async def use(unit: Unit) -> None:
        def ready(*names: str) -> list[float | None]:
            queue = unit.inbox.queue
            lanes = [unit.write(lambda c, name=name: queue.lane(c, name, pace=paces[name])) for name in names]
            return [unit.write(lambda c, lane=lane: queue.next_ready(c, [lane])) for lane in lanes]

        async with unit.watched() as notices:
            own = notices._destination.pace.path  # type: ignore[attr-defined]
            paces = {"staff": own, "announcements": f"{own}more/", "alpha": "elsewhere/"}
            for name in paces:
                unit.wait_for(name, 1)
            ready(*paces)
            unit.give_up("bravo", 1, "It is too large.")
            unit.chat.script(Say(status=429, body=b'{"retry_after": 600.0, "global": false}'))
            await notices.look()
            until = unit.clock.now + 600
            found = ready(*paces)
            assert found[:2] == [pytest.approx(until, abs=0.1)] * 2
            assert found[2] == unit.clock.now
            while unit.clock.now < until - GRACE - EVERY:
                unit.clock.now += EVERY
                await notices.look()
            assert len(unit.chat.arrivals) == 1, "a restart would not wait less"
            async with unit.notices() as anew:
                await anew.look()
                assert len(unit.chat.arrivals) == 1
                unit.clock.now = until - 0.1
                await anew.look()
            assert len(unit.said) == 1

    play(use, SEVERAL)


def test_notices_are_in_the_language_of_the_destination_they_go_to(play: Any) -> None:
    async def use(unit: Unit) -> None:
        async with unit.notices() as notices:
            unit.off("announcements")
            await notices.look()
            unit.on("announcements")
            await notices.look()

    told = (
        "announcements ist abgeschaltet: Laut Discord gibt es den Webhook nicht mehr. In Discord einen neuen anlegen"
        " (Kanaleinstellungen, Integrationen, Webhooks), dessen URL in die Konfiguration eintragen und neu starten. Es wartet"
        " nichts. Sobald es mit denselben Einstellungen wieder geht: perscom-bridge inbox resume announcements"
    )
    assert play(use, 'language = "de"\n').said == [
        ("perscom-bridge: Störung", [told]),
        ("perscom-bridge: behoben", ["announcements ist nicht mehr abgeschaltet."]),
    ]


def signs(**more: Any) -> Signs:
    return Signs(**{"lanes": (), "health": HEALTH, **more})


def lane(name: str, paused: str | None) -> LaneRow:
    return LaneRow(name=name, waiting=1, paused=paused, moved=None)


def outage(name: str, since: float = HELD_UP) -> Outage:
    return Outage(destination=name, since=since, waiting=1, oldest=since, error=UNREACHED)


def test_what_is_worst_is_told_first() -> None:
    everything = signs(
        lanes=[lane("announcements", GONE), lane("staff", None)],
        health=msgspec.structs.replace(HEALTH, waiting=14, oldest=90.0, worker_seen=80.0, old_secret=2),
        outages=[outage("staff")],
        given_up=[GivenUp("staff", 1, "It is too large.")],
        refused={"MethodRefused": Burst(9, "A GET webhook: what PERSCOM signed never travels.")},
        unstored=4,
        failed={("staff", conditions.FAILED): Burst(1)},
    )
    assert [trouble.key for trouble in Sentences("en").troubles(everything, "") if trouble.begins] == [
        "unstored",
        "unworked",
        "off announcements",
        "held up staff",
        "given up staff",
        "refused MethodRefused",
        "old secret",
        "condition failed staff",
    ]
    assert Sentences("en").troubles(signs(), "") == []


trouble = st.builds(
    lambda key, quiet, again, begins: Trouble(
        key=key, text="It is broken.", over="It is whole.", quiet=quiet, again=again, begins=begins
    ),
    st.sampled_from("abc"),
    st.sampled_from([0.0, HOUR]),
    st.sampled_from([0.0, DAY]),
    st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.lists(trouble, unique_by=lambda one: one.key), st.floats(-2 * DAY, 2 * DAY)), max_size=20))
def test_whatever_comes_and_goes_each_beginning_has_one_end(looks: list[tuple[list[Trouble], float]]) -> None:
    """Also under a clock that is set forth and back."""
    told: dict[str, Told] = {}
    now, open_now = BEGAN, set[str]()
    for present, step in [*looks, ([], 3 * DAY), ([], 3 * DAY)]:
        now += step
        new, over, told = compare(told, present, now)
        assert not open_now & {one.key for one in new}, "a second time"
        assert {one.trouble.key for one in over} <= open_now, "an end without a beginning"
        open_now = (open_now | {one.key for one in new}) - {one.trouble.key for one in over}
        assert compare(told, present, now) == ([], [], told), "a second look at the same changes nothing"
        assert {key for key, one in told.items() if not one.ended} == open_now
    assert not open_now
    assert told == {}


def test_counts_forget_what_is_older_than_their_span_and_stay_small() -> None:
    clock = Clock()
    recent: Recent[str] = Recent(clock, 600)
    for minute in range(1000):
        recent.note("a", f"at {minute}")
        clock.now += 60
    assert recent.bursts() == {"a": Burst(9, "at 999")} or recent.bursts() == {"a": Burst(10, "at 999")}
    assert max(len(parts) for parts in recent._counts.values()) <= 20
    for number in range(5000):
        recent.note(str(number))
    assert len(recent.bursts()) <= 1000
    clock.now += 601
    assert recent.bursts() == {}


def judged(folder: Path, operator: str) -> Inspection:
    destinations = '[destinations.announcements]\ntype = "discord"\n[destinations.staff]\ntype = "telegram"\n'
    (folder / "bridge.toml").write_text(f'[site]\nsecret = "{SECRET}"\noperator = {operator}\n{destinations}')
    return inspect(folder / "bridge.toml", {})


def test_the_operator_names_a_destination_of_the_file(tmp_path: Path) -> None:
    assert "site.operator" not in [problem.key for problem in judged(tmp_path, '"staff"').problems]
    (problem,) = (problem for problem in judged(tmp_path, '"stuff"').problems if problem.key == "site.operator")
    assert problem.line == 3
    assert problem.text == ('"stuff" is no destination of this file. Did you mean "staff"?      It has: announcements, staff')
    assert "should be text" in next(p for p in judged(tmp_path, "7").problems if p.key == "site.operator").text


def test_the_running_service_tells_of_a_deleted_webhook_and_of_calls_with_another_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("perscom_bridge.notices.EVERY", 0.05)
    caplog.set_level(logging.INFO)

    async def main() -> Unit:
        async with asyncio.timeout(20), ChatStandIn(rate=None) as chat:
            unit = Unit(tmp_path, chat)
            unit.inbox.close()
            chat.discord.delete_webhook(unit.urls["announcements"])
            for start in range(2):
                async with destinations_of(unit.config) as pairs, running([(unit.config, pairs)]) as service:
                    url = service.webhook_url(unit.config)
                    if start == 0:
                        assert (await post(url, *signed_request("webhook.test", SECRET))).status == 202
                        while not unit.said:
                            await asyncio.sleep(0.02)
                    for _ in range(5):
                        headers, body = signed_request("rankrecord.created", "another secret, just as long")
                        assert (await post(url, headers, body)).status == 401
                    while not [one for one in unit.said if "refused" in one[1][-1]]:
                        await asyncio.sleep(0.02)
                    await asyncio.sleep(0.3)
            return unit

    unit = asyncio.run(main())
    troubled = [sentence for title, sentences in unit.said for sentence in sentences if title == "perscom-bridge: trouble"]
    assert len(troubled) == 2, "a restart repeats nothing"
    assert troubled[0] == f"announcements is off: {GONE} 1 event is waiting. {RESUME} announcements"
    assert "calls were refused in the last 10 minutes. Signature mismatch. Probably another secret than" in troubled[1]
    everything = str(unit.said) + caplog.text
    secrets = [SECRET, "another secret, just as long", *(url.rpartition("/")[2] for url in unit.urls.values()), "Whitfield"]
    assert not [secret for secret in secrets if secret in everything]


def test_the_running_service_tells_of_an_outage_and_of_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perscom_bridge.notices.EVERY", 0.05)
    began, speed = time.time(), 600.0

    def now() -> float:
        return began + (time.time() - began) * speed

    async def main() -> Unit:
        async with asyncio.timeout(30), ChatStandIn(rate=None) as chat:
            unit = Unit(tmp_path, chat)
            unit.inbox.close()
            chat.script(*[html_error(503)] * 10, url=unit.urls["announcements"])  # for some 50 minutes
            async with (
                destinations_of(unit.config) as pairs,
                running([(unit.config, pairs)], now=now, speed=speed) as service,
            ):
                url = service.webhook_url(unit.config)
                assert (await post(url, *signed_request("webhook.test", SECRET))).status == 202
                while len(unit.said) < 2:
                    await asyncio.sleep(0.02)
            return unit

    (trouble, (told,)), (mended, over) = asyncio.run(main()).said
    assert (trouble, mended) == ("perscom-bridge: trouble", "perscom-bridge: mended")
    assert re.sub(r"(1[5-9]|[2-5]\d) minutes", "so many minutes", told) == (
        "Nothing has got through to announcements for so many minutes. Discord has trouble of its own (503)."
        f" 1 event has been waiting for so many minutes. {CHECK}"
    )
    assert over == ["Nothing is held up for announcements any more."]


def test_without_an_operator_nobody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perscom_bridge.notices.EVERY", 0.05)

    async def main() -> None:
        async with ChatStandIn(rate=None) as chat:
            unit = Unit(tmp_path, chat)
            unit.inbox.close()
            config = msgspec.structs.replace(unit.config, site=msgspec.structs.replace(unit.config.site, operator=None))
            async with destinations_of(config) as pairs, running([(config, pairs)]):
                unit.off("announcements")
                await asyncio.sleep(0.3)
            assert chat.arrivals == []

    asyncio.run(main())
