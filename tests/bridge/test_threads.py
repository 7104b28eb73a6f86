"""What follows an enlistment goes to its thread: a forum post, a thread of Slack, a topic, answers to the first message."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
from bridge_toml import DESTINATION, GOOD, judge, only_problem
from hostile import texts
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from perscom_adapters import Message, OpensThreads
from perscom_adapters.session import new_session
from perscom_adapters.testing import ChatStandIn, Cut, Posted, Say
from perscom_bridge.config import DestinationConfig, HiddenToken, HiddenUrl, Site
from perscom_bridge.directory import forget
from perscom_bridge.platforms.discord import DiscordPlace
from perscom_bridge.platforms.slack import SlackBotPlace, SlackWebhookPlace
from perscom_bridge.platforms.telegram import TelegramPlace
from perscom_bridge.quiet import Quiet
from perscom_bridge.routing import router_for
from perscom_receiver import Secret, SQLiteInbox, Worker
from perscom_receiver.testing import make_event

SITE = Site(secrets=(Secret("an invented secret"),))
HERE, ELSEWHERE = 7, 8
NAMES = {HERE: "Noor Haddad", ELSEWHERE: "Sam Lee"}


class Unit:
    """One destination with threads on a platform's stand-in, an inbox, and a clock that is moved by hand."""

    def __init__(self, path: Path, kind: str) -> None:
        self.now = datetime(2026, 3, 2, 19, 0, tzinfo=UTC).timestamp()
        self._path = path / "inbox.db"
        self.inbox = SQLiteInbox(self._path, now=lambda: self.now)
        self.chat = ChatStandIn(rate=None)
        self.kind = kind
        self._last = 100

    def _place(self) -> Any:
        match self.kind:
            case "forum" | "text channel":
                self.url = self.chat.discord_webhook(name="chat", forum=self.kind == "forum")
                return DiscordPlace(url=HiddenUrl(self.url))
            case "slack webhook":
                return SlackWebhookPlace(url=HiddenUrl(self.chat.slack_webhook(name="chat")))
            case "slack bot":
                self.channel = self.chat.slack_channel(name="chat")
                token = HiddenToken(self.chat.slack_token)
                return SlackBotPlace(token=token, channel=self.channel, api=self.chat.slack_api)
        topics = {"answers": [], "own topic": ["General", "news"]}.get(self.kind, ["news"])  # the first one has no number
        self.group = self.chat.telegram_chat(name="chat", topics=topics)
        if self.kind == "topics":
            self.chat.telegram.allow_topics(self.group)
        token = HiddenToken(self.chat.telegram_bot(name="bot"))
        topic = self.chat.telegram.topic(self.group, "news") if self.kind == "own topic" else None
        return TelegramPlace(token=token, chat=str(self.group), topic=topic, api=self.chat.telegram_api)

    def __enter__(self) -> Unit:
        self.chat.__enter__()
        self.config = DestinationConfig(name="chat", place=self._place(), events=("*",), group=0, threads="member")
        return self

    def __exit__(self, *exc: Any) -> None:
        self.chat.__exit__(*exc)
        self.inbox.close()

    def restarts(self) -> None:
        self.inbox.close()
        self.inbox = SQLiteInbox(self._path, now=lambda: self.now)

    def arrives(self, name: str, **overrides: object) -> None:
        self._last += 1
        created = datetime.fromtimestamp(self.now + self._last / 1000, UTC)
        self.inbox.add(make_event(name, created=created, request_id=f"r{self._last}", **{"id": self._last, **overrides}))

    def joins(self, member: int) -> None:
        self.arrives("user.created", id=member, display_name=NAMES[member])

    def applies(self, member: int | None) -> None:
        self.arrives("submission.created", user_id=member)

    def is_awarded(self, member: int, **overrides: object) -> None:
        self.arrives("awardrecord.created", user_id=member, user={"id": member, "display_name": NAMES[member]}, **overrides)

    def works(self, step: float = 2) -> None:
        """Work until all is done, while the clock moves on ``step`` by ``step``."""

        async def main() -> None:
            stop = asyncio.Event()
            async with new_session() as session:
                pairs = [(self.config, self.config.place.open("chat", session))]
                router = router_for(pairs, SITE, lambda _, __: None, now=lambda: self.now, inbox=self.inbox)
                running = asyncio.create_task(Worker(self.inbox, router).run(stop))
                async with asyncio.timeout(20):
                    while self.inbox.health().waiting:
                        await asyncio.sleep(0.02)
                        self.now += step
                stop.set()
                await running

        asyncio.run(main())

    def thread_of(self, posted: Posted) -> str:
        """The thread a message stands in, or that it begins."""
        payload: Any = posted.payload
        match self.kind:
            case "forum" | "text channel":
                return posted.channel_id
            case "slack bot" | "slack webhook":
                return str(payload.get("thread_ts", posted.message_id))
            case "topics":
                return str(payload.get("message_thread_id", posted.message_id))
        return str(payload.get("reply_parameters", {}).get("message_id", posted.message_id))

    @property
    def threads(self) -> list[str]:
        """A letter for the thread of each message, oldest message first."""
        found: list[str] = []
        for posted in self.chat.messages:
            if (thread := self.thread_of(posted)) not in found:
                found.append(thread)
        return ["abcdefgh"[found.index(self.thread_of(posted))] for posted in self.chat.messages]


THREADED = ("forum", "slack bot", "topics", "answers", "no right to topics", "own topic")


@pytest.fixture(autouse=True)
def without_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perscom_receiver._worker.POLL", 0.01)
    monkeypatch.setattr("perscom_adapters.slack._BRISK", 0.0)
    monkeypatch.setattr("perscom_adapters.telegram._BRISK", 0.0)


@pytest.fixture
def unit(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Unit]:
    with Unit(tmp_path, getattr(request, "param", "forum")) as made:
        yield made
        assert not made.chat.mistakes
        assert not made.inbox.dead_letters()


wherever_threads_are = pytest.mark.parametrize("unit", THREADED, indirect=True)
one_of_each = pytest.mark.parametrize("unit", ["forum", "slack bot", "topics", "answers"], indirect=True)


def on(*kinds: str) -> Any:
    return pytest.mark.parametrize("unit", kinds, indirect=True)


@wherever_threads_are
def test_what_follows_an_enlistment_goes_to_its_thread_also_after_a_restart(unit: Unit) -> None:
    unit.applies(HERE)
    unit.joins(ELSEWHERE)
    unit.joins(HERE)
    unit.works()
    assert unit.threads == ["a", "b", "a"]
    unit.restarts()
    unit.is_awarded(ELSEWHERE)
    unit.arrives("user.updated", id=HERE, approved=True, changes={"approved": True})
    unit.is_awarded(HERE)
    unit.works()
    assert unit.threads == ["a", "b", "a", "b", "a", "a"]


@wherever_threads_are
def test_who_enlisted_before_and_what_is_about_nobody_stays_in_the_channel(unit: Unit) -> None:
    unit.is_awarded(HERE)
    unit.arrives("event.created")
    unit.is_awarded(HERE)
    unit.works()
    assert unit.threads == ["a", "b", "c"]


@one_of_each
def test_the_form_of_a_guest_begins_no_thread_for_the_user_that_the_guest_becomes(unit: Unit) -> None:
    unit.applies(None)
    unit.joins(HERE)
    unit.is_awarded(HERE)
    unit.works()
    assert unit.threads == ["a", "b", "b"]


@one_of_each
@pytest.mark.parametrize("number", [str(HERE), float(HERE) + 0.5, [HERE], {"id": HERE}, True, -HERE, 10**30])
def test_an_answer_that_is_called_as_the_number_of_the_member_leads_to_no_thread(unit: Unit, number: Any) -> None:
    unit.joins(HERE)
    unit.arrives(
        "submission.created", user_id=number, user={"id": HERE, "display_name": "Capt. Okafor"}, member=HERE, author_id=HERE
    )
    unit.arrives("event.created", user_id=HERE, author_id=HERE)
    unit.is_awarded(HERE)
    unit.works()
    assert unit.threads == ["a", "b", "c", "a"]
    assert "Okafor" not in str(unit.chat.messages[1].payload)


@on("forum")
def test_what_a_template_wrote_leads_to_no_thread(unit: Unit) -> None:
    unit.joins(HERE)
    unit.arrives("awardrecord.created", id="3", user_id=HERE, title="Well done", changes=None)
    unit.works()
    assert unit.threads == ["a", "b"]


@on("text channel")
def test_in_a_text_channel_all_stand_one_below_the_other(unit: Unit) -> None:
    unit.joins(HERE)
    unit.is_awarded(HERE)
    unit.works()
    assert unit.threads == ["a", "a"]
    assert not [posted for posted in unit.chat.messages if "thread_name" in posted.payload]


@on("slack webhook")
def test_where_nothing_can_be_answered_all_is_posted_all_the_same(unit: Unit) -> None:
    unit.joins(HERE)
    unit.is_awarded(HERE)
    unit.works()
    assert unit.threads == ["a", "b"]


def is_gone(unit: Unit, how: str) -> None:
    first = unit.chat.messages[0]
    match how:
        case "forum post deleted":
            unit.chat.discord.delete_thread(first.channel_id)
        case "forum post locked":
            unit.chat.discord.archive_thread(first.channel_id)
        case "topic deleted":
            unit.chat.telegram.delete_topic(unit.group, "Noor Haddad joined")
        case "topic closed":
            unit.chat.telegram.close_topic(unit.group, "Noor Haddad joined")
        case "answered message deleted":
            unit.chat.telegram.delete_message(unit.group, int(first.message_id))
        case "first message deleted":
            unit.chat.slack.delete_message(unit.channel, first.message_id)


@pytest.mark.parametrize(
    ("unit", "how"),
    [
        ("forum", "forum post deleted"),
        ("forum", "forum post locked"),
        ("topics", "topic deleted"),
        ("topics", "topic closed"),
        ("answers", "answered message deleted"),
        ("slack bot", "first message deleted"),
    ],
    indirect=["unit"],
)
def test_a_thread_that_is_gone_is_begun_anew_once(unit: Unit, how: str) -> None:
    unit.joins(HERE)
    unit.works()
    is_gone(unit, how)
    kept = unit.threads
    unit.is_awarded(HERE)
    unit.is_awarded(HERE)
    unit.works()
    new = "b" if kept else "a"
    assert unit.threads == [*kept, new, new]


@on("forum", "slack bot", "topics")
def test_a_change_and_a_deletion_happen_in_the_thread(unit: Unit) -> None:
    unit.joins(HERE)
    unit.is_awarded(HERE, id=3, text="<p>For valour.</p>")
    unit.works()
    user = {"id": HERE, "display_name": NAMES[HERE]}
    unit.arrives("awardrecord.deleted", id=3, user_id=HERE, user=user)
    unit.works()
    assert unit.threads == ["a", "a"]
    assert [len(posted.edits) for posted in unit.chat.messages] == [0, 1]


@one_of_each
def test_a_repeated_message_stays_in_the_thread(unit: Unit) -> None:
    unit.joins(HERE)
    unit.works()
    unit.chat.script(Cut(stage="after_storing"))
    unit.is_awarded(HERE)
    unit.works(60)
    unit.is_awarded(HERE)
    unit.works()
    assert unit.threads == ["a"] * 4


@on("topics")
def test_an_attempt_that_fails_behind_the_new_topic_makes_no_second_one(unit: Unit) -> None:
    unit.chat.script(Say(status=503, body=b""), url=f"/bot{unit.config.place.token.value}/sendMessage")  # type: ignore[attr-defined]
    unit.joins(HERE)
    unit.works(60)
    assert unit.threads == ["a"]
    assert [arrival.path.rpartition("/")[2] for arrival in unit.chat.arrivals] == [
        "createForumTopic",
        "sendMessage",
        "sendMessage",
    ]


@one_of_each
def test_who_is_forgotten_has_no_thread_any_more(unit: Unit) -> None:
    unit.joins(HERE)
    unit.joins(ELSEWHERE)
    unit.works()
    forget(unit.inbox, [HERE])
    unit.is_awarded(HERE)
    unit.is_awarded(ELSEWHERE)
    unit.works()
    assert unit.threads == ["a", "b", "c", "b"]


def test_another_place_has_other_threads(unit: Unit) -> None:
    unit.joins(HERE)
    unit.works()
    unit.config = replace(unit.config, place=DiscordPlace(url=HiddenUrl(unit.chat.discord_webhook(name="new", forum=True))))
    unit.joins(HERE)
    unit.works()
    assert unit.threads == ["a", "b"]


@on("slack bot", "topics")
def test_one_digest_about_several_members_goes_to_the_channel_and_one_about_one_to_the_thread(unit: Unit) -> None:
    unit.joins(HERE)
    unit.works()
    unit.config = replace(unit.config, quiet=Quiet(start=time(18), end=time(20), hold=True))
    unit.is_awarded(HERE)
    unit.is_awarded(HERE)
    unit.works(600)
    assert unit.threads == ["a", "a"]
    unit.config = replace(unit.config, quiet=Quiet(start=time(18), end=time(22), hold=True))
    unit.is_awarded(HERE)
    unit.is_awarded(ELSEWHERE)
    unit.works(1200)
    assert unit.threads == ["a", "a", "b"]


@one_of_each
def test_what_is_too_long_is_continued_in_the_thread(unit: Unit) -> None:
    unit.config = replace(unit.config, long="follow-up", show=("answers",))
    unit.is_awarded(ELSEWHERE)
    unit.arrives("submission.created", user_id=HERE, **{f"question_{n}": "word " * 90 for n in range(25)})
    unit.works()
    assert unit.threads[:3] == ["a", "b", "b"]
    assert set(unit.threads[3:]) <= {"b"}


def test_a_forum_post_is_called_as_its_first_message(unit: Unit) -> None:
    unit.joins(HERE)
    unit.works()
    (posted,) = unit.chat.messages
    assert posted.payload["thread_name"] == "Noor Haddad joined"
    assert "thread_name" not in json.dumps(unit.chat.arrivals[0].query)


@one_of_each
def test_a_thread_may_have_any_name(unit: Unit) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(texts)
    def names(name: str) -> None:
        async def main() -> None:
            async with new_session() as session:
                destination = unit.config.place.open("chat", session)
                assert isinstance(destination, OpensThreads)
                receipt = await destination.open_thread(Message(word="joined", title="Joined"), name=name)
                assert receipt.thread_id
                assert receipt.refused is None

        asyncio.run(main())
        assert not unit.chat.messages[-1].pings

    names()


# bridge.toml

BOT = f'{DESTINATION}type = "slack"\ntoken = "xoxb-1234567890-abcdefghijkl"\nchannel = "C024BE91L"\n'
HOOK = f'{DESTINATION}type = "slack"\nurl = "https://hooks.slack.com/services/T024BE7LD/B024BE91L/TokenOfTheChannel"\n'
GROUP = f'{DESTINATION}type = "telegram"\ntoken = "123456789:TokenOfTheBotWithThirtyFiveLetters_-"\nchat = -1001234567890\n'
HEAD, _, WEBHOOK = GOOD.partition(DESTINATION)
LINES = 'events = ["submission", "award"]\nthreads = "member"\n'


@pytest.mark.parametrize(
    ("destination", "noted"),
    [
        (
            f"{DESTINATION}{WEBHOOK}",
            "a post if the webhook belongs to a forum channel. In a text channel a webhook can open no",
        ),
        (BOT, None),
        (GROUP, "a topic for each new member if the group has topics"),
        (f"{GROUP}topic = 7\n", "makes no topics within a topic"),
    ],
)
def test_threads_are_read_and_what_they_need_is_told(tmp_path: Path, destination: str, noted: str | None) -> None:
    found = judge(tmp_path, f"{HEAD}{destination}{LINES}")
    assert found.config is not None, found.report()
    assert [one.threads for one in found.config.destinations] == ["member"]
    notes = [note for note in found.notes if note.startswith("destinations.announcements.threads ")]
    assert [noted in note for note in notes] == [True] if noted else not notes


@pytest.mark.parametrize(
    ("destination", "told"),
    [
        (f"{HOOK}{LINES}", 'Put a bot in the place of url: token = "${SLACK_TOKEN}"'),
        (f"{DESTINATION}{WEBHOOK}thread = 42\n{LINES}", "Take either this line out or the one with thread."),
        (f'{BOT}threads = "member"\n', 'Add "submission" or "joined" to events'),
        (f'{BOT}events = ["award*", "user.updated"]\nthreads = "member"\n', 'Add "submission" or "joined" to events'),
        (f"{BOT}{LINES}".replace('"member"', '"unit"'), "It knows: member"),
    ],
)
def test_what_cannot_have_threads_is_a_mistake_with_a_remedy(tmp_path: Path, destination: str, told: str) -> None:
    text = f"{HEAD}{destination}"
    line, key, said = only_problem(tmp_path, text)
    assert text.splitlines()[(line or 0) - 1].startswith("threads = ")
    assert key == "destinations.announcements.threads"
    assert told in said


@pytest.mark.parametrize("events", ['["user.created"]', '["user.*"]', '["*"]', '["joined"]', '["submission.created"]'])
def test_event_names_and_globs_begin_threads_too(tmp_path: Path, events: str) -> None:
    assert judge(tmp_path, f'{HEAD}{BOT}events = {events}\nthreads = "member"\n').config is not None
