"""From the configuration to handlers: one for each destination, which renders an event and posts it there."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import msgspec

from perscom_adapters import Destination, Message, Receipt, matches, render, word_of
from perscom_receiver import DestinationError, Event, Handler, Router

from .config import DestinationConfig, Site

__all__ = ["destination_handler", "linked", "router_for", "wants"]

Posted = Callable[[str, str], None]


def wants(destination: DestinationConfig, event: Event) -> bool:
    """Whether ``event`` belongs to ``destination``. PERSCOM's own test reaches every one, whatever its events say."""
    return word_of(event) == "test" or any(matches(pattern, event) for pattern in destination.events)


def linked(message: Message, site_url: str | None) -> Message:
    """``message`` with a link: what has no page of its own leads to PERSCOM itself."""
    return message if message.url is not None else msgspec.structs.replace(message, url=site_url)


def destination_handler(config: DestinationConfig, destination: Destination, site: Site, posted: Posted) -> Handler:
    """The handler that posts to ``destination``. ``posted`` is told the name and how each attempt ended."""

    async def post(event: Event) -> Receipt | None:
        message = render(event)
        if message is None:
            posted(config.name, "nothing to say")
            return None
        try:
            receipt = await destination.send(linked(message, site.url))
        except DestinationError as error:
            posted(config.name, error.outcome)
            raise
        posted(config.name, "sent")
        return receipt

    return Handler(
        key=config.name,
        call=post,
        patterns=("*",),
        when=lambda event: wants(config, event),
        hold=True,  # a chat is read from top to bottom
        repeat_unclear=config.unclear == "repeat",
        # Another address, token or thread is another try for a destination that was switched off. Only a digest is stored.
        fingerprint=sha256(msgspec.json.encode(config.place)).hexdigest(),
    )


def router_for(pairs: list[tuple[DestinationConfig, Destination]], site: Site, posted: Posted) -> Router:
    """A router with a handler for each destination, in the order of the file."""
    router = Router()
    for config, destination in pairs:
        router.add(destination_handler(config, destination, site, posted))
    return router
