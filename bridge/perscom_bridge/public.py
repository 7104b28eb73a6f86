"""The public listener: the only part the internet may reach. It serves the webhook paths and ``/healthz``, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perscom_receiver import Receiver
from perscom_receiver.starlette import webhook_app

from ._paths import WEBHOOK_PATH, plain_path
from .refused import KeepRefused, RefusedRequests

__all__ = ["WEBHOOK_PATH", "PublicApp", "Webhook"]


class Webhook:
    """The endpoint of one community."""

    def __init__(self, receiver: Receiver, answered: Callable[[int], None], refused: RefusedRequests | None = None) -> None:
        """``answered`` is called with the status of each answer; ``refused`` keeps what is refused."""
        app = webhook_app(receiver)
        self._app = app if refused is None else KeepRefused(app, refused)
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered(message["status"])
            await send(message)

        await self._app(scope, receive, counting)


class PublicApp:
    """Finds the webhook by its path."""

    def __init__(self, webhooks: Mapping[str, ASGIApp]) -> None:
        self._webhooks = webhooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = plain_path(scope["path"])
        if (webhook := self._webhooks.get(path)) is not None:
            await webhook(scope, receive, send)
        elif path == "/healthz":
            await PlainTextResponse("ok\n")(scope, receive, send)
        else:
            await PlainTextResponse("Not found.\n", status_code=404)(scope, receive, send)
