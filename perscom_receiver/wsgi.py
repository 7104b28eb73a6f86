"""WSGI without a framework: a middleware that verifies, and an app that verifies and stores. For Django and all that speaks it.

It stands below the framework: the body is read before anybody can parse a form out of it. Nothing happens here but reading and
answering; every decision is the gate's, so that ASGI cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from http import HTTPStatus
from io import BytesIO
from time import monotonic
from typing import TYPE_CHECKING, Any

from ._errors import BodyTimeout, Refusal
from ._event import Event
from ._gate import BODY_WITHIN, MAX_BODY, Gate, Intake, announced_length, log_refusal
from ._paths import guarded_path, guards, verified
from ._receiver import Receiver
from ._reply import Reply, refusal_reply, store
from ._signature import Secrets
from ._verifier import verifier_for

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["SignatureMiddleware", "current_event", "webhook_app"]

_EVENT = "perscom_receiver.event"
_PIECE = 64 * 1024


class SignatureMiddleware:
    """Lets only verified PERSCOM events through to ``path``; everything else passes untouched.

    ``path`` is compared with PATH_INFO, with and without SCRIPT_NAME, after doubled and trailing slashes are removed; None
    guards every request. The app behind finds the event with ``current_event`` and can still read the body. ``max_body`` is in
    bytes; ``max_age`` as in :class:`perscom_receiver.Verifier`. With ``standard`` the calls are signed as Standard
    Webhooks say (:class:`perscom_receiver.StandardVerifier`), and ``max_age`` is its tolerance.

        app.wsgi_app = SignatureMiddleware(app.wsgi_app, secrets=app.config["PERSCOM_WEBHOOK_SECRET"])  # Flask
        application = SignatureMiddleware(application, secrets=settings.PERSCOM_WEBHOOK_SECRET)         # Django's wsgi.py
    """

    def __init__(
        self,
        wsgi_app: WSGIApplication,
        *,
        secrets: Secrets,
        path: str | None = "/webhooks/perscom",
        max_body: int = MAX_BODY,
        max_age: timedelta | None = None,
        standard: bool = False,
    ) -> None:
        self.wsgi_app = wsgi_app
        self._gate = Gate(verifier_for((secrets,), standard=standard, max_age=max_age), max_body=max_body)
        self._path = guarded_path(path)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not guards(self._path, _text(environ, "PATH_INFO"), _text(environ, "SCRIPT_NAME")):
            return self.wsgi_app(environ, start_response)
        with Intake(self._gate) as intake:
            found = _verified(intake, environ)
            if isinstance(found, Reply):
                return _answer(found, intake, start_response)
            environ[_EVENT] = found
            # The body once more, as if nobody had read it: whole, with its true length, and no longer chunked.
            environ["wsgi.input"] = BytesIO(found.body)
            environ["CONTENT_LENGTH"] = str(len(found.body))
            environ.pop("HTTP_TRANSFER_ENCODING", None)
            return self.wsgi_app(environ, start_response)


def current_event(environ: Mapping[str, Any]) -> Event:
    """The event that :class:`SignatureMiddleware` verified for the request of this environ.

    Raises VerificationError when nothing verified it, so that a wrong ``path`` can never let an unverified call through.
    """
    return verified(environ.get(_EVENT), _text(environ, "PATH_INFO"))


def webhook_app(receiver: Receiver) -> WSGIApplication:
    """A WSGI app that verifies, stores and answers: 202 for a new event, 200 for one seen before, a refusal otherwise.

    It answers on every path it is given.
    """

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with Intake(receiver.gate) as intake:
            found = _verified(intake, environ)
            reply = found if isinstance(found, Reply) else store(receiver.inbox, found)
            return _answer(reply, intake, start_response)

    return app


def _verified(intake: Intake, environ: WSGIEnvironment) -> Event | Reply:
    """The event of this request, or the refusal to answer it with."""
    try:
        # Servers join doubled headers with a comma, which no well-formed signature has in that place.
        headers = [(name, environ[key]) for name, key in _keys(intake.gate.verifier.HEADERS) if key in environ]
        intake.open(environ["REQUEST_METHOD"], headers, environ.get("CONTENT_LENGTH"))
        for piece in _pieces(environ, intake.gate.max_body):
            intake.add(piece)
        return intake.event()
    except Refusal as refusal:
        log_refusal(refusal, intake, environ.get("PATH_INFO", ""), bool(environ.get("QUERY_STRING")))
        return refusal_reply(refusal)


@cache
def _keys(headers: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The names of headers, each with the key that WSGI has it under."""
    return tuple((name, "HTTP_" + name.upper().replace("-", "_")) for name in headers)


def _answer(reply: Reply, intake: Intake, start_response: StartResponse) -> list[bytes]:
    start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", list(reply.headers))
    return [] if intake.method == "HEAD" else [reply.body]


def _text(environ: Mapping[str, Any], name: str) -> str:
    """A part of the path as the routes see it. WSGI hands its UTF-8 bytes over as latin-1 (PEP 3333)."""
    return str(environ.get(name, "")).encode("latin-1", "replace").decode("utf-8", "replace")


def _pieces(environ: WSGIEnvironment, limit: int) -> Iterator[bytes]:
    """The body piece by piece, at most one piece over the limit.

    Raises BodyTimeout. WSGI has no way to interrupt a read, so the clock is looked at between reads; against a peer that
    sends a byte a minute only the server or a proxy in front can help (docs/proxies.md).
    """
    length = announced_length(environ.get("CONTENT_LENGTH"))
    if length is not None:
        left = min(length, limit + 1)
    elif environ.get("wsgi.input_terminated"):  # chunked; the server ends the stream itself
        left = limit + 1
    else:
        return
    source: Any = environ["wsgi.input"]
    deadline = monotonic() + BODY_WITHIN
    while left > 0:
        try:
            piece = source.read(min(left, _PIECE))
        except Exception as error:  # noqa: BLE001
            # The peer has gone, or sent chunks that are none. Every server has errors of its own for that, of any base.
            raise BodyTimeout(f"The body broke off: {type(error).__name__}.") from None
        if not piece:
            return
        if monotonic() > deadline:
            raise BodyTimeout(f"The body was not complete after {BODY_WITHIN:.0f} s.")
        left -= len(piece)
        yield piece
