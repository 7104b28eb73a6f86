"""Whether an address is one of Discord's webhooks, and if not, which slip it probably is."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from ._problems import hide
from ._server import is_loopback

__all__ = ["COPY_IT", "discord_mistake"]

COPY_IT = "Copy it again in Discord: channel settings, Integrations, Webhooks, Copy Webhook URL."

_DISCORD = ("discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com")
_WEBHOOK = re.compile(r"/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{1,20}/[A-Za-z0-9_-]{1,200}/?")
_SHAPE = "https://discord.com/api/webhooks/NUMBER/TOKEN"


def discord_mistake(url: str) -> str | None:
    """What is wrong with ``url`` as a Discord webhook address, in a sentence that shows no token; None when nothing is.

    Takes exactly what ``perscom_adapters.discord.DiscordDestination`` takes (a test compares them), but explains more slips.
    http is allowed on this machine alone, for the stand-in of tests and of the demo.
    """
    if any(c.isspace() or not c.isprintable() for c in url):
        return "This is no address: there is white space in it."
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "This is no address: the part behind // cannot be read."
    if parts.scheme not in ("http", "https") or not host:
        return f"This is no web address: Discord's look like {_SHAPE}."
    return _wrong_place(host, parts.path) or _wrong_path(parts.path) or _wrong_around(parts, host, port, url)


def _wrong_place(host: str, path: str) -> str | None:
    if host == "hooks.slack.com" or host.endswith(".slack.com"):
        return "This is a Slack address, but the type is discord. Slack comes with a later version of perscom-bridge."
    if host == "api.telegram.org":
        return "This is a Telegram address, but the type is discord. Telegram comes with a later version of perscom-bridge."
    if host in ("discord.gg", "www.discord.gg") or path.startswith("/invite/"):
        return "This is an invitation to a Discord server, not a webhook address."
    if host not in _DISCORD and not is_loopback(host):
        return f"This is no Discord webhook address: it leads to {hide(host)}, Discord's lead to discord.com."
    return None


def _wrong_path(path: str) -> str | None:
    if _WEBHOOK.fullmatch(path):
        return None
    if path.startswith("/channels/"):
        return "This is the link to a channel or a message, not a webhook address."
    if path.startswith("/api/webhook/"):
        return "This is no Discord webhook address: its path says /api/webhook/, Discord's say /api/webhooks/."
    if re.fullmatch(r"/api/(?:v[0-9]+/)?webhooks/[0-9]*/?", path):
        return "This is only the first half of a Discord webhook address: the token behind the number is missing."
    if found := re.fullmatch(f"{_WEBHOOK.pattern}(slack|github)/?", path):
        return f"This is Discord's door for {found[1]} messages. Take /{found[1]} off its end."
    return f"This is no Discord webhook address: Discord's look like {_SHAPE}."


def _wrong_around(parts: SplitResult, host: str, port: int | None, url: str) -> str | None:
    if not is_loopback(host):
        if parts.scheme != "https":
            return "This address begins with http://, so its token would travel in the open. Discord's begin with https://."
        if port not in (None, 443):
            return f"This is no Discord webhook address: it has the port {port}, Discord's have none."
    if "@" in parts.netloc:
        return 'This is no Discord webhook address: something stands in front of the "@".'
    if "thread_id" in parts.query:
        return 'The thread does not stand in the address. Take off "?" and what follows, and add the line: thread = "NUMBER"'
    if "?" in url or "#" in url:
        return 'Something hangs at the end of this address. Take off "?" or "#" and what follows.'
    return None
