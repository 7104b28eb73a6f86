"""The resources of PERSCOM's API: what may be included, and by which columns they may be filtered and sorted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = ["TABLES", "USER_RELATIONS", "Table"]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One resource. ``*`` at the end of an include, or of a column, stands for whatever comes behind the point."""

    scope: str
    includes: tuple[str, ...]
    columns: tuple[str, ...]

    def includable(self, name: str) -> bool:
        """Whether ``name`` may be included."""
        return any(name == one or (one.endswith(".*") and name.startswith(one[:-1])) for one in self.includes)

    def filterable(self, name: str) -> bool:
        """Whether rows may be filtered or sorted by ``name``."""
        return any(name == one or (one.endswith(".*") and name.startswith(one[:-1])) for one in (*_ALWAYS, *self.columns))


_ALWAYS: Final = ("id", "created_at", "updated_at")
USER_RELATIONS: Final = ("rank", "position", "specialty", "status", "unit")
"""What a user always shows, asked for or not."""

_PEOPLE = "user user.* author author.*"
_NOTES = "document attachments comments comments.*"
_RECORD_COLUMNS = "user_id document_id author_id text user.* document.* author.*"
_RECORDS_OF_USER = "assignment_records primary_assignment_records secondary_assignment_records award_records combat_records"
_RECORDS_OF_USER += " qualification_records rank_records service_records"


def _table(scope: str, includes: str, columns: str) -> Table:
    return Table(scope=scope, includes=tuple(includes.split()), columns=tuple(columns.split()))


TABLES: Final[Mapping[str, Table]] = {
    "users": _table(
        "user",
        "rank rank.* position specialty status unit unit.* fields attachments awards qualifications credentials "
        + " ".join(f"{one} {one}.*" for one in _RECORDS_OF_USER.split()),
        "name email email_verified_at phone_number position_id rank_id specialty_id status_id unit_id unit_slot_id approved"
        " notes last_seen_at discord_user_id rank.* position.* specialty.* status.* unit.*",
    ),
    "rank-records": _table("rankrecord", f"{_PEOPLE} rank rank.image {_NOTES}", f"{_RECORD_COLUMNS} rank_id type rank.*"),
    "award-records": _table("awardrecord", f"{_PEOPLE} award award.image {_NOTES}", f"{_RECORD_COLUMNS} award_id award.*"),
    "qualification-records": _table(
        "qualificationrecord",
        f"{_PEOPLE} qualification qualification.image {_NOTES}",
        f"{_RECORD_COLUMNS} qualification_id qualification.*",
    ),
    "assignment-records": _table(
        "assignmentrecord",
        f"{_PEOPLE} position specialty status unit unit.* {_NOTES}",
        f"{_RECORD_COLUMNS} status_id unit_id position_id specialty_id unit_slot_id type"
        " position.* specialty.* status.* unit.*",
    ),
    "combat-records": _table("combatrecord", f"{_PEOPLE} {_NOTES}", _RECORD_COLUMNS),
    "service-records": _table("servicerecord", f"{_PEOPLE} {_NOTES}", _RECORD_COLUMNS),
    "submissions": _table(
        "submission",
        "form form.* user user.* statuses statuses.record comments comments.*",
        "form_id user_id read_at form.* user.*",
    ),
    "forms": _table(
        "form",
        "fields submissions submissions.* tags",
        "name slug success_message submission_status_id is_public description instructions",
    ),
    "events": _table(
        "event",
        "calendar calendar.* author author.* image schedule attachments comments comments.* tags",
        "name calendar_id description content location url author_id all_day starts ends repeats registration_enabled"
        " registration_deadline notifications_enabled calendar.* author.*",
    ),
    "calendars": _table("calendar", "events events.author tags", "name description color"),
    "messages": _table("message", "schedule", "message channels recipients repeats send_at sent_at"),
    "ranks": _table("rank", "image", "name abbreviation description paygrade order"),
    "awards": _table("award", "image", "name description order"),
    "qualifications": _table("qualification", "image", "name description order"),
    "units": _table(
        "unit",
        "image groups groups.* users users.* assignment_records assignment_records.*",
        "name description empty order hidden icon",
    ),
    "positions": _table("position", "users assignment_records assignment_records.*", "name description order"),
    "specialties": _table("specialty", "users assignment_records assignment_records.*", "name abbreviation description order"),
    "statuses": _table("status", "users submissions", "name color icon order"),
    "images": _table("image", "model", "name description filename path model_id model_type"),
}
