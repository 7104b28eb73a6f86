"""``perscom-bridge deliveries run``: send what was published, until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .._problems import count
from ._sending import OpenSender, sender_options

if TYPE_CHECKING:
    import asyncio

    from perscom_sender import Sender

__all__ = ["run"]


@click.command("run")
@click.option("--allow", multiple=True, metavar="NETWORK", help="Send also there: 10.20.0.0/16, 127.0.0.1; repeatable.")
@click.option(
    "--outbox",
    "outboxes",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file of yours in which publish_in leaves events; repeatable.",
)
@click.option(
    "--keep-bodies", type=float, default=30, show_default=True, metavar="DAYS", help="How long events can be sent again."
)
@click.option("--keep-log", type=float, default=365, show_default=True, metavar="DAYS", help="How long the log is kept.")
@sender_options
def run(
    open_sender: OpenSender, allow: tuple[str, ...], outboxes: tuple[Path, ...], keep_bodies: float, keep_log: float
) -> None:
    """Send what was published and what is due again, until SIGTERM or Ctrl-C.

    A line for each try goes to standard error. Several may run on one file, also in programs of yours (Sender.run): they share
    the work. A stop lets what is under way come to an end; after a crash what was under way is sent again within 15 seconds.
    """
    from .._run import run as run_until_stopped
    from ..logs import configure_logging

    configure_logging()
    with open_sender(new=True, allow=allow, outboxes=outboxes, keep_bodies=keep_bodies, keep_log=keep_log) as opened:
        number = len(opened.sender.subscriptions.all())
        hint = "" if number else f" Add one: perscom-bridge subscriptions add URL --events NAME{opened.option}"
        click.echo(f"{opened.name}: delivering to {count(number, 'subscription')}.{hint}")
        for outbox in outboxes:
            if not outbox.exists():
                click.echo(f"{outbox} is not there yet; it is looked at when it is.")
        run_until_stopped(lambda stop: _deliver(opened.sender, stop))
        click.echo("Stopped.")


async def _deliver(sender: Sender, stop: asyncio.Event) -> None:
    import asyncio

    async def tell() -> None:
        await stop.wait()
        click.echo("Stopping: what is under way comes to an end.")

    telling = asyncio.create_task(tell())
    try:
        await sender.run(stop)
    finally:
        telling.cancel()
