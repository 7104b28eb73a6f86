"""``perscom-bridge sign``: the signature PERSCOM would send with a body."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from ._shared import body_argument, config_option, live_secrets

__all__ = ["command"]


@click.command("sign")
@body_argument
@config_option
def command(body: BinaryIO, config: Path) -> None:
    """Print the signature of a body.

    The body is the bytes of FILE, or of standard input. The secret is the one in the configuration; without that file the one
    in PERSCOM_WEBHOOK_SECRET. Every byte counts: a line break at the end, which editors like to add, gives another signature.
    """
    click.echo(live_secrets(config)[0].sign(body.read()))
