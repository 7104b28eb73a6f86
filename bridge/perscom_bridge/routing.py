"""From the configuration to handlers: one for each destination, which renders an event and posts it there, or forwards it."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256

import msgspec

from perscom_adapters import Destination, Directory, Forwards, Paced, matches, names, word_of
from perscom_receiver import Event, Handler, Router, SQLiteInbox

from . import conditions
from .config import DestinationConfig, Site
from .forwarding import Forwarder
from .posting import Known, Posted, Poster
from .threads import Threads

__all__ = ["destination_handler", "router_for", "wants"]


_LATE = 3600.0  # after an hour of silence nobody wants to hear forty things one by one


def wants(destination: DestinationConfig, event: Event, directory: Directory | None = None) -> bool:
    """Whether ``event`` belongs to ``destination``. PERSCOM's own test reaches every one, whatever its events say.

    Raises :class:`conditions.ConditionFailed` when the condition of the destination cannot tell.
    """
    if word_of(event) == "test":
        return True
    if not any(matches(pattern, event) for pattern in destination.events):
        return False
    return destination.when is None or destination.when.met(names(event, directory))


def destination_handler(
    config: DestinationConfig,
    destination: Destination | Forwards,
    site: Site,
    posted: Posted,
    known: Known | None = None,
    now: Callable[[], float] = time.time,
    inbox: SQLiteInbox | None = None,
) -> Handler:
    """The handler that posts or forwards to ``destination``; the rest as for a :class:`~perscom_bridge.posting.Poster`."""
    # Another address, token or thread is another try for a destination that was switched off. Only a digest is stored.
    fingerprint = sha256(msgspec.json.encode(config.place)).hexdigest()

    def wanted(event: Event) -> bool:
        try:
            return wants(config, event, None if known is None else known.known([event]))
        except conditions.ConditionFailed as error:
            posted(config.name, conditions.FAILED)
            error.log(config.name, event)
            return False

    if isinstance(destination, Forwards):
        return Handler(
            key=config.name,
            call=Forwarder(config, destination, posted).forward,
            patterns=("*",),
            when=wanted,
            repeat_unclear=config.unclear == "repeat",
            fingerprint=fingerprint,
        )
    threads = Threads(inbox, config, destination) if inbox is not None and config.threads else None
    poster = Poster(config, destination, site, posted, known, now, threads)
    return Handler(
        key=config.name,
        call=poster.post,
        patterns=("*",),
        when=wanted,
        hold=True,  # a chat is read from top to bottom
        repeat_unclear=config.unclear == "repeat",
        fingerprint=fingerprint,
        group=poster.grouped,
        late=_LATE,
        pace=destination.pace.path if isinstance(destination, Paced) else None,
    )


def router_for(
    pairs: list[tuple[DestinationConfig, Destination | Forwards]],
    site: Site,
    posted: Posted,
    known: Known | None = None,
    now: Callable[[], float] = time.time,
    inbox: SQLiteInbox | None = None,
) -> Router:
    """A router with a handler for each destination, in the order of the file."""
    router = Router()
    for config, destination in pairs:
        router.add(destination_handler(config, destination, site, posted, known, now, inbox))
    return router
