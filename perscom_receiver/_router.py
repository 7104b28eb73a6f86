"""The router: which handlers want an event? Finding them is apart from running them, so routing is testable alone."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable
from fnmatch import translate
from functools import cached_property
from typing import TypeAlias, TypeVar

import msgspec

from ._context import Context, takes_context
from ._errors import ConfigurationError
from ._event import EVENT_NAMES, Event
from ._retry import RetryPolicy
from ._tasks import Group

__all__ = ["Handler", "Router"]

_log = logging.getLogger("perscom_receiver")
_HandlerCall: TypeAlias = Callable[[Event], object] | Callable[[Event, Context], object]
_Call = TypeVar("_Call", bound=_HandlerCall)


class Handler(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A function and what it wants. ``key`` is stored with each of its tasks: renaming it orphans those that wait."""

    key: str
    call: _HandlerCall
    """Sync or async, with one parameter or two. :class:`~perscom_receiver.Worker` says what its return and its errors mean."""
    patterns: tuple[str, ...]
    when: Callable[[Event], bool] | None = None
    """A condition on what is in the event; one that raises is not met. Asked on the worker's event loop: it must be quick."""
    retry: RetryPolicy | None = None
    """When a failed call is repeated; None: as the worker does."""
    concurrency: int = 1
    """Tasks of this handler at once. 1 keeps the order in which events arrived."""
    hold: bool = False
    """Whether a failed task holds back those behind it (a chat channel, where order matters) or lets them pass."""
    repeat_unclear: bool = True
    """Whether a task that was cut off in the middle is repeated (at least once) or put aside (at most once)."""
    group: Callable[[Event], Group | None] | None = None
    """What an event is handled together with, in one call: the others are in ``Context.others``. None: alone. Needs a
    ``concurrency`` of 1."""
    late: float | None = None
    """Seconds. When more than ten events have waited so long (an outage), they come in one call, whatever their groups. None:
    however late, each group comes by itself."""
    fingerprint: str | None = None
    """Changes when the handler's settings do; a lane that was switched off is switched on again then."""
    pace: str | None = None
    """Whose limits hold for what it calls, from wide to narrow: a path such as ``telegram/BOT/CHAT/``, with a slash at its end
    and no secret in it. Handlers whose paths begin alike can be told to rest together, in all processes and sites of a
    database; those with the same path take turns."""

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ConfigurationError(f"The handler {self.key!r} needs a concurrency of at least 1.")
        if (self.group is not None or self.late is not None) and self.concurrency > 1:
            raise ConfigurationError(f"The handler {self.key!r} has groups, so it needs a concurrency of 1.")
        if self.pace is not None and not self.pace.endswith("/"):
            raise ConfigurationError(f"The pace of the handler {self.key!r} needs a slash at its end.")
        self.takes_context  # noqa: B018 - so that a function that cannot be called is refused where it is registered
        if inspect.iscoroutinefunction(self.when):
            raise ConfigurationError(f"The condition of {self.key!r} is async, so it would always be met. Take a plain def.")

    @cached_property
    def takes_context(self) -> bool:
        """Whether ``call`` has a second parameter, which gets a :class:`Context`."""
        return takes_context(self.call)

    def wants(self, event: Event) -> bool:
        """Whether this handler is to be called for ``event``. Raises nothing: a condition that fails is told in the log."""
        if not any(matches(pattern, event.name) for pattern in self.patterns):
            return False
        try:
            return self.when is None or bool(self.when(event))
        except Exception:  # noqa: BLE001 - conditions are code of others
            _log.exception("The condition of %s failed on %s %s", self.key, event.id[:12], event.name)
            return False

    def grouped(self, event: Event) -> Group | None:
        """What ``event`` is handled together with. Raises nothing: where that cannot be told, it is handled alone."""
        try:
            group = None if self.group is None else self.group(event)
            if group is not None and not isinstance(group, Group):
                raise TypeError(f"A group function returns a Group or None, not {type(group).__name__}.")
        except Exception:  # noqa: BLE001 - as above
            _log.exception("The group of %s failed on %s %s", self.key, event.id[:12], event.name)
            return None
        return group


class Router:
    """Handlers by event name, in the order they were registered.

    >>> router = Router()
    >>> @router.on("rankrecord.created")
    ... async def congratulate(event: Event) -> None: ...
    >>> [handler.key for handler in router.handlers]
    ['perscom_receiver._router.congratulate']
    """

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}

    @property
    def handlers(self) -> tuple[Handler, ...]:
        """All handlers, in the order they were registered."""
        return tuple(self._handlers.values())

    def on(
        self,
        pattern: str,
        *,
        name: str | None = None,
        when: Callable[[Event], bool] | None = None,
        retry: RetryPolicy | None = None,
        concurrency: int = 1,
        hold: bool = False,
        repeat_unclear: bool = True,
        group: Callable[[Event], Group | None] | None = None,
        pace: str | None = None,
    ) -> Callable[[_Call], _Call]:
        """Register the decorated function for events whose name fits ``pattern``.

        ``pattern`` is a name (``"user.created"``) or a glob (``"*record.created"``, ``"user.*"``, ``"*"``). ``name`` is the key
        stored with the tasks, by default ``module.qualname``. ``when`` narrows the choice by what is in the event, also in its
        ``data`` and ``changes``. The others are those of a :class:`Handler`. Registered for several patterns (with the same
        settings), a function is still called once per event. Raises ConfigurationError when two functions share a key, and for
        a function that takes neither (event) nor (event, context).
        """

        def register(call: _Call) -> _Call:
            if not name and not hasattr(call, "__qualname__"):  # a partial, an object with __call__
                raise ConfigurationError(
                    f"A handler of type {type(call).__name__} has no name of its own. Give it one with name=."
                )
            handler = Handler(
                key=name or f"{call.__module__}.{call.__qualname__}",
                call=call,
                patterns=(pattern,),
                when=when,
                retry=retry,
                concurrency=concurrency,
                hold=hold,
                repeat_unclear=repeat_unclear,
                group=group,
                pace=pace,
            )
            known = self._handlers.get(handler.key)
            if known is not None and msgspec.structs.replace(known, patterns=handler.patterns) == handler:
                self._handlers[handler.key] = msgspec.structs.replace(known, patterns=(*known.patterns, pattern))
            else:
                self.add(handler)
            return call

        if not isinstance(pattern, str) or not pattern:
            raise ConfigurationError('Router.on() needs a pattern, such as @router.on("user.*").')
        if not set(pattern) & set("*?[") and pattern not in EVENT_NAMES:
            from difflib import get_close_matches  # here, since it is slow to load

            near = get_close_matches(pattern, EVENT_NAMES, 1)
            _log.warning("PERSCOM has no event %r today%s.", pattern, f"; did you mean {near[0]!r}?" if near else "")
        return register

    def add(self, handler: Handler) -> None:
        """Register a ready-made handler. Raises ConfigurationError when its key is taken."""
        if handler.key in self._handlers:
            raise ConfigurationError(
                f"Two handlers are called {handler.key!r}, or one with two settings. Give one of them another name=."
            )
        self._handlers[handler.key] = handler

    def matching(self, event: Event) -> tuple[Handler, ...]:
        """The handlers that want ``event``, in the order they were registered. Runs none of them."""
        return tuple(handler for handler in self._handlers.values() if handler.wants(event))


def matches(pattern: str, name: str) -> bool:
    """Whether the event name fits the pattern; the case of letters counts."""
    return pattern == name or _compiled(pattern).match(name) is not None


def _compiled(pattern: str) -> re.Pattern[str]:
    found = _patterns.get(pattern)
    if found is None:
        found = _patterns.setdefault(pattern, re.compile(translate(pattern)))
    return found


_patterns: dict[str, re.Pattern[str]] = {}
