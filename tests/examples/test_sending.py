"""examples/flask_shop.py and examples/sender_and_receiver.py, started as their own first lines say."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest
from endpoints import Endpoint
from programs import answer
from sending import until

from perscom_receiver import Verifier

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.skipif(os.name != "posix", reason="stopped by a signal")
def test_the_shop_floor_saves_an_order_and_its_event_together_or_neither(tmp_path: Path) -> None:
    files = {"SHOP": f"{tmp_path}/shop.db", "SENDER": f"{tmp_path}/sender.db"}
    environment = {**os.environ, **files, "WEBHOOK_SECRET": SECRET, "PORT": "0", "PYTHONDONTWRITEBYTECODE": "1"}

    async def main() -> None:
        async with Endpoint() as endpoint:
            shop = await asyncio.create_subprocess_exec(
                sys.executable, "flask_shop.py", endpoint.url, cwd=EXAMPLES, env=environment,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            assert shop.stdout is not None
            try:
                said = b""
                while (found := re.search(rb"Running on (http://127\.0\.0\.1:\d+)", said)) is None:
                    line = await shop.stdout.readline()
                    assert line, said.decode()
                    said += line
                address = found[1].decode()

                async def order(**values: object) -> int:
                    return await asyncio.to_thread(answer, address, "POST", "/orders", urlencode(values).encode(), FORM)

                assert await order(item="rifle", card="stolen") == 422
                assert await order(item="boots") == 201
                assert await order() == 400
                assert await order(item="Größe") == 201
                await until(lambda: len(endpoint.requests) == 2, seconds=20)
                shown = await asyncio.to_thread(look, f"{address}/orders")
                assert shown["orders"] == ["boots", "Größe"]
                assert len(shown["events"]) == 2
            finally:
                shop.send_signal(signal.SIGINT)
                out, _ = await shop.communicate()
            assert shop.returncode == 0
            assert b"Traceback" not in out
            events = [Verifier(SECRET).event(*request) for request in endpoint.requests]
            assert {event.name for event in events} == {"order.placed"}
            assert [event.data for event in events] == [{"id": 1, "item": "boots"}, {"id": 2, "item": "Größe"}]

    asyncio.run(main())


def look(url: str) -> dict[str, list[object]]:
    with urllib.request.urlopen(url, timeout=10) as response:
        found: dict[str, list[object]] = json.load(response)
        return found


def test_the_sender_and_the_receiver_tell_their_story() -> None:
    done = subprocess.run([sys.executable, "sender_and_receiver.py"], cwd=EXAMPLES, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "An order is paid while the receiver is down:",
        "  sender: try 1: connect, it could not be reached: Connection refused",
        "The receiver starts:",
    ]
    assert sorted(lines[3:5]) == [
        "  receiver: order.paid {'id': 17} is genuine, was stored first, and is handled now",
        "  sender: try 2: done, 202",
    ]
    assert lines[5:] == [
        "Somebody else sends one, under a secret of his own:",
        "  sender: try 1: status, it answered 401",
    ]
