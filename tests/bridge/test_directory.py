"""Names instead of ids: what events teach, what was known before an action, and that nobody who is forgotten is remembered."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bridge_process import HEAD, bridge, run, wait_for
from hostile import CREATED, WORST, poisoned
from hypothesis import given, settings
from hypothesis import strategies as st

from perscom_adapters import Directory, Message, plain, render
from perscom_adapters.testing import ChatStandIn, discord_refusal
from perscom_bridge.directory import SiteDirectory, forget, names, reading, store
from perscom_bridge.directory.facts import KINDS, asked_by, facts_of
from perscom_bridge.directory.standing import History, Seen, observed, value_before
from perscom_bridge.golden import golden_requests
from perscom_receiver import EVENT_NAMES, Event, SQLiteInbox
from perscom_receiver.queue import Connection, Result, State
from perscom_receiver.testing import make_event

USER = 2153
START = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
PRIVATE_TEXTS = ("@", "+1 555", "18440531", "$2y$", "Kestrel")
RANKS = {8: "Corporal", 10: "Staff Sergeant", 12: "Sergeant First Class"}
UNITS = {16: "1st Platoon", 17: "2nd Platoon"}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[SQLiteInbox]:
    inbox = SQLiteInbox(tmp_path / "inbox.db")
    yield inbox
    inbox.close()


def named(table: dict[int, str], key: int | None) -> dict[str, object] | None:
    return None if key is None else {"id": key, "name": table[key]}


def person(rank: int | None = 8, unit: int | None = 16, name: str = "Jacob Whitfield") -> dict[str, Any]:
    """A member as PERSCOM shows one, private columns and all."""
    return {
        "id": USER,
        "display_name": name,
        "email": "whitfield@1st-rangers.example.test",
        "phone_number": "+1 555 0100",
        "notes": "Kestrel",
        "rank_id": rank,
        "rank": named(RANKS, rank),
        "unit_id": unit,
        "unit": named(UNITS, unit),
        "position_id": None,
    }


def saved(seconds: float, action: str | None, column: str, **values: Any) -> Event:
    """The ``user.updated`` in which ``column`` changes."""
    data = person(**values)
    changes = {column: data.get(column)}
    return make_event("user.updated", created=at(seconds), request_id=action, data=data, changes=changes)


def promoted(seconds: float, action: str | None, rank: int, **more: Any) -> Event:
    data = {"id": 5, "type": 0, "user_id": USER, "rank_id": rank, "user": person(rank=rank), **more}
    return make_event("rankrecord.created", created=at(seconds), request_id=action, data=data, changes=[])


def awarded(seconds: float, rank: int) -> Event:
    """Something that only shows in passing what rank the member has."""
    data = {"id": 7, "user_id": USER, "award_id": 5, "user": person(rank=rank)}
    return make_event("awardrecord.created", created=at(seconds), data=data, changes=[])


def known(inbox: SQLiteInbox, events: list[Event], *, arriving: list[Event] | None = None) -> Directory:
    """What is known before ``events`` when ``arriving``, by default they themselves, are in the inbox."""
    for event in events if arriving is None else arriving:
        inbox.add(event)
    return asyncio.run(SiteDirectory(inbox).before(events))


def said(message: Message | None) -> str:
    assert message is not None
    return plain(message)


class TestHistory:
    def test_a_value_counts_from_when_the_action_set_it(self) -> None:
        history: History = ()
        for moment, value, action in [(1, 8, None), (10, 10, "a"), (20, 10, None), (30, 12, "b")]:
            history = observed(history, Seen(moment, value, action))
        assert value_before(history, 11, {"a"}) == 8
        assert value_before(history, 31, {"b"}) == 10
        assert value_before(history, 25, {"c"}) == 10
        assert value_before(history, 99, {"d"}) == 12
        assert value_before(history, 0, {"e"}) is None

    def test_an_action_that_set_nothing_leaves_what_was(self) -> None:
        history = observed(observed((), Seen(1, 8, None)), Seen(10, 8, "a"))
        assert value_before(history, 10, {"a"}) == 8

    @settings(deadline=None)
    @given(st.lists(st.sampled_from([None, 1, 2, 3]), min_size=1, max_size=7), st.randoms(use_true_random=False))
    def test_every_change_is_known_in_any_order_of_arrival(self, values: list[int | None], chance: Any) -> None:
        changes = [value for value, _ in itertools.groupby(values)]
        seen = [(10 * n, value, f"action {n}") for n, value in enumerate(changes)]
        # Each is seen again a little later, by an event that set nothing.
        seen += [(moment + 5, value, None) for moment, value, _ in seen]
        seen += seen[:2]
        chance.shuffle(seen)
        history: History = ()
        for moment, value, action in seen:
            history = observed(history, Seen(moment, value, action))
        for n, value in enumerate(changes):
            assert value_before(history, 10 * n + 1, {f"action {n}"}) == (changes[n - 1] if n else None)
            assert value_before(history, 10 * n + 7, {"another"}) == value

    def test_what_only_repeats_is_thinned_out_and_the_change_before_it_stays(self) -> None:
        history: History = (Seen(0, 8, None), Seen(10, 10, "a"))
        for minute in range(1, 1000):
            history = observed(history, Seen(minute * 60_000_000, 10, None))
            assert len(history) <= 16
        assert value_before(history, 11, {"a"}) == 8
        for second in range(1, 100):  # as many in one hour
            history = observed(history, Seen(60_000_000_000 + second * 1_000_000, 10, None))
        assert len(history) <= 16
        assert value_before(history, 11, {"a"}) == 8

    @given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from([1, 2, 3])), min_size=1, unique_by=lambda seen: seen[0]))
    def test_the_newest_is_right_whatever_arrives(self, seen: list[tuple[int, int]]) -> None:
        history: History = ()
        for moment, value in seen:
            history = observed(history, Seen(moment, value, None))
        assert value_before(history, 99, ()) == max(seen)[1]
        assert all(one.at < other.at for one, other in itertools.pairwise(history))
        assert len(history) <= 16


class TestBeforeAnAction:
    """The samples a promotion consists of: the member is saved first, the record second, with one request_id."""

    EVENTS = (awarded(0, 8), saved(60, "a", "rank_id", rank=10), promoted(60.5, "a", 10))

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_the_old_rank_is_that_before_the_members_own_update(self, inbox: SQLiteInbox, order: tuple[int, ...]) -> None:
        arriving = [self.EVENTS[n] for n in (*order, *order)]
        directory = known(inbox, [self.EVENTS[2]], arriving=arriving)
        assert directory.old("rank", USER) == "Corporal"
        assert "Previous rank: Corporal" in said(render(self.EVENTS[2], directory))

    def test_for_a_group_as_well(self, inbox: SQLiteInbox) -> None:
        assert known(inbox, list(self.EVENTS[1:]), arriving=list(self.EVENTS)).old("rank", USER) == "Corporal"

    def test_what_another_action_saw_in_between_is_not_the_old_rank(self, inbox: SQLiteInbox) -> None:
        arriving = [*self.EVENTS, awarded(60.2, 10)]
        assert known(inbox, [self.EVENTS[2]], arriving=arriving).old("rank", USER) == "Corporal"

    def test_a_dead_letter_tried_again_after_more_promotions_tells_its_own_old_rank(self, inbox: SQLiteInbox) -> None:
        later = [saved(9e5, "b", "rank_id", rank=12), promoted(9e5 + 0.5, "b", 12)]
        arriving = [*self.EVENTS, *later]
        assert known(inbox, [self.EVENTS[2]], arriving=arriving).old("rank", USER) == "Corporal"
        assert known(inbox, [later[1]], arriving=[]).old("rank", USER) == "Staff Sergeant"

    def test_without_a_request_id_each_event_is_an_action(self, inbox: SQLiteInbox) -> None:
        events = [awarded(0, 8), promoted(60, None, 10)]
        assert known(inbox, events[1:], arriving=events).old("rank", USER) == "Corporal"

    def test_where_nothing_is_known_nothing_is_told(self, inbox: SQLiteInbox) -> None:
        directory = known(inbox, list(self.EVENTS[1:]))
        assert directory.old("rank", USER) is None
        assert "Previous" not in said(render(self.EVENTS[2], directory))
        assert directory.old("rank", 99) is None

    def test_who_had_no_rank_before_has_no_old_one(self, inbox: SQLiteInbox) -> None:
        events = [saved(0, "x", "name", rank=None), *self.EVENTS[1:]]
        assert known(inbox, events[2:], arriving=events).old("rank", USER) is None

    def test_an_assignment_tells_from_where_even_to_who_never_heard_of_the_member(self, inbox: SQLiteInbox) -> None:
        """The action saves the member once for each thing: the first of these still shows the old unit."""
        record = {"id": 9, "type": "primary", "user_id": USER, "unit_id": 17, "unit": named(UNITS, 17)}
        events = [
            saved(0.0, "a", "position_id", unit=16),
            saved(0.1, "a", "unit_id", unit=17),
            saved(0.2, "a", "status_id", unit=17),
            make_event("assignmentrecord.created", created=at(0.3), request_id="a", data=record, changes=[]),
        ]
        for arriving in (events, events[::-1]):
            for group in (events, events[3:]):
                directory = known(inbox, group, arriving=arriving)
                assert directory.old("unit", USER) == "1st Platoon"
                assert "Previous unit: 1st Platoon" in said(render(events[3], directory))

    def test_a_secondary_assignment_takes_nobody_away(self, inbox: SQLiteInbox) -> None:
        record = {"id": 9, "type": "secondary", "user_id": USER, "unit_id": 17}
        event = make_event("assignmentrecord.created", created=at(9), data=record, changes=[])
        directory = known(inbox, [event], arriving=[awarded(0, 8), event])
        assert "Previous" not in said(render(event, directory))


class TestNames:
    def test_what_one_event_brings_along_names_the_ids_of_the_next(self, inbox: SQLiteInbox) -> None:
        inbox.add(make_event("rankrecord.created", created=at(0)))
        event = make_event("rankrecord.updated", created=at(1))
        assert "Jacob" not in said(render(event))
        assert said(render(event, known(inbox, [event]))).startswith(
            "The promotion of SFC Jacob Whitfield to Sergeant First Class was changed"
        )

    def test_the_newest_name_counts_not_the_last_to_arrive(self, inbox: SQLiteInbox) -> None:
        events = [saved(n, None, "name", name=f"Name {n}") for n in (3, 1, 2, 3)]
        assert known(inbox, events).name("user", USER) == "Name 3"

    @pytest.mark.parametrize("name", EVENT_NAMES)
    def test_of_a_sample_only_names_are_kept(self, name: str) -> None:
        facts = facts_of(make_event(name))
        for (kind, key), text in facts.names:
            assert kind in KINDS
            assert key > 0
            assert not any(private in text for private in PRIVATE_TEXTS)

    def test_the_golden_requests_teach_names_alone(self, inbox: SQLiteInbox) -> None:
        genuine = [Event.parse(one.body) for one in golden_requests() if one.valid]
        assert len(genuine) > 30
        directory = known(inbox, genuine)
        assert directory.name("rank", 61) == "Старший сержант"
        inbox.close()
        with closing(sqlite3.connect(inbox.database.path)) as connection:
            texts = [text for (text,) in connection.execute("SELECT name FROM directory_name")]
        assert texts
        assert not [text for text in texts if any(private in text for private in ("@", "+1 555", "<p>", "$2y$"))]

    @pytest.mark.parametrize(
        "event",
        [
            make_event("user.updated", data={"id": str(USER), "display_name": "O&#039;Brien"}, changes=None),
            make_event("user.updated", data={"id": True, "display_name": "x"}, changes=[]),
            make_event("user.updated", data={"id": 2**80, "display_name": "x"}, changes=[]),
            make_event("user.updated", data={"id": -1, "display_name": "x"}, changes=[]),
            make_event("user.updated", data={"id": USER, "display_name": " \n"}, changes=[]),
            make_event("user.updated", data={"id": USER, "display_name": ["x"]}, changes=[]),
            make_event("submission.created", data={"id": 1, "form_id": 5, "form": {"id": 6, "name": "x"}}, changes=[]),
            make_event("submission.created", data={"id": 1, "user": {"id": USER, "display_name": "x"}}, changes=[]),
            make_event("submission.created", data={"id": 1, "form_id": "5", "form": {"id": "5", "name": "x"}}, changes=[]),
            make_event("submission.created", data={"id": 1, "form_id": True, "form": {"id": True, "name": "x"}}, changes=[]),
            make_event("submission.created", data={"id": 1, "user_id": USER, "user": person(), "author": person()}, changes=[]),
            make_event("submission.created", data={"id": 1, "rank": {"id": 12, "name": "x"}}, changes=[]),
            make_event("rankrecord.created", user={"display_name": "Guest"}, author=None, rank=None),
            make_event("webhook.test", data={"id": USER, "display_name": "x", "user": person()}),
            make_event("rankrecord.created", data=[{"id": 12, "name": "x"}], changes=None),
            make_event("training.created", data={"id": 12, "name": "x"}),
        ],
    )
    def test_what_people_typed_teaches_nothing(self, event: Event) -> None:
        assert facts_of(event).names == ()

    @given(st.sampled_from(EVENT_NAMES), st.sampled_from(WORST) | st.text(), st.sampled_from(["texts", "everything"]))
    @settings(deadline=None, max_examples=60)
    def test_nothing_in_an_event_is_a_trouble(self, name: str, poison: str, reach: Any) -> None:
        sample = make_event(name, created=CREATED)
        poison = poison.encode(errors="replace").decode()
        data, changes = poisoned(sample.data, poison, reach), poisoned(dict(sample.changes), poison, reach)
        event = make_event(name, data=data, changes=changes)
        texts = [text for _, text in facts_of(event).names]
        assert not [1 for text in texts if not 0 < len(text) <= 200 or "PRIVATE" in text]
        assert set(asked_by(event)) >= set()

    @pytest.mark.parametrize("poison", WORST)
    def test_a_hostile_name_is_as_harmless_as_in_its_own_event(self, inbox: SQLiteInbox, poison: str) -> None:
        from perscom_adapters.discord import payload

        sample = make_event("rankrecord.created", created=CREATED)
        inbox.add(make_event("rankrecord.created", data=poisoned(sample.data, poison, "texts"), changes=[]))
        event = make_event("rankrecord.updated", text=None)
        directory = known(inbox, [event])
        assert directory.name("rank", 12) is not None
        message = render(event, directory)
        assert message is not None
        assert discord_refusal(payload(message)) is None
        assert payload(message)["allowed_mentions"] == {"parse": []}
        assert not any(private in plain(message) for private in ("\u202e", "\x00"))

    def test_communities_know_nothing_of_each_other(self, inbox: SQLiteInbox) -> None:
        other = SQLiteInbox(inbox.database, site="bravo")
        inbox.add(make_event("rankrecord.created"))
        other.add(saved(0, None, "name", rank=8))
        assert known(other, []).name("rank", 12) is None
        assert known(other, []).name("rank", 8) == "Corporal"
        assert known(inbox, []).name("rank", 8) is None
        assert known(inbox, []).name("rank", 12) == "Sergeant First Class"

    def test_memory_and_file_are_bounded(self, inbox: SQLiteInbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(names, "MOST", 20)
        calendars = [
            make_event("calendar.created", created=at(n), data={"id": n, "name": f"Calendar {n}"}, changes=[])
            for n in range(1, 251)
        ]
        for event in calendars:
            inbox.add(event)

        async def both() -> None:
            directory = SiteDirectory(inbox)
            view = await directory.before([])
            assert len(directory._names or ()) == 20
            assert [n for n in range(1, 251) if view.name("calendar", n)] == list(range(231, 251))

        asyncio.run(both())
        count = inbox.database.read(lambda c: c.execute("SELECT count(*) FROM directory_name").fetchone()[0])
        assert count == 20


class TestLearning:
    def test_a_database_of_before_teaches_what_it_holds_and_a_restart_keeps_it(self, tmp_path: Path) -> None:
        inbox = SQLiteInbox(tmp_path / "inbox.db")
        for n in range(300):
            inbox.add(make_event("calendar.created", created=at(n), data={"id": n, "name": f"Calendar {n}"}, changes=[]))
        inbox.add(promoted(1000, "a", 10))
        assert known(inbox, []).name("calendar", 299) == "Calendar 299"
        inbox.database.write(lambda connection: connection.execute("UPDATE event SET body = NULL"))  # as after 30 days
        inbox.close()
        again = SQLiteInbox(tmp_path / "inbox.db")
        directory = known(again, [promoted(2000, "b", 12)], arriving=[])
        assert directory.name("calendar", 7) == "Calendar 7"
        assert directory.old("rank", USER) == "Staff Sergeant"
        again.close()

    def test_learning_all_anew_changes_nothing(self, inbox: SQLiteInbox) -> None:
        for event in (*TestBeforeAnAction.EVENTS, *(make_event(name) for name in EVENT_NAMES)):
            inbox.add(event)
        asyncio.run(SiteDirectory(inbox).before([]))
        first = dump(inbox)
        inbox.database.write(lambda connection: connection.execute("UPDATE directory_mark SET event = 0"))
        asyncio.run(SiteDirectory(inbox).before([]))
        assert dump(inbox) == first

    def test_what_could_not_be_written_is_written_later(self, inbox: SQLiteInbox, monkeypatch: pytest.MonkeyPatch) -> None:
        from perscom_receiver import Unavailable

        inbox.add(make_event("rankrecord.created"))

        def full(*arguments: object) -> Callable[[Connection], bool]:
            def save(connection: Connection) -> bool:
                raise Unavailable("The disk is full.")

            return save

        async def scenario() -> None:
            directory = SiteDirectory(inbox)
            with monkeypatch.context() as patch:
                patch.setattr(store, "saving", full)
                assert (await directory.before([])).name("rank", 12) == "Sergeant First Class"
            assert dump(inbox) == []
            await directory.before([])

        asyncio.run(scenario())
        assert [row[2] for row in dump(inbox) if row[:2] == ("rank", 12)] == ["Sergeant First Class"]

    def test_a_broken_row_and_a_large_one_stop_nobody(self, inbox: SQLiteInbox) -> None:
        inbox.add(make_event("combatrecord.created", text="x" * 5_000_000))
        inbox.add(make_event("calendar.created"))
        inbox.database.write(lambda c: c.execute("UPDATE event SET body = 'broken' WHERE name = 'calendar.created'"))
        inbox.add(make_event("rankrecord.created"))
        assert known(inbox, []).name("rank", 12) == "Sergeant First Class"

    def test_what_somebody_wrote_into_the_tables_stops_nobody(self, inbox: SQLiteInbox) -> None:
        inbox.add(promoted(0, "a", 10))
        asyncio.run(SiteDirectory(inbox).before([]))
        inbox.database.write(lambda c: c.execute("UPDATE directory_history SET history = '[[1'"))
        directory = known(inbox, [promoted(9, "b", 12)])
        assert directory.name("user", USER) == "Jacob Whitfield"
        assert directory.old("rank", USER) is None

    def test_a_database_that_cannot_be_read_costs_names_alone(self, tmp_path: Path) -> None:
        (tmp_path / "inbox.db").mkdir()
        event = make_event("rankrecord.updated")
        directory = asyncio.run(SiteDirectory(SQLiteInbox(tmp_path / "inbox.db")).before([event]))
        assert directory.name("rank", 12) is None

    def test_a_look_reads_no_event_twice(self, inbox: SQLiteInbox) -> None:
        plan = inbox.database.read(
            lambda c: c.execute(
                f"EXPLAIN QUERY PLAN {reading.FOLLOWING} LIMIT ?",
                ("default", 5, 100),
            ).fetchall()
        )
        assert [row[3] for row in plan] == ["SEARCH event USING INTEGER PRIMARY KEY (rowid>?)"]

    def test_killed_at_any_moment_it_knows_the_same_in_the_end(self, tmp_path: Path) -> None:
        inbox = SQLiteInbox(tmp_path / "inbox.db")
        for n in range(600):
            inbox.add(make_event("calendar.created", created=at(n), data={"id": n, "name": f"Calendar {n}"}, changes=[]))
        inbox.close()
        code = (
            "import asyncio, sys\n"
            "from perscom_bridge.directory import SiteDirectory\nfrom perscom_receiver import SQLiteInbox\n"
            "print('begin', flush=True)\nasyncio.run(SiteDirectory(SQLiteInbox(sys.argv[1])).before([]))\n"
        )
        for delay in (0.0, 0.02, 0.05):
            process = subprocess.Popen([sys.executable, "-c", code, str(inbox.database.path)], stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.readline()
            try:
                process.wait(delay)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        directory = known(inbox, [])
        assert all(directory.name("calendar", n) == f"Calendar {n}" for n in range(1, 600))
        inbox.close()


def dump(inbox: SQLiteInbox) -> list[tuple[Any, ...]]:
    def work(connection: Connection) -> list[tuple[Any, ...]]:
        store.prepare(connection, inbox.site)
        return [
            *connection.execute("SELECT kind, number, name, created FROM directory_name ORDER BY kind, number"),
            *connection.execute("SELECT kind, member, history FROM directory_history ORDER BY kind, member"),
        ]

    return inbox.database.write(work)


class TestForgetting:
    def test_who_is_purged_is_in_no_table_no_file_and_no_memory(self, inbox: SQLiteInbox) -> None:
        async def scenario() -> None:
            directory = SiteDirectory(inbox)
            inbox.add(promoted(0, "a", 10))
            assert (await directory.before([])).name("user", USER) == "Jacob Whitfield"
            elsewhere = SQLiteInbox(inbox.database.path)  # perscom-bridge purge, beside the running service
            await asyncio.to_thread(forget, elsewhere, [USER])
            elsewhere.close()
            view = await directory.before([promoted(9, "b", 12)])
            assert view.name("user", USER) is None
            assert view.old("rank", USER) is None
            assert view.name("rank", 10) == "Staff Sergeant"

        asyncio.run(scenario())
        folder = inbox.database.path.parent
        inbox.close()
        assert b"Whitfield" not in b"".join(file.read_bytes() for file in folder.iterdir())

    def test_a_purge_while_something_is_being_learned_wins(self, inbox: SQLiteInbox) -> None:
        inbox.add(promoted(0, "a", 10))
        asyncio.run(SiteDirectory(inbox).before([]))
        loaded = inbox.database.read(lambda c: store.load(c, inbox.site))
        learned = names.Learned()
        loaded.names.learn(facts_of(saved(5, "b", "name", name="Late Whitfield")), learned)
        forget(inbox, [USER])
        assert not inbox.database.write(store.saving(inbox.site, learned, loaded.mark + 1, loaded.forgotten))
        assert not [row for row in dump(inbox) if "Whitfield" in str(row[2])]

    def test_the_command_forgets_the_name_also_where_no_service_ever_ran(self, tmp_path: Path) -> None:
        (tmp_path / "bridge.toml").write_text(f'{HEAD}[destinations.a]\ntype = "discord"\nurl = "{DISCORD}"\n')
        inbox = SQLiteInbox(tmp_path / "bridge.db")
        inbox.add(promoted(0, "a", 10))
        inbox.close()
        done = run("purge", tmp_path, "--yes", "--user", str(USER))
        assert done.returncode == 0, done.stderr
        assert dump(inbox) == []
        inbox.add(promoted(0, "a", 12))
        assert known(inbox, []).name("user", USER) == "Jacob Whitfield"
        inbox.close()
        assert run("purge", tmp_path, "--yes", "--user", str(USER)).returncode == 0
        assert [row[:2] for row in dump(inbox) if row[0] == "user"] == []
        inbox.close()

    def test_who_left_is_forgotten_once_that_is_told_and_not_before(self, inbox: SQLiteInbox) -> None:
        inbox.add(promoted(0, "a", 10))
        left = make_event("user.deleted", created=at(5), data=person(), changes=[])
        inbox.add(left)

        def settle_all(connection: Connection) -> None:
            claim = inbox.queue.claim(connection, inbox.now(), 30, 9, [lane])
            for task in claim.tasks if claim else ():
                inbox.queue.settle(connection, task, Result(state=State.DONE, outcome="done"), inbox.now())

        def plan(connection: Connection) -> int:
            lane = inbox.queue.lane(connection, "discord", width=9)
            inbox.plan(connection, [(found, {lane: None}) for found in inbox.pending(connection, 9)])
            return lane

        async def scenario() -> None:
            directory = SiteDirectory(inbox, forget_left=True)
            await directory.tend()  # not planned yet
            assert (await directory.before([left])).name("user", USER) == "Jacob Whitfield"
            nonlocal lane
            lane = inbox.database.write(plan)
            await SiteDirectory(inbox, forget_left=True).tend()  # waits; and what was noted outlives a restart
            assert inbox.health().stored == 2
            inbox.database.write(settle_all)
            await directory.tend()
            assert (await directory.before([left])).name("user", USER) is None

        lane = 0
        asyncio.run(scenario())
        assert inbox.database.read(lambda c: c.execute("SELECT count(*) FROM event WHERE body IS NOT NULL").fetchone()) == (0,)
        assert inbox.database.read(lambda c: c.execute("SELECT count(*) FROM directory_left").fetchone()) == (0,)

    def test_without_the_key_the_name_stays_for_the_records_that_mention_it(self, inbox: SQLiteInbox) -> None:
        inbox.add(make_event("user.deleted", data=person(), changes=[]))

        async def scenario() -> None:
            directory = SiteDirectory(inbox)
            await directory.tend()
            assert (await directory.before([])).name("user", USER) == "Jacob Whitfield"

        asyncio.run(scenario())


DISCORD = "https://discord.com/api/webhooks/1130112233445566778/NobodyIsCalledHere"


class TestPictures:
    def picture(self, name: str, **names: object) -> str | None:
        images = {
            "rank": {"sergeant first class": "https://a.example/sfc.png"},
            "unit": {"1st platoon": "https://a.example/1.png"},
        }
        event = make_event(name, **names)
        directory = asyncio.run(unread(images).before([event]))
        message = render(event, directory)
        assert message is not None
        return message.image

    def test_a_promotion_shows_the_rank(self) -> None:
        assert self.picture("rankrecord.created") == "https://a.example/sfc.png"
        spelled = {"id": 12, "name": " SERGEANT  first class "}
        assert self.picture("rankrecord.created", rank=spelled) == "https://a.example/sfc.png"

    def test_a_withdrawn_one_and_one_without_a_picture_show_none(self) -> None:
        assert self.picture("rankrecord.deleted") is None
        assert self.picture("rankrecord.created", rank={"id": 12, "name": "Sergeant"}) is None
        assert self.picture("awardrecord.created") is None
        assert self.picture("assignmentrecord.created", unit={"id": 16, "name": "1st Platoon"}) == "https://a.example/1.png"


def unread(images: dict[str, dict[str, str]]) -> SiteDirectory:
    """A directory without a database."""
    return SiteDirectory(SQLiteInbox("/nonexistent/inbox.db"), images=images)


def test_the_service_tells_the_old_rank_with_a_picture_and_after_a_restart(tmp_path: Path) -> None:
    with ChatStandIn(rate=None) as chat:
        url = chat.discord_webhook(name="announcements")
        config = f'{HEAD}[destinations.a]\ntype = "discord"\nurl = "{url}"\ngroup = "1 second"\n'
        config += '[images.rank]\n"Staff Sergeant" = "https://1st-rangers.example.org/ssg.png"\n'
        (tmp_path / "bridge.toml").write_text(config)
        with bridge(tmp_path) as service:
            data = awarded(0, 8).data
            assert isinstance(data, dict)
            assert service.event("awardrecord.created", data=data, changes=[]) == 202
            wait_for(lambda: chat.messages)
            assert service.stop() == 0
        with bridge(tmp_path) as service:
            data = promoted(0, "a", 10).data
            assert service.event("user.updated", data=person(rank=10), changes={"rank_id": 10}, request_id="a") == 202
            assert service.event("rankrecord.created", data=data, changes=[], request_id="a") == 202
            wait_for(lambda: len(chat.messages) == 2)
            assert service.stop() == 0
    embed = chat.messages[1].payload["embeds"][0]  # type: ignore[index]
    assert [(field["name"], field["value"]) for field in embed["fields"]] == [("Previous rank", "Corporal")]
    assert "1st-rangers.example.org/ssg.png" in str(embed)
