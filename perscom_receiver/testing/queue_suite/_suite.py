"""The suite as one class."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from ._any_order import AnyOrder
from ._begin import Beginnings
from ._chains import Chains, OnceMore
from ._chains_in_any_order import ChainsInAnyOrder
from ._claims import Claims
from ._desk import Desk
from ._groups import Groups, Rests
from ._leases import Bounds, Leases, Unclear
from ._outcomes import Burials, DeadTasks, Outcomes, Receipts, SentAgain
from ._sharing import Enqueueing, Processes
from ._side_by_side import SideBySide
from ._store import Handle, Store
from ._together import SettledTogether

__all__ = ["QueueSuite"]


class QueueSuite(
    Claims,
    Beginnings,
    Leases,
    Unclear,
    Bounds,
    Outcomes,
    SettledTogether,
    Receipts,
    DeadTasks,
    SentAgain,
    Burials,
    Groups,
    Rests,
    Chains,
    OnceMore,
    ChainsInAnyOrder,
    Enqueueing,
    Processes,
    SideBySide,
):
    """All that the queue promises, as tests. Subclass it, under a name that pytest collects, and say how a store is made."""

    examples = 60
    """How many orders of calls, clocks and crashes are tried, each of up to 40 steps; of ends in chains four times as many."""

    def new_store(self, folder: Path) -> Store:
        """A new store, without events and tasks. ``folder`` is an empty one, for a store that is a file."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return self.new_store(tmp_path)

    @pytest.fixture
    def database(self, store: Store) -> Iterator[Handle]:
        with closing(store.open()) as database:
            yield database

    @pytest.fixture
    def desk(self, store: Store, database: Handle) -> Desk:
        return Desk(store, database)

    def test_no_order_of_calls_clocks_and_crashes_breaks_the_queue(self, tmp_path: Path) -> None:
        """A state machine of hypothesis; :attr:`examples` says how long it searches."""
        folder, new_store = tmp_path / "store", self.new_store

        class Machine(AnyOrder):
            def __init__(self) -> None:
                shutil.rmtree(folder, ignore_errors=True)  # of the example before
                folder.mkdir()
                super().__init__(new_store(folder))

        how = settings(max_examples=self.examples, stateful_step_count=40, deadline=None)
        run_state_machine_as_test(Machine, settings=how)
