"""The settings of a Discord destination, checked when it is made: what can be told wrong now need not fail at night."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from perscom_receiver import ConfigurationError

from ._http import SecretURL, masked
from ._text import is_blank, units

__all__ = ["checked_address", "checked_thread", "checked_username", "is_snowflake"]

_HOSTS: Final = ("discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com")
_PATH: Final = re.compile(r"/api(/v[0-9]{1,2})?/webhooks/[0-9]{1,20}/[A-Za-z0-9_-]{1,200}/?")
_SNOWFLAKE: Final = re.compile(r"[0-9]{1,20}")
_LONGEST_USERNAME: Final = 80
# "clyde" and "discord" by the documentation, the others as seen: 400 USERNAME_INVALID (MinnDevelopment/discord-webhooks#100).
_NOT_IN_USERNAMES: Final = ("clyde", "discord", "everyone", "here")
_COPY: Final = "Copy it again in Discord: channel settings, Integrations, Webhooks, Copy Webhook URL."


def checked_address(url: str) -> SecretURL:
    """The address of a webhook as Discord shows it, or of one on this machine (for a stand-in); the latter may use http."""
    url = url.strip()
    if mistake := _mistake_in_address(url):
        raise ConfigurationError(f"This is no address of a Discord webhook: {mistake} {_COPY}")
    return SecretURL(url.rstrip("/"))


def checked_thread(thread_id: str | None) -> str | None:
    """The id of a thread, or None."""
    if thread_id is not None and not is_snowflake(thread_id):
        raise ConfigurationError("thread_id is the number that Discord shows as Copy Thread ID, written as a text.")
    return thread_id


def checked_username(username: str | None) -> str | None:
    """A name to post under that Discord takes, or None."""
    if username is None:
        return None
    name = username.strip()
    if is_blank(name) or units(name) > _LONGEST_USERNAME:
        raise ConfigurationError(f"username has 1 to {_LONGEST_USERNAME} characters.")
    for word in _NOT_IN_USERNAMES:
        if word in name.lower():
            raise ConfigurationError(f'Discord takes no username with "{word}" in it.')
    return name


def is_snowflake(text: str) -> bool:
    """Whether ``text`` has the form of one of Discord's ids."""
    return _SNOWFLAKE.fullmatch(text) is not None


def _mistake_in_address(url: str) -> str | None:
    parts = _split(url)
    if parts is None or not parts.hostname:
        return f'it begins with "{masked(url)}", not with https://.' if url else "it is empty."
    local = _is_loopback(parts.hostname)
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        return "it does not begin with https://."
    if parts.hostname not in _HOSTS and not local:
        return f"it leads to {parts.hostname}, not to {_HOSTS[0]}."
    if "@" in parts.netloc or (not local and parts.port not in (None, 443)):
        return "it holds a user name, a password or a port."
    if re.fullmatch(r"/api(/v[0-9]{1,2})?/webhook/.*", parts.path):
        return "its path says /api/webhook/, Discord's say /api/webhooks/."
    if parts.path.endswith(("/slack", "/github")):
        return "it is the one for messages of another service; take away its end, from the last slash on."
    if "?" in url or "#" in url:
        return "take away everything from the question mark or number sign on (a thread is named by thread_id)."
    if not _PATH.fullmatch(parts.path):
        return "its path is not /api/webhooks/, a number, a slash and a token."
    return None


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # is read from the text when asked for, and may be no number
    except ValueError:
        return None
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
