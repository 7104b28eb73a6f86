"""What the bridge asks its database besides posting, asked of a PostgreSQL. The service itself runs on both in test_serve."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from bridge_process import HEAD, SECRET, bridge, run, wait_for
from postgres import admin, new_schema

from perscom_adapters import Receipt
from perscom_adapters.testing import ChatStandIn
from perscom_bridge import notices
from perscom_bridge._load import load
from perscom_bridge.moved import moved_chats
from perscom_bridge.overview import read_overview
from perscom_bridge.signs import Witness
from perscom_bridge.stored import same_action, stored_event
from perscom_bridge.trouble import Told, Trouble
from perscom_bridge.unserved import forget_unserved
from perscom_receiver import SQLiteInbox
from perscom_receiver.queue import Connection, Result, State
from perscom_receiver.testing import make_event, signed_request

NOW = 1_790_000_000.0
REQUEST = "0b6f2c1e-5b0e-4c55-9b0a-0d2f6f6a7a11"
DESTINATION = '[destinations.a]\ntype = "telegram"\ntoken = "12345678:abcdefghijklmnopqrstuvwxyz012345678"\nchat = "-100123"\n'


@pytest.fixture
def address() -> Iterator[str]:
    with new_schema() as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_URL", address)
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", "a secret of twenty-odd letters")
    (tmp_path / "bridge.toml").write_text(HEAD.replace("bridge.db", "${DATABASE_URL}") + DESTINATION)
    return tmp_path


@pytest.fixture
def inbox(address: str) -> Iterator[SQLiteInbox]:
    with closing(SQLiteInbox(address, now=lambda: NOW)) as inbox:
        yield inbox


def settle(inbox: SQLiteInbox, result: Result) -> None:
    """One attempt at what is stored, for the destination ``a``."""

    def work(connection: Connection) -> None:
        lane = inbox.queue.lane(connection, "a", width=9)
        inbox.plan(connection, [(found, {lane: None}) for found in inbox.pending(connection, 10)])
        for claim in inbox.queue.begin(connection, inbox.now(), 30, 9):
            for task in claim.tasks:
                assert inbox.queue.settle(connection, task, result, inbox.now())

    inbox.database.write(work)


def test_what_the_operator_sees_and_is_told_of(inbox: SQLiteInbox) -> None:
    for name in ("rankrecord.created", "user.updated"):
        inbox.add(make_event(name, request_id=REQUEST))
    settle(inbox, Result(state=State.WAITING, outcome="retry", at=NOW, error="502"))
    signs = Witness(inbox).signs(["a", "b"])
    assert [(one.destination, one.waiting, one.error) for one in signs.outages] == [("a", 2, "502")]
    overview = read_overview(inbox)
    assert [[task.state for task in event.tasks] for event in overview.events] == [["waiting"], ["waiting"]]
    assert [(lane.name, lane.waiting) for lane in overview.lanes] == [("a", 2)]
    settle(inbox, Result(state=State.DEAD, outcome="rejected", error="400"))
    (given_up,) = Witness(inbox).signs(["a"]).given_up
    assert (given_up.count, given_up.error) == (2, "400")
    told = {"a": Told(trouble=Trouble(key="a", text="It is off.", over="It is on."), at=NOW, seen=NOW)}
    assert inbox.database.write(lambda c: notices._load("default", c)) == {}
    for _ in range(2):
        inbox.database.write(lambda c: notices._save("default", told, c))
    assert inbox.database.write(lambda c: notices._load("default", c)) == told


def test_a_stored_event_is_found_by_its_number_and_by_its_id(inbox: SQLiteInbox) -> None:
    events = [make_event("rankrecord.created", request_id=REQUEST), make_event("user.updated", request_id=REQUEST)]
    for event in events:
        inbox.add(event)
    assert stored_event(inbox, "1") == events[0]
    assert stored_event(inbox, events[1].id[:8]) == events[1]
    assert set(same_action(inbox, events[0])) >= {events[0]}


def test_what_is_too_old_goes_also_where_a_community_is_not_served(inbox: SQLiteInbox) -> None:
    inbox.add(make_event("user.created"))
    settle(inbox, Result(state=State.DONE, outcome="done"))
    later = NOW + 40 * 86_400
    assert asyncio.run(forget_unserved(inbox.database, ["another"], {}, lambda: later)) >= 1
    assert inbox.health().stored == 0


def test_check_looks_into_the_database_as_it_is(folder: Path, inbox: SQLiteInbox) -> None:
    config = load(folder / "bridge.toml")
    assert moved_chats(config) == []
    inbox.add(make_event("user.created"))
    receipt = Receipt(platform="telegram", channel_id="-100456", moved_from="-100123")
    settle(inbox, Result(state=State.DONE, outcome="done", receipt=msgspec.json.encode(receipt).decode()))
    (note,) = moved_chats(config)
    assert "chat = -100456" in note


def test_commands_work_on_it_or_name_the_tool_that_does(folder: Path, inbox: SQLiteInbox) -> None:
    assert "There is no database postgresql://" in run("inbox", folder, "list").stderr
    inbox.add(make_event("user.updated", id=7))
    assert "user.updated" in run("inbox", folder, "list").stdout
    assert "pg_dump" in run("backup", folder, str(folder / "copy")).stderr
    (folder / "copy").touch()
    assert "pg_restore" in run("restore", folder, str(folder / "copy")).stderr
    assert "User 7: 1 event forgotten" in run("purge", folder, "--yes", "--user", "7").stdout
    assert inbox.health().stored == 0


def test_no_command_shows_the_password(folder: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    away = "postgresql://perscom:hunter2@127.0.0.1:1/perscom"
    monkeypatch.setenv("DATABASE_URL", away)
    for command in ("check", "inbox list", "subscriptions list"):
        done = run(*command.split(" ")[:1], folder, *command.split(" ")[1:])
        assert "hunter2" not in done.stdout + done.stderr
    told = run("serve", folder).stderr
    assert ("127.0.0.1" in told, "hunter2" in told) == (True, False)


def test_a_running_service_goes_on_when_its_connections_are_cut_again_and_again(tmp_path: Path, address: str) -> None:
    """Each call is answered with 202 or 503; what was accepted is posted, once; a repeat of what was not is welcome."""
    with ChatStandIn(rate=None) as chat:
        lines = f'[destinations.a]\ntype = "discord"\ngroup = "off"\nurl = "{chat.discord_webhook(name="a")}"\n'
        tagged = f"{address}&application_name={Path(tmp_path).name}"
        (tmp_path / "bridge.toml").write_text(HEAD.replace("bridge.db", tagged) + lines)
        with bridge(tmp_path) as running, admin() as connection:
            stop, ends = threading.Event(), list[int]()

            def cut() -> None:
                query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
                while not stop.wait(0.05):
                    ends.append(connection.execute(query, (tmp_path.name,)).rowcount)

            cutting = threading.Thread(target=cut)
            cutting.start()
            calls = [signed_request("rankrecord.created", SECRET) for _ in range(40)]
            answers = [running.post(headers, body) for headers, body in calls]
            stop.set()
            cutting.join()
            assert sum(ends) > 3
            assert set(answers) <= {200, 202, 503}
            for headers, body in calls:
                assert running.post(headers, body) in (200, 202)
            wait_for(lambda: len(chat.messages) >= len(calls), 40)
            assert running.stop() == 0
        assert len(chat.messages) == len(calls)
        assert "Traceback" not in running.output
