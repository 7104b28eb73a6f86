"""What programs, workers and the operator may do, for hypothesis to choose from."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ...queue import Group
from ._desk import LEASE
from ._model import LANES, RESULTS

__all__ = ["Call", "moments", "numbers", "of_a_worker", "of_the_operator", "some_lanes", "ties", "waits"]

Call = tuple[str, dict[str, Any]]


def call(name: str, /, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    """A method of the machine, and what it is given."""
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


some_lanes = st.sets(st.sampled_from(list(LANES)), min_size=1)
places = st.integers(0, 9)
waits = st.sampled_from([0.0, 0.0, 0.0, 1.0, LEASE])
leases = st.sampled_from([LEASE, LEASE, 1.0])
results = st.sampled_from(list(RESULTS))
numbers = st.sampled_from([1, 2, 3, 12])
"""How many events come at once: the last of these are enough to be handled together where they have waited for long."""
groups = st.builds(Group, st.sampled_from("aaab"), window=st.sampled_from([0.0, 0.0, LEASE]))
chains = st.sampled_from(["user/7", "user/7", "user/8"])
ties = st.one_of(st.none(), groups, chains, chains)
"""What a task has to do with others: nothing, or it is of their group, or of their chain."""
moments = st.sampled_from([0.0, 0.0, 8.0, 16.0])
"""When events were created: the first and the last of these are too far apart for one group."""
of_a_worker = st.lists(
    st.one_of(
        call("claim", lanes=st.none() | some_lanes, room=st.integers(1, 5), lease=leases),
        call("begin", room=st.integers(1, 9), lease=leases),
        call("start"),
        call("settle", which=places, how=results, wait=waits),
        call("settle_all", hows=st.lists(results, min_size=1, max_size=4), wait=waits, twice=st.booleans()),
        call("renew"),
        call("release", which=places),
        call("jump", seconds=st.sampled_from([-1e6, -LEASE, -1.0, 1.0, LEASE, 3 * LEASE])),
        call("die"),
    ),
    min_size=1,
    max_size=6,
)
of_the_operator = st.one_of(
    call("another_width", name=st.sampled_from(list(LANES)), width=st.integers(1, 3)),
    call("resume"),
    call("revive", which=places, ended=st.booleans()),
    call("again", which=places, ended=st.booleans()),
    call("bury", which=places, running=st.booleans()),
    call("bound", ahead=st.sampled_from([1.0, 2 * LEASE])),
)
