"""A destination that gets the events themselves: its table, its commands, and the receiver of docs/forward.md behind it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from bridge_process import BRIDGE, HEAD, SECRET, Bridge, wait_for
from bridge_toml import GOOD, judge, only_problem
from msgspec.structs import replace

from perscom_adapters.testing import ChatStandIn
from perscom_adapters.webhook import WebhookDestination, new_session
from perscom_bridge.config import DestinationConfig, HiddenToken, HiddenUrl, Site
from perscom_bridge.overview import read_overview
from perscom_bridge.platforms.webhook import WebhookPlace
from perscom_bridge.routing import router_for
from perscom_receiver import Secret, SQLiteInbox, Verifier, Worker
from perscom_receiver.testing import make_event

PAGE = (Path(__file__).resolve().parents[2] / "docs/forward.md").read_text(encoding="utf-8")
AT = datetime(2026, 3, 2, 19, 8, tzinfo=UTC)
OWN_SECRET = "5b1f0c8e7d6a4c3b9e2f1a0d"
TABLE = f"""
[destinations.n8n]
type = "webhook"
url = "https://n8n.example.org/webhook/5f1c9a52"
secret = "{OWN_SECRET}"
"""
NOTE = "destinations.n8n gets whole events, with e-mail addresses, phone numbers and notes of members."


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


# The table.


def test_a_right_table_has_no_mistake_and_a_note_about_personal_data(tmp_path: Path) -> None:
    found = judge(tmp_path, GOOD + TABLE)
    assert found.config is not None
    assert found.notes == (NOTE,)
    place: Any = found.config.destinations[1].place
    assert (place.secret.value, place.private) == (OWN_SECRET, False)
    assert OWN_SECRET not in repr(found.config)
    assert "5f1c9a52" not in repr(found.config)


def test_by_http_the_note_says_so(tmp_path: Path) -> None:
    table = TABLE.replace("https://n8n.example.org", "http://127.0.0.1:5678") + "private = true\n"
    assert judge(tmp_path, GOOD + table).notes == (f"{NOTE} By http they are not encrypted.",)


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        (OWN_SECRET, "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U", "secret", "This is the secret of [site]"),
        (f'secret = "{OWN_SECRET}"\n', "", "secret", "secret is missing."),
        ("https://n8n.example.org", "http://127.0.0.1:5678", "url", "private = true"),
        ("https://n8n.example.org", "http://n8n.example.org", "url", "Write https://"),
        ('url = "https://n8n.example.org/webhook/5f1c9a52"\n', "", "url", 'Add the line: url = "${WEBHOOK_URL}"'),
        ("https://n8n.example.org/webhook/5f1c9a52", GOOD.split('"')[5], "url", 'one for type = "discord"'),
        (TABLE, f'{TABLE}private = "yes"\n', "private", "Write it without quotes: private = true"),
        (TABLE, f'{TABLE}quiet = "22:00-07:00"\n', "quiet", "a destination that shows messages"),
        (TABLE, f'{TABLE}group = "off"\n', "group", "a destination that shows messages"),
        (TABLE, f'{TABLE}token = "x"\n', "token", "It belongs under"),
        ("webhook", "webhok", "type", 'Did you mean "webhook"?'),
    ],
)
def test_each_mistake_is_told_with_what_to_do(tmp_path: Path, old: str, new: str, key: str, words: str) -> None:
    table = TABLE.replace(old, new, 1)
    assert table != TABLE
    _, where, text = only_problem(tmp_path, GOOD + table)
    assert where == f"destinations.n8n.{key}"
    assert words in text
    assert OWN_SECRET not in text


def test_a_previous_secret_of_the_site_is_no_secret_of_its_own_either(tmp_path: Path) -> None:
    text = GOOD.replace("\n\n", f'\nprevious_secret = "{OWN_SECRET}"\n\n', 1) + TABLE
    assert only_problem(tmp_path, text)[1:] == (
        "destinations.n8n.secret",
        "This is the secret of [site]: whoever listens there could sign as PERSCOM does. Make a new one for it.",
    )


def test_trouble_is_not_told_where_no_message_is_shown(tmp_path: Path) -> None:
    _, key, text = only_problem(tmp_path, GOOD.replace("[site]\n", '[site]\noperator = "n8n"\n') + TABLE)
    assert key == "site.operator"
    assert "shows no messages" in text


def test_a_chat_has_no_secret_and_is_told_where_one_belongs(tmp_path: Path) -> None:
    assert 'a destination of type "webhook"' in only_problem(tmp_path, f'{GOOD}secret = "x"\n')[2]


# The commands, and the way of an event.


class Folder:
    """The table of the page in front of a running receiver of the page, and of a chat."""

    def __init__(self, path: Path, chat: ChatStandIn, port: int) -> None:
        self.path = path
        table = f'[destinations.board]\ntype = "discord"\nurl = "{chat.discord_webhook(name="board")}"\n'
        (path / "bridge.toml").write_text(HEAD + table + block("toml").partition("\n\n")[2], encoding="utf-8")
        (path / ".env").write_text(f"N8N_URL=http://127.0.0.1:{port}/events\nN8N_SECRET={OWN_SECRET}\n", encoding="utf-8")

    def run(self, *words: str, status: int = 0) -> str:
        environment = {**os.environ, "PERSCOM_WEBHOOK_SECRET": SECRET}
        done = subprocess.run([*BRIDGE, *words], cwd=self.path, env=environment, capture_output=True, text=True, timeout=20)
        assert done.returncode == status, done.stdout + done.stderr
        assert OWN_SECRET not in done.stdout + done.stderr
        return done.stdout


class Program:
    """The receiver of the page, as a process; what it printed so far."""

    def __init__(self, path: Path) -> None:
        (path / "receiver.py").write_text(block("python"), encoding="utf-8")
        self._said = path / "said"
        with self._said.open("w") as output:
            command = [sys.executable, "-m", "uvicorn", "receiver:app", "--port", "0"]
            environment = {**os.environ, "N8N_SECRET": OWN_SECRET, "PYTHONUNBUFFERED": "1"}
            self.process = subprocess.Popen(command, cwd=path, env=environment, stdout=output, stderr=output)
        wait_for(lambda: "running on" in self.output)
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", self.output)[1])  # type: ignore[index]

    @property
    def output(self) -> str:
        return self._said.read_text(encoding="utf-8")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Program]:
    (tmp_path / "there").mkdir()
    program = Program(tmp_path / "there")
    yield program
    program.process.terminate()
    program.process.wait(10)


@pytest.fixture
def folder(tmp_path: Path, receiver: Program) -> Iterator[Folder]:
    with ChatStandIn(rate=None) as chat:
        yield Folder(tmp_path, chat, receiver.port)


def test_the_commands_check_it_forward_a_test_and_show_the_request(folder: Folder, receiver: Program) -> None:
    said = folder.run("check")
    assert "n8n: *" in said
    assert f"{NOTE} By http they are not encrypted." in said

    assert re.search(r"n8n: forwarded\. Look there for: webhook\.test, id [0-9a-f]{12}\n", folder.run("test"))
    wait_for(lambda: "webhook.test {'status': 'ok'}" in receiver.output)

    shown = folder.run("preview", "award", "--to", "n8n")
    assert "n8n: POST http://127.0.0.1/…\nContent-Type: application/json\nSignature: " in shown
    assert '{"event":"awardrecord.created",' in shown


def test_a_preview_shows_no_hidden_column(folder: Folder) -> None:
    event = make_event("user.updated", changes={"password": "a hash of it"})
    (folder.path / "body.json").write_bytes(event.body)
    shown = folder.run("preview", "body.json", "--to", "n8n")
    assert "(as it is stored: without password)" in shown
    assert "a hash of it" not in shown


def test_events_go_there_as_they_are_stored_without_hidden_columns(
    folder: Folder, receiver: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.path)
    bridge = Bridge(folder.path / "bridge.toml")
    try:
        changes = {"rank_id": 12, "password": "a hash of it"}
        data = {"id": 2153, "display_name": "SFC Whitfield", "email": "sfc@example.org"}
        assert bridge.event("user.updated", data=data, changes=changes) == 202
        assert bridge.event("rankrecord.created") == 202
        wait_for(lambda: "rankrecord.created" in receiver.output)
        wait_for(lambda: "user.updated" in receiver.output)
        assert "sfc@example.org" in receiver.output
        assert "a hash of it" not in receiver.output
        assert " 401 " not in receiver.output
    finally:
        assert bridge.stop() == 0
        bridge.close()
    assert OWN_SECRET not in bridge.output


# What the worker does with it.


class Listener:
    """A server on this machine that keeps what arrives, and answers with ``status``."""

    def __init__(self) -> None:
        self.arrived: list[tuple[dict[str, str], bytes]] = []
        self.status = 200

    async def handle(self, request: web.Request) -> web.Response:
        self.arrived.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)


async def worked(inbox: SQLiteInbox, listener: Listener, config: DestinationConfig, until: Callable[[], bool]) -> list[str]:
    """Work on the inbox until something is so. How the attempts ended."""
    app, counted, stop = web.Application(), [], asyncio.Event()
    app.router.add_post("/{path:.*}", listener.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhook/x"
    async with new_session() as session, asyncio.timeout(20):
        destination = WebhookDestination(url, OWN_SECRET, name="n8n", session=session, private=True)
        router = router_for([(config, destination)], SITE, lambda name, how: counted.append(how))
        working = asyncio.create_task(Worker(inbox, router).run(stop))
        while not until():
            await asyncio.sleep(0.02)
        stop.set()
        await working
    await runner.cleanup()
    return counted


PLACE = WebhookPlace(url=HiddenUrl("https://n8n.example.org/x"), secret=HiddenToken(OWN_SECRET))
SITE = Site(secrets=(Secret("an invented secret"),))
FORWARDED = DestinationConfig(name="n8n", place=PLACE, events=("rankrecord.*", "user.*"))


def test_each_event_of_one_action_comes_by_itself_in_order_and_what_is_not_wanted_stays(tmp_path: Path) -> None:
    inbox, listener = SQLiteInbox(tmp_path / "inbox.db"), Listener()
    names = ("user.updated", "awardrecord.created", "rankrecord.created", "webhook.test")
    sent = [make_event(name, created=AT, request_id="one") for name in names]
    for event in sent:
        inbox.add(event)
    counted = asyncio.run(worked(inbox, listener, FORWARDED, lambda: len(listener.arrived) == 3))
    wanted = [sent[0], sent[2], sent[3]]
    assert [body for _, body in listener.arrived] == [event.body for event in wanted]
    assert [headers["Perscom-Event-Id"] for headers, _ in listener.arrived] == [event.id for event in wanted]
    for headers, body in listener.arrived:
        Verifier(OWN_SECRET).event(headers, body)
    assert counted == ["sent"] * 3
    inbox.close()


def test_without_its_hidden_columns_an_event_keeps_its_id_and_has_a_signature_of_its_own(tmp_path: Path) -> None:
    inbox, listener = SQLiteInbox(tmp_path / "inbox.db"), Listener()
    event = make_event("user.updated", created=AT, changes={"password": "a hash of it", "rank_id": 7})
    inbox.add(event)
    asyncio.run(worked(inbox, listener, FORWARDED, lambda: len(listener.arrived) == 1))
    ((headers, body),) = listener.arrived
    assert b"a hash of it" not in body
    assert headers["Perscom-Event-Id"] == event.id
    assert Verifier(OWN_SECRET).event(headers, body).changes == {"rank_id": 7}
    inbox.close()


def test_after_a_410_it_is_off_and_what_comes_is_kept_until_it_has_another_address(tmp_path: Path) -> None:
    inbox, listener = SQLiteInbox(tmp_path / "inbox.db"), Listener()
    for number in range(3):
        inbox.add(make_event("rankrecord.created", created=AT, id=number))
    listener.status = 410

    def is_off() -> bool:
        return any(lane.paused for lane in read_overview(inbox, 0).lanes)

    assert asyncio.run(worked(inbox, listener, FORWARDED, is_off)) == ["permanent"]
    assert len(listener.arrived) == 1

    listener.status = 200
    moved = replace(FORWARDED, place=replace(PLACE, url=HiddenUrl("https://n8n.example.org/y")))
    asyncio.run(worked(inbox, listener, moved, lambda: len(listener.arrived) == 4))
    assert len({body for _, body in listener.arrived}) == 3
    inbox.close()


def test_one_that_is_refused_does_not_hold_up_those_behind_it(tmp_path: Path) -> None:
    inbox, listener = SQLiteInbox(tmp_path / "inbox.db"), Listener()
    listener.status = 400
    for number in range(3):
        inbox.add(make_event("rankrecord.created", created=AT, id=number))
    counted = asyncio.run(worked(inbox, listener, FORWARDED, lambda: len(listener.arrived) == 3))
    assert counted == ["retry"] * 3
    assert inbox.health().waiting == 3
    inbox.close()
