"""Event -> Message: what there is to say, and how."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, tzinfo

from perscom_adapters._directory import NO_NAMES, Directory
from perscom_adapters._languages import language_of
from perscom_adapters._message import Message
from perscom_adapters._words import word_of
from perscom_receiver import Event

from . import automation, calendar, people, records, talk
from .row import Row

__all__ = ["render"]

_RENDERERS: dict[str, Callable[[Row], Message | None]] = {
    "user": people.user,
    "rankrecord": records.rank,
    "awardrecord": records.award,
    "qualificationrecord": records.qualification,
    "assignmentrecord": records.assignment,
    "combatrecord": records.note,
    "servicerecord": records.note,
    "calendar": calendar.calendar,
    "event": calendar.event,
    "message": talk.announcement,
    "submission": talk.submission,
    "webhook": talk.test,
}


def render(
    event: Event,
    directory: Directory | None = None,
    *,
    language: str = "en",
    timezone: tzinfo = UTC,
    show: Collection[str] = (),
    told: Iterable[Event] = (),
) -> Message | None:
    """The message for an event, or None when there is nothing worth saying.

    Nothing is said about a name PERSCOM does not have today, a profile change that concerns nobody else (notes, photo,
    password, custom fields), the reminders of an event, and a message that has recipients, goes through no public channel or
    is not due yet.

    ``directory`` knows names for the ids in a payload. Without one the payload alone is read, and what it does not say is
    left out of the sentence. Of an automation's own payload the text under ``title`` and under ``content``, ``text`` or
    ``message`` is shown, and with it the ``fields`` and the ``link``; without any text, what is certain from the event's name.
    Never raises, whatever is in the event.

    ``language`` is one of :data:`perscom_adapters.LANGUAGES` (ValueError for others); what people wrote is not translated.
    ``timezone`` is the community's, for platforms that do not show each reader their own time. ``show`` names what is private
    and shown all the same: ``"answers"``, those of a form, at most 50 of at most 500 UTF-16 units. ``told`` are events that
    readers know already: PERSCOM never sends what was before, so of an event that is moved they tell from when.
    """
    spoken = language_of(language)
    word = word_of(event)
    if word is None:
        return None
    if word == "test" or not automation.is_template(event):
        names = directory or NO_NAMES
        row = Row.of(event, word, names, data=event.data, language=spoken, zone=timezone, show=show, told=told)
        return _RENDERERS[event.resource](row)
    if word == "message":
        return None  # nobody can tell whom it was for
    row = Row.of(event, word, NO_NAMES, data=None, language=spoken, zone=timezone)
    return automation.written(event, row) or _RENDERERS[event.resource](row)
