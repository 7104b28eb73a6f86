"""Webhooks of anybody: ``WebhookDestination`` forwards events as they are, signed anew as PERSCOM signs them.

For n8n and the like, and for programs of one's own: what verifies PERSCOM's webhooks verifies these, under another secret.

    async with new_session() as session:
        n8n = WebhookDestination(url, secret, name="n8n", session=session)
        receipt = await n8n.forward(event)
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from perscom_receiver import SIGNATURE_HEADER, AddressGuard, AddressRefused, DestinationError, Event, Secret

from ._answers import by_status, wait_seconds
from ._destination import Receipt
from ._forward_settings import checked_address
from ._http import Answer, new_session, request
from ._settings import checked_timeout

__all__ = ["EVENT_ID_HEADER", "WebhookDestination", "new_session", "request_headers"]

EVENT_ID_HEADER: Final = "Perscom-Event-Id"
"""The header with the id of the event: the same whenever it is sent. It is not signed."""
_ANSWER_LIMIT: Final = 4 * 1024  # bytes; nothing of an answer is used
_GONE: Final = 410
_PUBLIC: Final = AddressGuard()


def request_headers(event: Event, secret: Secret) -> Mapping[str, str]:
    """The headers that a forwarded event has beside those of any JSON. Its body is ``event.body``, byte for byte."""
    return {SIGNATURE_HEADER: secret.sign(event.body), EVENT_ID_HEADER: event.id}


class WebhookDestination:
    """One address that events are forwarded to. Many tasks of one event loop may use it at once.

    ``secret`` is the destination's own, never PERSCOM's. An address in a private network is refused, also one that a name leads
    to, unless ``private`` is true. ``timeout`` is in seconds, for one whole request. Raises
    :class:`~perscom_receiver.ConfigurationError` for settings that cannot work.
    """

    def __init__(
        self,
        url: str,
        secret: str | bytes | Secret,
        *,
        name: str,
        session: aiohttp.ClientSession,
        private: bool = False,
        timeout: float = 10.0,
    ) -> None:
        self.name = name
        self._address = checked_address(url, private=private)
        self._secret = secret if isinstance(secret, Secret) else Secret(secret, name=name)
        self._session = session
        self._private = private
        self._timeout = checked_timeout(timeout, "webhook")

    def __repr__(self) -> str:
        return f"<WebhookDestination {self.name!r} at {self._address.host}>"

    async def forward(self, event: Event) -> Receipt:
        """Send ``event`` once. See :class:`Forwards`.

        Any 2xx is a success. 410 is ``"permanent"``, and so is a name that leads into a private network; all else is tried
        again, after the time that the answer names.
        """
        answer = await self._request(event)
        if not 200 <= answer.status < 300:
            raise _failure(answer, self._address.host)
        return Receipt(platform="webhook")

    async def _request(self, event: Event) -> Answer:
        if self._private:
            return await self._call(self._session, event)
        guard = _Guard()
        # A session of its own: the one that all share may lead anywhere, since stand-ins are on this machine.
        async with new_session(guard.open) as session:
            try:
                return await self._call(session, event)
            except DestinationError as error:
                failure = error
        if guard.refused and failure.outcome == "retry":
            raise DestinationError(
                f"{self._address.host} leads into a private network; nothing was sent. If that is meant, add private = true to"
                " the destination and restart.",
                outcome="permanent",
            )
        raise failure

    async def _call(self, session: aiohttp.ClientSession, event: Event) -> Answer:
        return await request(
            session,
            "POST",
            self._address,
            body=event.body,
            headers=request_headers(event, self._secret),
            timeout=self._timeout,
            answer_limit=_ANSWER_LIMIT,
        )


class _Guard:
    """The guard of one request, which remembers: the errors of a request hold nothing of what was in the way."""

    def __init__(self) -> None:
        self.refused = False

    def open(self, found: tuple[Any, ...]) -> socket.socket:
        """A socket for an answer of ``getaddrinfo``. Raises AddressRefused for an address that is not public."""
        try:
            return _PUBLIC.open_socket(found)
        except AddressRefused:
            self.refused = True
            raise


def _failure(answer: Answer, host: str) -> DestinationError:
    status, header = answer.status, answer.headers.get("Retry-After")
    if status == _GONE:
        text = f"{host} wants no more events (410). Put in another address and restart, or take the destination out."
        return DestinationError(text, outcome="permanent", status=status)
    if 400 <= status < 500 and status not in (408, 429):
        text = f"{host} refuses the event ({status}). Does something listen at this address, with the same secret?"
        return DestinationError(text, outcome="retry", retry_after=wait_seconds(header) if header else None, status=status)
    return by_status(answer, host)
