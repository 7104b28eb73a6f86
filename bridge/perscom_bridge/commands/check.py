"""``perscom-bridge check``: every mistake in the configuration, before anything starts."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import config_option

if TYPE_CHECKING:
    from .._load import Inspection
    from ..config import Config, DestinationConfig
    from ..live import Answered

__all__ = ["command"]


@click.command("check")
@click.option("--live", is_flag=True, help="Also ask each platform, PERSCOM's API and NATS whether the credentials work.")
@config_option
@click.pass_context
def command(context: click.Context, live: bool, config: Path) -> None:
    """Find every mistake in bridge.toml, or in all files of a folder.

    Tells each with its line and what to do. Starts nothing and posts nothing. Exit status 1 when there is a mistake; without
    one it reads back who gets what.

    With --live it also asks where there is no mistake, still without a post, and the exit status is 1 when something does not
    work. Whether a thread or a topic is there, and all of a Slack webhook, can only be tried out: perscom-bridge test.
    """
    from .._folder import inspect_folder
    from .._load import inspect

    found = inspect_folder(config) if os.path.isdir(config) else [inspect(config)]
    click.echo("\n\n".join(one.report() if one.problems else _read_back(one) for one in found))
    works = [_asks(one.config) for one in found if live and one.config is not None]
    if not all(works) or any(one.problems for one in found):
        context.exit(1)


def _asks(config: Config) -> bool:
    """Ask about one community and tell what was found. False when something does not work."""
    from ..live import ask_all

    # What is said there is shown below, too. Who has no logging gets it on standard error from Python itself.
    logging.getLogger("perscom_bridge").addHandler(logging.NullHandler())
    answered = asyncio.run(ask_all(config, _progress))
    click.echo("\n".join(["", f"{config.path.name}: asked, and nothing posted", *map(_told, answered)]))
    return all(one.works is not False for one in answered)


def _told(one: Answered) -> str:
    how = {True: "works", False: "does not work", None: "cannot be asked"}[one.works]
    return f"  {one.name}: {how}: {one.text}"


def _progress(done: int, total: int) -> None:
    """One line, where somebody watches."""
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {total} have answered", nl=done >= total, err=True)


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
    if destination.threads is not None:
        parts.append("a thread for each new member")
    if destination.quiet is not None:
        parts.append(f"quiet {destination.quiet}")
    return "; ".join(parts)


def _read_back(found: Inspection) -> str:
    from .._problems import good_to_know
    from ..moved import moved_chats

    destinations = found.config.destinations if found.config is not None else ()
    moved = moved_chats(found.config) if found.config is not None else ()
    routing = [f"  {one.name}: {_reads(one)}" for one in destinations]
    if found.config is not None and found.config.site.wording:
        routing.append(f"  in your own words: {', '.join(found.config.site.wording)}")
    if found.config is not None and found.config.site.operator is not None:
        routing.append(f"  trouble is told in: {found.config.site.operator}")
    if found.config is not None and found.config.server.ingest is not None:
        routing.append(f"  accepted once they are in the stream at {found.config.server.ingest.name}")
    return "\n".join([f"{found.path}: no mistakes", "", *routing, "", *good_to_know([*found.notes, *moved])]).rstrip()
