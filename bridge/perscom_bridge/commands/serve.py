"""``perscom-bridge serve``: the service itself, until it is told to stop."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import config_option

if TYPE_CHECKING:
    from ..community import Community
    from ..config import Config
    from ..service import Service
    from ..unserved import Unserved

__all__ = ["command"]


@click.command("serve")
@click.option("--keep-refused", is_flag=True, help="Keep the last 10 refused requests, for perscom-bridge explain --last.")
@config_option
@click.pass_context
def command(context: click.Context, keep_refused: bool, config: Path) -> None:
    """Receive, store and post until SIGTERM or Ctrl-C.

    Prints the address for PERSCOM's webhook form. A stop lets what is under way come to an end, and a restart loses nothing.

    --config names a folder where several communities are served: bridge.toml there holds [server], and each other *.toml is a
    community. A file with mistakes stops that community only.

    What --keep-refused keeps holds personal data: it lies beside the database, readable for you alone, and the next start
    without the option deletes it.
    """
    from .._folder import load_all
    from .._run import run
    from ..logs import configure_logging

    configs, unserved = load_all(config)
    configure_logging()
    if not run(lambda stop: _serve(configs, unserved, stop, keep_refused)):
        context.exit(1)


async def _serve(configs: list[Config], unserved: list[Unserved], stop: asyncio.Event, keep_refused: bool) -> bool:
    """Serve until ``stop`` is set. False when a part of the service ended before that."""
    from ..service import destinations_of, running

    async with AsyncExitStack() as stack:
        opened = [(config, await stack.enter_async_context(destinations_of(config))) for config in configs]
        service = await stack.enter_async_context(running(opened, keep_refused=keep_refused, unserved=unserved))
        for one in unserved:
            click.echo(f"A community is not served. {one.told}\n")
        click.echo(_welcome(service))
        if keep_refused:
            click.echo(f"Refused calls are kept. When one comes: perscom-bridge explain --last{configs[0].option}")
        first = [asyncio.create_task(_tell_first_call(one)) for one in service.communities]
        await asyncio.wait(
            [asyncio.create_task(stop.wait()), asyncio.create_task(service.broken.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        for task in first:
            task.cancel()
        click.echo("Stopping: what is under way comes to an end.")
    click.echo("Stopped.")
    return not service.broken.is_set()


def _welcome(service: Service) -> str:
    from ..service import web_url

    configs = [one.config for one in service.communities]
    lines = [f"{', '.join(config.site.name for config in configs)}: ready", ""]
    lines.append(f"  Status page     {web_url(service.status)}/   (for you alone)")
    for config in configs:
        of = "" if config.community is None else f"of {config.community}: "
        lines.append(f"  PERSCOM's form  {of}URL {service.webhook_url(config)}   Method POST")
    if configs[0].server.public is None:
        path = configs[0].webhook_path
        lines.append(f"                  (put your public address in its place: https://your.name{path})")
    return "\n".join([*lines, "", "Now press Test there."])


async def _tell_first_call(community: Community) -> None:
    await community.first_call.wait()
    click.echo(community.told("The first genuine call has arrived: PERSCOM and this bridge know each other."))
