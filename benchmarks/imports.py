"""What an import costs: milliseconds in a fresh interpreter, side by side with what others make of the same job."""

from __future__ import annotations

import random
import subprocess
import sys
from statistics import median

ROUNDS = 15
CASES = {
    "msgspec": "msgspec",
    "ours": "perscom_receiver",
    "webhook-utils": "webhook_utils.crypto",
    "slack-sdk": "slack_sdk.signature",
    "standardwebhooks": "standardwebhooks.webhooks",
    "gidgethub": "gidgethub.sansio",
    "svix": "svix.webhooks",
    "stripe": "stripe",
}
_CODE = "from time import perf_counter as now; a = now(); import {}; print((now() - a) * 1000)"


def main() -> None:
    """Print the table; the goal for ours is the first row and 10 ms."""
    took: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name in random.sample(list(CASES), len(CASES)):
            took[name].append(_once(CASES[name]))
    print(f"import, in a fresh interpreter: median of {ROUNDS}")
    base = median(took["msgspec"])
    for name, module in CASES.items():
        ms = median(took[name])
        print(f"  {f'{name} ({module})':<46} {ms:8.1f} ms {ms - base:+8.1f} ms to msgspec")


def _once(module: str) -> float:
    command = [sys.executable, "-I", "-c", _CODE.format(module)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
