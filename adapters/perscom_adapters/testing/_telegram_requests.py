"""Requests to Telegram's Bot API, read as far as no memory is needed for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from ._platform import Incoming, json_of
from ._telegram_replies import refused
from ._telegram_rules import NOT_PLAYED

__all__ = ["Call", "given", "read_path"]

_PATH: Final = re.compile(r"/bot(?P<token>[^/]+)/(?P<method>[A-Za-z]+)")


class Call(msgspec.Struct, frozen=True):
    """What a path says: whose bot, and which method."""

    token: str
    method: str


def read_path(method: str, path: str) -> Call | None:
    """The call that method and path make; None if the Bot API knows no such call."""
    match = _PATH.fullmatch(path)
    return Call(match["token"], match["method"]) if match and method in ("GET", "POST") else None


def given(request: Incoming) -> Mapping[str, object]:
    """The arguments as they came: in the query, as a form or as an object in JSON. Those of a form are all texts."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body: object = {}
    if kind == "application/json":
        body = json_of(request.body or b"{}")
    elif kind == "application/x-www-form-urlencoded":
        body = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    elif request.body:
        raise refused(400, f"Bad Request: a body that is neither a form nor JSON ({NOT_PLAYED})")
    if not isinstance(body, dict):
        raise refused(400, "Bad Request: can't parse request JSON object")
    return {**request.query, **body}
