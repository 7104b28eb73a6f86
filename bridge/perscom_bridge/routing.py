"""From the configuration to handlers: one for each destination, which renders an event and posts it there."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256

import msgspec

from perscom_adapters import Destination, Paced, matches, names, word_of
from perscom_receiver import Event, Handler, Router

from . import conditions
from .config import DestinationConfig, Site
from .posting import Before, Posted, Poster, nothing_known

__all__ = ["destination_handler", "router_for", "wants"]


def wants(destination: DestinationConfig, event: Event) -> bool:
    """Whether ``event`` belongs to ``destination``. PERSCOM's own test reaches every one, whatever its events say.

    Raises :class:`conditions.ConditionFailed` when the condition of the destination cannot tell.
    """
    if word_of(event) == "test":
        return True
    if not any(matches(pattern, event) for pattern in destination.events):
        return False
    return destination.when is None or destination.when.met(names(event))


def destination_handler(
    config: DestinationConfig,
    destination: Destination,
    site: Site,
    posted: Posted,
    before: Before = nothing_known,
    now: Callable[[], float] = time.time,
) -> Handler:
    """The handler that posts to ``destination``; the rest as for a :class:`~perscom_bridge.posting.Poster`."""
    poster = Poster(config, destination, site, posted, before, now)

    def wanted(event: Event) -> bool:
        try:
            return wants(config, event)
        except conditions.ConditionFailed as error:
            posted(config.name, conditions.FAILED)
            error.log(config.name, event)
            return False

    return Handler(
        key=config.name,
        call=poster.post,
        patterns=("*",),
        when=wanted,
        hold=True,  # a chat is read from top to bottom
        repeat_unclear=config.unclear == "repeat",
        # Another address, token or thread is another try for a destination that was switched off. Only a digest is stored.
        fingerprint=sha256(msgspec.json.encode(config.place)).hexdigest(),
        group=poster.grouped,
        pace=destination.pace.path if isinstance(destination, Paced) else None,
    )


def router_for(
    pairs: list[tuple[DestinationConfig, Destination]],
    site: Site,
    posted: Posted,
    before: Before = nothing_known,
    now: Callable[[], float] = time.time,
) -> Router:
    """A router with a handler for each destination, in the order of the file."""
    router = Router()
    for config, destination in pairs:
        router.add(destination_handler(config, destination, site, posted, before, now))
    return router
