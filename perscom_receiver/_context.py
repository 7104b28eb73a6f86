"""What a handler may know besides the event (which attempt this is, what came before it), and say besides its receipt."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from math import inf
from typing import TypeVar

import msgspec

from ._errors import ConfigurationError
from ._event import Event
from ._tasks import Told

__all__ = ["Context", "Done", "takes_context"]

_T = TypeVar("_T")
_GENERATORS = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a handler, given to a handler that has a second parameter. ``Context()`` is a first attempt, for tests."""

    attempt: int = 1
    """Counted from 1, also over restarts and revivals."""
    idempotency_key: str = ""
    """64 hex digits: the same in every attempt of this handler at this event, and in no other. For services that take one;
    ``event.id`` would be the same for all handlers."""
    unclear: bool = False
    """The attempt before this one was cut off: its work may be done already."""
    superseded: bool = False
    """A newer event about the same thing was stored before this one arrived, so its ``data`` is out of date. Skip it where you
    mirror how things are, not where you tell what happened."""
    receipts: tuple[str, ...] = ()
    """What this handler returned for events about the same thing (``event.resource`` and ``data["id"]``) if it was a
    msgspec.Struct, as JSON: newest first, at most 10."""

    others: tuple[Event, ...] = ()
    """The rest of the group of this event, in the order of arrival: what is returned or raised is the end of all of them."""
    told: tuple[Told, ...] = ()
    """For a handler with groups: what ``receipts`` stand for, and the rest of the groups of that, oldest first, as far as the
    bodies are kept; at most 200 events."""

    def previous(self, kind: type[_T]) -> _T | None:
        """The newest of ``receipts`` that can be read as ``kind``, such as a msgspec.Struct of yours; None without one."""
        for receipt in self.receipts:
            try:
                return msgspec.json.decode(receipt, type=kind)
            except msgspec.DecodeError:  # an older version of the handler wrote it, or another kind of it
                continue
        return None


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler may return that has more to say than its receipt. Raises ValueError for a rest that cannot be one."""

    receipt: object = None
    """What it would have returned instead."""
    receipts: Mapping[str, object] = {}
    """Of a group: the receipts of those events that have one of their own, by ``event.id``."""
    rest: float = 0.0
    """Seconds for which it is not called again, in no process, nor is a handler whose ``pace`` begins with its own: so that
    nobody is called faster than they allow."""
    flaw: str | None = None
    """Why it is done, but not as it should be: kept as a dead letter, for somebody to look at. It is not called again."""

    def __post_init__(self) -> None:
        if not 0 <= self.rest < inf:
            raise ValueError("A rest is a number of seconds from 0.")


def takes_context(call: Callable[..., object]) -> bool:
    """Whether ``call`` wants a context behind the event. Raises ConfigurationError when it can be called in neither way.

    A second parameter with a default is the function's own business (``def post(event, channel=channel)``), unless it is called
    ``context``.
    """
    if any(is_generator(part) for is_generator in _GENERATORS for part in (call, type(call).__call__)):
        raise ConfigurationError("A handler with a yield would do nothing when it is called. Take the yield out.")
    try:
        signature = inspect.signature(call)
    except (TypeError, ValueError):  # some callables written in C do not tell
        return False
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    second = [parameter for parameter in signature.parameters.values() if parameter.kind in by_position][1:2]
    wanted = any(parameter.default is parameter.empty or parameter.name == "context" for parameter in second)
    try:
        signature.bind(*(None, None) if wanted else (None,))
    except TypeError as error:
        raise ConfigurationError(f"A handler takes (event) or (event, context), and this one does not: {error}.") from None
    return wanted
