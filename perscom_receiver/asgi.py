"""ASGI without a framework: a middleware that verifies, and an app that verifies and stores. For Django and all that speaks it.

The body is read once, checked, and handed on. Nothing happens here but reading and answering; every decision is the gate's, so
that WSGI cannot differ.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping, MutableMapping
from datetime import timedelta
from types import TracebackType, coroutine
from typing import Any, TypeAlias

from ._errors import BodyTimeout, Refusal
from ._event import Event
from ._gate import BODY_WITHIN, MAX_BODY, Gate, Intake, log_refusal
from ._paths import guarded_path, guards, verified
from ._receiver import Receiver
from ._reply import Reply, astore, refusal_reply
from ._signature import Secrets
from ._verifier import verifier_for

__all__ = ["SignatureMiddleware", "current_event", "webhook_app"]

_Scope: TypeAlias = MutableMapping[str, Any]
_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
_App: TypeAlias = Callable[[_Scope, _Receive, _Send], Awaitable[None]]

_STATE = "perscom_event"


class SignatureMiddleware:
    """Lets only verified PERSCOM events through to ``path``; everything else passes untouched.

    ``path`` is compared with the request's path, with and without the root path of a mount or a proxy, after doubled and
    trailing slashes are removed; None guards every HTTP request. The inner app finds the event with ``current_event`` and can
    still read the body. ``max_body`` is in bytes; ``max_age`` as in :class:`perscom_receiver.Verifier`. With ``standard``
    the calls are signed as Standard Webhooks say (:class:`perscom_receiver.StandardVerifier`); ``max_age`` is its tolerance.

        app.add_middleware(SignatureMiddleware, secrets=[os.environ["PERSCOM_WEBHOOK_SECRET"]])     # Starlette, FastAPI
        application = SignatureMiddleware(application, secrets=[settings.PERSCOM_WEBHOOK_SECRET])   # Django's asgi.py
    """

    def __init__(
        self,
        app: _App,
        *,
        secrets: Secrets,
        path: str | None = "/webhooks/perscom",
        max_body: int = MAX_BODY,
        max_age: timedelta | None = None,
        standard: bool = False,
    ) -> None:
        self.app = app
        self._gate = Gate(verifier_for((secrets,), standard=standard, max_age=max_age), max_body=max_body)
        self._path = guarded_path(path)

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http" or not guards(self._path, scope["path"], scope.get("root_path", "")):
            await self.app(scope, receive, send)
            return
        with Intake(self._gate) as intake:
            event = await _verified(intake, scope, receive, send)
            if event is not None:
                # A state of its own: what is set here cannot be seen by another request, whatever the server shares.
                state = {**scope.get("state", {}), _STATE: event}
                await self.app({**scope, "state": state}, _replay(event.body, receive), send)


def current_event(scope: Mapping[str, Any]) -> Event:
    """The event that :class:`SignatureMiddleware` verified for the request of this scope.

    Raises VerificationError when nothing verified it, so that a wrong ``path`` can never let an unverified call through.
    """
    return verified(scope.get("state", {}).get(_STATE), scope["path"])


def webhook_app(receiver: Receiver) -> _App:
    """An ASGI app that verifies, stores and answers: 202 for a new event, 200 for one seen before, a refusal otherwise.

    It answers on every path it is given, so it is the endpoint of a route or the whole app of a server:

        Starlette(routes=[Route("/webhooks/perscom", webhook_app(receiver))])
    """
    return _WebhookApp(receiver)


class _WebhookApp:
    """A class, since Starlette's routes take a function for a view and anything else for an ASGI app."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            with Intake(self._receiver.gate) as intake:
                event = await _verified(intake, scope, receive, send)
                if event is not None:
                    await _answer(send, await astore(self._receiver.inbox, event))


async def _verified(intake: Intake, scope: _Scope, receive: _Receive, send: _Send) -> Event | None:
    """The event of this request; None when the request was answered with a refusal, or its sender has gone."""
    complete = False
    try:
        headers = scope["headers"]
        intake.open(scope["method"], headers, dict(headers).get(b"content-length"))
        complete = await _within(BODY_WITHIN, _read(receive, intake))
        return intake.event() if complete else None
    except Refusal as refusal:
        log_refusal(refusal, intake, scope["path"], bool(scope.get("query_string")))
        # What is not read of the body stands in the way of a next request on this connection (HTTP/2 has streams instead, and
        # forbids the header: RFC 9113, section 8.2.2).
        await _answer(send, refusal_reply(refusal), close=not complete and scope.get("http_version", "1.1") < "2")
        return None


async def _read(receive: _Receive, intake: Intake) -> bool:
    """Read the body into ``intake``. False when the sender has gone. Raises what the intake raises."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        intake.add(message.get("body", b""))
        if not message.get("more_body", False):
            return True


@coroutine
def _within(seconds: float, reading: Coroutine[Any, Any, bool]) -> Generator[Any, Any, bool]:
    """What ``reading`` returns. Raises BodyTimeout after ``seconds``.

    A body that is there at once, as nearly every one is, never pays for a timer: it is set when the reader first has to wait.
    Not so on trio, where deadlines are nested: one that the reader has set before would be inside of ours, and outlive it.
    """
    loop = _running_loop()
    try:
        if loop is None:
            return bool((yield from _within_on_trio(seconds, reading)))
        waits_for = reading.send(None)
        with _Deadline(loop, seconds):
            while True:
                try:
                    value = yield waits_for
                except BaseException as error:  # noqa: BLE001 - cancelled, or closed: the reader's own business
                    waits_for = reading.throw(error)
                else:
                    waits_for = reading.send(value)
    except StopIteration as done:
        return bool(done.value)
    except TimeoutError:
        raise BodyTimeout(f"The body was not complete after {seconds:.0f} s.") from None


async def _within_on_trio(seconds: float, reading: Coroutine[Any, Any, bool]) -> bool:
    import anyio  # whoever serves on trio has it

    with anyio.fail_after(seconds):
        return await reading


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Deadline:
    """Raises TimeoutError in its block after ``seconds``: what ``asyncio.timeout()`` does, at a third of its price."""

    __slots__ = ("_cancelling", "_expired", "_task", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        task = asyncio.current_task(loop)
        assert task is not None, "an ASGI app runs in a task"  # noqa: S101
        self._task = task
        self._cancelling = task.cancelling()
        self._expired = False
        self._timer = loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        # Only our own cancellation becomes a timeout; one that came from outside goes on its way.
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error


def _replay(body: bytes, receive: _Receive) -> _Receive:
    """A ``receive`` that hands the body out once more, then whatever the server has to say (a disconnect)."""
    message: _Message | None = {"type": "http.request", "body": body, "more_body": False}

    async def replay() -> _Message:
        nonlocal message
        if message is None:
            return await receive()
        first, message = message, None
        return first

    return replay


async def _answer(send: _Send, reply: Reply, *, close: bool = False) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _lifespan(receive: _Receive, send: _Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
