"""slack_sdk's own clients, led through the one way out of this package.

The clients build the request. Left to themselves they send a POST twice when a connection breaks, follow redirects and call
the page at their end a success, take a proxy from the environment, log addresses and messages, and raise errors that hold
the address (all of it tried, 3.47). So what they take for their HTTP session is a :class:`_Relay`, which sends by
``_http.request`` and keeps what came of it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol

import msgspec
from slack_sdk.errors import SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from perscom_receiver import DestinationError

from ._http import Answer
from ._secret import SecretURL, Token

__all__ = ["call_method", "call_webhook"]

_SILENT: Final = logging.Logger("slack_sdk", level=logging.CRITICAL)
"""Outside of the tree of loggers, so that no setting makes it talk."""


class Send(Protocol):
    """What :func:`_http.request` is, once its session and timeout are set."""

    async def __call__(
        self, method: str, url: SecretURL, *, body: bytes, content_type: str, headers: Mapping[str, str]
    ) -> Answer: ...


async def call_webhook(send: Send, address: SecretURL, body: dict[str, Any]) -> Answer:
    """Post ``body`` to an incoming webhook. Raises what ``send`` raises."""
    relay: Any = _Relay(send)
    client = AsyncWebhookClient(address.reveal(), session=relay, retry_handlers=[], logger=_SILENT)
    return await _answer(relay, client.send_dict(body))


async def call_method(send: Send, base_url: str, token: Token, arguments: dict[str, Any]) -> Answer:
    """Call ``chat.postMessage``, or ``chat.update`` if ``arguments`` name a ``ts``. Raises what ``send`` raises."""
    relay: Any = _Relay(send)
    client = AsyncWebClient(token.reveal(), base_url=base_url, session=relay, retry_handlers=[], logger=_SILENT)
    method = client.chat_update if "ts" in arguments else client.chat_postMessage
    return await _answer(relay, method(**arguments))


async def _answer(relay: _Relay, call: Awaitable[object]) -> Answer:
    with suppress(SlackClientError, DestinationError):  # the first repeats an answer, whose meaning is found elsewhere
        await call
    if isinstance(relay.outcome, DestinationError):
        raise relay.outcome.with_traceback(None)  # the clients' frames hold the address or the token
    return relay.outcome


class _Relay:
    """Stands where a client expects an aiohttp session, for one request."""

    closed = False

    def __init__(self, send: Send) -> None:
        self.outcome: Answer | DestinationError = DestinationError("slack_sdk sent nothing.", outcome="rejected")
        self._send = send

    @asynccontextmanager
    async def request(
        self, method: str, url: str, *, headers: dict[str, str], data: str | None = None, json: object = None, **_: object
    ) -> AsyncIterator[_Response]:
        """The answer. Of the keywords left out, one is a proxy from the environment and the others are empty."""
        body = msgspec.json.encode(json) if data is None else data.encode()
        kept = {name: value for name, value in headers.items() if name == "Authorization"}
        try:
            self.outcome = await self._send(
                method, SecretURL(url), body=body, content_type=headers["Content-Type"], headers=kept
            )
        except DestinationError as error:
            self.outcome = error
            raise
        yield _Response(self.outcome)


class _Response:
    """As much of an answer as the clients look at. They always see an object in JSON: they fail on anything else."""

    content_type = "application/json"

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.status = answer.status
        self.headers = answer.headers

    async def text(self) -> str:
        return self._answer.body.decode(errors="replace")

    async def json(self) -> dict[str, object]:
        decoded = self._answer.json()
        return decoded if isinstance(decoded, dict) else {}
