"""Samples of calendars, events and messages: Operation Iron Gate and what is said about it."""

from __future__ import annotations

from datetime import datetime, timedelta

from .story import Row, Story, story

__all__ = ["calendar", "event", "message"]

_NO_SCHEDULE: Row = {"schedule": None}


def calendar(at: datetime) -> Story:
    """A calendar for operations, which later gets a description and another colour."""
    return story(
        at,
        "Calendar",
        32,
        columns=("name", "description", "color"),
        form={"name": "Operations \u2694", "color": "#2563eb"},
        edit={"description": "<p>Operations and joint exercises.</p>", "color": "#dc2626"},
    )


def event(at: datetime) -> Story:
    """Operation Iron Gate, five days ahead at 19:00 UTC; later it has orders, other reminders and starts an hour later."""
    starts = (at + timedelta(days=5)).replace(hour=19, minute=0, second=0)
    lasts = timedelta(hours=2, minutes=30)
    form: Row = {
        "name": "Operation Iron Gate",
        "calendar_id": 32,
        "description": "<p>Combined arms, <strong>all platoons</strong>.</p>",
        "location": "TS3: ts.example.test/9987",
        "url": "https://1st-rangers.example.test/briefings/iron-gate?map=altis&x=1",
        "all_day": False,
        "starts": starts,
        "ends": starts + lasts,
        "repeats": False,
        "registration_enabled": True,
        "registration_deadline": starts - timedelta(days=1),
        "notifications_enabled": True,
        "notifications_interval": ["p1d", "pt1h"],
        "notifications_channels": ["mail", "discord_public"],
        "author_id": 1,
    }
    later = starts + timedelta(hours=1)
    edit: Row = {
        "content": "<h2>Situation</h2><p>The gate is held by a company &amp; two MBTs.</p>",
        "starts": later,
        "ends": later + lasts,
        "notifications_interval": ["p1w", "pt15m"],
    }
    return story(
        at,
        "Event",
        1664,
        columns=(
            "name",
            "calendar_id",
            "description",
            "content",
            "location",
            "url",
            "author_id",
            "all_day",
            "starts",
            "ends",
            "repeats",
            "registration_enabled",
            "registration_deadline",
            "notifications_enabled",
            "notifications_interval",
            "notifications_channels",
        ),
        form=form,
        edit=edit,
        with_deleted=_NO_SCHEDULE,
    )


def message(at: datetime) -> Story:
    """A call to muster for everyone (no recipients named), through a public channel."""
    return story(
        at,
        "Message",
        737,
        columns=("message", "channels", "recipients", "repeats", "send_at", "sent_at"),
        form={
            "message": "<p>Muster for Operation Iron Gate at <strong>1830Z</strong> \U0001fa96</p>",
            "channels": ["discord_public", "mail"],
            "recipients": None,
            "repeats": False,
            "send_at": at + timedelta(hours=1),
        },
        edit={
            "message": "<p>Muster for Operation Iron Gate at <strong>1930Z</strong> \U0001fa96</p>",
            "channels": ["discord_public"],
        },
        with_created=_NO_SCHEDULE,
        with_deleted=_NO_SCHEDULE,
    )
