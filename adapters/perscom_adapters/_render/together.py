"""Which events of many tell of the same thing, and what is said in passing beside another thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime

from perscom_adapters._directory import NO_NAMES
from perscom_adapters._message import Message
from perscom_adapters._words import word_of
from perscom_receiver import Event

from . import automation
from .about import group_key, thing
from .digest import Part
from .happenings import Happening, happenings
from .row import Row

__all__ = ["together"]

_PROFILE = "user.updated"


def together(events: Iterable[Event], tell: Callable[[Event], Message | None], heard: Collection[str] = ()) -> list[Part]:
    """All that there is to tell about ``events``, in the order in which it happened.

    ``heard`` are the ids of events that readers know of already. ``tell`` is asked for the message of each thing.
    """
    known = sorted({event.id: event for event in events if word_of(event)}.values(), key=_order)
    texts = [event for event in known if word_of(event) != "test" and automation.is_template(event)]
    others = set(texts)
    worded = [event for event in texts if _has_words(event)]
    found = happenings([event for event in known if event not in others], worded, heard)
    parts = [
        Part(event=one.event, message=message, names=one.names, keys=one.keys)
        for one in found
        if not one.gone and (message := tell(one.event))
    ]
    return _with_texts(_with_profiles(sorted(parts, key=_moment)), texts, set(worded), tell, [one for one in found if one.gone])


def _with_profiles(parts: list[Part]) -> list[Part]:
    """``parts`` where a changed profile is a remark on what happened to the member in the same action."""
    hosts: dict[str, Part] = {}
    for part in parts:
        if part.event.name != _PROFILE:
            for key in part.keys:
                hosts.setdefault(key, part)
    kept = []
    for part in parts:
        host = next((hosts[key] for key in sorted(part.keys) if key in hosts), None) if part.event.name == _PROFILE else None
        if host is None:
            kept.append(part)
        else:
            host.remark(part.message)
    return kept


def _with_texts(
    parts: list[Part],
    texts: Iterable[Event],
    worded: Collection[Event],
    tell: Callable[[Event], Message | None],
    gone: Iterable[Happening],
) -> list[Part]:
    """``parts`` with what automations wrote: beside what it was written about, else as parts of their own."""
    near: defaultdict[str, list[Part]] = defaultdict(list)
    for part in parts:
        for shared in part.keys:
            near[shared].append(part)
    unheard = {(key, name) for one in gone for key in one.keys for name in one.names}
    unheard_things = {thing(one.event) for one in gone} - {None}
    for text in texts:
        key = group_key(text)
        host = _host(near[key], text) if key else None
        if thing(text) in unheard_things or (host is None and (key, text.name) in unheard):
            continue  # it is about what is no longer there
        message = tell(text)
        if message is None:
            continue
        if host is None:
            part = Part(event=text, message=message, names=frozenset((text.name,)), keys=frozenset(filter(None, (key,))))
            parts.append(part)
            if key:
                near[key].append(part)
        elif text in worded:
            host.remark(message)
    return sorted(parts, key=_moment)


def _host(near: Sequence[Part], text: Event) -> Part | None:
    """What an automation wrote about: the thing that its template names, else the first that has its event."""
    # What a changed profile says may be said by the records beside it.
    hosts = [part for part in near if text.name in part.names] or (near if text.name == _PROFILE else [])
    return next((part for part in hosts if thing(part.event) == thing(text)), next(iter(hosts), None))


def _has_words(text: Event) -> bool:
    word = word_of(text)
    return word is not None and automation.written(text, Row.of(text, word, NO_NAMES, data=None)) is not None


def _moment(part: Part) -> tuple[datetime, str]:
    return _order(part.event)


def _order(event: Event) -> tuple[datetime, str]:
    return event.created, event.id
