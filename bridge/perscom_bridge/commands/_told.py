"""How commands of a sender tell of moments, waits and subscriptions: nothing private, and nothing a terminal would act on."""

from __future__ import annotations

import sys
from datetime import datetime
from shutil import get_terminal_size
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from perscom_sender import Standing, Subscription

__all__ = ["about", "address", "clock", "in_words", "local", "named", "plain", "row", "standing_of"]

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60))


def plain(text: str) -> str:
    """``text`` on one line, without what a terminal would act on: it may be of strangers."""
    return "".join(c if c.isprintable() else " " for c in text)


def row(text: str) -> None:
    """Print a line of a list: on a terminal no longer than one there, elsewhere whole."""
    width = get_terminal_size().columns
    click.echo(f"{text[: width - 1]}…" if sys.stdout.isatty() and len(text) > width else text)


def local(moment: datetime) -> str:
    """A moment on the clock of this machine."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def clock(moment: datetime) -> str:
    """A moment on the clock of this machine, without a date when it is today's."""
    then = moment.astimezone()
    return f"{then:%H:%M:%S}" if then.date() == datetime.now().astimezone().date() else local(then)


def in_words(seconds: float) -> str:
    """``10 s``, ``5 min``, ``2 h``, ``3 d``: in the largest unit that is exact."""
    for unit, length in _UNITS:
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:g} s"


def about(seconds: float) -> str:
    """``90 s``, ``12 min``: in a unit of which there are at least two, rounded down."""
    length = next((length for _, length in _UNITS if seconds >= 2 * length), 1)
    return in_words(seconds // length * length)


def address(subscription: Subscription) -> str:
    """Where it goes, without path and query, which may hold a token."""
    parts = urlsplit(subscription.url)
    rest = "/…" if parts.query or parts.path not in ("", "/") else ""
    return f"{parts.scheme}://{parts.netloc}{rest}"


def named(subscription: Subscription) -> str:
    """Its name in brackets, with a leading space; or nothing."""
    return f" ({plain(subscription.name)})" if subscription.name else ""


def standing_of(subscription: Subscription, standing: Standing) -> str:
    """How it is doing, in a line."""
    if subscription.disabled is not None:
        state = f"off: {plain(subscription.disabled).rstrip('.')}"
    elif standing.rests_until is not None:
        why = f" after {standing.failures} failures in a row" if standing.failures else ""
        state = f"rests until {clock(standing.rests_until)}{why}"
    elif standing.failures:
        state = f"on, failing: {standing.failures} in a row"
    else:
        state = "on"
    counts = [f"{number} {what}" for number, what in ((standing.waiting, "waiting"), (standing.failed, "failed")) if number]
    return "; ".join([state, *counts])
