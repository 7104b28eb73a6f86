"""Samples of the six records. Capt. Okafor wrote them all, so PERSCOM filled the author in and shows her as a relation."""

from __future__ import annotations

from datetime import datetime

from . import community
from .story import Row, Story, story

__all__ = ["assignment", "award", "combat", "qualification", "rank", "service"]


def rank(at: datetime) -> Story:
    """SFC Jacob Whitfield is promoted to Sergeant First Class by Capt. Okafor."""
    text = "<p>For leading 1st Platoon through <strong>Operation Iron Gate</strong> without a loss.</p>"
    return _record(
        at,
        "Rank Record",
        47795,
        soldier=community.whitfield(at),
        columns=("rank_id", "text", "type"),
        form={"type": 0, "rank_id": 12, "text": "<p>For leading 1st Platoon.</p>"},
        edit={"text": text},
        relations={"rank": community.rank("SFC")},
    )


def award(at: datetime) -> Story:
    """Cpl Noor Haddad receives the Combat Medal; the update adds a citation document."""
    return _record(
        at,
        "Award Record",
        1900,
        soldier=community.haddad(at),
        columns=("award_id", "text"),
        form={"award_id": 5, "text": "<p>For valor at Hill 402 \U0001f396\ufe0f</p>"},
        edit={"document_id": 9},
        relations={"award": community.award()},
        document=community.document(),
        document_parsed="<h1>Noor Haddad</h1><p>It is hereby ordered &mdash; 10/10.</p>",
    )


def qualification(at: datetime) -> Story:
    """Cpl Noor Haddad qualifies as Combat Life Saver."""
    return _record(
        at,
        "Qualification Record",
        33109,
        soldier=community.haddad(at),
        columns=("qualification_id", "text"),
        form={"qualification_id": 17, "text": None},
        edit={"text": '<p>Passed with 96.5 % (<a href="https://1st-rangers.example.test/courses/cls">course</a>).</p>'},
        relations={"qualification": community.qualification()},
    )


def assignment(at: datetime) -> Story:
    """Cpl Noor Haddad becomes Fire Team Leader in 1st Platoon; the update makes it a secondary assignment."""
    return _record(
        at,
        "Assignment Record",
        84648,
        soldier=community.haddad(at),
        columns=("status_id", "unit_id", "position_id", "specialty_id", "unit_slot_id", "type", "text"),
        form={
            "type": "primary",
            "text": "<p>Reassigned to <strong>1st Platoon</strong>.</p>",
            "status_id": 3,
            "unit_id": 16,
            "position_id": 22,
            "specialty_id": 6,
        },
        edit={"type": "secondary"},
        relations={
            "position": community.position(22, "Fire Team Leader"),
            "specialty": community.specialty(6, "Combat Medic", "68W"),
            "unit": community.unit(),
            "status": community.status(),
        },
    )


def combat(at: datetime) -> Story:
    """What SFC Jacob Whitfield did in Operation Iron Gate."""
    text = "<p>Operation Iron Gate:</p><ul><li>contact at grid 0341/1187</li><li>returned fire &amp; withdrew</li></ul>"
    return _record(
        at,
        "Combat Record",
        88487,
        soldier=community.whitfield(at),
        columns=("text",),
        form={"text": text},
        edit={"text": f"{text}<p>No casualties.</p>"},
    )


def service(at: datetime) -> Story:
    """A line in the personnel file of Cpl Noor Haddad."""
    return _record(
        at,
        "Service Record",
        9147,
        soldier=community.haddad(at),
        columns=("text",),
        form={"text": "<p>Missed the muster of 1st Platoon. Counselled.</p>"},
        edit={"text": "<p>Missed the muster of 1st Platoon, <em>excused</em>.</p>"},
    )


def _record(
    at: datetime,
    label: str,
    number: int,
    *,
    soldier: Row,
    columns: tuple[str, ...],
    form: Row,
    edit: Row,
    relations: Row | None = None,
    document: Row | None = None,
    document_parsed: str | None = None,
) -> Story:
    """``document`` is the one that ``edit`` attaches. Only an insert brings user, author and the like; later they are ids."""
    author = community.okafor(at)
    later: Row = {"document_parsed": document_parsed, "document": document}
    return story(
        at,
        label,
        number,
        columns=("user_id", *columns, "document_id", "author_id"),
        form=form | {"user_id": soldier["id"], "author_id": author["id"]},
        edit=edit,
        with_created={"document_parsed": None, "author": author, "user": soldier} | (relations or {}) | {"document": None},
        with_updated=later,
        with_deleted=later,
    )
