"""Names for ids: what PERSCOM leaves out of a payload and somebody else may know."""

from __future__ import annotations

from typing import Protocol

__all__ = ["NO_NAMES", "Directory"]


class Directory(Protocol):
    """What is known about a community beyond the event at hand. Asked often: answers come from memory, and never raise."""

    def name(self, resource: str, key: int, /) -> str | None:
        """The name to show for the id ``key``, or None.

        ``resource`` is ``"user"`` (then it is the display name), ``"rank"``, ``"award"``, ``"qualification"``, ``"unit"``,
        ``"position"``, ``"specialty"``, ``"status"``, ``"form"`` or ``"calendar"``.
        """
        ...

    def old_rank(self, user_id: int, /) -> str | None:
        """The name of the rank a user had before the action that caused this event, or None."""
        ...


class _NoNames:
    """A directory that knows nobody."""

    def name(self, resource: str, key: int, /) -> str | None:
        return None

    def old_rank(self, user_id: int, /) -> str | None:
        return None


NO_NAMES: Directory = _NoNames()
