"""``perscom-bridge deliveries``: what was sent to whom, how each try ended, and sending it once more."""

from __future__ import annotations

from datetime import UTC, datetime
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from .._problems import count
from . import deliver
from ._sending import Listing, Opened, OpenSender, sender_options
from ._shared import Failure
from ._told import address, clock, local, named, plain, row

if TYPE_CHECKING:
    from perscom_sender import Attempt, Delivery

__all__ = ["command"]

MOST_TRIES = 20
"""Tries of a delivery that are shown."""
WIDEST = 32
"""Characters for which the names of events have a column."""

_since_option = click.option(
    "--since", "since_text", metavar="WHEN", help="Published since yesterday, 2026-03-01, 3h and the like."
)


@click.group("deliveries", cls=Listing)
def command() -> None:
    """What was sent to whom, and how it ended. Lists the newest where no command is named.

    A delivery is one event for one subscription, with all its tries. Times are those of this machine.

    \b
    perscom-bridge deliveries --failed --subscription 1 --since yesterday
    perscom-bridge deliveries resend --failed --subscription 1
    """


@command.command("list")
@click.option("-n", "most", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@click.option("--subscription", type=int, metavar="NUMBER", help="Those of one subscription.")
@click.option("--event", type=int, metavar="NUMBER", help="Those of one event, by the number that publish gave.")
@click.option("--failed", "state", flag_value="failed", help="What was given up.")
@click.option("--waiting", "state", flag_value="waiting", help="What is still to be sent.")
@click.option("--before", type=int, metavar="NUMBER", help="Go on behind this one.")
@_since_option
@sender_options
def list_deliveries(
    open_sender: OpenSender,
    most: int,
    subscription: int | None,
    event: int | None,
    state: str | None,
    before: int | None,
    since_text: str | None,
) -> None:
    """The newest deliveries, newest first, each with its number: those of one subscription, of one event, what failed."""
    since = _since(since_text)
    with open_sender() as opened:
        if subscription is not None and not opened.sender.log.deliveries(subscription=subscription, n=1):
            opened.known(subscription)
        found = opened.sender.log.deliveries(subscription=subscription, event=event, state=state, before=before, n=most + 1)  # type: ignore[arg-type]
        found = [one for one in found if since is None or one.published >= since]
        if found:
            longest = min(max(len(one.event_name) for one in found), WIDEST)
            row(f"number  {'published':<19}  {'event':<{longest}}    to  what became of it")
        for one in found[:most]:
            what = f"{local(one.published)}  {plain(one.event_name):<{longest}} {one.subscription:>5}"
            row(f"{one.id:>6}  {what}  {_became(opened, one)}")
        if len(found) > most:
            click.echo(f"Older ones: add --before {found[most - 1].id}")
        elif not found:
            click.echo("There is none." if before is None else "There are no older ones.")
        if nobody := opened.nobody():
            click.echo(nobody)


@command.command("show")
@click.argument("number", type=int)
@sender_options
def show(open_sender: OpenSender, number: int) -> None:
    """The delivery NUMBER with each of its tries: when, how long, and what was answered."""
    with open_sender() as opened:
        one = _known(opened, number)
        found = opened.sender.subscriptions.get(one.subscription)
        click.echo(f"Delivery {one.id}: {plain(one.event_name)}, event {one.event}, id {one.event_id}")
        whom = f"{named(found)} at {address(found)}" if found else ", which is gone"
        click.echo(f"  to         subscription {one.subscription}{whom}")
        click.echo(f"  published  {local(one.published)}{'' if one.body_kept else '; its body is no longer kept'}")
        click.echo(f"  became     {_became(opened, one)}")
        attempts = opened.sender.log.attempts(number)
        if len(attempts) > MOST_TRIES:
            click.echo(f"      and {len(attempts) - MOST_TRIES} tries before these")
        for attempt in attempts[-MOST_TRIES:]:
            click.echo("\n".join(_tried(attempt)))
        if one.state in ("waiting", "sending") and (nobody := opened.nobody()):
            click.echo(nobody)


@command.command("resend")
@click.argument("numbers", type=int, nargs=-1, metavar="[NUMBER]...")
@click.option("--failed", is_flag=True, help="All that failed, of one --subscription.")
@click.option("--subscription", type=int, metavar="NUMBER", help="Whose.")
@_since_option
@sender_options
def resend(
    open_sender: OpenSender, numbers: tuple[int, ...], failed: bool, subscription: int | None, since_text: str | None
) -> None:
    """Send deliveries once more, whatever became of them, with the same bytes and a whole new round of tries.

    By their numbers, or all that failed of one subscription: resend --failed --subscription 1 --since yesterday
    """
    if bool(numbers) == failed or failed != (subscription is not None) or (since_text and not failed):
        raise Failure(
            "Name deliveries by their numbers, or all that failed of one: --failed --subscription NUMBER [--since WHEN]"
        )
    since = _since(since_text)
    with open_sender() as opened:
        if subscription is not None:
            found = opened.known(subscription)
            made = opened.sender.log.resend_all(subscription, since=since)
            waiting = (
                f"{count(made, 'delivery', 'deliveries')} waiting again" if made else "Nothing that failed can be sent again"
            )
            click.echo(f"{waiting}, to subscription {subscription}{named(found)}.")
            if not found.enabled:
                again = f"perscom-bridge subscriptions enable {subscription}{opened.option}"
                click.echo(f"It is off, so nothing is sent before: {again}")
        for number in numbers:
            one = _known(opened, number)
            if not opened.sender.log.resend(number):
                why = "it is being sent just now" if one.body_kept else "its body is no longer kept"
                raise Failure(f"Delivery {number} cannot be sent again: {why}.")
            click.echo(f"Delivery {number}: {_became(opened, _known(opened, number))}")
        if nobody := opened.nobody():
            click.echo(nobody)


@command.command("curl")
@click.argument("number", type=int)
@sender_options
def curl(open_sender: OpenSender, number: int) -> None:
    """The delivery NUMBER as a command for a shell, freshly signed: to try it by hand.

    The whole address and all that the event tells stand in it.
    """
    with open_sender() as opened:
        one, text = _known(opened, number), opened.sender.curl(number)
        if text is None:
            raise Failure(f"Delivery {number} has {'no subscription any more' if one.body_kept else 'no body any more'}.")
        click.echo(text)
        click.echo("It holds a signature that is genuine, and all of the event: keep it to yourself.", err=True)


command.add_command(deliver.run)


def _known(opened: Opened, number: int) -> Delivery:
    found = opened.sender.log.delivery(number)
    if found is None:
        raise Failure(f"There is no delivery {number}. Those there are: perscom-bridge deliveries{opened.option}")
    return found


def _became(opened: Opened, one: Delivery) -> str:
    """What became of a delivery, or when it goes on."""
    why = f": {plain(one.error)}" if one.error and one.state != "delivered" else ""
    how = f"{why} ({count(one.attempts, 'try', 'tries')})" if one.attempts else why
    if one.state == "delivered":
        return f"delivered {clock(one.ended)}{how}" if one.ended else "delivered"
    if one.state == "failed":
        return f"failed{how}"
    if one.state == "sending":
        return "being sent"
    found, standing = opened.sender.subscriptions.get(one.subscription), opened.sender.subscriptions.standing(one.subscription)
    if found is None or standing is None:
        return "not sent any more: its subscription is gone"
    if not found.enabled:
        return "kept: its subscription is off"
    moments = [moment for moment in (one.next, standing.rests_until) if moment is not None]
    later = moments and max(moments) > datetime.now(UTC)
    return f"next try {clock(max(moments))}{how}" if later else f"due now{how}"


def _tried(attempt: Attempt) -> list[str]:
    took = "cut off" if attempt.ms is None else f"{attempt.ms:.0f} ms"
    error = f": {plain(attempt.error)}" if attempt.error else ""
    lines = [f"{attempt.number:>4}  {local(attempt.started)}  {took:>9}  {attempt.status or '-'}  {attempt.kind}{error}"]
    width = max(20, min(get_terminal_size().columns, 120) - 8)
    for line in (attempt.answer or "").splitlines():
        lines += [f"      > {part}" for part in wrap(plain(line), width)]
    if attempt.next is not None:
        lines.append(f"      next try {local(attempt.next)}, at the earliest")
    return lines


def _since(text: str | None) -> datetime | None:
    from .._problems import hide
    from .._since import SPELLINGS, since

    if text is None:
        return None
    now = datetime.now().astimezone()
    moment = since(text, now, now.tzinfo or UTC)
    if moment is not None and moment.tzinfo is now.tzinfo:
        moment = moment.replace(tzinfo=None).astimezone()  # a day of the other half of the year begins at another offset
    if moment is None or moment > now:
        raise Failure(f'"{hide(text)}" is no time in the past. Write {SPELLINGS}.')
    return moment
