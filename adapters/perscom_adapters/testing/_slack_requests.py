"""Requests to Slack's incoming webhooks and to its Web API, read and checked as far as no memory is needed for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from ._platform import Incoming, json_of
from ._slack_replies import bad_arguments, bad_message, refused, webhook_refused
from ._slack_rules import POST, UPDATE, WEBHOOK, refusal

__all__ = ["READS", "WRITES", "Call", "arguments_of", "message_of", "named_in", "read_path", "token_of"]

_HOOK: Final = re.compile(r"/services/(?P<team>T[A-Z0-9]+)/(?P<hook>B[A-Z0-9]+)/(?P<token>[^/]+)/?")
_METHOD: Final = re.compile(r"/api/(?P<method>[a-z]+\.[A-Za-z.]+)")
READS: Final = ("auth.test", "conversations.info")
"""Methods that change nothing. They take a GET as well, and their arguments in the query or as a form, but not as JSON."""
WRITES: Final = ("chat.postMessage", "chat.update", "chat.delete")
_ARGUMENTS: Final = {"chat.postMessage": POST, "chat.update": UPDATE}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What a path says: whose webhook, or which method of the Web API."""

    team: str = ""
    hook: str = ""
    token: str = ""
    method: str = ""


def read_path(method: str, path: str) -> Call | None:
    """The call that method and path make; None if Slack knows no such call."""
    if (match := _METHOD.fullmatch(path)) and (method == "POST" or (method == "GET" and match["method"] in READS)):
        return Call(method=match["method"])
    if (match := _HOOK.fullmatch(path)) and method == "POST":
        return Call(team=match["team"], hook=match["hook"], token=match["token"])
    return None


def message_of(request: Incoming, *, strict: bool) -> dict[str, Any]:
    """The well-formed message to a webhook."""
    body = _object_in(request)
    if body is None:
        raise webhook_refused(400, "invalid_payload")
    if found := refusal(body, WEBHOOK, strict=strict):
        raise bad_message(found)
    return body


def arguments_of(method: str, request: Incoming, *, strict: bool) -> dict[str, Any]:
    """The arguments of ``chat.postMessage`` or ``chat.update``, whose message is well-formed."""
    body = _object_in(request)
    if body is None:
        raise refused("invalid_json" if _is_json(request) else "invalid_post_type")
    if found := refusal(body, _ARGUMENTS[method], strict=strict):
        raise bad_arguments(found)
    return body


def named_in(method: str, request: Incoming) -> Mapping[str, object]:
    """The arguments of a call, whatever they are, for those that say where."""
    if _is_json(request) and method not in READS:
        return _object_in(request) or {}
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"))) if is_form else {}
    return {**request.query, **form} if method in (*READS, "chat.delete") else {}


def token_of(headers: Mapping[str, str]) -> str:
    """The token in the header ``Authorization``; empty if there is none."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token if kind == "Bearer" else ""


def _object_in(request: Incoming) -> dict[str, Any] | None:
    body = json_of(request.body) if _is_json(request) else None
    return body if isinstance(body, dict) else None


def _is_json(request: Incoming) -> bool:
    return request.headers.get("content-type", "").startswith("application/json")
