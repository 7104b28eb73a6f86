"""The settings of Slack's destinations, checked when they are made: what can be told wrong now need not fail at night."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ._secret import SecretURL, Token, masked
from ._settings import origin_mistake, refused

__all__ = [
    "checked_address",
    "checked_base_url",
    "checked_channel",
    "checked_token",
    "is_channel",
    "is_timestamp",
    "slack_api_mistake",
    "slack_channel_mistake",
    "slack_mention_mistake",
    "slack_token_mistake",
    "slack_url_mistake",
]

_HOOKS: Final = ("hooks.slack.com", "hooks.slack-gov.com")
_API: Final = ("slack.com", "slack-gov.com")
_PATH: Final = re.compile(r"/services/T[A-Z0-9]{1,20}/B[A-Z0-9]{1,20}/[A-Za-z0-9]{1,100}/?")
_TOKEN: Final = re.compile(r"xoxb-[A-Za-z0-9-]{1,250}")
_CHANNEL: Final = re.compile(r"[CDG][A-Z0-9]{1,20}")
_USER: Final = re.compile(r"[UW][A-Z0-9]{1,20}")
_USER_GROUP: Final = re.compile(r"S[A-Z0-9]{1,20}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
_COPY: Final = "Copy it again at api.slack.com/apps: your app, Incoming Webhooks, Webhook URL."
_COPY_TOKEN: Final = "Copy it again at api.slack.com/apps: your app, OAuth & Permissions, Bot User OAuth Token."  # noqa: S105


def checked_address(url: str) -> SecretURL:
    """The address of an incoming webhook as Slack shows it, or of one on this machine (for a stand-in); it may use http."""
    url = url.strip()
    if mistake := slack_url_mistake(url):
        raise refused(mistake)
    return SecretURL(url.rstrip("/"))


def checked_token(token: str) -> Token:
    """The token of a bot."""
    token = token.strip()
    if mistake := slack_token_mistake(token):
        raise refused(mistake)
    return Token(token)


def checked_channel(channel: str) -> str:
    """The id of a channel."""
    if mistake := slack_channel_mistake(channel):
        raise refused(mistake)
    return channel


def checked_base_url(base_url: str) -> str:
    """Where Slack's Web API is, or what stands in for it on this machine; the latter may use http."""
    if mistake := slack_api_mistake(base_url):
        raise refused(mistake)
    return base_url


def is_channel(text: str) -> bool:
    """Whether ``text`` has the form of a channel's id."""
    return _CHANNEL.fullmatch(text) is not None


def is_timestamp(text: str) -> bool:
    """Whether ``text`` has the form of a ``ts``, by which Slack names messages and threads."""
    return _TIMESTAMP.fullmatch(text) is not None


def slack_url_mistake(url: str) -> str | None:
    """What is wrong with the address of an incoming webhook, and on a second line what to do; None when nothing is."""
    cause = origin_mistake(url, _HOOKS) or _cause_in_path(url)
    return f"This is no Slack webhook address: {cause}\n{_COPY}" if cause else None


def slack_token_mistake(token: str) -> str | None:
    """What is wrong with the token of a bot, and on a second line what to do; None when nothing is."""
    if _TOKEN.fullmatch(token):
        return None
    cause = f'it begins with "{masked(token)}", not with xoxb-' if token else "it is empty"
    if token.startswith("xoxb-"):
        cause = "there are characters in it that no token has"
    return f"This is no token of a Slack bot: {cause}.\n{_COPY_TOKEN}"


def slack_channel_mistake(channel: str) -> str | None:
    """What is wrong with the id of a channel; None when nothing is. A name would not do: it changes, and edits need the id."""
    if is_channel(channel):
        return None
    return "A Slack channel is named by its ID, like C024BE91L.\nSlack shows it at the end of the channel's details."


def slack_mention_mistake(kind: str, id: str) -> str | None:  # noqa: A002
    """What is wrong with the id of a ``"user"``, or of a user group (``"role"``), and on a second line what to do; or None."""
    if kind == "user":
        told = "A Slack user is named by the member ID, like U024BE7LH.\nSlack shows it in the user's profile: the three dots."
        return None if _USER.fullmatch(id) else told
    told = "A Slack user group is named by its ID, like S0615G0KT.\nSlack shows it at the end of the group's address."
    return None if _USER_GROUP.fullmatch(id) else told


def slack_api_mistake(base_url: str) -> str | None:
    """What is wrong with the address of a Web API, and on a second line what Slack's is; None when nothing is."""
    cause = origin_mistake(base_url, _API)
    return (
        f"This is no address of Slack's Web API: {cause}\nLeave it out; or for GovSlack: https://slack-gov.com/api"
        if cause
        else None
    )


def _cause_in_path(url: str) -> str | None:
    path = urlsplit(url).path
    if path.startswith(("/workflows/", "/triggers/")):
        return "it starts a workflow; what is needed is an incoming webhook."
    if "?" in url or "#" in url:
        return "take away everything from the question mark or number sign on."
    if not _PATH.fullmatch(path):
        return "its path is not /services/, an id with T, an id with B and a token."
    return None
