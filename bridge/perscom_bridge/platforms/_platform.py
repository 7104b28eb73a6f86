"""What the bridge knows of a platform."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol

import msgspec

from .._table import Table

if TYPE_CHECKING:
    import aiohttp

    from perscom_adapters import Destination, Forwards

__all__ = ["Check", "Place", "Platform", "Question"]

Check = Callable[[str], str | None]
"""What is wrong with a text, on up to two lines that hold no secret; None when nothing is."""


class Place(Protocol):
    """Where a destination posts to, and by what right: the settings of one platform, checked. A msgspec struct."""

    platform: ClassVar[str]
    """The name of the platform as people write it."""
    key: ClassVar[str]
    """The setting that says where, for the place of a mistake."""

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What two settings of a platform have in common that lead to the same place. May hold secrets."""
        ...

    def open(self, name: str, session: aiohttp.ClientSession) -> Destination | Forwards:
        """The destination, ready to send. Loads the platform's library."""
        ...


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What ``init`` asks to fill in one key of a destination."""

    key: str
    text: str
    """The question; ``{whom}`` stands for those who read there."""
    mistake: Check
    secret: bool = True
    """Not shown while it is typed, and kept in .env."""
    once: bool = False
    """Asked once for all destinations of the platform."""


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """One platform."""

    name: str
    """As the company writes it."""
    keys: tuple[str, ...]
    """What a destination of this type may hold beside the keys of all."""
    read: Callable[[Table], Place | None]
    """The place in a table of the file; None when something is wrong with it, which has been noted then."""
    questions: tuple[Question, ...]
    silent: bool = True
    """Whether it can show a message without a sound."""
    mention_mistake: Callable[[str, str], str | None] | None = None
    """What is wrong with the id of a ``"user"`` or a ``"role"`` that is pinged; None where nobody can be."""
    forwards: bool = False
    """Whether it gets the events themselves, and so has no key that is about messages."""
    threads: Callable[[Table], None] | None = None
    """Looks at a table with ``threads`` in it, and notes what is wrong or good to know; None where nothing ever has threads."""
    linked: bool = False
    """Whether members link their account there in PERSCOM."""
