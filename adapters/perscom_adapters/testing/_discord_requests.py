"""Requests to Discord's webhooks, read and checked as far as no memory is needed for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ._discord_checks import Problem
from ._discord_replies import bad_form, refused
from ._discord_rules import form_problems
from ._platform import Incoming

__all__ = ["Call", "check_query", "form_of", "json_of", "read_path"]

_PATH: Final = re.compile(
    r"/api(?:/v(?:6|7|8|9|10))?/webhooks/(?P<webhook>[0-9]+)/(?P<token>[^/]+)(?:/messages/(?P<message>[0-9]+))?/?"
)
_TRUTH: Final = re.compile("true|false|True|False|1|0")
_ID: Final = re.compile("[0-9]{1,20}")
_QUERY: Final[Mapping[str, Mapping[str, re.Pattern[str]]]] = {
    "POST": {"wait": _TRUTH, "thread_id": _ID, "with_components": _TRUTH},
    "PATCH": {"thread_id": _ID, "with_components": _TRUTH},
    "GET": {"thread_id": _ID},
    "DELETE": {"thread_id": _ID},
}
_LARGEST: Final = 25 * 2**20  # bytes


class Call(msgspec.Struct, frozen=True):
    """What a path says: whose webhook, and which of its messages; the latter is empty for a new one, and for the webhook."""

    webhook_id: str
    token: str
    message_id: str


def read_path(method: str, path: str) -> Call | None:
    """The call that method and path make; None if webhooks know no such call."""
    match = _PATH.fullmatch(path)
    if match is None or method not in _QUERY:
        return None
    if method != "GET" and (match["message"] is None) != (method == "POST"):
        return None
    return Call(match["webhook"], match["token"], match["message"] or "")


def check_query(request: Incoming, *, strict: bool) -> None:
    """Refuse wrong parameters, and with ``strict`` unknown ones, which Discord would ignore without a word."""
    known = _QUERY[request.method]
    problems: list[Problem] = []
    for key, value in request.query.items():
        if key in known and not known[key].fullmatch(value):
            problems.append(((key,), "BASE_TYPE_CHOICES", "The value is not of the form of this parameter."))
        elif key not in known and strict:
            problems.append(((key,), "STANDIN_UNKNOWN_PARAMETER", "Discord would ignore this parameter."))
    if problems:
        raise bad_form(problems)


def form_of(request: Incoming, *, edit: bool, strict: bool) -> dict[str, Any]:
    """The well-formed body of a POST or PATCH."""
    if len(request.body) > _LARGEST:
        raise refused(413, 40005, "Request entity too large")
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise bad_form([((), "CONTENT_TYPE_INVALID", 'Expected "Content-Type" header to be application/json.')])
    body = json_of(request.body)
    if body is None:
        raise refused(400, 50109, "The request body contains invalid JSON.")
    if problems := form_problems(body, edit=edit, strict=strict):
        raise bad_form(problems)
    return body if isinstance(body, dict) else {}


def json_of(body: bytes) -> object:
    """The decoded body; None if it is no JSON."""
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no JSON")
