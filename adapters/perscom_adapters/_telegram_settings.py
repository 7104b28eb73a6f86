"""The settings of a Telegram destination, checked when it is made: what can be told wrong now need not fail at night."""

from __future__ import annotations

import re
from typing import Final

from perscom_receiver import ConfigurationError

from ._http import SecretURL, masked
from ._settings import is_loopback, split_address

__all__ = ["checked_address", "checked_chat", "checked_topic", "is_chat", "is_number"]

_TOKEN: Final = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{30,100}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}")
_CHAT: Final = re.compile(r"-?[1-9][0-9]{0,15}|@[A-Za-z][A-Za-z0-9_]{3,31}")
_GENERAL: Final = 1  # cannot be named when posting (tdlib/telegram-bot-api#798)
_COPY: Final = "Copy it again in Telegram: @BotFather, /mybots, your bot, API Token."


def checked_address(base_url: str, token: str) -> SecretURL:
    """Where the methods of the bot with ``token`` are, on Telegram's server or another one of the same kind."""
    if mistake := _mistake_in_token(token.strip()):
        raise ConfigurationError(f"This is no token of a Telegram bot: {mistake} {_COPY}")
    if mistake := _mistake_in_address(base_url.strip()):
        raise ConfigurationError(f"This is no address of a Bot API server: {mistake} Telegram's is https://api.telegram.org")
    return SecretURL(f"{base_url.strip().rstrip('/')}/bot{token.strip()}")


def checked_chat(chat: int | str) -> str:
    """The id of a chat, or the name of a public one with its @."""
    text = str(chat).strip()
    if not is_chat(text):
        raise ConfigurationError(
            "chat is the number of a chat (a group's begins with a minus) or the @name of a public group or channel."
        )
    return text


def checked_topic(topic: int | None) -> str | None:
    """The id of a topic as a text, or None."""
    if topic is None:
        return None
    if not is_number(str(topic)):
        raise ConfigurationError("topic is the number of a topic: the last one in the link to a message of that topic.")
    if topic == _GENERAL:
        raise ConfigurationError("Telegram takes messages to the topic General only without its number. Leave topic out.")
    return str(topic)


def is_chat(text: str) -> bool:
    """Whether ``text`` has the form of the id or the name of a chat."""
    return _CHAT.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Whether ``text`` has the form of the id of a message or a topic."""
    return _NUMBER.fullmatch(text) is not None


def _mistake_in_token(token: str) -> str | None:
    if not token:
        return "it is empty."
    if token.startswith("bot") and _TOKEN.fullmatch(token[3:]):
        return 'take away the "bot" in front of it.'
    if not _TOKEN.fullmatch(token):
        return f'it begins with "{masked(token)}" and is not a number, a colon and at least 30 letters.'
    return None


def _mistake_in_address(url: str) -> str | None:
    parts = split_address(url)
    if parts is None:
        return f'it begins with "{masked(url)}", not with https://.' if url else "it is empty."
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return "it does not begin with https://."
    if "@" in parts.netloc:
        return "it holds a user name or a password."
    if "?" in url or "#" in url:
        return "take away everything from the question mark or number sign on."
    return None
