"""The operator hears of trouble in the destination of their choice: once, once more when it is over, and never too often."""

from __future__ import annotations

import asyncio
import logging
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
from perscom_bridge.notices import EVERY, MOST, Notices, Witness
from perscom_bridge.overview import LaneRow
from perscom_bridge.recent import Burst, Recent
from perscom_bridge.service import destinations_of, running
from perscom_bridge.trouble import GivenUp, Signs, Told, Trouble, compare, troubles
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
        ("perscom-bridge: trouble", [f"announcements is off: {GONE} 12 events are waiting."]),
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
            told = [(f"37 calls were refused in the last 10 minutes. {CAUSE}")]
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
    assert told[:-1] == [f"{name} is off: It is gone. 0 events are waiting." for name in names[:16]]
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
    assert [sentences for _, sentences in play(use).said] == [
        [f"2 messages were given up for announcements {reason} Discord calls this message empty. {end}"],
        ["No message was given up for announcements for a day."],
        [f"1 message was given up for announcements {reason} Discord says this message is too large. {end}"],
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


def signs(**more: Any) -> Signs:
    return Signs(**{"lanes": (), "health": HEALTH, **more})


def lane(name: str, paused: str | None) -> LaneRow:
    return LaneRow(name=name, waiting=1, paused=paused, moved=None)


def test_what_is_worst_is_told_first() -> None:
    everything = signs(
        lanes=[lane("announcements", GONE), lane("staff", None)],
        health=msgspec.structs.replace(HEALTH, waiting=14, oldest=90.0, worker_seen=80.0, old_secret=2),
        given_up=[GivenUp("staff", 1, "It is too large.")],
        refused={"MethodRefused": Burst(9, "A GET webhook: what PERSCOM signed never travels.")},
        unstored=4,
        failed={("staff", conditions.FAILED): Burst(1)},
    )
    assert [trouble.key for trouble in troubles(everything)] == [
        "unstored",
        "unworked",
        "off announcements",
        "given up staff",
        "refused MethodRefused",
        "old secret",
        "condition failed staff",
    ]
    assert troubles(signs()) == []


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
    assert troubled[0] == f"announcements is off: {GONE} 1 event is waiting."
    assert "calls were refused in the last 10 minutes. Signature mismatch. Probably another secret than" in troubled[1]
    everything = str(unit.said) + caplog.text
    secrets = [SECRET, "another secret, just as long", *(url.rpartition("/")[2] for url in unit.urls.values()), "Whitfield"]
    assert not [secret for secret in secrets if secret in everything]


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
