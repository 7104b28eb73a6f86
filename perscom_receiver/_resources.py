"""The eleven resources that PERSCOM's events are about, as frozen structs.

Absent is not null: a member that did not arrive is ``UNSET``, which is false in a condition; None means that PERSCOM sent null.
Dates are aware and UTC. Relations are there when PERSCOM happened to have loaded them, so go by the ids. Custom fields and
everything else without a member of its own are in ``extra``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

__all__ = [
    "AssignmentRecord",
    "AwardRecord",
    "Calendar",
    "CalendarEvent",
    "CombatRecord",
    "PerscomMessage",
    "QualificationRecord",
    "RankRecord",
    "Record",
    "Related",
    "ServiceRecord",
    "Submission",
    "User",
]

_T = TypeVar("_T")
Sent: TypeAlias = _T | UnsetType
"""A value if it was sent. The readers of these types are in ``_reading``."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What all of them have. A custom field may be of any JSON type."""

    id: Sent[int] = UNSET
    label: Sent[str] = UNSET
    created_at: Sent[datetime] = UNSET
    updated_at: Sent[datetime] = UNSET
    extra: Mapping[str, object] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        # No members: a repr ends up in logs.
        return f"<{type(self).__name__}>" if self.id is UNSET else f"<{type(self).__name__} {self.id}>"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("id", self.id)]


class Related(Row, frozen=True, kw_only=True):
    """Something that a resource points to: a rank, award, qualification, unit, position, specialty, status, document, form or
    schedule. What only some of these have (``paygrade``, ``color``, ``content``) is in ``extra``.
    """

    name: Sent[str] = UNSET
    abbreviation: Sent[str | None] = UNSET


class User(Row, frozen=True, kw_only=True):
    """A person. Most of it is private: post no e-mail, phone number, notes or ids of other services anywhere.

    A record without a user comes with a placeholder that is named ``Guest`` and has no ``id``.
    """

    name: Sent[str] = UNSET
    display_name: Sent[str] = UNSET
    """The name with the rank in front, as the community writes it."""
    email: Sent[str] = UNSET
    email_verified_at: Sent[datetime | None] = UNSET
    phone_number: Sent[str | None] = UNSET
    position_id: Sent[int | None] = UNSET
    rank_id: Sent[int | None] = UNSET
    specialty_id: Sent[int | None] = UNSET
    status_id: Sent[int | None] = UNSET
    unit_id: Sent[int | None] = UNSET
    unit_slot_id: Sent[int | None] = UNSET
    approved: Sent[bool] = UNSET
    notes: Sent[str | None] = UNSET
    """HTML."""
    notes_updated_at: Sent[datetime | None] = UNSET
    profile_photo: Sent[str | None] = UNSET
    profile_photo_url: Sent[str] = UNSET
    cover_photo: Sent[str | None] = UNSET
    cover_photo_url: Sent[str | None] = UNSET
    online: Sent[bool] = UNSET
    last_seen_at: Sent[datetime | None] = UNSET
    last_assignment_change_date: Sent[datetime | None] = UNSET
    last_rank_change_date: Sent[datetime | None] = UNSET
    discord_user_id: Sent[str | None] = UNSET
    facebook_user_id: Sent[str | None] = UNSET
    github_user_id: Sent[str | None] = UNSET
    google_user_id: Sent[str | None] = UNSET
    rank: Sent[Related | None] = UNSET
    position: Sent[Related | None] = UNSET
    specialty: Sent[Related | None] = UNSET
    unit: Sent[Related | None] = UNSET
    status: Sent[Related | None] = UNSET


class _Record(Row, frozen=True, kw_only=True):
    """What the six records share."""

    user_id: Sent[int | None] = UNSET
    author_id: Sent[int | None] = UNSET
    text: Sent[str | None] = UNSET
    """HTML."""
    document_id: Sent[int | None] = UNSET
    document_parsed: Sent[str | None] = UNSET
    """The document's text with this record's names filled in. HTML."""
    user: Sent[User | None] = UNSET
    author: Sent[User | None] = UNSET
    document: Sent[Related | None] = UNSET


class AssignmentRecord(_Record, frozen=True, kw_only=True):
    """Somebody got another unit, position, specialty or status."""

    type: Sent[str] = UNSET
    """``primary`` or ``secondary``."""
    status_id: Sent[int | None] = UNSET
    unit_id: Sent[int | None] = UNSET
    unit_slot_id: Sent[int | None] = UNSET
    position_id: Sent[int | None] = UNSET
    specialty_id: Sent[int | None] = UNSET
    status: Sent[Related | None] = UNSET
    unit: Sent[Related | None] = UNSET
    unit_slot: Sent[Related | None] = UNSET
    position: Sent[Related | None] = UNSET
    specialty: Sent[Related | None] = UNSET


class AwardRecord(_Record, frozen=True, kw_only=True):
    """Somebody got an award."""

    award_id: Sent[int | None] = UNSET
    award: Sent[Related | None] = UNSET


class CombatRecord(_Record, frozen=True, kw_only=True):
    """What somebody did in action."""


class QualificationRecord(_Record, frozen=True, kw_only=True):
    """Somebody got a qualification."""

    qualification_id: Sent[int | None] = UNSET
    qualification: Sent[Related | None] = UNSET


class RankRecord(_Record, frozen=True, kw_only=True):
    """Somebody got another rank."""

    type: Sent[int] = UNSET
    """0 promotion, 1 demotion, 2 lateral, 3 transfer."""
    rank_id: Sent[int | None] = UNSET
    rank: Sent[Related | None] = UNSET


class ServiceRecord(_Record, frozen=True, kw_only=True):
    """A line in somebody's file; it may be a reprimand."""


Record: TypeAlias = AssignmentRecord | AwardRecord | CombatRecord | QualificationRecord | RankRecord | ServiceRecord
"""Any of the six: what ``event.record`` gives."""


class Calendar(Row, frozen=True, kw_only=True):
    """A calendar."""

    name: Sent[str] = UNSET
    description: Sent[str | None] = UNSET
    """HTML."""
    color: Sent[str] = UNSET
    """``#rrggbb``."""


class CalendarEvent(Row, frozen=True, kw_only=True):
    """An event in a calendar, such as an operation."""

    name: Sent[str] = UNSET
    calendar_id: Sent[int | None] = UNSET
    description: Sent[str | None] = UNSET
    """HTML, as ``content`` is."""
    content: Sent[str | None] = UNSET
    location: Sent[str | None] = UNSET
    url: Sent[str] = UNSET
    author_id: Sent[int | None] = UNSET
    all_day: Sent[bool] = UNSET
    starts: Sent[datetime] = UNSET
    ends: Sent[datetime | None] = UNSET
    repeats: Sent[bool] = UNSET
    registration_enabled: Sent[bool] = UNSET
    registration_deadline: Sent[datetime | None] = UNSET
    notifications_enabled: Sent[bool] = UNSET
    notifications_interval: Sent[tuple[str, ...] | None] = UNSET
    """How long before the start: ``pt0m``, ``pt15m``, ``pt1h``, ``p1d``, ``p1w``."""
    notifications_channels: Sent[tuple[str, ...] | None] = UNSET
    schedule: Sent[Related | None] = UNSET


class PerscomMessage(Row, frozen=True, kw_only=True):
    """A message that somebody wrote in PERSCOM (no relation of ``perscom_adapters.Message``)."""

    message: Sent[str] = UNSET
    """HTML."""
    channels: Sent[tuple[str, ...] | None] = UNSET
    """Of ``broadcast``, ``database``, ``discord_private``, ``discord_public``, ``mail``, ``sms``."""
    recipients: Sent[tuple[int, ...] | None] = UNSET
    """Ids of users. None means everybody; ``UNSET`` means that nobody knows."""
    repeats: Sent[bool] = UNSET
    send_at: Sent[datetime | None] = UNSET
    sent_at: Sent[datetime | None] = UNSET
    schedule: Sent[Related | None] = UNSET


class Submission(Row, frozen=True, kw_only=True):
    """A form that was sent in. The answers are in ``extra``."""

    form_id: Sent[int] = UNSET
    user_id: Sent[int | None] = UNSET
    read_at: Sent[datetime | None] = UNSET
    form: Sent[Related | None] = UNSET
