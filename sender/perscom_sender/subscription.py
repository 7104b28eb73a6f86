"""A subscription: which events go to which URL, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from perscom_receiver import EVENT_NAMES, ConfigurationError, Secret

from .schedule import STANDARD_SCHEDULE, Schedule

__all__ = ["EVENT_GROUPS", "LONGEST_TEXT", "Method", "Subscription", "check"]

Method = Literal["POST", "GET"]

LONGEST_TEXT = 255
"""Characters of a name, a secret or a pattern: as in PERSCOM's own form."""
_LONGEST_URL = 2048
_LONGEST_DESCRIPTION = 10_000


def _of(*resources: str) -> tuple[str, ...]:
    return tuple(name for name in EVENT_NAMES if name.partition(".")[0] in resources)


EVENT_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Users": _of("user"),
    "Records": tuple(name for name in EVENT_NAMES if name.partition(".")[0].endswith("record")),
    "Calendars & Events": _of("calendar", "event"),
    "Messages": _of("message"),
    "Submissions": _of("submission"),
    "Test": _of("webhook"),
}
"""PERSCOM's groups of events, which may stand among the events of a subscription like any name."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Where events are sent. Made by ``sender.subscriptions.add``; its repr never shows a secret."""

    id: int = 0
    name: str = ""
    description: str = ""
    url: str
    method: Method = "POST"
    secrets: tuple[Secret, ...]
    """The live one first; behind it those that still sign too, until their ``valid_until``."""
    events: tuple[str, ...] = ()
    """Names, globs (``order.*``) and groups (``Records``). Empty: nothing but :meth:`Sender.test`."""
    schedule: Schedule = STANDARD_SCHEDULE
    concurrency: int = 5
    """Requests at once."""
    rate: float | None = None
    """Requests in a second, at most, over all processes; None: no limit."""
    timeout: float = 10.0
    """Seconds for one whole try, up to the end of the answer."""
    ordered: bool = False
    """Whether the events of one entity (see :meth:`Sender.publish`) are sent one after another: the next one when the one
    before is delivered, or given up. Those of others go on beside it."""
    standard: bool = False
    """Whether the headers of Standard Webhooks stand beside PERSCOM's ``Signature``."""
    disabled: str | None = None
    """Why nothing is sent; events are kept meanwhile. None: it is enabled."""

    def __repr__(self) -> str:
        return f"<Subscription {self.id} {self.name!r} at {self.host}>"

    @property
    def enabled(self) -> bool:
        """Whether its deliveries are sent."""
        return self.disabled is None

    @property
    def host(self) -> str:
        """The host of the URL, which is as much of it as logs and errors may tell."""
        return urlsplit(self.url).hostname or ""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The events with each group as the names in it, each once."""
        return tuple(dict.fromkeys(name for entry in self.events for name in EVENT_GROUPS.get(entry, (entry,))))


def check(given: Subscription) -> None:
    """Raises ConfigurationError for a subscription that cannot work."""
    for mistake in _mistakes(given):
        raise ConfigurationError(mistake)


def _mistakes(given: Subscription) -> Iterable[str]:
    """What is wrong with it, in words that hold nothing of a URL or a secret."""
    try:
        parts = urlsplit(given.url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        whole = False
    if not whole or len(given.url) > _LONGEST_URL or not _plain(given.url):
        yield f"The URL of a subscription is a whole web address (https://…) of at most {_LONGEST_URL} ASCII characters."
    elif parts.username is not None or parts.fragment:
        yield "The URL of a subscription holds a user name, a password or a #fragment. Take it out."
    if given.method not in ("POST", "GET"):
        yield "The method of a subscription is POST or GET."
    if not given.secrets:
        yield "A subscription needs a secret: without one nobody can tell that it is you who sends."
    for text, what in ((given.name, "name"), *((event, "pattern") for event in given.events)):
        if not isinstance(text, str) or len(text) > LONGEST_TEXT or not _storable(text) or (what == "pattern" and not text):
            yield f"A {what} of a subscription is a text of at most {LONGEST_TEXT} characters."
    if len(given.description) > _LONGEST_DESCRIPTION or not _storable(given.description):
        yield f"The description of a subscription has at most {_LONGEST_DESCRIPTION} characters."
    if not 1 <= given.concurrency <= 1000:
        yield "The concurrency of a subscription is 1 to 1000 requests at once."
    if given.rate is not None and not 0.001 <= given.rate <= 100_000:
        yield "The rate of a subscription is 0.001 to 100000 requests in a second, or None."
    if not 0.1 <= given.timeout <= 120:
        yield "The timeout of a subscription is 0.1 to 120 seconds."


def _plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
