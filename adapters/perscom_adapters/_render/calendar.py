"""Calendars, and the events in them."""

from __future__ import annotations

from perscom_adapters._message import Field, Inline, Message, Text, Time, safe_url

from .parts import byline, facts, message, quoted_text
from .row import Row

__all__ = ["calendar", "event"]


def calendar(row: Row) -> Message:
    """A calendar."""
    name = row.text("name")
    description = quoted_text(row, "description") if row.action != "deleted" else None
    match row.action:
        case "created":
            title = f"New calendar: {name}" if name else "New calendar"
        case "deleted":
            title = f"The calendar “{name}” was removed" if name else "A calendar was removed"
        case _ if "name" in row.changed and name:
            title = f"A calendar is now called “{name}”"
        case _:
            title = f"The calendar “{name}” was changed" if name else "A calendar was changed"
    return message(row, title, blocks=(description,))


def event(row: Row) -> Message | None:
    """An event that was planned, moved, changed or cancelled. None when only its reminders changed, or the like."""
    name = row.text("name")
    match row.action:
        case "created":
            title = f"New event: {name}" if name else "New event"
            return _full(row, title, time_label="When")
        case "deleted":
            return _gone(row, name)
        case _ if row.unnoticed:
            return None
        case _:
            title, time_label = _change(row, name)
            return _full(row, title, time_label=time_label)


def _change(row: Row, name: str | None) -> tuple[str, str]:
    """What an update is about, the most important first, and what the time is called in it."""
    subject = name or "An event"
    if "starts" in row.changed and row.moment("starts"):
        return f"{subject} was moved", "New time"
    if "ends" in row.changed and row.moment("ends"):
        return f"{subject} ends at another time", "New time"
    if "name" in row.changed and name:
        return f"An event is now called {name}", "When"
    if "location" in row.changed and row.text("location"):
        return f"{subject} has a new location", "When"
    if row.changed and row.changed.keys() <= {"registration_enabled", "registration_deadline"}:
        return f"Sign-up for {name or 'an event'} was changed", "When"
    return f"{subject} was changed", "When"


def _full(row: Row, title: str, *, time_label: str) -> Message:
    author = byline(row, unit=False) if row.action == "created" else None
    fields = (
        *facts((time_label, _span(row)), short=False),
        *facts(
            ("Where", row.text("location", 200)),
            ("Calendar", row.name("calendar")),
            ("Repeats", "yes" if row.flag("repeats") else None),
        ),
        *_sign_up(row),
    )
    url = safe_url(row.data.get("url"))
    return message(row, title, blocks=(author, quoted_text(row, "description")), fields=fields, url=url)


def _gone(row: Row, name: str | None) -> Message:
    starts = row.moment("starts")
    over = starts is not None and starts < row.created
    title = f"{name or 'An event'} was {'removed from the calendar' if over else 'cancelled'}"
    return message(row, title, fields=facts(("Took place" if over else "Was planned for", _span(row)), short=False))


def _span(row: Row) -> tuple[Inline, ...] | None:
    """From when until when, as far as known."""
    starts, ends = row.moment("starts"), row.moment("ends")
    if starts is None:
        return None
    all_day = row.flag("all_day") is True
    begin = Time(starts, "date" if all_day else "datetime")
    if ends is None or ends <= starts or (all_day and ends.date() == starts.date()):
        return (begin,)
    return begin, Text(" to "), Time(ends, begin.style)


def _sign_up(row: Row) -> tuple[Field, ...]:
    if not row.flag("registration_enabled"):
        return ()
    deadline = row.moment("registration_deadline")
    return facts(("Sign-up", (Text("until "), Time(deadline)) if deadline else "open"))
