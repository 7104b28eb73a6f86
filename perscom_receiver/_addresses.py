"""Which addresses of the network belong to everybody, and sockets that lead to no others."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, TypeAlias

from ._errors import ConfigurationError

__all__ = ["AddressGuard", "AddressRefused", "is_public_address"]

_Address: TypeAlias = IPv4Address | IPv6Address
_Network: TypeAlias = IPv4Network | IPv6Network

# Written out, since what Python's own is_global says differs from one of its releases to the next. It is IANA's list of special
# purposes; where that has an exception inside of a block (an anycast relay), the whole block counts all the same.
_NOT_PUBLIC_V4: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network; 0.0.0.0 itself reaches this machine
            "10.0.0.0/8",
            "100.64.0.0/10",  # shared by the customers of a provider; some clouds have their metadata here
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure: the host below a virtual machine, though the address is a public one
            "169.254.0.0/16",  # link-local, and the metadata of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments; Oracle's metadata
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays from 6to4, given up
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_UNICAST: Final = IPv6Network("2000::/3")  # all of IPv6 that is given out; fc00::/7, fe80::/10, 64:ff9b:1::/48 and more are not
_NOT_PUBLIC_V6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # documentation
            "3fff::/20",  # documentation
        ),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")  # the last 32 bits are an IPv4 address (RFC 6052)
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)  # what stands in front of the IPv4 address in the lower half (RFC 5214)


def is_public_address(address: str) -> bool:
    """Whether ``address``, an IPv4 or IPv6 literal, can belong to a host of the internet.

    False for this machine, private and shared networks, link-local and multicast addresses, those where clouds keep metadata,
    those kept for documentation or benchmarks, any with a zone (``%eth0``), and every text that is no address as it is usually
    written. An IPv6 address that stands for an IPv4 one (mapped, 6to4, NAT64) counts as that one. Meant for the address that a
    socket is connected to, as :class:`AddressGuard` does: what a name leads to may change between two questions.
    """
    found = _parsed(address)
    return found is not None and _is_public(found)


class AddressRefused(OSError):
    """An address outside of what an :class:`AddressGuard` allows. Nothing was sent, and no socket was made."""


class AddressGuard:
    """Makes sockets to public addresses, and to networks that are allowed by name. Immutable and safe for threads.

    Its place is where a connection is made, so that no name, redirect or spelling leads around it; for aiohttp:

        aiohttp.TCPConnector(socket_factory=AddressGuard(allow=["10.20.0.0/16"]).open_socket)

    A proxy would make the connection in its place: use none (``trust_env=False``). Of a network with a translator of its own
    (NAT64 under a prefix that is not the usual one) the guard cannot know.
    """

    __slots__ = ("_allowed",)

    def __init__(self, *, allow: Iterable[str | _Network] = ()) -> None:
        """``allow``: networks such as ``"192.168.1.0/24"``, or single addresses. Raises ConfigurationError for what is none."""
        if isinstance(allow, str):
            raise ConfigurationError(f'allow is a list of networks: ["{allow}"]')
        self._allowed = tuple(map(_network, allow))

    def allows(self, address: str) -> bool:
        """Whether a socket may lead to ``address``, an IPv4 or IPv6 literal. Any other text is refused."""
        found = _parsed(address)
        if found is None:
            return False
        inner = _stands_for(found)
        return _is_public(found) or any(found in network or (inner and inner in network) for network in self._allowed)

    def open_socket(self, found: tuple[Any, ...]) -> socket.socket:
        """A new socket for one answer of ``getaddrinfo``, not yet connected. Raises AddressRefused.

        Where a name has several addresses, aiohttp goes on to the next. With none left it raises a ClientConnectorError, whose
        ``os_error`` is the AddressRefused.
        """
        family, kind, protocol, _, address = found
        if not self.allows(address[0]):
            # Always the same text: several that are alike stay one error of this class in aiohttp.
            raise AddressRefused("The address lies in a network that is not public, and not allowed.")
        return socket.socket(family, kind, protocol)


def _network(text: str | _Network) -> _Network:
    try:
        return ip_network(text)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f'"{text}" is no network. Write it like "192.168.1.0/24" or "fd00::/8": {error}') from None


def _parsed(address: str) -> _Address | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        return None  # a zone is a matter of this machine's own links
    return found


def _is_public(found: _Address) -> bool:
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _NOT_PUBLIC_V4)
    if inner := _stands_for(found):
        public = _is_public(inner)
    else:
        public = found in _UNICAST and not any(found in network for network in _NOT_PUBLIC_V6)
    # An ISATAP router of that network would hand the packet on by IPv4.
    return public and ((int(found) >> 32) & 0xFFFF_FFFF not in _ISATAP or _is_public(_last_32_bits(found)))


def _stands_for(found: _Address) -> IPv4Address | None:
    """The IPv4 address that packets to this IPv6 address end up at."""
    if isinstance(found, IPv4Address):
        return None
    return _last_32_bits(found) if found in _NAT64 else found.ipv4_mapped or found.sixtofour


def _last_32_bits(found: IPv6Address) -> IPv4Address:
    return IPv4Address(int(found) & 0xFFFF_FFFF)
