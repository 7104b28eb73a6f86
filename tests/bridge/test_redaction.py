"""Nothing secret and nothing personal gets out: planted values are looked for in all that the service writes, says and posts.

The database and its copies hold what PERSCOM sent, so personal data is in them; hidden columns and secrets are not.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from html import escape
from http.client import HTTPConnection
from pathlib import Path
from traceback import format_exception
from typing import Any
from urllib.parse import quote

import pytest
from bridge_process import BRIDGE, HEAD, SECRET, Bridge, bridge, request, run, wait_for

from perscom_adapters.testing import ChatStandIn, Cut, Say
from perscom_bridge.golden import golden_requests
from perscom_receiver import Event, Secret, SQLiteInbox, Verifier, php_json, sign

# Each with a mark of its own, so that a find tells where it came from.
HIDDEN = {
    "password": "$2y$12$Planted.Hash.Of.A.Password",
    "remember_token": "planted-remember-token",
    "discord_private_channel_id": "1199887766554433221",
}
PERSONAL = {
    "email": "planted.person@units.example",
    "phone_number": "+49-170-5550142",
    "notes": "<p>planted note: was in hospital</p>",
    "facebook_user_id": "planted-facebook-77",
    "github_user_id": "planted-github-77",
    "google_user_id": "planted-google-77",
    "discord_user_id": "184405311681000077",
    "home_address": "7 Planted Lane",
}
OLD_SECRET = "planted: the secret of last year"
HEADERS = {"Cookie": "session=planted-cookie", "Authorization": "Bearer planted-bearer", "X-Forwarded-For": "203.0.113.77"}
MARKS = ("Planted.Hash", "planted-remember-token", HIDDEN["discord_private_channel_id"])
PRIVATE = (
    "planted.person",
    "5550142",
    "was in hospital",
    "planted-facebook",
    "planted-github",
    "planted-google",
    "1844053116810000",
    "Planted Lane",
)
SENT = ("planted-cookie", "planted-bearer", "203.0.113.77")

OURS = ("bridge.toml", "captured.http")
"""The files that no program has written."""

LOUD = """
import logging, sys
import perscom_bridge.logs, perscom_bridge.posting

configure = perscom_bridge.logs.configure_logging
def loudly():
    configure(logging.DEBUG)
    logging.getLogger().setLevel(logging.DEBUG)
perscom_bridge.logs.configure_logging = loudly

render = perscom_bridge.posting.render_group
def breaking(events, *args, **kwargs):
    events = list(events)
    if events[0].name == "user.updated" and b"planted" in events[0].body:
        raise ValueError("a bug")
    return render(events, *args, **kwargs)
perscom_bridge.posting.render_group = breaking

if "serve" in sys.argv:
    sys.argv.append("--keep-refused")
"""
"""The service with all that any library has to say, a bug in one place, and the refused calls kept."""


def planted(value: Any) -> Any:
    """``value`` with what is private in every object of it, and with what is hidden where PERSCOM lets it through."""
    if isinstance(value, dict):
        return {name: planted(member) for name, member in value.items()} | PERSONAL
    return [planted(member) for member in value] if isinstance(value, list) else value


def bodies() -> Iterator[bytes]:
    """Every golden event, as it is and with planted values, and what automations may make of them."""
    written = php_json(HIDDEN).decode()
    for golden in golden_requests():
        if not golden.valid:
            continue
        yield golden.body
        envelope = json.loads(golden.body)
        envelope["data"] = planted(envelope.get("data"))
        if isinstance(envelope.get("changes"), (dict, list)):
            envelope["changes"] = HIDDEN | PERSONAL | {"data": written, "name": "x"}
        yield php_json(envelope)
        envelope["data"] = {
            "content": escape(written),
            "text": f"Changed: {written}",
            "html": f"<p>{escape(written)}</p>",
            "user": HIDDEN,
        }
        envelope["changes"] = None
        yield php_json(envelope)


EVENTS = sorted(bodies(), key=lambda body: b'"calendar.deleted"' in body)  # what fails stands in the way of what follows


def strange(body: bytes) -> Iterator[tuple[str, str, Mapping[str, str], bytes]]:
    """Calls that are refused, with planted values wherever they can be: method, query, headers, body."""
    right = sign(body, SECRET)
    rewritten = json.dumps(json.loads(body)).encode()
    for signature in (sign(body, "quite another secret"), right.upper(), f"sha256={right}", right[:-1], "", "planted-cookie"):
        yield "POST", "", {"Signature": signature}, body
    yield "POST", "", {}, body
    yield "POST", "", {"Signature": right}, rewritten
    yield "POST", "", {"Signature": right}, body + b"\n"
    yield "POST", "", {"Signature": sign(body[:-1], SECRET)}, body[:-1]
    yield "POST", "", {"Signature": sign(PERSONAL["notes"].encode(), SECRET)}, PERSONAL["notes"].encode()
    yield "POST", f"?token={quote(SECRET)}&mail={PERSONAL['email']}", {"Signature": right}, b""
    yield "GET", f"?data%5Bemail%5D={PERSONAL['email']}", {"Signature": right}, b""
    yield "PUT", "", {"Signature": right}, body


def destinations(chat: ChatStandIn) -> tuple[str, list[str]]:
    """One on each platform that wants everything, and what of them is secret."""
    discord, slack, bot = chat.discord_webhook(name="d"), chat.slack_webhook(name="w"), chat.telegram_bot(name="Adjutant")
    channel, group = chat.slack_channel(name="b"), chat.telegram_chat(name="t")
    tables = {
        "discord": f'type = "discord"\nurl = "{discord}"',
        "webhook": f'type = "slack"\nurl = "{slack}"',
        "bot": f'type = "slack"\ntoken = "{chat.slack_token}"\nchannel = "{channel}"\napi = "{chat.slack_api}"',
        "telegram": f'type = "telegram"\ntoken = "{bot}"\nchat = {group}\napi = "{chat.telegram_api}"',
    }
    text = "".join(f'[destinations.{name}]\n{table}\ngroup = "off"\nevents = ["*"]\n' for name, table in tables.items())
    tokens = [discord.rpartition("/")[2], slack.rpartition("/")[2], chat.slack_token, bot.partition(":")[2]]
    return text, tokens


def captured(body: bytes) -> bytes:
    """A call that something on the way parsed and wrote again, as somebody saved it."""
    head = f"POST /webhooks/perscom HTTP/1.1\r\nSignature: {sign(body, SECRET)}\r\nCookie: {HEADERS['Cookie']}\r\n\r\n"
    return head.encode() + json.dumps(json.loads(body)).encode()


class Channels:
    """All that was seen of the service, by the name of the place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: dict[str, str] = {}
        """Answers, logs, pages, metrics, what commands print: neither secrets nor personal data."""
        self.written: dict[str, str] = {}
        """Files, which hold what PERSCOM sent."""

    def take(self, running: Bridge, when: str) -> None:
        """Look at what is there at this moment."""
        self.told[f"log {when}"] = running.output
        for path in ("/", "/metrics", "/readyz"):
            self.told[f"{path} {when}"] = request(running.status, "GET", path)[1]
        self.take_files(when)

    def take_files(self, when: str) -> None:
        for file in self.folder.rglob("*"):
            if file.is_file() and file.name not in OURS:
                self.written[f"{file.relative_to(self.folder)} {when}"] = file.read_bytes().decode("latin-1")

    def call(self, running: Bridge, method: str, query: str, headers: Mapping[str, str], body: bytes) -> str:
        """The status of a call whose answer is kept, with its headers."""
        connection = HTTPConnection("127.0.0.1", running.public, timeout=10)
        try:
            connection.request(method, f"/webhooks/perscom{query}", body, {**HEADERS, **headers})
            answer = connection.getresponse()
            self.told[f"answer {len(self.told)}"] = f"{answer.getheaders()} {answer.read().decode()}"
            return str(answer.status)
        finally:
            connection.close()

    def run(self, command: str, *more: str) -> None:
        done = run(command, self.folder, *more)
        self.told[" ".join([command, *more])] = done.stdout + done.stderr


def found(marks: Iterable[str], channels: Mapping[str, str]) -> list[str]:
    """Where which of them is."""
    return [f"{mark!r} in {name}" for name, text in channels.items() for mark in marks if mark in text]


def feed(seen: Channels, running: Bridge) -> None:
    """Every event, a late one under the old secret, and what is refused."""
    for body in EVENTS:
        assert seen.call(running, "POST", "", {"Signature": sign(body, SECRET)}, body) == "202"
    late = php_json({"event": "user.updated", "created": "2026-03-02T20:45:34.274406Z", "data": PERSONAL, "changes": HIDDEN})
    assert seen.call(running, "POST", "", {"Signature": sign(late, OLD_SECRET)}, late) == "202"
    for each in strange(EVENTS[1]):
        assert seen.call(running, *each) in {"400", "401", "405"}


def test_nothing_that_was_planted_gets_out_by_any_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge_process.BRIDGE", [*BRIDGE[:2], LOUD + BRIDGE[2]])
    monkeypatch.setenv("OLD_SECRET", OLD_SECRET)
    seen = Channels(tmp_path)
    with ChatStandIn(rate=None) as chat:
        tables, tokens = destinations(chat)
        head = HEAD.replace("[server]", 'previous_secret = "${OLD_SECRET}"\n[server]')
        (tmp_path / "bridge.toml").write_text(head + tables)
        refusal = json.dumps({"code": 50035, "message": f"Invalid request to {tokens}", "description": str(tokens)}).encode()
        chat.script(*[Say(status=400, body=refusal)] * 4)
        chat.script(*[Say(status=429, body=refusal, headers={"Retry-After": "0.1"})] * 4)
        with bridge(tmp_path) as running:
            feed(seen, running)
            wait_for(lambda: running.said("a bug") and running.said("old secret") and running.said("given up"), 60)
            seen.take(running, "before the crash")
            chat.script(Cut(), Say(status=500, body=refusal))
            for body in EVENTS[:20]:
                seen.call(running, "POST", "", {"Signature": sign(body + b" ", SECRET)}, body + b" ")
            running.process.kill()  # in the middle of its work
            running.process.wait()
        seen.take_files("after the crash")
        with bridge(tmp_path) as running:
            for each in strange(EVENTS[1]):
                seen.call(running, *each)
            wait_for(lambda: list(tmp_path.glob("bridge.db.refused/*.http")))
            (tmp_path / "captured.http").write_bytes(captured(EVENTS[1]))
            seen.run("check")
            seen.run("inbox", "list")
            seen.run("inbox", "dead")
            seen.run("explain", "--last")
            seen.run("explain", str(tmp_path / "captured.http"))
            seen.run("backup", str(tmp_path / "backup.db"))
            seen.take(running, "after the start")
            running.stop()
        seen.told["log at the end"] = running.output
        seen.take_files("at the end")
        posted = {
            f"message {number}": json.dumps(each.payload, ensure_ascii=False) for number, each in enumerate(chat.messages)
        }

    assert {each.destination for each in chat.messages} == {"d", "w", "b", "t"}
    assert "Started server process" in seen.told["log before the crash"], "everybody may speak"
    assert "Traceback" in seen.told["log before the crash"], "the bug was told"
    assert {"bridge.db-wal before the crash", "backup.db at the end"} <= seen.written.keys()
    assert any("refused" in name for name in seen.written)
    everywhere = seen.told | seen.written | posted
    assert not found(MARKS, everywhere)
    assert not found([SECRET, quote(SECRET), OLD_SECRET, *tokens], everywhere)
    assert not found(SENT, everywhere)
    assert not found(PRIVATE, seen.told | posted)


def attempts(folder: Path) -> Iterator[Callable[[], object]]:
    """What raises, in each part that sees an event or a secret."""
    verifier = Verifier(SECRET, max_age=timedelta(days=1))
    for body in EVENTS:
        yield partial(Event.parse, body[:-1])
        yield partial(Event.parse, body[: len(body) // 2])
        yield partial(Event.parse, b"\xff" + body)
        yield partial(Event.parse, body.replace(b'"created"', b'"made"'))
        yield partial(Event.parse, b"[" * 600 + body)
        yield partial(verifier.event, {"Signature": sign(body, SECRET)}, body)
        yield from (partial(verifier.event, headers, sent) for _, _, headers, sent in strange(body))
    (folder / "diary.db").write_bytes(b"Dear diary, " * 1000)
    yield partial(SQLiteInbox(folder / "diary.db").add, Event.parse(EVENTS[1]))
    yield partial(SQLiteInbox(folder / "none" / "inbox.db").add, Event.parse(EVENTS[1]))
    yield partial(Verifier, SECRET, " ")
    yield partial(pickle.dumps, Secret(SECRET))


def test_no_exception_tells_what_was_planted(tmp_path: Path) -> None:
    texts: dict[str, str] = {}
    for attempt in attempts(tmp_path):
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - whatever it is
            texts[f"{type(error).__name__} {len(texts)}"] = f"{''.join(format_exception(error))} {error!r}"
    kinds = {name.partition(" ")[0] for name in texts}
    assert kinds >= {"MalformedEvent", "SignatureMismatch", "MalformedSignature", "MissingSignature", "StaleEvent", "EmptyBody"}
    assert not found([*MARKS, *PRIVATE, SECRET], texts)
