"""The settings of Slack's destinations, checked when they are made: what can be told wrong now need not fail at night."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from perscom_receiver import ConfigurationError

from ._http import SecretURL, masked
from ._settings import is_loopback, split_address

__all__ = ["Token", "checked_address", "checked_base_url", "checked_channel", "checked_token", "is_channel", "is_timestamp"]

_HOOKS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
_API: Final = ("slack.com", "slack-gov.com")
_PATH: Final = re.compile(r"/services/T[A-Z0-9]{1,20}/B[A-Z0-9]{1,20}/[A-Za-z0-9]{1,100}/?")
_TOKEN: Final = re.compile(r"xoxb-[A-Za-z0-9-]{1,250}")
_CHANNEL: Final = re.compile(r"[CDG][A-Z0-9]{1,20}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
_COPY: Final = "Copy it again at api.slack.com/apps: your app, Incoming Webhooks, Webhook URL."
_COPY_TOKEN: Final = "Copy it again at api.slack.com/apps: your app, OAuth & Permissions, Bot User OAuth Token."  # noqa: S105


class Token:
    """A bot token. It never shows, in ``repr`` neither."""

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "<Token>"

    def reveal(self) -> str:
        """The token itself: for the call that needs it, never for a variable."""
        return self._token


def checked_address(url: str) -> SecretURL:
    """The address of an incoming webhook as Slack shows it, or of one on this machine (for a stand-in); it may use http."""
    url = url.strip()
    if mistake := _mistake_in_address(url):
        raise ConfigurationError(f"This is no address of a Slack webhook: {mistake} {_COPY}")
    return SecretURL(url.rstrip("/"))


def checked_token(token: str) -> Token:
    """The token of a bot."""
    token = token.strip()
    if not _TOKEN.fullmatch(token):
        mistake = f'it begins with "{masked(token)}", not with xoxb-' if token else "it is empty"
        if token.startswith("xoxb-"):
            mistake = "there are characters in it that no token has"
        raise ConfigurationError(f"This is no token of a Slack bot: {mistake}. {_COPY_TOKEN}")
    return Token(token)


def checked_channel(channel: str) -> str:
    """The id of a channel. A name would not do: it changes, and messages can be edited by id only."""
    if not is_channel(channel):
        raise ConfigurationError(
            "A Slack channel is named by its ID, like C024BE91L. Slack shows it at the end of the channel's details."
        )
    return channel


def checked_base_url(base_url: str) -> str:
    """Where Slack's Web API is, or what stands in for it on this machine; the latter may use http."""
    if mistake := _mistake_in_origin(base_url, _API):
        raise ConfigurationError(f"This is no address of Slack's Web API: {mistake}")
    return base_url


def is_channel(text: str) -> bool:
    """Whether ``text`` has the form of a channel's id."""
    return _CHANNEL.fullmatch(text) is not None


def is_timestamp(text: str) -> bool:
    """Whether ``text`` has the form of a ``ts``, by which Slack names messages and threads."""
    return _TIMESTAMP.fullmatch(text) is not None


def _mistake_in_address(url: str) -> str | None:
    if mistake := _mistake_in_origin(url, _HOOKS):
        return mistake
    path = urlsplit(url).path
    if path.startswith(("/workflows/", "/triggers/")):
        return "it starts a workflow; what is needed is an incoming webhook."
    if "?" in url or "#" in url:
        return "take away everything from the question mark or number sign on."
    if not _PATH.fullmatch(path):
        return "its path is not /services/, an id with T, an id with B and a token."
    return None


def _mistake_in_origin(url: str, hosts: tuple[str, ...]) -> str | None:
    parts = split_address(url)
    if parts is None:
        return f'it begins with "{masked(url)}", not with https://.' if url else "it is empty."
    host = parts.hostname or ""
    local = is_loopback(host)
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        return "it does not begin with https://."
    if host not in hosts and not local:
        return f"it leads to {host}, not to {hosts[0]}."
    if "@" in parts.netloc or (not local and parts.port not in (None, 443)):
        return "it holds a user name, a password or a port."
    return None
