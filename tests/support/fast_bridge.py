"""The work of a bridge in processes of their own, by a clock that runs fast, against a stand-in that goes by the same clock.

Half an hour of the platforms' limits passes in some seconds. As a program this is one of the processes, until its input ends::

    python fast_bridge.py CONFIG START
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bridge_process import HEAD, SECRET

from perscom_adapters.testing import ChatStandIn
from perscom_bridge._load import load
from perscom_bridge.community import Community
from perscom_bridge.service import destinations_of
from perscom_receiver import SQLiteInbox
from perscom_receiver.queue import Database
from perscom_receiver.testing import make_event

__all__ = ["KINDS", "FastBridge", "arrive", "fast_bridge", "settled"]

SPEED = 100.0
KINDS = ("discord", "hook", "slack", "telegram")
"""A destination of each kind: a webhook of Discord and one of Slack, a bot of Slack and one of Telegram."""
_NUMBER = re.compile(r"Number (\d+)\.")


def fast_clock(start: float) -> Callable[[], float]:
    """Seconds since 1970 as if, since ``start``, many of them had passed in one: the same in all processes."""
    return lambda: start + (time.time() - start) * SPEED


class FastBridge:
    """A bridge with a destination of each kind, its events and the processes that work on them."""

    def __init__(self, folder: Path, chat: ChatStandIn, start: float) -> None:
        self.chat = chat
        self.bot = chat.telegram_bot(name="Adjutant")
        self.chats: dict[str, Any] = {
            name: chat.telegram_chat(name=name) for name in ("telegram", "second", "third", "fourth", "fifth")
        }
        self.channels = {name: chat.slack_channel(name=name) for name in ("slack", "staff")}
        self.webhooks = {name: chat.discord_webhook(name=name) for name in ("discord", "elsewhere")}
        self.webhooks["hook"] = chat.slack_webhook(name="hook")
        self._start = start
        self._path = folder / "bridge.toml"
        self._inbox: SQLiteInbox | None = None
        self._workers: list[subprocess.Popen[str]] = []

    def configure(self, *names: str, more: str = "") -> SQLiteInbox:
        """Write the file, with these destinations; the inbox of the bridge."""
        telegram = f'type = "telegram"\ntoken = "{self.bot}"\napi = "{self.chat.telegram_api}"\nchat = '
        slack = f'type = "slack"\ntoken = "{self.chat.slack_token}"\napi = "{self.chat.slack_api}"\nchannel = '
        lines = {name: f"{telegram}{chat}" for name, chat in self.chats.items()}
        lines |= {name: f'{slack}"{channel}"' for name, channel in self.channels.items()}
        for name, url in self.webhooks.items():
            lines[name] = f'type = "{"slack" if name == "hook" else "discord"}"\nurl = "{url}"'
        tables = "".join(f"[destinations.{name}]\n{lines[name]}\n{more}\n" for name in names)
        self._path.write_text(HEAD.replace("${PERSCOM_WEBHOOK_SECRET}", SECRET) + tables, encoding="utf-8")
        config = load(self._path)
        self._inbox = SQLiteInbox(config.server.database, site=config.key, now=fast_clock(self._start))
        return self._inbox

    def address(self, name: str) -> str:
        """Where the messages for a destination are sent to; others of the same bot may be sent there, too."""
        if name in self.chats:
            return f"{self.chat.telegram_api}/bot{self.bot}/sendMessage"
        return f"{self.chat.slack_api}/chat.postMessage" if name in self.channels else self.webhooks[name]

    def work(self, processes: int = 1) -> None:
        """Begin to work, in so many processes."""
        command = [sys.executable, __file__, str(self._path), repr(self._start)]
        for _ in range(processes):
            self._workers.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for worker in self._workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "working\n"

    def end(self) -> None:
        """End the processes as an operator would."""
        for worker in self._workers:
            worker.communicate(timeout=15)
            assert worker.returncode == 0
        self._workers.clear()

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.communicate()
        if self._inbox is not None:
            self._inbox.close()

    def numbers(self, name: str) -> list[int]:
        """The numbers of the events whose messages stand in a channel, from top to bottom."""
        posted = [json.dumps(message.payload) for message in self.chat.messages if message.destination == name]
        return [int(found[1]) for text in posted for found in [_NUMBER.search(text)] if found]

    def refusals(self) -> Counter[str]:
        """How often each destination met a limit."""
        return Counter(arrival.destination for arrival in self.chat.arrivals if arrival.status == 429)


@contextmanager
def fast_bridge(folder: Path) -> Iterator[FastBridge]:
    """One in ``folder``, with a stand-in that has the platforms' known limits; nothing of it is left behind."""
    start = time.time()
    now = fast_clock(start)
    with ChatStandIn(now=lambda: datetime.fromtimestamp(now(), UTC)) as chat:
        made = FastBridge(folder, chat, start)
        yield made
        made.close()


def arrive(inbox: SQLiteInbox, *numbers: int) -> None:
    """Promotions at once, each with its number in its text."""

    async def add() -> None:
        for number in numbers:
            await inbox.aadd(make_event("rankrecord.created", id=1000 + number, text=f"Number {number}."))

    asyncio.run(add())


def settled(inbox: SQLiteInbox, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while inbox.health().waiting:
        assert time.monotonic() < deadline, inbox.health()
        time.sleep(0.05)


async def _work(path: Path, start: float) -> None:
    config = load(path)
    stop = asyncio.Event()
    async with destinations_of(config) as destinations:
        community = Community(config, destinations, Database(config.server.database), fast_clock(start), SPEED)
        working = asyncio.create_task(community.work(stop))
        sys.stdout.write("working\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        stop.set()
        await working
        community.inbox.close()


if __name__ == "__main__":
    asyncio.run(_work(Path(sys.argv[1]), float(sys.argv[2])))
