"""The queue as a reader of its documentation has it in mind, to check a store against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ...queue import Group, Result, State, Task
from ._desk import LEASE
from ._store import Handle

__all__ = ["LANES", "RESULTS", "KnownLane", "KnownTask", "Leased", "Model", "Worker"]

RESULTS = {
    "done": Result(state=State.DONE, outcome="done"),
    "retry": Result(state=State.WAITING, outcome="retry"),
    "hold": Result(state=State.WAITING, outcome="retry", hold=True),
    "pause": Result(state=State.WAITING, outcome="permanent", pause="The webhook is gone."),
    "dead": Result(state=State.DEAD, outcome="rejected"),
    "tired": Result(state=State.DONE, outcome="done"),
    "slow": Result(state=State.DONE, outcome="done", pace="chat/"),
}
LONGEST_WINDOW = 86_400.0
FEW = 10
TAKES_TURNS = 0.001
LANES: dict[str, dict[str, Any]] = {
    "one": {"width": 1, "pace": "chat/room/"},
    "two": {"width": 2, "repeat_unclear": False},
    "three": {"width": 3, "late": LEASE},
    "four": {"width": 2, "repeat_unclear": False, "pace": "chat/room/"},
}
"""Settings of lanes, as ``Queue.lane`` takes them."""


Leased: TypeAlias = tuple[tuple[tuple[int, int], ...], bool, float | None]
"""A claimed task: the id and the attempt of each of its group, whether it is unclear, and when its first attempt began."""


@dataclass
class KnownTask:
    """What the model knows about one task; ``log``: number, start and outcome of each attempt that was begun and ended."""

    lane: str
    event: int
    due: float
    state: State = State.WAITING
    attempt: int = 0
    lease: float | None = None
    started: float | None = None
    log: list[tuple[int, float, str]] = field(default_factory=list)
    group: tuple[str, int] | None = None
    """Its key, and when the first of it was created, in microseconds."""
    chain: str | None = None

    def end(self, outcome: str) -> None:
        self.lease = None
        if self.started is not None:
            self.log.append((self.attempt, self.started, outcome))


@dataclass
class KnownLane:
    id: int
    width: int
    repeat_unclear: bool = True
    pace: str | None = None
    late: float | None = None
    paused: bool = False
    rests_until: float = 0.0


@dataclass
class Worker:
    """A process with a clock of its own. What it holds it may have lost without knowing."""

    database: Handle
    now: float = 1e9
    held: list[Task] = field(default_factory=list)


class Model:
    """The queue as a reader of its documentation has it in mind: two dicts, no transactions, no ``ready``, no ``behind``."""

    def __init__(self) -> None:
        self.tasks: dict[int, KnownTask] = {}
        self.lanes: dict[str, KnownLane] = {}

    def of(self, lane: str, state: State) -> list[KnownTask]:
        return [task for task in self.tasks.values() if task.lane == lane and task.state is state]

    def in_front(self, lane: str) -> list[tuple[int, KnownTask]]:
        """What waits in the lane and may be claimed: of each chain the earliest, if none is leased."""
        found = [(id_, task) for id_, task in self.tasks.items() if task.lane == lane and task.state < State.DONE]
        fronts: dict[str | None, int] = {}
        for id_, task in sorted(found, key=lambda one: (one[1].state is State.WAITING, one[0])):
            fronts.setdefault(task.chain, id_)
        return [
            (id_, task)
            for id_, task in found
            if task.state is State.WAITING and (task.chain is None or fronts[task.chain] == id_)
        ]

    def join(
        self, lane: str, group: Group, created: int, due: float, more: dict[int, KnownTask]
    ) -> tuple[tuple[str, int], float]:
        """Of which group a new task of the lane is, and when it is due. ``more`` are tasks that may never be committed."""
        found = [
            (task.state, id_, task)
            for id_, task in (self.tasks | more).items()
            if task.lane == lane
            and task.group is not None
            and task.group[0] == group.key
            and abs(task.group[1] - created) <= group.spread * 1e6
        ]
        if not found:
            return (group.key, created), due + group.window
        state, _, task = min(found)
        assert task.group is not None
        return task.group, task.due if state is State.WAITING else due

    def together(self, task: KnownTask, state: State) -> list[tuple[int, KnownTask]]:
        """The tasks of its group that are in this state, in the order of arrival: itself alone without a group."""
        same = [(id_, one) for id_, one in self.tasks.items() if (one.lane, one.group) == (task.lane, task.group)]
        return sorted((id_, one) for id_, one in same if one.state is state and (one is task or one.group is not None))

    def newest(self, task: Task) -> bool:
        known = self.tasks[task.id]
        return known.state is State.LEASED and known.attempt == task.attempt

    def moments(self, lane: str) -> list[float]:
        """When something may be found in the lane: at the end of each lease, and when a task is due if there is room for it."""
        leased = self.of(lane, State.LEASED)
        room = len(leased) < self.lanes[lane].width
        return [task.lease for task in leased if task.lease is not None] + (
            [task.due for _, task in self.in_front(lane)] if room else []
        )

    def may_give(self, lane: str, now: float) -> bool:
        """Whether nothing keeps the lane from giving tasks: no pause, no rest, nobody else at its pace."""
        known = self.lanes[lane]
        others = [name for name, other in self.lanes.items() if known.pace is not None and other.pace == known.pace]
        at_its_pace = [task for name in others if name != lane for task in self.of(name, State.LEASED)]
        return not known.paused and known.rests_until <= now and not any((task.lease or 0) > now for task in at_its_pace)

    def claimable(self, lane: str, now: float) -> bool:
        return self.may_give(lane, now) and any(moment <= now for moment in self.moments(lane))

    def claim(self, lanes: Sequence[str], now: float, until: float, n: int, begun: float | None) -> dict[str, list[Leased]]:
        """What a claim on these lanes leases: what has waited for long together, of the rest even shares."""
        for lane in lanes:
            self._take_back(lane, now)
        leased: dict[str, list[Leased]] = {lane: [] for lane in lanes}
        rooms = {lane: self.lanes[lane].width - len(self.of(lane, State.LEASED)) for lane in lanes}
        open_ = [lane for lane in lanes if rooms[lane] > 0]
        for lane in tuple(open_):
            late = self.lanes[lane].late
            waiting = [] if late is None else self._due(lane, now - late)
            if len(waiting) > FEW:
                leased[lane].append(self._lease(waiting, until, begun))
                open_.remove(lane)
                n -= 1
        for lane in open_:
            for id_, task in self._due(lane, now)[: min(n // len(open_), rooms[lane])]:
                members = self.together(task, State.WAITING)
                if (id_, task) in members:  # it was not leased with its group just now
                    leased[lane].append(self._lease(members, until, begun))
        return leased

    def _take_back(self, lane: str, now: float) -> None:
        for task in self.of(lane, State.LEASED):
            if task.lease is not None and task.lease <= now:
                task.end("unclear")
                put_aside = task.started is not None and not self.lanes[lane].repeat_unclear
                task.state = State.DEAD if put_aside else State.WAITING

    def _due(self, lane: str, by: float) -> list[tuple[int, KnownTask]]:
        return sorted(
            ((id_, task) for id_, task in self.in_front(lane) if task.due <= by), key=lambda one: (one[1].due, one[0])
        )

    def _lease(self, members: Sequence[tuple[int, KnownTask]], until: float, begun: float | None) -> Leased:
        starts = [started for _, task in members for _, started, outcome in task.log if outcome != "permanent"]
        unclear = any(task.started is not None for _, task in members)
        for _, task in members:
            task.state, task.attempt, task.lease, task.started = State.LEASED, task.attempt + 1, until, begun
        return tuple((id_, task.attempt) for id_, task in members), unclear, min(starts, default=None)

    def settle(self, ended: Sequence[tuple[Task, str]], at: float) -> list[bool]:
        """Keep how attempts ended, by the names of results. False for those that were not the newest."""
        settled: list[tuple[str, list[KnownTask]]] = []
        for task, how in ended:
            known = [self.tasks[one.id] for one in task.all if self.newest(one)]
            for one in known:
                self._settle(one, how, at)
            if known:
                self._follow(known[0].lane, how, at)
            settled.append((how, known))
        for one in (one for how, known in settled if how == "retry" for one in known):
            for _, waits in self.together(one, State.WAITING):
                waits.due = at
        return [bool(known) for _, known in settled]

    def _settle(self, task: KnownTask, how: str, at: float) -> None:
        task.end(RESULTS[how].outcome)
        task.state, task.started = RESULTS[how].state, None
        if how == "retry":
            task.due = at

    def _follow(self, lane: str, how: str, at: float) -> None:
        known, pace = self.lanes[lane], RESULTS[how].pace
        if how == "pause":
            known.paused = True
        elif how in ("hold", "tired", "slow"):
            for other in self.lanes.values():
                if other is known or (pace is not None and (other.pace or "").startswith(pace)):
                    other.rests_until = max(other.rests_until, at)
            known.rests_until += 0 if pace is None else TAKES_TURNS

    def bound(self, latest: float) -> None:
        for name, lane in self.lanes.items():
            lane.rests_until = min(lane.rests_until, latest)
            for task in self.of(name, State.WAITING):
                task.due = latest if task.due > latest + (LONGEST_WINDOW if task.group else 0) else task.due
            for task in self.of(name, State.LEASED):
                task.lease = None if task.lease is None else min(task.lease, latest)
