"""Who and where: the bots and the chats of the Telegram that the stand-in plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

__all__ = ["Bot", "Chat", "Kind"]

Kind = Literal["private", "group", "supergroup", "channel"]

_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")


class Bot(msgspec.Struct, frozen=True, kw_only=True):
    """A bot, which is a user."""

    id: int
    name: str

    def shown(self) -> dict[str, object]:
        """As Telegram shows it: a ``User``."""
        return {"id": self.id, "is_bot": True, "first_name": self.name, "username": f"standin_{self.id}_bot"}


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """A chat and what has become of it."""

    id: int
    name: str
    kind: Kind
    username: str
    topics: Mapping[str, int]
    closed: frozenset[int] = frozenset()
    moved_to: int | None = None
    refusal: str = ""
    """Why no bot may post here any more, in Telegram's words."""

    def shown(self) -> dict[str, object]:
        """As Telegram shows it with a message: a ``Chat``."""
        public = {"username": self.username} if self.username else {}
        return {"id": self.id, "type": self.kind, "first_name" if self.kind == "private" else "title": self.name, **public}

    def in_full(self) -> dict[str, object]:
        """As ``getChat`` tells it: a ``ChatFullInfo`` with every key that the reference requires."""
        gifts = dict.fromkeys(_GIFTS, False)
        return {**self.shown(), "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}
