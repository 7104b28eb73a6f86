"""A sender on a store of its own, whose clock is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sending import Clock

from perscom_sender import Sender, _worker


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker looks often, since the clock is moved behind its back."""
    monkeypatch.setattr(_worker, "POLL", 0.01)


@pytest.fixture
def make(db: str, clock: Clock, quick: None) -> Iterator[Callable[..., Sender]]:
    """Senders on one store, which may send to this machine."""
    made: list[Sender] = []

    def make(**settings: Any) -> Sender:
        made.append(Sender(db, **{"allow": ["127.0.0.1"], "now": clock, **settings}))
        return made[-1]

    yield make
    for sender in made:
        sender.close()


@pytest.fixture
def sender(make: Callable[..., Sender]) -> Sender:
    return make()
