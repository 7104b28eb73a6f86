"""PERSCOM's REST API: asked for the names that no event has told.

Only ``POST /<resource>/search`` is used, since PERSCOM's answers to GET come out of a cache that may be a month old. A message
never waits for long, and nothing here raises: what is not answered is left out of a sentence. The token goes to the one address
that is configured, in a header, and into no text.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import aiohttp
import msgspec

from .facts import Key
from .pace import Pace

if TYPE_CHECKING:
    from ..config import Api

__all__ = ["PerscomApi"]

_log = logging.getLogger("perscom_bridge")

PATIENCE: Final = 2.0
"""Seconds that a message waits. An answer that comes later is kept for the next one."""
KEPT: Final = 3600.0
"""Seconds after which a name is asked anew: PERSCOM tells of no change of a rank or an award."""
KEPT_UNKNOWN: Final = 60.0
"""Seconds after which an id that PERSCOM did not know is asked anew."""
OFF: Final = 3600.0
"""Seconds after which a resource is tried again that the token may not see."""
MOST: Final = 10_000
"""Answers that are kept."""
AT_ONCE: Final = 100
"""Ids in one request."""
TOGETHER: Final = 2
"""Requests at the same time."""
TIMEOUT: Final = aiohttp.ClientTimeout(total=15.0, connect=5.0)
LARGEST: Final = 8 * 2**20
"""Bytes of an answer that are read: a hundred users with all that is in their files."""

_PATHS: Final = {
    "user": "users",
    "rank": "ranks",
    "unit": "units",
    "position": "positions",
    "specialty": "specialties",
    "status": "statuses",
    "award": "awards",
    "qualification": "qualifications",
    "form": "forms",
    "calendar": "calendars",
}
_HIDDEN: Final = {"unit": "hidden"}
"""Kinds of which some rows are found in a scope of their own alone."""
_request_id = re.compile(r"[A-Za-z0-9-]{1,64}").fullmatch


class _Row(msgspec.Struct):
    """All that is read of a row: the rest of a user is private, and never becomes an object here."""

    id: int
    name: str | None = None
    display_name: str | None = None


class _Found(msgspec.Struct):
    data: list[_Row]


_decode = msgspec.json.Decoder(_Found).decode


class _Kept(NamedTuple):
    name: str | None
    until: float


class _Silence(Exception):
    """There is no answer to use; why has been told."""


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
        self._api = api
        self._session = session
        self._clock = clock
        self._chance = chance
        self._pace = Pace()
        self._together = asyncio.Semaphore(TOGETHER)
        self._kept: dict[Key, _Kept] = {}
        self._asking: dict[Key, asyncio.Task[None]] = {}
        self._off: dict[str, float] = {}
        self._told: dict[str, str] = {}  # what stands in the log now, by what is the same in each such line
        self._told_of_kinds: dict[str, str] = {}  # what a success elsewhere says nothing about

    def name(self, kind: str, key: int) -> str | None:
        """The name that was last answered, also while a newer one is being asked for."""
        found = self._kept.get((kind, key))
        return found.name if found else None

    async def ask(self, wanted: Iterable[Key], patience: float = PATIENCE) -> None:
        """Have names for ``wanted`` where PERSCOM knows them, or wait no longer than ``patience`` seconds."""
        now = self._clock()
        wanted = [key for key in wanted if key[0] in _PATHS and not (key in self._kept and now < self._kept[key].until)]
        for kind in dict.fromkeys(kind for kind, _ in wanted):
            if now < self._off.get(kind, 0.0):
                continue
            numbers = [number for one, number in wanted if one == kind and (one, number) not in self._asking]
            for start in range(0, len(numbers), AT_ONCE):
                self._begin(kind, numbers[start : start + AT_ONCE])
        if waiting := {self._asking[key] for key in wanted if key in self._asking}:
            await asyncio.wait(waiting, timeout=patience)

    async def complaints(self, patience: float) -> list[str]:
        """Ask for one name of each kind, for at most so many seconds. What is to be mended, as sentences; perhaps nothing."""
        wanted = [(kind, 1) for kind in _PATHS]
        await self.ask(wanted, patience)
        found = [*self._told.values(), *self._told_of_kinds.values()]
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
            async with self._together:
                found = await self._search(kind, numbers)
                if kind in _HIDDEN and (lacking := [number for number in numbers if number not in found]):
                    found |= await self._search(kind, lacking, scope=_HIDDEN[kind])
        except _Silence:
            return
        except Exception as error:  # noqa: BLE001 - a name is never worth a message; and a traceback would show the token
            _log.error("PERSCOM's API: %s while asking for names", type(error).__name__)
            self._pace.failed(self._clock())
            return
        now = self._clock()
        for number in numbers:
            name = found.get(number)
            self._kept.pop((kind, number), None)
            self._kept[kind, number] = _Kept(name, now + (KEPT if name else KEPT_UNKNOWN))
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]

    async def _search(self, kind: str, numbers: Sequence[int], scope: str | None = None) -> dict[int, str]:
        """The names of those of ``numbers`` that PERSCOM has. Raises _Silence."""
        now = self._clock()
        if now < self._off.get(kind, 0.0) or not self._pace.take(now):
            raise _Silence
        body = {
            "filters": [{"field": "id", "operator": "in", "value": numbers}],
            "sort": [{"field": "id", "direction": "asc"}],
            **({"scopes": [{"name": scope}]} if scope else {}),
        }
        try:
            async with self._session.post(
                f"{self._api.url}/{_PATHS[kind]}/search",
                params={"limit": AT_ONCE, "page": 1},
                data=msgspec.json.encode(body),
                headers=self._headers(),
                allow_redirects=False,  # the token must not leave for another host
                timeout=TIMEOUT,
            ) as response:
                content = await _read(response) if response.status == 200 else b""
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            self._fail(f"cannot be reached ({type(error).__name__}).")
        if response.status != 200:
            self._refuse(kind, response)
        try:
            rows = _decode(content).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._fail("gave an answer that is none.")
        self._pace.answered(response.headers, self._clock())
        if self._told:
            self._told.clear()
            _log.info("PERSCOM's API answers again")
        named = ((row.id, row.display_name if kind == "user" else row.name) for row in rows)
        return {number: name for number, name in named if name and name.strip()}

    def _headers(self) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self._api.token.value}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": f"perscom-receiver/{version('perscom-receiver')}",
        }
        return headers if self._api.perscom_id is None else headers | {"X-Perscom-Id": self._api.perscom_id}

    def _refuse(self, kind: str, response: aiohttp.ClientResponse) -> NoReturn:
        """Tell what a status means, and let be what will not get better."""
        status, now = response.status, self._clock()
        number = response.headers.get("X-Perscom-Request-Id", "")
        request = f" (request {number})" if _request_id(number) else ""
        if status == 429:
            self._pace.throttled(response.headers, now, self._chance())
            _log.info("PERSCOM's API asks for a rest: too many requests%s", request)
            raise _Silence
        if status >= 500:
            self._fail(f"has trouble of its own ({status}){request}.")
        if status == 401:
            text = "refuses the token of [site] (401){}. Make a new API key in PERSCOM, put it there and restart."
        elif status == 402:
            text = "is not part of this community's plan (402){}. Take the token out of [site], or subscribe."
        elif 300 <= status < 400:
            text = "redirects, which is not followed{}. Check api in [site]."
        else:
            self._off[kind] = now + OFF
            if status == 403:
                text = f"does not show this token any {kind} (403){{}}. Give its API key the scope view:{kind}."
            else:
                text = f"does not answer for {_PATHS[kind]} ({status}){{}}. Check api in [site]."
            self._tell(text, request, self._told_of_kinds)
            raise _Silence
        self._pace.refused(now)
        self._tell(text, request, self._told)
        raise _Silence

    def _fail(self, how: str) -> NoReturn:
        self._pace.failed(self._clock())
        self._tell("{}", how, self._told)
        raise _Silence

    def _tell(self, text: str, detail: str, told: dict[str, str]) -> None:
        """Once in the log, until it works again."""
        if text not in told:
            told[text] = f"PERSCOM's API {text.format(detail)}"
            _log.warning("%s Until it does, names that no event has told are left out.", told[text])


async def _read(response: aiohttp.ClientResponse) -> bytes:
    received = bytearray()
    while (room := LARGEST - len(received)) and (chunk := await response.content.read(room)):
        received += chunk
    return bytes(received)
