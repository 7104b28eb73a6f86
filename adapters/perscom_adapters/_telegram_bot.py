"""The bot of the library python-telegram-bot over a transport that it does not know: it builds requests, and no more.

What is answered goes past it, for its reading of answers is not for everything that may come: it logs whole messages and
unreadable answers, fails on a success that it cannot read, and tells a wrong token from an unknown method by no sign.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

import msgspec
from telegram import Bot
from telegram.error import TelegramError
from telegram.request import BaseRequest, RequestData

from perscom_receiver import DestinationError

from ._http import Answer

__all__ = ["BotWithoutToken", "Post", "answer_to"]

Post = Callable[[str, bytes], Awaitable[Answer]]
"""Sends a body in JSON to a method of the Bot API, once. Raises :class:`DestinationError` if no answer comes."""


class BotWithoutToken(Bot):
    """The library's bot, sending by ``post``. Await what its methods return through :func:`answer_to`.

    It has no token, for it would log it; and its debug log, which would hold every message, is written nowhere.
    """

    _LOGGER = logging.Logger("no handlers, no parents")

    def __init__(self, post: Post) -> None:
        transport = _Transport(post)
        super().__init__("none", base_url=lambda _: "", request=transport, get_updates_request=transport)


async def answer_to(call: Awaitable[object]) -> Answer:
    """What was answered to ``call``, a method of :class:`BotWithoutToken`. Raises :class:`DestinationError`."""
    try:
        await call
    except _Answered as answered:
        outcome = answered.outcome
    if isinstance(outcome, DestinationError):
        raise outcome  # out here, where no exception is being handled: that must not become the context of this one
    return outcome


class _Answered(TelegramError):
    """Carries an answer, or why there is none, through the library, which lets nothing else pass."""

    def __init__(self, outcome: Answer | DestinationError) -> None:
        super().__init__("answered")
        self.outcome = outcome


class _Transport(BaseRequest):
    """What the library takes for its way of sending. It has no connections and no timeouts: those are ``post``'s."""

    read_timeout = None

    def __init__(self, post: Post) -> None:
        self._post = post

    async def initialize(self) -> None:
        """Nothing to open."""

    async def shutdown(self) -> None:
        """Nothing to close."""

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_: object, **__: object
    ) -> NoReturn:
        body = msgspec.json.encode(request_data.parameters if request_data else {})
        try:
            outcome: Answer | DestinationError = await self._post(url.rpartition("/")[2], body)
        except DestinationError as error:
            outcome = error
        raise _Answered(outcome)
