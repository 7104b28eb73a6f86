"""The demo keeps its promises, and says so when one is broken."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from urllib.request import urlopen

import pytest
from click import unstyle

from perscom_adapters.testing import Say
from perscom_bridge.demo import demo, judge
from perscom_bridge.demo.running import PROMOTED
from perscom_bridge.demo.screen import cards, line, summary
from perscom_bridge.platforms import PLATFORMS
from perscom_bridge.service import web_url

BRIDGE = [sys.executable, "-c", "from perscom_bridge.cli import main; main()"]


def test_the_unattended_demo_prints_every_promise_and_succeeds() -> None:
    done = subprocess.run([*BRIDGE, "demo", "--once"], capture_output=True, text=True, timeout=120, env=_plain_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "57 requests, one of them twice: 42 genuine, 15 refused, 1 seen before." in done.stdout
    assert "1 more came along with a promotion: one message." in done.stdout
    assert re.search(
        r"37 messages on each of 3 platforms, 5 events with nothing to say, 0 lost, 0 twice, 0 pings, 0 private fields",
        done.stdout,
    )
    assert "SFC Jacob Whitfield promoted to Sergeant First Class" in done.stdout
    assert "signed with another secret" in done.stdout
    assert done.stdout.endswith("OK. Next: perscom-bridge init\n")
    assert done.stderr == ""


def test_a_message_the_platform_refuses_makes_the_demo_fail_and_names_the_event() -> None:
    async def play() -> str:
        async with demo() as shown:
            blocked = Say(status=400, body=b'{"code": 200000, "message": "Blocked by AutoMod"}')
            shown.standin.script(blocked, url=shown.community.config.destinations[0].place.url.value)
            async for _ in shown.requests():
                pass
            assert await shown.settled()
            verdict = judge(shown)
            assert verdict.lost == 1
            return summary(verdict, 1.0)

    last = unstyle(asyncio.run(play())).splitlines()[-1]
    assert re.match(r"FAILED \w+: no message at discord \(dead\)", last)


def test_deliveries_of_one_action_in_two_messages_make_the_demo_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perscom_bridge.demo.running.GROUP", 0.0)

    async def play() -> tuple[str, ...]:
        async with demo() as shown:
            async for sent in shown.requests():
                if sent.golden.name == PROMOTED:
                    break
            assert await shown.settled()
            return judge(shown).wrong

    assert "user_updated_beside: not told at discord in one message with rankrecord_created" in asyncio.run(play())


def test_a_message_posted_twice_makes_the_demo_fail() -> None:
    async def play() -> tuple[int, tuple[str, ...]]:
        async with demo() as shown:
            async for _ in shown.requests():
                pass
            assert await shown.settled()
            await asyncio.to_thread(_post_again, shown.community.config.destinations[0].place.url.value)
            verdict = judge(shown)
            return verdict.twice, verdict.wrong

    twice, wrong = asyncio.run(play())
    assert twice == 1
    assert "1 messages more" in wrong[0]


def test_the_page_shows_what_came_in_and_what_was_posted() -> None:
    async def play() -> str:
        async with demo() as shown:
            async for sent in shown.requests():
                assert sent.golden.event is None or sent.golden.event in line(sent, 120)
            assert await shown.settled()
            beside = cards(next(s for s in shown.sent if s.golden.name == "rankrecord_created"), 120)
            assert unstyle(beside).count("SFC Jacob Whitfield promoted to") == len(PLATFORMS)
            return await asyncio.to_thread(lambda: urlopen(web_url(shown.service.status) + "/", timeout=10).read().decode())

    html = asyncio.run(play())
    assert "SFC Jacob Whitfield promoted to Sergeant First Class" in html
    assert "59 requests" in html
    assert "whitfield@1st-rangers.example.test" not in html
    assert "<script>alert" not in html


def _post_again(url: str) -> None:
    from urllib.request import Request

    body = b'{"content": "again", "allowed_mentions": {"parse": []}}'
    request = Request(f"{url}?wait=true", body, {"Content-Type": "application/json", "User-Agent": "test (http://t, 1)"})
    assert urlopen(request, timeout=10).status == 200


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
