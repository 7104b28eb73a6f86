"""The queue as a reader of its documentation has it in mind, to check a store against."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...queue import Result, State, Task

__all__ = ["LANES", "RESULTS", "KnownLane", "KnownTask", "Model"]

RESULTS = {
    "done": Result(state=State.DONE, outcome="done"),
    "retry": Result(state=State.WAITING, outcome="retry"),
    "hold": Result(state=State.WAITING, outcome="retry", hold=True),
    "pause": Result(state=State.WAITING, outcome="permanent", pause="The webhook is gone."),
    "dead": Result(state=State.DEAD, outcome="rejected"),
}
LANES = {"one": (1, True), "two": (2, False), "three": (3, True)}
"""Width, and whether what is unclear is repeated."""


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


class Model:
    """The queue as a reader of its documentation has it in mind: two dicts, no transactions, no ``ready``."""

    def __init__(self) -> None:
        self.tasks: dict[int, KnownTask] = {}
        self.lanes: dict[str, KnownLane] = {}

    def of(self, lane: str, state: State) -> list[KnownTask]:
        return [task for task in self.tasks.values() if task.lane == lane and task.state is state]

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

    def claim(self, lane: str, now: float, until: float, n: int) -> list[tuple[int, int, bool, float | None]]:
        """What a claim on this lane leases: id, attempt, unclear and first of each task."""
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
            task = self.tasks[id_]
            first = min((started for _, started, outcome in task.log if outcome != "permanent"), default=None)
            leased.append((id_, task.attempt + 1, task.started is not None, first))
            task.state, task.attempt, task.lease, task.started = State.LEASED, task.attempt + 1, until, None
        return leased

    def settle(self, task: KnownTask, how: str, at: float) -> None:
        lane, result = self.lanes[task.lane], RESULTS[how]
        task.end(result.outcome)
        task.state, task.started = result.state, None
        if how == "retry":
            task.due = at
        elif how == "hold":
            lane.rests_until = max(lane.rests_until, at)
        elif how == "pause":
            lane.paused = True

    def bound(self, latest: float) -> None:
        for lane in self.lanes.values():
            lane.rests_until = min(lane.rests_until, latest)
        for task in self.tasks.values():
            if task.state is State.WAITING:
                task.due = min(task.due, latest)
            elif task.lease is not None:
                task.lease = min(task.lease, latest)
