"""What the settings of every destination have in common."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from perscom_receiver import ConfigurationError

from ._secret import masked

__all__ = ["checked_timeout", "is_loopback", "origin_mistake", "refused", "split_address"]


def checked_timeout(timeout: float, platform: str) -> float:
    """The seconds that one whole request may take: above 0 and at most 600."""
    if not 0 < timeout <= 600:
        raise ConfigurationError(f"The timeout of a {platform} destination is a number of seconds, above 0 and at most 600.")
    return timeout


def refused(mistake: str) -> ConfigurationError:
    """The error for a setting with a mistake, on one line."""
    return ConfigurationError(mistake.replace("\n", " "))


def origin_mistake(url: str, hosts: tuple[str, ...] = ()) -> str | None:
    """What is wrong with ``url`` up to its path; None when it leads to one of ``hosts`` (any host if none is named) by https.

    An address on this machine may use http and a port, for a stand-in. What is told holds no more of a token than four letters.
    """
    parts = split_address(url)
    if parts is None:
        return f'it begins with "{masked(url)}", not with https://.' if url else "it is empty."
    if any(c.isspace() or not c.isprintable() for c in url):
        return "there is white space in it."
    host = parts.hostname or ""
    local = is_loopback(host)
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        return "it does not begin with https://."
    if hosts and host not in hosts and not local:
        return f"it leads to {host[:100] if '.' in host else masked(host)}, not to {hosts[0]}."
    if "@" in parts.netloc or (hosts and not local and parts.port not in (None, 443)):
        return "it holds a user name, a password or a port."
    return None


def split_address(url: str) -> SplitResult | None:
    """The parts of an address whose host and port can be read; None if it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # is read from the text when asked for, and may be no number
    except ValueError:
        return None
    return parts if parts.hostname else None


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, where a stand-in may be; only there may an address use http."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
