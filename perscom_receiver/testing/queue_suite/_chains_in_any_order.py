"""Chains under any order of ends: a search of its own, which finds rare meetings far sooner than one of all that there is."""

from __future__ import annotations

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from ...queue import State, Task
from ._desk import DONE, FAILED, LEASE, Desk, pause, retry
from ._store import Handle, Store

__all__ = ["ChainsInAnyOrder"]

_TASKS = (
    "SELECT task.id, task.chain, task.state FROM task JOIN lane ON lane.id = task.lane"
    " WHERE lane.site = ? AND (task.state = 0 OR task.state = 1) ORDER BY task.id"
)
ENDS = {"done": DONE, "dead": FAILED, "retry": retry(1000.0), "pause": pause("Gone.")}
steps = st.tuples(
    st.sampled_from(["put", "put", "begin", "begin", *ENDS, "again", "again", "revive", "bury", "release", "lapse"]),
    st.integers(0, 9),
)


class ChainsInAnyOrder:
    """Of a chain the earliest that is neither done nor dead is begun, alone, and all come to an end."""

    examples: int

    def test_whatever_happens_no_task_of_a_chain_overtakes_another_or_is_stuck(self, store: Store, database: Handle) -> None:
        sites = count()

        @settings(max_examples=4 * self.examples, deadline=None)
        @given(happens=st.lists(steps, min_size=15, max_size=40), repeat_unclear=st.booleans())
        def search(happens: list[tuple[str, int]], repeat_unclear: bool) -> None:
            desk = Desk(store, database, f"site {next(sites)}")
            _follow(desk, desk.lane("endpoint", width=3, repeat_unclear=repeat_unclear), happens)

        search()


def _follow(desk: Desk, lane: int, happens: list[tuple[str, int]]) -> None:
    tasks = desk.put(lane, 3, chain="user/7")
    held: list[Task] = []
    for step, which in happens:
        if step == "put":
            tasks += desk.put(lane, chain=f"user/{7 + which % 2}")
        elif step == "begin":
            held += _begin(desk)
        elif step == "lapse":
            desk.now += LEASE
        elif step in ("again", "revive"):
            getattr(desk, step)(tasks[which % len(tasks)])
        elif step == "bury":
            desk.bury(tasks[which % len(tasks)], running=which > 4)
        elif held and step == "release":
            desk.release(held[which % len(held)])
        elif held:
            desk.settle(held.pop(which % len(held)), ENDS[step])
            desk.write(lambda c: desk.queue.resume(c, "endpoint"))
    desk.now += LEASE
    while begun := _begin(desk):
        assert all(desk.settle_all([(task, DONE) for task in begun]))
    assert _open(desk) == [], "it is stuck"


def _begin(desk: Desk) -> list[Task]:
    begun = desk.begin_all()
    found = _open(desk)
    for task in begun:
        (name,) = [chain for id_, chain, _ in found if id_ == task.id]
        same = [(id_, state) for id_, chain, state in found if chain == name]
        assert min(same)[0] == task.id, "it has overtaken an earlier one"
        assert [state for _, state in same].count(State.LEASED) == 1, "another one is at work"
    return begun


def _open(desk: Desk) -> list[tuple[int, str, int]]:
    """The tasks that are neither done nor dead, with their chains and states."""
    return desk.database.read(lambda c: c.execute(_TASKS, (desk.queue.site,)).fetchall())
