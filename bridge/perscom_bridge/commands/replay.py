"""``perscom-bridge inbox replay``: what was stored before a destination was there."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._shared import Failure, config_option, open_inbox

if TYPE_CHECKING:
    from perscom_receiver import Event, Handler, Missed, SQLiteInbox

    from ..config import Config, DestinationConfig

__all__ = ["command"]

MOST_COUNTED = 10_000
"""Events without contents that an inbox counts at most."""


@click.command("replay")
@config_option
@click.option("--to", "name", required=True, metavar="NAME", help="The destination.")
@click.option("--since", "since_text", metavar="WHEN", help="yesterday, 2026-03-01, 3h and the like; else all that is kept.")
@click.option(
    "--events", "events", multiple=True, metavar="WORD", help="In place of the destination's own `events`; repeatable."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(config: Path, name: str, since_text: str | None, events: tuple[str, ...], yes: bool) -> None:
    """Post stored events in the destination NAME that it was never given.

    A new destination gets only what is new; this brings it the past, oldest first. Counts first, and asks. What the destination
    has had, or what was given up there (see inbox retry), is left out, and so are tests, unless --events names them. A running
    service posts the rest within seconds; otherwise the next one does.
    """
    from .._load import load

    loaded = load(config)
    destination = _destination(loaded, name, events)
    since = _since(since_text, loaded)
    with closing(open_inbox(config)) as inbox:
        handler = asyncio.run(_handler(loaded, destination))
        missed = inbox.missed(name, lambda event: _is_meant(event, destination, events) and handler.wants(event), since=since)
        click.echo("\n".join(_summary(loaded, inbox, destination, missed)))
        if not missed.rows:
            return
        if not yes:
            click.confirm(f"Post {'it' if len(missed.rows) == 1 else 'them'} in {name}?", abort=True)
        made = inbox.replay(name, missed.rows, group=handler.grouped)
        paused = _paused(inbox, name)
    click.echo(_outcome(name, made, paused, loaded.option))


def _destination(config: Config, name: str, events: tuple[str, ...]) -> DestinationConfig:
    """The one called ``name``, with ``events`` in place of its own, if there are any."""
    import msgspec

    from .._events import event_mistake
    from .._problems import did_you_mean, hide

    for text in events:
        if mistake := event_mistake(text):
            raise Failure(mistake)
    found = next((one for one in config.destinations if one.name == name), None)
    if found is None:
        names = [one.name for one in config.destinations]
        near = did_you_mean(name, names)
        raise Failure(f'There is no destination "{hide(name)}" in {config.path.name}.{near}      It has: {", ".join(names)}')
    return msgspec.structs.replace(found, events=events) if events else found


def _since(text: str | None, config: Config) -> float:
    """Seconds since 1970."""
    from .._problems import hide
    from .._since import SPELLINGS, since

    if text is None:
        return 0.0
    now = datetime.fromtimestamp(time.time(), UTC)
    moment = since(text, now, config.site.zone)
    if moment is None:
        raise Failure(f'"{hide(text)}" is no time. Write {SPELLINGS}.')
    if moment > now:
        raise Failure(f'"{hide(text)}" is still to come. Write a time in the past: {SPELLINGS}.')
    return moment.timestamp()


async def _handler(config: Config, destination: DestinationConfig) -> Handler:
    """The one that the service has for ``destination``, to be asked what it wants; it posts nothing."""
    from ..routing import destination_handler
    from ..service import destinations_of

    async with destinations_of(config) as opened:
        place = next(place for one, place in opened if one.name == destination.name)
        return destination_handler(destination, place, config.site, lambda name, outcome: None)


def _is_meant(event: Event, destination: DestinationConfig, events: tuple[str, ...]) -> bool:
    """Tests go everywhere, but nobody wants those of the past."""
    from perscom_adapters import matches, word_of

    return word_of(event) != "test" or any(matches(pattern, event) for pattern in events)


def _summary(config: Config, inbox: SQLiteInbox, destination: DestinationConfig, missed: Missed) -> list[str]:
    from .._problems import count

    name, lines = destination.name, []
    if missed.rows:
        first, last = (_received(inbox, row, config) for row in (missed.rows[0], missed.rows[-1]))
        when = f"received {first}" if first == last else f"received from {first} to {last}"
        number = len(missed.rows)
        lines.append(f"{count(number, 'stored event')} {'was' if number == 1 else 'were'} never given to {name}, {when}.")
    else:
        lines.append(f"Nothing is stored that {name} wants and was never given.")
    if missed.gone:
        gone = f"{MOST_COUNTED} or more events" if missed.gone >= MOST_COUNTED else count(missed.gone, "event")
        lines.append(
            f"{gone} cannot be posted any more, whoever they were for: contents are kept for"
            f" {count(config.privacy.keep_bodies, 'day')} (keep_bodies in [privacy]), or were forgotten with a person."
        )
    if missed.rows and destination.ping:
        lines.append(f"{name} pings, and would about the past, too. Take its `ping` line out before, if nobody should be.")
    return lines


def _received(inbox: SQLiteInbox, row: int, config: Config) -> str:
    received = inbox.database.read(
        lambda connection: connection.execute("SELECT received FROM event WHERE id = ?", (row,)).fetchone()[0]
    )
    return f"{datetime.fromtimestamp(received, config.site.zone):%Y-%m-%d %H:%M}"


def _paused(inbox: SQLiteInbox, name: str) -> bool:
    from ..overview import read_overview

    return any(lane.name == name and lane.paused is not None for lane in read_overview(inbox, 0).lanes)


def _outcome(name: str, made: int, paused: bool, option: str) -> str:
    from .._problems import count

    waits = f"{count(made, 'event')} {'waits' if made == 1 else 'wait'} for {name}."
    if paused:
        return f"{waits} It is off: mend it, and then perscom-bridge inbox resume {name}{option}"
    return f"{waits} A running service posts them within seconds, oldest first; else the next one does."
