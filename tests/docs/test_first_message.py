"""docs/first-message.md: its commands, in its order, lead from nothing to the first message."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from perscom_adapters.testing import ChatStandIn, Say
from perscom_bridge.preview import card_of
from perscom_receiver import sign
from perscom_receiver.testing import signed_request

PAGE = "docs/first-message.md"
PROGRAM = Path(sys.executable).with_name("perscom-bridge")
SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
SETTING_UP = ("git clone", "cd ", "make demo")
"""What `.ci/run` does on each fresh clone; the tests begin after it."""
ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}


@pytest.fixture
def chat() -> Iterator[ChatStandIn]:
    with ChatStandIn(rate=None) as standin:
        yield standin


@pytest.fixture
def webhook(chat: ChatStandIn) -> str:
    return chat.discord_webhook(name="announcements")


@pytest.fixture
def commands(blocks: Any) -> list[str]:
    """The commands of the page, in its order, after those that set it up."""
    every = [line for block in blocks(PAGE, "sh") for line in block.text.splitlines()]
    assert [command.startswith(start) for command, start in zip(every, SETTING_UP, strict=False)] == [True] * 3
    return every[3:]


@pytest.mark.parametrize("platform", ["discord", "slack", "telegram", "telegram, slack"])
def test_the_commands_of_the_page_lead_to_two_messages(
    commands: list[str], chat: ChatStandIn, platform: str, tmp_path: Path
) -> None:
    init, check, test, serve, send = commands
    configure(init, tmp_path, *answers(chat, platform), telegram=chat.telegram_api)
    several = len(platform.split())
    assert "no mistakes" in run(check, tmp_path)
    run(test, tmp_path)
    assert shown(chat, 0, several) == ["Sample: SFC Jacob Whitfield promoted to Sergeant First Class"] * several
    with serving(serve, tmp_path) as service:
        assert "202" in run(send.replace("127.0.0.1:8000", f"127.0.0.1:{service.port}"), tmp_path)
        wait_for(lambda: len(chat.messages) == 2 * several)
        wait_for(lambda: "The first genuine call has arrived" in service.said())
    assert shown(chat, 1, several) == ["Test from PERSCOM: it works"] * several
    assert not chat.mistakes


def answers(chat: ChatStandIn, platforms: str) -> list[str]:
    """To questions four and five."""
    given = {
        "discord": [chat.discord_webhook(name="announcements")],
        "slack": [chat.slack_webhook(name="announcements")],
        "telegram": [chat.telegram_bot(name="Adjutant"), str(chat.telegram_chat(name="announcements"))],
    }
    return [platforms, *(line for name in platforms.split(", ") for line in (*given[name], ""))]


def test_each_line_in_the_table_of_what_may_go_wrong_really_appears(
    commands: list[str], chat: ChatStandIn, webhook: str, tmp_path: Path
) -> None:
    page = Path(__file__).resolve().parents[2].joinpath(PAGE).read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+) \|", page.partition("## When nothing arrives")[2], re.MULTILINE)
    quoted = [text for row in rows for text in re.findall(r"`([^`]+)`", row)]
    configure(commands[0], tmp_path, "", webhook, "")
    with serving(commands[3], tmp_path) as service:
        make_go_wrong(service, chat, webhook)
        for text in quoted:
            wait_for(lambda text=text: text in service.said())  # type: ignore[misc]
    assert len(quoted) == 10


class Service:
    """A running `perscom-bridge serve` whose output goes to a file."""

    def __init__(self, log: Path) -> None:
        self._log = log
        wait_for(lambda: "Now press Test there" in self.said())
        address = re.search(r"URL http://127\.0\.0\.1:(\d+)/webhooks/perscom   Method POST", self.said())
        assert address is not None
        self.port = int(address[1])

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


@contextmanager
def serving(command: str, folder: Path) -> Iterator[Service]:
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(words(command), cwd=folder, env=ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield Service(log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def make_go_wrong(service: Service, chat: ChatStandIn, webhook: str) -> None:
    """Whatever the table on the page explains."""
    path = "/webhooks/perscom"
    headers, body = signed_request("rankrecord.created", SECRET)
    for secret in ("quite another secret of PERSCOM", f"{SECRET} "):
        assert service.request("POST", path, body, {"Signature": sign(body, secret)}) == 401
        time.sleep(0.3)  # causes are looked into four times a second at most
    assert service.request("POST", path, body.replace(b'":', b'": '), headers) == 401
    assert service.request("GET", f"{path}?event=rankrecord.created", b"", headers) == 405
    assert service.request("GET", path, b"", {}) == 405
    assert service.request("POST", path, body, {}) == 401
    chat.script(Say(status=502, headers={"Retry-After": "0"}))
    assert service.request("POST", path, body, headers) == 202
    wait_for(lambda: len(chat.messages) == 1)
    chat.discord.delete_webhook(webhook)
    headers, body = signed_request("webhook.test", SECRET)
    assert service.request("POST", path, body, headers) == 202


def configure(init: str, folder: Path, *channels: str, telegram: str = "") -> None:
    """Answer the five questions; then take free ports, since those of the page may be taken where the tests run."""
    run(init, folder, "\n".join([SECRET, "", "", *channels, ""]))
    configuration = folder / "bridge.toml"
    text = configuration.read_text(encoding="utf-8")
    assert "127.0.0.1:8000" in text
    text = re.sub(r"127\.0\.0\.1:800[01]", "127.0.0.1:0", text)
    configuration.write_text(text.replace("chat     =", f'api = "{telegram}"\nchat     ='), encoding="utf-8")


def run(command: str, folder: Path, answers: str = "") -> str:
    done = subprocess.run(
        words(command), cwd=folder, env=ENVIRONMENT, input=answers, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def words(command: str) -> list[str]:
    program, *rest = command.split()
    assert program == ".venv/bin/perscom-bridge", command
    return [str(PROGRAM), *rest]


def shown(chat: ChatStandIn, number: int, several: int) -> list[str]:
    """The first line of a message in each of ``several`` channels."""
    assert len(chat.messages) % several == 0
    by_channel: dict[tuple[str, str], list[Any]] = {}
    for message in chat.messages:
        by_channel.setdefault((message.platform, message.destination), []).append(message)
    assert len(by_channel) == several
    return [card_of(platform, said[number].payload).title for (platform, _), said in by_channel.items()]


def wait_for(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
