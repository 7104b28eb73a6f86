"""The public listener: the only part the internet may reach. It serves the webhook path and ``/healthz``, nothing else."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from perscom_receiver import Receiver
from perscom_receiver.starlette import webhook_app

from .refused import KeepRefused, RefusedRequests

__all__ = ["WEBHOOK_PATH", "PublicApp"]

WEBHOOK_PATH = "/webhooks/perscom"


class PublicApp:
    """Paths are compared without trailing and doubled slashes: a redirect would turn PERSCOM's POST into an empty GET."""

    def __init__(self, receiver: Receiver, answered: Callable[[int], None], refused: RefusedRequests | None = None) -> None:
        """``answered`` is called with the status of each answer on the webhook path; ``refused`` keeps what is refused."""
        app = webhook_app(receiver)
        self._webhook = app if refused is None else KeepRefused(app, refused)
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = "/" + "/".join(part for part in scope["path"].split("/") if part)
        if path == WEBHOOK_PATH:
            await self._webhook(scope, receive, self._counting(send))
        elif path == "/healthz":
            await PlainTextResponse("ok\n")(scope, receive, send)
        else:
            await PlainTextResponse("Not found.\n", status_code=404)(scope, receive, send)

    def _counting(self, send: Send) -> Send:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answered(message["status"])
            await send(message)

        return counting
