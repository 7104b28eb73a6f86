"""What a destination shows: one message for one action, changed and struck where the platform can, whatever comes when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from perscom_adapters import Destination, render_group
from perscom_adapters.discord import DiscordDestination
from perscom_adapters.session import new_session
from perscom_adapters.slack import SlackBotDestination, SlackWebhookDestination
from perscom_adapters.telegram import TelegramDestination
from perscom_adapters.testing import ChatStandIn, Say
from perscom_bridge.config import DestinationConfig, HiddenUrl, Site
from perscom_bridge.platforms.discord import DiscordPlace
from perscom_bridge.quiet import Quiet
from perscom_bridge.routing import router_for
from perscom_receiver import Event, Secret, SQLiteInbox, Worker
from perscom_receiver.testing import make_event

START = datetime(2026, 3, 2, 19, 0, tzinfo=UTC).timestamp()
PLACE = DiscordPlace(url=HiddenUrl("https://discord.com/api/webhooks/1130112233445566778/NobodyIsCalledHere"))
SITE = Site(secrets=(Secret("an invented secret"),))


class Chat:
    """One destination of a platform's stand-in, an inbox, and a clock that is moved by hand."""

    def __init__(self, path: Path, platform: str) -> None:
        self.now = START
        self.inbox = SQLiteInbox(path / "inbox.db", now=lambda: self.now)
        self.chat = ChatStandIn(rate=None)
        self.platform = platform
        self.counted: list[str] = []
        self.config = DestinationConfig(name="chat", place=PLACE, events=("*",))

    def _destination(self, session: Any) -> Destination:
        name: dict[str, Any] = {"name": "chat", "session": session}
        match self.platform:
            case "discord":
                return DiscordDestination(self._url, **name)
            case "slack webhook":
                return SlackWebhookDestination(self._url, **name)
            case "slack bot":
                return SlackBotDestination(self.chat.slack_token, self._url, base_url=self.chat.slack_api, **name)
            case _:
                return TelegramDestination(self._url, self._group, base_url=self.chat.telegram_api, **name)

    def __enter__(self) -> Chat:
        self.chat.__enter__()
        match self.platform:
            case "discord":
                self._url = self.chat.discord_webhook(name="chat")
            case "slack webhook":
                self._url = self.chat.slack_webhook(name="chat")
            case "slack bot":
                self._url = self.chat.slack_channel(name="chat")
            case _:
                self._url, self._group = self.chat.telegram_bot(name="bot"), self.chat.telegram_chat(name="chat")
        return self

    def __exit__(self, *exc: Any) -> None:
        self.chat.__exit__(*exc)
        self.inbox.close()

    def arrives(self, name: str, /, *, after: float = 0.0, request: str = "one", **overrides: object) -> Event:
        """A genuine event, created ``after`` seconds from now."""
        created = datetime.fromtimestamp(self.now + after, UTC)
        event = make_event(name, created=created, request_id=request, **overrides)
        self.inbox.add(event)
        return event

    def promotion(self, *, after: float = 0.0, request: str = "one", record: int = 17, rank: str = "Sergeant") -> None:
        """Two deliveries of one action, as PERSCOM sends them."""
        self.arrives("user.updated", after=after, request=request, id=7, changes={"rank_id": 5}, rank_id=5)
        self.arrives("rankrecord.created", after=after + 0.1, request=request, **self.record(record, rank))

    @staticmethod
    def record(number: int, rank: str) -> dict[str, Any]:
        user = {"id": 7, "display_name": "Cpl Noor Haddad"}
        return {
            "id": number,
            "user_id": 7,
            "user": user,
            "rank_id": 5,
            "rank": {"id": 5, "name": rank},
            "type": 0,
            "text": None,
        }

    async def _settled(self) -> None:
        """Until nothing is left to be done at this moment of the clock."""
        busy = (
            "SELECT (SELECT count(*) FROM event WHERE unplanned = 1) + (SELECT count(*) FROM task WHERE state = 1)"
            " + (SELECT count(*) FROM lane WHERE ready <= ?)"
        )
        async with asyncio.timeout(30):
            await asyncio.sleep(0.02)
            while (await self.inbox.database.aread(lambda c: c.execute(busy, (self.now,)).fetchone()))[0]:
                await asyncio.sleep(0.01)

    def passes(self, seconds: float) -> None:
        """Work, move the clock on in steps, and work again."""

        async def main() -> None:
            stop = asyncio.Event()
            async with new_session() as session:
                router = router_for(
                    [(self.config, self._destination(session))],
                    SITE,
                    lambda _, how: self.counted.append(how),
                    now=lambda: self.now,
                )
                running = asyncio.create_task(Worker(self.inbox, router).run(stop))
                end = self.now + seconds
                while True:
                    await self._settled()
                    if self.now >= end:
                        break
                    self.now = min(end, self.now + max(seconds / 5, 3))
                stop.set()
                await running

        asyncio.run(main())

    @property
    def shown(self) -> list[str]:
        """The messages as they stand there now, as JSON."""
        return [json.dumps(message.payload, ensure_ascii=False) for message in self.chat.messages]


EDITABLE = ("discord", "slack bot", "telegram")
ALL = (*EDITABLE, "slack webhook")


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perscom_receiver._worker.POLL", 0.01)


@pytest.fixture
def chat(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Chat]:
    with Chat(tmp_path, getattr(request, "param", "discord")) as made:
        yield made
        assert not made.chat.mistakes


on_all = pytest.mark.parametrize("chat", ALL, indirect=True)
where_messages_change = pytest.mark.parametrize("chat", EDITABLE, indirect=True)
nowhere_else = pytest.mark.parametrize("chat", ["slack webhook"], indirect=True)


@on_all
def test_one_action_is_one_message(chat: Chat) -> None:
    chat.promotion()
    chat.passes(5)
    assert chat.shown == [], "the rest of the action may still come"
    chat.passes(6)
    (only,) = chat.shown
    assert "Cpl Noor Haddad promoted to Sergeant" in only


def test_without_grouping_each_delivery_is_told_at_once(chat: Chat) -> None:
    chat.config = replace(chat.config, group=0)
    chat.promotion()
    chat.passes(3)
    assert len(chat.shown) == 2


@where_messages_change
def test_an_update_changes_the_first_message(chat: Chat) -> None:
    chat.promotion()
    chat.passes(11)
    newer = {"rank_id": 6, "rank": {"id": 6, "name": "Staff Sergeant"}}
    chat.arrives("rankrecord.updated", request="two", changes={"rank_id": 6}, **chat.record(17, "Sergeant") | newer)
    chat.passes(11)
    (only,) = chat.shown
    assert "promoted to Staff Sergeant" in only
    assert len(chat.chat.messages[0].edits) == 1


@where_messages_change
def test_a_deletion_strikes_it(chat: Chat) -> None:
    chat.promotion()
    chat.passes(11)
    chat.arrives("rankrecord.deleted", request="two", **chat.record(17, "Sergeant"))
    chat.passes(11)
    (only,) = chat.shown
    struck = {"discord": "~~", "slack bot": '"strike": true', "telegram": "strikethrough"}[chat.platform]
    assert struck in only
    assert "Cpl Noor Haddad promoted to Sergeant" in only


def test_a_deletion_strikes_what_was_changed_before(chat: Chat) -> None:
    chat.promotion()
    chat.passes(11)
    newer = chat.record(17, "Sergeant") | {"rank_id": 6, "rank": {"id": 6, "name": "Staff Sergeant"}}
    chat.arrives("rankrecord.updated", request="two", changes={"rank_id": 6}, **newer)
    chat.passes(11)
    chat.arrives("rankrecord.deleted", request="three", **newer)
    chat.passes(11)
    (only,) = chat.shown
    assert "~~Cpl Noor Haddad promoted to Staff Sergeant~~" in only


def award(number: int) -> dict[str, Any]:
    named = {"id": number, "name": f"Medal {number}"}
    user = {"id": 7, "display_name": "Cpl Noor Haddad"}
    return {"id": number, "user_id": 7, "user": user, "award_id": number, "award": named, "text": None}


@where_messages_change
def test_many_deletions_at_once_strike_each_message(chat: Chat) -> None:
    for number in (1, 2, 3):
        chat.arrives("awardrecord.created", request=f"award {number}", **award(number))
        chat.passes(11)
    for number in (1, 3):
        chat.arrives("awardrecord.deleted", request="clean up", **award(number))
    chat.arrives("awardrecord.created", request="clean up", **award(4))
    chat.passes(11)
    struck = {"discord": "~~", "slack bot": '"strike": true', "telegram": "strikethrough"}[chat.platform]
    assert [struck in shown for shown in chat.shown] == [True, False, True, False]
    assert "Medal 4" in chat.shown[3]
    chat.arrives("awardrecord.deleted", request="another day", **award(2))
    chat.passes(11)
    assert struck in chat.shown[1]


@where_messages_change
def test_what_one_action_did_in_several_messages_can_be_changed_in_each_of_them_later(chat: Chat) -> None:
    for number in (1, 2):
        chat.arrives("awardrecord.created", request=f"award {number}", **award(number))
        chat.passes(11)
    named = {"award": {"id": 1, "name": "Medal of One"}, "text": "<p>For valour.</p>"}
    chat.arrives("awardrecord.updated", request="clean up", changes={"text": "x"}, **award(1) | named)
    chat.arrives("awardrecord.deleted", request="clean up", **award(2))
    chat.arrives("awardrecord.created", request="clean up", **award(3))
    chat.passes(11)
    assert ["Medal" in shown for shown in chat.shown] == [True] * 3
    chat.arrives("awardrecord.updated", request="later", changes={"text": "x"}, **award(3) | {"text": "<p>For courage.</p>"})
    chat.arrives("awardrecord.deleted", request="later still", **award(1))
    chat.passes(22)
    struck = {"discord": "~~", "slack bot": '"strike": true', "telegram": "strikethrough"}[chat.platform]
    assert [struck in shown for shown in chat.shown] == [True, True, False]
    assert "Medal of One" in chat.shown[0], "it is struck as it was changed"
    assert "For courage." in chat.shown[2]


def test_what_one_action_deletes_is_struck_and_what_it_makes_is_told(chat: Chat) -> None:
    chat.arrives("awardrecord.created", request="award 1", **award(1))
    chat.passes(11)
    chat.arrives("awardrecord.deleted", request="instead", **award(1))
    chat.arrives("awardrecord.created", request="instead", **award(2))
    chat.passes(11)
    assert ["~~" in shown for shown in chat.shown] == [True, False]
    assert "Medal 2" in chat.shown[1]


def test_what_a_deletion_did_to_the_profile_is_told_with_it(chat: Chat) -> None:
    chat.promotion()
    chat.passes(11)
    chat.arrives("rankrecord.deleted", request="two", **chat.record(17, "Sergeant"))
    chat.arrives("user.updated", request="two", id=7, changes={"rank_id": None}, rank_id=None, rank=None)
    chat.passes(11)
    (only,) = chat.shown
    assert "withdrawn" in only
    assert "no longer holds a rank" in only


@where_messages_change
def test_a_digest_of_which_nothing_is_left_is_struck(chat: Chat) -> None:
    chat.config = replace(chat.config, quiet=Quiet(start=time(18), end=time(20), hold=True))
    for number in (1, 2):
        chat.arrives("awardrecord.created", request=f"award {number}", **award(number))
    chat.passes(3700)
    for number in (1, 2):
        chat.arrives("awardrecord.deleted", request="clean up", **award(number))
    chat.passes(11)
    (only,) = chat.shown
    assert {"discord": "~~", "slack bot": '"strike": true', "telegram": "strikethrough"}[chat.platform] in only
    assert "2 awards" in only


@where_messages_change
@pytest.mark.parametrize("ahead", [True, False])
def test_an_event_to_come_that_moves_or_is_cancelled_is_news_besides(chat: Chat, ahead: bool) -> None:
    starts = datetime.fromtimestamp(START + (86_400 if ahead else -86_400), UTC)
    about: dict[str, Any] = {"id": 9, "name": "Iron Gate", "starts": f"{starts:%Y-%m-%dT%H:%M:%S}.000000Z", "ends": None}
    chat.arrives("event.created", **about)
    chat.passes(11)
    chat.arrives("event.updated", request="two", changes={"starts": f"{starts:%Y-%m-%d %H:%M:%S}"}, **about)
    chat.passes(15)
    about["description"] = "<p>Bring water.</p>"
    chat.arrives("event.updated", request="three", changes={"description": about["description"]}, **about)
    chat.passes(15)
    assert "Bring water." in chat.shown[0]
    chat.arrives("event.deleted", request="four", **about)
    chat.passes(15)
    assert "New event: Iron Gate" in chat.shown[0], "struck by now"
    assert ["moved" in shown for shown in chat.shown] == ([False, True, False] if ahead else [False])
    assert ["cancelled" in shown for shown in chat.shown] == ([False, False, True] if ahead else [False])


@on_all
def test_a_moved_event_tells_the_old_time_beside_the_new_one(chat: Chat) -> None:
    def about(hour: int) -> dict[str, Any]:
        starts, ends = (datetime(2026, 3, 7, hour + later, tzinfo=UTC) for later in (0, 2))
        spelled = {"starts": f"{starts:%Y-%m-%dT%H:%M:%S}.000000Z", "ends": f"{ends:%Y-%m-%dT%H:%M:%S}.000000Z"}
        return {"id": 9, "name": "Iron Gate", **spelled}

    moments = [int(datetime(2026, 3, 7, hour, tzinfo=UTC).timestamp()) for hour in (17, 19, 20, 22)]
    chat.arrives("event.created", **about(17))
    chat.passes(11)
    chat.arrives("event.updated", request="two", changes={"starts": "2026-03-07 20:00:00"}, **about(20))
    chat.passes(15)
    moved = chat.shown[1]
    assert "Iron Gate was moved" in moved
    places = [moved.index(str(moment)) for moment in moments]
    assert places == sorted(places), "from when until when, and then until when"
    assert moved.index("Previous time") < moved.index("New time")
    chat.arrives(
        "event.updated", request="three", changes={"ends": "2026-03-07 23:00:00"}, **about(21) | {"starts": about(20)["starts"]}
    )
    chat.passes(15)
    assert [str(moment) in chat.shown[2] for moment in moments] == [False, False, True, True], "as it was changed before"


@on_all
def test_who_was_never_told_the_old_time_gets_the_new_one_alone(chat: Chat) -> None:
    about = {"id": 9, "name": "Iron Gate", "starts": "2026-03-07T20:00:00.000000Z", "ends": None}
    chat.arrives("event.updated", changes={"starts": "2026-03-07 20:00:00"}, **about)
    chat.passes(11)
    (only,) = chat.shown
    assert "New time" in only
    assert "Previous time" not in only


@where_messages_change
def test_what_quiet_hours_hold_changes_the_messages_that_stand_there_and_the_digest_tells_what_is_new(chat: Chat) -> None:
    for number in (1, 2):
        chat.arrives("awardrecord.created", request=f"award {number}", **award(number))
        chat.passes(11)
    chat.promotion(request="promotion")
    chat.arrives("event.created", request="event", id=9, name="Iron Gate", starts="2026-03-07T20:00:00.000000Z", ends=None)
    chat.passes(22)
    assert len(chat.shown) == 4
    before = chat.shown
    chat.config = replace(chat.config, quiet=Quiet(start=time(18), end=time(20), hold=True))
    chat.arrives("awardrecord.deleted", request="one", **award(1))
    chat.arrives("awardrecord.updated", request="two", changes={"text": "x"}, **award(2) | {"text": "<p>For valour.</p>"})
    newer = chat.record(17, "Sergeant") | {"rank_id": 6, "rank": {"id": 6, "name": "Staff Sergeant"}}
    chat.arrives("user.updated", request="three", id=7, changes={"rank_id": 6}, rank_id=6)
    chat.arrives("rankrecord.updated", request="three", changes={"rank_id": 6}, **newer)
    chat.arrives("awardrecord.created", request="four", **award(5))
    chat.arrives("awardrecord.created", request="five", **award(6))
    later = {"id": 9, "name": "Iron Gate", "starts": "2026-03-08T20:00:00.000000Z", "ends": None}
    chat.arrives("event.updated", request="six", changes={"starts": "2026-03-08 20:00:00"}, **later)
    chat.passes(60)
    assert chat.shown == before, "it is held"
    chat.passes(3600)
    *standing, digest = chat.shown
    assert len(standing) == 4
    struck = {"discord": "~~", "slack bot": '"strike": true', "telegram": "strikethrough"}[chat.platform]
    assert [struck in shown for shown in standing] == [True, False, False, False]
    assert "For valour." in standing[1]
    assert "promoted to Staff Sergeant" in standing[2]
    assert str(int(datetime(2026, 3, 8, 20, tzinfo=UTC).timestamp())) in standing[3]
    assert "2 awards, 1 event" in digest
    assert "Iron Gate was moved" in digest
    assert "Medal 5" in digest
    assert not [said for said in ("Medal 1", "Medal 2", "Sergeant", "change") if said in digest]
    chat.config = replace(chat.config, quiet=None)
    chat.arrives("awardrecord.deleted", request="seven", **award(5))
    chat.arrives("awardrecord.deleted", request="eight", **award(2))
    chat.passes(22)
    assert len(chat.shown) == 5
    assert [struck in shown for shown in chat.shown] == [True, True, False, False, False]
    assert "Medal 5" not in chat.shown[4]
    assert "Medal 6" in chat.shown[4]


@where_messages_change
def test_a_night_that_only_changes_brings_no_digest(chat: Chat) -> None:
    chat.promotion()
    chat.passes(11)
    chat.config = replace(chat.config, quiet=Quiet(start=time(18), end=time(20), hold=True))
    newer = chat.record(17, "Sergeant") | {"text": "<p>For valour.</p>"}
    chat.arrives("rankrecord.updated", request="two", changes={"text": "x"}, **newer)
    chat.arrives(
        "rankrecord.updated", after=1, request="three", changes={"text": "x"}, **newer | {"text": "<p>For courage.</p>"}
    )
    chat.passes(3700)
    (only,) = chat.shown
    assert "For courage." in only
    assert len(chat.chat.messages[0].edits) == 1


@nowhere_else
def test_where_no_message_changes_the_digest_tells_of_the_changes(chat: Chat) -> None:
    chat.arrives("awardrecord.created", request="award", **award(1))
    chat.passes(11)
    chat.config = replace(chat.config, quiet=Quiet(start=time(18), end=time(20), hold=True))
    chat.arrives("awardrecord.deleted", request="one", **award(1))
    chat.arrives("awardrecord.created", request="two", **award(2))
    chat.passes(3700)
    _, digest = chat.shown
    assert "1 award, 1 change" in digest


@nowhere_else
def test_where_no_message_changes_another_one_follows(chat: Chat) -> None:
    chat.promotion()
    chat.passes(11)
    chat.arrives("rankrecord.deleted", request="two", **chat.record(17, "Sergeant"))
    chat.passes(11)
    assert ["promoted" in shown for shown in chat.shown] == [True, False]
    assert "withdrawn" in chat.shown[1]


@where_messages_change
def test_one_that_comes_late_changes_the_message_of_its_action(chat: Chat) -> None:
    chat.arrives("awardrecord.created", id=3, user_id=7, user={"id": 7, "display_name": "Cpl Noor Haddad"})
    chat.passes(30)
    chat.promotion(after=-29)
    chat.passes(11)
    (only,) = chat.shown
    assert "1 promotion" in only
    assert "1 award" in only


@on_all
def test_one_that_comes_late_and_says_nothing_new_says_nothing(chat: Chat) -> None:
    chat.arrives("rankrecord.created", **chat.record(17, "Sergeant"))
    chat.passes(30)
    chat.arrives("user.updated", after=-29, id=7, changes={"rank_id": 5}, rank_id=5)
    chat.passes(11)
    (only,) = chat.shown
    assert "promoted to Sergeant" in only
    assert not chat.chat.messages[0].edits
    assert chat.counted == ["sent", "nothing to say"]


def test_a_message_that_somebody_deleted_is_posted_anew(chat: Chat) -> None:
    chat.promotion()
    chat.passes(11)
    chat.chat.script(Say(status=404, body=b'{"message": "Unknown Message", "code": 10008}'))
    newer = {"text": "<p>For valour.</p>"}
    chat.arrives("rankrecord.updated", request="two", changes={"text": "x"}, **chat.record(17, "Sergeant") | newer)
    chat.passes(11)
    assert ["For valour." in shown for shown in chat.shown] == [False, True]


@where_messages_change
@pytest.mark.parametrize("digest", [False, True])
def test_what_somebody_deleted_is_not_posted_anew_to_be_struck(chat: Chat, digest: bool) -> None:
    if digest:
        chat.config = replace(chat.config, quiet=Quiet(start=time(18), end=time(20), hold=True))
    for number in (1, 2):
        chat.arrives("awardrecord.created", request=f"award {number}", **award(number))
    chat.passes(3700 if digest else 22)
    gone = {
        "discord": Say(status=404, body=b'{"message": "Unknown Message", "code": 10008}'),
        "slack bot": Say(status=200, body=b'{"ok": false, "error": "message_not_found"}'),
        "telegram": Say(
            status=400, body=b'{"ok": false, "error_code": 400, "description": "Bad Request: message to edit not found"}'
        ),
    }
    count = len(chat.shown)
    chat.chat.script(gone[chat.platform])
    chat.arrives("awardrecord.deleted", request="clean up", **award(1))
    chat.passes(11)
    assert len(chat.shown) == count
    assert not chat.inbox.dead_letters()


def test_two_members_are_two_messages_whatever_request_they_came_with(chat: Chat) -> None:
    chat.promotion()
    user = {"id": 8, "display_name": "Pvt Lee"}
    chat.arrives("rankrecord.created", **chat.record(18, "Corporal") | {"user_id": 8, "user": user})
    chat.passes(15)
    assert len(chat.shown) == 2


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("chat", ["discord", "telegram"], indirect=True)
def test_quiet_hours_make_no_sound_or_wait_for_the_morning(chat: Chat, hold: bool) -> None:
    chat.config = replace(chat.config, quiet=Quiet(start=time(18), end=time(20), hold=hold))
    chat.promotion()
    chat.arrives("awardrecord.created", request="two", id=3, user_id=8, user={"id": 8, "display_name": "Pvt Lee"})
    chat.passes(30)
    silent = {"discord": '"flags": 4096', "telegram": '"disable_notification"'}[chat.platform]
    if not hold:
        assert len(chat.shown) == 2
        assert all(silent in shown for shown in chat.shown)
        return
    assert chat.shown == []
    chat.arrives("webhook.test", request="test")
    chat.passes(3)
    assert len(chat.shown) == 1, "the test reaches it at any time"
    chat.passes(3600)
    _, digest = chat.shown
    assert "1 promotion" in digest
    assert "1 award" in digest
    assert silent not in digest


def test_a_mistake_of_ours_puts_one_event_aside_and_holds_up_nothing(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(events: Any, *args: Any, **kwargs: Any) -> Any:
        events = list(events)
        if events[0].name == "awardrecord.created":
            raise KeyError("a mistake")
        return render_group(events, *args, **kwargs)

    monkeypatch.setattr("perscom_bridge.posting.render_group", broken)
    chat.arrives("awardrecord.created", request="two", id=3)
    chat.promotion()
    chat.passes(15)
    assert len(chat.shown) == 1
    (dead,) = chat.inbox.dead_letters()
    assert dead.event_name == "awardrecord.created"


@on_all
def test_after_an_outage_one_digest_stands_for_what_nobody_heard(chat: Chat) -> None:
    chat.promotion()
    chat.passes(11)
    chat.chat.script(*[Say(status=503, body=b"")] * 200)
    for n in range(20):
        user = {"id": n, "display_name": f"Pvt {n}"}
        chat.arrives("awardrecord.created", request=f"award {n}", after=n, id=n, user_id=n, user=user)
    chat.arrives("rankrecord.deleted", request="two", after=21, **chat.record(17, "Sergeant"))
    chat.passes(30)
    chat.now += 7200
    chat.chat.script()
    chat.chat._faults.clear()
    chat.passes(20)
    first, digest = chat.shown
    assert "promoted to Sergeant" in first
    assert "20 awards" in digest
    assert "Pvt 19" in digest
