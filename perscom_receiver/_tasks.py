"""What the queue gives and takes: lanes, tasks that are leased to somebody, and how an attempt ended."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import msgspec

from ._event import Event

__all__ = ["Claim", "Group", "Lane", "Result", "State", "Task", "Told"]


class State(IntEnum):
    """What a task is doing. The numbers are those in the database."""

    WAITING = 0
    LEASED = 1
    DONE = 2
    DEAD = 3
    """Given up, refused for good, or unclear: kept with its error, and replayable."""


class Lane(msgspec.Struct, frozen=True):
    """A row of lanes: ``width`` tasks at once; ``repeat_unclear``: see :mod:`perscom_receiver.queue`."""

    id: int
    name: str
    width: int
    repeat_unclear: bool


LONGEST_WINDOW = 86_400.0
"""Seconds that the first of a group may wait for the others: a quiet night, and more."""


class Group(msgspec.Struct, frozen=True):
    """What an event is handled together with: others of its lane with the same ``key``, as one task.

    The first of them to arrive waits ``window`` seconds for the others, and never longer. Only those belong to it that were
    ``created`` within ``spread`` seconds of it. Both at most a day. Raises ValueError beyond, and for a key that is no text.
    """

    key: str
    window: float = 10.0
    spread: float = 10.0

    def __post_init__(self) -> None:
        if not isinstance(self.key, str):
            raise ValueError("the key of a Group is a text")  # noqa: TRY004 - one kind of error for all that it may be given
        self.key.encode()  # half a surrogate pair cannot be stored: UnicodeEncodeError, a ValueError too
        if not (0 <= self.window <= LONGEST_WINDOW and 0 <= self.spread <= LONGEST_WINDOW):
            raise ValueError(f"the window and the spread of a Group lie between 0 and {LONGEST_WINDOW:.0f} s")


class Told(msgspec.Struct, frozen=True):
    """An event that was handled before, and the receipt of that, as JSON."""

    event: Event
    receipt: str


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one lane, leased to the holder of this ``attempt`` (counted from 1)."""

    id: int
    event: Event
    attempt: int
    first: float | None
    """When the first attempt began that the destination itself did not end; None before there was one."""
    unclear: bool
    """The attempt before this one was started and left no receipt: the work may have been done already."""
    superseded: bool = False
    """A newer event about the same entity arrived before this one."""
    receipts: tuple[str, ...] = ()
    """The newest receipts that the lane has about the same entity or for the same group, newest first."""
    others: tuple[Task, ...] = ()
    """The rest of its group, in the order of arrival: leased, started, settled and given back together with it."""

    @property
    def all(self) -> tuple[Task, ...]:
        """The task itself, and the rest of its group."""
        return (self, *self.others)


class Claim(msgspec.Struct, frozen=True):
    """Tasks of one lane, oldest first."""

    lane: Lane
    tasks: tuple[Task, ...]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended. ``state`` WAITING means: try again at ``at``."""

    state: State
    outcome: str
    """A word for the log of attempts: ``done``, ``retry``, ``permanent``, ``rejected``, ``unclear``, ``released``; a sender has
    words of its own."""
    at: float | None = None
    hold: bool = False
    """With ``at``: let the whole lane rest until then, and keep the task in front (order), instead of the task alone."""
    rest: float | None = None
    """Seconds for which the lane takes a rest, however the attempt ended."""
    pace: str | None = None
    """With ``rest``: the other lanes whose own pace begins with this rest too, those of other sites among them."""
    pause: str | None = None
    """Pause the lane for this reason."""
    receipt: str | None = None
    receipts: Mapping[str, str | None] = {}
    """Of a group: those of events that have one of their own, by ``Event.id``."""
    error: str | None = None
    status: int | None = None
    """The HTTP status of the answer, if there was one."""
    ms: float | None = None
    """How long the attempt took, in milliseconds."""
    answer: str | None = None
    """The head of what was answered, for the log."""
