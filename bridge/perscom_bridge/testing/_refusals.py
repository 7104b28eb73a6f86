"""What PERSCOM's API answers when it does not do what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["RULE", "Refused", "error_body"]

RULE: Final = "(text of the failed rule)"
_TYPES: Final = {
    401: "AuthenticationException",
    402: "HttpException",
    403: "HttpException",
    404: "NotFoundHttpException",
    422: "ValidationException",
    429: "ThrottleRequestsException",
}


class Refused(Exception):
    """A request that is answered with ``status``; ``errors`` are the failed rules by the names of what they are about."""

    def __init__(self, status: int, **errors: list[str]) -> None:
        self.status = status
        self.errors = errors


def error_body(status: int, ids: Mapping[str, str], errors: Mapping[str, list[str]] | None = None) -> object:
    """The body of an answer with ``status``; ``ids`` are the headers that number the request."""
    request, trace = ids["X-Perscom-Request-Id"], ids["X-Perscom-Trace-Id"]
    error = {"message": "(fixed text)", "type": _TYPES.get(status, "HttpException"), "request_id": request, "trace_id": trace}
    return {"error": {**error, "errors": errors} if errors else error}
