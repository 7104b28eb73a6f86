"""The names that no event has told, from PERSCOM's REST API, kept for a while.

A message never waits for long, and nothing here raises: what is not answered is left out of a sentence.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from .facts import Key
from .search import AT_ONCE, PATHS, Search, Silence

if TYPE_CHECKING:
    import aiohttp

    from ..config import Api

__all__ = ["PerscomApi"]

PATIENCE: Final = 2.0
"""Seconds that a message waits. An answer that comes later is kept for the next one."""
KEPT: Final = 3600.0
"""Seconds after which a name is asked anew: PERSCOM tells of no change of a rank or an award."""
KEPT_UNKNOWN: Final = 60.0
"""Seconds after which an id that PERSCOM did not know is asked anew."""
MOST: Final = 10_000
"""Answers that are kept."""


class _Kept(NamedTuple):
    name: str | None
    until: float


class PerscomApi:
    """Names by kind and id, kept for a while. ``session`` is one of ``perscom_adapters.session``.

    ``clock`` gives seconds and never goes back; ``chance`` a number from 0 to 1.
    """

    def __init__(
        self,
        api: Api,
        session: aiohttp.ClientSession,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._search = Search(api, session, clock, chance)
        self._kept: dict[Key, _Kept] = {}
        self._asking: dict[Key, asyncio.Task[None]] = {}

    def name(self, kind: str, key: int) -> str | None:
        """The name that was last answered, also while a newer one is being asked for."""
        found = self._kept.get((kind, key))
        return found.name if found else None

    async def ask(self, wanted: Iterable[Key], patience: float = PATIENCE) -> None:
        """Have names for ``wanted`` where PERSCOM knows them, or wait no longer than ``patience`` seconds."""
        now = self._clock()
        wanted = [key for key in wanted if key[0] in PATHS and not (key in self._kept and now < self._kept[key].until)]
        for kind in dict.fromkeys(kind for kind, _ in wanted):
            if self._search.is_off(kind):
                continue
            numbers = [number for one, number in wanted if one == kind and (one, number) not in self._asking]
            for start in range(0, len(numbers), AT_ONCE):
                self._begin(kind, numbers[start : start + AT_ONCE])
        if waiting := {self._asking[key] for key in wanted if key in self._asking}:
            await asyncio.wait(waiting, timeout=patience)

    async def complaints(self, patience: float) -> list[str]:
        """Ask for one name of each kind, for at most so many seconds. What is to be mended, as sentences; perhaps nothing."""
        wanted = [(kind, 1) for kind in PATHS]
        await self.ask(wanted, patience)
        found = self._search.complaints()
        if not found and not all(key in self._kept for key in wanted):
            found.append("PERSCOM's API does not answer now, or asks for a rest. Try it again in a minute.")
        return found

    def forget(self) -> None:
        """Forget all names: a person is to be forgotten."""
        self._kept.clear()

    async def close(self) -> None:
        """Break off what is being asked."""
        for task in (tasks := set(self._asking.values())):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _begin(self, kind: str, numbers: Sequence[int]) -> None:
        task = asyncio.create_task(self._answer(kind, numbers))
        keys = [(kind, number) for number in numbers]
        self._asking.update(dict.fromkeys(keys, task))

        def ended(task: asyncio.Task[None]) -> None:
            for key in keys:
                del self._asking[key]

        task.add_done_callback(ended)

    async def _answer(self, kind: str, numbers: Sequence[int]) -> None:
        try:
            found = await self._search.names(kind, numbers)
        except Silence:
            return
        now = self._clock()
        for number in numbers:
            name = found.get(number)
            self._kept.pop((kind, number), None)
            self._kept[kind, number] = _Kept(name, now + (KEPT if name else KEPT_UNKNOWN))
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]
