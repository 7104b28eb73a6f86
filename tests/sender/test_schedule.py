"""When a delivery that failed is tried again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perscom_receiver import ConfigurationError
from perscom_sender import PERSCOM_SCHEDULE, STANDARD_SCHEDULE, Schedule

MONDAY = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)


def test_perscom_tries_three_times_within_two_minutes() -> None:
    assert PERSCOM_SCHEDULE.tries == 3
    assert [PERSCOM_SCHEDULE.delay(tries, chance=0.0) for tries in (1, 2, 3)] == [10.0, 100.0, None]


def test_a_schedule_shows_its_tries_as_moments() -> None:
    assert [f"{moment:%H:%M:%S}" for moment in PERSCOM_SCHEDULE.times(MONDAY)] == ["08:00:00", "08:00:10", "08:01:50"]
    assert len(STANDARD_SCHEDULE.times(MONDAY)) == STANDARD_SCHEDULE.tries == 10
    assert 3 <= (STANDARD_SCHEDULE.times(MONDAY)[-1] - MONDAY).days < 4


@given(st.lists(st.floats(1, 86_400), max_size=20), st.integers(-2, 30), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_at_most_a_tenth_longer_and_ends_with_the_list(waits: list[float], tries: int, chance: float) -> None:
    schedule = Schedule(tuple(waits))
    wait = schedule.delay(tries, chance=chance)
    if 1 <= tries <= len(waits):
        assert wait is not None
        assert waits[tries - 1] <= wait <= waits[tries - 1] * 1.1
        assert wait <= schedule.longest
    else:
        assert wait is None


@pytest.mark.parametrize("wait", [0, 0.5, -1, 31 * 86_400, float("inf"), float("nan")])
def test_a_wait_that_is_none_is_refused(wait: float) -> None:
    with pytest.raises(ConfigurationError, match="1 s to 30 days"):
        Schedule((10, wait))
