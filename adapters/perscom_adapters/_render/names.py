"""The names that an operator's own wording and conditions may use, with their values for one event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from types import MappingProxyType
from typing import Final

from perscom_adapters._directory import NO_NAMES, Directory
from perscom_adapters._languages import language_of
from perscom_adapters._message import Block, Quote, plain, safe_url
from perscom_adapters._read import text
from perscom_adapters._words import WORDS, word_of
from perscom_receiver import Event

from . import automation, talk
from .parts import quoted_text
from .row import Row

__all__ = ["NAMES", "names", "names_of"]

NAMES: Final = (
    *("word", "member", "rank", "old_rank", "award", "qualification", "unit", "old_unit", "position", "status"),
    *("title", "text", "by", "starts", "ends", "location", "form", "changed", "link"),
)
"""All names, in the order in which people should read them."""

_LONGEST_TEXT = 2000

_RANK = "member rank old_rank unit text by"
_STANDING = "member rank unit position status"
_FILLED: Final = {
    "promotion": _RANK,
    "lateral": _RANK,
    "transfer": _RANK,
    "demotion": _RANK,
    "award": "member award unit text by",
    "qualification": "member qualification unit text by",
    "assignment": "member unit old_unit position status text by",
    "event": "title text by starts ends location changed link",
    "combat": "member unit text by",
    "service": "member unit text by",
    "submission": "member unit form",
    "joined": _STANDING,
    "profile": f"{_RANK} {_STANDING} old_unit changed",
    "left": _STANDING,
    "message": "text changed",
    "calendar": "title text changed",
    "test": "",
}
_OF_AUTOMATIONS = ("title", "text", "link")

_ASPECTS: Final[Mapping[str, str]] = {
    "rank_id": "rank",
    "unit_id": "unit",
    "position_id": "position",
    "specialty_id": "specialty",
    "status_id": "status",
    "approved": "approval",
    "name": "name",
    "description": "text",
    "content": "text",
    "message": "text",
    "starts": "time",
    "ends": "time",
    "all_day": "time",
    "send_at": "time",
    "location": "place",
    "url": "link",
    "repeats": "repeats",
    "registration_enabled": "signup",
    "registration_deadline": "signup",
    "calendar_id": "calendar",
}
"""Column -> what people call it: a key of the languages behind ``aspect.``."""


def names(
    event: Event, directory: Directory | None = None, *, language: str = "en", timezone: tzinfo = UTC
) -> Mapping[str, str]:
    """The value of each of :data:`NAMES` for an event: plain text, and ``""`` for what PERSCOM did not send.

    Nothing is in them that :func:`perscom_adapters.render` would not show. All are one line but ``text``, which has up to 2000
    UTF-16 units: the citation, the description, the announcement, without its HTML. ``title`` is the name of an event or
    calendar, ``by`` who wrote the record, ``starts`` and ``ends`` are times in ``timezone``, ``changed`` lists what an update
    changed (``rank, unit``), ``link`` is an http(s) address that passed ``safe_url``. Of an automation's own payload there are
    ``title``, ``text`` and ``link``. Never raises for what is in an event; ValueError for an unknown ``language``.
    """
    spoken = language_of(language)
    word = word_of(event)
    if word is None:
        return _filled()
    if word != "test" and automation.is_template(event):
        row = Row.of(event, word, NO_NAMES, data=None, language=spoken, zone=timezone)
        return _filled(word=word, **_of_template(event, row))
    row = Row.of(event, word, directory or NO_NAMES, data=event.data, language=spoken, zone=timezone)
    return _filled(
        word=word,
        member=row.member(),
        rank=row.name("rank"),
        old_rank=_old(row, "rank"),
        award=row.name("award"),
        qualification=row.name("qualification"),
        unit=row.name("unit") or row.unit_of_member(),
        old_unit=_old(row, "unit"),
        position=row.name("position"),
        status=row.name("status"),
        title=row.text("name"),
        text=_text(row),
        by=row.author(),
        starts=_time(row, "starts"),
        ends=_time(row, "ends"),
        location=row.text("location", 200),
        form=row.name("form"),
        changed=_changed(row),
        link=safe_url(row.data.get("url")),
    )


def names_of(word: str) -> tuple[str, ...]:
    """Those of :data:`NAMES` that can have a value for ``word``, one of :data:`perscom_adapters.WORDS`; KeyError for others."""
    filled = {"word", *_OF_AUTOMATIONS, *_FILLED[WORDS[word].word].split()}
    return tuple(name for name in NAMES if name in filled)


def _filled(**known: str | None) -> Mapping[str, str]:
    return MappingProxyType({name: known.get(name) or "" for name in NAMES})


def _of_template(event: Event, row: Row) -> dict[str, str | None]:
    message = None if row.word == "message" else automation.written(event, row)
    if message is None:
        return {}
    return {"title": message.title, "text": _plain(message.blocks), "link": message.url}


def _text(row: Row) -> str | None:
    """What somebody wrote, as far as the message shows it."""
    if row.resource == "message":
        shown = talk.announcement(row)
        return _plain(block for block in shown.blocks if isinstance(block, Quote)) if shown else None
    if row.action == "deleted":
        return None
    quote = quoted_text(row, "description" if row.resource in ("event", "calendar") else "text")
    return _plain((quote,)) if quote else None


def _old(row: Row, kind: str) -> str | None:
    """What the member had before, if this is about that: of a withdrawn record nobody knows."""
    news = "updated" if row.resource == "user" else "created"
    return row.old(kind) if row.action == news and f"{kind}_id" in row.data else None


def _plain(blocks: Iterable[Block]) -> str | None:
    return text("\n".join(plain(block) for block in blocks), _LONGEST_TEXT)


def _time(row: Row, column: str) -> str | None:
    at = row.moment(column)
    return None if at is None else row.language.time(at, "date" if row.flag("all_day") else "datetime", row.zone)


def _changed(row: Row) -> str:
    aspects = dict.fromkeys(_ASPECTS[column] for column in row.changed if column in _ASPECTS)
    return ", ".join(row.say(f"aspect.{aspect}") for aspect in aspects)
