"""The queue as a reader of its documentation has it in mind, to check a store against."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ...queue import Group, Result, State, Task
from ._store import Handle

__all__ = ["LANES", "RESULTS", "KnownLane", "KnownTask", "Leased", "Model", "Worker"]

RESULTS = {
    "done": Result(state=State.DONE, outcome="done"),
    "retry": Result(state=State.WAITING, outcome="retry"),
    "hold": Result(state=State.WAITING, outcome="retry", hold=True),
    "pause": Result(state=State.WAITING, outcome="permanent", pause="The webhook is gone."),
    "dead": Result(state=State.DEAD, outcome="rejected"),
    "tired": Result(state=State.DONE, outcome="done"),
}
LONGEST_WINDOW = 86_400.0
LANES = {"one": (1, True), "two": (2, False), "three": (3, True)}
"""Width, and whether what is unclear is repeated."""


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

    def end(self, outcome: str) -> None:
        self.lease = None
        if self.started is not None:
            self.log.append((self.attempt, self.started, outcome))


@dataclass
class KnownLane:
    id: int
    width: int
    repeat_unclear: bool
    paused: bool = False
    rests_until: float = 0.0


@dataclass
class Worker:
    """A process with a clock of its own. What it holds it may have lost without knowing."""

    database: Handle
    now: float = 1e9
    held: list[Task] = field(default_factory=list)


class Model:
    """The queue as a reader of its documentation has it in mind: two dicts, no transactions, no ``ready``."""

    def __init__(self) -> None:
        self.tasks: dict[int, KnownTask] = {}
        self.lanes: dict[str, KnownLane] = {}

    def of(self, lane: str, state: State) -> list[KnownTask]:
        return [task for task in self.tasks.values() if task.lane == lane and task.state is state]

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
            [task.due for task in self.of(lane, State.WAITING)] if room else []
        )

    def claimable(self, lane: str, now: float) -> bool:
        known = self.lanes[lane]
        return not known.paused and known.rests_until <= now and any(moment <= now for moment in self.moments(lane))

    def claim(self, lane: str, now: float, until: float, n: int) -> list[Leased]:
        """What a claim on this lane leases."""
        known = self.lanes[lane]
        for task in self.of(lane, State.LEASED):
            if task.lease is not None and task.lease <= now:
                task.end("unclear")
                put_aside = task.started is not None and not known.repeat_unclear
                task.state = State.DEAD if put_aside else State.WAITING
        room = max(0, min(n, known.width - len(self.of(lane, State.LEASED))))
        due = sorted((task.due, id_) for id_, task in self.tasks.items() if task in self.of(lane, State.WAITING))
        leased = []
        for id_ in [id_ for moment, id_ in due if moment <= now][:room]:
            members = self.together(self.tasks[id_], State.WAITING)
            if (id_, self.tasks[id_]) not in members:
                continue  # leased with its group just now
            starts = [started for _, task in members for _, started, outcome in task.log if outcome != "permanent"]
            unclear = any(task.started is not None for _, task in members)
            for _, task in members:
                task.state, task.attempt, task.lease, task.started = State.LEASED, task.attempt + 1, until, None
            leased.append((tuple((one, task.attempt) for one, task in members), unclear, min(starts, default=None)))
        return leased

    def settle(self, task: Task, how: str, at: float) -> None:
        known = [self.tasks[one.id] for one in task.all if self.newest(one)]
        for one in known:
            self._settle(one, how, at)
        for one in known if how == "retry" else ():
            for _, waits in self.together(one, State.WAITING):
                waits.due = at

    def _settle(self, task: KnownTask, how: str, at: float) -> None:
        lane, result = self.lanes[task.lane], RESULTS[how]
        task.end(result.outcome)
        task.state, task.started = result.state, None
        if how == "retry":
            task.due = at
        elif how in ("hold", "tired"):
            lane.rests_until = max(lane.rests_until, at)
        elif how == "pause":
            lane.paused = True

    def bound(self, latest: float) -> None:
        for lane in self.lanes.values():
            lane.rests_until = min(lane.rests_until, latest)
        for task in self.tasks.values():
            if task.state is State.WAITING:
                task.due = latest if task.due > latest + (LONGEST_WINDOW if task.group else 0) else task.due
            elif task.state is State.LEASED and task.lease is not None:
                task.lease = min(task.lease, latest)
