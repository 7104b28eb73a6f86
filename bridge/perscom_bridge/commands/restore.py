"""``perscom-bridge restore``: a backup in the place of the database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import config_option, progress_line, system_errors

if TYPE_CHECKING:
    from perscom_receiver.queue import Restored

__all__ = ["command"]


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@config_option
def command(file: Path, config: Path) -> None:
    """Put the backup FILE in the place of the database.

    Stop the service first: while anything has the database open, nothing is done. The database that is replaced is kept beside
    the new one. As far as it can be read, what came after the backup is taken over from it, so that nothing is lost, nothing is
    posted twice, and nobody can send it again. FILE stays as it is.
    """
    from perscom_receiver.queue import Database

    from .._load import load_server

    database = Database(load_server(config).place)
    with system_errors():
        restored = database.restore(file, progress=progress_line)
    click.echo("\n".join([*_summary(database.name, file, restored), "Now start the service."]))


def _summary(name: str, file: Path, restored: Restored) -> list[str]:
    from .._problems import count

    newest = "It is empty."
    if restored.newest is not None:
        newest = f"Its newest event came at {datetime.fromtimestamp(restored.newest, UTC):%Y-%m-%d %H:%M:%S} UTC."
    lines = [f"{name} is now what {file} was. {newest}"]
    if restored.replaced is not None:
        lines.append(f"The database before is kept: {restored.replaced.name}")
    if restored.since is not None:
        lines.append(f"From it {count(restored.since, 'event')} that came after the backup were taken over.")
    else:
        lines += [
            "What may have been accepted after the backup is not known to it. Who captured such a call could send it again,",
            "until the Secret is another one in PERSCOM's form and in bridge.toml.",
        ]
    if restored.waiting:
        again = ", even what was posted after the backup" if restored.since is None else ""
        lines.append(f"{restored.waiting} waiting: handled when the service starts{again}.")
    return lines
