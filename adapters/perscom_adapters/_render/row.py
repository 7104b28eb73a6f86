"""One event as the renderers see it: allowed columns only, and names instead of ids wherever somebody knows them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Literal

import msgspec

from perscom_adapters._directory import Directory
from perscom_adapters._languages import ENGLISH, Language
from perscom_adapters._message import Field, Inline, Time, safe_url
from perscom_adapters._read import NAME_LENGTH, flag, line, mapping, moment, whole
from perscom_receiver import Event

from .about import thing
from .allowed import COLUMNS, NOTICED, answers_in, only

__all__ = ["Row"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """The readable part of an event. Every answer is None when PERSCOM did not send it, or sent something else."""

    resource: str
    action: str
    word: str
    created: datetime
    data: Mapping[str, object]
    """The allowed columns of ``data``."""
    answers: Mapping[str, object]
    """The answers of a form, by the keys its author gave them; none unless they were asked for."""
    before: Mapping[str, object]
    """The same before an update, as far as somebody was told; else nothing."""
    changed: Mapping[str, object]
    """What an update changed, with the new raw values; noticed columns only."""
    unnoticed: bool
    """An update changed something, but nothing that makes a difference to a reader."""
    directory: Directory
    language: Language
    zone: tzinfo
    """For times on platforms that do not show each reader their own."""

    @classmethod
    def of(
        cls,
        event: Event,
        word: str,
        directory: Directory,
        *,
        data: object,
        language: Language = ENGLISH,
        zone: tzinfo = UTC,
        show: Collection[str] = (),
        told: Iterable[Event] = (),
    ) -> Row:
        """``data`` is the event's own, or nothing where that cannot be trusted to be a row. ``told`` came before."""
        noticed = NOTICED.get(event.resource, frozenset())
        # With a delete, changes of an earlier save may linger.
        changes = event.changes if event.action == "updated" else {}
        changed = {column: new for column, new in changes.items() if column in noticed}
        return cls(
            resource=event.resource,
            action=event.action,
            word=word,
            created=event.created,
            data=only(COLUMNS[event.resource], data),
            before=only(COLUMNS[event.resource], _before(event, told)),
            answers=answers_in(data) if event.resource == "submission" and "answers" in show else {},
            changed=changed,
            unnoticed=bool(changes) and not changed,
            directory=directory,
            language=language,
            zone=zone,
        )

    def say(self, key: str, /, **known: str | None) -> str:
        """The text under ``key`` in the language at hand, see :meth:`Language.say`."""
        return self.language.say(key, **known)

    def time(self, at: datetime, style: Literal["date", "datetime", "time"] = "datetime") -> Time:
        """A moment, readable also where a platform shows nobody their own time."""
        return Time(at, style, self.language.time(at, style, self.zone))

    def field(self, name: str, value: tuple[Inline, ...], *, short: bool = True) -> Field:
        """A name and a value, joined as the language at hand does it."""
        return Field(name=name, value=value, short=short, colon=self.language.colon)

    def text(self, column: str, limit: int = NAME_LENGTH) -> str | None:
        """A short text as one line of at most ``limit`` UTF-16 units."""
        return line(self.data.get(column), limit)

    def moment(self, column: str) -> datetime | None:
        """A point in time, aware, in UTC."""
        return moment(self.data.get(column))

    def flag(self, column: str) -> bool | None:
        """A yes or no."""
        return flag(self.data.get(column))

    def key(self, column: str) -> int | None:
        """The id of a row of PERSCOM's. What somebody typed into a form may stand in its place there, as a text."""
        value = self.data.get(column)
        return whole(value) if self.resource != "submission" or type(value) is int else None

    def name(self, kind: str) -> str | None:
        """The name of the rank, unit, award and so on that this row belongs to."""
        relation = mapping(self.data.get(kind))
        key = self.key(f"{kind}_id")
        name = line(relation.get("name")) if self._belongs(relation, key) else None
        return name or self._look_up(kind, key)

    def member(self) -> str | None:
        """The display name of the member whom the row is about."""
        if self.resource == "user":
            return self.text("display_name") or self._look_up("user", self.key("id"))
        return self._person("user")

    def author(self) -> str | None:
        """The display name of whoever wrote the record."""
        return self._person("author")

    def unit_of_member(self) -> str | None:
        """The unit of the member whom a record is about."""
        user = mapping(self.data.get("user"))
        if not self._belongs(user, self.key("user_id")):
            return None
        unit, key = mapping(user.get("unit")), whole(user.get("unit_id"))
        return (line(unit.get("name")) if _same(unit, key) else None) or self._look_up("unit", key)

    def old(self, kind: str) -> str | None:
        """The rank, unit and so on that the member had before this action, if that was another one."""
        key = self.key("id" if self.resource == "user" else "user_id")
        name = None if key is None else line(self.directory.old(kind, key))
        return name if name != self.name(kind) else None

    def image(self, kind: str) -> str | None:
        """The picture of the rank, award and so on that this row is about. Of a withdrawn one there is none to show."""
        if self.action == "deleted":
            return None
        return safe_url(self.directory.image(kind, self.key(f"{kind}_id"), self.name(kind)))

    def _person(self, kind: str) -> str | None:
        person = mapping(self.data.get(kind))
        key = self.key(f"{kind}_id")
        name = line(person.get("display_name")) if self._belongs(person, key) else None
        # A record without a member has a placeholder in its place.
        if name and whole(person.get("id")) is None and "Guest" in name:
            name = None
        return name or self._look_up("user", key)

    def _belongs(self, relation: Mapping[str, object], key: int | None) -> bool:
        """Whether a loaded relation is the one that the key names.

        Right after an insert PERSCOM loads it for this row. Later it may be left over from before the change. Among the
        answers of a form anything may have the name of a relation, so there both ids must be present and equal.
        """
        if self.resource == "submission":
            return key is not None and type(relation.get("id")) is int and relation["id"] == key
        return self.action == "created" or _same(relation, key)

    def _look_up(self, kind: str, key: int | None) -> str | None:
        return None if key is None else line(self.directory.name(kind, key))


def _before(event: Event, told: Iterable[Event]) -> Mapping[str, object]:
    """What ``told`` says about the thing that ``event`` changes."""
    if event.action != "updated" or (changed := thing(event)) is None:
        return {}
    earlier = [one for one in told if one.created < event.created and one.template is None and thing(one) == changed]
    row: dict[str, object] = {}
    for one in sorted(earlier, key=lambda one: one.created):
        row |= mapping(one.data)
    return row


def _same(relation: Mapping[str, object], key: int | None) -> bool:
    own_key = whole(relation.get("id"))
    return own_key is None or key is None or own_key == key
