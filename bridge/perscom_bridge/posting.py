"""What a destination does with the events of one task: it says them, mends what it said, or holds its tongue."""

from __future__ import annotations

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
    MessageGone,
    Paced,
    Receipt,
    group_key,
    render_digest,
    render_group,
    render_late,
    struck,
    word_of,
)
from perscom_receiver import Context, DestinationError, Done, Event, Group

from . import wording
from .config import DestinationConfig, Site
from .matters import Matter, beginnings, is_one_action, matters_of, thing
from .mentions import mentions_for
from .parts import Parts, rest
from .quiet import quiet_until
from .threads import Threads

__all__ = ["Known", "Posted", "Poster", "linked"]

Posted = Callable[[str, str], None]

_log = logging.getLogger("perscom_bridge")


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

    ``posted`` is told its name and how each attempt ended; ``known`` knows names; ``now`` gives seconds since 1970; ``threads``
    are those of members, where the destination has some.
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
        self._parts = Parts(config, destination)

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
        """Post a task, or change what was posted about the same things. Raises DestinationError."""
        receipts: dict[str, Receipt | None] = {}
        for matter in matters_of((event, *context.others), context.told):
            if any(receipts.values()):
                await rest(self._destination)
            receipt = await self._tell(matter)
            # What changes a message and is news besides belongs to the message that it changes.
            receipts = {one.id: receipt for one in matter.events} | receipts
        sent = [receipt for receipt in receipts.values() if receipt is not None]
        if not sent:
            return None
        pause = self._destination.pace.rest if isinstance(self._destination, Paced) else 0.0
        refused = next((receipt.refused for receipt in sent if receipt.refused), None)
        return Done(receipts=receipts, rest=pause, flaw=refused and f"Sent as plain text. {refused}")

    async def _tell(self, matter: Matter) -> Receipt | None:
        message = await self._message(matter)
        try:
            receipt = None if message is None else await self._send(message, matter)
        except DestinationError as error:
            self._posted(self._config.name, error.outcome)
            raise
        self._posted(self._config.name, "nothing to say" if receipt is None else "sent")
        return receipt

    async def _send(self, message: Message, matter: Matter) -> Receipt | None:
        """The receipt; None where there was nothing but to strike, and the message is there no more."""
        if matter.previous is not None:
            try:
                return await self._parts.change(message, matter.previous)
            except DestinationError as error:
                if error.outcome != "rejected":
                    raise
                takes_back = message.struck or all(event.action == "deleted" for event in matter.events)
                if takes_back and isinstance(error, MessageGone):
                    return None
                _log.info("%s: a message that cannot be changed is posted anew (%s)", self._config.name, error)
            await rest(self._destination)
        return await self._parts.post(message, partial(self._begin, matter.events))

    async def _begin(self, events: Sequence[Event], message: Message) -> Receipt:
        if self._threads is None:
            return await self._destination.send(message)
        return await self._threads.post(message, events, one_action=is_one_action(events))

    async def _message(self, matter: Matter) -> Message | None:
        events, known = matter.events, [one.event for one in matter.told]
        anew = matter.previous is None
        past = events if anew and not is_one_action(events) else [*known, *events]
        directory = None if self._known is None else await self._known.before(past)
        try:
            message = self._said(matter, known, directory)
        except Exception:  # noqa: BLE001 - a mistake of ours must not hold up what comes after it: this one is put aside, visibly
            _log.exception("%s: no message could be made of %s %s", self._config.name, events[0].id[:12], events[0].name)
            raise DestinationError("No message could be made of it (see the log).", outcome="rejected") from None
        if message is None:
            return None
        if not message.struck:
            mentions = mentions_for(events if anew else [*known, *events], self._config, self._site, directory)
            message = msgspec.structs.replace(message, mentions=mentions)
        return linked(message if self._quiet_until() is None else msgspec.structs.replace(message, silent=True), self._site.url)

    def _said(self, matter: Matter, known: Sequence[Event], directory: Directory | None) -> Message | None:
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
        events, one_thing = matter.events, is_one_action(beginnings(known))
        if matter.previous is None:
            if not is_one_action(events):
                return digest(events, told=known)
            says_nothing = matter.follows and one_thing and late(known, events) is None
            return None if says_nothing else group(events, told=known)
        if not one_thing:
            return _left(digest, known, events)
        changed = late(known, events)
        said = {thing(event) for event in known} - {None}
        left = [event for event in events if event.action != "deleted"]
        if changed and said and said <= {thing(event) for event in events if event not in left} and group(left) is None:
            first = group(known)
            return changed if first is None else struck(first)
        return changed

    def _quiet_until(self) -> datetime | None:
        quiet = self._config.quiet
        return None if quiet is None else quiet_until(datetime.fromtimestamp(self._now(), UTC), quiet, self._site.zone)


def _left(digest: Callable[[Sequence[Event]], Message | None], known: Sequence[Event], news: Sequence[Event]) -> Message | None:
    """What a digest of ``known`` says by now: less, when some of it was deleted; struck, when nothing is left of it."""
    now, before = digest((*known, *news)), digest(known)
    return struck(before) if now is None and before is not None else now
