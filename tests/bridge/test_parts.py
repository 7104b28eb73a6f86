"""What is told in several messages is changed, shortened, gone on with and struck in all of them, the same everywhere."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from perscom_adapters import Receipt
from perscom_adapters.session import new_session
from perscom_adapters.testing import ChatStandIn, Cut, Fault, Say
from perscom_bridge.config import DestinationConfig, HiddenToken, HiddenUrl, Site
from perscom_bridge.platforms.discord import DiscordPlace
from perscom_bridge.platforms.slack import SlackBotPlace, SlackWebhookPlace
from perscom_bridge.platforms.telegram import TelegramPlace
from perscom_bridge.posting import Poster
from perscom_receiver import Context, DestinationError, Secret, Told
from perscom_receiver.testing import make_event

SITE = Site(secrets=(Secret("an invented secret"),))
START = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)
CHANGED = {"status": "read"}
EDITABLE = ("discord", "forum", "slack", "telegram")


class Board:
    """One destination on a platform's stand-in, and all that it was told."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.now = START
        self.chat = ChatStandIn(rate=None, now=lambda: self.now)
        self.told: list[Told] = []

    def _place(self) -> Any:
        match self.kind:
            case "discord" | "forum":
                self.url = self.chat.discord_webhook(name="chat", forum=self.kind == "forum")
                return DiscordPlace(url=HiddenUrl(self.url))
            case "slack webhook":
                return SlackWebhookPlace(url=HiddenUrl(self.chat.slack_webhook(name="chat")))
            case "slack":
                token, self.url = HiddenToken(self.chat.slack_token), self.chat.slack_api
                return SlackBotPlace(token=token, channel=self.chat.slack_channel(name="chat"), api=self.url)
        self.token, self.url = self.chat.telegram_bot(name="bot"), self.chat.telegram_api
        group = self.chat.telegram_chat(name="chat")
        return TelegramPlace(token=HiddenToken(self.token), chat=str(group), api=self.url)

    def __enter__(self) -> Board:
        self.chat.__enter__()
        self.config = DestinationConfig(name="chat", place=self._place(), events=("*",), long="follow-up", show=("answers",))
        return self

    def __exit__(self, *exc: Any) -> None:
        self.chat.__exit__(*exc)

    def tell(self, action: str, *, answers: int = 0, mark: str = "x") -> None:
        """A form of so many long answers, each with a ``mark``, is sent in, changed or deleted."""
        self.now += timedelta(minutes=1)
        data = {f"answer_{n}": f"{mark}{n} {'word ' * 90}" if n < answers else None for n in range(45)}
        event = make_event(
            f"submission.{action}",
            created=self.now,
            data={"id": 3, "form_id": 5, "user_id": 7, **data},
            changes={} if action == "created" else CHANGED,
        )

        async def main() -> Any:
            async with new_session() as session:
                destination: Any = self.config.place.open("chat", session)
                poster = Poster(self.config, destination, SITE, lambda _, __: None, None, self.now.timestamp)
                return await poster.post(event, Context(told=tuple(self.told)))

        done = asyncio.run(main())
        if done is not None and (receipt := done.receipts[event.id]) is not None:
            self.told.append(Told(event, msgspec.json.encode(receipt).decode()))

    @property
    def shown(self) -> list[str]:
        """The messages as they stand there now, as JSON."""
        return [json.dumps(posted.payload, ensure_ascii=False) for posted in self.chat.messages]

    @property
    def answers(self) -> list[str]:
        """The marks of the answers that can be read, in their order, each once."""
        return list(dict.fromkeys(mark for shown in self.shown for mark in re.findall(r"\b[a-z]\d+(?= word)", shown)))

    @property
    def struck(self) -> list[bool]:
        mark = {"discord": "~~", "forum": "~~", "slack": '"strike": true', "telegram": "strikethrough"}[self.kind]
        return [mark in shown for shown in self.shown]

    def call(self, what: str, place: int = 0) -> str:
        """The address of a call; on Discord of the one about the message in that ``place``."""
        message = f"/messages/{self.chat.messages[place].message_id}" if what != "post" else ""
        match self.kind:
            case "slack":
                return f"{self.url}/chat.{ {'post': 'postMessage', 'edit': 'update', 'delete': 'delete'}[what] }"
            case "telegram":
                method = {"post": "sendMessage", "edit": "editMessageText", "delete": "deleteMessage"}[what]
                return f"{self.url}/bot{self.token}/{method}"
        return f"{self.url}{message}"

    def delete(self, place: int) -> None:
        """What a moderator does."""
        posted = self.chat.messages[place]
        match self.kind:
            case "slack":
                self.chat.slack.delete_message(posted.channel_id, posted.message_id)
            case "telegram":
                self.chat.telegram.delete_message(int(posted.channel_id), int(posted.message_id))
            case _:
                self.chat.discord._messages.pop(next(key for key in self.chat.discord._messages if key[1] == posted.message_id))


def marks(mark: str, count: int) -> list[str]:
    return [f"{mark}{n}" for n in range(count)]


@pytest.fixture(autouse=True)
def without_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perscom_adapters.slack._BRISK", 0.0)
    monkeypatch.setattr("perscom_adapters.telegram._BRISK", 0.0)


@pytest.fixture
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    with Board(request.param) as made:
        yield made
        assert not made.chat.mistakes
        assert not [posted for posted in made.chat.messages if posted.pings]


everywhere = pytest.mark.parametrize("board", EDITABLE, indirect=True)


@everywhere
def test_a_change_is_made_in_all_parts(board: Board) -> None:
    board.tell("created", answers=40, mark="a")
    before = [posted.message_id for posted in board.chat.messages]
    assert len(before) > 1
    assert board.answers == marks("a", 40)
    board.tell("updated", answers=40, mark="b")
    assert [posted.message_id for posted in board.chat.messages] == before
    assert board.answers == marks("b", 40)


@everywhere
def test_a_message_that_grows_goes_on_and_one_that_shrinks_leaves_nothing_behind(board: Board) -> None:
    board.tell("created", answers=3, mark="a")
    assert len(board.shown) == 1
    for count, mark in ((40, "b"), (20, "c"), (45, "d"), (2, "e")):
        board.tell("updated", answers=count, mark=mark)
        assert board.answers == marks(mark, count)
        assert not any(board.struck)
    assert len(board.shown) == 1


@everywhere
def test_a_deletion_leaves_one_message_and_that_is_struck(board: Board) -> None:
    board.tell("created", answers=40)
    board.tell("deleted")
    assert board.struck == [True]
    assert board.answers == []


@everywhere
def test_a_part_that_somebody_deleted_is_told_anew_with_all_behind_it(board: Board) -> None:
    board.tell("created", answers=40, mark="a")
    count = len(board.shown)
    board.delete(1)
    board.tell("updated", answers=40, mark="b")
    assert board.answers == marks("b", 40)
    assert len(board.shown) == count
    board.tell("deleted")
    assert board.struck == [True]


@everywhere
def test_what_somebody_deleted_is_not_posted_anew_to_be_struck(board: Board) -> None:
    board.tell("created", answers=3)
    board.delete(0)
    board.tell("deleted")
    assert board.shown == []


@everywhere
def test_what_somebody_deleted_is_posted_anew_when_it_changes(board: Board) -> None:
    board.tell("created", answers=3, mark="a")
    board.delete(0)
    board.tell("updated", answers=4, mark="b")
    assert board.answers == marks("b", 4)
    board.tell("updated", answers=5, mark="c")
    assert board.answers == marks("c", 5)
    assert len(board.shown) == 1


REFUSALS = {
    "discord": Say(status=403, body=b'{"message": "Missing Permissions", "code": 50013}'),
    "forum": Say(status=404, body=b"Not played"),
    "slack": Say(status=200, body=b'{"ok": false, "error": "unknown_method"}'),
    "telegram": Say(status=400, body=b'{"ok":false,"error_code":400,"description":"Bad Request: message can\'t be deleted"}'),
}


@everywhere
def test_a_part_that_cannot_be_deleted_is_struck(board: Board) -> None:
    board.tell("created", answers=28, mark="a")
    count = len(board.shown)
    board.chat.script(REFUSALS[board.kind], url=board.call("delete", count - 1))
    board.tell("updated", answers=2, mark="b")
    assert board.answers == marks("b", 2)
    assert board.struck.count(True) == 1
    assert len(board.shown) == 2


@pytest.mark.parametrize("board", ["telegram"], indirect=True)
def test_what_telegram_keeps_after_two_days_is_struck(board: Board) -> None:
    board.tell("created", answers=40)
    count = len(board.shown)
    board.now += timedelta(days=3)
    board.tell("deleted")
    assert board.struck == [True] * count
    assert board.answers == []


@everywhere
def test_the_receipt_of_an_earlier_version_is_of_one_message(board: Board) -> None:
    board.tell("created", answers=3, mark="a")
    receipt = msgspec.json.decode(board.told[0].receipt)
    assert receipt.keys() <= {"platform", "message_id", "channel_id", "thread_id"}
    assert msgspec.json.decode(board.told[0].receipt, type=Receipt).of_parts == ()
    board.tell("updated", answers=3, mark="b")
    assert board.answers == marks("b", 3)
    assert len(board.shown) == 1


@everywhere
@pytest.mark.parametrize("call", ["edit", "delete"])
@pytest.mark.parametrize("fault", [Say(status=503), Cut(stage="after_storing")], ids=["503", "cut"])
def test_a_change_that_fails_on_the_way_is_made_in_full_when_it_is_tried_again(board: Board, call: str, fault: Fault) -> None:
    board.tell("created", answers=40, mark="a")
    count = len(board.shown)
    board.chat.script(fault, url=board.call(call, 1 if call == "edit" else count - 1))
    ends = "done"
    try:
        board.tell("updated", answers=15, mark="b")
    except DestinationError as error:
        ends = str(error.outcome)
    # A deletion whose answer is lost may be tried again by aiohttp itself.
    assert ends == "retry" or (ends, call, fault) == ("done", "delete", Cut(stage="after_storing"))
    board.tell("updated", answers=15, mark="b")
    assert board.answers == marks("b", 15)
    assert len(board.shown) < count
    assert not any(board.struck)


@everywhere
def test_the_rest_of_a_message_that_cannot_be_posted_holds_nothing_up(board: Board) -> None:
    board.tell("created", answers=2, mark="a")
    board.chat.script(Say(status=503), url=board.call("post"))
    board.tell("updated", answers=40, mark="b")
    assert board.answers == marks("b", len(board.answers))
    assert len(board.shown) == 1
    board.tell("updated", answers=40, mark="c")
    assert board.answers == marks("c", 40)


@pytest.mark.parametrize("board", ["slack webhook"], indirect=True)
def test_where_nothing_can_be_changed_all_is_posted_again(board: Board) -> None:
    board.tell("created", answers=40, mark="a")
    count = len(board.shown)
    board.tell("updated", answers=40, mark="b")
    assert len(board.shown) == 2 * count
    assert board.answers == [*marks("a", 40), *marks("b", 40)]
