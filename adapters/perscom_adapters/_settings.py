"""What the settings of every destination have in common."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from perscom_receiver import ConfigurationError

__all__ = ["checked_timeout", "is_loopback", "split_address"]


def checked_timeout(timeout: float, platform: str) -> float:
    """The seconds that one whole request may take: above 0 and at most 600."""
    if not 0 < timeout <= 600:
        raise ConfigurationError(f"The timeout of a {platform} destination is a number of seconds, above 0 and at most 600.")
    return timeout


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
