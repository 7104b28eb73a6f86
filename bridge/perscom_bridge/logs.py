"""What the service says while it runs: one line per event, on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

__all__ = ["configure_logging", "naming"]


def configure_logging(level: int = logging.INFO) -> None:
    """Send the logs of all our packages to standard error: coloured on a terminal, plain with a time elsewhere."""
    colors = sys.stderr.isatty()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)  # other people's libraries: only what went wrong
    for name in ("perscom_receiver", "perscom_adapters", "perscom_sender", "perscom_bridge"):
        logging.getLogger(name).setLevel(level)


@contextmanager
def naming(community: str | None) -> Iterator[None]:
    """Have each line that is logged inside the block, or by a task that begins there, end with the name of the community."""
    with structlog.contextvars.bound_contextvars(**({} if community is None else {"community": community})):
        yield
