"""Names for ids: what PERSCOM leaves out of a payload and somebody else may know."""

from __future__ import annotations

from typing import Protocol

__all__ = ["NO_NAMES", "Directory"]


class Directory(Protocol):
    """What is known about a community beyond the event at hand. Asked often: answers come from memory, and never raise.

    It is made for the events of one message. None means "not known".
    """

    def name(self, resource: str, key: int, /) -> str | None:
        """The name to show for the id ``key``.

        ``resource`` is ``"user"`` (then it is the display name), ``"rank"``, ``"award"``, ``"qualification"``, ``"unit"``,
        ``"position"``, ``"specialty"``, ``"status"``, ``"form"`` or ``"calendar"``.
        """
        ...

    def old(self, kind: str, user_id: int, /) -> str | None:
        """The name of what a user had before the first action that these events are of.

        ``kind`` is ``"rank"``, ``"unit"``, ``"position"``, ``"specialty"`` or ``"status"``. None also for a user who had none.
        """
        ...

    def image(self, resource: str, key: int | None, name: str | None, /) -> str | None:
        """The address of a picture of a rank, award, qualification or unit, by whatever is known of its id and its name."""
        ...


class _NoNames:
    """A directory that knows nobody."""

    def name(self, resource: str, key: int, /) -> str | None:
        return None

    def old(self, kind: str, user_id: int, /) -> str | None:
        return None

    def image(self, resource: str, key: int | None, name: str | None, /) -> str | None:
        return None


NO_NAMES: Directory = _NoNames()
