"""The settings of a Telegram destination, checked when it is made: what can be told wrong now need not fail at night."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ._secret import SecretURL, masked
from ._settings import origin_mistake, refused

__all__ = [
    "checked_address",
    "checked_chat",
    "checked_topic",
    "is_chat",
    "is_number",
    "telegram_api_mistake",
    "telegram_chat_mistake",
    "telegram_mention_mistake",
    "telegram_token_mistake",
    "telegram_topic_mistake",
]

_TOKEN: Final = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{30,100}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}")
_LAST_USER: Final = 2**40 - 1  # a mention of a higher number takes no effect (tried)
_CHAT: Final = re.compile(r"-?[1-9][0-9]{0,15}|@[A-Za-z][A-Za-z0-9_]{3,31}")
_GENERAL: Final = "1"  # cannot be named when posting (tdlib/telegram-bot-api#798)
_COPY: Final = "Copy it again in Telegram: @BotFather, /mybots, your bot, API Token."


def checked_address(base_url: str, token: str) -> SecretURL:
    """Where the methods of the bot with ``token`` are, on Telegram's server or another one of the same kind."""
    base_url, token = base_url.strip(), token.strip()
    if mistake := telegram_token_mistake(token) or telegram_api_mistake(base_url):
        raise refused(mistake)
    return SecretURL(f"{base_url.rstrip('/')}/bot{token}")


def checked_chat(chat: int | str) -> str:
    """The id of a chat, or the name of a public one with its @."""
    text = str(chat).strip()
    if mistake := telegram_chat_mistake(text):
        raise refused(mistake)
    return text


def checked_topic(topic: int | None) -> str | None:
    """The id of a topic as a text, or None."""
    if topic is None:
        return None
    if mistake := telegram_topic_mistake(str(topic)):
        raise refused(mistake)
    return str(topic)


def is_chat(text: str) -> bool:
    """Whether ``text`` has the form of the id or the name of a chat."""
    return _CHAT.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Whether ``text`` has the form of the id of a message or a topic."""
    return _NUMBER.fullmatch(text) is not None


def telegram_token_mistake(token: str) -> str | None:
    """What is wrong with the token of a bot, and on a second line what to do; None when nothing is."""
    if _TOKEN.fullmatch(token):
        return None
    cause = (
        f'it begins with "{masked(token)}" and is not a number, a colon and at least 30 letters.' if token else "it is empty."
    )
    if token.startswith("bot") and _TOKEN.fullmatch(token[3:]):
        cause = 'take away the "bot" in front of it.'
    return f"This is no token of a Telegram bot: {cause}\n{_COPY}"


def telegram_chat_mistake(chat: str) -> str | None:
    """What is wrong with the id of a chat or the name of a public one; None when nothing is."""
    if is_chat(chat):
        return None
    return "A Telegram chat is named by its number (a group's begins with a minus) or the @name of a public group or channel."


def telegram_topic_mistake(topic: str) -> str | None:
    """What is wrong with the number of a topic; None when nothing is."""
    if not is_number(topic):
        return "A topic is named by its number: the one before the last in the link to a message of that topic."
    if topic == _GENERAL:
        return "Telegram takes messages to the topic General only without its number. Leave topic out."
    return None


def telegram_mention_mistake(kind: str, id: str) -> str | None:  # noqa: A002
    """What is wrong with the id of a ``"user"``, and on a second line what to do; None when nothing is. There are no roles."""
    if kind != "user":
        return "Telegram has no roles or groups that could be notified.\nName the members one by one."
    if is_number(id) and int(id) <= _LAST_USER:
        return None
    return "A Telegram user is named by a number, not by the @name.\nThe member learns it from a bot such as @userinfobot."


def telegram_api_mistake(base_url: str) -> str | None:
    """What is wrong with the address of a Bot API server, and on a second line which is Telegram's; None when nothing is."""
    cause = origin_mistake(base_url)
    if cause is None and ("?" in base_url or "#" in base_url):
        cause = "take away everything from the question mark or number sign on."
    if cause is None and ("/bot" in base_url or ":" in urlsplit(base_url).path):
        cause = "it holds a token, which belongs into token; take away its end, from /bot on."
    return f"This is no address of a Bot API server: {cause}\nTelegram's is https://api.telegram.org" if cause else None
