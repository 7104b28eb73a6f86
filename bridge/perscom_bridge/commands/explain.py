"""``perscom-bridge explain``: why a captured request is refused."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, BinaryIO

import click

from ._shared import VARIABLE, Failure, config_option, live_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perscom_receiver import Explanation, Secret

    from ..captured import Captured
    from ..refused import Refused

__all__ = ["command"]

MAX_BODY = 5 * 2**20
"""Bytes of a body that perscom-bridge receives."""
MOST = 64 * 2**20
"""Bytes of a body that any app of ours receives."""
LARGEST = MOST + 2**20
"""Bytes of a file: such a body, and its head."""
WIDTH = 100
_INDENT = 14


@click.command("explain")
@click.argument("file", type=click.File("rb"), required=False, metavar="[FILE]")
@click.option("--signature", help="The Signature header, where FILE holds the body alone.")
@click.option("--last", is_flag=True, help="The newest request that serve --keep-refused has kept.")
@click.option(
    "--max-body",
    type=click.IntRange(1, MOST),
    default=MAX_BODY,
    show_default=True,
    metavar="BYTES",
    help="The max_body of the receiver, where it is an app of your own.",
)
@config_option
def command(file: BinaryIO | None, signature: str | None, last: bool, max_body: int, config: Path) -> None:
    """Say why a captured request is refused.

    FILE holds a request as it arrived, head and body; a body alone needs --signature beside it. "-" is standard input.

    \b
    perscom-bridge explain --last
    perscom-bridge explain request.txt
    perscom-bridge explain body.json --signature HEX

    "Certain" stands where the signature was computed again from what was found, "probably" where it was not. Shows no secret,
    and of the body no more than how the first changed letter is spelled.
    """
    from perscom_receiver import explain

    if last == (file is not None):
        raise click.UsageError("Name a FILE or --last.")
    secrets = live_secrets(config)
    refused = None
    if file is None:
        refused = _newest(config)
        request = refused.request
    else:
        request = _from(file, signature)
    if request.method == "POST" and not request.complete:
        raise Failure(_incomplete(last))
    explanation = explain(
        request.headers,
        request.body,
        secrets,
        method=request.method,
        query=request.query,
        known=_known(config),
        max_body=max_body,
    )
    click.echo("\n".join([_summary(request, refused), "", *_rows(explanation)]))
    if refused is not None and explanation.cause == "genuine":
        click.echo("  It was refused under other settings. If you have not yet, restart perscom-bridge serve.")


def _newest(config: Path) -> Refused:
    from .._load import load
    from ..refused import RefusedRequests

    loaded = load(config)
    try:
        refused = RefusedRequests(loaded.server.files).newest(loaded.webhook_path)
    except OSError as error:
        raise Failure(f"{error.filename} cannot be read: {error.strerror}.") from error
    if refused is None:
        raise Failure("No refused request is kept. Start perscom-bridge serve --keep-refused, and let PERSCOM call again.")
    return refused


def _incomplete(last: bool) -> str:
    if last:
        return (
            "The body of the newest refused request was not kept: it was too large, not complete, or held a column of PERSCOM "
            "that must not reach a disk. The log line of its refusal tells the cause."
        )
    return "This file ends before the body does: the head announces more. Capture the whole request."


def _from(file: BinaryIO, signature: str | None) -> Captured:
    from perscom_receiver import SIGNATURE_HEADER

    from ..captured import Captured, parse

    raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise Failure(f"{file.name} is larger than {LARGEST // 2**20} MiB; what PERSCOM sends never is.")
    request = parse(raw)
    if request is None:
        if signature is None:
            raise Failure(
                f"{file.name} does not begin like a request (POST /webhooks/perscom HTTP/1.1), so it is taken for a body.\n"
                "Give the Signature header that came with it: --signature HEX"
            )
        headers = ((SIGNATURE_HEADER.encode(), signature.encode()),)
        return Captured(method="POST", path="", query=False, headers=headers, body=raw)
    if signature is not None:
        raise Failure(f"{file.name} holds a whole request, with its own head. Leave out --signature.")
    return request


def _known(config: Path) -> list[Secret]:
    """What somebody may have signed with by mistake: every value in .env, and the variable that the secret is usually in."""
    from perscom_receiver import ConfigurationError, Secret

    from .._environment import Environment

    try:
        found = {f"{name} in .env": value.value for name, value in Environment.read(config.parent, {}).variables.items()}
    except (OSError, UnicodeDecodeError):
        found = {}
    found[f"{VARIABLE} in the environment"] = os.environ.get(VARIABLE, "")
    secrets = []
    for name, value in found.items():
        try:
            secrets.append(Secret(value, name=name))
        except ConfigurationError:  # blank
            continue
    return secrets


def _summary(request: Captured, refused: Refused | None) -> str:
    from .._problems import hide

    when = f" at {refused.at:%Y-%m-%d %H:%M:%S} UTC" if refused else ""
    answered = f", answered {refused.status}" if refused else ""
    size = f"{len(request.body):,}".replace(",", " ")
    return f"{hide(f'{request.method} {request.path}'.strip())}{when}, {size} bytes{answered}"


def _rows(explanation: Explanation) -> Iterator[str]:
    yield from _row("Signature", explanation.signature)
    yield from _row("Cause", explanation.why)
    if difference := explanation.difference:
        where = f", in {difference.field}" if difference.field else ""
        yield from _row("First", f"byte {difference.byte}{where}")
        yield from _row("change", f"arrived  {difference.arrived}")
        yield from _row("", f"signed   {difference.signed}")
        yield from _row("", difference.total)
    if explanation.remedy:
        yield ""
        if explanation.secret_is_right:
            yield "  The secret is right. Do not change it."
        yield from _row("What to do", explanation.remedy)


def _row(label: str, text: str) -> Iterator[str]:
    for number, line in enumerate(wrap(text, WIDTH - _INDENT, break_on_hyphens=False)):
        yield f"  {label if not number else '':<{_INDENT - 2}}{line}"
