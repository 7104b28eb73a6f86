"""``python -m benchmarks [NAME ...] [--seconds N]``: all of them without a name."""

from __future__ import annotations

import argparse
from importlib import import_module

NAMES = ("imports", "verify", "timing", "inprocess", "servers", "durable", "sender", "neighbours", "growth")


def main() -> None:
    """Run the benchmarks named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=float, help="how long each server is measured (servers: 3, durable: 60)")
    arguments = parser.parse_args()
    for name in arguments.names or NAMES:
        if name not in NAMES:
            parser.error(f"There is no benchmark {name!r}: {', '.join(NAMES)}")
        module = import_module(f"benchmarks.{name}")
        if arguments.seconds is not None and hasattr(module, "SECONDS"):
            module.SECONDS = arguments.seconds
        module.main()
        print()


if __name__ == "__main__":
    main()
