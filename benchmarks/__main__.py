"""``python -m benchmarks [verify] [inprocess] [servers]``: all of them without a name."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = ("verify", "inprocess", "servers")


def main() -> None:
    """Run the benchmarks named on the command line."""
    for name in sys.argv[1:] or NAMES:
        if name not in NAMES:
            sys.exit(f"There is no benchmark {name!r}: {', '.join(NAMES)}")
        import_module(f"benchmarks.{name}").main()
        print()


if __name__ == "__main__":
    main()
