"""What a preview shows: the cards for each language, and what the names in a wording stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from perscom_adapters import Directory, names, word_of
from perscom_receiver import ConfigurationError, Event

from .._problems import hide
from ..config import DestinationConfig, Site
from ..posting import Known
from .card import Card
from .platforms import card_of, payload_of
from .rehearsal import Said, rehearsed

__all__ = ["Shown", "shown"]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """``parts`` are a heading, empty where there is one language alone, and its cards. ``word`` and ``names`` are those of the
    first message."""

    parts: Sequence[tuple[str, Sequence[Card]]]
    word: str
    names: Mapping[str, str]


async def shown(
    tasks: Sequence[Sequence[Event]],
    destinations: Iterable[DestinationConfig],
    languages: Sequence[str],
    site: Site,
    known: Known | None,
    missing: Callable[[ConfigurationError], object] | None = None,
) -> Shown:
    """What each of ``destinations`` would show of ``tasks``, which come one after the other.

    A platform that is not installed is told to ``missing`` and left out; without that it is a ConfigurationError, as is when
    nothing would be posted, or no platform is left.
    """
    cards: dict[str, list[Card]] = {language: [] for language in languages}
    words: list[str] = []
    for destination in destinations:
        try:
            told = [await rehearsed(tasks, replace(destination, language=language), site, known) for language in languages]
        except ConfigurationError as error:
            if missing is None:
                raise
            missing(error)
            continue
        for language, said in zip(languages, told, strict=True):
            if not said[0]:
                raise ConfigurationError(
                    f"There is nothing to say about this {hide(tasks[0][0].name)}, so nothing would be posted."
                )
            words.append(said[0][0].message.word)
            cards[language] += [_card(destination.place.platform, one) for task in said for one in task]
    if not words:
        raise ConfigurationError("There is no platform to show it on.")
    lead = next((event for event in tasks[0] if word_of(event) == words[0]), tasks[0][0])
    directory: Directory | None = None if known is None else known.known(tasks[0])
    return Shown(
        parts=[(language if len(languages) > 1 else "", part) for language, part in cards.items()],
        word=words[0],
        names=names(lead, directory, language=languages[0], timezone=site.zone),
    )


def _card(platform: str, said: Said) -> Card:
    card = card_of(platform, payload_of(platform, said.message, edit=said.became in ("edited", "deleted")))
    return replace(card, became=said.became, thread=said.thread)
