"""What became of the events that were accepted, judged by the file and by what the handlers noted."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from service import AT_MOST_ONCE, DATABASE, HANDLED, HANDLERS

__all__ = ["Tally", "judge"]


@dataclass
class Tally:
    """Numbers that add up over all places."""

    kills: Counter[str] = field(default_factory=Counter)
    """By what was killed."""
    in_a_checkpoint: int = 0
    accepted: int = 0
    lost: int = 0
    calls: int = 0
    repeated: int = 0
    allowed: int = 0
    """Repeats that so many kills excuse."""
    put_aside: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add the numbers of another place."""
        self.kills += other.kills
        self.problems += other.problems
        for name in ("in_a_checkpoint", "accepted", "lost", "calls", "repeated", "allowed", "put_aside"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def judge(folder: Path, accepted: Collection[str], kills: Counter[str]) -> Tally:
    """Count what was lost and what was done twice in a place where everything has come to an end."""
    calls = Counter((folder / HANDLED).read_text().splitlines())
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        healthy = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stored = {digest.hex() for (digest,) in connection.execute("SELECT digest FROM event")}
        tasks = _tasks(connection)
    cut_off = {task: times for task, (_, times) in tasks.items() if times}
    put_aside = {task for task, (state, _) in tasks.items() if state == 3}
    lost = [event for event in accepted if event not in stored]
    lost += [
        event for event in accepted for key in HANDLERS if not calls[f"{key} {event}"] and f"{key} {event}" not in put_aside
    ]
    tally = Tally(kills=kills, accepted=len(accepted), lost=len(set(lost)), calls=calls.total(), put_aside=len(put_aside))
    tally.repeated = calls.total() - len(calls)
    tally.allowed = (kills["worker"] + kills["service and worker"]) * sum(HANDLERS.values())
    tally.problems += [] if healthy else ["the file is not intact"]
    tally.problems += [f"lost: {event}" for event in set(lost)]
    tally.problems += [f"nobody was told that it was accepted: {event}" for event in stored.difference(accepted)]
    tally.problems += [f"not brought to an end: {task}" for task, (state, _) in tasks.items() if state not in (2, 3)]
    tally.problems += _repeats(calls, cut_off, put_aside, kills)
    return tally


def _tasks(connection: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """By handler and event: the state, and how often it was started and left without a receipt."""
    query = (
        "SELECT lane.name || ' ' || lower(hex(event.digest)), state, (SELECT count(*) FROM attempt"
        " WHERE attempt.task = task.id AND outcome = 'unclear')"
        " FROM task JOIN lane ON lane.id = task.lane JOIN event ON event.id = task.event"
    )
    return {task: (state, times) for task, state, times in connection.execute(query)}


def _repeats(calls: Counter[str], cut_off: dict[str, int], put_aside: set[str], kills: Counter[str]) -> Iterator[str]:
    worker_kills = kills["worker"] + kills["service and worker"]
    for task, times in calls.items():
        if times > 1 + cut_off.get(task, 0):
            yield f"called {times} times, cut off {cut_off.get(task, 0)} times: {task}"
        if times > 1 and task.startswith(AT_MOST_ONCE):
            yield f"called {times} times: {task}"
    for task in put_aside ^ {task for task in cut_off if task.startswith(AT_MOST_ONCE)}:
        yield f"put aside or cut off, and not both: {task}"
    for key, concurrency in HANDLERS.items():
        repeats = sum(times - 1 for task, times in calls.items() if task.startswith(key))
        if repeats > worker_kills * concurrency:
            yield f"{repeats} repeats of {key!r} after {worker_kills} kills, {concurrency} at once"
