"""examples/sender.py, started as its own first lines say."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from endpoints import Endpoint
from sending import until

from perscom_receiver import Verifier

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SECRET = "fT9wQz2LmN8xVb4KpR7sYc3HdJ6gAe5U"


@pytest.mark.skipif(os.name != "posix", reason="stopped by a signal")
def test_the_shop_sends_its_orders_once_each_and_shows_what_became_of_them(tmp_path: Path) -> None:
    async def start(*arguments: str) -> asyncio.subprocess.Process:
        environment = {**os.environ, "WEBHOOK_SECRET": SECRET, "SHOP": f"{tmp_path}/shop.db", "SENDER": f"{tmp_path}/sender.db"}
        return await asyncio.create_subprocess_exec(
            sys.executable, "sender.py", *arguments, cwd=EXAMPLES, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def run(*arguments: str, status: int = 0) -> str:
        process = await start(*arguments)
        out, error = await process.communicate()
        assert process.returncode == status, error.decode()
        return (out + error).decode()

    async def main() -> None:
        async with Endpoint() as endpoint:
            assert "subscription 1: order.* to 127.0.0.1" in await run("subscribe", endpoint.url)
            delivering = await start("deliver")
            try:
                assert "order 17 is stored" in await run("order", "17")
                assert "UNIQUE" in await run("order", "17", status=1)  # no second order, and no second event
                await run("order", "18")
                await until(lambda: len(endpoint.requests) == 3, seconds=20)
            finally:
                delivering.send_signal(signal.SIGTERM)
                _, error = await delivering.communicate()
            assert (delivering.returncode, error) == (0, b"")
            events = [Verifier(SECRET).event(*request) for request in endpoint.requests]
            assert [(event.name, event.data) for event in events] == [
                ("webhook.test", {"status": "ok"}),
                ("order.placed", {"id": 17}),
                ("order.placed", {"id": 18}),
            ]
        shown = await run("log")
        assert shown.count("order.placed to subscription 1: delivered") == 2
        assert shown.count("done 200") == 3
        assert "python sender.py order 17" in await run(status=1)

    asyncio.run(main())
