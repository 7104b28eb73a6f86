"""Members: who joined, who left, and what changed in a profile."""

from __future__ import annotations

from perscom_adapters._message import Field, Message
from perscom_adapters._read import flag

from .parts import facts, message
from .row import Row

__all__ = ["user"]

_KINDS = ("rank", "unit", "position", "specialty", "status")


def user(row: Row) -> Message | None:
    """A member joined, changed or left. None when nothing changed that concerns others."""
    if row.action == "updated":
        return _changed(row)
    title = row.say(f"user.{row.action}", member=row.member())
    return message(row, title, fields=_standing(row, _KINDS if row.action == "created" else _KINDS[:3]))


def _standing(row: Row, kinds: tuple[str, ...]) -> tuple[Field, ...]:
    return facts(row, *((kind, row.name(kind)) for kind in kinds))


def _changed(row: Row) -> Message | None:
    who = row.member()
    aspects = [kind for kind in _KINDS if f"{kind}_id" in row.changed]
    if flag(row.changed.get("approved")) is not None:
        aspects.append("approval")
    if "name" in row.changed:
        aspects.insert(0, "name")
    match aspects:
        case []:
            return None
        case [aspect]:
            old = row.old(aspect) if aspect in _KINDS else None
            return message(row, _sentence(row, aspect, who), fields=facts(row, (f"previous_{aspect}", old)))
        case _:
            names = row.language.listed([row.say(f"aspect.{aspect}") for aspect in aspects])
            title = row.say("profile.several", member=who, aspects=names)
            return message(row, title, fields=facts(row, *((aspect, _value(row, aspect)) for aspect in aspects)))


def _sentence(row: Row, aspect: str, who: str | None) -> str:
    if aspect == "name":
        return row.say("profile.name", member=who)
    if aspect == "approval":
        return row.say("profile.approved" if flag(row.changed["approved"]) else "profile.unapproved", member=who)
    if row.changed[f"{aspect}_id"] is None:
        return row.say(f"profile.{aspect}.none", member=who)
    return row.say(f"profile.{aspect}", member=who, name=row.name(aspect))


def _value(row: Row, aspect: str) -> str | None:
    """What the aspect was, as far as known, and what it is now. The new name stands in the title."""
    if aspect == "name":
        return None
    if aspect == "approval":
        return row.say("value.approved" if flag(row.changed["approved"]) else "value.unapproved")
    new = row.say("value.none") if row.changed[f"{aspect}_id"] is None else row.name(aspect)
    if new is None:
        return row.say("value.changed")
    old = row.old(aspect)
    return row.say("value.from_to", old=old, new=new) if old else new
