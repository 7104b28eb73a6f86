"""``perscom-bridge send``: one signed webhook, as PERSCOM would send it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import Failure, config_option, live_secrets

if TYPE_CHECKING:
    from perscom_receiver import Secret

__all__ = ["command"]


@click.command("send")
@click.argument("event")
@click.option("--to", "url", required=True, help="The address of the receiver, with its path.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Another value in the sample. JSON, or else text.")
@click.option("--secret-name", "name", metavar="NAME", help="Which secret signs: secret or previous_secret. Never its value.")
@config_option
def command(event: str, url: str, settings: tuple[str, ...], name: str | None, config: Path) -> None:
    """Send a signed sample event to a receiver.

    EVENT is a name that PERSCOM uses: webhook.test, rankrecord.created, user.updated … It is signed and sent like one of
    PERSCOM's own, by POST.

    \b
    perscom-bridge send webhook.test --to http://127.0.0.1:8000/webhooks/perscom
    perscom-bridge send rankrecord.created --set type=1 --set text="For valour" --to http://…

    The secret is the one in the configuration; without that file the one in PERSCOM_WEBHOOK_SECRET. While it is being changed,
    --secret-name shows that the receiver takes the new one before PERSCOM gets it. Exit status 1 unless the receiver answers
    with success (2xx). A redirect is a failure: PERSCOM would follow it and lose the body.
    """
    import asyncio

    from perscom_receiver import SIGNATURE_HEADER
    from perscom_receiver.testing import signed_request

    from .._send import post

    _check_name(event)
    secret = _secret(live_secrets(config), name)
    try:
        headers, body = signed_request(event, "signed again below: a Secret keeps its value", **_overrides(settings))
    except (TypeError, ValueError, RecursionError) as error:
        raise Failure(f"This sample cannot be made: {error}") from error
    headers[SIGNATURE_HEADER] = secret.sign(body)
    answer = asyncio.run(post(url, headers, body))
    call = f"{event} to {url}{f', signed with {secret.name}' if name else ''}"
    if answer.failure:
        raise Failure(f"{call}: {answer.failure}")
    click.echo(f"{call}: {answer.status} in {answer.seconds * 1000:.0f} ms")


def _secret(secrets: tuple[Secret, ...], name: str | None) -> Secret:
    """The secret of that name, or the live one. What was given is never shown: it may be the secret itself, by mistake."""
    for secret in secrets:
        if name in (None, secret.name):
            return secret
    known = ", ".join(secret.name for secret in secrets)
    raise Failure(f"There is no secret of that name. Those here are called: {known}")


def _check_name(event: str) -> None:
    from perscom_adapters import WORDS
    from perscom_receiver import EVENT_NAMES

    from .._problems import did_you_mean

    if event in EVENT_NAMES:
        return
    if event in WORDS:
        raise Failure(f'"{event}" is a word for destinations. What PERSCOM sends is called: {", ".join(WORDS[event].events)}')
    raise Failure(
        f'"{event}" is no event of PERSCOM.{did_you_mean(event, EVENT_NAMES)}      All of them: {", ".join(EVENT_NAMES)}'
    )


def _overrides(settings: tuple[str, ...]) -> dict[str, object]:
    """``KEY=VALUE`` pairs as members of the sample's ``data``; a value that is JSON is taken as that, any other as text."""
    import json

    values: dict[str, object] = {}
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not key or not separator:
            raise Failure(f'"{setting}" is no KEY=VALUE, such as type=1.')
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values
