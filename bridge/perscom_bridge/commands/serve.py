"""``perscom-bridge serve``: the service itself, until it is told to stop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import config_option

if TYPE_CHECKING:
    from ..config import Config
    from ..service import Service

__all__ = ["command"]


@click.command("serve")
@click.option("--keep-refused", is_flag=True, help="Keep the last 10 refused requests, for perscom-bridge explain --last.")
@config_option
@click.pass_context
def command(context: click.Context, keep_refused: bool, config: Path) -> None:
    """Receive, store and post until SIGTERM or Ctrl-C.

    Prints the address for PERSCOM's webhook form. A stop lets what is under way come to an end, and a restart loses nothing.

    What --keep-refused keeps holds personal data: it lies beside the database, readable for you alone, and the next start
    without the option deletes it.
    """
    from .._load import load
    from .._run import run
    from ..logs import configure_logging

    loaded = load(config)
    configure_logging()
    if not run(lambda stop: _serve(loaded, stop, keep_refused)):
        context.exit(1)


async def _serve(config: Config, stop: asyncio.Event, keep_refused: bool) -> bool:
    """Serve until ``stop`` is set. False when a part of the service ended before that."""
    from ..service import destinations_of, running

    async with (
        destinations_of(config) as destinations,
        running(config, destinations, keep_refused=keep_refused) as service,
    ):
        click.echo(_welcome(service))
        if keep_refused:
            click.echo("Refused calls are kept. When one comes: perscom-bridge explain --last")
        first = asyncio.create_task(_tell_first_call(service))
        await asyncio.wait(
            [asyncio.create_task(stop.wait()), asyncio.create_task(service.broken.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        first.cancel()
        click.echo("Stopping: what is under way comes to an end.")
    click.echo("Stopped.")
    return not service.broken.is_set()


def _welcome(service: Service) -> str:
    from ..service import web_url

    lines = [
        f"{service.config.site.name}: ready",
        "",
        f"  Status page     {web_url(service.status)}/   (for you alone)",
        f"  PERSCOM's form  URL {service.webhook_url}   Method POST",
        "",
        "Now press Test there.",
    ]
    if service.config.server.public is None:
        lines.insert(4, "                  (put your public address in its place: https://your.name/webhooks/perscom)")
    return "\n".join(lines)


async def _tell_first_call(service: Service) -> None:
    await service.first_call.wait()
    click.echo("The first genuine call has arrived: PERSCOM and this bridge know each other.")
