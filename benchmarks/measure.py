"""Measuring side by side: cases take turns in a shuffled order, and the median of each is compared with the first."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from statistics import median
from time import perf_counter

from perscom_receiver.testing import signed_request

SECRET = "Zk3wQ9vN2rTb7YxLc5HmPd8JfAe4Ug6S"
ROUNDS = 15


def signed_body(size: int) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a promotion of about ``size`` bytes."""
    _, body = signed_request("rankrecord.created", SECRET, text="")
    padding = max(0, size - len(body))
    return signed_request("rankrecord.created", SECRET, text="x" * padding)


def side_by_side(cases: dict[str, Callable[[], object]], calls: int) -> dict[str, float]:
    """Microseconds per call of each case: the median of shuffled rounds of ``calls`` calls."""
    took: dict[str, list[float]] = {name: [] for name in cases}
    order = list(cases)
    for _ in range(ROUNDS):
        random.shuffle(order)
        for name in order:
            took[name].append(_one_round(cases[name], calls))
    return {name: median(took[name]) for name in cases}


def _one_round(case: Callable[[], object], calls: int) -> float:
    gc.collect()
    gc.disable()
    try:
        began = perf_counter()
        for _ in range(calls):
            case()
        return (perf_counter() - began) / calls * 1e6
    finally:
        gc.enable()


def table(title: str, took: dict[str, float]) -> None:
    """Print microseconds and the ratio to the first case."""
    print(title)
    first = next(iter(took.values()))
    for name, us in took.items():
        print(f"  {name:<52} {us:9.2f} us {us / first:7.2f} x")
