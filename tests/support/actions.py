"""Actions of the 1st Ranger Group, with all deliveries that PERSCOM makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from perscom_receiver import Event
from perscom_receiver.testing import make_event

__all__ = ["CHANGED", "MOVED", "NIGHT", "PLANNED", "PROMOTION", "TRANSFER"]

AT = datetime(2026, 3, 2, 18, 20, 5, 201415, tzinfo=UTC)
MORNING = datetime(2026, 3, 3, 6, tzinfo=UTC)


def delivered(name: str, ms: int = 0, **overrides: object) -> Event:
    """The sample of ``name``, so many milliseconds into the action."""
    action = {"request_id": "9b1d0e1c-53d0-4a5e-9a0c-0e8d1b1f7c11", "created": AT + timedelta(milliseconds=ms)}
    return make_event(name, **(action | overrides))


def profile(ms: int, changes: Mapping[str, object]) -> Event:
    """One column of Cpl Noor Haddad's profile is saved."""
    return delivered("user.updated", ms, data={"id": 2187, "display_name": "Cpl Noor Haddad", **changes}, changes=changes)


def at_night(name: str, minutes: int, number: int, member: str) -> Event:
    """Something happens to a member, so many minutes before the morning."""
    created, user = MORNING - timedelta(minutes=minutes), {"id": number, "display_name": member}
    return delivered(name, created=created, request_id=f"night {minutes}", id=minutes, user_id=number, user=user)


PROMOTION = (delivered("user.updated"), delivered("rankrecord.created", 5))
"""Two deliveries: the rank in the profile, and the record."""
CHANGED = delivered("rankrecord.updated", 3_600_000, request_id="an hour later")
"""Its citation was written anew."""

PLANNED, MOVED = delivered("event.created"), delivered("event.updated", 3_600_000, request_id="an hour later")
"""An event, and that it begins an hour later than it was planned."""

TRANSFER = (
    profile(10, {"position_id": 22}),
    profile(20, {"specialty_id": 6}),
    profile(30, {"unit_id": 16}),
    profile(40, {"status_id": 3}),
    profile(50, {"unit_slot_id": 4}),
    delivered("assignmentrecord.created", 90),
)
"""Six deliveries: column by column of the profile, and the record."""

NIGHT = (
    at_night("rankrecord.created", 421, 31, "PFC Lena Brandt"),
    at_night("rankrecord.created", 420, 32, "Spc Tomasz Nowak"),
    at_night("awardrecord.created", 377, 33, "Sgt Amir Reyes"),
    at_night("qualificationrecord.created", 290, 32, "Spc Tomasz Nowak"),
    delivered("event.updated", created=MORNING - timedelta(minutes=164), request_id="night 164"),
    at_night("assignmentrecord.created", 35, 34, "Pvt Dale Roux"),
)
"""What happened while everybody slept."""
