"""``perscom-bridge subscriptions add``, ``edit`` and ``rotate``: what is set for a subscription, and its secret."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from math import inf
from typing import TYPE_CHECKING, Any

import click

from ._sending import Opened, OpenSender, seconds, sender_options
from ._shared import Failure
from ._told import address, in_words, local, named, plain, standing_of
from ._wanted import wanted

if TYPE_CHECKING:
    from perscom_sender import Schedule, Subscription

__all__ = ["add", "edit", "rotate", "show"]


def _schedule(text: str) -> Schedule:
    from perscom_receiver import ConfigurationError
    from perscom_sender import PERSCOM_SCHEDULE, STANDARD_SCHEDULE, Schedule

    known = {"standard": STANDARD_SCHEDULE, "perscom": PERSCOM_SCHEDULE, "none": Schedule(())}
    try:
        return known.get(text.strip().lower()) or Schedule(tuple(seconds(wait) for wait in text.split(",")))
    except ConfigurationError:
        raise click.BadParameter("each wait is 1s to 30d, with commas between: 10s,5m,2h.") from None


def _rate(text: str) -> float:
    try:
        return inf if text.strip().lower() == "none" else float(text)
    except ValueError:
        raise click.BadParameter(f'{text!r} is no number of requests in a second, such as 5 or 0.5; or "none".') from None


_OPTIONS = (
    click.option("--events", multiple=True, metavar="NAMES", help="Names, globs and groups, with commas between; repeatable."),
    click.option("--name", help="What you call it."),
    click.option("--description", help="What there is to know of it."),
    click.option("--method", type=click.Choice(["POST", "GET"]), help="POST, unless you say so. No receiver can verify a GET."),
    click.option("--standard/--no-standard", default=None, help="Also the headers of Standard Webhooks."),
    click.option(
        "--schedule",
        type=_schedule,
        metavar="WAITS",
        help="When it is tried again: standard, the default (10 tries in 3 days), perscom (3 in 2 minutes), or 10s,5m,2h.",
    ),
    click.option("--timeout", type=seconds, metavar="TIME", help="For one whole try, 10s unless you say so, 2m at most."),
    click.option("--concurrency", type=int, metavar="N", help="Requests at once, 5 unless you say so."),
    click.option("--ordered/--no-ordered", default=None, help="Events about one thing one after another, in their order."),
    click.option("--rate", type=_rate, metavar="N", help="Requests in a second at most; none: no limit."),
)


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options for what is set; the command gets those that were named, as ``settings``."""

    @wraps(command)
    def with_settings(**given: Any) -> Any:
        values = {key: given.pop(key) for key in _SETTINGS}
        settings = {key: value for key, value in values.items() if value not in (None, ())}
        if "events" in settings:
            settings["events"] = wanted(settings["events"])
        if settings.get("rate") == inf:
            settings["rate"] = None
        return command(settings=settings, **given)

    for option in reversed(_OPTIONS):
        with_settings = option(with_settings)
    return with_settings


_SETTINGS = ("events", "name", "description", "method", "standard", "schedule", "timeout", "concurrency", "ordered", "rate")

_secret_option = click.option(
    "--secret-env", "variable", metavar="VARIABLE", help="The variable that holds the secret. Without it a new one is made."
)


@click.command("add")
@click.argument("url")
@_settings
@_secret_option
@sender_options
def add(open_sender: OpenSender, url: str, settings: dict[str, Any], variable: str | None) -> None:
    """Subscribe URL to events. It gets what is published from now on.

    NAMES are those of PERSCOM (user.created) or your own (order.paid), globs ("order.*"), and PERSCOM's groups: Users, Records,
    "Calendars & Events", Messages, Submissions, Test. A URL that holds a token need not stand here: write - and give it on
    standard input.
    """
    events = settings.pop("events", None) or wanted(())
    url, (secret, is_new) = _url(url), _secret(variable)
    with open_sender(new=True) as opened:
        added = opened.sender.subscriptions.add(url, secret, events, **settings)
        click.echo(f"Subscription {added.id}{named(added)}: {address(added)} gets {', '.join(map(plain, added.events))}.")
        if is_new:
            _show_once(secret)
        _remark(added)
        click.echo(f"Try it: perscom-bridge subscriptions test {added.id}{opened.option}")


@click.command("edit")
@click.argument("number", type=int)
@click.option("--url", help="Where it goes from now on, also what waits; - for standard input.")
@_settings
@sender_options
def edit(open_sender: OpenSender, number: int, url: str | None, settings: dict[str, Any]) -> None:
    """Change what is set for the subscription NUMBER. --events takes the place of all that it got.

    Its secret is changed by perscom-bridge subscriptions rotate.
    """
    if url is not None:
        settings["url"] = _url(url)
    if not settings:
        raise Failure(
            "Say what is to be changed, such as --events or --url. All of it: perscom-bridge subscriptions edit --help"
        )
    with open_sender() as opened:
        opened.known(number)
        changed = opened.sender.subscriptions.edit(number, **settings)
        show(opened, changed)
        if url is not None:
            _remark(changed)


@click.command("rotate")
@click.argument("number", type=int)
@_secret_option
@click.option(
    "--overlap", type=seconds, default="1d", show_default=True, metavar="TIME", help="How long the old one signs, too."
)
@sender_options
def rotate(open_sender: OpenSender, number: int, variable: str | None, overlap: float) -> None:
    """Sign with a new secret from now on.

    The headers of Standard Webhooks have the signature of the old one, too, for the overlap; PERSCOM's Signature has room for
    one. So that nothing is refused, put the new secret beside the old one in the receiver first, and then name it with
    --secret-env. What a receiver refuses that has only the old one is tried again.
    """
    with open_sender() as opened:
        found = opened.known(number)
        secret, is_new = _secret(variable)
        rotated = opened.sender.subscriptions.rotate(number, secret, overlap=overlap)
        click.echo(f"Subscription {number}{named(found)} signs with the new secret from now on.")
        if is_new:
            _show_once(secret)
        if rotated.standard and overlap:
            click.echo(f"The old one signs, too, for {in_words(overlap)}: in webhook-signature, not in Signature.")
        else:
            click.echo("What the receiver refuses until it has the new one is tried again.")


def show(opened: Opened, subscription: Subscription) -> None:
    """Print all that is set for a subscription, but for its secret, and how it is doing."""
    standing = opened.sender.subscriptions.standing(subscription.id)
    waits = ", ".join(map(in_words, subscription.schedule.waits))
    ends = [local(one.valid_until) for one in subscription.secrets if one.valid_until is not None]
    rate = "" if subscription.rate is None else f", {subscription.rate:g} in a second"
    signed = "Signature, and Standard Webhooks" if subscription.standard else "Signature"
    lines = {
        "goes to": f"{address(subscription)} by {subscription.method}",
        "gets": ", ".join(map(plain, subscription.events)) or "tests alone",
        "is": "gone" if standing is None else standing_of(subscription, standing),
        "tried": f"again after {waits}" if waits else "once",
        "takes": f"{in_words(subscription.timeout)} at most, {subscription.concurrency} at once{rate}",
        "signed": signed if subscription.method == "POST" else "so that nobody can verify it: the method is GET",
        "in order": "what is about one thing" if subscription.ordered else "",
        "old secret": f"signs until {', '.join(ends)}" if ends and subscription.standard else "",
        "note": plain(subscription.description),
    }
    click.echo(f"Subscription {subscription.id}{named(subscription)}")
    for what, text in lines.items():
        if text:
            click.echo(f"  {what:<10}  {text}")


def _url(text: str) -> str:
    return sys.stdin.readline().strip() if text == "-" else text


def _secret(variable: str | None) -> tuple[str, bool]:
    """The secret in a variable of the environment; without one a new secret, and that it is new."""
    from perscom_sender import new_secret

    from .._problems import hide

    if variable is None:
        return new_secret(), True
    value = os.environ.get(variable, "")
    if not value.strip():
        raise Failure(
            f"{hide(variable)} is not set, or empty. --secret-env takes the name of a variable, never the secret itself."
        )
    return value, False


def _show_once(secret: str) -> None:
    click.echo(f"\n  {secret}\n\nThis is its secret, shown this once: the receiver needs it.")


def _remark(subscription: Subscription) -> None:
    """Tell of an address that is refused where nothing else is said."""
    from ipaddress import ip_address

    from perscom_receiver import is_public_address

    host = subscription.host
    try:
        ip_address(host)
    except ValueError:
        private = host == "localhost"
    else:
        private = not is_public_address(host)
    if private:
        allow = "127.0.0.1" if host == "localhost" else host
        click.echo(f"{host} is no public address: nothing is sent there, unless by deliveries run --allow {allow}")
