"""``perscom-bridge purge``: forget a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import config_option, open_inbox

if TYPE_CHECKING:
    from perscom_receiver import Purged

__all__ = ["command"]


@click.command("purge")
@click.option("--user", required=True, type=click.IntRange(min=1), help="The number of the user in PERSCOM.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def command(user: int, yes: bool, config: Path) -> None:
    """Forget all that is stored about a person.

    Finds the events that name the user's number, as the one they are about, as author or as recipient, and those with an e-mail
    address that is stored of this user. Their contents are overwritten, and what still waits is not posted. Digests stay, so
    that none of them can be sent again. Works beside a running service, which answers PERSCOM with 503 while the file is
    rewritten (about 10 seconds for a GB); PERSCOM tries again.

    Delete the user in PERSCOM first, or PERSCOM will send new events. It does not reach messages in your chats, backups, and
    events that tell a name in a text alone.
    """
    from .._load import load
    from ..directory import forget

    inbox = open_inbox(config)
    if not yes:
        click.confirm(
            f"All that is stored about user {user} will be forgotten, and nothing about them that waits is posted. Go on?",
            abort=True,
        )
    try:
        purged = forget(inbox, [user])
    finally:
        inbox.close()
    click.echo("\n".join(_summary(load(config).server.files, user, purged)))


def _summary(path: Path, user: int, purged: Purged) -> list[str]:
    from .._problems import count

    lines = [f"User {user}: {count(purged.events, 'event')} forgotten, {count(purged.dropped, 'waiting message')} dropped."]
    if not purged.overwritten:
        lines.append("Remains may still be in the file: something reads it (a backup?), or the disk is full. Do it once more.")
    copies = sorted(file.name for file in path.parent.iterdir() if file.name.startswith(f"{path.name}."))
    if left := [name for name in copies if name != f"{path.name}.lock"]:
        lines.append(f"Not touched, though they may tell of this user: {', '.join(left)}. Delete what you no longer need.")
    return lines
