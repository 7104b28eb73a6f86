"""Asking Telegram whether a bot would be let into its chat: who it is, what the chat is, and what it may do there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from perscom_receiver import DestinationError

from ._asking import puzzling, quoted, stated
from ._http import Answer
from ._telegram_answers import failure, is_done, new_chat

__all__ = ["ask"]

Ask = Callable[[str, Mapping[str, object]], Awaitable[Answer]]
"""Calls a method of the Bot API. Raises :class:`DestinationError` if no answer comes."""

_STAFF: Final = ("creator", "administrator")
_NO_TOPICS: Final = "This Telegram chat has no topics. Turn them on in the settings of the group, or take topic out."
_MANAGES: Final = "manage"
_MANAGES_NOT: Final = "not manage: it opens none, and posts into open ones alone"
_ONLY_TRIED: Final = "whether the one that is set is there, Telegram tells only whoever posts into it"
_NEVER_ADDED: Final = stated(403, ok=False, error_code=403)
_NO_RIGHT: Final = stated(400, ok=False, error_code=400, description="not enough rights")


async def ask(call: Ask, chat: str, *, topic: bool, pace: str) -> str:
    """The names of the bot and the chat, and of a chat with topics what the bot may do about them. Raises
    :class:`DestinationError` where a message would be refused; with ``topic`` also where there are no topics.

    A group that has become a supergroup is followed, as a message would be.
    """
    refusal = partial(failure, pace=pace, own_chat=True, own_topic=True, repeatable=True)
    me = _result(await call("getMe", {}), refusal)
    answer = await call("getChat", {"chat_id": chat})
    moved = new_chat(answer)
    if moved is not None:
        answer = await call("getChat", {"chat_id": moved})
    place = _result(answer, refusal)
    name = f"the bot {quoted(me.get('username'))}, the chat {quoted(place.get('title') or place.get('first_name'))}"
    if place.get("type") != "private":  # there the bot may post, or else it would not see the chat
        answer = await call("getChatMember", {"chat_id": moved or chat, "user_id": me.get("id")})
        error = refusal(answer) if not is_done(answer) else None
        if error is not None and error.outcome != "rejected":
            raise error
        member = {} if error is not None else _result(answer, refusal)  # whose members it may not see, it is none of
        if (said := _against(member, place)) is not None:
            raise refusal(said)
        if topic and place.get("is_forum") is not True:
            raise DestinationError(_NO_TOPICS, outcome="permanent")
        if place.get("is_forum") is True:
            name += f", whose topics it may {_MANAGES if _manages(member) else _MANAGES_NOT}"
            name += f"; {_ONLY_TRIED}" if topic else ""
    return name if moved is None else f"{name}. It has another number now, which belongs into the configuration: {moved}"


def _manages(member: Mapping[str, Any]) -> bool:
    return member.get("status") == "creator" or (member.get("status") in _STAFF and member.get("can_manage_topics") is True)


def _result(answer: Answer, refusal: Callable[[Answer], DestinationError]) -> dict[str, Any]:
    """What a success tells. Raises :class:`DestinationError`."""
    result = answer.object().get("result")
    if not is_done(answer):
        raise refusal(answer) if answer.object() or answer.status != 200 else puzzling("Telegram")
    if not isinstance(result, dict):
        raise puzzling("Telegram")
    return result


def _against(member: Mapping[str, Any], place: Mapping[str, Any]) -> Answer | None:
    """The answer that a message would get; None if it would be taken."""
    status, permissions = member.get("status"), place.get("permissions")
    if status == "creator":
        return None
    if status not in (*_STAFF, "member", "restricted") or (status == "restricted" and member.get("is_member") is False):
        return _NEVER_ADDED
    if place.get("type") == "channel":
        return None if status in _STAFF and member.get("can_post_messages") is True else _NO_RIGHT
    for_all = isinstance(permissions, dict) and permissions.get("can_send_messages") is False
    if (status == "restricted" and member.get("can_send_messages") is False) or (status == "member" and for_all):
        return _NO_RIGHT
    return None
