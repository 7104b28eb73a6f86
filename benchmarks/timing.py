"""Whether the time of a refusal tells where the first wrong digit is: early and late ones side by side, with the noise."""

from __future__ import annotations

import gc
import hmac
import random
from collections.abc import Callable
from statistics import median
from time import perf_counter_ns

from benchmarks.measure import SECRET, golden
from perscom_receiver import SignatureMismatch, Verifier

ROUNDS = 300
CALLS = 1500

Check = Callable[[str], object]


def main() -> None:
    """Print what a wrong last digit takes longer than a wrong first one."""
    headers, body = golden("webhook_test_default")
    right, verifier = headers["Signature"], Verifier(SECRET)

    def ours(signature: str) -> None:
        try:
            verifier.check(signature, body)
        except SignatureMismatch:
            return

    def naive(signature: str) -> bool:
        return all(one == other for one, other in zip(right, signature, strict=True))

    print("How much longer a wrong last digit takes than a wrong first one, in ns: median of pairs, and the range that it is")
    print(f"in with a chance of 95 % ({ROUNDS} pairs of {CALLS} calls); beside it, the first one against itself: the noise")
    _row("ours: the whole check of a request", right, ours)
    _row("ours: the comparison alone", right, lambda signature: hmac.compare_digest(right, signature))
    _row("for contrast: a loop that stops at the first one", right, naive)


def _row(name: str, right: str, check: Check) -> None:
    first, last = _wrong(right, 0), _wrong(right, len(right) - 1)
    print(
        f"  {name:<50} {_difference(check, first, last)}   noise {_difference(check, first, first)}",
        flush=True,
    )


def _wrong(right: str, at: int) -> str:
    """``right`` with another digit at that place."""
    return right[:at] + ("0" if right[at] != "0" else "1") + right[at + 1 :]


def _difference(check: Check, one: str, other: str) -> str:
    """How much longer ``other`` takes, and the range that the median is in with a chance of 95 %."""
    differences = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            if random.random() < 0.5:
                took, took_other = _took(check, one), _took(check, other)
            else:
                took_other, took = _took(check, other), _took(check, one)
            differences.append(took_other - took)
    finally:
        gc.enable()
    differences.sort()
    aside = round(0.98 * ROUNDS**0.5)  # the order statistics around the median: n/2 ± 1.96 sqrt(n)/2
    low, high = differences[ROUNDS // 2 - aside], differences[ROUNDS // 2 + aside]
    return f"{median(differences):+8.2f}  ({low:+.2f} to {high:+.2f})"


def _took(check: Check, signature: str) -> float:
    """Nanoseconds for a call."""
    began = perf_counter_ns()
    for _ in range(CALLS):
        check(signature)
    return (perf_counter_ns() - began) / CALLS
