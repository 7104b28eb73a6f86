"""The arithmetic of trying again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perscom_receiver import ConfigurationError, RetryPolicy

chances = st.floats(0, 1, exclude_max=True)


@st.composite
def policies(draw: st.DrawFn) -> RetryPolicy:
    first = draw(st.floats(1e-3, 1e4))
    return RetryPolicy(
        first=first,
        factor=draw(st.floats(1, 1000)),
        longest=draw(st.floats(first, 1e6)),
        give_up_after=draw(st.floats(0, 1e8)),
    )


def test_it_waits_twice_as_long_each_time_up_to_a_quarter_of_an_hour() -> None:
    policy = RetryPolicy()
    waits = [policy.delay(attempt, age=0, chance=0) for attempt in range(1, 12)]
    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]


def test_chance_adds_up_to_a_tenth() -> None:
    assert RetryPolicy().delay(1, age=0, chance=0.5) == pytest.approx(5.25)
    assert RetryPolicy().delay(1, age=0, chance=0.999999) == pytest.approx(5.5, abs=1e-3)


@pytest.mark.parametrize(("age", "again"), [(0, True), (3 * 86_400 - 0.001, True), (3 * 86_400, False), (1e9, False)])
def test_it_gives_up_on_an_event_of_three_days(age: float, again: bool) -> None:
    assert (RetryPolicy().delay(2, age=age, chance=0) is not None) == again


def test_it_can_be_told_never_to_try_again_and_never_to_give_up() -> None:
    assert RetryPolicy(give_up_after=0).delay(1, age=0, chance=0) is None
    assert RetryPolicy(give_up_after=float("inf")).delay(10**9, age=1e12, chance=0) == 900


@given(policy=policies(), attempt=st.integers(1, 10**9), age=st.floats(0, 1e9), chance=chances)
@example(policy=RetryPolicy(factor=1000), attempt=10**9, age=0.0, chance=0.0)
def test_a_wait_lies_between_the_first_and_the_longest(policy: RetryPolicy, attempt: int, age: float, chance: float) -> None:
    delay = policy.delay(attempt, age=age, chance=chance)
    if age >= policy.give_up_after:
        assert delay is None
    else:
        assert delay is not None
        assert policy.first <= delay <= policy.longest * 1.1


@given(policy=policies(), attempt=st.integers(1, 200), chance=chances)
def test_no_wait_is_shorter_than_the_one_before(policy: RetryPolicy, attempt: int, chance: float) -> None:
    before, after = (policy.delay(n, age=-1, chance=chance) for n in (attempt, attempt + 1))
    assert before is not None
    assert after is not None
    assert before <= after


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": 0},
        {"first": -1},
        {"first": float("nan")},
        {"first": float("inf"), "longest": float("inf")},
        {"longest": float("inf")},
        {"factor": 0.5},
        {"factor": 1e5},
        {"factor": float("nan")},
        {"longest": 1},
        {"give_up_after": -1},
        {"give_up_after": float("nan")},
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="RetryPolicy"):
        RetryPolicy(**wrong)


def test_it_cannot_be_changed() -> None:
    policy: Any = RetryPolicy()
    with pytest.raises(AttributeError):
        policy.first = 1
