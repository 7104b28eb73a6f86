"""Asking Slack whether a bot would be let into its channel: who it is, what it may do, and where the channel is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from ._asking import puzzling, quoted, stated
from ._http import Answer
from ._slack_answers import failure, is_done

__all__ = ["ask"]

Ask = Callable[[str, Mapping[str, str]], Awaitable[Answer]]
"""Calls a method of the Web API. Raises :class:`DestinationError` if no answer comes."""

_POST: Final = "chat:write"
_POST_ANYWHERE: Final = "chat:write.public"


async def ask(call: Ask, channel: str, *, pace: str) -> str:
    """The names of the bot and the channel. Raises :class:`DestinationError` where a message would be refused.

    To see the channel takes a scope that posting does not: without it, the sentence says so.
    """
    refusal = partial(failure, pace=pace, repeatable=True)
    who = await call("auth.test", {})
    if not is_done(who):
        raise refusal(who) if who.object() or who.status != 200 else puzzling("Slack")
    scopes = _scopes(who)
    if scopes is not None and _POST not in scopes:
        raise refusal(stated(200, ok=False, error="missing_scope"))
    bot = f"the bot {quoted(who.object().get('user'))} in the workspace {quoted(who.object().get('team'))}"
    place = await call("conversations.info", {"channel": channel})
    if place.object().get("error") == "missing_scope":
        return f"{bot}; whether it may post in the channel, Slack tells only with the scope channels:read"
    if not is_done(place):
        raise refusal(place)
    found = place.object().get("channel")
    if not isinstance(found, dict):
        raise puzzling("Slack")
    if found.get("is_archived") is True:
        raise refusal(stated(200, ok=False, error="is_archived"))
    if found.get("is_member") is False and _POST_ANYWHERE not in (scopes or ()):
        raise refusal(stated(200, ok=False, error="not_in_channel"))
    return f"{bot}, the channel {quoted(found.get('name'))}"


def _scopes(answer: Answer) -> frozenset[str] | None:
    """What the token may do; None where the answer does not tell."""
    told = answer.headers.get("X-OAuth-Scopes")
    return None if told is None else frozenset(scope.strip() for scope in told.split(","))
