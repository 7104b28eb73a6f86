"""``perscom-bridge inbox``: what is stored, what was given up, and another try for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import replay
from ._shared import Failure, config_option, open_inbox

if TYPE_CHECKING:
    from perscom_receiver import SQLiteInbox

__all__ = ["command"]


@contextmanager
def _opened(config: Path) -> Iterator[tuple[SQLiteInbox, str]]:
    """The inbox of one community, and what a hint ends with to be about that one."""
    from .._load import load

    option = load(config).option
    with closing(open_inbox(config)) as inbox:
        yield inbox, option


@click.group("inbox")
def command() -> None:
    """List what is stored and what was given up.

    And give that another try, or a destination what it was never given. Works beside a running service.
    """


command.add_command(replay.command)


@command.command("list")
@config_option
@click.option("-n", "count", default=20, show_default=True, help="How many of the newest events.")
def list_events(config: Path, count: int) -> None:
    """The newest events, newest first, each with its number, and what became of them.

    perscom-bridge preview NUMBER shows what is said about one.
    """
    from ..directory import SiteDirectory
    from ..overview import read_overview

    with _opened(config) as (inbox, option):
        directory = SiteDirectory(inbox)
        asyncio.run(directory.before(()))
        overview = read_overview(inbox, count, directory)
    for event in overview.events:
        became = ", ".join(f"{task.destination}: {task.state}" for task in event.tasks) or "for nobody"
        when = f"{event.row:>6}  {event.received:%Y-%m-%d %H:%M:%S}Z"
        click.echo(f"{when}  {event.name:<28} {event.title or 'nothing to say'}  ({became})")
    for lane in overview.lanes:
        if lane.paused is not None:
            again = f"perscom-bridge inbox resume {lane.name}{option}"
            click.echo(f"{lane.name} is off: {lane.paused} {lane.waiting} waiting.  On again: {again}")
    click.echo(f"{overview.health.stored} events kept, {overview.health.waiting} waiting, {overview.health.dead} given up.")


@command.command("dead")
@config_option
def list_dead(config: Path) -> None:
    """What was given up, with its number and the reason."""
    with _opened(config) as (inbox, option):
        letters = inbox.dead_letters()
    for letter in letters:
        tries = f"{letter.attempts} {'try' if letter.attempts == 1 else 'tries'}"
        click.echo(f"{letter.task:>6}  {letter.handler}  {letter.event_name}  {tries}: {letter.error}")
    click.echo(f"Another try: perscom-bridge inbox retry NUMBER{option}" if letters else "Nothing was given up.")


@command.command("retry")
@config_option
@click.argument("number", type=int)
def retry(config: Path, number: int) -> None:
    """Try what was given up under NUMBER again. A running service does it within a second."""
    with _opened(config) as (inbox, option):
        revived = inbox.revive(number)
    if not revived:
        raise Failure(f"Nothing that was given up has the number {number}. See: perscom-bridge inbox dead{option}")
    click.echo(f"{number} waits for its next try.")


@command.command("resume")
@config_option
@click.argument("name")
def resume(config: Path, name: str) -> None:
    """Switch the destination NAME on again, after what was wrong at the platform is mended. Its events are then posted."""
    with _opened(config) as (inbox, option):
        resumed = inbox.resume(name)
    if not resumed:
        raise Failure(f"No destination {name!r} is switched off. See: perscom-bridge inbox list{option}")
    click.echo(f"{name} is on again.")
