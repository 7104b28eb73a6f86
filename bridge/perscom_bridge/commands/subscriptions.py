"""``perscom-bridge subscriptions``: who gets what a sender publishes, and how each of them is doing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from .._problems import count
from . import subscribe
from ._sending import Listing, Opened, OpenSender, json_value, sender_options
from ._shared import Failure
from ._told import address, clock, named, plain, row, standing_of

if TYPE_CHECKING:
    from perscom_sender import Delivery, Standing

__all__ = ["command"]

MORE = 5.0
"""Seconds beyond its own limit that a test is waited for: for whoever delivers to find it."""


@click.group("subscriptions", cls=Listing)
def command() -> None:
    """Who gets the events that you publish. Lists them where no command is named.

    A program of yours publishes with perscom_sender, or perscom-bridge publish does, and perscom-bridge deliveries run sends.
    All of them use one file: --database FILE, or the one of a bridge.toml.

    \b
    perscom-bridge subscriptions add https://example.org/hook --events "order.*"
    perscom-bridge subscriptions test 1
    """


@command.command("list")
@click.option("-n", "most", type=click.IntRange(1), default=50, show_default=True, help="How many at most.")
@click.option("--after", type=int, default=0, metavar="NUMBER", help="Go on behind this one.")
@sender_options
def list_subscriptions(open_sender: OpenSender, most: int, after: int) -> None:
    """All subscriptions, oldest first, each with its number, and how it is doing."""
    with open_sender() as opened:
        every = opened.sender.subscriptions.all()
        some = [one for one in every if one.id > after]
        for one in some[:most]:
            row(f"{one.id:>6}  {plain(one.name) or '-'}  {one.method} {address(one)}")
            events = ", ".join(map(plain, one.events)) or "tests alone"
            row(f"        {standing_of(one, _standing(opened, one.id))}.  Gets {events}")
        if len(some) > most:
            click.echo(f"{len(some) - most} more: perscom-bridge subscriptions --after {some[most - 1].id}{opened.option}")
        if not every:
            add = f"perscom-bridge subscriptions add URL --events NAME{opened.option}"
            click.echo(f"There is no subscription yet: {add}")
        elif nobody := opened.nobody():
            click.echo(nobody)


@command.command("show")
@click.argument("number", type=int)
@sender_options
def show(open_sender: OpenSender, number: int) -> None:
    """All that is set for the subscription NUMBER, but for its secret, and how it is doing."""
    with open_sender() as opened:
        subscribe.show(opened, opened.known(number))
        if nobody := opened.nobody():
            click.echo(nobody)


command.add_command(subscribe.add)
command.add_command(subscribe.edit)
command.add_command(subscribe.rotate)


@command.command("enable")
@click.argument("number", type=int)
@sender_options
def enable(open_sender: OpenSender, number: int) -> None:
    """Send to the subscription NUMBER again, what was kept for it first. One that rests is sent to at once."""
    with open_sender() as opened:
        opened.known(number)
        opened.sender.subscriptions.enable(number)
        click.echo(f"Subscription {number} is on. {count(_standing(opened, number).waiting, 'event')} waiting for it.")
        if nobody := opened.nobody():
            click.echo(nobody)


@command.command("disable")
@click.argument("number", type=int)
@click.option("--reason", default="switched off by hand", show_default=True, help="Why; it stands in the list.")
@sender_options
def disable(open_sender: OpenSender, number: int, reason: str) -> None:
    """Send nothing more to the subscription NUMBER. Its events are kept until it is enabled, for as long as bodies are."""
    with open_sender() as opened:
        if not opened.known(number).enabled:
            raise Failure(f"Subscription {number} is off already: {plain(str(opened.known(number).disabled))}")
        opened.sender.subscriptions.disable(number, reason)
        click.echo(f"Subscription {number} is off. On again: perscom-bridge subscriptions enable {number}{opened.option}")


@command.command("remove")
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@sender_options
def remove(open_sender: OpenSender, number: int, yes: bool) -> None:
    """Forget the subscription NUMBER and its secret. What waits for it is not sent any more; its log stays."""
    with open_sender() as opened:
        found = opened.known(number)
        if not yes:
            kept = _standing(opened, number).waiting
            click.echo(f"Subscription {number}{named(found)}: {count(kept, 'event')} waiting for it, never to be sent then.")
            click.confirm("Forget it and its secret?", abort=True)
        opened.sender.subscriptions.remove(number)
        click.echo(f"Subscription {number} is gone.")


@command.command("test")
@click.argument("number", type=int)
@click.option("--data", metavar="JSON", help='What it holds: JSON, @FILE, or - for standard input.  [default: {"status":"ok"}]')
@sender_options
def test(open_sender: OpenSender, number: int, data: str | None) -> None:
    """Send webhook.test to the subscription NUMBER, whatever it wants, and wait for the answer.

    Exit status 1 unless it was taken at the first try.
    """
    with open_sender() as opened:
        found = opened.known(number)
        if not found.enabled:
            again = f"perscom-bridge subscriptions enable {number}{opened.option}"
            raise Failure(f"Subscription {number} is off, so it would wait: {plain(str(found.disabled))}\nOn again: {again}")
        value = {"status": "ok"} if data is None else json_value(data, "--data")
        event = opened.sender.test(number, value)
        (delivery,) = opened.sender.log.deliveries(event=event)
        click.echo(f"webhook.test to subscription {number}{named(found)} is event {event}, delivery {delivery.id}.")
        if nobody := opened.nobody():
            raise Failure(nobody)
        _tell(opened, _tried(opened, delivery, found.timeout + MORE))


def _tried(opened: Opened, delivery: Delivery, seconds: float) -> Delivery:
    """The delivery once it was tried, or as it is after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = opened.sender.log.delivery(delivery.id)
        if found is not None and found.state != "sending" and (found.attempts or found.state != "waiting"):
            return found
        time.sleep(0.1)
    return delivery


def _tell(opened: Opened, delivery: Delivery) -> None:
    see = f"perscom-bridge deliveries show {delivery.id}{opened.option}"
    attempts = opened.sender.log.attempts(delivery.id)
    if delivery.state == "delivered" and attempts:
        click.echo(f"Delivered: it answered {attempts[-1].status} in {attempts[-1].ms:.0f} ms.")
    elif delivery.attempts:
        raise Failure(f"Not delivered: {plain(delivery.error or 'it was cut off')}. See: {see}")
    else:
        rests = _standing(opened, delivery.subscription).rests_until
        why = "" if rests is None else f" The subscription rests until {clock(rests)}."
        raise Failure(f"Nothing was answered yet.{why} See: {see}")


def _standing(opened: Opened, number: int) -> Standing:
    found = opened.sender.subscriptions.standing(number)
    if found is None:
        raise Failure(f"Subscription {number} was removed at this moment.")
    return found
