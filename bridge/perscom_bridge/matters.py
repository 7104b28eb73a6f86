"""Which message the events of a task are about: one that is to be posted, or one that stands there already."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from perscom_adapters import GROUP_WINDOW, Receipt, group_key
from perscom_receiver import Event, Told

__all__ = ["Matter", "beginnings", "is_one_action", "matters_of", "thing"]

_OWN_NEWS = ("user", "webhook")
"""Resources whose later events are news of their own, and change nothing that was said before."""
_WHEN_AND_WHERE = ("starts", "ends", "location")


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """Events that are told in one message."""

    events: tuple[Event, ...]
    told: tuple[Told, ...] = ()
    """What was told before of the same things, or of the same action, oldest first."""
    previous: Receipt | None = None
    """The message that is changed: it stands for ``told``. None for one that is new."""

    @property
    def follows(self) -> bool:
        """Whether it is new only because nothing that was told can be changed: then it is worth saying if it adds something."""
        return self.previous is None and bool(self.told) and not any(map(_posted_as, self.told))


def matters_of(events: tuple[Event, ...], told: Sequence[Told]) -> tuple[Matter, ...]:
    """The messages that the ``events`` of one task are about, of what the destination was ``told`` before.

    First those that are changed: PERSCOM deletes many records of a member at once, and a quiet night may change many messages.
    Then, as one message at most, all that is new; that an event to come is moved or cancelled is news besides. In this order an
    attempt that fails can be repeated.
    """
    homes = {event.id: home for event in events if (home := _home(event, told)) is not None}
    posted = tuple(dict.fromkeys(message for one in told if (message := _posted_as(one)) is not None))
    for action in _actions(events):
        found = {homes[event.id] for event in action if event.id in homes}
        rest = [event for event in action if event.id not in homes]
        # A profile is changed by what else was done to the member, and told with it.
        if found and not any(thing(event) is not None for event in rest):
            homes |= {event.id: next(message for message in reversed(posted) if message in found) for event in rest}
    changed = [
        _changed_in(message, tuple(event for event in events if homes.get(event.id) == message), told)
        for message in posted
        if message in homes.values()
    ]
    # Nobody looks up again where a date was announced weeks ago.
    news = tuple(event for event in events if event.id not in homes or _moves_what_is_to_come(event))
    if not news:
        return tuple(changed)
    known = tuple(one for one in told if any(_is_about(one, event) for event in news))
    return (*changed, Matter(events=news, told=known))


def is_one_action(events: Sequence[Event]) -> bool:
    """Whether one action has made all of ``events``."""
    return len(_actions(events)) == 1


def beginnings(told: Sequence[Event]) -> list[Event]:
    """What of ``told`` was news, oldest first: without what changed a thing that was told already."""
    things: set[tuple[str, object]] = set()
    news = []
    for event in told:
        what = thing(event)
        if what is None or what not in things or event.action == "created":
            news.append(event)
        if what is not None:
            things.add(what)
    return news


def thing(event: Event) -> tuple[str, object] | None:
    """What can be changed or deleted later, in the message about it."""
    key = event.data.get("id") if isinstance(event.data, dict) else None
    return (event.resource, str(key)) if event.resource not in _OWN_NEWS and isinstance(key, (int, str)) else None


def _actions(events: Sequence[Event]) -> Collection[list[Event]]:
    """The events of each action."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(group_key(event) or event.id, []).append(event)
    return found.values()


def _moves_what_is_to_come(event: Event) -> bool:
    if event.resource != "event" or not isinstance(event.data, dict):
        return False
    begins = event.calendar_event.starts if event.calendar_event is not None else None
    moved = event.action == "deleted" or not event.changes.keys().isdisjoint(_WHEN_AND_WHERE)
    return moved and isinstance(begins, datetime) and begins > event.created


def _home(event: Event, told: Sequence[Told]) -> tuple[str, str] | None:
    """The newest message about the thing that ``event`` changes, or else about the action that it is a late part of."""
    for about in (_is_same_thing, _is_about):
        for one in reversed(told):
            if about(one, event) and (message := _posted_as(one)) is not None:
                return message
    return None


def _changed_in(message: tuple[str, str], events: tuple[Event, ...], told: Sequence[Told]) -> Matter:
    # What was posted anew stood in another message before.
    stands = (one for one in told if _posted_as(one) == message or any(_is_same_thing(one, event) for event in events))
    newest = next(_receipt(one) for one in reversed(told) if _posted_as(one) == message)
    return Matter(events=events, told=tuple(stands), previous=newest)


def _is_about(one: Told, event: Event) -> bool:
    return _is_same_thing(one, event) or _is_same_action(one.event, event)


def _is_same_thing(one: Told, event: Event) -> bool:
    # What is made anew is no change of anything, whatever its number.
    return event.action != "created" and (what := thing(event)) is not None and what == thing(one.event)


def _is_same_action(one: Event, other: Event) -> bool:
    key = group_key(one)
    return key is not None and key == group_key(other) and abs(one.created - other.created) <= 2 * GROUP_WINDOW


def _posted_as(told: Told) -> tuple[str, str] | None:
    receipt = _receipt(told)
    return (receipt.channel_id or "", receipt.message_id) if receipt is not None and receipt.message_id else None


def _receipt(told: Told) -> Receipt | None:
    try:
        return msgspec.json.decode(told.receipt, type=Receipt)
    except msgspec.DecodeError:  # of another version
        return None
