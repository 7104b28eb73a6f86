"""All that a message may be made of.

PERSCOM's payloads hold e-mail addresses, phone numbers, notes, ids of other services, custom fields and the answers of forms.
None of it can be shown by accident: a renderer gets a copy of ``data`` with the columns on this page and no others. A person is
known by ``display_name`` alone. Ids serve to look up names; they are not shown. The answers of a form are given to nobody who
does not ask for them by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from perscom_adapters._read import mapping

__all__ = ["COLUMNS", "NOTICED", "Columns", "answers_in", "only"]

Columns = Mapping[str, "Columns | None"]
"""Column names; None for a plain value, the columns of its own for a relation."""

NAMED: Final[Columns] = {"id": None, "name": None}
"""A rank, unit, award and so on."""

PERSON: Final[Columns] = {"id": None, "display_name": None, "unit_id": None, "unit": NAMED}

_RECORD: Final[Columns] = {"user_id": None, "user": PERSON, "author_id": None, "author": PERSON, "text": None}

_STANDING: Final[Columns] = {
    "rank_id": None,
    "rank": NAMED,
    "unit_id": None,
    "unit": NAMED,
    "position_id": None,
    "position": NAMED,
    "specialty_id": None,
    "specialty": NAMED,
    "status_id": None,
    "status": NAMED,
}

COLUMNS: Final[Mapping[str, Columns]] = {
    "user": {"id": None, "display_name": None, "approved": None, **_STANDING},
    "rankrecord": {**_RECORD, "rank_id": None, "rank": NAMED},
    "awardrecord": {**_RECORD, "award_id": None, "award": NAMED},
    "qualificationrecord": {**_RECORD, "qualification_id": None, "qualification": NAMED},
    "assignmentrecord": {**_RECORD, **_STANDING, "type": None},
    "combatrecord": _RECORD,
    "servicerecord": _RECORD,
    "calendar": {"name": None, "description": None},
    "event": {
        "name": None,
        "description": None,
        "location": None,
        "url": None,
        "starts": None,
        "ends": None,
        "all_day": None,
        "repeats": None,
        "registration_enabled": None,
        "registration_deadline": None,
        "calendar_id": None,
        "author_id": None,
        "author": PERSON,
    },
    # `message` is shown only when nobody in particular is addressed; the others decide that.
    "message": {
        "message": None,
        "channels": None,
        "recipients": None,
        "repeats": None,
        "send_at": None,
        "sent_at": None,
        "created_at": None,
    },
    # Not one answer. They stand beside these columns under names that the form's author chose.
    "submission": {"form_id": None, "form": NAMED, "user_id": None, "user": PERSON},
    "webhook": {},
}
"""Per resource, the columns of ``data`` that a renderer may see."""

NOTICED: Final[Mapping[str, frozenset[str]]] = {
    "user": frozenset(("rank_id", "unit_id", "position_id", "specialty_id", "status_id", "approved", "name")),
    "calendar": frozenset(("name",)),
    "event": frozenset(
        (
            "name",
            "description",
            "content",
            "location",
            "url",
            "starts",
            "ends",
            "all_day",
            "repeats",
            "registration_enabled",
            "registration_deadline",
            "calendar_id",
        )
    ),
    "message": frozenset(("message", "recipients", "send_at", "sent_at")),
    "submission": frozenset(("read_at",)),
}
"""Per resource, the columns of ``changes`` that make a difference to what is said. Their new values are not shown."""


_NO_ANSWERS: Final = frozenset(
    (
        *("id", "form_id", "form", "user_id", "user", "read_at", "created_at", "updated_at", "deleted_at"),
        *("label", "url", "relative_url", "data", "statuses", "document", "document_parsed"),
    )
)
"""What stands beside the answers: the columns of a submission, what PERSCOM appends, and relations."""


def answers_in(data: object) -> dict[str, object]:
    """The answers among the keys of a submission, without the links to files that PERSCOM puts beside some."""
    row = mapping(data)
    return {
        key: value
        for key, value in row.items()
        if key not in _NO_ANSWERS and not (key.endswith("_url") and key.removesuffix("_url") in row)
    }


def only(columns: Columns, data: object) -> dict[str, object]:
    """A copy of ``data`` that holds ``columns`` and nothing else; empty for what is no object."""
    row = mapping(data)
    return {name: row[name] if inner is None else only(inner, row[name]) for name, inner in columns.items() if name in row}
