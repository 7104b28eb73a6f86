"""What a destination does that gets the events themselves: it passes them on, one by one, as they are stored."""

from __future__ import annotations

from perscom_adapters import Forwards, Receipt
from perscom_receiver import DestinationError, Event

from .config import DestinationConfig
from .posting import Posted

__all__ = ["Forwarder"]


class Forwarder:
    """Forwards to one destination; ``posted`` is told its name and how each attempt ended."""

    def __init__(self, config: DestinationConfig, destination: Forwards, posted: Posted) -> None:
        self._config = config
        self._destination = destination
        self._posted = posted

    async def forward(self, event: Event) -> Receipt:
        """Forward ``event``. Raises DestinationError."""
        try:
            receipt = await self._destination.forward(event)
        except DestinationError as error:
            self._posted(self._config.name, error.outcome)
            raise
        self._posted(self._config.name, "sent")
        return receipt
