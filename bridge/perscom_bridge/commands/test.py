"""``perscom-bridge test``: one sample in each destination, without PERSCOM."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import config_option

if TYPE_CHECKING:
    from ..config import Config

__all__ = ["command"]


@click.command("test")
@config_option
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """Post a sample promotion, marked as a sample, to each destination. A webhook gets PERSCOM's own test.

    Needs no PERSCOM and no running service. Exit status 1 when a destination did not take it.
    """
    from .._folder import load_all

    configs, unserved = load_all(config)
    for one in unserved:
        click.echo(one.told)
    well = [asyncio.run(_post_samples(one)) for one in configs]
    if unserved or not all(well):
        context.exit(1)


async def _post_samples(config: Config) -> bool:
    from perscom_adapters import Forwards
    from perscom_receiver import DestinationError
    from perscom_receiver.testing import make_event

    from ..sample import sample_message
    from ..service import destinations_of

    message, well = sample_message(), True
    community = f"{config.community}: " if config.community else ""
    async with destinations_of(config) as destinations:
        for entry, destination in destinations:
            try:
                if isinstance(destination, Forwards):
                    event = make_event("webhook.test")
                    await destination.forward(event)
                    said = f"forwarded. Look there for: {event.name}, id {event.id[:12]}"
                else:
                    await destination.send(message)
                    said = f"posted. Look there for: {message.title}"
            except DestinationError as error:
                well = False
                said = f"not posted. {error}"
            click.echo(f"{community}{entry.name}: {said}")
    return well
