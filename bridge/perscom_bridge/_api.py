"""The keys ``token``, ``perscom_id`` and ``api`` of [site]: PERSCOM's REST API, which is never asked without a token."""

from __future__ import annotations

import re
import time
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec

from ._server import is_loopback
from ._site import web_address
from ._table import Table
from .config import Api, HiddenToken

__all__ = ["read_api"]

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{8,8192}")
_TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SOON = 30 * 86_400
"""Seconds before its end at which a token is told to be old."""
_VERSION = re.compile(r"/v[0-9]+")


class _Claims(msgspec.Struct):
    """All that is read of a token. The rest is about its owner."""

    exp: float | None = None


def read_api(table: Table) -> Api | None:
    """How PERSCOM's API is asked; None when it is not, or the token cannot be used."""
    token, url, tenant = table.text("token"), web_address(table, "api"), table.text_or_number("perscom_id")
    if url is not None and (mistake := _address_mistake(url)):
        table.wrong("api", mistake)
        url = None
    if tenant is not None and not _TENANT.fullmatch(tenant):
        table.wrong("perscom_id", "This is no PERSCOM ID. Copy it from the dashboard, or take the line out: keys hold it.")
        tenant = None
    if "token" not in table:
        for key in ("api", "perscom_id"):
            if key in table:
                table.wrong(key, f'{key} is for the API, which needs a token too: token = "${{PERSCOM_API_TOKEN}}"')
        return None
    if token is None:
        return None
    if not _TOKEN.fullmatch(token):
        table.wrong(
            "token", "This is no API key of PERSCOM. Copy it again from the dashboard, without “Bearer” and white space."
        )
        return None
    _note_age(table, token)
    return Api(token=HiddenToken(token), perscom_id=tenant, **({} if url is None else {"url": _with_version(url)}))


def _address_mistake(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme.lower() != "https" and not is_loopback(parts.hostname or ""):
        return "The token would travel in the clear. Write the address with https://"
    return None


def _with_version(url: str) -> str:
    return url if _VERSION.search(urlsplit(url).path) else f"{url}/v2"


def _note_age(table: Table, token: str) -> None:
    """What the token says of its own end. Nobody verifies that here: it is the owner's, and PERSCOM decides."""
    parts = token.split(".")
    if len(parts) != 3:
        table.note("token", "does not look like an API key of PERSCOM, which has two points in it. PERSCOM will tell.")
        return
    try:
        ends = msgspec.json.decode(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), type=_Claims).exp
        at = None if ends is None else datetime.fromtimestamp(ends, UTC)
    except (ValueError, OverflowError, OSError, RecursionError, msgspec.MsgspecError):
        table.note("token", "does not look like an API key of PERSCOM, whose middle part can be read. PERSCOM will tell.")
        return
    if at is not None and (left := at.timestamp() - time.time()) < _SOON:
        verb = "ended" if left < 0 else "ends"
        table.note("token", f"{verb} on {at:%Y-%m-%d}. Make a new API key in PERSCOM and put it in.")
