"""Calendars, and the events in them."""

from __future__ import annotations

from msgspec.structs import replace

from perscom_adapters._message import Field, Inline, Message, safe_url

from .parts import byline, facts, message, phrase, quoted_text
from .row import Row

__all__ = ["calendar", "event"]


def calendar(row: Row) -> Message:
    """A calendar."""
    name = row.text("name")
    description = quoted_text(row, "description") if row.action != "deleted" else None
    key = "renamed" if row.action == "updated" and "name" in row.changed and name else row.action
    return message(row, row.say(f"calendar.{key}", name=name), blocks=(description,))


def event(row: Row) -> Message | None:
    """An event that was planned, moved, changed or cancelled. None when only its reminders changed, or the like."""
    match row.action:
        case "created":
            return _full(row, "created")
        case "deleted":
            return _gone(row)
        case _:
            return None if row.unnoticed else _full(row, _change(row))


def _change(row: Row) -> str:
    """What an update is about, the most important first."""
    if "starts" in row.changed and row.moment("starts"):
        return "moved"
    if "ends" in row.changed and row.moment("ends"):
        return "ends"
    if "name" in row.changed and row.text("name"):
        return "renamed"
    if "location" in row.changed and row.text("location"):
        return "location"
    if row.changed and row.changed.keys() <= {"registration_enabled", "registration_deadline"}:
        return "signup"
    return "updated"


def _full(row: Row, key: str) -> Message:
    author = byline(row, unit=False) if row.action == "created" else None
    fields = (
        *_when(row, moved=key in ("moved", "ends")),
        *facts(
            row,
            ("where", row.text("location", 200)),
            ("calendar", row.name("calendar")),
            ("repeats", row.say("value.yes") if row.flag("repeats") else None),
        ),
        *_sign_up(row),
    )
    title = row.say(f"event.{key}", name=row.text("name"))
    url = safe_url(row.data.get("url"))
    return message(row, title, blocks=(author, quoted_text(row, "description")), fields=fields, url=url)


def _gone(row: Row) -> Message:
    starts = row.moment("starts")
    over = starts is not None and starts < row.created
    title = row.say("event.removed" if over else "event.cancelled", name=row.text("name"))
    return message(row, title, fields=facts(row, ("took_place" if over else "planned_for", _span(row)), short=False))


def _when(row: Row, *, moved: bool) -> tuple[Field, ...]:
    span = _span(row)
    if not moved:
        return facts(row, ("when", span), short=False)
    before = _span(replace(row, data=row.before))
    return facts(row, ("previous_time", before if before != span else None), ("new_time", span), short=False)


def _span(row: Row) -> tuple[Inline, ...] | None:
    """From when until when, as far as known."""
    starts, ends = row.moment("starts"), row.moment("ends")
    if starts is None:
        return None
    all_day = row.flag("all_day") is True
    begin = row.time(starts, "date" if all_day else "datetime")
    if ends is None or ends <= starts or (all_day and ends.date() == starts.date()):
        return (begin,)
    if not all_day and row.time(starts, "date").shown == row.time(ends, "date").shown:
        return phrase(row, "value.hours", starts=begin, ends=row.time(ends, "time"))
    return phrase(row, "value.span", starts=begin, ends=row.time(ends, begin.style))


def _sign_up(row: Row) -> tuple[Field, ...]:
    if not row.flag("registration_enabled"):
        return ()
    deadline = row.moment("registration_deadline")
    until = phrase(row, "value.until", time=row.time(deadline)) if deadline else row.say("value.signup_open")
    return facts(row, ("signup", until))
