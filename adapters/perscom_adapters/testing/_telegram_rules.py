"""Telegram's rules for the arguments of the methods that are played, from the reference of the Bot API 10.1 and its parser.

Written from the rules and not from our own renderer, so that one can judge the other. It is stricter than Telegram in two
respects: Telegram ignores arguments it does not know and reads what has a wrong type as nothing, which hides mistakes; here
both are refused unless asked otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from ._platform import json_of
from ._telegram_checks import Wrong, entities, mentions, trimmed, units
from ._telegram_html import parse_html

__all__ = ["METHODS", "NOT_PLAYED", "Argument", "Shown", "arguments", "shown", "telegram_refusal"]

NOT_PLAYED: Final = "STANDIN_DOES_NOT_PLAY_THIS"
_LONGEST: Final = 4096
_LARGEST: Final = 2**15  # bytes, before anything is parsed


class Argument(msgspec.Struct, frozen=True):
    """What the reference says of an argument. What is not ``played`` is refused, for the stand-in knows nothing of it."""

    types: tuple[str, ...]
    required: bool = False
    played: bool = True


class Shown(msgspec.Struct, frozen=True):
    """A text as it stands in a chat, and who is notified by it."""

    text: str
    entities: list[dict[str, Any]]
    pings: frozenset[str]


_CHAT: Final = Argument(("Integer", "String"), required=True)
_TEXT: Final = {
    "text": Argument(("String",), required=True),
    "parse_mode": Argument(("String",)),
    "entities": Argument(("Array of MessageEntity",)),
    "link_preview_options": Argument(("LinkPreviewOptions",)),
}
_BUSINESS: Final = {"business_connection_id": Argument(("String",), played=False)}
METHODS: Final[Mapping[str, Mapping[str, Argument]]] = {
    "getMe": {},
    "getChat": {"chat_id": _CHAT},
    "getChatMember": {"chat_id": _CHAT, "user_id": Argument(("Integer",), required=True)},
    "createForumTopic": {
        "chat_id": _CHAT,
        "name": Argument(("String",), required=True),
        "icon_color": Argument(("Integer",), played=False),
        "icon_custom_emoji_id": Argument(("String",), played=False),
    },
    "sendMessage": {
        **_BUSINESS,
        "chat_id": _CHAT,
        "message_thread_id": Argument(("Integer",)),
        "direct_messages_topic_id": Argument(("Integer",), played=False),
        **_TEXT,
        "disable_notification": Argument(("Boolean",)),
        "protect_content": Argument(("Boolean",)),
        "allow_paid_broadcast": Argument(("Boolean",), played=False),
        "message_effect_id": Argument(("String",), played=False),
        "suggested_post_parameters": Argument(("SuggestedPostParameters",), played=False),
        "reply_parameters": Argument(("ReplyParameters",)),
        "reply_markup": Argument(
            ("InlineKeyboardMarkup", "ReplyKeyboardMarkup", "ReplyKeyboardRemove", "ForceReply"), played=False
        ),
    },
    "deleteMessage": {"chat_id": _CHAT, "message_id": Argument(("Integer",), required=True)},
    # The reference calls chat_id, message_id and text optional, since a message may be named and written in other ways.
    "editMessageText": {
        **_BUSINESS,
        "chat_id": Argument(("Integer", "String")),
        "message_id": Argument(("Integer",)),
        "inline_message_id": Argument(("String",), played=False),
        **_TEXT,
        "text": Argument(("String",)),
        "rich_message": Argument(("InputRichMessage",), played=False),
        "reply_markup": Argument(("InlineKeyboardMarkup",), played=False),
    },
}


def telegram_refusal(body: Mapping[str, object], *, edit: bool = False) -> str | None:
    """Why Telegram would refuse ``body`` as a new message, or as the ``edit`` of one; None if it would take it."""
    named = {"chat_id": 1, "message_id": 1} if edit else {"chat_id": 1}
    try:
        shown(arguments("editMessageText" if edit else "sendMessage", {**named, **body}))
    except Wrong as mistake:
        return str(mistake)
    return None


def arguments(method: str, given: Mapping[str, object], *, strict: bool = True) -> dict[str, Any]:
    """The arguments of ``method``, of the types that the reference gives them. Raises :class:`Wrong`."""
    known = METHODS[method]
    read: dict[str, Any] = {}
    for name, value in given.items():
        if name in known and not known[name].played:
            raise Wrong(f"{name} {NOT_PLAYED}")
        if name in known:
            read[name] = next((made for kind in known[name].types if (made := _READERS[kind](value)) is not None), None)
        if strict and (name not in known or read[name] is None):
            raise Wrong(f"{name} {'STANDIN_WRONG_TYPE' if name in known else 'STANDIN_UNKNOWN_ARGUMENT'}")
    missing = [name for name, argument in known.items() if argument.required and not read.get(name)]
    if missing:
        raise Wrong("Message text is empty" if missing == ["text"] else f"{missing[0]} is empty")
    return {name: value for name, value in read.items() if value is not None}


def shown(read: Mapping[str, Any]) -> Shown:
    """What a chat shows of a message with these arguments. Raises :class:`Wrong`."""
    text = read.get("text") or ""
    if not text:
        raise Wrong("Message text is empty")
    if len(text.encode("utf-8", "surrogatepass")) > _LARGEST:
        raise Wrong("Text is too long")
    mode = read.get("parse_mode", "").lower()
    if mode.startswith("markdown"):
        raise Wrong(f"parse_mode {NOT_PLAYED}")
    if mode not in ("", "none", "html"):
        raise Wrong("Unsupported parse_mode")
    if mode == "html":
        text, found = _parsed(text)
    else:
        found = entities(text, read.get("entities", ()))
    text, found = trimmed(text, found)
    if not text:
        raise Wrong("Text must be non-empty")
    if units(text) > _LONGEST:
        raise Wrong("Message is too long")
    return Shown(text, found, mentions(text, found))


def _parsed(html: str) -> tuple[str, list[dict[str, Any]]]:
    try:
        return parse_html(html)
    except Wrong as mistake:
        raise Wrong(f"Can't parse entities: {mistake}") from None


def _string(value: object) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _integer(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _boolean(value: object) -> bool | None:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value if isinstance(value, bool) else None


def _object(value: object) -> dict[str, Any] | None:
    decoded = json_of(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else value
    return decoded if isinstance(decoded, dict) else None


def _array(value: object) -> list[Any] | None:
    decoded = json_of(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else value
    return decoded if isinstance(decoded, list) else None


def _preview(value: object) -> dict[str, Any] | None:
    options = _object(value)
    known = {"is_disabled", "url", "prefer_small_media", "prefer_large_media", "show_above_text"}
    return options if options is not None and set(options) <= known else None


def _reply(value: object) -> dict[str, Any] | None:
    parameters = _object(value)
    if parameters is not None and not set(parameters) <= {"message_id", "allow_sending_without_reply"}:
        raise Wrong(f"reply_parameters {NOT_PLAYED}")
    return parameters if parameters is not None and _integer(parameters.get("message_id")) is not None else None


_READERS: Final[Mapping[str, Callable[[object], Any]]] = {
    "String": _string,
    "Integer": _integer,
    "Boolean": _boolean,
    "Array of MessageEntity": _array,
    "LinkPreviewOptions": _preview,
    "ReplyParameters": _reply,
}
