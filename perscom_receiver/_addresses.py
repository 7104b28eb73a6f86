"""Which addresses of the network belong to everybody."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

__all__ = ["is_public_address"]

_UNICAST: Final = IPv6Network("2000::/3")  # all of IPv6 that is given out
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address (RFC 6052)


def is_public_address(address: str) -> bool:
    """Whether ``address``, an IPv4 or IPv6 literal, can belong to a host of the internet.

    False for this machine, private and shared networks, link-local and multicast addresses, those kept for documentation, and
    for every text that is no address. An IPv6 address that holds an IPv4 one (mapped, 6to4, NAT64) counts as that one. Meant
    for the address that a socket is connected to: what a name leads to may change between two questions.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return found.is_global and not found.is_multicast
    inner = _inner(found)
    if inner is not None:
        return is_public_address(str(inner))
    return found.is_global and found in _UNICAST


def _inner(found: IPv6Address) -> IPv4Address | None:
    if found in _TRANSLATED:
        return IPv4Address(int(found) & 0xFFFF_FFFF)
    return found.ipv4_mapped or found.sixtofour
