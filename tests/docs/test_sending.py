"""docs/sending.md: its blocks run as pasted, and what it says of defaults is so."""

from __future__ import annotations

import asyncio
import inspect
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from endpoints import Endpoint
from sending import SECRET, running, until

from perscom_sender import Breaking, Sender, Subscriptions

PAGE = "docs/sending.md"


@pytest.fixture
def names(blocks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the page defines when all its Python blocks are pasted into one file."""
    monkeypatch.chdir(tmp_path)
    Path("page.py").write_text("\n".join(block.text for block in blocks(PAGE, "python")), encoding="utf-8")
    names = runpy.run_path("page.py")
    assert capsys.readouterr().out == "08:00:00 08:00:10 08:01:50\nexecuted {'title': 'O&#039;Brien: 6'}\n"
    return names


def test_what_the_page_sells_arrives_once_and_is_in_the_log(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    sender: Sender = names["sender"]

    async def main() -> None:
        async with Endpoint() as endpoint:
            subscription = names["subscribe"](endpoint.url, SECRET)
            stop = asyncio.Event()
            delivering = asyncio.create_task(names["deliver"](stop))
            event = await names["sell"](17)
            assert await names["sell"](17) == event
            await until(lambda: sender.log.deliveries(state="delivered"))
            stop.set()
            await delivering
            names["show"](event)
            assert "done 200" in capsys.readouterr().out
            assert names["send_again"](subscription) == 0
            assert len(endpoint.requests) == 1
            names["place_order"](18)
            async with running(names["shop_sender"]):
                await until(lambda: len(endpoint.requests) == 2)
        sender.close()
        names["shop_sender"].close()

    asyncio.run(main())


def test_its_defaults_are_those_of_the_code(blocks: Any) -> None:
    text = (Path(__file__).resolve().parents[2] / PAGE).read_text(encoding="utf-8")
    add, made, breaking = inspect.signature(Subscriptions.add).parameters, inspect.signature(Sender).parameters, Breaking()
    assert f"`timeout` ({add['timeout'].default:.0f} s)" in text
    assert f"`concurrency` ({add['concurrency'].default})" in text
    assert "`schedule=` is `STANDARD_SCHEDULE` (ten tries in three days)" in text
    assert add["schedule"].default.tries == 10
    assert f"kept for {made['keep_bodies'].default} days and the log for {made['keep_log'].default}" in text
    assert f"After {breaking.after} failures in a row an endpoint rests for {breaking.rest:.0f} s" in text
    assert f"up to {breaking.longest / 60:.0f} minutes" in text
    assert breaking.disable_after == 5 * 86_400


def test_the_automation_of_the_page_runs_and_is_in_the_log(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    sender: Sender = names["sender"]

    async def main() -> None:
        async with Endpoint() as endpoint:
            number = names["promotions"](sender.subscriptions.add(endpoint.url, SECRET).id)
            event: int = await names["promote"]({"id": 7, "name": "O'Brien", "approved": True}, {"id": 1})
            async with running(sender):
                await until(lambda: endpoint.requests)
            assert json.loads(endpoint.requests[0][1])["data"]["title"] == "O&#039;Brien: 6 to 7"
            names["runs"](event)
            assert capsys.readouterr().out == f"{number} executed  {event + 1}\n"

    asyncio.run(main())
    sender.close()
