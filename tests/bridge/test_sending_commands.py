"""``subscriptions``, ``publish`` and ``deliveries``: the commands, and a receiver of our own toolkit that verifies."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from bridge_process import BRIDGE, HEAD, bridge, request, wait_for
from click.testing import CliRunner, Result
from partner import Partner

from perscom_bridge.cli import main
from perscom_bridge.commands._sending import seconds
from perscom_bridge.commands._told import about, in_words
from perscom_receiver import SQLiteInbox
from perscom_receiver.testing import make_event
from perscom_sender import Breaking, Schedule, Sender

SECRET = "a secret of the partner, long enough"
FILE = ("--database", "sender.db")
NOBODY = "Nobody delivers at the moment"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARTNER_SECRET", SECRET)
    monkeypatch.setenv("PERSCOM_WEBHOOK_SECRET", "the one of a bridge, for its own")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def partner() -> Iterator[Partner]:
    with Partner(SECRET) as partner:
        yield partner


def run(*words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run([*BRIDGE, *words, *FILE], input=stdin, capture_output=True, text=True, timeout=60)


def ask(*words: str, stdin: str | None = None, file: tuple[str, ...] = FILE) -> Result:
    """A command in this process."""
    return CliRunner().invoke(main, [*words, *file], input=stdin)


def told(*words: str, **more: Any) -> str:
    """What a command that goes well prints."""
    result = ask(*words, **more)
    assert result.exit_code == 0, result.output
    return result.output


def subscribed(partner: Partner, *more: str) -> None:
    told("subscriptions", "add", partner.url, "--events", "Records,order.*", "--secret-env", "PARTNER_SECRET", *more)


@contextmanager
def delivering(*more: str) -> Iterator[subprocess.Popen[str]]:
    """``deliveries run`` in a process that may send to this machine."""
    with Path("run.log").open("a") as log:
        running = subprocess.Popen(
            [*BRIDGE, "deliveries", "run", "--allow", "127.0.0.1", *more, *FILE], stdout=log, stderr=log, text=True
        )
    try:
        wait_for(lambda: "delivering to" in said() or running.poll() is not None)
        wait_for(lambda: NOBODY not in ask("deliveries").output or running.poll() is not None)
        assert running.poll() is None, said()
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.wait()


def said() -> str:
    return Path("run.log").read_text()


def stop(running: subprocess.Popen[str]) -> None:
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 0, said()
    assert "\nStopping: what is under way comes to an end.\n" in said()
    assert said().endswith("\nStopped.\n")


def states() -> list[str]:
    with closing(Sender("sender.db")) as sender:
        return [one.state for one in sender.log.deliveries(n=10_000)]


# From nothing to the first event


def test_a_new_subscription_gets_a_secret_that_is_shown_once_and_verifies_what_comes(partner: Partner) -> None:
    added = run("subscriptions", "add", partner.url, "--events", "Records", "--events", "order.*", "--name", "the shop")
    assert added.returncode == 0, added.stderr
    assert added.stdout.startswith("Subscription 1 (the shop): http://127.0.0.1:")
    assert "--allow 127.0.0.1" in added.stdout
    partner.secret = re.search(r"^  (whsec_\S+)$", added.stdout, re.MULTILINE)[1]
    with delivering() as running:
        tested = run("subscriptions", "test", "1")
        assert tested.returncode == 0, tested.stderr
        assert re.search(r"^Delivered: it answered 200 in \d+ ms\.$", tested.stdout, re.MULTILINE)
        published = run("publish", "order.paid", "--data", "-", "--key", "17", "--request-id", "r-1", stdin='{"id": 17}')
        assert published.stdout == "order.paid is event 2, for subscription 1 (the shop).\n"
        wait_for(lambda: len(partner.events) == 2)
        stop(running)
    test, paid = partner.events
    assert (test.name, test.data) == ("webhook.test", {"status": "ok"})
    assert (paid.name, paid.data, paid.request_id) == ("order.paid", {"id": 17}, "r-1")
    assert "sent order.paid" in said()
    for words in (["subscriptions"], ["subscriptions", "show", "1"], ["deliveries"], ["deliveries", "show", "1"]):
        shown = told(*words)
        assert "whsec_" not in shown
        assert "a-token-in-the-address" not in shown
    assert "whsec_" not in said()
    assert "a-token-in-the-address" not in said()


def test_while_nobody_delivers_everything_says_so_and_nothing_is_lost(partner: Partner) -> None:
    subscribed(partner)
    assert NOBODY in told("subscriptions")
    assert NOBODY in told("publish", "order.paid")
    assert NOBODY in told("deliveries")
    tested = ask("subscriptions", "test", "1")
    assert tested.exit_code == 1
    assert f"{NOBODY}. Start it: perscom-bridge deliveries run --database sender.db" in tested.output
    with delivering():
        assert NOBODY not in told("subscriptions") + told("publish", "order.paid") + told("deliveries")
        wait_for(lambda: len(partner.events) == 3)
    assert NOBODY not in told("deliveries"), "a process that was killed is missed after some seconds"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_after_a_kill_the_next_run_delivers_all_and_repeats_only_what_was_under_way(partner: Partner) -> None:
    subscribed(partner, "--concurrency", "3")
    partner.slow = 0.02
    with closing(Sender("sender.db")) as sender:
        for number in range(60):
            sender.publish_blocking("order.paid", {"id": number})
    with delivering() as running:
        wait_for(lambda: len(partner.events) >= 10)
        running.kill()
        running.wait()
    assert len(set(partner.arrived)) < 60
    with delivering() as running:
        wait_for(lambda: set(states()) == {"delivered"}, 60)
        stop(running)
    assert len(partner.arrived) == 60
    assert sum(partner.arrived.values()) - 60 <= 3


def test_a_stop_lets_what_is_under_way_come_to_its_end(partner: Partner) -> None:
    subscribed(partner)
    partner.slow = 1.0
    with delivering() as running:
        told("publish", "order.paid")
        wait_for(lambda: "sending" in states())
        stop(running)
    assert states() == ["delivered"]


def test_the_commands_of_the_page_do_what_the_page_says(partner: Partner) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "sending.md").read_text(encoding="utf-8")
    block = page.partition("## From the command line")[2].partition("```sh\n")[2].partition("```")[0]
    address = "https://partner.example.org/hook"
    lines = [shlex.split(line, comments=True)[1:] for line in block.splitlines()]
    commands = [[partner.url if word == address else word for word in words] for words in lines]
    assert commands.pop(3) == ["deliveries", "run", *FILE]
    outputs = [told(*words, file=()) for words in commands[:3]]
    partner.secret = re.search(r"whsec_\S+", outputs[0])[0]
    with delivering():
        outputs += [told(*words, file=()) for words in commands[3:]]
    assert "order.paid is event 1, for subscription 1 (partner)." in outputs[2]
    assert "Delivered: it answered 200" in outputs[3]
    assert "delivered" in outputs[5]
    assert [event.name for event in partner.events] == ["order.paid", "webhook.test"]


# What failed


def test_what_failed_is_listed_with_its_tries_and_sent_once_more_when_it_is_mended(partner: Partner) -> None:
    subscribed(partner, "--schedule", "1s", "--name", "the shop")
    partner.status = 500
    with delivering():
        told("publish", "order.paid", "--data", '{"id": 1}')
        told("publish", "order.paid", "--data", '{"id": 2}')
        wait_for(lambda: states() == ["failed", "failed"])
        tested = run("subscriptions", "test", "1")
        assert tested.returncode == 1
        assert tested.stderr.startswith("Not delivered: it answered 500. See: perscom-bridge deliveries show 3 --database")
        listed = told("deliveries", "--failed", "--since", "1h").splitlines()
        assert listed[0].split() == ["number", "published", "event", "to", "what", "became", "of", "it"]
        assert [line.split()[0] for line in listed[1:]] == ["2", "1"]
        assert listed[1].endswith("order.paid     1  failed: it answered 500 (2 tries)")
        shown = told("deliveries", "show", "1")
        tries = re.findall(
            r"^ +(\d)  20\d\d-\d\d-\d\d \d\d:\d\d:\d\d +\d+ ms  500  status: it answered 500$", shown, re.MULTILINE
        )
        assert tries == ["1", "2"]
        assert shown.count("      > thanks from the partner") == 2
        assert shown.count("      next try 20") == 1
        partner.status = 200
        assert "rests until" in told("subscriptions"), "five failures in a row"
        told("subscriptions", "enable", "1")
        assert told("deliveries", "resend", "--failed", "--subscription", "1", "--since", "1h").startswith(
            "2 deliveries waiting"
        )
        wait_for(lambda: states()[1:] == ["delivered", "delivered"])
        before = len(partner.events)
        told("deliveries", "resend", "1")
        wait_for(lambda: len(partner.events) == before + 1)
        assert partner.events[-1].data == {"id": 1}


def test_the_curl_command_sends_the_same_bytes_and_its_warning_is_no_part_of_it(partner: Partner) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    subscribed(partner)
    told("publish", "order.paid", "--data", '{"id": 17, "by": "O\'Brien"}')
    made = run("deliveries", "curl", "1")
    assert made.stderr == "It holds a signature that is genuine, and all of the event: keep it to yourself.\n"
    subprocess.run(["sh", "-c", made.stdout], check=True, capture_output=True, timeout=30)
    assert [event.data for event in partner.events] == [{"id": 17, "by": "O'Brien"}]


def test_events_of_a_subscription_that_is_off_are_kept_and_go_out_when_it_is_on(partner: Partner) -> None:
    subscribed(partner)
    told("subscriptions", "disable", "1", "--reason", "they rebuild their shop")
    assert "1 (off: it is kept)" in told("publish", "order.paid")
    assert "off: they rebuild their shop; 1 waiting" in told("subscriptions")
    assert "kept: its subscription is off" in told("deliveries", "--waiting")
    assert "is off, so it would wait: they rebuild their shop" in ask("subscriptions", "test", "1").output
    with delivering():
        assert told("subscriptions", "enable", "1") == "Subscription 1 is on. 1 event waiting for it.\n"
        wait_for(lambda: len(partner.events) == 1)


def test_an_endpoint_that_rests_says_until_when() -> None:
    with closing(Sender("sender.db", allow=["127.0.0.1"], breaking=Breaking(after=1, rest=600))) as sender:
        sender.subscriptions.add("http://127.0.0.1:9/", SECRET, ["order.*"])
        sender.publish_blocking("order.paid", {})
        running = sender.start_thread()
        wait_for(lambda: sender.log.deliveries()[0].attempts and sender.log.deliveries()[0].state == "waiting")
        running.stop()
    assert re.search(r"rests until \d\d:\d\d:\d\d after 1 failures in a row; 1 waiting", told("subscriptions"))
    assert re.search(r"next try \d\d:\d\d:\d\d: .+ \(1 try\)", told("deliveries"))


# Secrets


def test_a_new_secret_signs_at_once_and_the_old_one_beside_it_for_standard_webhooks(partner: Partner) -> None:
    subscribed(partner, "--standard")
    rotated = told("subscriptions", "rotate", "1", "--overlap", "2h")
    assert "The old one signs, too, for 2 h: in webhook-signature, not in Signature." in rotated
    assert re.search(r"old secret  signs until 20\d\d-", told("subscriptions", "show", "1"))
    partner.secret = re.search(r"whsec_\S+", rotated)[0]
    with delivering():
        told("publish", "order.paid")
        wait_for(lambda: partner.events)
    assert partner.refused == 0


def test_a_secret_comes_from_a_variable_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    added = told("subscriptions", "add", "https://example.org/", "--events", "*", "--secret-env", "PARTNER_SECRET")
    assert SECRET not in added
    assert "whsec_" not in added
    pasted = ask("subscriptions", "rotate", "1", "--secret-env", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
    assert pasted.exit_code == 1
    assert pasted.output.startswith("whse")
    assert "C2FVsBQIhrscChlQIMV" not in pasted.output
    monkeypatch.setenv("PARTNER_SECRET", "  ")
    assert (
        "PARTNER_SECRET is not set, or empty." in ask("subscriptions", "rotate", "1", "--secret-env", "PARTNER_SECRET").output
    )


def test_an_address_with_a_token_need_not_stand_on_the_command_line() -> None:
    added = told("subscriptions", "add", "-", "--events", "*", stdin="https://example.org/hook/Zq7xToken\n")
    assert "https://example.org/… gets *" in added
    with closing(Sender("sender.db")) as sender:
        assert [one.url for one in sender.subscriptions.all()] == ["https://example.org/hook/Zq7xToken"]


# Settings


def test_what_is_set_is_read_back_in_words_and_edit_changes_only_what_it_names() -> None:
    told(
        "subscriptions", "add", "https://example.org:8443/x", "--events", "Calendars & Events, order.paid",
        "--name", "the shop", "--description", "ask Jane", "--schedule", "10s,5m,2h", "--timeout", "2.5s", "--rate", "0.5",
        "--concurrency", "2",
    )  # fmt: skip
    assert told("subscriptions", "show", "1").splitlines()[:-1] == [
        "Subscription 1 (the shop)",
        "  goes to     https://example.org:8443/… by POST",
        "  gets        Calendars & Events, order.paid",
        "  is          on",
        "  tried       again after 10 s, 5 min, 2 h",
        "  takes       2.5 s at most, 2 at once, 0.5 in a second",
        "  signed      Signature",
        "  note        ask Jane",
    ]
    edited = told(
        "subscriptions", "edit", "1", "--rate", "none", "--schedule", "perscom", "--standard", "--events", "*", "--ordered"
    )
    assert "  takes       2.5 s at most, 2 at once\n" in edited
    assert "  tried       again after 10 s, 100 s\n" in edited
    assert "  signed      Signature, and Standard Webhooks\n" in edited
    assert "  gets        *\n" in edited
    assert "  in order    what is about one thing\n" in edited
    assert "(the shop)" in edited
    with closing(Sender("sender.db")) as sender:
        assert sender.subscriptions.get(1).schedule == Schedule((10, 100))
    assert "Forget it and its secret? [y/N]" in ask("subscriptions", "remove", "1", stdin="n\n").output
    assert told("subscriptions", "remove", "1", "--yes") == "Subscription 1 is gone.\n"
    assert "There is no subscription yet" in told("subscriptions")


def test_get_is_warned_of_whenever_it_is_set_and_shown() -> None:
    warning = "No receiver can verify a GET"
    added = run("subscriptions", "add", "https://example.org/x", "--events", "Test", "--method", "GET")
    assert warning in added.stderr
    assert "nobody can verify it: the method is GET" in told("subscriptions", "show", "1")
    told("subscriptions", "edit", "1", "--method", "POST")
    assert warning in run("subscriptions", "edit", "1", "--method", "GET").stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["add", "https://example.org/"], "Say which events it gets: --events Records"),
        (["add", "https://example.org/", "--events", "recrods"], '"recrods" is no group of events. Did you mean "Records"?'),
        (["add", "https://example.org/", "--events", "Buildings"], '"Buildings" is no group of events.'),
        (["add", "https://example.org/", "--events", "order.*,user.creatd"], 'of PERSCOM. Did you mean "user.created"?'),
        (["add", "https://example.org/", "--events", "promotion"], "is a word for destinations. What PERSCOM sends is called"),
        (["add", "example.org/hook", "--events", "*"], "whole web address (https://…)"),
        (["add", "https://me:pw@example.org/", "--events", "*"], "holds a user name, a password or a #fragment. Take it out"),
        (["add", "https://example.org/", "--events", "*", "--schedule", "10s,soon"], "'soon' is no length of time. Write"),
        (["add", "https://example.org/", "--events", "*", "--schedule", "60d"], "each wait is 1s to 30d"),
        (["add", "https://example.org/", "--events", "*", "--timeout", "1h"], "0.1 to 120 seconds"),
        (["add", "https://example.org/", "--events", "*", "--rate", "fast"], "'fast' is no number of requests in a second"),
        (["add", "https://example.org/", "--events", "*", "--rate", "nan"], "0.001 to 100000 requests in a second"),
        (["add", "https://example.org/", "--events", "*", "--concurrency", "0"], "1 to 1000 requests at once"),
        (["edit", "1"], "Say what is to be changed"),
        (["edit", "7", "--name", "x"], "There is no subscription 7. Those there are: perscom-bridge sub"),
        (["rotate", "7"], "There is no subscription 7."),
        (["remove", "7"], "There is no subscription 7."),
        (["test", "7"], "There is no subscription 7."),
        (["test", "1", "--data", "{id: 1}"], "What --data has is no JSON (line 1, column 2"),
        (["test", "1", "--data", "@nowhere.json"], "nowhere.json cannot be read: No such file"),
        (["enable", "one"], "'one' is not a valid integer"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_to_do(words: list[str], expected: str) -> None:
    told("subscriptions", "add", "https://example.org/", "--events", "order.*")
    refused = ask("subscriptions", *words)
    assert refused.exit_code in (1, 2)
    assert expected in refused.output
    assert "Traceback" not in refused.output
    with closing(Sender("sender.db")) as sender:
        assert [one.events for one in sender.subscriptions.all()] == [("order.*",)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["publish", "order.paid", "--data", "[NaN]"], "This cannot be published"),
        (["publish", "order.paid", "--data", "[" * 100_000], "is no JSON"),
        (["publish", "order.paid", "--changes", "7"], "--changes is an object of JSON"),
        (["publish", "order.paid", "--to", "7"], "There is no subscription 7."),
        (["publish", ""], "An event has a name"),
        (["publish", "x" * 300], "An event has a name of at most 255 characters"),
        (
            ["deliveries", "show", "7"],
            "There is no delivery 7. Those there are: perscom-bridge deliveries --database sender.db",
        ),
        (["deliveries", "curl", "7"], "There is no delivery 7."),
        (["deliveries", "resend", "7"], "There is no delivery 7."),
        (["deliveries", "resend"], "Name deliveries by their numbers"),
        (["deliveries", "resend", "--failed"], "--failed --subscription NUMBER"),
        (["deliveries", "--subscription", "7"], "There is no subscription 7."),
        (["deliveries", "--since", "tomorrow"], '"tomorrow" is no time in the past. Write yesterday'),
        (["deliveries", "run", "--allow", "everywhere"], "everywhere"),
        (["deliveries", "run", "--keep-bodies", "0"], "keep_bodies > 0"),
    ],
)
def test_what_cannot_be_published_or_found_is_refused_with_what_to_do(words: list[str], expected: str) -> None:
    told("subscriptions", "add", "https://example.org/", "--events", "order.*")
    refused = ask(*words)
    assert refused.exit_code in (1, 2)
    assert expected in refused.output
    assert "Traceback" not in refused.output
    assert states() == []


# Publishing


def test_publish_tells_who_gets_it_and_that_a_key_is_known() -> None:
    for name in ("one", "", "three"):
        told("subscriptions", "add", "https://example.org/", "--events", "order.*", "--name", name)
    Path("paid.json").write_text('{"id": 17}')
    first = told("publish", "order.paid", "--data", "@paid.json", "--key", "17", "--changes", '{"paid": true}')
    assert first.splitlines()[0] == "order.paid is event 1, for subscriptions 1 (one), 2, 3 (three)."
    again = told("publish", "order.paid", "--data", "@paid.json", "--key", "17")
    assert again.startswith("It was published under this key before, as event 1; nothing is sent anew.")
    assert told("publish", "user.created", "--to", "2").startswith("user.created is event 2, for subscription 2.")
    lost = told("publish", "oder.paid")
    assert 'No subscription wants it, so it goes to nobody. Did you mean "order.*"?' in lost
    assert len(states()) == 4
    with closing(sqlite3.connect("sender.db")) as connection:
        (body,) = connection.execute("SELECT body FROM event WHERE id = 1").fetchone()
    assert json.loads(body) | {"created": ""} == {
        "event": "order.paid", "created": "", "request_id": None, "trace_id": None, "data": {"id": 17},
        "changes": {"paid": True},
    }  # fmt: skip


def test_what_a_program_leaves_in_its_own_file_is_delivered(partner: Partner) -> None:
    subscribed(partner)
    with closing(Sender("sender.db")) as sender, closing(sqlite3.connect("shop.db")) as shop, shop:
        sender.publish_in(shop, "order.paid", {"id": 17})
    with delivering("--outbox", "shop.db", "--outbox", "other.db"):
        wait_for(lambda: partner.events)
    assert "other.db is not there yet" in said()
    assert "shop.db is not" not in said()


# Lists


def test_long_lists_end_with_how_to_go_on_and_end() -> None:
    with closing(Sender("sender.db")) as sender:
        for _ in range(5):
            sender.subscriptions.add("https://example.org/", SECRET, ["order.*"])
        sender.publish_blocking("order.paid", {})
    first = told("subscriptions", "-n", "2")
    assert "3 more: perscom-bridge subscriptions --after 2 --database sender.db" in first
    assert [line.split()[0] for line in told("subscriptions", "--after", "3").splitlines() if "POST" in line] == ["4", "5"]
    seen, before = [], []
    while match := re.search(r"^Older ones: add --before (\d+)$", page := told("deliveries", "-n", "2", *before), re.MULTILINE):
        seen += re.findall(r"^ +(\d+)  20", page, re.MULTILINE)
        before = ["--before", match[1]]
    assert [*seen, *re.findall(r"^ +(\d+)  20", page, re.MULTILINE)] == ["5", "4", "3", "2", "1"]
    assert len(re.findall("order.paid", told("deliveries", "--subscription", "3"))) == 1
    assert told("deliveries", "--event", "2").startswith("There is none.")


def test_since_leaves_out_what_was_published_before() -> None:
    with closing(Sender("sender.db", now=lambda: time.time() - 7200)) as sender:
        sender.subscriptions.add("https://example.org/", SECRET, ["order.*"])
        sender.publish_blocking("order.old", {})
    told("publish", "order.new")
    assert re.findall(r"order\.\w+", told("deliveries", "--since", "1h")) == ["order.new"]
    assert re.findall(r"order\.\w+", told("deliveries", "--since", "3h")) == ["order.new", "order.old"]


def test_what_strangers_wrote_cannot_steer_the_terminal(partner: Partner) -> None:
    with closing(Sender("sender.db")) as sender:
        sender.subscriptions.add(partner.url, SECRET, ["\x1b[2J"], name="\x1b]0;title\x07", description="a\nb\x1b[31m")
        sender.publish_blocking("\x1b[2J", {})
    for words in (["subscriptions"], ["subscriptions", "show", "1"], ["deliveries"], ["deliveries", "show", "1"]):
        assert not set(told(*words)) & set("\x1b\x07")


# Which file


def test_the_file_is_that_of_the_configuration_or_the_one_that_is_named() -> None:
    for file, expected in (
        ((), "There is no bridge.toml here. Name the sender's file: --database sender.db."),
        (FILE, "There is no database sender.db yet. The first subscription makes it: perscom-bridge subscriptions add URL"),
        (("--database", "no/where/sender.db"), "The folder of the database does not exist: "),
        (("--database", "sender.db", "--config", "bridge.toml"), "Name the sender's file once"),
    ):
        for words in (["subscriptions"], ["publish", "order.paid"], ["deliveries"], ["deliveries", "curl", "1"]):
            refused = ask(*words, file=file)
            assert (refused.exit_code, expected in refused.output) == (1, True), refused.output
    assert not os.listdir()
    Path("notes.db").write_text("no database at all, but some notes of somebody about something else\n" * 20)
    assert ask("subscriptions", file=("--database", "notes.db")).exit_code == 1


def test_senders_of_several_names_in_one_file_are_kept_apart() -> None:
    told("subscriptions", "add", "https://example.org/", "--events", "*")
    told("subscriptions", "add", "https://example.com/", "--events", "*", "--sender", "shop")
    assert "example.org" in (default := told("subscriptions"))
    assert "example.com" not in default
    assert "deliveries run --database sender.db --sender shop" in told("subscriptions", "--sender", "shop")


def test_readiness_of_a_bridge_tells_that_nobody_delivers_only_where_a_sender_has_the_file(partner: Partner) -> None:
    Path("bridge.toml").write_text(
        f'{HEAD}[destinations.here]\ntype = "webhook"\nurl = "{partner.url}"\nsecret = "{SECRET}"\nprivate = true\n'
    )
    inbox = SQLiteInbox("bridge.db")
    inbox.add(make_event("webhook.test"))
    inbox.close()
    with bridge(Path()) as running:
        assert request(running.status, "GET", "/readyz") == (200, '{"ready":true,"problems":[]}')
        with closing(sqlite3.connect("bridge.db")) as connection:
            assert not connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'sender%'").fetchall()
        with closing(Sender("bridge.db", now=lambda: time.time() - 60)) as sender:
            sender.subscriptions.add(partner.url, SECRET, ["order.*"])
            sender.publish_blocking("order.paid", {})
        status, text = request(running.status, "GET", "/readyz")
        assert status == 503
        assert re.search(r"Deliveries wait since \d\d s and nobody sends them. Start it: perscom-bridge deliveries run", text)
        assert "Nobody delivers." in request(running.status, "GET", "/")[1]
        assert "1 waiting" in told("subscriptions", file=())


# Words


@pytest.mark.parametrize(
    ("text", "expected"), [("10s", 10), ("10", 10), ("2.5s", 2.5), ("5m", 300), ("5 min", 300), ("2h", 7200), ("3d", 259_200)]
)
def test_lengths_of_time_are_read_as_people_write_them(text: str, expected: float) -> None:
    assert seconds(text) == expected


def test_lengths_of_time_are_told_in_as_few_words_as_are_true() -> None:
    assert [in_words(one) for one in (2.5, 90, 300, 7200, 86_400)] == ["2.5 s", "90 s", "5 min", "2 h", "1 d"]
    assert [about(one) for one in (16.4, 119, 190, 7300, 200_000)] == ["16 s", "119 s", "3 min", "2 h", "2 d"]
