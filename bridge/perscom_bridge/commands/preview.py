"""``perscom-bridge preview``: what a message looks like, before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ._shared import Failure, config_option

if TYPE_CHECKING:
    from perscom_adapters import Message
    from perscom_receiver import Event

    from ..config import Site
    from ..preview import Card

__all__ = ["command"]

HTML = "html"
WEBHOOK = "webhook"
LARGEST = 5 * 2**20
"""Bytes. What the receiver takes of a body, and PERSCOM never reaches."""
RANK_TYPES = {"demotion": 1, "lateral": 2, "transfer": 3}
"""What makes another word of the sample of a promotion: the ``type`` of its rank record."""


@click.command("preview")
@click.argument("what", metavar="WORD-OR-FILE")
@click.option(
    "--as",
    "forms",
    metavar="LIST",
    help="Platforms, with commas between them; html makes a page of them. Alone: webhook, the request.  [default: all]",
)
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the page to FILE.")
@click.option("--language", metavar="CODE", help="Write it in this language.  [default: the configuration's, else en]")
@config_option
def command(what: str, forms: str | None, output: Path | None, language: str | None, config: Path) -> None:
    """See what a message looks like.

    WORD-OR-FILE is a word (promotion, award, event …), a name that PERSCOM uses (rankrecord.updated) or a file with a captured
    body. Words and names show a sample. What you see is read back from the very payload that would be sent. Below it stand the
    names that a wording and a condition may use, with their values.

    \b
    perscom-bridge preview demotion
    perscom-bridge preview body.json --as discord
    perscom-bridge preview event --as html -o event.html
    perscom-bridge preview award --language fr
    perscom-bridge preview award --as webhook

    Needs no configuration. With one, links lead to the address of your PERSCOM as they will, and your own wording is used.
    """
    if forms is not None and forms.strip().lower() == WEBHOOK:
        click.echo(_requests(what, config))
        return
    platforms, as_page = _forms(forms)
    if output is not None and not as_page:
        raise click.UsageError("-o is for a page: add --as html.")
    event, origin = _event(what)
    site = _site(config)
    spoken = _language(language, site)
    message = _message(event, site, spoken)
    names = _names(event, site, spoken)
    cards = _cards(platforms, message, optional=forms is None or forms == HTML)
    note = " ".join([_about(event, origin), *_about_times(cards)])
    if not as_page:
        from ..preview.names import table
        from ..preview.terminal import boxes

        columns = get_terminal_size((120, 40)).columns
        click.echo(f"{note}\n")
        click.echo(boxes(cards, columns))
        click.echo(table(names, message.word, columns))
        return
    from ..preview.page import page

    _write(page(cards, note=note, at=event.created, word=message.word, names=names), output)


def _requests(what: str, config: Path) -> str:
    """What each webhook in the configuration would get."""
    from .._load import load
    from ..platforms.webhook import WebhookPlace
    from ..preview.request import request_text

    event, origin = _event(what)
    places = [(one.name, one.place) for one in load(config).destinations if isinstance(one.place, WebhookPlace)]
    if not places:
        raise Failure(f'{config} has no destination of type "{WEBHOOK}".')
    return "\n".join([_about(event, origin), "", *(request_text(name, place, event) for name, place in places)])


def _forms(text: str | None) -> tuple[list[str], bool]:
    """The platforms to show, and whether on a page."""
    from .._problems import did_you_mean, hide
    from ..platforms import PLATFORMS

    named = list(dict.fromkeys(part.strip().lower() for part in text.split(","))) if text is not None else []
    for name in named:
        if name not in PLATFORMS and name != HTML:
            near = did_you_mean(name, (*PLATFORMS, HTML))
            known = f"{', '.join(PLATFORMS)}; {HTML} makes a page of them; {WEBHOOK} stands alone"
            raise Failure(f'"{hide(name)}" is no platform.{near}      Known: {known}')
    return [name for name in named if name != HTML] or list(PLATFORMS), HTML in named


def _event(what: str) -> tuple[Event, str]:
    """The event that is meant, and where it comes from."""
    from perscom_adapters import WORDS
    from perscom_receiver import EVENT_NAMES
    from perscom_receiver.testing import make_event

    from .._problems import did_you_mean, hide

    if what in WORDS:
        overrides = {"type": RANK_TYPES[what]} if what in RANK_TYPES else {}
        return make_event(WORDS[what].events[0], **overrides), "a sample"
    if what in EVENT_NAMES:
        return make_event(what), "a sample"
    if os.path.lexists(what):
        return _captured(what), f"from {Path(what).name}"
    near = did_you_mean(what, (*WORDS, *EVENT_NAMES))
    raise Failure(f'"{hide(what)}" is no word, no event and no file here.{near}      All words: perscom-bridge events')


def _captured(file: str) -> Event:
    from perscom_receiver import Event, MalformedEvent

    try:
        with open(file, "rb") as stream:
            body = stream.read(LARGEST + 1)
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}.") from error
    if len(body) > LARGEST:
        raise Failure(f"{file} is larger than {LARGEST // 2**20} MiB; what PERSCOM sends never is.")
    try:
        return Event.parse(body)
    except MalformedEvent as error:
        raise Failure(f"{file} holds no event as PERSCOM sends it. {error}") from error


def _message(event: Event, site: Site | None, language: str) -> Message:
    """What is said about ``event``, in words of the community's own, with the link that it gets where it has none."""
    from perscom_adapters import render

    from .._problems import hide
    from ..posting import linked
    from ..wording import in_own_words

    message = render(event, language=language, timezone=site.zone if site else UTC)
    if message is None:
        raise Failure(f"There is nothing to say about this {hide(event.name)}, so nothing would be posted.")
    if site is None:
        return message
    return linked(in_own_words(message, event, site, language=language), site.url)


def _names(event: Event, site: Site | None, language: str) -> Mapping[str, str]:
    from perscom_adapters import names

    return names(event, language=language, timezone=site.zone if site else UTC)


def _language(code: str | None, site: Site | None) -> str:
    from perscom_adapters import LANGUAGES

    from .._problems import did_you_mean, hide

    if code is None:
        return site.language if site else "en"
    if code not in LANGUAGES:
        near = did_you_mean(code, LANGUAGES)
        raise Failure(f'"{hide(code)}" is no language of perscom-bridge.{near}      Known: {", ".join(LANGUAGES)}')
    return code


def _site(config: Path) -> Site | None:
    """The community in the configuration; None where nobody named a file and none is here."""
    from .._load import load

    source = click.get_current_context().get_parameter_source("config")
    if source is ParameterSource.DEFAULT and not os.path.exists(config):
        return None
    return load(config).site


def _cards(platforms: list[str], message: Message, *, optional: bool) -> list[Card]:
    """The message on each of ``platforms``; where they are ``optional``, without those that are not installed."""
    from perscom_receiver import ConfigurationError

    from ..preview import card_of, payload_of

    cards: list[Card] = []
    for platform in platforms:
        try:
            cards.append(card_of(platform, payload_of(platform, message)))
        except ConfigurationError as missing:
            if not optional:
                raise
            click.echo(f"Not shown: {missing}", err=True)
    if not cards:
        raise Failure("There is no platform to show it on.")
    return cards


def _about(event: Event, origin: str) -> str:
    from perscom_adapters import word_of

    from .._problems import hide

    word = word_of(event)
    return f"{hide(event.name)}{f' ({word})' if word else ''}, {origin}."


def _about_times(cards: list[Card]) -> list[str]:
    told = any(piece.at is not None for card in cards for piece in card.pieces)
    return ["Times are in UTC here; everybody sees them in their own time zone."] if told else []


def _write(page: str, output: Path | None) -> None:
    if output is None:
        click.echo(page.encode(), nl=False)  # the page says that it is UTF-8, whatever the terminal speaks
        return
    try:
        output.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise Failure(f"{output} cannot be written: {error.strerror}.") from error
    click.echo(f"Wrote {output}. Open it in a browser.")
