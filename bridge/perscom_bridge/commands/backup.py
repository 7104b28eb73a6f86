"""``perscom-bridge backup``: the database as it is at this moment, in one file."""

from __future__ import annotations

from pathlib import Path

import click

from ._shared import Failure, config_option, open_database, progress_line, system_errors

__all__ = ["command"]


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@config_option
def command(file: Path, config: Path) -> None:
    """Copy the database into FILE while the service runs.

    FILE is new, holds all events of this moment, and is readable for you alone. It is read once over before this command says
    that it is whole. Never copy the database file itself: without its log it lacks what came last.

    It holds all communities of a folder. The configuration and .env are not in it: keep them with it. To go back to it:
    perscom-bridge restore.
    """
    if file.exists():
        raise Failure(f"{file} is there already, and nothing is overwritten. Name another file.")
    with system_errors():
        open_database(config).backup(file, progress=progress_line)
    click.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB, whole and on the disk.")
