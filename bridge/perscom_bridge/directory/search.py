"""One request to PERSCOM's REST API: the names of things by their ids.

Only ``POST /<resource>/search`` is used, since PERSCOM's answers to GET come out of a cache that may be a month old. The token
goes to the one address that is configured, in a header, and into no text.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, NoReturn

import aiohttp
import msgspec

from .pace import Pace

if TYPE_CHECKING:
    from ..config import Api

__all__ = ["AT_ONCE", "PATHS", "Search", "Silence"]

_log = logging.getLogger("perscom_bridge")

OFF: Final = 3600.0
"""Seconds after which a resource is tried again that the token may not see."""
AT_ONCE: Final = 100
"""Ids in one request."""
TOGETHER: Final = 2
"""Requests at the same time."""
TIMEOUT: Final = aiohttp.ClientTimeout(total=15.0, connect=5.0)
LARGEST: Final = 8 * 2**20
"""Bytes of an answer that are read: a hundred users with all that is in their files."""

PATHS: Final = {
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
"""Where each kind is found."""
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


class Silence(Exception):
    """There is no answer to use; why has been told."""


class Search:
    """Asks within PERSCOM's limit, and not for a while after it has refused or failed; each trouble is told once in the log.

    ``clock`` gives seconds and never goes back; ``chance`` a number from 0 to 1.
    """

    def __init__(
        self, api: Api, session: aiohttp.ClientSession, clock: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        self._api = api
        self._session = session
        self._clock = clock
        self._chance = chance
        self._pace = Pace()
        self._together = asyncio.Semaphore(TOGETHER)
        self._off: dict[str, float] = {}
        self._told: dict[str, str] = {}  # what stands in the log now, by what is the same in each such line
        self._told_of_kinds: dict[str, str] = {}  # what a success elsewhere says nothing about

    def is_off(self, kind: str) -> bool:
        """Whether the token may not see things of this kind."""
        return self._clock() < self._off.get(kind, 0.0)

    def complaints(self) -> list[str]:
        """What is to be mended, as sentences; perhaps nothing."""
        return [*self._told.values(), *self._told_of_kinds.values()]

    async def names(self, kind: str, numbers: Sequence[int]) -> dict[int, str]:
        """The names of those of ``numbers``, at most AT_ONCE, that PERSCOM has. Raises Silence, and nothing else."""
        try:
            async with self._together:
                found = await self._rows(kind, numbers)
                if kind in _HIDDEN and (lacking := [number for number in numbers if number not in found]):
                    found |= await self._rows(kind, lacking, scope=_HIDDEN[kind])
        except Silence:
            raise
        except Exception as error:  # noqa: BLE001 - a name is never worth a message; and a traceback would show the token
            _log.error("PERSCOM's API: %s while asking for names", type(error).__name__)
            self._pace.failed(self._clock())
            raise Silence from None
        return found

    async def _rows(self, kind: str, numbers: Sequence[int], scope: str | None = None) -> dict[int, str]:
        """The names of those of ``numbers`` that PERSCOM has. Raises Silence."""
        if self.is_off(kind) or not self._pace.take(self._clock()):
            raise Silence
        body = {
            "filters": [{"field": "id", "operator": "in", "value": numbers}],
            "sort": [{"field": "id", "direction": "asc"}],
            **({"scopes": [{"name": scope}]} if scope else {}),
        }
        try:
            async with self._session.post(
                f"{self._api.url}/{PATHS[kind]}/search",
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
            raise Silence
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
                text = f"does not answer for {PATHS[kind]} ({status}){{}}. Check api in [site]."
            self._tell(text, request, self._told_of_kinds)
            raise Silence
        self._pace.refused(now)
        self._tell(text, request, self._told)
        raise Silence

    def _fail(self, how: str) -> NoReturn:
        self._pace.failed(self._clock())
        self._tell("{}", how, self._told)
        raise Silence

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
