"""A message too long for its platform, as the operator wants it: cut, or continued in further messages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from importlib import import_module

from msgspec.structs import replace

from perscom_adapters import Deletes, Destination, Message, MessageGone, Paced, Receipt, continued, struck
from perscom_receiver import DestinationError

from .config import DestinationConfig

__all__ = ["Parts", "parts_of", "rest"]

_log = logging.getLogger("perscom_bridge")


def parts_of(message: Message, destination: DestinationConfig) -> tuple[Message, ...]:
    """What is sent for ``message``, in this order: the message, and what continues it.

    It alone with ``long = "cut"``, where it fits, and on a platform that cannot tell: there it is cut, visibly. See
    :func:`perscom_adapters.continued`.
    """
    if destination.long == "cut":
        return (message,)
    adapter = import_module(f"perscom_adapters.{destination.place.platform}")
    is_whole = getattr(adapter, "is_whole", None)
    return (message,) if is_whole is None else continued(message, is_whole)


async def rest(destination: Destination) -> None:
    """Between two calls of one task: as long as the platform wants to be left alone."""
    if isinstance(destination, Paced):
        await asyncio.sleep(destination.pace.rest)


class Parts:
    """Messages at one destination, each in as many parts as it takes, with one receipt for all of them."""

    def __init__(self, config: DestinationConfig, destination: Destination) -> None:
        self._config = config
        self._destination = destination

    async def post(self, message: Message, begin: Callable[[Message], Awaitable[Receipt]]) -> Receipt:
        """Post the first part by ``begin``, and the others where that went. Raises what ``begin`` does, and nothing else."""
        first, *others = parts_of(message, self._config)
        receipt = await begin(first)
        return replace(receipt, parts=await self._go_on(others, receipt))

    async def change(self, message: Message, previous: Receipt) -> Receipt:
        """Make ``message`` of what stands there, however many parts it was in. Raises DestinationError: see ``Destination``.

        To repeat it changes nothing. Parts that are too many are taken back, and those that are missing posted, as are those
        that follow one which cannot be changed: what is told must be read in its order.
        """
        first, *others = parts_of(message, self._config)
        receipt = await self._destination.send(first, previous=previous)
        kept = await self._changed(others, previous.of_parts)
        for surplus in previous.of_parts[len(kept) :]:
            await self._take_back(surplus, first)
        return replace(receipt, parts=(*kept, *await self._go_on(others[len(kept) :], receipt)))

    async def _changed(self, others: Iterable[Message], places: Iterable[Receipt]) -> tuple[str, ...]:
        """The ids of the parts that could be changed into ``others``, up to the first that could not."""
        kept: list[str] = []
        for part, place in zip(others, places, strict=False):
            await rest(self._destination)
            try:
                await self._destination.send(part, previous=place)
            except DestinationError as error:
                if error.outcome != "rejected":
                    raise
                break
            kept.append(place.message_id or "")
        return tuple(kept)

    async def _take_back(self, place: Receipt, first: Message) -> None:
        """Delete a part that the message has no longer. One that the platform keeps is struck through."""
        await rest(self._destination)
        if await self._is_deleted(place):
            return
        nothing = struck(replace(first, title=f"… {first.title}", blocks=()))
        try:
            await self._destination.send(nothing, previous=place)
        except DestinationError as error:
            if error.outcome != "rejected":
                raise

    async def _is_deleted(self, place: Receipt) -> bool:
        if not isinstance(self._destination, Deletes):
            return False
        try:
            await self._destination.delete(place)
        except DestinationError as error:
            if error.outcome == "retry":
                raise
            return isinstance(error, MessageGone)
        return True

    async def _go_on(self, others: Sequence[Message], receipt: Receipt) -> tuple[str, ...]:
        """Post ``others`` where the message of ``receipt`` is. The ids, as far as the platform tells them."""
        posted: list[str] = []
        for part in others:
            await rest(self._destination)
            try:
                further = await self._destination.send(part, thread=receipt.thread_id)
            except DestinationError as error:
                # The message itself is there: it must not be posted a second time for the sake of its end.
                _log.error("%s: the rest of a long message is not posted: %s", self._config.name, error)
                break
            posted += [further.message_id] if further.message_id else []
        return tuple(posted)
