"""The settings of a Discord destination, checked when it is made: what can be told wrong now need not fail at night."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from perscom_receiver import ConfigurationError

from ._secret import SecretURL
from ._settings import origin_mistake, refused
from ._text import is_blank, units

__all__ = [
    "checked_address",
    "checked_thread",
    "checked_username",
    "discord_mention_mistake",
    "discord_thread_mistake",
    "discord_url_mistake",
    "is_snowflake",
]

_HOSTS: Final = ("discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com")
_INVITES: Final = ("discord.gg", "www.discord.gg")
_PATH: Final = re.compile(r"/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{1,20}/[A-Za-z0-9_-]{1,200}/?")
_HALF_A_PATH: Final = re.compile(r"/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]*/?")
_SNOWFLAKE: Final = re.compile(r"[0-9]{1,20}")
_MENTIONED: Final = re.compile(r"[1-9][0-9]{0,19}")
_LONGEST_USERNAME: Final = 80
# "clyde" and "discord" by the documentation, the others as seen: 400 USERNAME_INVALID (MinnDevelopment/discord-webhooks#100).
_NOT_IN_USERNAMES: Final = ("clyde", "discord", "everyone", "here")
_COPY: Final = "Copy it again in Discord: channel settings, Integrations, Webhooks, Copy Webhook URL."
_COPY_THREAD: Final = "Copy it in Discord (developer mode on): right-click the thread, Copy Thread ID."


def checked_address(url: str) -> SecretURL:
    """The address of a webhook as Discord shows it, or of one on this machine (for a stand-in); the latter may use http."""
    url = url.strip()
    if mistake := discord_url_mistake(url):
        raise refused(mistake)
    return SecretURL(url.rstrip("/"))


def checked_thread(thread_id: str | None) -> str | None:
    """The id of a thread, or None."""
    if thread_id is not None and (mistake := discord_thread_mistake(thread_id)):
        raise refused(mistake)
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


def discord_url_mistake(url: str) -> str | None:
    """What is wrong with the address of a webhook, and on a second line what to do; None when nothing is."""
    cause = _invitation(url) or origin_mistake(url, _HOSTS) or _cause_in_path(url)
    return f"This is no Discord webhook address: {cause}\n{_COPY}" if cause else None


def discord_thread_mistake(thread_id: str) -> str | None:
    """What is wrong with the id of a thread or forum post, and on a second line what to do; None when nothing is."""
    if is_snowflake(thread_id):
        return None
    return f"A Discord thread is named by its id, a number of some 19 digits.\n{_COPY_THREAD}"


def discord_mention_mistake(kind: str, id: str) -> str | None:  # noqa: A002
    """What is wrong with the id of a ``"user"`` or a ``"role"``, and on a second line what to do; None when nothing is."""
    if _MENTIONED.fullmatch(id):
        return None
    where = "the member's menu, Copy User ID." if kind == "user" else "server settings, Roles, the role's menu, Copy Role ID."
    return f"A Discord {kind} is named by its id, a number of some 19 digits.\nCopy it in Discord (developer mode on): {where}"


def _invitation(url: str) -> str | None:
    is_invitation = any(url.startswith(f"https://{host}/") for host in _INVITES) or "/invite/" in url
    return "it is an invitation to a server." if is_invitation else None


def _cause_in_path(url: str) -> str | None:
    path = urlsplit(url).path
    if path.startswith("/channels/"):
        return "it is the link to a channel or a message."
    if re.fullmatch(r"/api/(?:v[0-9]+/)?webhook/.*", path):
        return "its path says /api/webhook/, Discord's say /api/webhooks/."
    if _HALF_A_PATH.fullmatch(path):
        return "the token behind its number is missing."
    if path.endswith(("/slack", "/github")):
        return "it is the one for messages of another service; take away its end, from the last slash on."
    if "?" in url or "#" in url:
        return "take away everything from the question mark or number sign on (a thread has a setting of its own)."
    if not _PATH.fullmatch(path):
        return "its path is not /api/webhooks/, a number, a slash and a token."
    return None
