"""``perscom-bridge publish``: one event for all who subscribed to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from ._sending import Opened, OpenSender, json_value, sender_options
from ._shared import Failure
from ._told import plain

if TYPE_CHECKING:
    from perscom_sender import Delivery

__all__ = ["command"]

NAMED = 10
"""Subscriptions up to which each is named."""
MOST_COUNTED = 1000


@click.command("publish")
@click.argument("event", metavar="NAME")
@click.option("--data", default="{}", metavar="JSON", help="What it is about: JSON, @FILE, or - for standard input.")
@click.option("--changes", metavar="JSON", help="What was changed: an object, by the names of the columns.")
@click.option("--key", help="Publishing again under the same key changes nothing.")
@click.option("--request-id", metavar="ID", help="What it has in common with others of the same action.")
@click.option(
    "--to", type=int, multiple=True, metavar="NUMBER", help="This subscription, in place of those that want it; repeatable."
)
@sender_options
def command(
    open_sender: OpenSender,
    event: str,
    data: str,
    changes: str | None,
    key: str | None,
    request_id: str | None,
    to: tuple[int, ...],
) -> None:
    """Publish an event to those who subscribed to it.

    NAME is PERSCOM's (user.created) or your own (order.paid). It is stored with a delivery for each subscription that wants it;
    perscom-bridge deliveries run sends them. Automations follow, unless --to says who gets it.

    \b
    perscom-bridge publish order.paid --data '{"id": 17}' --key order/17/paid
    """
    given, changed = json_value(data, "--data"), None if changes is None else json_value(changes, "--changes")
    if changed is not None and not isinstance(changed, Mapping):
        raise Failure("--changes is an object of JSON, such as '{\"rank_id\": 7}'.")
    with open_sender() as opened:
        for number in to:
            opened.known(number)
        began = time.time()
        try:
            number = opened.sender.publish_blocking(event, given, changed, request_id, key, to=to or None)
        except (TypeError, ValueError) as error:
            raise Failure(f"This cannot be published: {error}") from error
        click.echo("\n".join(_told(opened, event, number, began)))


def _told(opened: Opened, event: str, number: int, began: float) -> list[str]:
    deliveries = opened.sender.log.deliveries(event=number, n=MOST_COUNTED + 1)[::-1]
    if not deliveries:
        return [f"{plain(event)} is event {number}. {_no_one(opened, event)}"]
    if deliveries[0].published.timestamp() < began:
        see = f"perscom-bridge deliveries --event {number}{opened.option}"
        return [f"It was published under this key before, as event {number}; nothing is sent anew. See: {see}"]
    lines = [f"{plain(event)} is event {number}, for {_receivers(opened, deliveries)}."]
    if nobody := opened.nobody():
        lines.append(nobody)
    return lines


def _receivers(opened: Opened, deliveries: list[Delivery]) -> str:
    if len(deliveries) > NAMED:
        return f"{f'more than {MOST_COUNTED}' if len(deliveries) > MOST_COUNTED else len(deliveries)} subscriptions"
    shown = []
    for one in deliveries:
        found = opened.sender.subscriptions.get(one.subscription)
        more = [] if found is None else [plain(found.name)] * bool(found.name) + ["off: it is kept"] * (not found.enabled)
        shown.append(f"{one.subscription} ({', '.join(more)})" if more else f"{one.subscription}")
    return f"subscription{'s' * (len(shown) > 1)} {', '.join(shown)}"


def _no_one(opened: Opened, event: str) -> str:
    from .._problems import did_you_mean

    asked = {pattern for one in opened.sender.subscriptions.all() for pattern in one.patterns}
    near = did_you_mean(event, sorted(asked))
    return f"No subscription wants it, so it goes to nobody.{near} See: perscom-bridge subscriptions{opened.option}"
