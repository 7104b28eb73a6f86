"""A message too long for its platform, as the operator wants it: cut, or continued in further messages."""

from __future__ import annotations

from importlib import import_module

from perscom_adapters import Message, continued

from .config import DestinationConfig

__all__ = ["parts_of"]


def parts_of(message: Message, destination: DestinationConfig) -> tuple[Message, ...]:
    """What is sent for ``message``, in this order, each with a receipt of its own: the message, and what continues it.

    It alone with ``long = "cut"``, where it fits, and on a platform that cannot tell: there it is cut, visibly. See
    :func:`perscom_adapters.continued`. Send the rest where the first went; an edit changes the first alone.
    """
    if destination.long == "cut":
        return (message,)
    adapter = import_module(f"perscom_adapters.{destination.place.platform}")
    is_whole = getattr(adapter, "is_whole", None)
    return (message,) if is_whole is None else continued(message, is_whole)
