"""SIGKILL at any moment, again and again: ``python tests/kills --kills 1000``.

Runs the service under load, kills it, its worker or both at chosen and at random moments (while the file is opened, in a
checkpoint, in a handler, directly after an answer), starts them again on the same file, and counts in the end what was lost and
what was done twice. Every 50 kills it begins anew in an empty folder.

A kill does not show that the disk was synced, since the page cache survives it. It shows that every answer comes after its
commit, and that whatever a crash leaves behind is picked up again.
"""

from __future__ import annotations

import random
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from place import Place
from verdict import Tally

KILLS_IN_ONE_PLACE = 50


@click.command(help=__doc__)
@click.option("--kills", default=1000, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Chooses the moments.")
@click.option("--folder", type=click.Path(path_type=Path), help="Keep the databases there.")
def main(kills: int, seed: int, folder: Path | None) -> None:
    """Kill, and print the verdict. Exit status 1 when anything was lost, or done twice without excuse."""
    began, total = time.monotonic(), Tally()
    with TemporaryDirectory() as temporary, click.progressbar(length=kills, label="Killing", show_pos=True) as progress:
        for number, first in enumerate(range(0, kills, KILLS_IN_ONE_PLACE)):
            where = (folder or Path(temporary)) / str(number)
            where.mkdir(parents=True)
            with closing(Place(where, random.Random(f"{seed}/{number}"))) as place:
                for _ in range(min(KILLS_IN_ONE_PLACE, kills - first)):
                    place.kill()
                    progress.update(1)
                total.add(place.finish())
            if total.problems:
                break
    kinds = ", ".join(f"{count} of the {name}" for name, count in sorted(total.kills.items()))
    click.echo(f"{total.kills.total()} kills in {time.monotonic() - began:.0f} s: {kinds}")
    click.echo(f"{total.in_a_checkpoint} of them in a checkpoint")
    click.echo(f"{total.accepted} events accepted, {total.lost} lost")
    click.echo(f"{total.calls} calls of handlers, {total.repeated} repeated ({total.allowed} allowed)")
    click.echo(f"{total.put_aside} cut off and put aside")
    for problem in total.problems[:20]:
        click.echo(problem, err=True)
    sys.exit(bool(total.problems))


if __name__ == "__main__":
    main()
