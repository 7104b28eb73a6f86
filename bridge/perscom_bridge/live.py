"""Asking the platforms and PERSCOM whether the credentials of a configuration work. Nothing is posted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from perscom_adapters import Asks, Destination, Forwards
from perscom_receiver import DestinationError, JetStream, PerscomError

from .config import Api, Config
from .service import destinations_of

__all__ = ["WITHIN", "Answered", "ask_all"]

WITHIN: Final = 20.0
"""Seconds for each of them; all are asked together."""


class Answered(msgspec.Struct, frozen=True):
    """What was found of one destination, of PERSCOM's API, or of the stream in front of the database."""

    name: str
    works: bool | None
    """None: it cannot be asked."""
    text: str
    """A sentence; where it does not work, with what to do. Holds no token and no address with one."""


async def ask_all(config: Config, progress: Callable[[int, int], object] = lambda done, total: None) -> list[Answered]:
    """Ask for each destination, in the order of the file, then for PERSCOM's API, if it has a token, and for the stream.

    ``progress`` is told how many have answered, and of how many. Raises ConfigurationError when a platform's library is not
    installed.
    """
    async with destinations_of(config) as opened:
        asking: list[Awaitable[Answered]] = [_ask(place) for _, place in opened]
        if config.site.api is not None:
            asking.append(_ask_perscom(config.site.api))
        if config.server.ingest is not None:
            asking.append(_ask_stream(config.server.ingest))
        return await _together(asking, progress)


async def _together(asking: Sequence[Awaitable[Answered]], progress: Callable[[int, int], object]) -> list[Answered]:
    done, total = 0, len(asking)
    progress(done, total)

    async def counted(one: Awaitable[Answered]) -> Answered:
        nonlocal done
        answered = await one
        done += 1
        progress(done, total)
        return answered

    return await asyncio.gather(*map(counted, asking))


async def _ask(destination: Destination | Forwards) -> Answered:
    name = destination.name
    if not isinstance(destination, Asks):
        return Answered(
            name, None, "its platform tells only whoever posts. To see whether it works, post a sample: perscom-bridge test"
        )
    try:
        async with asyncio.timeout(WITHIN):
            return Answered(name, True, f"{await destination.ask()}.")
    except TimeoutError:
        return Answered(name, False, f"no answer within {WITHIN:g} s. Can this machine reach the internet?")
    except DestinationError as error:
        return Answered(name, False, str(error))


async def _ask_perscom(api: Api) -> Answered:
    from perscom_adapters.session import new_session

    from .directory.api import PerscomApi

    async with new_session() as session:
        asked = PerscomApi(api, session)
        try:
            complaints = await asked.complaints(WITHIN)
        finally:
            await asked.close()
    return Answered("site.token", not complaints, " ".join(complaints) or "PERSCOM's API answers for all that it is asked for.")


async def _ask_stream(stream: JetStream) -> Answered:
    try:
        return Answered("server.ingest", True, await stream.check())
    except PerscomError as error:
        return Answered("server.ingest", False, f"{str(error).rstrip('.')}.")
