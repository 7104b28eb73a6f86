"""``perscom-bridge verify``: whether a captured body is genuine."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from ._shared import Failure, body_argument, config_option, live_secrets

__all__ = ["command"]


@click.command("verify")
@body_argument
@click.option("--signature", required=True, help="The Signature header that came with it: 64 hex digits.")
@config_option
def command(body: BinaryIO, signature: str, config: Path) -> None:
    """Say whether a captured body is genuine.

    The body is the bytes of FILE, or of standard input, exactly as they arrived. Exit status 1 when it is not genuine, with the
    reason.
    """
    from perscom_receiver import SIGNATURE_HEADER, MalformedEvent, VerificationError, Verifier

    try:
        event = Verifier(live_secrets(config)).event({SIGNATURE_HEADER: signature}, body.read())
    except VerificationError as refusal:
        raise Failure(f"Not genuine. {refusal}") from refusal
    except MalformedEvent as refusal:
        raise Failure(f"The signature is genuine, but the body is no event. {refusal}") from refusal
    click.echo(f"Genuine: {event.name} of {event.created:%Y-%m-%d %H:%M:%S} UTC, signed with {event.secret_name}.")
