"""Groups: events that a handler gets in one call, whatever their order, and whenever the last of them comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from perscom_receiver import ConfigurationError, Context, DestinationError, Event, Group, Handler, Router, SQLiteInbox, Worker
from perscom_receiver.testing import make_event

START = 1_790_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Told(msgspec.Struct, frozen=True):
    """A receipt."""

    said: str


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(db: str, clock: Clock) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(db, now=clock)
    yield inbox
    inbox.close()


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perscom_receiver._worker.POLL", 0.01)


def event(name: str, key: int, *, request_id: str | None = "r", after: float = 0.0) -> Event:
    created = datetime.fromtimestamp(START + after, UTC)
    return make_event(name, created=created, request_id=request_id, id=key)


def by_request(event: Event) -> Group | None:
    return Group(event.request_id) if event.request_id else None


class Seen:
    """A handler that notes each call: the ids of its events, and of those that were told before."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[int], list[int], Context]] = []
        self.raises: BaseException | None = None

    async def __call__(self, event: Event, context: Context) -> Told:
        ids = [one.data["id"] for one in (event, *context.others)]  # type: ignore[index]
        self.calls.append((ids, [one.event.data["id"] for one in context.told], context))  # type: ignore[index]
        if self.raises is not None:
            raise self.raises
        return Told(",".join(map(str, ids)))

    @property
    def together(self) -> list[list[int]]:
        return [ids for ids, _, _ in self.calls]


def router_of(seen: Seen, **settings: object) -> Router:
    router = Router()
    router.add(Handler(key="chat", call=seen, patterns=("*",), group=by_request, **settings))  # type: ignore[arg-type]
    return router


def work(inbox: SQLiteInbox, router: Router, seconds: float = 0.15) -> None:
    """A worker that looks again and again for a while, at a time that stands still."""

    async def main() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stop.set)
        await Worker(inbox, router).run(stop)

    asyncio.run(main())


def test_the_first_waits_for_the_others_and_all_come_in_one_call(inbox: SQLiteInbox, clock: Clock) -> None:
    seen = Seen()
    router = router_of(seen)
    inbox.add(event("user.updated", 1))
    work(inbox, router)
    clock.now += 4
    inbox.add(event("user.updated", 2, after=1))
    work(inbox, router)
    clock.now += 5
    inbox.add(event("rankrecord.created", 3, after=2))
    work(inbox, router)
    assert seen.together == [], "the window is fixed by the first arrival, and is not over"
    clock.now += 1
    work(inbox, router)
    assert seen.together == [[1, 2, 3]]
    assert inbox.health().waiting == 0


def test_each_of_them_is_done_with_the_same_receipt(inbox: SQLiteInbox, clock: Clock) -> None:
    seen = Seen()
    for n in (1, 2, 3):
        inbox.add(event("user.updated", n, after=n))
    work(inbox, router_of(seen))
    clock.now += 10
    work(inbox, router_of(seen))
    rows = inbox.database.read(lambda c: c.execute("SELECT state, attempt, receipt FROM task").fetchall())
    assert rows == [(2, 1, '{"said":"1,2,3"}')] * 3


@pytest.mark.parametrize("other", [{"request_id": "s"}, {"request_id": None}, {"after": 11.0}])
def test_what_does_not_belong_to_it_is_handled_apart(inbox: SQLiteInbox, clock: Clock, other: dict[str, object]) -> None:
    seen = Seen()
    inbox.add(event("user.updated", 1))
    inbox.add(event("user.updated", 2, **other))  # type: ignore[arg-type]
    for _ in range(2):
        work(inbox, router_of(seen))
        clock.now += 10
    work(inbox, router_of(seen))
    assert sorted(seen.together) == [[1], [2]]


def test_those_without_a_group_wait_for_nobody(inbox: SQLiteInbox) -> None:
    seen = Seen()
    inbox.add(event("user.updated", 1))
    inbox.add(event("webhook.test", 2, request_id=None))
    work(inbox, router_of(seen))
    assert seen.together == [[2]]


def test_a_window_goes_on_over_a_restart(inbox: SQLiteInbox, db: str, clock: Clock) -> None:
    seen = Seen()
    inbox.add(event("user.updated", 1))
    work(inbox, router_of(seen))
    inbox.close()
    clock.now += 9
    again = SQLiteInbox(db, now=clock)
    again.add(event("rankrecord.created", 2, after=1))
    work(again, router_of(seen))
    clock.now += 1
    work(again, router_of(seen))
    again.close()
    assert seen.together == [[1, 2]]


def test_one_that_comes_too_late_learns_what_was_told(inbox: SQLiteInbox, clock: Clock) -> None:
    seen = Seen()
    for n in (1, 2):
        inbox.add(event("user.updated", n, after=n))
    work(inbox, router_of(seen))
    clock.now += 10
    work(inbox, router_of(seen))
    clock.now += 100
    inbox.add(event("rankrecord.created", 3, after=3))
    work(inbox, router_of(seen))
    assert seen.together == [[1, 2], [3]]
    _, told, context = seen.calls[1]
    assert told == [1, 2]
    assert context.previous(Told) == Told("1,2")


def test_a_later_event_about_the_same_thing_learns_what_was_told_of_its_whole_group(inbox: SQLiteInbox, clock: Clock) -> None:
    seen = Seen()
    inbox.add(event("user.updated", 1))
    inbox.add(event("rankrecord.created", 2, after=1))
    work(inbox, router_of(seen))
    clock.now += 10
    work(inbox, router_of(seen))
    clock.now += 5000
    inbox.add(event("rankrecord.updated", 2, request_id="later", after=5000))
    work(inbox, router_of(seen))
    clock.now += 10
    work(inbox, router_of(seen))
    assert seen.calls[1][:2] == ([2], [1, 2])


def test_a_failure_concerns_all_of_them_and_so_does_the_next_attempt(inbox: SQLiteInbox, clock: Clock) -> None:
    seen = Seen()
    seen.raises = DestinationError("no", outcome="retry", retry_after=5)
    for n in (1, 2):
        inbox.add(event("user.updated", n, after=n))
    work(inbox, router_of(seen))
    clock.now += 10
    work(inbox, router_of(seen))
    seen.raises = None
    inbox.add(event("rankrecord.created", 3, after=3))  # joins those that wait for the next attempt
    clock.now += 6
    work(inbox, router_of(seen))
    assert seen.together == [[1, 2], [1, 2, 3]]
    assert [context.attempt for _, _, context in seen.calls] == [1, 2]


def test_a_dead_letter_is_revived_with_the_rest_of_its_group(inbox: SQLiteInbox, clock: Clock) -> None:
    seen = Seen()
    seen.raises = DestinationError("no", outcome="rejected")
    for n in (1, 2):
        inbox.add(event("user.updated", n, after=n))
    work(inbox, router_of(seen))
    clock.now += 10
    work(inbox, router_of(seen))
    dead = inbox.dead_letters()
    assert len(dead) == 2
    seen.raises = None
    assert inbox.revive(dead[0].task)
    assert not inbox.revive(dead[1].task), "it waits already"
    work(inbox, router_of(seen))
    assert seen.together == [[1, 2], [1, 2]]


def test_a_worker_that_was_killed_leaves_the_whole_group_to_the_next(inbox: SQLiteInbox, clock: Clock) -> None:
    for n in (1, 2):
        inbox.add(event("user.updated", n, after=n))
    seen = Seen()
    work(inbox, router_of(seen))
    clock.now += 10
    lanes = inbox.database.read(lambda c: [row[0] for row in c.execute("SELECT id FROM lane")])
    claim = inbox.database.write(lambda c: inbox.queue.claim(c, clock.now, 15, 10, lanes))
    assert claim is not None
    (task,) = claim.tasks
    assert len(task.all) == 2
    assert inbox.database.write(lambda c: inbox.queue.start(c, task, clock.now))
    clock.now += 16  # nobody renewed the lease
    work(inbox, router_of(seen))
    assert seen.together == [[1, 2]]
    assert seen.calls[0][2].unclear
    from perscom_receiver.queue import Result, State

    late = Result(state=State.DONE, outcome="done")
    assert not inbox.database.write(lambda c: inbox.queue.settle(c, task, late, clock.now)), "the fence holds for all of them"


def test_one_of_them_that_was_purged_meanwhile_keeps_the_others_from_nothing(inbox: SQLiteInbox, clock: Clock) -> None:
    for n in (1, 2):
        inbox.add(event("user.updated", n, after=n))
    seen = Seen()
    work(inbox, router_of(seen))
    inbox.database.write(lambda c: inbox.queue.bury(c, 1, clock.now, "forgotten"))
    clock.now += 10
    work(inbox, router_of(seen))
    assert seen.together == [[2]]


def test_hundreds_come_in_portions_of_which_the_later_know_the_earlier(inbox: SQLiteInbox, clock: Clock) -> None:
    seen = Seen()
    for n in range(450):
        inbox.add(event("user.updated", n + 1, after=n / 100))
    for _ in range(3):
        work(inbox, router_of(seen), 0.5)
        clock.now += 10
    work(inbox, router_of(seen))
    assert sorted(n for ids in seen.together for n in ids) == list(range(1, 451)), "each of them once"
    assert [len(ids) for ids in seen.together] == [200, 200, 50]
    assert len(seen.calls[1][1]) == 200


def test_what_waited_for_long_comes_in_one_call(inbox: SQLiteInbox, clock: Clock) -> None:
    seen = Seen()
    seen.raises = DestinationError("off", outcome="permanent")
    for n in range(40):
        inbox.add(event("user.updated", n, request_id=str(n), after=n))
    work(inbox, router_of(seen, late=3600.0))
    clock.now += 10
    work(inbox, router_of(seen, late=3600.0))
    clock.now += 4000
    seen.raises = None
    seen.calls.clear()
    inbox.add(event("user.updated", 41, request_id="new", after=4000))
    assert inbox.resume("chat")
    work(inbox, router_of(seen, late=3600.0))
    clock.now += 10
    work(inbox, router_of(seen, late=3600.0))
    assert seen.together == [list(range(40)), [41]]


def test_a_few_that_waited_for_long_come_one_by_one(inbox: SQLiteInbox, clock: Clock) -> None:
    seen = Seen()
    for n in range(10):
        inbox.add(event("user.updated", n, request_id=str(n), after=n))
    work(inbox, router_of(seen, late=3600.0))
    clock.now += 8000
    work(inbox, router_of(seen, late=3600.0), 0.5)
    assert seen.together == [[n] for n in range(10)]


def test_a_group_that_cannot_be_told_is_none(inbox: SQLiteInbox, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Event) -> Group | None:
        raise KeyError("secret")

    seen = Seen()
    router = Router()
    router.add(Handler(key="chat", call=seen, patterns=("*",), group=broken))
    inbox.add(event("user.updated", 1))
    work(inbox, router)
    assert seen.together == [[1]]
    assert "The group of chat failed" in caplog.text


@pytest.mark.parametrize(
    "group",
    [lambda event: event.request_id, lambda event: Group(["r"]), lambda event: Group("\ud800"), lambda event: Group(7)],  # type: ignore[arg-type]
    ids=["a text", "a list in it", "half a letter in it", "a number in it"],
)
def test_a_group_that_is_none_ends_no_worker(
    inbox: SQLiteInbox, group: Callable[[Event], Group | None], caplog: pytest.LogCaptureFixture
) -> None:
    seen = Seen()
    router = Router()
    router.add(Handler(key="chat", call=seen, patterns=("*",), group=group))
    inbox.add(event("user.updated", 1))
    work(inbox, router)
    assert seen.together == [[1]]
    assert "The group of chat failed" in caplog.text


@pytest.mark.parametrize("count", [2, 250], ids=["few", "more than fit into one call"])
def test_nobody_of_it_is_called_before_the_time_of_its_next_attempt(inbox: SQLiteInbox, clock: Clock, count: int) -> None:
    async def comes_too_late(event_: Event, context: Context) -> Told:
        if not seen.calls:
            await inbox.aadd(event("rankrecord.created", 999, after=3))
            await asyncio.sleep(0.1)
        return await seen(event_, context)

    seen = Seen()
    seen.raises = DestinationError("no", outcome="retry", retry_after=300)
    router = Router()
    router.add(Handler(key="chat", call=comes_too_late, patterns=("*",), group=by_request))
    for n in range(count):
        inbox.add(event("user.updated", n + 1, after=n / 100))
    work(inbox, router, 0.4)
    clock.now += 10
    work(inbox, router, 0.5)
    clock.now += 299
    work(inbox, router)
    assert len(seen.calls) == 1
    seen.raises = None
    clock.now += 2
    work(inbox, router, 0.5)
    assert sorted(n for ids in seen.together[1:] for n in ids) == [*range(1, count + 1), 999], "each of them once"


def test_a_clock_that_was_set_back_parks_no_group_for_longer_than_a_day(inbox: SQLiteInbox, clock: Clock) -> None:
    seen = Seen()
    clock.now += timedelta(days=3000).total_seconds()
    inbox.add(event("user.updated", 1))
    work(inbox, router_of(seen))
    clock.now = START
    work(inbox, router_of(seen))
    clock.now += 86_400 + 3700
    work(inbox, router_of(seen))
    assert seen.together == [[1]]


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        Group("x", window=-1)
    with pytest.raises(ValueError, match="is a text"):
        Group(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="between 0 and 86400 s"):
        Group("x", spread=1e9)
    with pytest.raises(ConfigurationError, match="concurrency of 1"):
        Handler(key="x", call=lambda event: None, patterns=("*",), concurrency=2, group=by_request)
