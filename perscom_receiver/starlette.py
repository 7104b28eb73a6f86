"""Starlette and FastAPI: the middleware and the app of ``perscom_receiver.asgi``, and the event as a dependency."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

from . import asgi
from ._errors import ConfigurationError, VerificationError
from ._event import Event
from .asgi import SignatureMiddleware, webhook_app

__all__ = ["SignatureMiddleware", "UnverifiedRequest", "current_event", "webhook_app"]


class UnverifiedRequest(HTTPException, ConfigurationError):
    """A handler asked for the event of a request that nothing verified. Answered with 401."""


def current_event(request: Request) -> Event:
    """The event that :class:`SignatureMiddleware` verified for this very request; also a FastAPI dependency.

    Raises UnverifiedRequest (a ConfigurationError that is answered with 401) when nothing verified it, so that a wrong ``path``
    can never let an unverified call through.
    """
    try:
        return asgi.current_event(request.scope)
    except VerificationError as error:
        raise UnverifiedRequest(401, error.answer) from None
