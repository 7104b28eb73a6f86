"""Calling one handler, whatever it is: a function or a coroutine function, a method, a partial, an object."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any

from ._context import Context
from ._router import Handler
from .queue import Task, Told

__all__ = ["call", "is_cut_off"]


async def call(
    handler: Handler, task: Task, told: tuple[Told, ...], around: Callable[[], AbstractContextManager[object]]
) -> object:
    """What the handler returns. It may raise anything, and be cancelled; one that blocks does so in a thread of its own.

    ``told`` as in its :class:`Context`. What ``around`` makes is entered where the handler runs.
    """
    function: Callable[..., Any] = handler.call
    arguments = (task.event, _context(handler, task, told)) if handler.takes_context else (task.event,)
    if inspect.iscoroutinefunction(function):
        with around():
            return await function(*arguments)
    result = await _in_thread(function, arguments, around)
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise TypeError("The handler made a generator, which did nothing. Take its yield out.")
    if inspect.isawaitable(result):  # a callable object or a partial may turn out to be async only when it is called
        with around():
            return await result
    return result


def _context(handler: Handler, task: Task, told: tuple[Told, ...]) -> Context:
    return Context(
        attempt=task.attempt,
        idempotency_key=sha256(f"{handler.key}\n{task.event.id}".encode()).hexdigest(),
        unclear=task.unclear,
        superseded=task.superseded,
        receipts=task.receipts,
        others=tuple(one.event for one in task.others),
        told=told,
    )


async def _in_thread(
    function: Callable[..., object], arguments: tuple[object, ...], around: Callable[[], AbstractContextManager[object]]
) -> object:
    """One that hangs must neither use up a pool nor keep the process from ending: a daemon thread for each call."""
    future: Future[tuple[object, BaseException | None]] = Future()

    def run() -> None:
        if future.set_running_or_notify_cancel():
            try:
                with around():
                    result = function(*arguments)
                future.set_result((result, None))
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                future.set_result((None, error))

    threading.Thread(target=run, name="perscom-handler", daemon=True).start()
    result, error = await asyncio.wrap_future(future)
    if error is not None:
        raise error
    return result


def is_cut_off() -> bool:
    """Whether the current task is being cancelled from outside. A handler may raise CancelledError for reasons of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
