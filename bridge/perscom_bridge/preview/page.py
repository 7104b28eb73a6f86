"""Cards as a page: the platforms side by side, dark and light. Needs nothing from elsewhere and runs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from ..platforms import PLATFORMS
from ..status import page_environment
from .card import Card
from .names import never_filled, rows

__all__ = ["Channel", "page"]


class Channel(msgspec.Struct, frozen=True):
    """What was said in one channel of a platform: cards, oldest first, each with the moment (aware, UTC) it was posted at."""

    platform: str
    name: str
    said: tuple[tuple[Card, datetime], ...]

    @property
    def platform_name(self) -> str:
        """As the company writes it."""
        return PLATFORMS[self.platform].name


def page(
    sections: Sequence[tuple[str, Sequence[Card]]],
    *,
    note: str,
    at: datetime,
    channel: str = "announcements",
    word: str | None = None,
    names: Mapping[str, str] | None = None,
) -> str:
    """The HTML of a page with ``sections``: a heading, perhaps blank, and cards, at least one, those of a platform in order.

    Above stand the first title and a ``note``; all is as if posted in ``channel`` at ``at`` (aware, UTC). Below stand the
    ``names`` that a wording of ``word`` may use, if they are given.
    """
    shown = [(heading, _channels(cards, channel, at)) for heading, cards in sections]
    listed = (rows(names, word), never_filled(word)) if names is not None and word is not None else None
    template = page_environment().get_template("preview.html")
    return template.render(sections=shown, title=sections[0][1][0].title, note=note, word=word, names=listed)


def _channels(cards: Sequence[Card], name: str, at: datetime) -> list[Channel]:
    return [
        Channel(platform, name, tuple((card, at) for card in cards if card.platform == platform))
        for platform in dict.fromkeys(card.platform for card in cards)
    ]
