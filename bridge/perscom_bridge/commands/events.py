"""``perscom-bridge events``: the words for an ``events`` line."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("events")
def command() -> None:
    """Show the words for an `events` line.

    Beside each word stands what it comes from in PERSCOM, and who gets it without asking. The names that PERSCOM itself uses
    (rankrecord.created) and globs over them (rankrecord.*) work as well.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from perscom_adapters import WORDS

    table = Table("word", "comes from", "default set", box=SIMPLE_HEAD, pad_edge=False)
    for row in WORDS.values():
        table.add_row(row.word, row.comes_from, "every destination, always" if row.default == "every" else row.default)
    Console().print(table)
    click.echo("public  goes to every destination without an `events` line")
    click.echo('staff, none  go only where `events` names them:  events = ["demotion", "servicerecord.*"]')
