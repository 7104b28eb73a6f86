"""Events -> Message: one action, one message; and a long silence, one digest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, tzinfo

import msgspec

from perscom_adapters._directory import Directory
from perscom_adapters._languages import language_of
from perscom_adapters._message import Message
from perscom_receiver import Event

from . import render
from .about import subject
from .digest import Part, digest, with_remarks
from .names import names
from .together import together

__all__ = ["render_digest", "render_group", "render_late"]

_Reword = Callable[[Message, Event], Message]


class _Teller(msgspec.Struct, frozen=True, kw_only=True):
    """How all events of a group are rendered."""

    directory: Directory | None
    language: str
    timezone: tzinfo
    show: Collection[str]
    reword: _Reword | None
    told: tuple[Event, ...] = ()

    def message(self, event: Event) -> Message | None:
        message = render(event, self.directory, language=self.language, timezone=self.timezone, show=self.show, told=self.told)
        return message if message is None or self.reword is None else self.reword(message, event)

    def member(self, parts: Sequence[Part]) -> str | None:
        """The member whom all of it is about, as called last."""
        about = {subject(part.event) for part in parts}
        if len(about) != 1 or None in about:
            return None
        called = (names(part.event, self.directory, language=self.language)["member"] for part in reversed(parts))
        return next(filter(None, called), None)


def render_group(
    events: Iterable[Event],
    directory: Directory | None = None,
    *,
    language: str = "en",
    timezone: tzinfo = UTC,
    show: Collection[str] = (),
    told: Iterable[Event] = (),
    reword: _Reword | None = None,
) -> Message | None:
    """One message for the events of one group (see :func:`perscom_adapters.group_key`), or None with nothing worth saying.

    Of a single event it is exactly what :func:`perscom_adapters.render` makes of it. Otherwise:

    - What was made and changed is told as made, the way it is now; several changes are one. What was deleted is told as
      deleted; what was made and deleted is not told at all.
    - A record is the message. What the ``user.updated`` beside it say is left out where the record says it (the rank; unit,
      position, specialty and status), and added where it does not (the approval).
    - What an automation wrote is added to the message of the event that it was written for.
    - Several records are a digest: ``SFC Jacob Whitfield: 1 promotion, 2 awards``, up to three of them in full, more in a line
      each, up to 25; the title counts all. Its word is the one that stands first in :data:`perscom_adapters.WORDS`.

    The order of ``events`` does not matter, nor does one that is there twice; things are told in the order of their
    ``created``. The keywords are those of ``render``, and like that it never raises, whatever is in the events. ``reword`` is
    called with the message of each thing and with an event that holds all that is known of it, before the messages are put
    together: for an operator's own words. What it raises is raised.
    """
    teller = _Teller(directory=directory, language=language, timezone=timezone, show=show, reword=reword, told=tuple(told))
    return _grouped(events, teller)


def render_late(
    told: Iterable[Event],
    late: Event | Iterable[Event],
    directory: Directory | None = None,
    *,
    language: str = "en",
    timezone: tzinfo = UTC,
    show: Collection[str] = (),
    reword: _Reword | None = None,
) -> Message | None:
    """What the message about ``told``, the members of a group that were posted, becomes by what is ``late``, one or several.

    The whole message anew, for an edit of the first; where that cannot be edited, its own message is what follows it up. None
    when ``late`` adds nothing that a reader could see. What was told and is deleted now is told as deleted.
    """
    teller = _Teller(directory=directory, language=language, timezone=timezone, show=show, reword=reword)
    known, news = list(told), [late] if isinstance(late, Event) else list(late)
    before, after = _grouped(known, teller), _grouped([*known, *news], teller, {event.id for event in known})
    return None if after is None or (before is not None and _same(before, after)) else after


def render_digest(
    events: Iterable[Event],
    directory: Directory | None = None,
    *,
    language: str = "en",
    timezone: tzinfo = UTC,
    show: Collection[str] = (),
    told: Iterable[Event] = (),
    reword: _Reword | None = None,
) -> Message | None:
    """One message for events that nobody heard of in time, of any number of actions and people; None with nothing to say.

    For what was held back during quiet hours, or by an outage: ``5 promotions, 2 awards``, and below that a line for each, up
    to 25, with the time when it happened. What belongs together is put together as in :func:`render_group`; when a single thing
    is left, its own message is the digest.
    """
    teller = _Teller(directory=directory, language=language, timezone=timezone, show=show, reword=reword, told=tuple(told))
    return _grouped(events, teller, times=True)


def _grouped(events: Iterable[Event], teller: _Teller, heard: Collection[str] = (), *, times: bool = False) -> Message | None:
    parts = together(events, teller.message, heard)
    if len(parts) < 2:
        return with_remarks(parts[0]) if parts else None
    return digest(parts, language_of(teller.language), member=teller.member(parts), times=times)


def _same(one: Message, other: Message) -> bool:
    """Whether readers would see the same; the moment moves on with each delivery."""
    return msgspec.structs.replace(one, at=None, shown_at=None) == msgspec.structs.replace(other, at=None, shown_at=None)
