"""One POST to a receiver, judged the way PERSCOM's operator would want to know it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import aiohttp
import msgspec

from perscom_receiver import ConfigurationError

from ._problems import hide

__all__ = ["Answer", "post"]

TIME_LIMIT = 10.0
"""Seconds for the whole call. PERSCOM itself gives up after 3; waiting longer shows how slow a receiver is."""
PERSCOM_WAITS = 3.0
_EXPLANATION = 2_000  # bytes of a refusal's text that are read
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back. ``failure`` says what was wrong and what to do; None for success in time."""

    status: int | None = None
    seconds: float
    """From the start of the call to the last byte of the answer that was read."""
    failure: str | None = None


async def post(url: str, headers: Mapping[str, str], body: bytes, *, time_limit: float = TIME_LIMIT) -> Answer:
    """POST ``body`` once, follow no redirect. Raises ConfigurationError when ``url`` is no http(s) address."""
    _check(url)
    started = time.monotonic()
    status: int | None = None
    try:
        # Only the headers that PERSCOM sends: a receiver that needs another one would pass here and fail there.
        timeout = aiohttp.ClientTimeout(total=time_limit)
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
            session.post(
                url, data=body, headers=headers, allow_redirects=False, skip_auto_headers=("Accept", "Accept-Encoding")
            ) as response,
        ):
            status = response.status
            failure = _failure(url, status, response.headers.get("Location", ""), await response.content.read(_EXPLANATION))
    except TimeoutError:
        failure = f"no answer within {time_limit:g} s. PERSCOM gives up after {PERSCOM_WAITS:g} s and tries again."
    except (aiohttp.ClientError, ValueError) as error:
        failure = f"it cannot be reached: {hide(str(error)) or type(error).__name__}"
    seconds = time.monotonic() - started
    if failure is None and seconds > PERSCOM_WAITS:
        failure = f"{status}, but only after {seconds:.1f} s. PERSCOM gives up after {PERSCOM_WAITS:g} s and tries again."
    return Answer(status=status, seconds=seconds, failure=failure)


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(f'"{hide(url)}" is no web address. Write it whole: http://127.0.0.1:8000/webhooks/perscom')


def _failure(url: str, status: int, location: str, text: bytes) -> str | None:
    if 200 <= status < 300:
        return None
    if status in _REDIRECTS:
        target = urljoin(url, location) if location else "nowhere"
        return f"{status}, a redirect to {_one_line(target)}. PERSCOM would follow it and lose the body: use that address."
    said = _one_line(text.decode("utf-8", "replace"))
    return f"{status}{f', saying: {said}' if said else ''}"


def _one_line(text: str) -> str:
    """What a stranger wrote, fit for a terminal: one line, no control characters, at most 300 characters."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "?" for c in line[:300])
