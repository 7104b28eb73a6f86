"""Calling one handler, whatever it is: a function or a coroutine function, a method, a partial, an object."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

import msgspec

from ._event import Event
from ._router import Handler

__all__ = ["call", "is_cut_off", "written"]

_log = logging.getLogger("perscom_receiver")


async def call(handler: Handler, event: Event) -> object:
    """What the handler returns. It may raise anything, and be cancelled; one that blocks does so in a thread of its own."""
    if inspect.iscoroutinefunction(handler.call):
        return await handler.call(event)
    result = await _in_thread(handler.call, event)
    # A callable object or a partial may turn out to be async only when it is called.
    return await result if inspect.isawaitable(result) else result


async def _in_thread(function: Callable[[Event], object], event: Event) -> object:
    """One that hangs must neither use up a pool nor keep the process from ending: a daemon thread for each call."""
    future: Future[tuple[object, BaseException | None]] = Future()

    def run() -> None:
        if future.set_running_or_notify_cancel():
            try:
                future.set_result((function(event), None))
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


def written(receipt: object, handler: Handler) -> str | None:
    """A receipt as it is stored. The work is done by now, so one that cannot be written down must not repeat it."""
    if not isinstance(receipt, msgspec.Struct):
        return None
    try:
        return msgspec.json.encode(receipt).decode()
    except Exception:  # noqa: BLE001 - whatever it consists of
        _log.exception("The receipt of %s cannot be kept", handler.key)
        return None
