"""``perscom-bridge preview``: what a message looks like, before anything is sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ._shared import Failure, config_option, open_inbox

if TYPE_CHECKING:
    from perscom_receiver import ConfigurationError, Event, SQLiteInbox

    from ..config import Config, DestinationConfig, Site
    from ..posting import Known

__all__ = ["command"]

HTML = "html"
ALL = "all"
Tasks = Sequence[Sequence["Event"]]


@click.command("preview")
@click.argument("what", metavar="WHAT...", nargs=-1)
@click.option(
    "--as",
    "forms",
    metavar="LIST",
    help="Platforms, with commas between them; html makes a page of them.  [default: all]",
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the page to FILE.")
@click.option(
    "--to", "name", metavar="NAME", help="As the destination NAME gets it, in its language, with its pings and so on."
)
@click.option(
    "--language", metavar="CODE", help="Write it in this language, or in all.  [default: the configuration's, else en]"
)
@click.option("--whole", is_flag=True, help="With all other deliveries of the same action.")
@click.option("--digest", is_flag=True, help="With all else that a night brings.")
@click.option("--long", is_flag=True, help="With a very long text; of a submission with many answers, which go on.")
@click.option(
    "--then", "later", metavar="WHAT", multiple=True, help="What comes later: edited, deleted, or as WHAT; repeatable."
)
@config_option
def command(
    what: tuple[str, ...],
    forms: str | None,
    output: Path | None,
    name: str | None,
    language: str | None,
    whole: bool,
    digest: bool,
    long: bool,
    later: tuple[str, ...],
    config: Path,
) -> None:
    """See what a message looks like.

    WHAT is a word (promotion, award, event …), a name that PERSCOM uses (rankrecord.updated), a file with captured bodies, or
    the number of a stored event, as `perscom-bridge inbox list` shows it, or the beginning of its id. Words and names show a
    sample. Several are posted together: those of one action as one message, others as a digest. What you see is read back from
    the very payload that would be sent. Below it stand the names that a wording and a condition may use, with their values.

    \b
    perscom-bridge preview demotion
    perscom-bridge preview body.json --as discord
    perscom-bridge preview event --as html -o event.html
    perscom-bridge preview award --language all
    perscom-bridge preview assignment --whole          six deliveries, one message
    perscom-bridge preview --digest                    a night that was held until the morning
    perscom-bridge preview promotion --then edited --then deleted
    perscom-bridge preview 1871 --to announcements     of a webhook: the request that it gets

    Needs no configuration. With one, links lead to the address of your PERSCOM as they will, your own wording and pictures are
    used, and what is stored is told with the names that the service has learned. Nothing is asked of PERSCOM's API.
    """
    platforms, as_page = _forms(forms)
    if output is not None and not as_page:
        raise click.UsageError("-o is for a page: add --as html.")
    if not (what or digest):
        raise click.UsageError("Name what you want to see, such as promotion.")
    loaded = _config(config)
    with _stored(loaded, config) as inbox:
        from ..preview.asked import asked_for, later_than
        from ..preview.note import about, about_times, not_wanted
        from ..preview.rehearsal import anywhere
        from ..preview.shown import shown

        asked = [asked_for(one, inbox, whole=whole, long=long) for one in what]
        origins = dict.fromkeys(one.origin for one in asked)
        events = [event for one in asked for event in one.events]
        if digest:
            from ..preview.samples import night

            events += night()
            origins["a sample"] = None
        tasks = [events, *later_than(events, later, inbox, invented=all(one.invented for one in asked))]
        known = _known(loaded, inbox, invented=list(origins) == ["a sample"])
        places = [_destination(loaded, name)] if name else [anywhere(one, long=long) for one in platforms]
        if (requests := _requests(tasks, places[0])) is not None:
            click.echo(requests)
            return
        if name and forms not in (None, HTML):
            raise click.UsageError(f"{name} is on {places[0].place.platform}. Leave --as out, or make it html.")
        missing = _not_shown if name is None and forms in (None, HTML) else None
        site = loaded.site if loaded is not None else _no_site()
        spoken = _languages(language, places[0].language or site.language)
        found = asyncio.run(shown(tasks, places, spoken, site, known, missing))
        unwanted = not_wanted(places[0], events, known) if name else []
    cards = [card for _, part in found.parts for card in part]
    note = " ".join([about(tasks, origins), *unwanted, *about_times(cards)])
    if as_page:
        from ..preview.page import page

        at = max(event.created for event in events)
        _write(page(found.parts, note=note, at=at, channel=places[0].name, word=found.word, names=found.names), output)
        return
    from ..preview.names import table
    from ..preview.terminal import boxes, shelves

    columns = get_terminal_size((120, 40)).columns
    click.echo(f"{note}\n")
    for heading, part in found.parts:
        if heading:
            click.echo(heading)
        click.echo("".join(boxes(shelf, columns) for shelf in shelves(part)))
    click.echo(table(found.names, found.word, columns))


def _forms(text: str | None) -> tuple[list[str], bool]:
    """The platforms to show, and whether on a page."""
    from .._problems import did_you_mean, hide
    from ..platforms import PLATFORMS

    named = list(dict.fromkeys(part.strip().lower() for part in text.split(","))) if text is not None else []
    for name in named:
        if name not in PLATFORMS and name != HTML:
            near = did_you_mean(name, (*PLATFORMS, HTML))
            known = f"{', '.join(PLATFORMS)}; {HTML} makes a page of them"
            raise Failure(f'"{hide(name)}" is no platform.{near}      Known: {known}')
    return [name for name in named if name != HTML] or list(PLATFORMS), HTML in named


def _config(config: Path) -> Config | None:
    """The configuration; None where nobody named a file and none is here."""
    from .._load import load

    source = click.get_current_context().get_parameter_source("config")
    return None if source is ParameterSource.DEFAULT and not os.path.exists(config) else load(config)


@contextmanager
def _stored(loaded: Config | None, config: Path) -> Iterator[SQLiteInbox | None]:
    """What is stored of the community, if there is a database."""
    from perscom_receiver.queue import Database

    if loaded is None or not Database(loaded.server.place).exists():
        yield None
        return
    with closing(open_inbox(config)) as inbox:
        yield inbox


def _known(loaded: Config | None, inbox: SQLiteInbox | None, *, invented: bool) -> Known | None:
    """Who knows names. A sample is of another community, so of that nobody knows more than the pictures."""
    if loaded is None:
        return None
    from ..directory import SiteDirectory
    from ..preview.rehearsal import Pictures

    return Pictures(loaded.images) if inbox is None or invented else SiteDirectory(inbox, images=loaded.images)


def _destination(loaded: Config | None, name: str) -> DestinationConfig:
    from .._problems import did_you_mean, hide

    destinations = loaded.destinations if loaded is not None else ()
    found = next((one for one in destinations if one.name == name), None)
    if found is None:
        names = [one.name for one in destinations]
        near = did_you_mean(name, names)
        raise Failure(
            f'There is no destination "{hide(name)}".{near}      There is: {", ".join(names) or "no configuration here"}'
        )
    return found


def _requests(tasks: Tasks, destination: DestinationConfig) -> str | None:
    """The requests that a destination gets which gets the events themselves; None for one that shows messages."""
    from ..platforms.webhook import WebhookPlace
    from ..preview.request import request_text

    place = destination.place
    if not isinstance(place, WebhookPlace):
        return None
    return "\n".join(request_text(destination.name, place, event) for task in tasks for event in task)


def _no_site() -> Site:
    from ..config import Site

    return Site(secrets=())


def _languages(code: str | None, otherwise: str) -> list[str]:
    from perscom_adapters import LANGUAGES

    from .._problems import did_you_mean, hide

    if code == ALL:
        return list(LANGUAGES)
    if code is None:
        return [otherwise]
    if code not in LANGUAGES:
        near = did_you_mean(code, LANGUAGES)
        raise Failure(f'"{hide(code)}" is no language of perscom-bridge.{near}      Known: {", ".join(LANGUAGES)}; or {ALL}')
    return [code]


def _not_shown(missing: ConfigurationError) -> None:
    click.echo(f"Not shown: {missing}", err=True)


def _write(page: str, output: Path | None) -> None:
    if output is None:
        click.echo(page.encode(), nl=False)  # the page says that it is UTF-8, whatever the terminal speaks
        return
    try:
        output.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}.") from error
    click.echo(f"Wrote {output}. Open it in a browser.")
