"""Members: who joined, who left, and what changed in a profile."""

from __future__ import annotations

from typing import NamedTuple

from perscom_adapters._message import Field, Message
from perscom_adapters._read import flag

from .parts import facts, message
from .row import Row

__all__ = ["user"]


class _Aspect(NamedTuple):
    """One side of a profile, and how its change is told: when the new value has a name, when not, and when it is gone."""

    kind: str
    label: str
    named: str
    unnamed: str
    gone: str

    @property
    def column(self) -> str:
        return f"{self.kind}_id"


_ASPECTS = (
    _Aspect("rank", "Rank", "now holds the rank of {}", "has a new rank", "no longer holds a rank"),
    _Aspect("unit", "Unit", "moved to {}", "moved to another unit", "no longer belongs to a unit"),
    _Aspect("position", "Position", "now serves as {}", "has a new position", "no longer holds a position"),
    _Aspect("specialty", "Specialty", "now has the specialty {}", "has a new specialty", "no longer has a specialty"),
    _Aspect("status", "Status", "now has the status {}", "has a new status", "no longer has a status"),
)


def user(row: Row) -> Message | None:
    """A member joined, changed or left. None when nothing changed that concerns others."""
    who = row.member()
    if row.action == "updated":
        return _changed(row, who)
    if row.action == "created":
        return message(row, f"{who or 'A new member'} joined", fields=_standing(row, _ASPECTS))
    return message(row, f"{who or 'A member'} left", fields=_standing(row, _ASPECTS[:3]))


def _standing(row: Row, aspects: tuple[_Aspect, ...]) -> tuple[Field, ...]:
    return facts(*((aspect.label, row.name(aspect.kind)) for aspect in aspects))


def _changed(row: Row, who: str | None) -> Message | None:
    changes = [_told(row, aspect) for aspect in _ASPECTS if aspect.column in row.changed]
    approved = flag(row.changed.get("approved"))
    if approved is not None:
        changes.append(
            ("Approval", "approved" if approved else "withdrawn", "was approved" if approved else "is no longer approved")
        )
    renamed = "name" in row.changed
    if not changes:
        if not renamed:
            return None
        return message(row, f"A member is now called {who}" if who else "A member has a new name")
    if len(changes) == 1 and not renamed:
        return message(row, f"{who or 'A member'} {changes[0][2]}")
    names = ["name"] * renamed + [label.lower() for label, _, _ in changes]
    title = f"{who or 'A member'}: {', '.join(names[:-1])} and {names[-1]} changed"
    return message(row, title, fields=facts(*((label, value) for label, value, _ in changes)))


def _told(row: Row, aspect: _Aspect) -> tuple[str, str, str]:
    """Label, new value and sentence of one changed aspect."""
    if row.changed[aspect.column] is None:
        return aspect.label, "none", aspect.gone
    name = row.name(aspect.kind)
    return aspect.label, name or "changed", aspect.named.format(name) if name else aspect.unnamed
