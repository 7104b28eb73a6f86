"""``perscom-bridge check``: every mistake in the configuration, before anything starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import config_option

if TYPE_CHECKING:
    from .._load import Inspection

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


def _read_back(found: Inspection) -> str:
    from .._problems import good_to_know

    destinations = found.config.destinations if found.config is not None else ()
    routing = [f"  {one.name}: {', '.join(one.events) or 'only tests and trouble'}" for one in destinations]
    return "\n".join([f"{found.path}: no mistakes", "", *routing, "", *good_to_know(found.notes)]).rstrip()
