"""Stand-in chat platforms for tests and demonstrations: real HTTP on this machine, real limits, real refusals.

:class:`ChatStandIn` is the server. :func:`discord_refusal`, :func:`slack_refusal` and :func:`telegram_refusal` ask its
rules about one body without any server. The faults (:class:`Say`, :class:`Hang`, :class:`Cut`, :class:`Garble`,
:class:`Drip` and the ready-made ones) are for :meth:`ChatStandIn.script`. A further platform is a module beside ``_discord``
with the two methods of ``_platform.Platform``.
"""

from __future__ import annotations

from ._discord_rules import discord_refusal
from ._faults import Cut, Drip, Fault, Garble, Hang, Say, cloudflare_block, html_error, redirect
from ._platform import Arrival, Posted
from ._rates import Rate
from ._server import ChatStandIn
from ._slack_rules import slack_refusal
from ._telegram_rules import telegram_refusal

__all__ = [
    "Arrival",
    "ChatStandIn",
    "Cut",
    "Drip",
    "Fault",
    "Garble",
    "Hang",
    "Posted",
    "Rate",
    "Say",
    "cloudflare_block",
    "discord_refusal",
    "html_error",
    "redirect",
    "slack_refusal",
    "telegram_refusal",
]
