"""Personnel records: ranks, awards, qualifications, assignments, combat and service."""

from __future__ import annotations

from perscom_adapters._message import Message

from .parts import byline, citation, facts, message, with_article
from .row import Row

__all__ = ["assignment", "award", "note", "qualification", "rank"]

# How a rank record of each word is told: what was done, the words in front of the rank, and its name as a thing.
_RANK_PHRASES = {
    "promotion": ("promoted", "to", "promotion"),
    "demotion": ("demoted", "to", "demotion"),
    "lateral": ("laterally appointed", "to", "lateral appointment"),
    "transfer": ("transferred", "to the rank of", "transfer"),
}
_ENDINGS = {"updated": "was changed", "deleted": "was withdrawn"}
_IS_ITS_OWN_NOUN = ("qualification", "certification", "certificate", "badge", "course", "license", "licence", "tab", "wings")


def rank(row: Row) -> Message:
    """A promotion, demotion, lateral appointment or transfer; or a rank record that does not say which."""
    who, to = row.member(), row.name("rank")
    if row.word not in _RANK_PHRASES:
        title = _rank_of_unknown_type(row, who, to)
    else:
        done, link, thing = _RANK_PHRASES[row.word]
        target = f" {link} {to}" if to else ""
        if row.action == "created":
            title = f"{_subject(who, headline=to is not None)} {done}{target}"
        else:
            title = f"The {thing} of {who or 'a member'}{target} {_ENDINGS[row.action]}"
    old = row.old_rank() if row.action == "created" else None
    return message(
        row,
        title,
        blocks=(byline(row), citation(row)),
        fields=facts(("Previous rank", old if old != to else None)),
    )


def _rank_of_unknown_type(row: Row, who: str | None, to: str | None) -> str:
    if row.action != "created":
        return f"A rank record of {who or 'a member'} {_ENDINGS[row.action]}"
    return f"{who or 'A member'} now holds the rank of {to}" if to else f"The rank of {who or 'a member'} was changed"


def award(row: Row) -> Message:
    """An award."""
    who, what = row.member(), row.name("award")
    if row.action == "created":
        title = f"{who or 'A member'} received {with_article(what) if what else 'an award'}"
    else:
        thing = f"The award of {with_article(what)}" if what else "An award"
        title = f"{thing} to {who or 'a member'} {_ENDINGS[row.action]}"
    return message(row, title, blocks=(byline(row), citation(row)))


def qualification(row: Row) -> Message:
    """A qualification."""
    who, name = row.member(), row.name("qualification")
    thing = None
    if name:
        thing = name if name.lower().endswith(_IS_ITS_OWN_NOUN) else f"{name} qualification"
    if row.action == "created":
        title = f"{who or 'A member'} earned {with_article(thing) if thing else 'a qualification'}"
    else:
        title = f"{f'The {thing}' if thing else 'A qualification'} of {who or 'a member'} {_ENDINGS[row.action]}"
    return message(row, title, blocks=(byline(row), citation(row)))


def assignment(row: Row) -> Message:
    """An assignment to a unit, position, specialty or status, primary or secondary."""
    who, unit, position = row.member(), row.name("unit"), row.name("position")
    specialty, status = row.name("specialty"), row.name("status")
    target = "".join((f" to {unit}" if unit else "", f" as {position}" if position else ""))
    if row.action != "created":
        title = f"The assignment of {who or 'a member'}{target} {_ENDINGS[row.action]}"
    elif target:
        title = f"{_subject(who, headline=True)} assigned{target}"
    else:
        title = f"{who or 'A member'} received a new assignment"
    kind = row.data.get("type")
    return message(
        row,
        title,
        blocks=(byline(row, unit=False), citation(row)),
        fields=facts(
            ("Assignment", kind.capitalize() if isinstance(kind, str) and kind in ("primary", "secondary") else None),
            ("Specialty", specialty),
            ("Status", status),
        ),
    )


def note(row: Row) -> Message:
    """A combat or service record: a text about a member."""
    who, thing = row.member(), f"{row.word} record"
    if row.action == "created":
        title = f"New {thing} for {who}" if who else f"New {thing}"
    else:
        ending = "was changed" if row.action == "updated" else "was removed"
        title = f"A {thing} of {who} {ending}" if who else f"A {thing} {ending}"
    return message(row, title, blocks=(byline(row), citation(row)))


def _subject(who: str | None, *, headline: bool) -> str:
    """``SFC Whitfield`` (promoted to ...), the way a headline says it; a full sentence where too little is known for one."""
    return who if who and headline else f"{who or 'A member'} was"
