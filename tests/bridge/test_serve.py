"""The service as a process: started, fed, killed, restarted and stopped like an operator would."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bridge_process import BRIDGE, HEAD, SECRET, bridge, request, run, wait_for

from perscom_adapters.testing import ChatStandIn, Hang, Say
from perscom_bridge.overview import read_overview
from perscom_receiver import SQLiteInbox
from perscom_receiver.testing import make_event, signed_request


@pytest.fixture
def chat() -> Iterator[ChatStandIn]:
    with ChatStandIn(rate=None) as standin:
        yield standin


@pytest.fixture
def folder(tmp_path: Path, chat: ChatStandIn, db: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One configuration, whatever keeps the events: an address belongs into the environment."""
    monkeypatch.setenv("DATABASE", db)
    write_config(tmp_path, chat.discord_webhook(name="announcements"))
    return tmp_path


def write_config(folder: Path, url: str, events: str = "") -> None:
    lines = f'[destinations.announcements]\ntype = "discord"\ngroup = "off"\nurl = "{url}"\n{events}\n'
    (folder / "bridge.toml").write_text(HEAD.replace("bridge.db", "${DATABASE}") + lines, encoding="utf-8")


def titles(chat: ChatStandIn) -> list[str]:
    return [json.dumps(message.payload) for message in chat.messages]


def test_a_genuine_event_is_answered_at_once_and_posted_once(folder: Path, chat: ChatStandIn) -> None:
    with bridge(folder) as running:
        headers, body = signed_request("rankrecord.created", SECRET)
        began = time.monotonic()
        assert running.post(headers, body) == 202
        assert time.monotonic() - began < 1
        assert running.post(headers, body, "/webhooks/perscom/") == 200
        assert running.post(headers, body, "//webhooks//perscom//") == 200
        wait_for(lambda: chat.messages)
        wait_for(lambda: running.said("The first genuine call has arrived"))
        assert running.stop() == 0
    assert len(chat.messages) == 1
    assert "promoted to Sergeant First Class" in titles(chat)[0]
    assert not chat.mistakes


def test_a_refused_request_tells_its_cause_in_the_log_and_not_in_the_answer(folder: Path) -> None:
    with bridge(folder) as running:
        headers, body = signed_request("user.updated", "quite another secret of PERSCOM")
        status, answer = request(running.public, "POST", "/webhooks/perscom", body, headers)
        assert status == 401
        assert json.loads(answer)["detail"] == "The request could not be verified."
        wait_for(lambda: running.said("Probably another secret"))
        headers, body = signed_request("user.updated", SECRET)
        time.sleep(0.3)  # causes are looked into four times a second at most
        assert running.post(headers, json.dumps(json.loads(body)).encode()) == 401
        wait_for(lambda: running.said("Certain: something parsed the body and wrote it again"))
        assert running.post(headers, b"", "/webhooks/perscom?event=user.updated", "GET") == 405
        wait_for(lambda: running.said("Set the method of the webhook to POST"))
        assert headers["Signature"] not in running.output
        assert SECRET not in running.output


def test_the_public_listener_serves_nothing_but_the_webhook_and_its_health(folder: Path) -> None:
    with bridge(folder) as running:
        assert request(running.public, "GET", "/healthz") == (200, "ok\n")
        for path in ("/", "/metrics", "/readyz", "/changes", "/webhooks/perscom/other", "/webhooks"):
            assert request(running.public, "GET", path)[0] == 404
        assert request(running.status, "GET", "/readyz") == (200, '{"ready":true,"problems":[]}')
        assert running.event() == 202
        wait_for(lambda: 'outcome="sent"} 1.0' in request(running.status, "GET", "/metrics")[1])
        assert 'perscom_answers_total{status="202"} 1.0' in request(running.status, "GET", "/metrics")[1]
        page = request(running.status, "GET", "/")[1]
        assert "promoted to Sergeant First Class" in page
        assert "announcements: sent" in page


def test_events_wait_while_the_platform_is_away_and_arrive_in_order_after_a_restart(folder: Path, chat: ChatStandIn) -> None:
    chat.script(Say(status=502, body=b"<html>bad gateway</html>"))
    with bridge(folder) as running:
        for name in ("rankrecord.created", "awardrecord.created", "event.created"):
            assert running.event(name) == 202
        wait_for(lambda: running.said("will retry announcements"))
        assert running.stop() == 0
    with bridge(folder) as running:
        wait_for(lambda: len(chat.messages) == 3)
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 2
    for title, word in zip(titles(chat), ("promoted", "received", "Operation Iron Gate"), strict=True):
        assert word in title


def test_nothing_accepted_is_lost_and_nothing_posted_twice_when_it_is_killed_before_posting(
    folder: Path, chat: ChatStandIn
) -> None:
    chat.script(Hang())
    with bridge(folder) as running:
        for _ in range(5):
            assert running.event() == 202
        wait_for(lambda: running.said("stored"))
        running.process.kill()
        running.process.wait()
    with bridge(folder) as running:
        wait_for(lambda: len(chat.messages) == 5, 60)
        assert running.stop() == 0
    assert len(chat.messages) == 5


def test_a_deleted_webhook_switches_the_destination_off_and_a_new_address_switches_it_on(
    folder: Path, chat: ChatStandIn
) -> None:
    url = re.search(r'url = "(http.*)"', (folder / "bridge.toml").read_text())[1]
    chat.discord.delete_webhook(url)
    with bridge(folder) as running:
        assert running.event() == 202
        wait_for(lambda: running.said("switched off announcements"))
        assert running.event("awardrecord.created") == 202
        page = request(running.status, "GET", "/")[1]
        assert "announcements is off." in page
        assert url.rpartition("/")[2] not in running.output
        assert url.rpartition("/")[2] not in page
        assert running.stop() == 0
    calls = len(chat.arrivals)
    with bridge(folder) as running:  # the same address: it is not called again
        time.sleep(1)
        assert running.stop() == 0
    assert len(chat.arrivals) == calls
    write_config(folder, chat.discord_webhook(name="new"))
    with bridge(folder) as running:
        wait_for(lambda: len(chat.messages) == 2)
        assert running.stop() == 0


def test_a_destination_that_was_switched_off_is_switched_on_by_a_command(folder: Path, chat: ChatStandIn) -> None:
    chat.script(Say(status=404, body=b'{"code": 10015, "message": "Unknown Webhook"}'))
    with bridge(folder) as running:
        assert running.event() == 202
        wait_for(lambda: running.said("switched off announcements"))
        assert "inbox resume announcements" in run("inbox", folder, "list").stdout
        assert run("inbox", folder, "resume", "announcements").stdout == "announcements is on again.\n"
        wait_for(lambda: len(chat.messages) == 1)
        assert run("inbox", folder, "resume", "announcements").returncode == 1
        assert running.stop() == 0


def test_a_request_without_end_is_cut_off_before_it_fills_the_memory(folder: Path) -> None:
    with bridge(folder) as running, socket.create_connection(("127.0.0.1", running.public), timeout=10) as stranger:
        stranger.sendall(b"POST /webhooks/perscom HTTP/1.1\r\nHost: t\r\nX: ")
        sent = 0
        with suppress(OSError):
            while sent < 50 * 2**20:
                stranger.sendall(b"x" * 65536)
                sent += 65536
        assert sent < 10 * 2**20
        assert running.event() == 202
        assert running.stop() == 0


def test_the_page_is_for_names_of_this_machine_alone(folder: Path) -> None:
    with bridge(folder) as running:
        assert request(running.status, "GET", "/", headers={"Host": "evil.example"})[0] == 400
        assert request(running.status, "GET", "/", headers={"Host": f"localhost:{running.status}"})[0] == 200
        assert running.stop() == 0


def test_the_page_and_the_metrics_tell_what_an_operator_should_look_into(folder: Path) -> None:
    text = (folder / "bridge.toml").read_text().replace("[server]", 'previous_secret = "the secret before this one"\n[server]')
    (folder / "bridge.toml").write_text(text)
    with bridge(folder) as running:
        assert 'class="note"' not in request(running.status, "GET", "/")[1]
        created = datetime.now(UTC) - timedelta(hours=2)
        assert running.post(*signed_request("medal.polished", "the secret before this one", created=created, data={})) == 202
        page, metrics = (request(running.status, "GET", path)[1] for path in ("/", "/metrics"))
        assert "PERSCOM's is 720" in page
        assert "1 event of the last 24 hours was signed with it." in page
        assert "go where a glob asks for them: medal.polished" in page
        assert "perscom_old_secret_events 1.0" in metrics
        assert "perscom_unknown_events 1.0" in metrics
        assert "perscom_clock_skew_seconds -720" in metrics
        assert running.stop() == 0


def test_words_decide_what_is_posted_and_a_test_reaches_every_destination(folder: Path, chat: ChatStandIn) -> None:
    write_config(folder, chat.discord_webhook(name="staff"), 'events = ["demotion", "left"]')
    with bridge(folder) as running:
        for name in ("rankrecord.created", "rankrecord.updated", "user.deleted", "submission.created", "webhook.test"):
            assert running.event(name, **({"type": 1} if name == "rankrecord.updated" else {})) == 202
        wait_for(lambda: len(chat.messages) == 3)
        assert running.stop() == 0
    assert len(chat.messages) == 3


def test_an_address_in_use_is_told_in_one_line(folder: Path) -> None:
    with bridge(folder) as running:
        text = (folder / "bridge.toml").read_text().replace('listen = "127.0.0.1:0"', f'listen = "127.0.0.1:{running.public}"')
        (folder / "other.toml").write_text(text)
        done = subprocess.run(
            [*BRIDGE, "serve", "--config", str(folder / "other.toml")],
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, "PERSCOM_WEBHOOK_SECRET": SECRET},
        )
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{running.public}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_test_command_posts_a_marked_sample_to_each_destination(folder: Path, chat: ChatStandIn) -> None:
    done = run("test", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "announcements: posted" in done.stdout
    (message,) = titles(chat)
    assert "Sample: " in message
    assert "This is a sample from" in message
    chat.script(Say(status=403, body=b'{"code": 50013, "message": "Missing Permissions"}'))
    done = run("test", folder)
    assert done.returncode == 1
    assert "announcements: not posted." in done.stdout


def test_what_was_given_up_is_listed_and_tried_again_on_request(folder: Path, chat: ChatStandIn) -> None:
    chat.script(Say(status=400, body=b'{"code": 50035, "message": "Invalid Form Body", "errors": {}}'))
    with bridge(folder) as running:
        assert running.event() == 202
        wait_for(lambda: running.said("given up"))
        listed = run("inbox", folder, "dead")
        number = re.search(r"^ *(\d+)  announcements  rankrecord.created  1 try: ", listed.stdout)[1]
        assert "nothing" not in run("inbox", folder, "retry", number).stdout
        wait_for(lambda: len(chat.messages) == 2)  # the first is the plain text
        wait_for(lambda: "(announcements: sent)" in run("inbox", folder, "list").stdout)
        assert run("inbox", folder, "retry", number).returncode == 1
        assert running.stop() == 0


def test_a_huge_body_is_not_read_for_the_page(tmp_path: Path) -> None:
    with closing(SQLiteInbox(tmp_path / "bridge.db")) as inbox:
        inbox.add(make_event("event.created", name="x" * 1_000_000))
        inbox.add(make_event("user.created"))
        assert [row.title for row in read_overview(inbox).events] == ["Marcus Hale joined", "(too large to be shown here)"]
