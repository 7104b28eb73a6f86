"""Personnel records: ranks, awards, qualifications, assignments, combat and service."""

from __future__ import annotations

from perscom_adapters._message import Message

from .parts import byline, citation, facts, message
from .row import Row

__all__ = ["assignment", "award", "note", "qualification", "rank"]

_RANK_WORDS = ("promotion", "demotion", "lateral", "transfer")


def rank(row: Row) -> Message:
    """A promotion, demotion, lateral appointment or transfer; or a rank record that does not say which."""
    kind = row.word if row.word in _RANK_WORDS else "rank"
    return message(
        row,
        row.say(f"{kind}.{row.action}", member=row.member(), rank=row.name("rank")),
        blocks=(byline(row), citation(row)),
        fields=facts(row, ("previous_rank", row.old("rank") if row.action == "created" else None)),
        image=row.image("rank"),
    )


def award(row: Row) -> Message:
    """An award."""
    title = row.say(f"award.{row.action}", member=row.member(), award=row.name("award"))
    return message(row, title, blocks=(byline(row), citation(row)), image=row.image("award"))


def qualification(row: Row) -> Message:
    """A qualification."""
    title = row.say(f"qualification.{row.action}", member=row.member(), qualification=row.name("qualification"))
    return message(row, title, blocks=(byline(row), citation(row)), image=row.image("qualification"))


def assignment(row: Row) -> Message:
    """An assignment to a unit, position, specialty or status, primary or secondary."""
    kind = row.data.get("type")
    key = "secondary" if kind == "secondary" and row.action == "created" else row.action
    # A secondary assignment takes nobody away from anywhere.
    left = {kind: row.old(kind) for kind in ("unit", "position") if key == "created" and row.name(kind)}
    title = row.say(f"assignment.{key}", member=row.member(), unit=row.name("unit"), position=row.name("position"))
    return message(
        row,
        title,
        blocks=(byline(row, unit=False), citation(row)),
        fields=facts(
            row,
            ("assignment", row.say(f"value.{kind}") if kind in ("primary", "secondary") else None),
            ("previous_unit", left.get("unit")),
            ("previous_position", left.get("position")),
            ("specialty", row.name("specialty")),
            ("status", row.name("status")),
        ),
        image=row.image("unit"),
    )


def note(row: Row) -> Message:
    """A combat or service record: a text about a member."""
    title = row.say(f"{row.word}.{row.action}", member=row.member())
    return message(row, title, blocks=(byline(row), citation(row)))
