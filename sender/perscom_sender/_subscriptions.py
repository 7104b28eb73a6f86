"""The list of subscriptions: who gets what. Each method blocks for a commit or a query."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import msgspec

from perscom_receiver import ConfigurationError
from perscom_receiver.queue import Connection

from . import _rows
from ._health import Standing, read_standing
from ._rows import StoredSecret
from ._store import Store
from .get_query import get_warning
from .schedule import STANDARD_SCHEDULE, Schedule
from .signing import Signer
from .subscription import LONGEST_TEXT, Method, Subscription, check

__all__ = ["Subscriptions"]

_log = logging.getLogger("perscom_sender")
_REMOVED = "removed"


class Subscriptions:
    """The subscriptions of one sender, shared by all processes that use its file. Changes hold for what is sent from then on.

    Its methods block for some milliseconds: call them in ``asyncio.to_thread`` where that matters.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        url: str,
        secret: str,
        events: Iterable[str] = (),
        *,
        name: str = "",
        description: str = "",
        method: Method = "POST",
        schedule: Schedule = STANDARD_SCHEDULE,
        concurrency: int = 5,
        rate: float | None = None,
        timeout: float = 10.0,
        ordered: bool = False,
        standard: bool = False,
        enabled: bool = True,
    ) -> Subscription:
        """Subscribe a URL to ``events``: names, globs and groups; see :class:`Subscription` for the rest.

        It gets what is published from now on. Raises ConfigurationError for what cannot work.
        """
        stored = (_checked(secret),)
        wanted = Subscription(
            name=name,
            description=description,
            url=url,
            method=method,
            secrets=tuple(one.secret() for one in stored),
            events=_texts(events),
            schedule=schedule,
            concurrency=concurrency,
            rate=rate,
            timeout=timeout,
            ordered=ordered,
            standard=standard,
        )
        check(wanted)
        Signer(
            wanted.secrets, standard=standard
        )  # so that a secret that cannot sign is refused here, with a word if it is weak
        _warn(wanted)

        def insert(connection: Connection) -> int:
            number = _rows.save(connection, self._store.queue, wanted, stored)
            if not enabled:
                self._store.queue.pause(connection, str(number), "not enabled yet")
            return number

        return self._known(self._store.write(insert))

    def get(self, number: int) -> Subscription | None:
        """The subscription of this number (its ``id``); None when there is none, or it was removed."""
        row = self._store.read(lambda connection: _rows.find(connection, self._store.site, number))
        return None if row is None else row.subscription

    def all(self) -> list[Subscription]:
        """All of them, oldest first."""
        return [row.subscription for row in self._store.read(lambda connection: _rows.read_all(connection, self._store.site))]

    def standing(self, number: int) -> Standing | None:
        """How the subscription of this number is doing; None when there is none."""
        return self._store.read(lambda connection: read_standing(connection, self._store.site, number, self._store.now()))

    def edit(self, number: int, **changes: Any) -> Subscription:
        """Change some of what :meth:`add` takes, but for the secret: see :meth:`rotate`. What waits goes to the new URL.

        Raises ConfigurationError for what cannot work, and for a number that is none.
        """
        if wrong := changes.keys() - _EDITABLE:
            raise ConfigurationError(
                f"edit() cannot change {', '.join(sorted(wrong))}. It takes {', '.join(sorted(_EDITABLE))}."
            )
        if "events" in changes:
            changes["events"] = _texts(changes["events"])

        def change(connection: Connection) -> None:
            row = _rows.held(connection, self._store.site, number)
            changed = msgspec.structs.replace(row.subscription, **changes)
            check(changed)
            Signer(changed.secrets, standard=changed.standard)
            _rows.save(connection, self._store.queue, changed, row.stored)

        self._store.write(change)
        changed = self._known(number)
        _warn(changed)
        return changed

    def rotate(self, number: int, secret: str, *, overlap: float = 86_400.0) -> Subscription:
        """Sign with ``secret`` from now on. The headers of Standard Webhooks have the old one's signature too, for ``overlap``
        seconds; PERSCOM's own ``Signature`` has room for one, so the receiver needs the new secret beside the old one before.
        """
        new = _checked(secret)
        if not 0 <= overlap <= 366 * 86_400:
            raise ConfigurationError("The overlap of two secrets is 0 s to 366 days, in seconds.")

        def change(connection: Connection) -> None:
            row, now = _rows.held(connection, self._store.site, number), self._store.now()
            kept = [
                StoredSecret(one.value, now + overlap if one.until is None else min(one.until, now + overlap))
                for one in row.stored
                if one.value != new.value and (one.until is None or one.until > now)
            ]
            stored = (new, *kept) if overlap else (new,)
            Signer([one.secret() for one in stored], standard=row.subscription.standard)
            _rows.save(connection, self._store.queue, row.subscription, stored)

        self._store.write(change)
        return self._known(number)

    def enable(self, number: int) -> Subscription:
        """Send again, what was kept meanwhile first. Its breaker is closed."""

        def change(connection: Connection) -> None:
            _rows.held(connection, self._store.site, number)
            connection.execute(
                "UPDATE sender_subscription SET failures = 0, failing_since = NULL, trips = 0, open_until = 0 WHERE id = ?",
                (number,),
            )
            connection.execute("UPDATE lane SET not_before = 0 WHERE site = ? AND queue = ? AND name = ?", self._lane(number))
            self._store.queue.resume(connection, str(number))
            _rows.set_width(connection, self._store.queue, number)

        self._store.write(change)
        return self._known(number)

    def disable(self, number: int, reason: str = "switched off by hand") -> Subscription:
        """Send nothing more; events are kept until it is enabled, as long as bodies are kept."""

        def change(connection: Connection) -> None:
            _rows.held(connection, self._store.site, number)
            self._store.queue.pause(connection, str(number), reason)

        self._store.write(change)
        return self._known(number)

    def remove(self, number: int) -> bool:
        """Forget a subscription and its secrets. What waits is not sent any more; the log stays. False when there is none."""

        def change(connection: Connection) -> bool:
            _rows.hold(connection, [number])
            if _rows.find(connection, self._store.site, number) is None:
                return False
            _rows.remove(connection, self._store.site, number)
            self._store.queue.pause(connection, str(number), _REMOVED)
            return True

        return self._store.write(change)

    def _known(self, number: int) -> Subscription:
        return self._store.read(lambda connection: _rows.known(connection, self._store.site, number)).subscription

    def _lane(self, number: int) -> tuple[str, str, str]:
        return self._store.site, self._store.queue.name, str(number)


_EDITABLE = frozenset(
    ("name", "description", "url", "method", "events", "schedule", "concurrency", "rate", "timeout", "ordered", "standard"),
)


def _texts(events: Iterable[str]) -> tuple[str, ...]:
    if isinstance(events, str):
        raise ConfigurationError(f"events is a list: [{events!r}].")
    return tuple(events)


def _checked(secret: str) -> StoredSecret:
    if not isinstance(secret, str) or len(secret) > LONGEST_TEXT:
        raise ConfigurationError(f"The secret of a subscription is a text of at most {LONGEST_TEXT} characters.")
    return StoredSecret(secret)


def _warn(subscription: Subscription) -> None:
    if subscription.method == "GET":
        _log.warning("%s: %s", subscription.host, get_warning(subscription.url))
