"""The settings of a webhook that events are forwarded to, checked when it is made."""

from __future__ import annotations

from ipaddress import ip_address

from perscom_receiver import is_public_address

from ._message import safe_url
from ._secret import SecretURL
from ._settings import refused, split_address

__all__ = ["checked_address", "forward_url_mistake"]

_LOCAL_NAMES = ("localhost", "local", "internal", "home.arpa", "lan")
_ALLOW = "If that is meant (n8n on this machine or beside it), add the line: private = true"


def checked_address(url: str, *, private: bool) -> SecretURL:
    """The address, if nothing is wrong with it."""
    url = url.strip()
    if mistake := forward_url_mistake(url, private=private):
        raise refused(mistake)
    return SecretURL(url)


def forward_url_mistake(url: str, *, private: bool = False) -> str | None:
    """What is wrong with an address that events are forwarded to, and on a second line what to do; None when nothing is.

    ``private`` says that it may lead into a private network, and then by http. What a name leads to is not asked here.
    """
    parts = split_address(url.strip())
    if parts is None or parts.scheme not in ("http", "https"):
        return "This is no web address.\nWrite it whole, as it is shown where the events are to go: https://n8n.example.org/webhook/…"
    if safe_url(url.strip()) is None or parts.fragment:
        return 'This address holds a user name, a password, "#" or a character that no address has.\nCopy it again.'
    if private:
        return None
    if _is_private(parts.hostname or ""):
        return f"This address leads into a private network.\n{_ALLOW}"
    if parts.scheme == "http":
        return f"By http everybody on the way can read the events. Write https://\n{_ALLOW}"
    return None


def _is_private(host: str) -> bool:
    """Whether that can be told of ``host`` without asking for it: an address, or a name that the internet does not have."""
    try:
        ip_address(host)
    except ValueError:
        name = host.rstrip(".")
        return "." not in name or any(name.endswith(f".{local}") for local in _LOCAL_NAMES)
    return not is_public_address(host)
