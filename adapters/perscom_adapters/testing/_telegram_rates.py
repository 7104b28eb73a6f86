"""How many messages the Telegram that the stand-in plays takes."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ._rates import Rate, Windows
from ._telegram_places import Bot, Chat
from ._telegram_replies import too_many

__all__ = ["TelegramCounts", "TelegramRates"]


class TelegramRates(msgspec.Struct, frozen=True):
    """How many messages a chat takes from a bot, and all chats together; None is no limit. All that apply hold."""

    everywhere: Rate | None
    in_groups: Rate | None = None
    of_bot: Rate | None = None


class TelegramCounts:
    """The messages of all bots, counted."""

    def __init__(self, rates: TelegramRates) -> None:
        self._rates = rates
        self._windows = Windows()

    def count(self, bot: Bot, chat: Chat, now: datetime) -> None:
        """One message of ``bot`` to ``chat``. Raises Refused (429) when it is one too many."""
        in_group = chat.kind in ("group", "supergroup")
        limits = (
            (self._rates.everywhere, chat.id),
            (self._rates.in_groups if in_group else None, chat.id),
            (self._rates.of_bot, 0),
        )
        for rate, place in limits:
            if rate is None:
                continue
            standing = self._windows.count(f"{bot.id} {place} {rate}", rate, now)
            if not standing.allowed:
                raise too_many(standing, now)
