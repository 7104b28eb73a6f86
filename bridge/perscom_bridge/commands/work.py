"""``perscom-bridge work``: handlers in a process of their own, for apps that only receive."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from ._shared import Failure

if TYPE_CHECKING:
    from perscom_receiver import Worker

__all__ = ["command"]


@click.command("work")
@click.argument("target", metavar="MODULE:WORKER")
def command(target: str) -> None:
    """Run the handlers of an app in their own process.

    Runs the worker called WORKER in the Python module MODULE until SIGTERM or Ctrl-C. For apps that store events with
    Receiver and leave the handling to another process: WORKER is a perscom_receiver.Worker, or a function that returns one.
    The folder you are in is searched first.
    """
    from .._run import run
    from ..logs import configure_logging

    configure_logging()
    worker = _load(target)
    click.echo(f"{target}: working on {worker.inbox.database.name}, {len(worker.router.handlers)} handlers")
    run(worker.run)
    click.echo("Stopped.")


def _load(target: str) -> Worker:
    from perscom_receiver import Worker

    module_name, colon, name = target.partition(":")
    if not colon or not module_name or not name:
        raise Failure(f"{target!r} does not say what to run. Write it as MODULE:WORKER, for example app:worker.")
    sys.path.insert(0, os.getcwd())
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.partition(".")[0]:
            raise  # something that the module itself needs: its traceback tells where
        raise Failure(f"There is no module {module_name!r} in this folder. Go to the folder of the app first.") from None
    found = getattr(module, name, None)
    worker = found() if callable(found) else found
    if not isinstance(worker, Worker):
        raise Failure(f"{target} is no perscom_receiver.Worker, and no function that returns one.")
    return worker
