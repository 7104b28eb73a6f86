"""What a destination does with the events of one task: it says them, mends what it said, or holds its tongue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import msgspec

from perscom_adapters import (
    GROUP_WINDOW,
    Destination,
    Directory,
    Message,
    Paced,
    Receipt,
    group_key,
    render_digest,
    render_group,
    render_late,
    struck,
    word_of,
)
from perscom_receiver import Context, DestinationError, Done, Event, Group, Told

from . import wording
from .config import DestinationConfig, Site
from .mentions import mentions_for
from .parts import parts_of
from .quiet import quiet_until
from .threads import Threads

__all__ = ["Known", "Posted", "Poster", "linked"]

Posted = Callable[[str, str], None]

_log = logging.getLogger("perscom_bridge")
_OWN_NEWS = ("user", "webhook")
"""Resources whose later events are news of their own, and change nothing that was said before."""


def linked(message: Message, site_url: str | None) -> Message:
    """``message`` with a link: what has no page of its own leads to PERSCOM itself."""
    return message if message.url is not None else msgspec.structs.replace(message, url=site_url)


class Known(Protocol):
    """Who knows names, such as a :class:`~perscom_bridge.directory.SiteDirectory`."""

    async def before(self, events: Sequence[Event]) -> Directory:
        """What was known before ``events``. May wait for a while to learn more."""
        ...

    def known(self, events: Sequence[Event]) -> Directory:
        """The same without waiting for anything."""
        ...


class Poster:
    """Posts to one destination.

    ``posted`` is told its name and how each attempt ended; ``known`` knows names;
    ``now`` gives seconds since 1970.
    """

    def __init__(
        self,
        config: DestinationConfig,
        destination: Destination,
        site: Site,
        posted: Posted,
        known: Known | None,
        now: Callable[[], float],
        threads: Threads | None = None,
    ) -> None:
        self._config = config
        self._destination = destination
        self._site = site
        self._posted = posted
        self._known = known
        self._now = now
        self._threads = threads

    def grouped(self, event: Event) -> Group | None:
        """What ``event`` is posted together with: the rest of its action, or all of a night that is held until the morning."""
        if word_of(event) == "test":
            return None
        if (morning := self._quiet_until()) is not None and self._config.quiet and self._config.quiet.hold:
            wait = morning.timestamp() - self._now()
            return Group(f"until {morning:%Y-%m-%dT%H:%MZ}", window=wait, spread=86_400.0)
        key, window = group_key(event), self._config.group
        return Group(key, window=window, spread=GROUP_WINDOW.total_seconds()) if key is not None and window else None

    async def post(self, event: Event, context: Context) -> Done | None:
        """Post a task, or change what was posted about the same thing. Raises DestinationError."""
        events = (event, *context.others)
        before = _same_matter(context.told, events) if _is_one_action(events) else ()
        previous = next((receipt for receipt in map(_receipt, reversed(before)) if receipt and receipt.message_id), None)
        message = await self._message(events, before, editable=previous is not None)
        if message is None:
            self._posted(self._config.name, "nothing to say")
            return None
        try:
            receipt = await self._send(message, previous, events)
        except DestinationError as error:
            self._posted(self._config.name, error.outcome)
            raise
        self._posted(self._config.name, "sent")
        rest = self._destination.pace.rest if isinstance(self._destination, Paced) else 0.0
        return Done(receipt=receipt, rest=rest, flaw=receipt.refused and f"Sent as plain text. {receipt.refused}")

    async def _send(self, message: Message, previous: Receipt | None, events: Sequence[Event]) -> Receipt:
        if previous is not None:
            try:
                return await self._destination.send(message, previous=previous)
            except DestinationError as error:
                if error.outcome != "rejected":
                    raise
                _log.info("%s: the message to be changed is gone, so it is posted anew (%s)", self._config.name, error)
                await self._rest()
        first, *rest = parts_of(message, self._config)
        if self._threads is None:
            receipt = await self._destination.send(first)
        else:
            receipt = await self._threads.post(first, events, one_action=_is_one_action(events))
        for part in rest:
            await self._rest()
            try:
                await self._destination.send(part, thread=receipt.thread_id)
            except DestinationError as error:
                # The message itself is there: it must not be posted a second time for the sake of its end.
                _log.error("%s: the rest of a long message is not posted: %s", self._config.name, error)
                break
        return receipt

    async def _rest(self) -> None:
        """Between two messages of one task: as long as the platform wants to be left alone."""
        if isinstance(self._destination, Paced):
            await asyncio.sleep(self._destination.pace.rest)

    async def _message(self, events: Sequence[Event], told: Sequence[Told], *, editable: bool) -> Message | None:
        known = [one.event for one in told]
        directory = None if self._known is None else await self._known.before([*known, *events])
        try:
            message = self._said(events, known, directory, editable=editable)
        except Exception:  # noqa: BLE001 - a mistake of ours must not hold up what comes after it: this one is put aside, visibly
            _log.exception("%s: no message could be made of %s %s", self._config.name, events[0].id[:12], events[0].name)
            raise DestinationError("No message could be made of it (see the log).", outcome="rejected") from None
        if message is None:
            return None
        if not message.struck:
            mentions = mentions_for([*known, *events] if editable else events, self._config, self._site, directory)
            message = msgspec.structs.replace(message, mentions=mentions)
        return linked(message if self._quiet_until() is None else msgspec.structs.replace(message, silent=True), self._site.url)

    def _said(
        self, events: Sequence[Event], known: Sequence[Event], directory: Directory | None, *, editable: bool
    ) -> Message | None:
        language = self._config.language or self._site.language
        reword = partial(
            wording.in_own_words,
            site=self._site,
            directory=directory,
            language=language,
            failed=partial(self._posted, self._config.name, wording.FAILED),
        )
        how: dict[str, Any] = {
            "directory": directory,
            "language": language,
            "timezone": self._site.zone,
            "show": self._config.show,
            "reword": reword,
        }
        group, digest, late = (partial(render, **how) for render in (render_group, render_digest, render_late))
        if not known:
            return (group if _is_one_action(events) else digest)(events)
        if not _is_one_action(_beginnings(known)):
            return (digest if editable else group)((*known, *events) if editable else events)
        changed = late(known, events)
        if changed is None or not editable:
            return changed and group(events)
        said = {_thing(event) for event in known} - {None}
        if said and said <= {_thing(event) for event in events if event.action == "deleted"}:
            first = group(known)
            return changed if first is None else struck(first)
        return changed

    def _quiet_until(self) -> datetime | None:
        quiet = self._config.quiet
        return None if quiet is None else quiet_until(datetime.fromtimestamp(self._now(), UTC), quiet, self._site.zone)


def _is_one_action(events: Sequence[Event]) -> bool:
    return len({group_key(event) or event.id for event in events}) == 1


def _beginnings(told: Sequence[Event]) -> list[Event]:
    """What of ``told`` was news, oldest first: without what changed a thing that was told already."""
    things: set[tuple[str, object]] = set()
    news = []
    for event in told:
        thing = _thing(event)
        if thing is None or thing not in things or event.action == "created":
            news.append(event)
        if thing is not None:
            things.add(thing)
    return news


def _same_matter(told: Sequence[Told], events: Sequence[Event]) -> tuple[Told, ...]:
    """What of ``told`` the message to be changed stands for: the same thing, or the same action, and what was said with it."""
    # What is made anew is no change of anything, whatever its number.
    things = {thing for event in events if event.action != "created" and (thing := _thing(event)) is not None}
    found = [one for one in told if _thing(one.event) in things or any(_same_action(one.event, event) for event in events)]
    messages = {message for one in found if (message := _posted_as(one)) is not None}
    return tuple(one for one in told if one in found or _posted_as(one) in messages)


def _same_action(one: Event, other: Event) -> bool:
    key = group_key(one)
    return key is not None and key == group_key(other) and abs(one.created - other.created) <= 2 * GROUP_WINDOW


def _thing(event: Event) -> tuple[str, object] | None:
    key = event.data.get("id") if isinstance(event.data, dict) else None
    return None if event.resource in _OWN_NEWS or key is None else (event.resource, str(key))


def _posted_as(told: Told) -> tuple[str, str] | None:
    receipt = _receipt(told)
    return (receipt.channel_id or "", receipt.message_id) if receipt is not None and receipt.message_id else None


def _receipt(told: Told) -> Receipt | None:
    try:
        return msgspec.json.decode(told.receipt, type=Receipt)
    except msgspec.DecodeError:  # of another version
        return None
