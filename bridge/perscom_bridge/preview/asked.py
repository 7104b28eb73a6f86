"""What somebody wants to see: a word, a name that PERSCOM uses, a file with captured bodies, or a stored event's number."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from perscom_adapters import WORDS
from perscom_receiver import EVENT_NAMES, ConfigurationError, Event, MalformedEvent, SQLiteInbox

from .._problems import did_you_mean, hide
from ..captured import parse
from ..stored import is_number, same_action, stored_event
from . import samples

__all__ = ["LARGEST", "Asked", "asked_for", "later_than"]

LARGEST: Final = 5 * 2**20
"""Bytes. What the receiver takes of a body, and PERSCOM never reaches."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The events that are meant, at least one, and where they come from. Samples are of an invented community."""

    events: tuple[Event, ...]
    origin: str
    invented: bool = False


def asked_for(what: str, inbox: SQLiteInbox | None, *, whole: bool = False, long: bool = False) -> Asked:
    """The events that ``what`` means; ``whole`` with all others of the same action, ``long`` with an endless text.

    ``inbox`` is what is stored, None where there is nothing. Raises ConfigurationError, with what to do, for what means none.
    """
    sample = samples.sample_of(what)
    if sample is not None:
        sample = samples.long(sample) if long else sample
        return Asked(events=samples.whole(sample) if whole else (sample,), origin="a sample", invented=True)
    if long:
        raise ConfigurationError("--long makes a sample longer: name a word, such as promotion.")
    if os.path.lexists(what):
        return Asked(events=_captured(what), origin=f"from {Path(what).name}")
    if is_number(what) and inbox is not None:
        stored = stored_event(inbox, what)
        if stored is None:
            raise ConfigurationError(
                f"No event is stored under {hide(what)}, or its body is gone. See: perscom-bridge inbox list"
            )
        return Asked(events=same_action(inbox, stored) if whole else (stored,), origin=f"stored as {hide(what)}")
    if is_number(what):
        raise ConfigurationError(
            "A number is that of a stored event, and nothing is stored here yet. Name the file with --config."
        )
    near = did_you_mean(what, (*WORDS, *EVENT_NAMES))
    raise ConfigurationError(
        f'"{hide(what)}" is no word, no event and no file here.{near}      All words: perscom-bridge events'
    )


def later_than(
    events: Sequence[Event], changes: Iterable[str], inbox: SQLiteInbox | None, *, invented: bool
) -> Iterator[tuple[Event, ...]]:
    """What ``changes`` mean, one after the other: what becomes of an invented one of ``events``, or what may be asked for.

    Raises ConfigurationError, with what to do, for what means nothing.
    """
    at = max(event.created for event in events)
    for what in changes:
        if what not in samples.LATER:
            yield asked_for(what, inbox).events
            continue
        if not invented:
            raise ConfigurationError(f"Only a sample can be {what} at will. Name the stored event that tells it: --then NUMBER")
        change = samples.later(events[-1], samples.LATER[what], at)
        if change is None:
            raise ConfigurationError(f"Nothing that PERSCOM sends tells that a {events[-1].resource} was {what}.")
        at = change.created
        yield (change,)


def _captured(file: str) -> tuple[Event, ...]:
    try:
        with open(file, "rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from error
    if len(raw) > LARGEST:
        raise ConfigurationError(f"{file} is larger than {LARGEST // 2**20} MiB; what PERSCOM sends never is.")
    request = parse(raw)
    try:
        return tuple(map(Event.parse, _bodies(raw if request is None else request.body)))
    except MalformedEvent as error:
        raise ConfigurationError(f"{file} holds no event as PERSCOM sends it. {error}") from error


def _bodies(raw: bytes) -> list[bytes]:
    """One body, a JSON list of several, or one on each line."""
    try:
        several = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        lines = [line for line in raw.splitlines() if line.strip()]
        return (
            lines
            if len(lines) > 1 and all(line.lstrip()[:1] == b"{" and line.rstrip()[-1:] == b"}" for line in lines)
            else [raw]
        )
    return [bytes(one) for one in several] or [raw]
