"""``perscom-bridge check``: every mistake in the configuration, before anything starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import config_option

if TYPE_CHECKING:
    from .._load import Inspection
    from ..config import DestinationConfig

__all__ = ["command"]


@click.command("check")
@config_option
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """Find every mistake in bridge.toml, or in all files of a folder.

    Tells each with its line and what to do. Starts nothing and posts nothing. Exit status 1 when there is a mistake; without
    one it reads back who gets what.
    """
    from .._folder import inspect_folder
    from .._load import inspect

    found = inspect_folder(config) if os.path.isdir(config) else [inspect(config)]
    click.echo("\n\n".join(one.report() if one.problems else _read_back(one) for one in found))
    if any(one.problems for one in found):
        context.exit(1)


def _reads(destination: DestinationConfig) -> str:
    """What comes to a destination, and how."""
    from ..mentions import PINGED

    parts = [", ".join(destination.events) or "only tests and trouble"]
    if destination.when is not None:
        parts.append(f"when {destination.when.source}")
    if destination.ping:
        parts.append(f"pings: {' and '.join(PINGED[kind] for kind in destination.ping)}")
    if destination.long == "follow-up":
        parts.append("what is long is continued")
    if destination.quiet is not None:
        parts.append(f"quiet {destination.quiet}")
    return "; ".join(parts)


def _read_back(found: Inspection) -> str:
    from .._problems import good_to_know

    destinations = found.config.destinations if found.config is not None else ()
    routing = [f"  {one.name}: {_reads(one)}" for one in destinations]
    if found.config is not None and found.config.site.wording:
        routing.append(f"  in your own words: {', '.join(found.config.site.wording)}")
    return "\n".join([f"{found.path}: no mistakes", "", *routing, "", *good_to_know(found.notes)]).rstrip()
