"""The page in a real browser."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from perscom_bridge import conditions, wording
from perscom_bridge.config import Config, ListenAddress, Privacy, Server, Site
from perscom_bridge.demo import Demo, demo
from perscom_bridge.service import Service, running, web_url
from perscom_receiver import Secret
from perscom_receiver.queue import Connection
from perscom_receiver.testing import make_event

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no Chromium here (Debian: apt-get install chromium)"
)


@asynccontextmanager
async def browser(url: str) -> AsyncIterator[tuple[Page, list[str]]]:
    """The page at ``url``, and what it complains about."""
    complaints: list[str] = []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        page = await chromium.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        await page.goto(url)
        yield page, complaints
        await chromium.close()


def test_the_page_of_the_demo_shows_requests_and_messages_without_complaints() -> None:
    async def look(shown: Demo) -> None:
        async for _ in shown.requests():
            pass
        assert await shown.settled()
        async with browser(web_url(shown.service.status) + "/") as (page, complaints):
            assert await page.locator("article.embed, article.blocks, article.bubble").count() == len(shown.posted())
            promotion = page.locator("article.embed", has_text="promoted to Sergeant First Class")
            assert await promotion.first.is_visible()
            assert await page.locator("td", has_text="signed with another secret").count() == 1
            assert complaints == []

    async def play() -> None:
        async with demo() as shown:
            await look(shown)

    asyncio.run(play())


def test_an_open_page_shows_a_new_event_by_itself_and_hostile_text_stays_text(tmp_path: Path) -> None:
    async def look(service: Service) -> None:
        async with browser(web_url(service.status) + "/") as (page, complaints):
            await page.locator("text=Press Test on the webhook").wait_for()
            hostile = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
            await service.communities[0].inbox.aadd(make_event("event.created", name=hostile))
            await page.locator("td", has_text="alert(2)").wait_for(timeout=10_000)
            assert await page.locator("td img").count() == 0
            assert complaints == []

    play(tmp_path, look)


def test_titles_have_the_names_that_were_learned(tmp_path: Path) -> None:
    async def look(service: Service) -> None:
        inbox = service.communities[0].inbox
        await inbox.aadd(make_event("user.updated", request_id="one"))
        await inbox.aadd(make_event("rankrecord.created", request_id="one", user=None, rank=None))
        await service.communities[0].directory.tend()
        async with browser(web_url(service.status) + "/") as (page, complaints):
            title = page.locator("td", has_text="SFC Jacob Whitfield promoted to Sergeant First Class")
            await title.wait_for(timeout=10_000)
            assert complaints == []

    play(tmp_path, look)


def test_an_open_page_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    async def serve() -> float:
        async with running([(config(tmp_path), [])]) as service:
            reader, writer = await asyncio.open_connection(*service.status)
            writer.write(b"GET /changes HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in await reader.readline()
            began = time.monotonic()
        took = time.monotonic() - began
        writer.close()
        await writer.wait_closed()
        return took

    assert asyncio.run(serve()) < 2


def test_a_part_that_ends_by_itself_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def look(service: Service) -> None:
        def broken(connection: Connection) -> None:
            raise ZeroDivisionError

        service.communities[0].inbox.queue.next_ready = broken  # type: ignore[assignment,method-assign]
        await asyncio.wait_for(service.broken.wait(), 10)

    play(tmp_path, look)
    assert "A part of the service has ended by itself" in caplog.text


def test_a_condition_and_a_wording_that_fail_are_told(tmp_path: Path) -> None:
    async def look(service: Service) -> None:
        metrics = service.communities[0].metrics
        metrics.posted("staff", conditions.FAILED)
        for _ in range(2):
            metrics.posted("announcements", wording.FAILED)
        async with browser(web_url(service.status) + "/") as (page, complaints):
            of_staff, of_announcements = await page.locator(".note").all_inner_texts()
            assert of_staff.startswith("staff: its condition failed on 1 event, which was not posted there; the log names it.")
            assert of_announcements.startswith("announcements: a wording failed on 2 messages, which have the built-in lines;")
            assert complaints == []

    play(tmp_path, look)


def play(folder: Path, look: Callable[[Service], Coroutine[None, None, None]]) -> None:
    async def serve() -> None:
        async with running([(config(folder), [])]) as service:
            await look(service)

    asyncio.run(serve())


def config(folder: Path) -> Config:
    anywhere = ListenAddress("127.0.0.1", 0)
    return Config(
        site=Site(name="1st Ranger Group", secrets=(Secret("a secret of twenty-odd letters", name="secret"),)),
        server=Server(listen=anywhere, status=anywhere, database=folder / "bridge.db"),
        destinations=(),
        privacy=Privacy(),
        path=folder / "bridge.toml",
    )
