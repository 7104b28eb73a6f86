"""Who and where: the bots and the chats of the Telegram that the stand-in plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from ._telegram_checks import units

__all__ = ["Bot", "Chat", "Kind", "chat_id"]

Kind = Literal["private", "group", "supergroup", "channel"]

_LONGEST_TOPIC = 128
_PARTS = ("audios", "documents", "photos", "videos", "video_notes", "voice_notes", "polls", "other_messages")
_RESTRICTED = (
    *(f"can_send_{part}" for part in _PARTS),
    *("can_add_web_page_previews", "can_react_to_messages", "can_edit_tag", "can_change_info", "can_invite_users"),
    *("can_pin_messages", "can_manage_topics"),
)
_ADMINISTRATOR = (
    *("can_be_edited", "is_anonymous", "can_delete_messages", "can_manage_video_chats", "can_restrict_members"),
    *("can_promote_members", "can_change_info", "can_invite_users", "can_post_stories", "can_edit_stories"),
    *("can_delete_stories",),
)
_GIFTS = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")


def chat_id(kind: Kind, number: int) -> int:
    """The id of a chat in the range of its kind."""
    ids = {"private": number, "group": -number, "supergroup": -1_001_000_000_000 - number}
    return ids.get(kind, -1_002_000_000_000 - number)


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
    manages_topics: bool = False
    """Whether the bots are administrators who may manage topics."""
    moved_to: int | None = None
    refusal: str = ""
    """Why no bot may post here any more, in Telegram's words."""

    @property
    def refusal_of_kicked(self) -> str:
        """Why no bot may post that was removed, in Telegram's words."""
        private = self.kind == "private"
        return f"Forbidden: bot was {'blocked by the user' if private else f'kicked from the {self.kind} chat'}"

    @property
    def refusal_of_muted(self) -> str:
        """Why no bot may post that has no right to, in Telegram's words."""
        if self.kind == "channel":
            return "Bad Request: need administrator rights in the channel chat"
        return "Bad Request: not enough rights to send text messages to the chat"

    def refusal_of_topic(self, name: str) -> str | None:
        """Why no bot can make a topic of that name, in Telegram's words; None if it can."""
        if not self.topics:
            return "the chat is not a forum"
        if not self.manages_topics:
            return "not enough rights to create a topic"
        return "TOPIC_TITLE_TOO_LONG" if units(name) > _LONGEST_TOPIC else None

    def shown(self) -> dict[str, object]:
        """As Telegram shows it with a message: a ``Chat``."""
        public: dict[str, object] = {"username": self.username} if self.username else {}
        if self.topics:
            public["is_forum"] = True
        return {"id": self.id, "type": self.kind, "first_name" if self.kind == "private" else "title": self.name, **public}

    def in_full(self) -> dict[str, object]:
        """As ``getChat`` tells it: a ``ChatFullInfo`` with every key that the reference requires."""
        gifts = dict.fromkeys(_GIFTS, False)
        return {**self.shown(), "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}

    def member(self, bot: Bot) -> dict[str, object]:
        """The bot as ``getChatMember`` tells it, with every key that the reference requires. In a channel it administers."""
        mute = bool(self.refusal)
        if self.kind == "channel":
            may = {"can_manage_chat": True, "can_post_messages": not mute}
            return {"status": "administrator", "user": bot.shown(), **dict.fromkeys(_ADMINISTRATOR, False), **may}
        if self.manages_topics:
            may = {**dict.fromkeys(_ADMINISTRATOR, False), "can_manage_chat": True, "can_manage_topics": True}
            return {"status": "administrator", "user": bot.shown(), **may}
        if mute:
            may = {"is_member": True, "can_send_messages": False, **dict.fromkeys(_RESTRICTED, False)}
            return {"status": "restricted", "user": bot.shown(), **may, "until_date": 0}
        return {"status": "member", "user": bot.shown()}
