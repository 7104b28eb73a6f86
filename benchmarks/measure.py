"""Measuring side by side: cases take turns in a shuffled order, and the median of each is compared with the first."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from statistics import median
from time import perf_counter

from perscom_bridge.golden import golden_requests

SECRET = "Zk3wQ9vN2rTb7YxLc5HmPd8JfAe4Ug6S"  # the invented one of the golden requests
ROUNDS = 15


def golden(name: str) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a golden request: bytes as a real PHP wrote them."""
    found = next(request for request in golden_requests() if request.name == name)
    return {key: str(value) for key, value in found.headers.items()}, found.body


def times(call: Callable[[], object]) -> Callable[[int], None]:
    """``call``, n times."""

    def run(n: int) -> None:
        for _ in range(n):
            call()

    return run


def side_by_side(cases: dict[str, Callable[[int], None]], calls: int) -> dict[str, float]:
    """Microseconds per call of each case: the median of shuffled rounds, each of ``calls`` calls."""
    took: dict[str, list[float]] = {name: [] for name in cases}
    order = list(cases)
    for _ in range(ROUNDS):
        random.shuffle(order)
        for name in order:
            took[name].append(_one_round(cases[name], calls))
    return {name: median(took[name]) for name in cases}


def _one_round(case: Callable[[int], None], calls: int) -> float:
    gc.collect()
    gc.disable()
    try:
        began = perf_counter()
        case(calls)
        return (perf_counter() - began) / calls * 1e6
    finally:
        gc.enable()


def table(title: str, took: dict[str, float]) -> None:
    """Print microseconds and the ratio to the first case."""
    print(title)
    first = next(iter(took.values()))
    for name, us in took.items():
        print(f"  {name:<52} {us:9.2f} us {us / first:7.2f} x")
