"""``perscom-bridge demo``: see it work, before any account or configuration."""

from __future__ import annotations

import asyncio
import sys
import time
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..demo import Demo

__all__ = ["command"]

SHOWN = ("rankrecord_created", "event_updated")
"""The golden requests whose messages are shown as cards."""


@click.command("demo")
@click.option("--once", is_flag=True, help="Do it once and end: exit status 0 only when every promise was kept.")
@click.pass_context
def command(context: click.Context, once: bool) -> None:
    """See it work on this machine. Needs no account.

    Nothing leaves the machine. Starts the service with a temporary database and a stand-in for the platforms, sends it
    genuine and forged requests, and keeps a page open with what arrived, until Ctrl-C.
    """
    import logging

    from .._run import run

    logging.getLogger("perscom_receiver").setLevel(logging.CRITICAL)  # the screen tells what was refused
    if not run(lambda stop: _demo(stop, once)):
        context.exit(1)


async def _demo(stop: asyncio.Event, once: bool) -> bool:
    from ..demo import demo, judge
    from ..demo.screen import opening, summary
    from ..service import web_url

    began = time.monotonic()
    async with demo() as shown:
        click.echo(opening(shown))
        await _show_requests(shown, stop)
        if stop.is_set():
            return False
        click.echo("\n  Waiting for the messages ...\n" if sys.stdout.isatty() else "")
        settled = await shown.settled()
        _show_cards(shown)
        verdict = judge(shown)
        click.echo(summary(verdict, time.monotonic() - began))
        if not once:
            click.echo(f"\nThe page: {web_url(shown.service.status)}/   Ctrl-C ends the demo.")
            await stop.wait()
        return settled and not verdict.wrong


async def _show_requests(shown: Demo, stop: asyncio.Event) -> None:
    from ..demo.screen import line

    width = get_terminal_size((120, 40)).columns
    async for sent in shown.requests():
        click.echo(line(sent, width))
        if stop.is_set():
            return


def _show_cards(shown: Demo) -> None:
    from ..demo.screen import cards

    width = get_terminal_size((120, 40)).columns
    for sent in shown.sent:
        if sent.golden.name in SHOWN:
            click.echo(cards(sent, width))
