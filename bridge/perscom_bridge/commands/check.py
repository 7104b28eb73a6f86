"""``perscom-bridge check``: every mistake in the configuration, before anything starts."""

from __future__ import annotations

from pathlib import Path

import click

from ._shared import config_option

__all__ = ["command"]


@click.command("check")
@config_option
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """Find every mistake in bridge.toml.

    Tells each with its line and what to do. Starts nothing and posts nothing. Exit status 1 when there is a mistake; without
    one it reads back who gets what.
    """
    from .._load import inspect
    from .._problems import good_to_know

    found = inspect(config)
    if found.config is None:
        click.echo(found.report())
        context.exit(1)
    routing = (
        f"  {destination.name}: {', '.join(destination.events) or 'only tests and trouble'}"
        for destination in found.config.destinations
    )
    click.echo("\n".join([f"{config}: no mistakes", "", *routing, "", *good_to_know(found.notes)]).rstrip())
