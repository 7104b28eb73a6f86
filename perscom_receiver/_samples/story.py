"""How PERSCOM shows one thing when it is made, edited and deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from .._php_json import php_json

__all__ = ["Row", "Sample", "Story", "column_text", "spelled", "story"]

Row = dict[str, object]

_AGE = timedelta(days=9)


class Sample(NamedTuple):
    """What an envelope carries: ``data`` and ``changes``."""

    data: object
    changes: object


class Story(NamedTuple):
    """The three events in the life of one thing; a field is the action in the event's name."""

    created: Sample
    updated: Sample
    deleted: Sample


def story(
    at: datetime,
    label: str,
    number: int,
    *,
    columns: tuple[str, ...],
    form: Row,
    edit: Row,
    answers: Row | None = None,
    with_created: Row | None = None,
    with_updated: Row | None = None,
    with_deleted: Row | None = None,
) -> Story:
    """The story of the thing with the id ``number`` that was made from ``form`` and then got ``edit``, each at ``at``.

    An insert shows only what was set in memory, in that order; later every column is there, in the order of the database
    (``columns``, between the id and the dates). ``answers`` are custom fields, which PERSCOM merges into ``data`` behind the
    columns. The ``with_...`` rows are appended attributes and relations, which come last.
    """
    rest: Row = (answers or {}) | {"label": f"{label}: {number}"}
    inserted: Row = form | {"updated_at": at, "created_at": at, "id": number} | rest
    edited: Row = edit | {"updated_at": at}
    stored: Row = {"id": number} | dict.fromkeys(columns) | form | edit | {"created_at": at - _AGE, "updated_at": at} | rest
    return Story(
        created=Sample(spelled(inserted) | (with_created or {}), []),
        updated=Sample(
            spelled(stored) | (with_updated or {}), {column: column_text(value) for column, value in edited.items()}
        ),
        deleted=Sample(spelled(stored) | (with_deleted or {}), []),
    )


def spelled(row: Row) -> Row:
    """``row`` with dates as ``data`` has them: ISO 8601 in UTC, with six digits that are 0 since columns hold whole seconds."""
    return {key: f"{value:%Y-%m-%dT%H:%M:%S}.000000Z" if isinstance(value, datetime) else value for key, value in row.items()}


def column_text(value: object) -> object:
    """``value`` as the raw column holds it, which is what ``changes`` shows: dates without zone, lists as a text of JSON."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list):
        return php_json(value).decode()
    return value
